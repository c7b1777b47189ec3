"""Accuracy of every cell on every task and category, with intervals: the table of a run.

In: the tidy table. Out: a row per cell, task and category. `group` is None for the whole task.
Rows whose `task` is `in_domain` are macro means over the cell's in-domain tasks; where cells differ
in tasks, `in_domain_shared` is the mean over those that every cell was run on, so that end-to-end
and decoupled cells compare.

Accuracy = mean over items of the mean score of an item's answers, a share; of a task out of domain
with categories the mean of its categories, of a domain the mean of its tasks, as in Endo and
Yeung-Levy 2025, arXiv:2511.17487, Table 2. `se`: cluster-robust over images (Miller 2024,
arXiv:2411.00640); `low`, `high`: 95 % cluster bootstrap (`analyses.contrasts.limits`). `adjusted` =
(accuracy - chance) / (1 - chance) (Abbott 1925): 0 is guessing, 1 all right.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analyses.contrasts.contrast import Contrast, contrast_table
from analyses.stats.arrays import Floats
from analyses.table.scores import CELL_COLUMNS, Group, Scores, scores_of

COLUMNS = (
    *CELL_COLUMNS,
    *("task", "group", "domain", "average", "n", "clusters", "accuracy", "low", "high", "se"),
    *("chance", "adjusted", "adjusted_low", "adjusted_high"),
    *("unparsed", "failed", "leaks", "reason"),
)
"""`accuracy`, `low`, `high`, `se`, `chance`: shares. `adjusted`: (accuracy - chance)/(1 - chance).
`n`: items with a score. `unparsed`: share of the scored rows (item x sample) without a readable
answer, which score 0. `failed`, `leaks`: numbers of rows. `reason`: why a number is missing."""


def cells(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives accuracy with interval, unparsed, failed, leaks of every cell x task x category."""
    scores = scores_of(frame)
    contrasts = [
        Contrast("accuracy", {str(cell["cell"]): 1.0}, labels={str(k): v for k, v in cell.items()})
        for cell in scores.cells.to_dict("records")
    ]
    table = contrast_table(scores, contrasts, CELL_COLUMNS, draws=draws, seed=seed)
    if not len(table):
        return pd.DataFrame(columns=list(scores.labels(COLUMNS)))
    table = table.rename(columns={"estimate": "accuracy"})
    for name, column in _beside(scores, frame, table).items():
        table[name] = column.astype(np.int64) if name in ("failed", "leaks") else column
    chance = table["chance"].to_numpy(dtype=np.float64)
    for name, end in (("", "accuracy"), ("_low", "low"), ("_high", "high")):
        with np.errstate(divide="ignore", invalid="ignore"):
            above = (table[end].to_numpy(dtype=np.float64) - chance) / (1 - chance)
        table[f"adjusted{name}"] = np.where(chance < 1, above, np.nan)
    return table[list(scores.labels(COLUMNS))]


def _beside(scores: Scores, frame: pd.DataFrame, table: pd.DataFrame) -> dict[str, Floats]:
    """Chance, unparsed rate, failed and leak counts of each row of the table."""
    failed = frame["failed"].to_numpy(dtype=bool)
    matrices = {
        "unparsed": scores.total(~frame["parsed"].to_numpy(dtype=bool) & ~failed),
        "answered": scores.total(~failed),
        "failed": scores.total(failed),
        "leaks": scores.total(frame["leak"].to_numpy(dtype=bool)),
    }
    groups = scores.groups()
    sums = {
        name: np.stack([matrix[group.rows].sum(axis=0) for group in groups])
        for name, matrix in matrices.items()
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        sums["unparsed"] = sums["unparsed"] / sums.pop("answered")
    sums["chance"] = _chance(scores, groups)
    at = {(group.task, group.group): g for g, group in enumerate(groups)}
    row = [at[task, group] for task, group in zip(table["task"], table["group"])]
    column = pd.Index(scores.cells["cell"]).get_indexer(table["cell"])
    return {name: matrix[row, column] for name, matrix in sums.items()}


def _chance(scores: Scores, groups: list[Group]) -> Floats:
    """Accuracy of guessing in each group and cell, averaged as the accuracies are."""
    chance = np.full((len(groups), len(scores.cells)), np.nan)
    of_item = scores.items["chance"].to_numpy(dtype=np.float64)
    for g, group in enumerate(groups):
        if group.members:
            members = chance[list(group.members)]
            known = ~np.isnan(members)
            total, count = np.where(known, members, 0.0).sum(axis=0), known.sum(axis=0)
        else:
            here = scores.planned[group.rows]
            total, count = (here * of_item[group.rows, None]).sum(axis=0), here.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            chance[g] = total / count
    return chance
