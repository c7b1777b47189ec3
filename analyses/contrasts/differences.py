"""Two sides of a comparison as one resampled matrix: what every row of the comparison asks of.

In: `Pairs` (analyses.contrasts.two_runs). Out: `Paired`, with the interval, the test and the
smallest detectable difference of any group of items: a task, a category, a mean of tasks, all
items.

Several samples or seeds of a side are averaged item by item, and intervals and tests are over the
images alone: they speak of the answers of the seeds that were run. The sides are two runs, whose
seeds are no pairs, and a sign flip of images knows no seeds; what other seeds would change is the
`seed_error` of `analyses.seeds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analyses.contrasts.estimates import Estimates, estimate
from analyses.contrasts.limits import Limits
from analyses.contrasts.two_runs import Pairs
from analyses.stats.arrays import Floats, Ints
from analyses.stats.bootstrap import codes_of
from analyses.stats.detectable import Part, detectable_difference, spread_of
from analyses.stats.intervals import Resampled
from analyses.stats.signflip import Test, mcnemar, sign_flip
from analyses.table.scores import CELL_COLUMNS, SHARED, Group, scores_of

OVERALL, ALL_ITEMS = "overall", "all_items"
DIFFERENCE = 2
"""Column of the difference; 0 and 1 are baseline and candidate."""
SIDES = np.array([[1.0, 0.0, -1.0], [0.0, 1.0, 1.0]])
"""Weights of baseline and candidate in the three columns."""


@dataclass(frozen=True)
class Paired:
    """Scores of both sides and their difference, with what is averaged and how it varies."""

    scores: Floats
    """(items, 3): baseline, candidate, difference; NaN where either side has no answer."""
    items: pd.DataFrame
    """What each item is: task, category, cluster."""
    groups: tuple[Group, ...]
    resampled: Resampled
    codes: Ints
    """Cluster of each item."""
    independent: bool
    """Whether every cluster is one item, every item one pair, and every score 0 or 1."""
    seed: int
    """Of drawn sign flips."""

    @classmethod
    def of(cls, pairs: Pairs, draws: int, seed: int) -> Paired:
        """Gives the means, replicates and influence of every group."""
        table = pairs.table
        complete = table["baseline"].notna() & table["candidate"].notna()
        found = scores_of(_long(table, complete))
        scores = found.values @ SIDES  # noqa: PD011 (not a frame)
        groups = [group for group in found.groups() if group.task != SHARED]
        groups += _means(groups, len(scores))
        codes = codes_of(found.items["cluster"].to_numpy(dtype=str))
        known = table.loc[complete, ["baseline", "candidate"]].to_numpy(dtype=np.float64)
        alone = codes.max() + 1 == len(codes) == len(table)
        independent = bool(alone and np.isin(known, (0.0, 1.0)).all())
        every = np.ones(SIDES.shape, dtype=bool)
        result = estimate(found, SIDES, every, draws=draws, seed=seed, groups=groups)
        drawn = result.resampled
        return cls(scores, found.items, tuple(groups), drawn, codes, independent, seed)

    def changes(self, g: int) -> Floats:
        """Differences of a group's items that both sides answered."""
        found = self.scores[self.groups[g].rows, DIFFERENCE]
        return np.asarray(found[~np.isnan(found)], dtype=np.float64)

    def clusters(self, g: int) -> int:
        """Clusters of a group with such an item."""
        return int(self.resampled.clusters[g, DIFFERENCE])

    @cached_property
    def _ends(self) -> Limits:
        planned = np.ones((len(self.groups), len(SIDES[0])), dtype=bool)
        missing = np.zeros(planned.shape, dtype=np.int64)
        return Limits.of(
            Estimates(self.groups, self.resampled, planned, missing), SIDES, (0.0, 1.0)
        )

    def ends(self, g: int) -> tuple[float, float]:
        """Gives the interval of the difference (`analyses.contrasts.limits`); NaN where there is
        none."""
        return float(self._ends.low[g, DIFFERENCE]), float(self._ends.high[g, DIFFERENCE])

    def weights(self, g: int) -> Floats:
        """Weight of each item in a group's mean, 0 where it has no score; they sum to 1."""
        group = self.groups[g]
        if group.members:
            parts = [self.weights(member) for member in group.members]
            return np.asarray(np.mean(parts, axis=0), dtype=np.float64)
        weights = np.zeros(len(self.scores))
        known = group.rows[~np.isnan(self.scores[group.rows, DIFFERENCE])]
        weights[known] = 1 / max(len(known), 1)
        return weights

    def test(self, g: int) -> Test:
        """Gives the exact McNemar where it applies, else the sign flip of whole clusters."""
        if np.isnan(self.resampled.estimate[g, DIFFERENCE]):
            return Test(np.nan, "")
        if self.independent and not self.groups[g].members:
            changes = self.changes(g)
            return mcnemar(int((changes > 0).sum()), int((changes < 0).sum()))
        change = self.weights(g) * np.nan_to_num(self.scores[:, DIFFERENCE])
        return sign_flip(np.bincount(self.codes, change).astype(np.float64), self.seed)

    def detectable(self, g: int) -> float:
        """Smallest true difference that these items show with 80 % power; NaN where none is.

        `detectable_difference` with the discordance and design effect of the task, or of each task
        of a mean; images that tasks share multiply the design effects by what they make of the
        error of the mean.
        """
        members = self.groups[g].members or (g,)
        found = [self.changes(member) for member in members]
        if not all(len(changes) for changes in found):
            return np.nan
        errors = self.resampled.standard_error()[:, DIFFERENCE]
        alone = float(np.sqrt((errors[list(members)] ** 2).sum()) / len(members))
        shared = (float(errors[g]) / alone) ** 2 if alone > 1e-12 else 1.0
        spreads = [spread_of(changes, float(errors[m])) for m, changes in zip(members, found)]
        return detectable_difference(
            tuple(Part(len(d), psi, effect * shared) for d, (psi, effect) in zip(found, spreads)),
            clusters=self.clusters(g),
            binary=all(bool(np.isin(changes, (-1.0, 0.0, 1.0)).all()) for changes in found),
            exact=self.independent,
        )


def _long(table: pd.DataFrame, complete: pd.Series) -> pd.DataFrame:
    """The pairs as a tidy table of two cells; a pair that lacks an answer lacks both."""
    parts = []
    for name in ("baseline", "candidate"):
        blank = dict.fromkeys(CELL_COLUMNS, None) | {"cell": name, "thinking": False}
        own = blank | {"score": table[name].where(complete)}
        parts.append(table.drop(columns=["cell", "candidate_cell"]).assign(**own))
    both = pd.concat(parts, ignore_index=True)
    return both.assign(perception_params=np.nan, reasoning_params=np.nan)


def _means(groups: Sequence[Group], items: int) -> list[Group]:
    """The mean of all tasks and the mean of all items."""
    whole = [k for k, group in enumerate(groups) if group.group is None]
    whole = [k for k in whole if groups[k].average != "tasks"]
    rows = np.arange(items)
    return [
        Group(OVERALL, None, OVERALL, "tasks", rows, tuple(whole)),
        Group(ALL_ITEMS, None, OVERALL, "items", rows),
    ]
