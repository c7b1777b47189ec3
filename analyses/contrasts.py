"""Linear comparisons of cells with paired intervals: the shape of almost every analysis here.

In: `Scores` and `Contrast`s (a weight per cell: an accuracy is {cell: 1}, a drop {large: 1,
small: -1}, a slope or an average any other weights). Out: a row per contrast and group with
estimate, interval, standard error and p.

The ends of an accuracy are never narrower than those of `intervals.share_ends`, because near 0 and
near 1 resampling sees too little; those of differences are the bootstrap's.

Each contrast is one more column of the score matrix, sum of weight x score item by item, so only
items scored in every cell compared count, and the bootstrap of intervals.py pairs all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyses.intervals import (
    Resampled,
    degenerate_interval,
    holm,
    quantiles,
    resample,
    share_ends,
)
from analyses.resampling import Floats
from analyses.scores import Group, Scores

COLUMNS = (
    *("quantity", "task", "group", "domain", "average", "estimate", "low", "high"),
    *("se", "n", "clusters", "missing", "p", "p_holm", "reason"),
)
"""Columns of a contrast table, before the labels of its contrasts."""

ZERO = 1e-12
"""Below this a divisor or an error is rounding."""
SAME_RATIO = "every draw gives the same ratio: resampling sees no spread"
EXACT = "every image gives the same value: exact bound in place of resampling"


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


@dataclass(frozen=True)
class Estimates:
    """All contrasts (columns) in all groups, resampled together."""

    groups: tuple[Group, ...]
    resampled: Resampled
    planned: npt.NDArray[np.bool_]
    """(groups, columns): whether every cell of the contrast was run on the group."""
    missing: npt.NDArray[np.int64]
    """(groups, columns): items run in every cell but not scored in one of them."""


def estimate(
    scores: Scores,
    weights: Floats,
    cells_of: npt.NDArray[np.bool_],
    *,
    draws: int,
    seed: int,
    groups: Sequence[Group] | None = None,
) -> Estimates:
    """Estimates of the columns `scores.values @ weights`; weights and cells_of (cells, columns).

    `cells_of` marks the cells whose score an item must have; a weight may be 0 there. `groups`:
    those of the scores where None; members stand before the groups that need them.
    """
    needed = cells_of.astype(np.float64)
    unplanned = (~scores.planned).astype(np.float64) @ needed > 0
    bad = np.isnan(scores.values).astype(np.float64) @ needed > 0
    seeds = scores.matrices()
    columns = np.hstack([_columns(values, weights, needed) for values in seeds])
    groups = scores.groups() if groups is None else groups
    leaves = [k for k, group in enumerate(groups) if not group.members]
    result = resample(
        columns,
        scores.items["cluster"].to_numpy(dtype=str),
        {str(k): groups[k].rows for k in leaves},
        scores.items["stratum"].to_numpy(dtype=str),
        draws=draws,
        seed=seed,
    )
    if len(seeds) > 1:
        result = result.over_seeds(len(seeds), seed)
    planned = np.zeros((len(groups), weights.shape[1]), dtype=bool)
    missing = np.zeros(planned.shape, dtype=np.int64)
    for k, group in enumerate(groups):
        planned[k] = (~unplanned[group.rows]).any(axis=0)
        missing[k] = (bad[group.rows] & ~unplanned[group.rows]).sum(axis=0)
    position = {k: at for at, k in enumerate(leaves)}
    for k, group in enumerate(groups):
        if group.members:
            members = np.zeros((len(position), weights.shape[1]), dtype=bool)
            for member in group.members:
                members[position[member]] = planned[member]
            result = result.with_means_of_groups(members)
            position[k] = len(position)
    order = [position[k] for k in range(len(groups))]
    return Estimates(tuple(groups), result.take(order), planned, missing)


def _columns(values: Floats, weights: Floats, needed: Floats) -> Floats:
    """The contrast of each item, (items, columns); NaN where a needed cell has no score."""
    bad = np.isnan(values).astype(np.float64) @ needed > 0
    return np.where(bad, np.nan, np.nan_to_num(values) @ weights)


def contrast_table(
    scores: Scores,
    contrasts: Sequence[Contrast],
    labels: Sequence[str],
    *,
    draws: int = 2000,
    seed: int = 0,
    span: tuple[float | Floats, float] = (0.0, 1.0),
) -> pd.DataFrame:
    """One row per contrast and group in which all its cells were run.

    Columns: `labels` (those of the contrasts), then COLUMNS. `span`: the least that a score can be,
    of each item or of all, and the most. p tests a difference against 0 (t with the cluster-robust
    error; none for accuracies); p_holm corrects it over tasks, or over the categories of a task.
    """
    if not contrasts or not len(scores.items):
        return pd.DataFrame(columns=[*labels, *COLUMNS])
    weights, cells_of, ratio_of = _matrices(scores, contrasts)
    result = estimate(scores, weights, cells_of, draws=draws, seed=seed)
    ends = _Ends.of(result, weights, span)
    rows = []
    for column, contrast in enumerate(contrasts):
        for g, group in enumerate(result.groups):
            if result.planned[g, column]:
                numbers = ends.row(g, column, ratio_of.get(column))
                named = {name: contrast.labels.get(name) for name in labels}
                rows.append(named | {"quantity": contrast.quantity} | _names(group) | numbers)
    table = pd.DataFrame(rows, columns=[*labels, *COLUMNS])
    table["p_holm"] = holm_over_tasks(table, [*labels, "quantity"])
    for name in ("task", "group", "reason", *labels):
        if table[name].dtype == object or name in ("group", "reason"):
            table[name] = table[name].astype(object).where(table[name].notna(), None)
    return table


@dataclass(frozen=True)
class _Ends:
    """Estimates with their interval ends."""

    result: Estimates
    low: Floats
    high: Floats
    se: Floats
    p: Floats
    least: Floats
    """(groups, columns): the least that the contrast can be."""
    most: Floats
    is_difference: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, result: Estimates, weights: Floats, span: tuple[float | Floats, float]) -> _Ends:
        low, high = result.resampled.interval()
        up, down = np.maximum(weights, 0).sum(axis=0), np.minimum(weights, 0).sum(axis=0)
        bottom = _least_scores(result.groups, span[0])[:, None]
        least, most = up * bottom + down * span[1], up * span[1] + down * bottom
        se, p = result.resampled.standard_error(), result.resampled.p_value()
        differs = np.asarray((weights < 0).any(axis=0))
        centre, half = _of_shares(result, se, least, most)
        low = np.where(differs, low, np.minimum(low, centre - half))
        high = np.where(differs, high, np.maximum(high, centre + half))
        # Draws of seeds have no bounds; accuracies have.
        low, high = np.clip(low, least, most), np.clip(high, least, most)
        return cls(result, low, high, se, p, least, most, differs)

    def row(self, g: int, column: int, divisor: int | None) -> dict[str, object]:
        """One contrast in one group; `divisor` is the column of a ratio's divisor."""
        data = self.result.resampled
        numbers: dict[str, object] = {
            "estimate": data.estimate[g, column],
            "low": self.low[g, column],
            "high": self.high[g, column],
            "se": self.se[g, column],
            "n": int(data.n[g, column]),
            "clusters": int(data.clusters[g, column]),
            "missing": int(self.result.missing[g, column]),
            "p": self.p[g, column] if self.is_difference[column] else np.nan,
            "p_holm": np.nan,
            "reason": self._reason(g, column),
        }
        if divisor is not None:
            return numbers | self._ratio(g, column, divisor)
        if self._flat(g, column):
            low, high = self._exact(g, column)
            numbers |= {"low": low, "high": high, "reason": EXACT}
        return numbers

    def _flat(self, g: int, column: int) -> bool:
        return bool(self.result.resampled.clusters[g, column] >= 2 and self.se[g, column] < ZERO)

    def _exact(self, g: int, column: int) -> tuple[float, float]:
        members = [m for m in self.result.groups[g].members if self.result.planned[m, column]]
        if members:  # conservative: every member at its end at once
            ends = np.array([self._exact(m, column) for m in members])
            return float(ends[:, 0].mean()), float(ends[:, 1].mean())
        data = self.result.resampled
        bounds = float(self.least[g, column]), float(self.most[g, column])
        return degenerate_interval(
            float(data.estimate[g, column]), int(data.clusters[g, column]), *bounds
        )

    def _reason(self, g: int, column: int) -> str | None:
        data, missing = self.result.resampled, int(self.result.missing[g, column])
        if not data.n[g, column]:
            return f"no item has a score in every cell compared ({missing} missing)"
        if np.isnan(data.estimate[g, column]):
            return "a task or category of this mean has no item with a score in every cell"
        if data.clusters[g, column] < 2:
            return "one image: an interval needs at least two"
        return None

    def _ratio(self, g: int, column: int, divisor: int) -> dict[str, object]:
        data = self.result.resampled
        below = data.estimate[g, divisor]
        unknown: dict[str, object] = dict.fromkeys(("estimate", "low", "high", "se", "p"), np.nan)
        if not below > ZERO:
            return unknown | {"reason": self._reason(g, column) or "the divisor is not above 0"}
        value = float(data.estimate[g, column] / below)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = data.replicates[:, g, column] / data.replicates[:, g, divisor]
        ratios[~(data.replicates[:, g, divisor] > ZERO)] = np.nan
        if data.clusters[g, column] < 2:
            return unknown | {"estimate": value}
        if self._flat(g, column) and self._flat(g, divisor):
            reason = "every image gives the same value: resampling sees no spread"
            return unknown | {"estimate": value, "reason": reason}
        if np.isnan(ratios).mean() > 0.025:
            reason = "the divisor is not above 0 in more than 2.5 % of the draws"
            return unknown | {"estimate": value, "reason": reason}
        if np.nanmax(ratios) - np.nanmin(ratios) < ZERO:  # nothing is left, or nothing is lost
            return unknown | {"estimate": value, "reason": SAME_RATIO}
        tails = (tail[g, column] for tail in data.tails())
        low, high = (float(quantiles(ratios[:, None], tail)[0]) for tail in tails)
        spread = float(np.nanstd(ratios, ddof=1))
        return unknown | {"estimate": value, "low": low, "high": high, "se": spread}


def _least_scores(groups: Sequence[Group], least: float | Floats) -> Floats:
    """The least that the mean score of each group can be, (groups,)."""
    found = np.zeros(len(groups))
    for g, group in enumerate(groups):
        parts = found[list(group.members)] if group.members else np.asarray(least)
        if not group.members and parts.ndim:
            parts = parts[group.rows].min()
        found[g] = parts.mean()
    return found


def _of_shares(result: Estimates, se: Floats, least: Floats, most: Floats) -> tuple[Floats, Floats]:
    """`share_ends` of every group and column; of a mean, the mean of its members' with independent
    errors."""
    data = result.resampled
    centre, half = share_ends(data.estimate, se, data.clusters, least, most)
    for g, group in enumerate(result.groups):
        if group.members:
            inside = result.planned[list(group.members)]
            count = np.maximum(inside.sum(axis=0), 1)
            parts = (np.where(inside, part[list(group.members)], 0.0) for part in (centre, half))
            middle, reach = parts
            centre[g], half[g] = middle.sum(axis=0) / count, np.sqrt((reach**2).sum(axis=0)) / count
    return centre, half


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


def _names(group: Group) -> dict[str, object]:
    return {
        "task": group.task,
        "group": group.group,
        "domain": group.domain,
        "average": group.average,
    }


def holm_over_tasks(table: pd.DataFrame, by: list[str]) -> Floats:
    """Holm over the tasks of a contrast; over the categories of one task; a macro mean alone."""
    adjusted = np.full(len(table), np.nan)
    macro = table["average"] == "tasks"
    whole = table["group"].isna()
    family = np.where(macro, "macro:" + table["task"], np.where(whole, "tasks", table["task"]))
    p = table["p"].to_numpy(dtype=np.float64)
    keys = [*(table[name] for name in by), pd.Series(family, index=table.index)]
    for rows in table.groupby(keys, dropna=False, sort=False).indices.values():
        adjusted[rows] = holm(p[rows])
    return adjusted
