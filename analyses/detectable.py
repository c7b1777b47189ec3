"""How large a paired difference must be to be found, and how many items find a given one.

In: items, the share on which two systems differ, the design effect of their clusters. Out: power,
the smallest difference found with that power, or the items that find it. Differences are shares of
items (accuracy), two-sided at the 5 % level unless told otherwise.

`discordance` is the mean of the squared item difference, E[d^2]: for 0/1 scores the share of items
that exactly one of the two gets right. A true difference cannot exceed it, so where it is smaller
than the difference in question it is taken to be as large (all changes in one direction).
`design_effect` is how many times the variance of independent items the clusters make of it: Kish
1965, Survey Sampling, 1 + (sum m^2 / sum m - 1) rho for clusters of m items correlated by rho.

Sources: Connor 1987, Biometrics 43 (normal approximation for paired shares); Duffy 1984, Biometrics
40 (exact power of McNemar's test); Miller 2024, arXiv:2411.00640 (for evaluations).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, stdtr, stdtrit
from scipy.stats import binom

from analyses.resampling import Ints

LEVEL, POWER = 0.05, 0.8
MOST_ITEMS = 10_000_000
"""Where the search for items needed gives up."""


def power_of(
    n: float,
    difference: float,
    discordance: float,
    *,
    design_effect: float = 1.0,
    clusters: float | None = None,
    binary: bool = True,
    level: float = LEVEL,
) -> float:
    """Power of a two-sided test of the mean difference of n items.

    With psi = max(discordance, difference) and v = design_effect / n,
    P(t > (t_(1 - level/2) sqrt(psi v) - difference) / sqrt((psi - difference^2) v)): Connor's
    formula with t quantiles of `clusters` - 1 degrees, normal ones where it is None. Items that
    change by less than 1 (means of samples: not `binary`) can have psi down to difference^2.
    """
    size = abs(difference)
    psi = max(discordance, size if binary else size**2)
    null = np.sqrt(psi * design_effect / n)
    spread = np.sqrt(max(psi - size**2, 0.0) * design_effect / n)
    if clusters is not None and clusters < 2:
        return 0.0
    df = None if clusters is None else clusters - 1
    reach = -ndtri(level / 2) if df is None else -stdtrit(df, level / 2)
    if spread < 1e-12:
        return float(size > reach * null)
    z = (size - reach * null) / spread
    return float(ndtr(z) if df is None else stdtr(df, z))


def mcnemar_power(n: int, difference: float, discordance: float, *, level: float = LEVEL) -> float:
    """Exact power of the two-sided exact McNemar test on n independent 0/1 pairs.

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
    n: int,
    discordance: float,
    *,
    design_effect: float = 1.0,
    clusters: float | None = None,
    binary: bool = True,
    exact: bool = False,
    power: float = POWER,
    level: float = LEVEL,
) -> float:
    """Smallest true difference that n items show with this power; NaN where not even 1 is shown.

    `exact`: of McNemar's exact test (independent 0/1 pairs), else of `power_of`.
    """
    if n < 1 or not discordance >= 0:
        return np.nan

    def short(difference: float) -> float:
        if exact:
            return mcnemar_power(n, difference, discordance, level=level) - power
        found = power_of(
            n,
            difference,
            discordance,
            design_effect=design_effect,
            clusters=clusters,
            binary=binary,
            level=level,
        )
        return found - power

    if short(1.0) < 0:
        return np.nan
    return float(brentq(short, 0.0, 1.0, xtol=1e-6))


def items_needed(
    difference: float,
    discordance: float,
    *,
    design_effect: float = 1.0,
    exact: bool = False,
    power: float = POWER,
    level: float = LEVEL,
) -> int | None:
    """Items that show a true `difference` with this power; None for 0 or beyond MOST_ITEMS."""
    if not abs(difference) > 0:
        return None

    def enough(n: int) -> bool:
        if exact:
            return mcnemar_power(n, difference, discordance, level=level) >= power
        found = power_of(n, difference, discordance, design_effect=design_effect, level=level)
        return found >= power

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
    """Kish's design effect of clusters of these sizes whose items correlate so; 1 without any."""
    m = np.asarray(sizes, dtype=np.float64)
    if not len(m) or m.sum() == 0:
        return 1.0
    return float(1 + ((m**2).sum() / m.sum() - 1) * correlation)
