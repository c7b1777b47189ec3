"""Pictures as a viewer shows them, whatever their format, mode and depth.

In: what a row holds for an image: encoded bytes, a decoded one, {bytes, path} as `datasets` stores
it, or a text, which names a file or is base64. Out: its bytes, or an upright picture of 8 bits a
channel on a white ground. Images are opened here alone, in the suite and under lmms-eval. No torch.
"""

from __future__ import annotations

import base64
import io
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

FOLDERS_VARIABLE = "DOWNSCALE_IMAGES"
"""Environment variable: folders (os.pathsep between) whose images rows may name, beside their own.
Without it a data set could make any picture on the machine one of its own."""

PIXELS_VARIABLE = "DOWNSCALE_MAX_PIXELS"
"""Environment variable: the most pixels, of the images of a request together, that are decoded."""
MAX_PIXELS = 2**27
"""What holds without it: 400 MB as RGB, which is 64 frames in high definition."""

FOLDERS: ContextVar[tuple[Path, ...]] = ContextVar("FOLDERS", default=(Path(),))
"""The folders of the rows that are read: from the first one relative paths lead."""

LONGEST_PATH, LONGEST_NAME = 4096, 200
"""Letters: a longer text is base64 or nothing, and a longer name is shown by its beginning."""

OPAQUE = ("1", "L", "RGB", "RGBA")
"""Modes in which a picture is given."""

_DEPTHS = {"L;2": 85, "L;4": 17, "RGB;16B": 1 / 256}
"""Depths of PNG in which Pillow gives the transparent colour; times this it has 8 bits, as the
pixels have."""

_NOT_SEEN = {
    "EPS": "PostScript, a program, which is not run",
    "CUR": "a cursor, whose mask is not read",
}
"""Formats that Pillow opens and does not show."""

_BITS, _MEANING, _KIND, _UNSIGNED = 258, 262, 339, 1
"""Tags of TIFF: bits of a number, whether 0 is white (0) or black, and the kind of number."""


class NoPicture(ValueError):
    """What stands for an image is none; the text says why."""


class NoFile(NoPicture):
    """The file that a row names is none that can be read: its folder decides, not the row."""


def shown(image: Any) -> Image.Image:
    """Gives the image of a row in RGB, as a viewer shows it.

    A relative path leads from the first of FOLDERS. Raises NoPicture for none.
    """
    if not isinstance(image, Image.Image):
        image = opened(*contents(image))
    return as_shown(image).convert("RGB")


def contents(image: Any) -> tuple[bytes, str]:
    """Gives the bytes that a row holds or names for an image, and words for where they come from,
    empty where they stand in the row.

    Raises NoPicture for a text that is neither a path nor base64, NoFile for a file that is missing
    or outside the folders that may be read; TypeError for a kind of value that never is an image.
    """
    if isinstance(image, Mapping):
        inner = image.get("bytes")
        return contents(inner if inner is not None else image.get("path"))
    if isinstance(image, (bytes, bytearray)):
        return bytes(image), ""
    if not isinstance(image, str):
        kind = type(image).__name__
        raise TypeError(f"an image is given as {kind}; give bytes, a path or base64")
    path = file_of(image)
    if path is None:
        data = _from_base64(image)
        if data is None:
            raise NoPicture(f"the text {_cut(image)!r} is neither a path to an image nor base64")
        return data, f"the text {_cut(image)!r}, read as base64,"
    try:
        return path.read_bytes(), f"the file {_named(path)}"
    except FileNotFoundError:
        raise NoFile(f"the file {_named(path)} is missing") from None
    except (OSError, ValueError) as error:  # ValueError: its name holds a NUL
        reason = getattr(error, "strerror", None) or error
        raise NoFile(f"the file {_named(path)} cannot be read: {reason}") from None


def file_of(image: Any) -> Path | None:
    """Gives the file that a row names for an image, there or not; None where it holds the image.

    A text is a path where it leads somewhere, or has a full stop, which base64 has not. Raises
    NoPicture for an address, since nothing is fetched, and NoFile for a path that, links followed,
    leads out of FOLDERS and of those that DOWNSCALE_IMAGES names, or to what is no file.
    """
    if isinstance(image, Mapping):
        image = image.get("path") if image.get("bytes") is None else None
    if not isinstance(image, str) or image[:5].lower() == "data:":
        return None
    if image[:7].lower() == "file://":
        image = str(unquote(image[7:]))
    if re.match(r"[\w+.-]+:(//|:)", image):
        raise NoPicture(f"the address {_cut(image)!r} is not fetched; give the image or a file")
    folder, *more = FOLDERS.get()
    if len(image) >= LONGEST_PATH or not ("." in image or (image and _exists(folder / image))):
        return None
    path: Path = folder / image
    named = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    roots = [folder, *more, *(Path(name).expanduser() for name in named if name.strip())]
    if "\0" not in image and not any(path.resolve().is_relative_to(r.resolve()) for r in roots):
        raise NoFile(
            f"the file {_named(path)} lies outside {folder.absolute()}, the folder of the rows; "
            f"if they may show it, name its folder in the environment variable {FOLDERS_VARIABLE}"
        )
    if _exists(path) and not path.is_file():  # a pipe or a device may be read without end
        raise NoFile(f"the file {_named(path)} is none, but a folder, a pipe or a device")
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # no name that a file can have
        return False


def _named(path: Path) -> str:
    """A path as a sentence has it: in quotes where it would not be seen whole."""
    text = str(path)
    plain = text.isprintable() and text == text.strip() and len(text) <= LONGEST_NAME
    return text if plain else repr(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else f"{text[:40]}..."


def _from_base64(text: str) -> bytes | None:
    """The bytes of a text in base64, in either alphabet, with or without line ends, `=` at its end
    and `data:image/png;base64,` before it; None where it is none."""
    if text[:5].lower() == "data:":
        head, _, text = text.partition(",")
        if not head.lower().endswith(";base64"):
            return unquote_to_bytes(text)
        text = unquote(text)
    letters = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True) or None
    except ValueError:
        return None


def max_pixels() -> int:
    """Reads DOWNSCALE_MAX_PIXELS; ValueError where it is no whole number of 1 or more."""
    given = os.environ.get(PIXELS_VARIABLE, "").strip() or str(MAX_PIXELS)
    if not re.fullmatch("0*[1-9][0-9]{0,17}", given):
        raise ValueError(
            f"The environment variable {PIXELS_VARIABLE} is {_cut(given)!r}: it must be a whole "
            "number of pixels, 1 or more."
        )
    return int(given)


def opened(data: bytes, what: str = "", *, load: bool = True) -> Image.Image:
    """Opens an encoded image; of an animated one, the first frame.

    what: words for it in the NoPicture that is raised for no image and, before anything is decoded,
    for one of more pixels than `max_pixels`. load: whether its pixels are decoded now. MemoryError
    goes through.
    """
    try:
        with _decoding(None):
            image = Image.open(io.BytesIO(data))
        _check_kind(image)
        return _loaded(image) if load else image
    except UnidentifiedImageError:  # its own text holds a memory address
        reason = (
            f"its {len(data):,} bytes are no image that Pillow reads" if data else "it is empty"
        )
        if data.startswith(b"version https://git-lfs"):
            reason = "it is Git LFS's pointer to the image, which `git lfs pull` fetches"
    except NoPicture as error:
        reason = str(error)
    raise NoPicture(f"{what} cannot be opened as an image: {reason}" if what else reason)


def _check_kind(image: Image.Image) -> None:
    """NoPicture for an image that is not decoded."""
    width, height = image.size
    if image.format in _NOT_SEEN:
        raise NoPicture(f"it is {_NOT_SEEN[image.format]}; save it as PNG")
    if width * height > (most := max_pixels()):
        raise NoPicture(f"its {width:,} x {height:,} pixels are {too_many(most)}")


def too_many(most: int) -> str:
    """Says what is wrong with more than `most` pixels."""
    return f"more than the {most:,} that are decoded at once ({PIXELS_VARIABLE} allows more)"


def _loaded(image: Image.Image) -> Image.Image:
    """Decodes an image of a file, and mends what of the file Pillow forgets when it does: that the
    transparent colour of a PNG has the file's depth, and that what the frame of a GIF leaves out of
    its screen is transparent."""
    tile = getattr(image, "tile", None)
    colour = image.info.get("transparency")
    if tile and image.format == "PNG" and image.mode in ("L", "RGB") and colour is not None:
        scale = _DEPTHS.get(str(tile[0][3]), 1)
        scaled = tuple(int(part * scale) for part in np.atleast_1d(colour))
        image.info["transparency"] = scaled if image.mode == "RGB" else scaled[0]
    frame = tile[0][1] if tile and image.format == "GIF" else (0, 0, *image.size)
    with _decoding(max_pixels()):
        image.load()
    if frame == (0, 0, *image.size):
        return image
    screen = Image.new("RGBA", image.size, (0, 0, 0, 0))
    screen.paste(image.convert("RGBA").crop(frame), frame)
    return screen


@contextmanager
def _decoding(most: int | None) -> Iterator[None]:
    """Inside, an image that cannot be decoded is a NoPicture: also a truncated one, and one of more
    than `most` pixels before it is decoded. Importing lmms-eval tells Pillow to fill in what is
    missing, for the whole process: whether an image can be read must not depend on that."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, most
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (MemoryError, UnidentifiedImageError):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):  # an image in the image
        raise NoPicture(f"its pixels are {too_many(most or max_pixels())}") from None
    except Exception as error:  # Pillow's decoders raise many kinds; each is this image's fault
        words = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise NoPicture(f"its data cannot be read: {words}") from error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before


def as_shown(image: Image.Image) -> Image.Image:
    """Gives a decoded image as a viewer shows it: upright, of 8 bits a channel, on white where it
    is transparent.

    An opaque one of a mode of OPAQUE is given as it is, others as L or RGB. Raises NoPicture for
    numbers of which nothing says how bright they are.
    """
    if getattr(image, "tile", None):  # opened by somebody else, and not decoded yet
        _check_kind(image)
        image = _loaded(image)
    # Pillow scales whole numbers of PPM to 16 bits
    sixteen = image.mode.startswith("I;16") or (image.format, image.mode) == ("PPM", "I")
    tags = getattr(image, "tag_v2", {})
    if image.format == "XBM":  # whose 1 is ink
        image = ImageOps.invert(image)
    image = upright(image)
    if image.mode[0] in "IF":
        image = _eight_bits(image, sixteen, tags)
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        ink = image.convert("RGBA")
        if ink.getchannel("A").getextrema() != (255, 255):
            ground = Image.new("RGBA", ink.size, "white")
            ground.alpha_composite(ink)
            return ground.convert("RGB")
        if image.mode not in OPAQUE:
            return ink.convert("RGB")
    return image if image.mode in OPAQUE else image.convert("RGB")


def _eight_bits(image: Image.Image, sixteen: bool, tags: Mapping[int, Any]) -> Image.Image:
    """Numbers as greys. White is 65,535 where they have 16 bits; where nothing says it, the lowest
    of 1 (for fractions), 255 and 65,535 that none exceeds. tags: of a TIFF, which may have 12 bits,
    numbers without a sign, and 0 for white."""
    values = np.asarray(image)
    (bits, *_), (kind, *_) = tags.get(_BITS, (16,)), tags.get(_KIND, (_UNSIGNED,))
    if bits == 32 and kind == _UNSIGNED and image.mode == "I":  # which Pillow reads with a sign
        values = values.view(np.uint32)
    low, high = values.min(), values.max()
    ends = (2**bits - 1,) if sixteen else (1, 255, 65535) if image.mode == "F" else (255, 65535)
    white = next((end for end in ends if low >= 0 and high <= end), None)
    if white is None:
        raise NoPicture(
            f"its numbers run from {low:g} to {high:g}, and nothing says which is white; save it "
            "with 8 or 16 bits"
        )
    if tags.get(_MEANING) == 0:
        values = white - values
    grey = Image.fromarray(np.rint(values * np.float32(255 / white)).astype(np.uint8))
    clear = image.info.get("transparency")
    if clear is None:
        return grey
    return Image.merge("LA", (grey, Image.fromarray(np.uint8(255) * (values != clear))))


def upright(picture: Image.Image) -> Image.Image:
    """Gives the picture as it is to be looked at: cameras note in its EXIF how they were held, and
    `datasets`, through which lmms-eval reads, turns it accordingly."""
    try:
        with warnings.catch_warnings(action="ignore"):
            turned = picture.getexif().get(ExifTags.Base.Orientation, 1) != 1
    except Exception:  # damaged notes are no reason to refuse the picture
        return picture
    return ImageOps.exif_transpose(picture) if turned else picture


def drawn(number: int, size: tuple[int, int] = (48, 32)) -> bytes:
    """Draws a picture of two colours, another one for each number, and gives it as a PNG."""
    picture = Image.new("RGB", size, (37 * number % 256, 91 * number % 256, 53 * number % 256))
    picture.paste((220, 220 - number % 200, 40), (number % 16 + 4, 6, number % 16 + 24, 22))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
