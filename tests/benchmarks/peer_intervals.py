"""The bootstrap intervals that the reported one is measured against: plain percentile and BCa.

In: a `Resampled`. Out: its ends by one of METHODS, (groups, columns) each. Source: Efron 1987,
J. Am. Stat. Assoc. 82 (BCa).
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from analyses.stats.arrays import Floats
from analyses.stats.intervals import Resampled

METHODS = ("percentile", "bca", "expanded")
HALF = 0.025


def interval(result: Resampled, method: str) -> tuple[Floats, Floats]:
    """95 % ends by one of METHODS; NaN below two clusters or without an estimate."""
    return result.between(*tails(result, method))


def tails(result: Resampled, method: str) -> tuple[Floats, Floats]:
    """The two tail probabilities whose quantiles are the ends, (groups, columns) each.

    `expanded`: as the analyses report; `percentile`: the tails as they are; `bca`: corrected for
    bias and skewness.
    """
    if method == "expanded":
        return result.tails()
    if method == "bca":
        return _bca_tails(result)
    return np.full(result.estimate.shape, HALF), np.full(result.estimate.shape, 1 - HALF)


def _bca_tails(result: Resampled) -> tuple[Floats, Floats]:
    below = (result.replicates < result.estimate).mean(axis=0)
    below += (result.replicates == result.estimate).mean(axis=0) / 2
    draws = len(result.replicates)
    bias = ndtri(np.clip(below, 0.5 / draws, 1 - 0.5 / draws))
    speed = acceleration(result)

    def corrected(z: float) -> Floats:
        return np.asarray(ndtr(bias + (bias + z) / (1 - speed * (bias + z))))

    return corrected(float(ndtri(HALF))), corrected(float(ndtri(1 - HALF)))


def acceleration(result: Resampled) -> Floats:
    """BCa's acceleration, sum l^3 / (6 (sum l^2)^1.5), (groups, columns)."""
    second = np.stack([(part.scores**2).sum(axis=0) for part in result.influence])
    third = np.stack([(part.scores**3).sum(axis=0) for part in result.influence])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(second > 0, third / (6 * second**1.5), 0.0))
