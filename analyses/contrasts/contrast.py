"""Linear comparisons of cells with paired intervals: the shape of almost every analysis here.

In: `Scores` and `Contrast`s (a weight per cell: an accuracy is {cell: 1}, a drop {large: 1,
small: -1}, a slope or an average any other weights). Out: a row per contrast and group with
estimate, interval, standard error and p.

Each contrast is one more column of the score matrix, sum of weight x score item by item, so only
items scored in every cell compared count, and the bootstrap of intervals.py pairs all of them
(`analyses.contrasts.estimates`). What the ends of each are: `analyses.contrasts.limits`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyses.contrasts.estimates import Estimates, estimate
from analyses.contrasts.limits import EXACT, Limits
from analyses.stats.arrays import Floats
from analyses.stats.intervals import holm
from analyses.table.scores import Scores, none_where_missing

__all__ = [
    "COLUMNS",
    "EXACT",
    "Contrast",
    "Estimates",
    "contrast_table",
    "estimate",
    "holm_over_tasks",
]

COLUMNS = (
    *("quantity", "task", "group", "domain", "average", "estimate", "low", "high"),
    *("se", "n", "clusters", "missing", "p", "p_holm", "reason"),
)
"""Columns of a contrast table, before the labels of its contrasts."""


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of cell accuracies, or the ratio of two."""

    quantity: str
    """What it is: accuracy, drop, gain ..."""
    weights: Mapping[str, float]
    """Cell -> weight."""
    over: Mapping[str, float] | None = None
    """Weights of the divisor of a ratio; both sums use the items scored in all cells of either."""
    labels: Mapping[str, object] = field(default_factory=dict)
    """More columns of the row."""


def contrast_table(
    scores: Scores,
    contrasts: Sequence[Contrast],
    labels: Sequence[str],
    *,
    draws: int = 2000,
    seed: int = 0,
    span: tuple[float | Floats, float] = (0.0, 1.0),
) -> pd.DataFrame:
    """Gives a row per contrast and group in which all its cells were run.

    Columns: `labels` (those of the contrasts; see `Scores.labels`), then COLUMNS. `span`: the
    least that a score can be, of each item or of all, and the most. p tests a difference against 0
    (t with the cluster-robust error; none for accuracies); p_holm corrects it over tasks, or over
    the categories of a task.
    """
    labels = scores.labels(labels)
    if not contrasts or not len(scores.items):
        return pd.DataFrame(columns=[*labels, *COLUMNS])
    weights, cells_of, ratio_of = _matrices(scores, contrasts)
    result = estimate(scores, weights, cells_of, draws=draws, seed=seed)
    ends = Limits.of(result, weights, span)
    rows = []
    for column, contrast in enumerate(contrasts):
        for g, group in enumerate(result.groups):
            if result.planned[g, column]:
                numbers = ends.row(g, column, ratio_of.get(column))
                named = {name: contrast.labels.get(name) for name in labels}
                rows.append(named | {"quantity": contrast.quantity} | group.labels | numbers)
    table = pd.DataFrame(rows, columns=[*labels, *COLUMNS])
    table["p_holm"] = holm_over_tasks(table, [*labels, "quantity"])
    text = [name for name in ("task", *labels) if table[name].dtype == object]
    return none_where_missing(table, ["group", "reason", *text])


def _matrices(
    scores: Scores, contrasts: Sequence[Contrast]
) -> tuple[Floats, npt.NDArray[np.bool_], dict[int, int]]:
    """Weights and needed cells (cells, columns), and the divisor's column of each ratio."""
    index = {cell: k for k, cell in enumerate(scores.cells["cell"])}
    columns = [contrast.weights for contrast in contrasts]
    needed = [{*contrast.weights, *(contrast.over or ())} for contrast in contrasts]
    ratio_of: dict[int, int] = {}
    for column, contrast in enumerate(contrasts):
        if contrast.over is not None:
            ratio_of[column] = len(columns)
            columns.append(contrast.over)
            needed.append(needed[column])
    weights = np.zeros((len(index), len(columns)))
    cells_of = np.zeros(weights.shape, dtype=bool)
    for column, parts in enumerate(columns):
        for cell, weight in parts.items():
            weights[index[cell], column] += weight
        cells_of[[index[cell] for cell in needed[column]], column] = True
    return weights, cells_of, ratio_of


def holm_over_tasks(
    table: pd.DataFrame, by: Sequence[str] = (), alone: Sequence[str] = ()
) -> Floats:
    """Adjusts p of each row: Holm over tasks, or the categories of one; a mean of tasks alone.

    Each set of values in the columns `by` is a study of its own. `alone`: tasks that are means.
    """
    adjusted = np.full(len(table), np.nan)
    mean = (table["average"] == "tasks") | table["task"].isin(alone)
    # The name of a row's family; the prefixes keep a task called «tasks» apart.
    family = np.where(table["group"].notna(), "in:" + table["task"], "tasks")
    family = np.where(mean, "mean:" + table["task"], family)
    p = table["p"].to_numpy(dtype=np.float64)
    keys = [*(table[name] for name in by), pd.Series(family, index=table.index)]
    for rows in table.groupby(keys, dropna=False, sort=False).indices.values():
        adjusted[rows] = holm(p[rows])
    return adjusted
