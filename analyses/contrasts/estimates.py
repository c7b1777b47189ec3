"""Weighted sums of cells in all groups, resampled together: the numbers behind every contrast.

In: `Scores`, weights (cells, columns) and which cells an item must be scored in. Out: `Estimates`:
estimates, replicates and errors of every column in every task, category and mean over tasks, and
how many items are missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analyses.stats.arrays import Floats
from analyses.stats.intervals import Resampled, resample
from analyses.table.scores import Group, Scores


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
    """Estimates the columns `scores.values @ weights`; weights and cells_of (cells, columns).

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
