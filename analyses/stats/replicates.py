"""What a bootstrap found: means with their replicates, and the intervals and errors these give.

In: the parts that `analyses.stats.intervals.resample` fills in. Out: `Resampled`, with intervals,
standard errors, degrees of freedom, p values, means of groups and means over seeds; `Drawn`, the
ends of the draws of any number made of them.

Sources: Hesterberg 2014, arXiv:1411.5279 (expanded percentile); Miller 2024, arXiv:2411.00640
(error).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtr, stdtrit

from analyses.stats import seed_spread
from analyses.stats.arrays import ZERO, Floats, Ints
from analyses.stats.bootstrap import Influence


def expanded_tail(half: float, degrees: float | Floats | Ints, narrow: float | Floats) -> Floats:
    """Tail probability whose quantile ends an expanded percentile interval, Hesterberg 2014.

    Phi(t_half / narrow), t with `degrees`; `narrow` is the ratio of the bootstrap's error to the
    unbiased one, sqrt(1 - 1 / C) over C clusters.
    """
    return np.asarray(ndtr(stdtrit(degrees, half) / narrow), dtype=np.float64)


def expanded_tails(clusters: int, degrees: float | None = None) -> tuple[float, float]:
    """Gives both tails of a 95 % expanded percentile interval over C clusters, C - 1 degrees or
    others.

    Fewer than two clusters count as two.
    """
    count = max(clusters, 2)
    free = count - 1 if degrees is None else degrees
    tail = float(expanded_tail(0.025, free, np.sqrt(1 - 1 / count)))
    return tail, 1 - tail


@dataclass(frozen=True)
class Drawn:
    """What the draws of one number say of it; NaN with a reason where they say nothing."""

    low: float
    high: float
    se: float
    reason: str | None = None

    @classmethod
    def of(
        cls, draws: Floats, tails: Sequence[float], *, unknown: str = "", same: str = ""
    ) -> Drawn:
        """Ends at both tails and standard deviation of draws (draws,), NaN where one has no value.

        `unknown`: the reason where more than 2.5 % of them have none; `same`: where all are alike.
        Left empty, the ends are given there too.
        """
        if unknown and np.isnan(draws).mean() > 0.025:
            return cls(np.nan, np.nan, np.nan, unknown)
        if same and np.nanmax(draws) - np.nanmin(draws) < ZERO:
            return cls(np.nan, np.nan, np.nan, same)
        low, high = (float(quantiles(draws[:, None], tail)[0]) for tail in tails)
        return cls(low, high, float(np.nanstd(draws, ddof=1)))


@dataclass(frozen=True)
class Resampled:
    """Means of every column in every group, with paired bootstrap replicates."""

    estimate: Floats
    """Mean over the items with a score, (groups, columns); NaN where there is none."""
    replicates: Floats
    """The same statistic in every draw, (draws, groups, columns)."""
    n: Ints
    """Items with a score, (groups, columns)."""
    clusters: Ints
    """Clusters with such an item, (groups, columns)."""
    influence: tuple[Influence, ...]
    """One per group."""
    largest: Floats
    """Largest absolute C x (sum over a cluster) / n, whose mean over the C clusters is the
    estimate, (groups, columns); NaN of a mean of groups."""
    seed_means: Floats | None = None
    """The mean in every seed, (seeds, groups, columns), NaN where not run; None for one seed."""

    def standard_error(self) -> Floats:
        """Standard error of each mean, (groups, columns); NaN below two clusters.

        `item_error`, and where there are several seeds the root of its square and that of the
        seeds' (`analyses.stats.seed_spread`).
        """
        items = self.item_error()
        if self.seed_means is None:
            return items
        return np.asarray(np.hypot(items, seed_spread.error(self.seed_means)))

    def degrees(self) -> Floats:
        """Degrees of freedom of that error: C - 1 (at least 1), with seeds Satterthwaite's."""
        own = np.maximum(self.clusters - 1, 1).astype(np.float64)
        if self.seed_means is None:
            return own
        return seed_spread.degrees(self.item_error(), own, self.seed_means)

    def item_error(self) -> Floats:
        """Cluster-robust standard error of each mean, (groups, columns); NaN below two clusters.

        sqrt(C / (C - 1) * sum over clusters of (sum of residuals / n)^2): Miller 2024 with the
        finite-sample factor; equal to statsmodels' OLS on a constant with `cov_type="cluster"`.
        """
        squares = np.stack([(part.scores**2).sum(axis=0) for part in self.influence])
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(squares * self.clusters / (self.clusters - 1))
        return np.asarray(np.where(self.clusters >= 2, error, np.nan), dtype=np.float64)

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Low and high ends, (groups, columns) each; NaN below two clusters or without an estimate.

        Expanded percentile: quantiles of the replicates at the tails Phi(sqrt(C / (C - 1)) t), t
        the quantile of Student's t with C - 1 degrees, which undoes the narrowness of the bootstrap
        with few clusters (Hesterberg 2014). It covers 93 % or more from 20 images on, away from the
        ceiling, where percentile and BCa do not (what widens it there, and where few answers
        change: `analyses.contrasts.limits`); from 250 on the three agree
        (tests/benchmarks/coverage.py, results/benchmarks/coverage.csv).
        """
        return self.between(*self.tails(level))

    def between(self, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
        """Gives the quantiles of the replicates at tails (groups, columns), NaN as in
        `interval`."""
        flat = self.replicates.reshape(len(self.replicates), -1)
        low, high = quantiles(flat, np.stack([lower.ravel(), upper.ravel()]))
        void = (self.clusters < 2) | np.isnan(self.estimate)
        shape = self.estimate.shape
        return (
            np.where(void, np.nan, low.reshape(shape)),
            np.where(void, np.nan, high.reshape(shape)),
        )

    def tails(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """The two tail probabilities whose quantiles are the ends, (groups, columns) each."""
        narrow = np.sqrt(1 - 1 / np.maximum(self.clusters, 2))  # of the bootstrap over clusters
        if self.seed_means is not None:  # that over seeds is not narrow
            items, seeds = self.item_error(), seed_spread.error(self.seed_means)
            whole = np.hypot(items, seeds)
            with np.errstate(divide="ignore", invalid="ignore"):
                narrow = np.where(whole > 0, np.hypot(items * narrow, seeds) / whole, narrow)
        tail = expanded_tail((1 - level) / 2, self.degrees(), narrow)
        return tail, 1 - tail

    def p_value(self) -> Floats:
        """Two-sided p of «the mean is 0»: t test with the standard error and its degrees;
        NaN where that error is only rounding."""
        error = self.standard_error()
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(self.estimate) / error
        p = 2 * stdtr(self.degrees(), -t)
        return np.asarray(np.where(error > ZERO, p, np.nan), dtype=np.float64)

    def with_means_of_groups(self, members: npt.NDArray[np.bool_]) -> Resampled:
        """Gives the same with one group more: per column, the mean of the member groups' means.

        `members` is (groups, columns). NaN where a member has no estimate: a mean over fewer tasks
        would be another quantity. A column without members is NaN.
        """
        count: Ints = np.asarray(members.sum(axis=0), dtype=np.int64)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(members, 1.0 / count, 0.0)
        estimate = np.where(members, self.estimate, 0.0) * share
        replicates = np.zeros((len(self.replicates), members.shape[1]))
        for g in np.flatnonzero(members.any(axis=1)):
            replicates += np.where(members[g], self.replicates[:, g], 0.0) * share[g]
        void = count == 0
        codes = np.unique(np.concatenate([part.clusters for part in self.influence]))
        values = np.zeros((len(codes), members.shape[1]))
        touched = np.zeros(values.shape, dtype=bool)
        for part, inside, weight in zip(self.influence, members, share):
            if inside.any():
                at = np.searchsorted(codes, part.clusters)
                values[at] += np.where(inside, part.scores, 0.0) * weight
                touched[at] |= inside & part.present
        # Clusters of a mean of tasks: with independent tasks the error needs each task's own
        # C / (C - 1); the total count gives the same to first order and is never below two tasks'.
        return Resampled(
            np.concatenate([self.estimate, np.where(void, np.nan, estimate.sum(axis=0))[None]]),
            np.concatenate([self.replicates, np.where(void, np.nan, replicates)[:, None]], axis=1),
            np.concatenate([self.n, np.where(members, self.n, 0).sum(axis=0)[None]]),
            np.concatenate([self.clusters, touched.sum(axis=0)[None]]),
            (*self.influence, Influence(codes, values, touched)),
            np.concatenate([self.largest, np.full((1, members.shape[1]), np.nan)]),
            self._seed_means_with(members, share),
        )

    def _seed_means_with(self, members: npt.NDArray[np.bool_], share: Floats) -> Floats | None:
        if self.seed_means is None:
            return None
        mean = (np.where(members, self.seed_means, 0.0) * share).sum(axis=1)
        mean = np.where(members.any(axis=0), mean, np.nan)
        return np.concatenate([self.seed_means, mean[:, None]], axis=1)

    def over_seeds(self, seeds: int, seed: int) -> Resampled:
        """Means over seeds, where columns are `seeds` blocks alike: items and seeds resampled.

        Every draw is the mean over seeds on the drawn images plus a draw of the seeds' deviations
        (`analyses.stats.seed_spread.draw`), so its variance is the sum of both.
        """
        draws, groups, columns = self.replicates.shape
        shape = (groups, seeds, columns // seeds)
        means = np.moveaxis(self.estimate.reshape(shape), 1, 0)
        number = np.maximum(seed_spread.count(means), 1)
        parts = np.nan_to_num(self.replicates).reshape(draws, *shape).sum(axis=2) / number
        influence = [
            Influence(
                part.clusters,
                part.scores.reshape(-1, *shape[1:]).sum(axis=1) / number[g],
                np.asarray(part.present.reshape(-1, *shape[1:]).any(axis=1)),
            )
            for g, part in enumerate(self.influence)
        ]
        estimate = seed_spread.mean(means)
        replicates = parts + seed_spread.draw(means, draws, seed)
        return Resampled(
            estimate,
            np.where(np.isnan(estimate), np.nan, replicates),
            self.n.reshape(shape).max(axis=1),
            self.clusters.reshape(shape).max(axis=1),
            tuple(influence),
            self.largest.reshape(shape).max(axis=1),
            means,
        )

    def take(self, groups: Sequence[int]) -> Resampled:
        """Gives the same with these groups, in this order."""
        at = np.asarray(groups, dtype=np.int64)
        return Resampled(
            self.estimate[at],
            self.replicates[:, at],
            self.n[at],
            self.clusters[at],
            tuple(self.influence[k] for k in groups),
            self.largest[at],
            None if self.seed_means is None else self.seed_means[:, at],
        )


def quantiles(replicates: Floats, tail: float | Floats) -> Floats:
    """Gives the quantile `tail` of each column of (draws, columns): a number, one per column, or
    several rows of one per column (..., columns), whose shape the answer then has.

    Linear interpolation between order statistics, as numpy. Columns that hold a NaN (a draw without
    any scored item) use the draws that have a value; all-NaN columns give NaN.
    """
    draws, columns = replicates.shape
    ordered = np.sort(replicates, axis=0)  # NaN last
    valid = draws - np.isnan(ordered).sum(axis=0)
    tails = np.asarray(tail, dtype=np.float64)
    shape = np.broadcast_shapes(tails.shape, (columns,))
    # NaN stand last, so that the ranks of each column count only its draws with a value.
    position = np.clip(np.broadcast_to(tails, shape), 0, 1) * np.maximum(valid - 1, 0)
    floor = np.floor(position).astype(np.int64)
    ceiling = np.minimum(floor + 1, np.maximum(valid - 1, 0))
    at = np.arange(columns)
    low, high = ordered[floor, at], ordered[ceiling, at]
    return np.asarray(low + (high - low) * (position - floor))
