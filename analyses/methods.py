"""Methods side by side: what perception trained to describe brings, and the paper's Table 2.

In: the tidy table of a study with another perceiver than `instruct`. Out: rows per cell, task and
category

- `accuracy`, a share, with `params`, the parameters of both language models, and `samples`, the
  rows that the perceiver saw in training;
- `gain` of a pairing by another perceiver: its accuracy less that of `against`, paired by item:
  `end_to_end`, its perception size trained to answer, alone; `decoupled`, the baseline: perception
  trained to answer and the same reasoning size, answering directly; and what differs in nothing but
  the perceiver: `instruct` (after thinking) and `caption`.

`layout` gives the accuracies as Table 2 of Endo and Yeung-Levy 2025, arXiv:2511.17487: a row per
cell, a column per task, category and mean, with the ends of its interval. Intervals: 95 % paired
cluster bootstrap over images. Empty for a study of one perceiver, whose accuracies are in `cells`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from analyses.columns import INSTRUCT
from analyses.contrasts.contrast import Contrast, contrast_table
from analyses.table.scores import CELL_COLUMNS, IN_DOMAIN, SHARED, Scores, scores_of
from analyses.table.sizes import DECOUPLED, as_decoupled, total_params

ACCURACY, GAIN = "accuracy", "gain"
LABELS = (*CELL_COLUMNS, "params", "samples", "against")
ABOUT = ("cell", "method", "perceiver", "perception", "reasoning", "thinking", "params", "samples")
"""Columns of `layout` that say what a system is."""
Cell = Mapping[Hashable, Any]


def methods(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives rows per cell, quantity, task and category; see the module."""
    scores = scores_of(frame)
    contrasts = [*_accuracies(scores), *_gains(scores)] if scores.several else []
    return contrast_table(scores, contrasts, LABELS, draws=draws, seed=seed)


def layout(frame: pd.DataFrame) -> pd.DataFrame:
    """Gives a row per cell: ABOUT, then every task, category and mean with `low` and `high`."""
    scores = scores_of(frame)
    found = contrast_table(scores, _accuracies(scores) if scores.several else [], LABELS)
    about = [name for name in ABOUT if name in found]
    rows = found[about].drop_duplicates("cell").set_index("cell", drop=False)
    columns: dict[str, pd.Series] = {}
    for name, part in columns_of(found):
        own = part.set_index("cell")
        columns |= {name: own["estimate"]}
        columns |= {f"{name} {end}": own[end] for end in ("low", "high")}
    return pd.concat([rows, pd.DataFrame(columns, index=rows.index)], axis=1)


def columns_of(accuracies: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Splits accuracies by task and category, as Table 2 has its columns: tasks of the domain,
    their mean (of those that every cell was run on), then what is outside, categories first."""
    skipped = IN_DOMAIN if (accuracies["task"] == SHARED).any() else SHARED
    rows = accuracies[accuracies["task"] != skipped]
    outside = rows["domain"] != IN_DOMAIN
    mean = rows["task"].isin((IN_DOMAIN, SHARED))
    for part in (rows[~outside & ~mean], rows[mean], rows[outside]):
        for _, own in part.groupby(["task", "group"], sort=False, dropna=False):
            task, group = own["task"].iloc[0], own["group"].iloc[0]
            yield (str(task) if pd.isna(group) else f"{task}: {group}"), own


def _accuracies(scores: Scores) -> list[Contrast]:
    return [
        Contrast(ACCURACY, {cell: 1.0}, labels=labels | {"against": None})
        for cell, labels in _labels(scores).items()
    ]


def _gains(scores: Scores) -> Iterator[Contrast]:
    cells = as_decoupled(scores.cells).to_dict("records")
    named = _labels(scores)
    for cell in cells:
        if cell["method"] != DECOUPLED or cell["perceiver"] == INSTRUCT:
            continue
        for against, wanted in _references(cell):
            same = (own for own in cells if wanted.items() <= own.items())
            other = next((str(own["cell"]) for own in same), None)
            if other is not None:
                labels = named[str(cell["cell"])] | {"against": against}
                yield Contrast(GAIN, {str(cell["cell"]): 1.0, other: -1.0}, labels=labels)


def _references(cell: Cell) -> Iterator[tuple[str, dict[str, object]]]:
    """Name of what a pairing is held against -> what such a cell has."""
    base = {name: cell[name] for name in ("family", "perception")}
    yield "end_to_end", base | {"method": "end_to_end", "perceiver": INSTRUCT, "thinking": False}
    base |= {"method": DECOUPLED, "reasoning": cell["reasoning"]}
    yield "decoupled", base | {"perceiver": INSTRUCT, "thinking": False}
    if cell["thinking"]:
        yield INSTRUCT, base | {"perceiver": INSTRUCT, "thinking": True}
    if cell["perceiver"] != "caption":
        yield "caption", base | {"perceiver": "caption", "thinking": cell["thinking"]}


def _labels(scores: Scores) -> dict[str, dict[str, object]]:
    """Cell -> what a row says of it."""
    cells = scores.cells.assign(
        params=total_params(scores.cells), samples=scores.cells["perception_samples"]
    )
    rows = cells.to_dict("records")
    return {str(row["cell"]): {str(name): value for name, value in row.items()} for row in rows}
