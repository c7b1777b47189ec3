"""Spread over seeds of a mean: its error, its degrees of freedom, its draws.

In: the mean in every seed, (seeds, ...), NaN where a seed was not run. Out: arrays (...). A mean
over S seeds m_1 .. m_S has the variance s^2 / S beside that of its items, s^2 the variance of the
m_s: what running the study with other seeds would change. It holds a seed's own effect and the
noise of single answers, sigma_a^2 / n; resampling items sees that noise too, so the two errors
together count it twice and err to the wide side (Owen 2007, The pigeonhole bootstrap, Ann. Appl.
Stat. 1).
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from analyses.stats.arrays import Floats

STREAM = 1_936_026_980
"""Keeps the seeds' random stream apart from those of the strata."""


def count(means: Floats) -> Floats:
    """Seeds that have the mean, (...)."""
    return np.asarray((~np.isnan(means)).sum(axis=0), dtype=np.float64)


def mean(means: Floats) -> Floats:
    """Mean over the seeds that have one, (...); NaN without any."""
    number = count(means)
    return np.asarray(
        np.where(number > 0, np.nansum(means, axis=0) / np.maximum(number, 1), np.nan)
    )


def error(means: Floats) -> Floats:
    """s / sqrt(S), (...); 0 with a single seed, whose spread nobody can know."""
    number = count(means)
    squares = np.nansum((means - mean(means)) ** 2, axis=0)
    return np.asarray(np.sqrt(squares / np.maximum(number * (number - 1), 1)))


def prediction(means: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
    """Ends of the interval in which the mean of one more seed lies, each (...); NaN with one seed.

    mean +- t(S - 1) s sqrt(1 + 1 / S) (Hahn & Meeker 1991, Statistical Intervals, 4.7): the seeds'
    means as draws of a normal distribution, the items as they are.
    """
    number = count(means)
    with np.errstate(invalid="ignore"):  # no degree of freedom: NaN
        reach = stats.t.ppf(0.5 + level / 2, number - 1) * error(means) * np.sqrt(number + 1)
    return mean(means) - reach, mean(means) + reach


def degrees(item_error: Floats, item_degrees: Floats, means: Floats) -> Floats:
    """Degrees of freedom of the whole error (Satterthwaite 1946), (...).

    (a + b)^2 / (a^2 / (C - 1) + b^2 / (S - 1)), a and b the variances over items and over seeds.
    """
    a, b = np.nan_to_num(item_error) ** 2, error(means) ** 2
    below = a**2 / item_degrees + b**2 / np.maximum(count(means) - 1, 1)
    known = below > 0
    return np.asarray(np.where(known, (a + b) ** 2 / np.where(known, below, 1), item_degrees))


def draw(means: Floats, draws: int, seed: int) -> Floats:
    """Deviations from the mean over seeds in every draw, (draws, ...).

    sum_s g_s (m_s - mean m) / sqrt(S (S - 1)), g standard normal: variance s^2 / S exactly, where
    drawing so few seeds with replacement would give (S - 1) / S of it. All means share g, so that
    differences of cells run with the same seeds stay paired.
    """
    number = count(means)
    weights = np.random.default_rng([seed, STREAM]).normal(size=(draws, len(means)))
    scaled = np.nan_to_num(means - mean(means)) / np.sqrt(np.maximum(number * (number - 1), 1))
    return np.asarray(np.tensordot(weights, scaled, axes=1))
