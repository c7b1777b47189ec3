"""What a viewer shows of an image of any mode and depth, and what stands for one in a row."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from tasks import pictures
from tests.tasks.files import png

WHITE, BLACK, RED, HALF = (255, 255, 255), (0, 0, 0), (255, 0, 0), (127, 127, 127)
GREY, RGB = 0, 2
"""Kinds of PNG."""


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def row(mode: str, *values: Any) -> Image.Image:
    """An image of one row of pixels."""
    image = Image.new(mode, (len(values), 1))
    for place, value in enumerate(values):
        image.putpixel((place, 0), value)
    return image


def seen(image: Any) -> list[tuple[int, ...]]:
    """The first row as it is shown."""
    picture = pictures.shown(image)
    assert picture.mode == "RGB"
    return [picture.getpixel((x, 0)) for x in range(picture.width)]


def palette(*colours: tuple[int, int, int]) -> Image.Image:
    image = row("P", *range(len(colours)))
    image.putpalette([part for colour in colours for part in colour])
    return image


def clear_palette() -> Image.Image:
    """Red, and black that is not there."""
    image = row("P", 0, 1)
    image.putpalette([*RED, 255, *BLACK, 0], "RGBA")
    return image


def chunks(kind: int, depth: int, pixels: bytes, clear: bytes, width: int) -> bytes:
    """A PNG of one row with one transparent colour, written by hand in any depth."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, 1, depth, kind, 0, 0, 0)
    parts = (
        (b"IHDR", head),
        (b"tRNS", clear),
        (b"IDAT", zlib.compress(b"\0" + pixels)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(name, data) for name, data in parts if data or name == b"IEND"
    )


def words(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


MIN_IS_WHITE, MIN_IS_BLACK, COLOURS = 0, 1, 2
"""Photometric interpretations of TIFF."""


def tiff(size: tuple[int, int], bits: int, meaning: int, pixels: bytes, alpha: int = 0) -> bytes:
    """A TIFF of one strip, written by hand; `alpha` 1 says that colours are multiplied by it."""
    parts = 4 if alpha else 1
    tags = [
        (256, 4, 1, size[0]), (257, 4, 1, size[1]), (258, 3, 1, bits), (259, 3, 1, 1),
        (262, 3, 1, meaning), (273, 4, 1, 300), (277, 3, 1, parts), (278, 4, 1, size[1]),
        (279, 4, 1, len(pixels)), *([(338, 3, 1, alpha)] if alpha else []),
    ]  # fmt: skip
    if alpha:
        tags[2] = (258, 3, 4, 280)
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = (b"II*\0" + struct.pack("<I", 8) + directory + bytes(4)).ljust(280, b"\0")
    return (head + struct.pack("<4H", *[bits] * 4)).ljust(300, b"\0") + pixels


def bmp(pixels: bytes, alpha: bool) -> bytes:
    """A BMP of one row of 32 bits a pixel; only with `alpha` does the fourth byte mean anything."""
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) if alpha else b""
    size = 108 if alpha else 40
    head = struct.pack("<IiiHHIIiiII", size, len(pixels) // 4, 1, 1, 32, 3 * alpha, 0, 0, 0, 0, 0)
    head = (head + masks).ljust(size, b"\0")
    at = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at) + head + pixels


def gif(screen: tuple[int, int], corner: tuple[int, int], size: tuple[int, int]) -> bytes:
    """A GIF whose frame begins at `corner` and has a red pixel; the background is black."""
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x91, 1, 0)
    colours = bytes([*RED, *BLACK, *BLACK, *BLACK])
    # Codes of three bits: clear (4), colour 0, end (5).
    return head + colours + b"," + struct.pack("<4HB", *corner, *size, 0) + b"\2\2\x44\1\0;"


SHOWN: dict[str, tuple[Any, list[tuple[int, ...]]]] = {
    # On white: colour * alpha + 255 * (1 - alpha), so black at 128 of 255 is 127.
    "RGBA": (saved(row("RGBA", (*BLACK, 255), (*BLACK, 0), (*BLACK, 128))), [BLACK, WHITE, HALF]),
    "RGBA in WebP": (saved(row("RGBA", (255, 0, 0, 0)), "WEBP", lossless=True), [WHITE]),
    "RGBA in TIFF": (saved(row("RGBA", (255, 0, 0, 0), (255, 0, 0, 255)), "TIFF"), [WHITE, RED]),
    "LA": (saved(row("LA", (0, 255), (0, 0))), [BLACK, WHITE]),
    "PA": (palette(RED, BLACK).convert("PA"), [RED, BLACK]),
    "P, bytes": (
        saved(palette(RED, BLACK, BLACK), transparency=b"\xff\x00\x80"), [RED, WHITE, HALF],
    ),
    "P, an index": (saved(palette(RED, BLACK), transparency=1), [RED, WHITE]),
    "P in GIF": (saved(palette(RED, BLACK), "GIF", transparency=1), [RED, WHITE]),
    "P": (saved(palette(RED, BLACK)), [RED, BLACK]),
    "1, tRNS": (chunks(GREY, 1, b"\x40", b"\0\0", 2), [WHITE, WHITE]),
    "1": (saved(row("1", 0, 255)), [BLACK, WHITE]),
    "L, tRNS": (saved(row("L", 0, 9), transparency=0), [WHITE, (9, 9, 9)]),
    "RGB, tRNS": (saved(row("RGB", BLACK, RED), transparency=BLACK), [WHITE, RED]),
    # 2 bits: greys 0 and 1 of 3, so 0 and 85; 1 is transparent. 4 bits: 0 and 15 of 15.
    "2 bits, tRNS": (chunks(GREY, 2, b"\x10", b"\0\1", 2), [BLACK, WHITE]),
    "4 bits, tRNS": (chunks(GREY, 4, b"\x0f", b"\0\0", 2), [WHITE, WHITE]),
    "16 bits a channel, tRNS": (
        chunks(RGB, 16, words(0x1234, 0, 0, 65535, 0, 0), words(0x1234, 0, 0), 2),
        [WHITE, RED],
    ),
    "16 bits, tRNS": (chunks(GREY, 16, words(300, 65535), words(300), 2), [WHITE] * 2),
    # 65,535 is white, so 257 of 65,535 is 1 of 255, and 32,896 is 128.
    "I;16": (saved(row("I;16", 0, 257, 32896, 65535)), [BLACK, (1,) * 3, (128,) * 3, WHITE]),
    "I;16 in TIFF": (saved(row("I;16", 257, 32896), "TIFF"), [(1,) * 3, (128,) * 3]),
    "I;16B": (row("I;16B", 257, 65535), [(1,) * 3, WHITE]),
    "I in PGM": (b"P5 2 1 65535\n" + words(257, 0), [(1,) * 3, BLACK]),
    "I, to 255": (row("I", 0, 128, 255), [BLACK, (128,) * 3, WHITE]),
    "I in TIFF": (saved(row("I", 257, 65535), "TIFF"), [(1,) * 3, WHITE]),
    "F, to 1": (saved(row("F", 0.0, 0.2, 1.0), "TIFF"), [BLACK, (51,) * 3, WHITE]),
    "F, to 255": (row("F", 0.0, 51.0, 255.0), [BLACK, (51,) * 3, WHITE]),
    "CMYK in TIFF": (saved(row("CMYK", (0, 255, 255, 0), (0, 0, 0, 0)), "TIFF"), [RED, WHITE]),
    "CMYK in JPEG": (saved(Image.new("CMYK", (8, 8), (0, 0, 0, 255)), "JPEG"), [BLACK] * 8),
    "YCbCr": (row("YCbCr", (255, 128, 128), (0, 128, 128)), [WHITE, BLACK]),
    "LAB": (saved(row("LAB", (255, 128, 128), (0, 128, 128)), "TIFF"), [WHITE, BLACK]),
    "HSV": (row("HSV", (0, 255, 255), (0, 0, 255)), [RED, WHITE]),
    # Premultiplied: red at 128 of 255 is stored as 128, and is (255, 0, 0) half on white.
    "RGBa": (row("RGBa", (0, 0, 0, 0), (128, 0, 0, 128)), [WHITE, (255, 127, 127)]),
    "La": (row("LA", (0, 0), (0, 128)).convert("La"), [WHITE, HALF]),
    "RGBX": (row("RGBX", (255, 0, 0, 0)), [RED]),
    "16 bits a channel": (chunks(RGB, 16, words(65535, 255, 0), b"\0" * 6, 1), [RED]),
    # What a frame leaves out of its screen is transparent in every browser.
    "a small frame in GIF": (gif((2, 1), (1, 0), (1, 1)), [WHITE, RED]),
    "a fax": (tiff((2, 1), 1, MIN_IS_WHITE, b"\x40"), [WHITE, BLACK]),
    "16 bits from white": (
        tiff((3, 1), 16, MIN_IS_WHITE, struct.pack("<3H", 0, 257, 65535)),
        [WHITE, (254,) * 3, BLACK],
    ),
    "12 bits": (tiff((2, 1), 12, MIN_IS_BLACK, b"\xff\xf1\x01"), [WHITE, (16,) * 3]),
    "multiplied in TIFF": (
        tiff((2, 1), 8, COLOURS, bytes([0, 0, 0, 0, 128, 0, 0, 128]), alpha=1),
        [WHITE, (255, 127, 127)],
    ),
    "16 bits, LA": (
        chunks(4, 16, words(0, 65535, 0, 0, 0, 32896), b"", 3), [BLACK, WHITE, HALF],
    ),
    "RGBA in JPEG 2000": (
        saved(row("RGBA", (0, 0, 0, 0), (255, 0, 0, 255)), "JPEG2000"), [WHITE, RED],
    ),
    "an icon of Windows": (
        saved(Image.new("RGBA", (16, 16), (0, 0, 0, 0)), "ICO", sizes=[(16, 16)],
              bitmap_format="bmp"),
        [WHITE] * 16,
    ),
    "32 bits in BMP, no alpha": (bmp(bytes([0, 0, 255, 0] * 2), alpha=False), [RED] * 2),
    "alpha in BMP": (bmp(bytes([0, 0, 255, 255, 0, 0, 0, 0]), alpha=True), [RED, WHITE]),
    "16 bits, RGBA": (
        chunks(6, 16, words(65535, 0, 0, 65535, 65535, 0, 0, 0, 0, 0, 0, 32896), b"", 3),
        [RED, WHITE, HALF],
    ),
    "P, fewer alphas than colours": (
        saved(palette(BLACK, RED, BLACK), transparency=b"\x00"), [WHITE, RED, BLACK],
    ),
    "16 bits, multiplied in TIFF": (
        tiff((2, 1), 16, COLOURS, struct.pack("<8H", 0, 0, 0, 0, 32896, 0, 0, 32896), alpha=1),
        [WHITE, (255, 127, 127)],
    ),
    "alpha of its own in TIFF": (
        tiff((2, 1), 8, COLOURS, bytes([255, 0, 0, 0, 255, 0, 0, 255]), alpha=2), [WHITE, RED],
    ),
    "8 bits from white": (tiff((2, 1), 8, MIN_IS_WHITE, b"\0\xff"), [WHITE, BLACK]),
    "4 bits from white": (tiff((2, 1), 4, MIN_IS_WHITE, b"\x0f"), [WHITE, BLACK]),
    "12 bits in PGM": (b"P5 2 1 4095\n" + words(4095, 0), [WHITE, BLACK]),
    "4 bits in PGM": (b"P5 2 1 15\n\x0f\0", [WHITE, BLACK]),
    "numbers in PFM": (b"Pf\n2 1\n-1.0\n" + struct.pack("<2f", 0, 1), [BLACK, WHITE]),
    "a palette with alpha": (clear_palette(), [RED, WHITE]),
    "RGBA in TGA": (saved(row("RGBA", (*RED, 255), (*BLACK, 0)), "TGA"), [RED, WHITE]),
    "16 bits in JPEG 2000": (
        saved(row("I;16", 0, 257, 32896, 65535), "JPEG2000"), [BLACK, (1,) * 3, (128,) * 3, WHITE],
    ),
    "L in GIF": (saved(row("L", 0, 9), "GIF", transparency=0), [WHITE, (9, 9, 9)]),
}  # fmt: skip


def undecoded(data: bytes) -> Image.Image:
    """As a function of a task gives it: opened, and no more."""
    return Image.open(io.BytesIO(data))


MIRRORED = Image.Exif()
MIRRORED[0x0112] = 2
CLEAR_AND_RED = row("RGBA", (*BLACK, 0), (*RED, 255))
BLOCK = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
LAST_SHOWN: dict[str, tuple[Any, list[tuple[int, ...]]]] = {
    "a frame of a GIF, opened": (undecoded(gif((2, 1), (1, 0), (1, 1))), [WHITE, RED]),
    "4 bits, tRNS, opened": (undecoded(chunks(GREY, 4, b"\x0f", b"\0\0", 2)), [WHITE, WHITE]),
    "a bitmap of X": (b"#define x_width 2\n#define x_height 1\nstatic char x_bits[] = {\n0x01};\n",
                      [BLACK, WHITE]),
    "a bitmap in letters": (b"P1\n2 1\n1 0\n", [BLACK, WHITE]),
    "4 bits of colours in letters": (b"P3\n2 1\n15\n15 0 0 15 15 15\n", [RED, WHITE]),
    "AVIF": (saved(BLOCK, "AVIF", quality=100), [WHITE] * 16),
    "a WebP that moves": (
        saved(CLEAR_AND_RED, "WEBP", lossless=True, save_all=True,
              append_images=[Image.new("RGBA", (2, 1), "blue")]),
        [WHITE, RED],
    ),
    "a PNG that moves": (
        saved(CLEAR_AND_RED, save_all=True, append_images=[Image.new("RGBA", (2, 1), "blue")]),
        [WHITE, RED],
    ),
    "an icon of macOS": (saved(BLOCK, "ICNS"), [WHITE] * 1024),
    "a texture of Direct3D": (saved(CLEAR_AND_RED, "DDS"), [WHITE, RED]),
    "SGI": (saved(CLEAR_AND_RED, "SGI"), [WHITE, RED]),
    "1 bit in BMP, whose 0 is white": (
        b"BM" + struct.pack("<IHHI", 66, 0, 0, 62)
        + struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 1, 0, 4, 0, 0, 2, 2)
        + bytes([255, 255, 255, 0, 0, 0, 0, 0]) + b"\x40\0\0\0",
        [WHITE, BLACK],
    ),
    "a palette of PCX": (saved(palette(RED, BLACK), "PCX"), [RED, BLACK]),
    "QOI": (
        b"qoif" + struct.pack(">IIBB", 2, 1, 4, 0) + b"\xff" + bytes([0, 0, 0, 0])
        + b"\xff" + bytes([255, 0, 0, 255]) + bytes(7) + b"\1",
        [WHITE, RED],
    ),
    "RGBA, opened and turned to RGB by nobody": (undecoded(saved(CLEAR_AND_RED)), [WHITE, RED]),
    "LA in TIFF": (saved(row("LA", (0, 0), (0, 255)), "TIFF"), [WHITE, BLACK]),
    # 24 bits and a mask, in which 1 is not there; rows are filled up to 4 bytes.
    "an icon with a mask": (
        struct.pack("<3H4B2H2I", 0, 1, 1, 2, 1, 0, 0, 1, 24, 40 + 8 + 4, 22)
        + struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 24, 0, 12, 0, 0, 0, 0)
        + bytes([0, 0, 0, 0, 0, 255, 0, 0]) + b"\x80\0\0\0",
        [WHITE, RED],
    ),
    "WebP, with loss": (saved(BLOCK, "WEBP", quality=90), [WHITE] * 16),
    "PSD": (
        b"8BPS" + struct.pack(">H6xHIIHH", 1, 4, 1, 2, 8, 3) + bytes(12) + b"\0\0"
        + bytes([0, 255, 0, 0, 0, 0, 0, 255]),
        [WHITE, RED],
    ),
    "LA in TGA": (
        struct.pack("<3B5x4H2B", 0, 0, 3, 0, 0, 2, 1, 16, 0x28) + bytes([0, 0, 0, 255]),
        [WHITE, BLACK],
    ),
    "PFM, whose first row is the last": (
        b"Pf\n1 2\n-1.0\n" + struct.pack("<2f", 0, 1), [WHITE],
    ),
    "10 bits of PGM in letters": (b"P2\n2 1\n1023\n1023 0\n", [WHITE, BLACK]),
    "5, 6 and 5 bits in BMP": (
        b"BM" + struct.pack("<IHHI", 70, 0, 0, 66)
        + struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 16, 3, 4, 0, 0, 0, 0)
        + struct.pack("<3I2H", 0xF800, 0x7E0, 0x1F, 0xF800, 0xFFFF),
        [RED, WHITE],
    ),
    "1 bit of palette, the first not there": (
        saved(palette(BLACK, RED), bits=1, transparency=b"\0"), [WHITE, RED],
    ),
    "2 bits in TIFF": (
        tiff((4, 1), 2, MIN_IS_BLACK, b"\x1b"), [BLACK, (85,) * 3, (170,) * 3, WHITE],
    ),
    "a mirror's image": (saved(row("RGB", RED, WHITE), exif=MIRRORED), [WHITE, RED]),
    "RLE in BMP": (
        b"BM" + struct.pack("<IHHI", 68, 0, 0, 62)
        + struct.pack("<IiiHHIIiiII", 40, 3, 1, 1, 8, 1, 6, 0, 0, 2, 2)
        + bytes([0, 0, 255, 0, 255, 255, 255, 0]) + bytes([2, 0, 1, 1, 0, 1]),
        [RED, RED, WHITE],
    ),
    "Sun's raster": (
        struct.pack(">8I", 0x59A66A95, 2, 1, 24, 6, 3, 0, 0) + bytes([255, 0, 0, 255, 255, 255]),
        [RED, WHITE],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [*SHOWN, *LAST_SHOWN])
def test_an_image_is_seen_as_a_viewer_shows_it(name: str) -> None:
    image, expected = (SHOWN | LAST_SHOWN)[name]
    difference = np.abs(np.subtract(seen(image), expected)).max()
    assert difference <= (name == "LAB"), "Pillow converts it through profiles, to within 1"


def test_a_black_line_on_a_transparent_ground_is_seen() -> None:
    drawing = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    for x in range(20):
        drawing.putpixel((x, 7), (0, 0, 0, 255))
    grey = np.asarray(pictures.shown(saved(drawing)).convert("L"))
    assert (grey[7] == 0).all()
    assert (np.delete(grey, 7, axis=0) == 255).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "RGBA"])
def test_an_opaque_image_is_given_as_it_is(mode: str) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (9, 9, 3), np.uint8))
    image = noise.convert(mode)
    assert pictures.as_shown(image) is image
    assert pictures.shown(image).tobytes() == image.convert("RGB").tobytes()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_seen(kind: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, BLACK)]
    options = {"lossless": True} if kind == "WEBP" else {}
    assert (
        seen(saved(frames[0], kind, save_all=True, append_images=frames[1:], **options))
        == [RED] * 4
    )


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "I;16", "L"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_an_image_is_turned_upright(mode: str, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    assert pictures.shown(saved(Image.new(mode, (40, 20)), kind, exif=exif)).size == (20, 40)


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (row("F", -1.0, 1.0), "run from -1 to 1"),
        (row("F", 0.0, 70000.0), "run from 0 to 70000"),
        (row("F", 0.0, float("nan")), "run from nan to nan"),
        (row("I", -5, 5), "run from -5 to 5"),
        (
            tiff((2, 1), 32, MIN_IS_BLACK, struct.pack("<2I", 0, 2**32 - 1)),
            r"run from 0 to 4\.29497e\+09",
        ),
    ],
)
def test_numbers_without_a_scale_are_refused(image: Image.Image, what: str) -> None:
    with pytest.raises(pictures.NoPicture, match=f"^its numbers {what}, and nothing says which is"):
        pictures.shown(image)


# Bytes 0xfb 0xff give + and / in the usual alphabet, so both differ in the other.
TEXT = base64.b64encode(png(RED) + b"\xfb\xff\xfe").decode()
TEXTS = {
    "plain": TEXT,
    "with line ends": base64.encodebytes(base64.b64decode(TEXT)).decode(),
    "with Windows' line ends": TEXT[:60] + "\r\n" + TEXT[60:] + "\r\n",
    "without its =": TEXT.rstrip("="),
    "urlsafe": base64.urlsafe_b64encode(base64.b64decode(TEXT)).decode().rstrip("="),
    "a data address": f"data:image/png;base64,{TEXT}",
    "a data address of a URL": "DATA:image/png;BASE64," + quote(TEXT, safe=""),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_base64_is_read_however_it_is_written(name: str) -> None:
    assert pictures.contents(TEXTS[name])[0] == base64.b64decode(TEXT)
    assert seen(TEXTS[name]) == [RED] * 20


@pytest.mark.parametrize("name", ["x.tif", "scan", "pictures/a b.PNG", "x.ppm", "ab+c/page_1"])
def test_a_path_that_leads_to_a_file_is_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(saved(Image.new("RGB", (1, 1), RED), "TIFF"))
    assert seen(name) == seen({"bytes": None, "path": str(tmp_path / name)}) == [RED]
    (tmp_path / name).write_bytes(b"no image")
    with pytest.raises(pictures.NoPicture) as caught:
        pictures.shown(str(tmp_path / name))
    assert str(caught.value) == (
        f"the file {tmp_path / name} cannot be opened as an image: its 8 bytes are no image that "
        "Pillow reads"
    )


LONG = "a" * 300 + ".png"
NEITHER = "is neither a path to an image nor base64"
WHOLE = "cannot be opened as an image: its 3 bytes are no image that Pillow reads"
ADDRESSES = ("http://127.0.0.1:9/x.png", "zip://a.png::s3://b/c.zip")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gone.tif", "the file gone.tif is missing"),
        ("hello?", f"the text 'hello?' {NEITHER}"),
        ("", f"the text '' {NEITHER}"),
        ("hell", f"the text 'hell', read as base64, {WHOLE}"),
        ("a\0b.png", "the file 'a\\x00b.png' cannot be read: embedded null byte"),
        (LONG, f"the file '{'a' * 40}...' cannot be read: File name too long"),
        ("é" * 5000, f"the text '{'é' * 40}...' {NEITHER}"),
        *((a, f"the address {a!r} is not fetched; give the image or a file") for a in ADDRESSES),
        (".", "the file . is none, but a folder, a pipe or a device"),
    ],
)  # fmt: skip
def test_what_is_no_image_is_said_in_a_true_sentence(
    text: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pictures.NoPicture) as caught:
        pictures.shown(text)
    assert str(caught.value) == sentence


def test_paths_stay_within_the_folder_of_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = tmp_path / "rows", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    (own / "in.png").write_bytes(png(RED))
    (other / "out.png").write_bytes(png(BLACK))
    (own / "link.png").symlink_to(other / "out.png")
    monkeypatch.chdir(own)
    assert seen("../rows/in.png") == [RED] * 20
    outside = [str(other / "out.png"), "../other/out.png", "link.png"]
    for name in outside:
        with pytest.raises(pictures.NoPicture) as caught:
            pictures.shown(name)
        assert str(caught.value) == (
            f"the file {name} lies outside {own}, the folder of the rows; if they may show it, "
            "name its folder in the environment variable DOWNSCALE_IMAGES"
        )
    monkeypatch.setenv("DOWNSCALE_IMAGES", f"{tmp_path / 'none'}:{other}")
    assert [seen(name) for name in outside] == [[BLACK] * 20] * 3


def test_pixels_are_counted_before_they_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file says 13,300 x 13,300 of 1 bit and holds next to nothing."""
    bomb = bytearray(chunks(GREY, 1, b"", b"\0\0", 1))
    bomb[16:24] = struct.pack(">II", 13300, 13300)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bytes(bomb[12:29])))
    with pytest.raises(pictures.NoPicture) as caught:
        pictures.shown(bytes(bomb))
    assert str(caught.value) == (
        "its 13,300 x 13,300 pixels are more than the 134,217,728 that are decoded at once "
        "(DOWNSCALE_MAX_PIXELS allows more)"
    )
    monkeypatch.setenv("DOWNSCALE_MAX_PIXELS", "200")
    assert pictures.shown(png(RED)).size == (20, 10)
    monkeypatch.setenv("DOWNSCALE_MAX_PIXELS", "199")
    with pytest.raises(pictures.NoPicture, match="its 20 x 10 pixels are more than the 199 that"):
        pictures.shown(png(RED))


def test_an_image_inside_an_image_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """An icon says 16 x 16 and holds a PNG of 300 x 300."""
    icon = bytearray(saved(Image.new("RGB", (300, 300)), "PNG"))
    head = struct.pack("<HHH", 0, 1, 1) + struct.pack(
        "<BBBBHHII", 16, 16, 0, 0, 1, 32, len(icon), 22
    )
    monkeypatch.setenv("DOWNSCALE_MAX_PIXELS", "1000")
    with pytest.raises(
        pictures.NoPicture, match="its 300 x 300 pixels are more than the 1,000 that"
    ):
        pictures.shown(head + bytes(icon))


@pytest.mark.parametrize("value", ["0", "-1", "1e6", "viel", "9" * 400])
def test_a_bound_that_is_no_number_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOWNSCALE_MAX_PIXELS", value)
    with pytest.raises(ValueError, match=r"^The environment variable DOWNSCALE_MAX_PIXELS is '"):
        pictures.max_pixels()


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>'
LFS = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
NOISY = saved(Image.effect_noise((64, 64), 50).convert("RGB"), "JPEG", quality=95)
OF_PEOPLE: dict[str, tuple[str, str | None]] = {
    # text of a row: what the sentence says, or None where the red picture is seen
    "a data address with its charset": (f"data:image/jpg;charset=utf-8;base64,{TEXT}", None),
    "the end of a line of a table": (
        "pictures/1.png\n", r"^the file 'pictures/1\.png\\n' is missing$",
    ),
    "Windows' own": ("pictures\\1.png", r"^the file pictures\\1\.png is missing"),
    "a drive": ("C:\\Users\\me\\1.png", r"^the file C:\\Users\\me\\1\.png is missing"),
    "a folder": ("pictures", "^the file pictures is none, but a folder, a pipe or a device$"),
    "a pointer in the place of the file": ("lfs.png", "^the file .*lfs.png .*Git LFS"),
    "a telephone's": ("phone.heic", "^the file .*phone.heic .*(HEI|Pillow)"),
    "a drawing of lines": ("drawing.svg", "^the file .*drawing.svg .*(SVG|Pillow)"),
    "plus signs that a form made blanks": (
        base64.b64encode(NOISY).decode().replace("+", " "), "base64",
    ),
    "cut where Excel's cells end": (
        base64.b64encode(NOISY).decode()[: len(NOISY) // 4 * 4],
        "^the text .*, read as base64, .*(cut|truncated)",
    ),
    "an address of a file": ("file://{folder}/pictures/1.png", None),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_PEOPLE)
def test_what_people_write_for_an_image_is_read_or_truly_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "1.png").write_bytes(png(RED))
    for file, data in (("lfs.png", LFS), ("phone.heic", HEIC), ("drawing.svg", SVG)):
        (tmp_path / file).write_bytes(data)
    text, sentence = OF_PEOPLE[name]
    text = text.replace("{folder}", str(tmp_path))
    if sentence is None:
        assert seen(text) == [RED] * 20
        return
    with pytest.raises(pictures.NoPicture, match=sentence):
        pictures.shown(text)


def patched(data: bytes, mark: bytes, skip: int, form: str, *sides: int) -> bytes:
    """`data` with other sides written `skip` bytes after each `mark`."""
    content, at = bytearray(data), data.find(mark)
    assert at >= 0
    while at >= 0:
        struct.pack_into(form, content, at + len(mark) + skip, *sides)
        at = data.find(mark, at + 1)
    return bytes(content)


SMALL = Image.new("RGB", (8, 8), RED)
BOMBS = {
    "JPEG": patched(saved(SMALL, "JPEG"), b"\xff\xc0", 3, ">HH", 60000, 60000),
    "GIF": gif((60000, 60000), (0, 0), (1, 1)),
    "GIF, a frame beyond its screen": gif((1, 1), (0, 0), (60000, 60000)),
    "TIFF": tiff((60000, 60000), 8, MIN_IS_BLACK, b"\0" * 9),
    "BMP": patched(saved(SMALL, "BMP"), b"BM", 16, "<ii", 60000, 60000),
    # 14 bits a side, each less one
    "WebP": patched(saved(SMALL, "WEBP", lossless=True), b"VP8L", 5, "<I", 0x0FFFFFFF),
    "PPM": b"P6 60000 60000 255\n" + b"\0" * 9,
    "TGA": patched(saved(SMALL, "TGA"), saved(SMALL, "TGA")[:12], 0, "<HH", 60000, 60000),
    "JPEG 2000": patched(
        patched(saved(SMALL, "JPEG2000"), b"ihdr", 0, ">II", 60000, 60000),
        b"\xff\x51", 4, ">II", 60000, 60000,
    ),
    "PNG, a line": chunks(GREY, 1, b"", b"", 2**31 - 1),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_no_kind_of_file_is_decoded_beyond_the_bound(name: str) -> None:
    with pytest.raises(
        pictures.NoPicture, match=r"^its [\d,]+ x [\d,]+ pixels are more than the 134,217,728 that"
    ):
        pictures.shown(BOMBS[name])


def test_the_bound_is_ours_and_not_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow warns of more than its own number and refuses the double."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert seen(png(RED)) == [RED] * 20
    assert Image.MAX_IMAGE_PIXELS == 10


def test_a_picture_with_words_without_end_is_one_failed_picture_at_most() -> None:
    """A compressed text of 80 MB in a PNG, which Pillow refuses to unpack."""
    words = zlib.compress(bytes(80 * 1024**2), 1)
    chunk = b"zTXtComment\0\0" + words
    data = png(RED)
    data = (
        data[:33]
        + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        + data[33:]
    )  # fmt: skip
    with suppress(pictures.NoPicture):
        assert seen(data) == [RED] * 20


def test_a_file_that_is_a_program_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow opens PostScript by starting Ghostscript on it."""
    started: list[object] = []
    monkeypatch.setattr("subprocess.check_call", lambda *args, **_: started.append(args))
    monkeypatch.setattr("subprocess.Popen", lambda *args, **_: started.append(args))
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", "gs")
    with pytest.raises(pictures.NoPicture):
        pictures.shown(
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
        )
    assert started == []


def test_an_opened_image_is_bounded_and_fails_as_one_of_a_file_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noise = saved(Image.effect_noise((64, 64), 50))
    with pytest.raises(pictures.NoPicture, match=r"^its data cannot be read: "):
        pictures.shown(undecoded(noise[:-400]))
    monkeypatch.setenv("DOWNSCALE_MAX_PIXELS", "4095")
    with pytest.raises(pictures.NoPicture, match=r"^its 64 x 64 pixels are more than the 4,095 "):
        pictures.shown(undecoded(noise))


def test_what_pillow_opens_and_does_not_show_is_refused() -> None:
    cursor = (
        struct.pack("<3H4B2H2I", 0, 2, 1, 2, 1, 0, 0, 0, 0, 40 + 8 + 4, 22)
        + struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 24, 0, 12, 0, 0, 0, 0)
        + bytes([0, 0, 0, 0, 0, 255, 0, 0]) + b"\x80\0\0\0"
    )  # fmt: skip
    with pytest.raises(pictures.NoPicture, match="a cursor"):
        pictures.shown(cursor)
