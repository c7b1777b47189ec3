"""Images of a data set as encoded bytes, kept as they are where they are PNG or JPEG already.

In: what a row holds ({bytes, path} as `datasets` stores it, a PIL image, raw bytes, a path, base64
text). Out: PNG or JPEG bytes. No torch here.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from suite.errors import DataError

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_MEDIA_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"})


class Unreadable(DataError):
    """One image is none; the text says why. The other items of its task go on."""

    def __init__(self, reason: str, data: bytes | None = None) -> None:
        """data: what stands in the row; None where the row only names a file."""
        super().__init__(reason)
        self.data = data


def encoded(image: Any, folder: Path | None = None) -> bytes:
    """Gives PNG or JPEG bytes of an image; a relative path is looked for under `folder`.

    Raises Unreadable when it is no image, DataError for a kind of value that never is one. Other
    formats are re-encoded as PNG.
    """
    if isinstance(image, Image.Image):
        return _as_png(image)
    if isinstance(image, Mapping):
        inner = image.get("bytes")
        return encoded(inner if inner is not None else image.get("path"), folder)
    if isinstance(image, str):
        return _from_text(image, folder)
    if isinstance(image, (bytes, bytearray)):
        try:
            return _from_bytes(bytes(image))
        except Unreadable as error:
            raise Unreadable(str(error), bytes(image)) from error
    raise DataError(f"an image is given as {type(image).__name__}; give bytes, a path or base64.")


def file_of(image: Any, folder: Path | None = None) -> Path | None:
    """Gives the file that `encoded` reads for an image; None where the row holds the image."""
    if isinstance(image, Mapping):
        inner = image.get("bytes")
        return file_of(inner if inner is not None else image.get("path"), folder)
    path = Path(image) if isinstance(image, str) else None
    if path is None or path.suffix.lower() not in _MEDIA_SUFFIXES:
        return None
    return path if path.is_absolute() or folder is None else folder / path


def _from_bytes(data: bytes) -> bytes:
    return data if data.startswith((_PNG, _JPEG)) else _as_png(_opened(data))


def _from_text(text: str, folder: Path | None) -> bytes:
    full = file_of(text, folder)
    if full is not None:
        if not full.is_file():
            raise Unreadable(f"the file {full} is missing")
        try:
            return _from_bytes(full.read_bytes())
        except (Unreadable, OSError) as error:
            raise Unreadable(f"{full}: {error}") from error
    body = text.partition("base64,")[2] if text.startswith("data:") else text
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unreadable(
            f"the text {text[:40]!r} is neither a path to an image nor base64", text.encode()
        ) from error
    return encoded(data)


def _opened(data: bytes) -> Image.Image:
    try:
        with whole_images_only():
            image = Image.open(io.BytesIO(data))
            image.load()
    except UnidentifiedImageError as error:  # its own text holds a memory address
        what = "it is empty" if not data else f"its {len(data):,} bytes are no image"
        raise Unreadable(what) from error
    except Exception as error:  # Pillow's decoders raise many kinds; each is this image's fault
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise Unreadable(f"its {len(data):,} bytes cannot be read: {reason}") from error
    return image


def stored_images(row: Any) -> list[Any]:
    """Gives the images that stand in a row as `datasets` stores them, wherever in it."""
    if _is_media(row):
        return [row]
    inner = row.values() if isinstance(row, Mapping) else row
    if not isinstance(row, (Mapping, list, tuple)):
        return []
    return [image for value in inner for image in stored_images(value)]


@contextmanager
def whole_images_only() -> Iterator[None]:
    """Inside, decoding a truncated image fails. Importing lmms-eval tells Pillow to fill in what is
    missing, for the whole process: whether an image can be read must not depend on that."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def upright(picture: Image.Image) -> Image.Image:
    """Gives the picture as it is to be looked at: cameras note in its EXIF how they were held, and
    `datasets`, through which lmms-eval reads, turns it accordingly."""
    try:
        turned = picture.getexif().get(ExifTags.Base.Orientation, 1) != 1
    except Exception:  # damaged notes are no reason to refuse the picture
        return picture
    return ImageOps.exif_transpose(picture) if turned else picture


def _as_png(image: Image.Image) -> bytes:
    """Turned first: the PNG keeps no EXIF."""
    image = upright(image)
    buffer = io.BytesIO()
    mode = image.mode if image.mode in {"RGB", "RGBA", "L", "1"} else "RGB"
    image.convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


def without_media(value: Any) -> Any:
    """Gives a row without its images and other bytes, for keeping beside the item."""
    if isinstance(value, Mapping):
        if set(value) == {"bytes", "path"}:
            return None
        kept = {str(key): without_media(entry) for key, entry in value.items()}
        return {
            key: entry
            for key, entry in kept.items()
            if not (_is_media(value[key]) and entry is None)
        }
    if isinstance(value, (list, tuple)):
        return [without_media(entry) for entry in value if not _is_media(entry)]
    return None if _is_media(value) else value


def _is_media(value: Any) -> bool:
    return isinstance(value, (bytes, bytearray, Image.Image)) or (
        isinstance(value, Mapping) and set(value) == {"bytes", "path"}
    )
