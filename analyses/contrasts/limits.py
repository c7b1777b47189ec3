"""Ends of estimates: intervals of accuracies, of differences, of ratios, and why one is missing.

In: `Estimates` (analyses.contrasts.estimates) with their weights. Out: `Ends`, which gives the
numbers of a row of a contrast table: estimate, interval, error, p, counts, reason.

The ends are the bootstrap's (expanded percentile, `analyses.stats.replicates`), those of a ratio
the quantiles of its draws at the same tails. Those of an accuracy or a difference are never
narrower than the adjusted Wald interval (`intervals.share_ends`), because resampling sees too
little near 0 and 1 and where few images change: with one loss in 60 it cannot tell a true loss of 0
from one of .05. Its pseudo-observations stand at the bounds of an accuracy, and for a difference at
plus and minus the largest change of any image, at least that of one item which changes as much as
it can (Bonett and Price 2012, J. Educ. Behav. Stat. 37). Where every image gives the same value the
ends reach the exact bound (`intervals.degenerate_interval`). Of a mean of tasks the half widths of
the tasks add as independent errors do. p stays that of the t test with the cluster-robust error:
where few images change, an interval may hold 0 beside a p below .05, which the row's `reason` then
says (`at_odds`); go by the interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analyses.contrasts.estimates import Estimates
from analyses.stats.arrays import ZERO, Floats, Row, unknown
from analyses.stats.intervals import at_odds, degenerate_interval, share_ends, unseen_share
from analyses.stats.replicates import Drawn
from analyses.table.scores import Group

ALONE = "a task or category of this mean has one image: an interval needs at least two of each"
SAME_RATIO = "every draw gives the same ratio: resampling sees no spread"
"""Nothing is left, or nothing is lost."""
NO_DIVISOR = "the divisor is not above 0 in more than 2.5 % of the draws"
EXACT = "every image gives the same value: exact bound in place of resampling"
T_TEST = "p is of the t test, the interval also of the few images that change; go by the interval"


@dataclass(frozen=True)
class Limits:
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
    def of(cls, result: Estimates, weights: Floats, span: tuple[float | Floats, float]) -> Limits:
        low, high = result.resampled.interval()
        up, down = np.maximum(weights, 0).sum(axis=0), np.minimum(weights, 0).sum(axis=0)
        bottom = _least_scores(result.groups, span[0])[:, None]
        least, most = up * bottom + down * span[1], up * span[1] + down * bottom
        se, p = result.resampled.standard_error(), result.resampled.p_value()
        differs = np.asarray((weights < 0).any(axis=0))
        data = result.resampled
        same = differs & (se < ZERO) & (np.abs(data.estimate) < ZERO)
        with np.errstate(divide="ignore", invalid="ignore"):
            exact = np.where(same, unseen_share(data.clusters) * most, 0.0)
            change = np.maximum(data.largest, most * data.clusters / data.n)
        bounds = np.where(differs, -change, least), np.where(differs, change, most)
        centre, half = _adjusted(result, se, *bounds, exact)
        low, high = np.minimum(low, centre - half), np.maximum(high, centre + half)
        # Draws of seeds have no bounds; accuracies have.
        low, high = np.clip(low, least, most), np.clip(high, least, most)
        return cls(result, low, high, se, p, least, most, differs)

    def row(self, g: int, column: int, divisor: int | None) -> Row:
        """Gives one contrast in one group; `divisor` is the column of a ratio's divisor."""
        data = self.result.resampled
        numbers: Row = {
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
        flat = self._flat(g, column)
        if self._has_one_image(g, column) and not (flat and divisor is None):
            reason = numbers["reason"] or ALONE
            numbers |= unknown(estimate=numbers["estimate"], reason=reason)
            below = 1.0 if divisor is None else float(data.estimate[g, divisor])
            if below > ZERO:
                return numbers | {"estimate": float(data.estimate[g, column]) / below}
        if divisor is not None:
            return numbers | self._ratio(g, column, divisor)
        if flat:
            low, high = self._exact(g, column)
            low, high = min(low, self.low[g, column]), max(high, self.high[g, column])
            numbers |= {"low": low, "high": high, "reason": EXACT}
        p, low, high = (float(str(numbers[name])) for name in ("p", "low", "high"))
        return numbers | {"reason": numbers["reason"] or at_odds(p, low, high, T_TEST)}

    def _members(self, g: int, column: int) -> list[int]:
        members = self.result.groups[g].members
        return [m for m in members if self.result.planned[m, column]]

    def _has_one_image(self, g: int, column: int) -> bool:
        """Whether a mean has a member of one image, whose part of the spread nobody can know."""
        clusters = self.result.resampled.clusters
        return any(
            clusters[m, column] < 2 or self._has_one_image(m, column)
            for m in self._members(g, column)
        )

    def _flat(self, g: int, column: int) -> bool:
        return bool(self.result.resampled.clusters[g, column] >= 2 and self.se[g, column] < ZERO)

    def _exact(self, g: int, column: int) -> tuple[float, float]:
        data, members = self.result.resampled, self._members(g, column)
        if members:
            ends = np.array([self._exact(m, column) for m in members])
            reach = np.abs(ends - data.estimate[members, column][:, None])
            low, high = np.sqrt((reach**2).sum(axis=0)) / len(members)
            value = float(data.estimate[g, column])
            return value - float(low), value + float(high)
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

    def _ratio(self, g: int, column: int, divisor: int) -> Row:
        data = self.result.resampled
        below = data.estimate[g, divisor]
        if not below > ZERO:
            return unknown(reason=self._reason(g, column) or "the divisor is not above 0")
        value = float(data.estimate[g, column] / below)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = data.replicates[:, g, column] / data.replicates[:, g, divisor]
        ratios[~(data.replicates[:, g, divisor] > ZERO)] = np.nan
        if data.clusters[g, column] < 2:
            return unknown(estimate=value)
        if self._flat(g, column) and self._flat(g, divisor):
            reason = "every image gives the same value: resampling sees no spread"
            return unknown(estimate=value, reason=reason)
        tails = [float(tail[g, column]) for tail in data.tails()]
        drawn = Drawn.of(ratios, tails, unknown=NO_DIVISOR, same=SAME_RATIO)
        return unknown(estimate=value, **vars(drawn))


def _least_scores(groups: Sequence[Group], least: float | Floats) -> Floats:
    """The least that the mean score of each group can be, (groups,)."""
    found = np.zeros(len(groups))
    for g, group in enumerate(groups):
        parts = found[list(group.members)] if group.members else np.asarray(least)
        if not group.members and parts.ndim:
            parts = parts[group.rows].min()
        found[g] = parts.mean()
    return found


def _adjusted(
    result: Estimates, se: Floats, least: Floats, most: Floats, exact: Floats
) -> tuple[Floats, Floats]:
    """`share_ends` of every group and column; of a mean, the mean of its members' with independent
    errors. `exact`: what the half width is at least, where no image changes."""
    data = result.resampled
    centre, half = share_ends(data.estimate, se, data.clusters, least, most)
    half = np.where(exact > 0, np.fmax(half, exact), half)
    for g, group in enumerate(result.groups):
        if group.members:
            inside = result.planned[list(group.members)]
            count = np.maximum(inside.sum(axis=0), 1)
            parts = (np.where(inside, part[list(group.members)], 0.0) for part in (centre, half))
            middle, reach = parts
            centre[g], half[g] = middle.sum(axis=0) / count, np.sqrt((reach**2).sum(axis=0)) / count
    return centre, half
