"""Intervals of mean scores: one paired cluster bootstrap that every analysis shares.

In: a score matrix (items x columns; NaN where an answer is missing), the cluster of each item (its
image) and groups of items (tasks, categories). Out: a `Resampled` with the mean of every column in
every group, its bootstrap replicates, its influence values, and from them intervals and errors
(`analyses.stats.replicates`); the exact bound where resampling sees no spread; Holm's correction.

A draw takes the clusters of a stratum with replacement and applies the same choice to every
column, so all models are compared on the same resampled images (`analyses.stats.bootstrap`).

Source: Davison and Hinkley 1997, Bootstrap Methods, ch. 2-3 (strata, clusters).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from analyses.stats.arrays import ZERO, Floats, Ints
from analyses.stats.bootstrap import cluster_sums, codes_of, points, replicates_of, strata_of
from analyses.stats.replicates import Resampled, quantiles

__all__ = [
    "Resampled",
    "at_odds",
    "cluster_se",
    "degenerate_interval",
    "holm",
    "mean_interval",
    "quantiles",
    "resample",
    "share_ends",
    "unseen_share",
]


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
    estimate, n, count, influence, largest = points(sums, scores.shape[1])
    replicates = replicates_of(sums, labels, draws, seed, scores.shape[1])
    return Resampled(estimate, replicates, n, count, influence, largest)


def mean_interval(
    scores: Sequence[float] | Floats,
    clusters: Sequence[object] | npt.NDArray[np.generic],
    draws: int = 2000,
    seed: int = 0,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> tuple[float, float, float]:
    """(estimate, low, high) of a mean score with clustered items; NaN scores are missing.

    `bounds`: what the mean lies within; the ends are then never narrower than those of
    `share_ends`. The ends are NaN with fewer than two clusters; all three without any score.
    """
    column = np.asarray(scores, dtype=np.float64).reshape(-1, 1)
    result = resample(column, clusters, draws=draws, seed=seed)
    low, high = result.interval(level)
    if bounds is not None:
        error = result.standard_error()
        centre, half = share_ends(result.estimate, error, result.clusters, *bounds, level)
        low = np.minimum(low, np.maximum(centre - half, bounds[0]))
        high = np.maximum(high, np.minimum(centre + half, bounds[1]))
    return float(result.estimate[0, 0]), float(low[0, 0]), float(high[0, 0])


def cluster_se(
    scores: Sequence[float] | Floats, clusters: Sequence[object] | npt.NDArray[np.generic]
) -> float:
    """Analytic cluster-robust standard error of a mean (see `Resampled.standard_error`)."""
    column = np.asarray(scores, dtype=np.float64).reshape(-1, 1)
    return float(resample(column, clusters, draws=1).standard_error()[0, 0])


def unseen_share(clusters: float | Ints, level: float = 0.95) -> Floats:
    """Largest share of all clusters that can differ when C drawn ones agree.

    They agree with probability (1 - q)^C, so q <= 1 - ((1 - level) / 2)^(1/C) (Clopper and Pearson
    1934).
    """
    return np.asarray(1 - ((1 - level) / 2) ** (1 / np.asarray(clusters, dtype=np.float64)))


def degenerate_interval(
    value: float, clusters: int, least: float = 0.0, most: float = 1.0, level: float = 0.95
) -> tuple[float, float]:
    """Interval of a mean within [least, most] when every cluster has the same `value`.

    Resampling sees no spread there and would give zero width. At most `unseen_share` of all
    clusters differ from `value`, so the mean moves at most that part of the way to either bound.
    """
    if clusters < 1:
        return np.nan, np.nan
    q = float(unseen_share(clusters, level))
    return value - q * (value - least), value + q * (most - value)


def share_ends(
    mean: Floats,
    error: Floats,
    clusters: Ints,
    least: float | Floats,
    most: float | Floats,
    level: float = 0.95,
) -> tuple[Floats, Floats]:
    """Centre and half width of the adjusted Wald interval of a mean score within [least, most].

    Near a bound resampling sees too little: with one wrong image of 60 it cannot tell .98 from .93.
    Two pseudo-observations are added to the C clusters, one at either bound, and the t interval of
    the C + 2 is taken. With mean m and cluster-robust error e of the C, the squares of their values
    about the new centre c are e^2 C (C - 1) + C (m - c)^2. It is the rule of one more success and
    one more failure (Agresti and Caffo 2000, Am. Stat. 54, after Agresti and Coull 1998) for
    clusters.
    """
    count = np.asarray(clusters, dtype=np.float64)
    centre = (count * mean + least + most) / (count + 2)
    squares = error**2 * count * (count - 1) + count * (mean - centre) ** 2
    squares = squares + (least - centre) ** 2 + (most - centre) ** 2
    reach = -stdtrit(count + 1, (1 - level) / 2)
    return centre, np.asarray(reach * np.sqrt(squares / ((count + 1) * (count + 2))))


def at_odds(p: float, low: float, high: float, why: str) -> str | None:
    """Says that p and the 95 % interval disagree about 0, and `why`; None where they agree, or one
    is missing."""
    holds = low <= ZERO and high >= -ZERO
    if np.isnan([p, low, high]).any() or (p < 0.05) != holds:
        return None
    beside = (
        "below .05, the interval holds 0" if holds else "not below .05, the interval leaves 0 out"
    )
    return f"p is {beside}: {why}"


def holm(p_values: Sequence[float] | Floats) -> Floats:
    """Gives Holm's step-down adjusted p values (Holm 1979); NaN stays NaN and does not count."""
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
