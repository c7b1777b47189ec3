"""Answers to look at on the page: lost items, differing scores, and some right and wrong ones.

In: the tidy table, and the run's directory for what was asked. Out: a few rows as plain values. The
choice depends on the records alone; `item` of a row is what was asked, None where it is not at
hand.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd

from analyses import agreement
from analyses.attribution_examples import CORNERS, attribution_examples
from analyses.figures.parts.style import by_perceiver
from analyses.table.sizes import DECOUPLED, as_decoupled
from suite.base.json_values import rows_of
from suite.report.item_cards import cut, with_items
from suite.report.summary import MODES

LOST_EACH = 3
"""Lost items of a class, family and reasoning mode."""
MOST = 20
"""Differing texts: the first of every task and rule, then the second of each, and so on."""
LONGEST = 300
"""Characters of a differing text."""
RIGHT, WRONG = 2, 3
"""Answers of a chosen cell."""
CLASSES: dict[str, tuple[str, tuple[bool, ...]]] = {
    "perception_alone": ("larger perception alone mends it", (False, True, False, True)),
    "reasoning_alone": ("larger reasoning alone mends it", (False, False, True, True)),
    "either": ("either larger module mends it", (False, True, True, True)),
    "only_both": ("only both larger modules mend it", (False, False, False, True)),
    "bottleneck": ("solved end to end, by no pairing", (False, False, False, False)),
}
"""Class -> its text, and which of the four corners are right."""


def lost(frame: pd.DataFrame, folder: Path) -> list[dict[str, Any]]:
    """Gives a few items of each class of the attribution, of pairings after thinking where there
    are any: by whose fault they are lost."""
    table = by_perceiver(attribution_examples(frame, each=LOST_EACH))
    if table["thinking"].any():
        table = table[table["thinking"].astype(bool)]
    several = len(table["family"].unique()) > 1
    return with_items([_lost(row, several) for row in rows_of(table)], folder)[0]


def _lost(known: dict[str, Any], several: bool) -> dict[str, Any]:
    name, rights = CLASSES[str(known["class"])]
    seen = known["end_to_end"]
    read = [*(known[corner] for corner in CORNERS), seen]
    return {
        "class": f"{known['family']}: {name}" if several else name,
        "mode": MODES[bool(known["thinking"])],
        "task": known["task"],
        "category": known["category"],
        "item_id": known["item_id"],
        "answer": known["answer"],
        "answers": [
            {"read": text, "right": right}
            for text, right in zip(read, (*rights, seen is not None and seen == known["answer"]))
        ],
        "descriptions": [
            (f"{size} perception wrote", cut(known[f"description_{size}"]))
            for size in ("small", "large")
            if known[f"description_{size}"]
        ],
    }


def differing(frame: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Gives answers that the suite's parser and lmms-eval's own score tell apart.

    `rows` to show; `texts`, how many different ones there are; `answers`, in how many answers. All
    of them are in tables/agreement_differing.csv.
    """
    table = agreement.differing(frame)
    turn = table.groupby(["task", "rule"], sort=False).cumcount()
    chosen = table.loc[turn.sort_values(kind="stable").index[:MOST]].sort_index()
    return {
        "rows": with_items([_differing(row) for row in rows_of(chosen)], folder)[0],
        "texts": len(table),
        "answers": int(table["answers"].sum()),
    }


def _differing(known: dict[str, Any]) -> dict[str, Any]:
    same = ("task", "category", "item_id", "cell", "answer", "prediction", "rule", "answers")
    return {name: known[name] for name in (*same, "score", "lmms_score")} | {
        "text": cut(known["text"], LONGEST)
    }


def samples(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Gives RIGHT right and WRONG wrong answers of each chosen cell, in a fixed pseudo-random
    order."""
    chosen = []
    for cell in _cells(frame):
        rows = frame[(frame["cell"] == cell) & ~frame["failed"]]
        order = [
            hashlib.sha256(f"{t}/{i}".encode()).hexdigest()
            for t, i in zip(rows["task"], rows["item_id"])
        ]
        rows = rows.assign(order=order).sort_values("order")
        for mask, count in ((rows["score"] >= 0.5, RIGHT), (rows["score"] < 0.5, WRONG)):
            chosen += [_sample(row) for row in rows[mask].head(count).to_dict("records")]
    return chosen


def _cells(frame: pd.DataFrame) -> list[str]:
    """The largest end-to-end cell, and the largest and smallest decoupled pairing."""
    cells = as_decoupled(frame.drop_duplicates("cell"))
    found = []
    for method, last in (("end_to_end", True), (DECOUPLED, True), (DECOUPLED, False)):
        own = cells[cells["method"] == method]
        if method == DECOUPLED:
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
