"""Intervals of mean scores: one paired cluster bootstrap that every analysis shares.

In: a score matrix (items x columns; NaN where an answer is missing), the cluster of each item (its
image) and groups of items (tasks, categories). Out: a `Resampled` with the mean of every column in
every group, its bootstrap replicates, its influence values, and from them intervals and errors.

A draw takes the clusters of a stratum with replacement and applies the same choice to every
column, so all models are compared on the same resampled images (`analyses.resampling`).

Sources: Davison and Hinkley 1997, Bootstrap Methods, ch. 2-3 (strata, clusters); Efron 1987 (BCa);
Hesterberg 2014, arXiv:1411.5279 (expanded percentile); Miller 2024, arXiv:2411.00640 (error).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from analyses.resampling import (
    Floats,
    Influence,
    Ints,
    cluster_sums,
    codes_of,
    points,
    replicates_of,
    strata_of,
)

METHODS = ("percentile", "bca", "expanded")
DEFAULT = "expanded"
"""Covers 93 to 97 % from 20 images on where percentile and BCa fall short; from 200 on the three
agree (tests/benchmarks/coverage.py, results/benchmarks/coverage.csv)."""


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

    def standard_error(self) -> Floats:
        """Cluster-robust standard error of each mean, (groups, columns); NaN below two clusters.

        sqrt(C / (C - 1) * sum over clusters of (sum of residuals / n)^2): Miller 2024 with the
        finite-sample factor; equal to statsmodels' OLS on a constant with `cov_type="cluster"`.
        """
        squares = np.stack([(part.scores**2).sum(axis=0) for part in self.influence])
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(squares * self.clusters / (self.clusters - 1))
        return np.asarray(np.where(self.clusters >= 2, error, np.nan), dtype=np.float64)

    def acceleration(self) -> Floats:
        """BCa's acceleration, sum l^3 / (6 (sum l^2)^1.5), (groups, columns)."""
        second = np.stack([(part.scores**2).sum(axis=0) for part in self.influence])
        third = np.stack([(part.scores**3).sum(axis=0) for part in self.influence])
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(second > 0, third / (6 * second**1.5), 0.0))

    def interval(self, level: float = 0.95, method: str = DEFAULT) -> tuple[Floats, Floats]:
        """Low and high ends, (groups, columns) each; NaN below two clusters or without an estimate.

        `expanded`: quantiles of the replicates at the tails Phi(sqrt(C / (C - 1)) t), t the
        quantile of Student's t with C - 1 degrees, which undoes the narrowness of the bootstrap
        with few clusters (Hesterberg 2014). `percentile`: quantiles at the tails as they are.
        `bca`: corrected for bias and skewness.
        """
        tails = self.tails(level, method)
        flat = self.replicates.reshape(len(self.replicates), -1)
        low, high = quantiles(flat, np.stack([tails[0].ravel(), tails[1].ravel()]))
        void = (self.clusters < 2) | np.isnan(self.estimate)
        shape = self.estimate.shape
        return (
            np.where(void, np.nan, low.reshape(shape)),
            np.where(void, np.nan, high.reshape(shape)),
        )

    def tails(self, level: float = 0.95, method: str = DEFAULT) -> tuple[Floats, Floats]:
        """The two tail probabilities whose quantiles are the ends, (groups, columns) each."""
        if method not in METHODS:
            raise ValueError(
                f"Unknown interval method {method!r}; use one of {', '.join(METHODS)}."
            )
        half = (1 - level) / 2
        if method == "expanded":
            count = np.maximum(self.clusters, 2)
            tail = ndtr(stdtrit(count - 1, half) * np.sqrt(count / (count - 1)))
            return tail, 1 - tail
        if method == "bca":
            below = (self.replicates < self.estimate).mean(axis=0)
            below += (self.replicates == self.estimate).mean(axis=0) / 2
            draws = len(self.replicates)
            bias = ndtri(np.clip(below, 0.5 / draws, 1 - 0.5 / draws))
            speed = self.acceleration()

            def corrected(z: float) -> Floats:
                return np.asarray(ndtr(bias + (bias + z) / (1 - speed * (bias + z))))

            return corrected(float(ndtri(half))), corrected(float(ndtri(1 - half)))
        return np.full(self.estimate.shape, half), np.full(self.estimate.shape, 1 - half)

    def p_value(self) -> Floats:
        """Two-sided p of «the mean is 0»: t test with the cluster-robust error, C - 1 degrees."""
        error = self.standard_error()
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(self.estimate) / error
        p = 2 * stdtr(np.maximum(self.clusters - 1, 1), -t)
        return np.asarray(np.where(error > 0, p, np.nan), dtype=np.float64)

    def with_means_of_groups(self, members: npt.NDArray[np.bool_]) -> Resampled:
        """The same with one group more: per column, the mean of the member groups' means.

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
                touched[at] |= inside
        # Clusters of a mean of tasks: with independent tasks the error needs each task's own
        # C / (C - 1); the total count gives the same to first order and is never below two tasks'.
        return Resampled(
            np.concatenate([self.estimate, np.where(void, np.nan, estimate.sum(axis=0))[None]]),
            np.concatenate([self.replicates, np.where(void, np.nan, replicates)[:, None]], axis=1),
            np.concatenate([self.n, np.where(members, self.n, 0).sum(axis=0)[None]]),
            np.concatenate([self.clusters, touched.sum(axis=0)[None]]),
            (*self.influence, Influence(codes, values)),
        )

    def take(self, groups: Sequence[int]) -> Resampled:
        """The same with these groups, in this order."""
        at = np.asarray(groups, dtype=np.int64)
        return Resampled(
            self.estimate[at],
            self.replicates[:, at],
            self.n[at],
            self.clusters[at],
            tuple(self.influence[k] for k in groups),
        )


def quantiles(replicates: Floats, tail: float | Floats) -> Floats:
    """Quantile `tail` of each column of (draws, columns): a number, one per column, or several rows
    of one per column (..., columns), whose shape the answer then has.

    Linear interpolation between order statistics, as numpy. Columns that hold a NaN (a draw without
    any scored item) use the draws that have a value; all-NaN columns give NaN.
    """
    draws, columns = replicates.shape
    ordered = np.sort(replicates, axis=0)  # NaN last
    valid = draws - np.isnan(ordered).sum(axis=0)
    tails = np.asarray(tail, dtype=np.float64)
    shape = np.broadcast_shapes(tails.shape, (columns,))
    position = np.clip(np.broadcast_to(tails, shape), 0, 1) * np.maximum(valid - 1, 0)
    floor = np.floor(position).astype(np.int64)
    ceiling = np.minimum(floor + 1, np.maximum(valid - 1, 0))
    at = np.arange(columns)
    low, high = ordered[floor, at], ordered[ceiling, at]
    return np.asarray(low + (high - low) * (position - floor))


def resample(
    scores: Floats,
    clusters: Sequence[object] | npt.NDArray[np.generic],
    groups: Mapping[str, Ints] | None = None,
    strata: Sequence[object] | npt.NDArray[np.generic] | None = None,
    *,
    draws: int = 2000,
    seed: int = 0,
) -> Resampled:
    """Bootstrap the mean of every column of `scores` (items, columns) in every group of rows.

    `clusters`: one label per item. `groups`: name -> row numbers; default one group of all rows.
    `strata`: one label per item, resampled apart; labels that share a cluster are joined.
    Raises ValueError on shapes that do not fit.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or len(clusters) != len(scores):
        raise ValueError(
            f"Scores of shape {scores.shape} need one cluster per row, not {len(clusters)}."
        )
    codes = codes_of(clusters)
    n_clusters = int(codes.max()) + 1 if len(codes) else 0
    labels = np.zeros(n_clusters, dtype="<U1") if strata is None else strata_of(codes, strata)
    parts = [np.arange(len(scores))] if groups is None else [np.asarray(g) for g in groups.values()]
    sums = [cluster_sums(scores[rows], codes[rows]) for rows in parts]
    estimate, n, count, influence = points(sums, scores.shape[1])
    replicates = replicates_of(sums, labels, draws, seed, scores.shape[1])
    return Resampled(estimate, replicates, n, count, influence)


def mean_interval(
    scores: Sequence[float] | Floats,
    clusters: Sequence[object] | npt.NDArray[np.generic],
    draws: int = 2000,
    seed: int = 0,
    *,
    level: float = 0.95,
    method: str = DEFAULT,
) -> tuple[float, float, float]:
    """(estimate, low, high) of a mean score with clustered items; NaN scores are missing.

    The ends are NaN with fewer than two clusters; all three are NaN without any score.
    """
    column = np.asarray(scores, dtype=np.float64).reshape(-1, 1)
    result = resample(column, clusters, draws=draws, seed=seed)
    low, high = result.interval(level, method)
    return float(result.estimate[0, 0]), float(low[0, 0]), float(high[0, 0])


def cluster_se(
    scores: Sequence[float] | Floats, clusters: Sequence[object] | npt.NDArray[np.generic]
) -> float:
    """Analytic cluster-robust standard error of a mean (see `Resampled.standard_error`)."""
    column = np.asarray(scores, dtype=np.float64).reshape(-1, 1)
    return float(resample(column, clusters, draws=1).standard_error()[0, 0])


def degenerate_interval(
    value: float, clusters: int, least: float = 0.0, most: float = 1.0, level: float = 0.95
) -> tuple[float, float]:
    """Interval of a mean within [least, most] when every cluster has the same `value`.

    Resampling sees no spread there and would give zero width. If a share q of all clusters differs
    from `value`, C drawn ones agree with probability (1 - q)^C, so q <= 1 - ((1 - level) / 2)^(1/C)
    (Clopper and Pearson 1934), and the mean moves at most q of the way to either bound.
    """
    if clusters < 1:
        return np.nan, np.nan
    q = 1 - ((1 - level) / 2) ** (1 / clusters)
    return value - q * (value - least), value + q * (most - value)


def holm(p_values: Sequence[float] | Floats) -> Floats:
    """Holm's step-down adjusted p values (Holm 1979); NaN stays NaN and does not count."""
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
