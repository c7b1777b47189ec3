"""Analyses whose numbers the page gives as tables beside their figures.

In: tables/<analysis>.csv of a run. Out: per analysis its headings and rows as plain values: the
means over tasks and the tasks outside the domain; tasks and categories stay in the CSV.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from analyses.figures.style import task_names
from analyses.registry import ANALYSES
from analyses.scores import IN_DOMAIN, SHARED
from suite.report import tables

NUMBERS = ("estimate", "low", "high", "n", "p")
IN_NUMBERS = ("marginal", "seeds", "agreement", "power")
"""Analyses whose p, errors or shares are read off a figure too coarsely."""


def sections(folder: Path) -> list[dict[str, Any]]:
    """A table per analysis of IN_NUMBERS; none where the study has no cells for it."""
    found = []
    for name in IN_NUMBERS:
        title = ANALYSES[name]
        rows = _means(tables.read(folder, name))
        if len(rows):
            found.append({"name": name, "title": title, **_content(rows)})
    return found


def _means(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of means over tasks and of whole tasks outside the domain."""
    means = table["task"].isin((IN_DOMAIN, SHARED)) | (table["domain"] != IN_DOMAIN)
    return table[means & table["group"].isna()]


def _content(rows: pd.DataFrame) -> dict[str, Any]:
    """`columns`: what tells rows apart, then numbers; `rows`: their values, None for missing."""
    rows = rows.assign(task=rows["task"].map(task_names(rows["task"])))
    texts = [name for name in rows.columns if name in tables.TEXT or rows[name].dtype == bool]
    texts = [name for name in texts if name not in ("domain", "average", "reason", "group")]
    texts = [name for name in texts if len(rows[name].unique()) > 1 or name == "task"]
    shown = [*texts, *(name for name in NUMBERS if name in rows and rows[name].notna().any())]
    values = rows[shown].astype(object).where(rows[shown].notna(), None)
    return {"columns": shown, "numbers": NUMBERS, "rows": values.to_numpy().tolist()}
