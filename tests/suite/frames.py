"""Rows of the tidy table for given items, every declared column filled.

In: an item and the values that matter. Out: a row; what is not given has a plain default.
"""

from __future__ import annotations

from typing import Any

from analyses.columns import COLUMNS
from suite.items.item import Item

EMPTY: dict[str, Any] = {"bool": False, "int": 0, "float": 0.0, "string": ""}


def record(item: Item, **values: Any) -> dict[str, Any]:
    """A row about an item; columns that may be missing are, unless they are given."""
    row = {c.name: None if c.null else EMPTY[c.dtype] for c in COLUMNS}
    about = {
        "study": "s",
        "method": str(values.get("cell", "")).partition("/")[0],
        "family": "micro",
        "task": item.task,
        "domain": "in_domain",
        "category": item.category,
        "item_id": item.item_id,
        "image_id": item.image_id,
        "n_options": len(item.options),
        "chance": item.chance,
        "answer": item.answer,
    }
    return row | about | values
