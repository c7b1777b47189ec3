"""What an item asked, as the page shows it: question, options, and images small enough to stand in
it.

In: rows that name items, and the run's directory, whose items are in the item cache. Out: the rows
with plain values; images as data addresses, each of about LARGEST bytes at most before encoding,
and no more than BUDGET bytes of them on a page.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from suite.items.item import LETTERS, Item, ItemSet
from suite.runs import items as run_items

IMAGES = 4
"""Images of an item that the page shows; the others are counted."""
LONGEST = 40_000
"""Characters of a text that the page holds; it folds what is longer than a few lines."""
SIDE = 320
"""Longest side of an image on the page, pixels."""
LARGEST = 40_000
"""Bytes of one image."""
BUDGET = 1_200_000
"""Bytes of all images of a page."""
QUALITIES = (80, 60, 40, 20)
"""JPEG qualities, tried until an image is small enough."""


def with_items(
    rows: Sequence[dict[str, Any]], folder: Path
) -> tuple[list[dict[str, Any]], list[str]]:
    """Gives the rows with `item`, what was asked, and a sentence for each reason why rows lack it.

    `item` holds question, options (letter, text, whether it is the gold one), images (address or
    None, alternative text), `more`, the number of images that are not shown, and `asked`, the item
    itself.
    """
    found, reasons = run_items.cached(folder, dict.fromkeys(row["task"] for row in rows))
    album = Album()
    known = {(task, item.item_id): item for task, own in found.items() for item in own.items}
    shown = []
    for row in rows:
        item = known.get((row["task"], row["item_id"]))
        asked = None if item is None else _asked(item, found[item.task], album)
        shown.append({**row, "item": asked})
    return shown, list(dict.fromkeys(reasons.values()))


def _asked(item: Item, items: ItemSet, album: Album) -> dict[str, Any]:
    images = []
    for number, name in enumerate(item.images[:IMAGES], 1):
        which = f"Image {number} of {len(item.images)}" if len(item.images) > 1 else "The image"
        what = f": {cut(item.gold_description)}" if item.gold_description else "."
        data = items.image_bytes.get(name)
        address = album.address(data) if data is not None else None
        images.append({"source": address, "alt": f"{which} of item {item.item_id}{what}"})
    return {
        "question": cut(item.question),
        "options": [
            {"letter": letter, "text": cut(text), "gold": letter == item.answer}
            for letter, text in zip(LETTERS, item.options)
        ],
        "images": images,
        "more": max(0, len(item.images) - IMAGES),
        "asked": item,
    }


def cut(text: object, longest: int = LONGEST) -> str | None:
    """Gives a text of at most `longest` characters; None where it is missing."""
    if text is None or pd.isna(text):  # type: ignore[call-overload]
        return None
    whole = str(text)
    return whole if len(whole) <= longest else whole[:longest] + " … (cut)"


class Album:
    """The images of one page, which share its budget."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._left = budget

    def address(self, data: bytes) -> str | None:
        """Gives an image as a data address; None for no image, or where the page has no room."""
        small = shrunk(data)
        if small is None or len(small) > self._left:
            return None
        self._left -= len(small)
        kind = {b"\x89PNG": "png", b"RIFF": "webp"}.get(small[:4], "jpeg")
        return f"data:image/{kind};base64,{base64.b64encode(small).decode()}"


def shrunk(data: bytes) -> bytes | None:
    """Gives an image that is small already with every pixel as it is, a PNG as WebP, which takes
    half; else a smaller JPEG; None for no image."""
    from PIL import features

    from tasks.pictures import NoPicture, opened, shown

    try:
        image = opened(data)
        if image.format in ("PNG", "JPEG") and len(data) <= LARGEST and max(image.size) <= SIDE:
            colours = image.mode == "RGB" and set(image.info) <= {"dpi", "srgb"}
            if image.format == "PNG" and colours and features.check("webp"):
                return min(data, _written(image, "WEBP", lossless=True), key=len)
            return data
        flat = shown(image)
    except NoPicture:
        return None
    flat.thumbnail((SIDE, SIDE))
    for quality in QUALITIES:
        written = _written(flat, "JPEG", quality=quality, optimize=True)
        if len(written) <= LARGEST:
            break
    return written


def _written(image: Any, kind: str, **how: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()
