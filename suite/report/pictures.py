"""Images of items, small enough to stand inside the page.

In: PNG or JPEG bytes as the item cache holds them. Out: data addresses, each of about LARGEST bytes
at most before encoding, and no more than BUDGET bytes of them on a page.
"""

from __future__ import annotations

import base64
import io

SIDE = 320
"""Longest side of an image on the page, pixels."""
LARGEST = 40_000
"""Bytes of one image."""
BUDGET = 1_200_000
"""Bytes of all images of a page."""
QUALITIES = (80, 60, 40, 20)
"""JPEG qualities, tried until an image is small enough."""


class Album:
    """The images of one page, which share its budget."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._left = budget

    def address(self, data: bytes) -> str | None:
        """An image as a data address; None for one that is no image or that the page has no room
        for."""
        small = shrunk(data)
        if small is None or len(small) > self._left:
            return None
        self._left -= len(small)
        kind = "png" if small.startswith(b"\x89PNG") else "jpeg"
        return f"data:image/{kind};base64,{base64.b64encode(small).decode()}"


def shrunk(data: bytes) -> bytes | None:
    """The image itself where it is small already, else a smaller JPEG; None for no image."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            kept = image.format in ("PNG", "JPEG") and len(data) <= LARGEST
            if kept and max(image.size) <= SIDE:
                image.load()
                return data
            image.thumbnail((SIDE, SIDE))
            flat = Image.new("RGB", image.size, "white")
            colored = image.convert("RGBA")
            flat.paste(colored, mask=colored.getchannel("A"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    for quality in QUALITIES:
        buffer = io.BytesIO()
        flat.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= LARGEST:
            break
    return buffer.getvalue()
