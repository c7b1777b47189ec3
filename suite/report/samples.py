"""Answers to read: some right and some wrong, of the cells that tell most.

In: the tidy table, and the run's directory for what was asked. Out: a few rows as plain values. The
choice depends on the records alone; question, options and images come from the item cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from suite import run_items
from suite.items import Item, ItemSet
from suite.parsing.options import LETTERS
from suite.report.pictures import Album

RIGHT, WRONG = 2, 3
IMAGES = 4
"""Images of an item that the page shows; the others are counted."""
LONGEST = 1500
"""Characters of a text that the page shows."""


def choose(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """RIGHT right and WRONG wrong answers of each chosen cell, in a fixed pseudo-random order."""
    chosen = []
    for cell in _cells(frame):
        rows = frame[(frame["cell"] == cell) & ~frame["failed"]]
        order = [hashlib.sha256(f"{t}/{i}".encode()).hexdigest() for t, i in _names(rows)]
        rows = rows.assign(order=order).sort_values("order")
        for mask, count in ((rows["score"] >= 0.5, RIGHT), (rows["score"] < 0.5, WRONG)):
            chosen += [_sample(row) for row in rows[mask].head(count).to_dict("records")]
    return chosen


def with_items(
    rows: Sequence[dict[str, Any]], folder: Path
) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows with `item`, what was asked, and a sentence for each reason why rows lack it.

    `item` holds question, options (letter, text, whether it is the gold one), images (address or
    None, alternative text) and `more`, the number of images that are not shown.
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
    }


def _names(rows: pd.DataFrame) -> zip[tuple[object, object]]:
    return zip(rows["task"], rows["item_id"])


def _cells(frame: pd.DataFrame) -> list[str]:
    """The largest end-to-end cell, and the largest and smallest decoupled pairing."""
    cells = frame.drop_duplicates("cell")
    found = []
    for method, last in (("end_to_end", True), ("decoupled", True), ("decoupled", False)):
        own = cells[cells["method"] == method]
        if method == "decoupled":
            own = own[own["thinking"]] if own["thinking"].any() else own
        own = own.sort_values(["perception_params", "reasoning_params"], kind="stable")
        if len(own):
            found.append(str(own["cell"].iloc[-1 if last else 0]))
    if not found and len(cells):
        found = [str(cells["cell"].iloc[0])]
    return list(dict.fromkeys(found))


def _sample(row: dict[Any, Any]) -> dict[str, Any]:
    """What the page shows of a row; missing texts are None."""
    texts = {
        name: cut(row[name])
        for name in ("description", "thinking_text", "text", "prediction", "answer", "rule")
    }
    return texts | {
        "cell": row["cell"],
        "task": row["task"],
        "category": row["category"],
        "item_id": row["item_id"],
        "right": row["score"] >= 0.5,
        "score": float(row["score"]),
        "leak": bool(row["leak"]),
    }


def cut(text: object, longest: int = LONGEST) -> str | None:
    """A text as the page shows it, at most `longest` characters; None where it is missing."""
    if text is None or pd.isna(text):  # type: ignore[call-overload]
        return None
    whole = str(text)
    return whole if len(whole) <= longest else whole[:longest] + " … (cut)"
