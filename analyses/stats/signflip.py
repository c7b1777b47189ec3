"""Tests of «no difference» by flipping signs: which side an answer came from is exchanged.

In: what each cluster adds to a mean difference. Out: a two-sided p and the name of the test. If the
two sides are alike, every cluster of items is as likely to show its differences as their negatives,
whatever their distribution; a cluster flips whole, because the items of one image are dependent.

Sources: Fisher 1935, The Design of Experiments, ch. 3 (sign flips); Pagano and Tritchler 1983,
J. Am. Stat. Assoc. 78 (the exact distribution by convolution); Phipson and Smyth 2010, Stat. Appl.
Genet. Mol. Biol. 9 (the p of drawn permutations); McNemar 1947, Psychometrika 12 (paired 0/1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from analyses.stats.arrays import Floats, Ints
from analyses.stats.bootstrap import BLOCK_ELEMENTS

FLIPS = 9_999
"""Drawn sign vectors where the exact distribution is out of reach."""
ENUMERATED = 16
"""Non-zero clusters up to which every sign vector is visited (65,536 of them)."""
LATTICE = 200_000
"""Largest sum of absolute integer values whose distribution is computed exactly."""
UNITS = 840
"""Multiples of the smallest value that are tried as the lattice's steps."""
EXACT, DRAWN = "exact sign flip", f"sign flip, {FLIPS:,} draws"
MCNEMAR = "exact McNemar"


@dataclass(frozen=True)
class Test:
    """A two-sided p and how it was found."""

    p: float
    name: str


def sign_flip(values: Floats, seed: int = 0) -> Test:
    """Gives the two-sided p of the sum of `values`, one per cluster, under independent flips of
    their signs.

    p = share of the 2^C sign vectors s with |sum s_c v_c| >= |sum v_c|: exact by convolution where
    the values are multiples of one unit (0/1 scores), by enumeration where few clusters differ,
    else (1 + hits) / (1 + FLIPS) over drawn vectors. Clusters that add 0 change nothing. p is 1
    where nothing differs.
    """
    values = np.asarray(values, dtype=np.float64)
    sizes, observed = np.abs(values[np.abs(values) > 1e-14]), abs(float(values.sum()))
    if not len(sizes):
        return Test(1.0, EXACT)
    steps = _on_a_lattice(sizes)
    if steps is not None:
        unit = float(sizes.sum()) / int(steps.sum())
        return Test(_by_convolution(steps, round(observed / unit)), EXACT)
    if len(sizes) <= ENUMERATED:
        bits = np.arange(2 ** len(sizes))[:, None] >> np.arange(len(sizes)) & 1
        sums = (1.0 - 2.0 * bits) @ sizes
        return Test(float((np.abs(sums) >= observed - 1e-12).mean()), EXACT)
    return Test(_by_draws(sizes, observed, seed), DRAWN)


def _on_a_lattice(sizes: Floats) -> Ints | None:
    """The values as integers of one unit; None where there is none small enough."""
    ratios = sizes / sizes.min()
    for factor in range(1, UNITS + 1):
        scaled = ratios * factor
        if scaled.sum() > LATTICE:
            return None
        if np.abs(scaled - np.round(scaled)).max() < 1e-6:
            steps = np.asarray(np.round(scaled), dtype=np.int64)
            return np.asarray(steps // np.gcd.reduce(steps), dtype=np.int64)
    return None


def _by_convolution(steps: Ints, observed: int) -> float:
    """Exact p: the sum is T - 2 U with U the sum of those that flip, each with probability 1/2."""
    total = int(steps.sum())
    chance = np.zeros(total + 1)
    chance[0] = 1.0
    reached = 0
    for step in np.sort(steps):
        reached += int(step)
        moved = chance[: reached + 1 - step].copy()
        chance[: reached + 1] *= 0.5
        chance[step : reached + 1] += 0.5 * moved
    sums = total - 2 * np.arange(total + 1)
    return min(1.0, float(chance[np.abs(sums) >= abs(observed)].sum()))


def _by_draws(sizes: Floats, observed: float, seed: int) -> float:
    stream = np.random.default_rng([seed, len(sizes)])
    hits, step = 0, max(1, BLOCK_ELEMENTS // len(sizes))
    for start in range(0, FLIPS, step):
        rows = min(step, FLIPS - start)
        signs = 1.0 - 2.0 * stream.integers(0, 2, size=(rows, len(sizes)), dtype=np.int8)
        hits += int((np.abs(signs @ sizes) >= observed - 1e-12).sum())
    return (1 + hits) / (1 + FLIPS)


def mcnemar(gained: int, lost: int) -> Test:
    """Gives the exact two-sided p of McNemar's test: `gained` of the discordant pairs, binomial
    with 1/2.

    The sign flip with every cluster one item and scores 0/1 is the same test.
    """
    if gained + lost == 0:
        return Test(1.0, MCNEMAR)
    return Test(float(binomtest(gained, gained + lost).pvalue), MCNEMAR)
