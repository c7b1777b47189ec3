"""Images of a data set as encoded bytes, kept as they are where they are PNG or JPEG already and
Pillow reads them as a viewer does.

In: what a row holds ({bytes, path} as `datasets` stores it, a PIL image, raw bytes, a path, base64
text). Out: PNG or JPEG bytes. No torch here.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from PIL import Image

from suite.errors import DataError
from tasks import pictures

_PNG_OR_JPEG = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_PLAIN = ("1", "L", "P", "RGB", "CMYK")
"""Modes that Pillow converts to RGB as a viewer shows them, where nothing is transparent."""


class Unreadable(DataError):
    """One image is none; the text says why. The other items of its task go on."""

    def __init__(self, reason: str, data: bytes | None = None) -> None:
        """data: what stands in the row; None where the row only names a file."""
        super().__init__(reason)
        self.data = data


def encoded(image: Any) -> bytes:
    """Gives PNG or JPEG bytes of an image; paths lead from `tasks.pictures.FOLDERS`.

    An image that Pillow would convert to RGB otherwise than a viewer shows it (transparent, 16
    bits) is encoded anew as it is shown, and so are other formats. Raises Unreadable when it is no
    image, DataError for a kind of value that never is one.
    """
    if isinstance(image, Image.Image):
        with _unreadable(None):
            return _as_png(pictures.as_shown(image))
    with _unreadable(image.encode(errors="replace") if isinstance(image, str) else None):
        if isinstance(image, pictures.NoPicture):
            raise image
        data, what = pictures.contents(image)
    with _unreadable(None if what.startswith("the file") else data):
        picture = pictures.opened(data, what, load=False)
        kept = data.startswith(_PNG_OR_JPEG)
        if kept and picture.mode in _PLAIN and not picture.has_transparency_data:
            return data
        picture = pictures.opened(data, what)
        seen = pictures.as_shown(picture)
        return data if kept and _same(seen, picture) else _as_png(seen)


@contextmanager
def _unreadable(data: bytes | None) -> Iterator[None]:
    try:
        yield
    except pictures.NoPicture as error:
        raise Unreadable(
            str(error), None if isinstance(error, pictures.NoFile) else data
        ) from error
    except TypeError as error:
        raise DataError(f"{error}.") from error


def _same(seen: Image.Image, picture: Image.Image) -> bool:
    """Whether Pillow alone would have shown it so: then the bytes are kept."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = pictures.upright(picture).convert("RGB")
    return seen.convert("RGB").tobytes() == alone.tobytes()


def _as_png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def stored_images(row: Any) -> list[Any]:
    """Gives the images that stand in a row as `datasets` stores them, wherever in it."""
    if _is_media(row):
        return [row]
    inner = row.values() if isinstance(row, Mapping) else row
    if not isinstance(row, (Mapping, list, tuple)):
        return []
    return [image for value in inner for image in stored_images(value)]


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
