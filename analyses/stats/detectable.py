"""How large a paired difference must be to be found, and how many items find a given one.

In: items, the share on which two systems differ, the design effect of their clusters, of one task
or of each of those whose mean is taken. Out: power, the smallest difference found with that power,
or the items that find it. Differences are shares of items (accuracy), two-sided at the 5 % level
unless told otherwise, of the test that `analyses.contrasts.differences` runs: the sign flip of
whole clusters.

`discordance` is the mean of the squared item difference, E[d^2]: for 0/1 scores the share of items
that exactly one of the two gets right. A true difference cannot exceed it, so where it is smaller
than the difference in question it is taken to be as large (all changes in one direction).
`design_effect` is how many times the variance of independent items the clusters make of it: Kish
1965, Survey Sampling, 1 + (sum m^2 / sum m - 1) rho for clusters of m items correlated by rho.

Sources: Connor 1987, Biometrics 43 (normal approximation for paired shares); Duffy 1984, Biometrics
40 (exact power of McNemar's test); Miller 2024, arXiv:2411.00640 (for evaluations). What `power_of`
adds to Connor's formula is derived there and measured in results/benchmarks/power.csv.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import lcm

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import binom

from analyses.stats.arrays import Floats, Ints

LEVEL, POWER = 0.05, 0.8
FEWEST = 6
"""Clusters below which no sign flip reaches p < .05: C of them give p >= 2^(1 - C)."""
MOST_ITEMS = 10_000_000
"""Where the search for items needed gives up."""


@dataclass(frozen=True)
class Part:
    """One task of a mean: how many items, and how much two systems differ on them."""

    n: int
    discordance: float
    design_effect: float = 1.0


def power_of(
    parts: Sequence[Part], difference: float, *, binary: bool = True, level: float = LEVEL
) -> float:
    """Power of the two-sided sign flip on the mean of the parts' mean differences.

    The test compares the mean D with z_(1 - level/2) sqrt(Q): Q = sum_t v_t q_t / T^2 is its
    variance under flipped signs, with v_t = design_effect / n and q_t the mean squared difference
    of part t, psi_t = max(discordance, difference) expected. Power is P(D - z sqrt(Q) > u) for a
    normal left side with mean difference - z sqrt(E Q) and variance

        sum_t v_t / T^2 [psi_t - difference^2                          of D
                         + g_t^2 psi_t (1 - psi_t)                     of z sqrt(Q)
                         - 2 g_t difference (1 - psi_t)],              of both together

    g_t = z v_t / (2 T sqrt(E Q)). Connor's formula is its first line; the others say that where
    nearly all changes go one way, Q rises with D, so that the test passes more steadily (delta
    method; E[d^3] = E[d] for changes of -1, 0, 1; one design effect for d and d^2). u is half the
    distance of two values that D can take, 1 / (T lcm of the n): a test on a lattice rejects less
    often than its level.

    Items that change by less than 1 (means of samples: not `binary`) can have psi down to
    difference^2; of them only the first line is known, and they have no lattice.

    The design effect is taken to be about that of items of an image that change together. Where an
    image holds many items that change *independently* the sum of squares of the images' changes
    holds the difference itself many times over, and the power is overstated: 70 % reached of 80 %
    announced with 12 images of 10 such items, 76 % with 20 of 8 (results/benchmarks/power.csv).
    """
    size, count = abs(difference), len(parts)
    n = np.array([part.n for part in parts], dtype=np.float64)
    psi = np.array([max(p.discordance, size if binary else size**2) for p in parts])
    v = np.array([part.design_effect for part in parts]) / n / count**2
    z, null = -float(ndtri(level / 2)), float(v @ psi)
    if null == 0:
        return 0.0
    spread, lattice = psi - size**2, 0.0
    if binary:
        slope = z * v * count / (2 * np.sqrt(null))
        spread = spread + slope**2 * psi * (1 - psi) - 2 * slope * size * (1 - psi)
        lattice = 1 / (count * lcm(*(part.n for part in parts)))
    variance = float(v @ np.maximum(spread, 0.0))
    above = size - z * np.sqrt(null) - lattice
    return float(above > 0) if variance < 1e-24 else float(ndtr(above / np.sqrt(variance)))


def mcnemar_power(n: int, difference: float, discordance: float, *, level: float = LEVEL) -> float:
    """Gives the exact power of the two-sided exact McNemar test on n independent 0/1 pairs.

    sum over m of Binomial(m; n, psi) P(reject | m discordant), the gains among them binomial with
    (1 + difference / psi) / 2.
    """
    size = abs(difference)
    psi = min(1.0, max(discordance, size))
    if psi == 0:
        return 0.0
    centre, reach = n * psi, 8 * np.sqrt(n * psi * (1 - psi)) + 2
    m = np.arange(max(0, int(centre - reach)), min(n, int(centre + reach) + 1) + 1)
    most = _critical(m, level)
    gain = (1 + size / psi) / 2
    rejected = binom.cdf(most, m, gain) + binom.cdf(most, m, 1 - gain)
    return float((binom.pmf(m, n, psi) * np.where(most >= 0, rejected, 0.0)).sum())


def _critical(m: Ints, level: float) -> Ints:
    """Most discordant pairs on the rarer side with p <= level; -1 where no outcome has it."""
    k = np.asarray(binom.ppf(level / 2, m, 0.5), dtype=np.int64)
    return np.asarray(np.where(binom.cdf(k, m, 0.5) <= level / 2, k, k - 1), dtype=np.int64)


@lru_cache(maxsize=4096)
def detectable_difference(
    parts: tuple[Part, ...],
    *,
    clusters: int | None = None,
    binary: bool = True,
    exact: bool = False,
    power: float = POWER,
    level: float = LEVEL,
) -> float:
    """Smallest true difference of the parts' mean shown with this power; NaN where not even 1 is.

    `exact`: independent 0/1 pairs. McNemar's exact test then answers for one part, and for several
    of one size, whose mean is that of all their items; else `power_of`. `clusters`: how many can
    flip (`FEWEST`).
    """
    if not parts or not all(part.discordance >= 0 and part.n >= 1 for part in parts):
        return np.nan
    if clusters is not None and 2.0 ** (1 - clusters) > level:
        return np.nan
    pooled = exact and len({part.n for part in parts}) == 1

    def short(difference: float) -> float:
        if pooled:
            items = sum(part.n for part in parts)
            psi = float(np.mean([max(part.discordance, difference) for part in parts]))
            return mcnemar_power(items, difference, psi, level=level) - power
        return power_of(parts, difference, binary=binary, level=level) - power

    if short(1.0) < 0:
        return np.nan
    return float(brentq(short, 0.0, 1.0, xtol=1e-6))


def items_needed(
    difference: float,
    discordance: float,
    *,
    design_effect: float = 1.0,
    exact: bool = False,
    binary: bool = True,
    power: float = POWER,
    level: float = LEVEL,
) -> int | None:
    """Items that show a true `difference` with this power; None for 0 or beyond MOST_ITEMS."""
    if not abs(difference) > 0:
        return None

    def enough(n: int) -> bool:
        if exact:
            return mcnemar_power(n, difference, discordance, level=level) >= power
        part = Part(n, discordance, design_effect)
        return power_of([part], difference, binary=binary, level=level) >= power

    most = 1
    while not enough(most):
        most *= 2
        if most > MOST_ITEMS:
            return None
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if enough(middle) else (middle, most)
    return most


def design_effect(sizes: Sequence[int], correlation: float) -> float:
    """Gives Kish's design effect of clusters of these sizes whose items correlate so; 1 without
    any."""
    m = np.asarray(sizes, dtype=np.float64)
    if not len(m) or m.sum() == 0:
        return 1.0
    return float(1 + ((m**2).sum() / m.sum() - 1) * correlation)


def spread_of(changes: Floats, error: float) -> tuple[float, float]:
    """Gives the discordance E[d^2] of item differences, and the design effect of their clusters.

    Design effect: the squared cluster-robust error over that of independent items; 1 where either
    is unknown or 0.
    """
    psi = float((changes**2).mean())
    alone = float(changes.var(ddof=1)) / len(changes) if len(changes) > 1 else 0.0
    effect = error**2 / alone if alone > 1e-15 and error > 1e-12 else 1.0
    return psi, effect
