"""Items to look at by whose fault they are: a few of each class of the attribution.

In: the tidy table and the run's directory. Out: plain values for the page's table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from analyses.attribution_examples import CORNERS, attribution_examples
from suite.report import samples

EACH = 3
"""Items of a class, family and reasoning mode."""
CLASSES: dict[str, tuple[str, tuple[bool, ...]]] = {
    "perception_alone": ("larger perception alone mends it", (False, True, False, True)),
    "reasoning_alone": ("larger reasoning alone mends it", (False, False, True, True)),
    "either": ("either larger module mends it", (False, True, True, True)),
    "only_both": ("only both larger modules mend it", (False, False, False, True)),
    "bottleneck": ("solved end to end, by no pairing", (False, False, False, False)),
}
"""Class -> its text, and which of the four corners are right."""
MODES = {False: "answering directly", True: "after thinking"}


def examples(frame: pd.DataFrame, folder: Path) -> list[dict[str, Any]]:
    """A row per example, of pairings after thinking where there are any.

    `item` is what was asked, None where it is not at hand.
    """
    table = attribution_examples(frame, each=EACH)
    if table["thinking"].any():
        table = table[table["thinking"].astype(bool)]
    several = len(table["family"].unique()) > 1
    rows = [_row({str(k): v for k, v in row.items()}, several) for row in table.to_dict("records")]
    return samples.with_items(rows, folder)[0]


def mode(frame: pd.DataFrame) -> str:
    """How the pairings of `examples` answer."""
    return MODES[bool(frame.loc[frame["method"] == "decoupled", "thinking"].any())]


def _row(example: dict[str, Any], several: bool) -> dict[str, Any]:
    known = {name: None if pd.isna(value) else value for name, value in example.items()}
    name, rights = CLASSES[str(known["class"])]
    seen = known["end_to_end"]
    read = [*(known[corner] for corner in CORNERS), seen]
    return {
        "class": f"{known['family']}: {name}" if several else name,
        "task": known["task"],
        "category": known["category"],
        "item_id": known["item_id"],
        "answer": known["answer"],
        "answers": [
            {"read": text, "right": right}
            for text, right in zip(read, (*rights, seen is not None and seen == known["answer"]))
        ],
        "descriptions": [
            (f"{size} perception wrote", samples.cut(known[f"description_{size}"]))
            for size in ("small", "large")
            if known[f"description_{size}"]
        ],
    }
