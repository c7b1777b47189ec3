"""Answers to read: some right and some wrong, of the cells that tell most.

In: the tidy table. Out: a few rows as plain values. The choice depends on the records alone.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pandas as pd

RIGHT, WRONG = 2, 3
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
        name: _cut(row[name])
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


def _cut(text: object) -> str | None:
    if text is None or pd.isna(text):  # type: ignore[call-overload]
        return None
    whole = str(text)
    return whole if len(whole) <= LONGEST else whole[:LONGEST] + " … (cut)"
