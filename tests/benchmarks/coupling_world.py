"""Simulated studies for the calibration of analyses.dependence: tasks with a known relation.

In: tasks, items, spread and slope. Out: per study the means of L (large), S (small) and B (blind)
with the covariance of their item noise, and the slope of the truth.

True dependence x ~ N(.35, spread); true sensitivity y = .25 + slope (x - .35) + N(0, .05), the
scatter of tasks about the line; L ~ N(.75, .05), S = L - y, B = L - x, each clipped to [.02, .98].
Items: a right answer of a model is a threshold on a normal that shares a difficulty with the other
models' (correlation .5), so the three accuracies of a task are correlated as paired ones are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import ndtr, ndtri

from analyses.stats.arrays import Floats

X_MEAN, Y_MEAN, SCATTER = 0.35, 0.25, 0.05
SHARED = 0.5
"""Correlation of the answers' latent normals between two models on one item."""
PATTERNS = np.array([[k >> 2 & 1, k >> 1 & 1, k & 1] for k in range(8)], dtype=np.float64)
"""Right (1) or wrong (0) of L, S, B: the eight outcomes of an item."""


@dataclass(frozen=True)
class Studies:
    """Many simulated studies."""

    means: Floats
    """(studies, tasks, 3): measured accuracies of L, S, B."""
    noise: Floats
    """(studies, tasks, 3, 3): estimated covariance of their item noise."""

    def points(self) -> tuple[Floats, Floats]:
        """xy (studies, tasks, 2) and its noise (studies, tasks, 2, 2)."""
        to_xy = np.array([[1.0, 0.0, -1.0], [1.0, -1.0, 0.0]])
        return self.means @ to_xy.T, np.einsum("ij,stjk,lk->stil", to_xy, self.noise, to_xy)


def true_levels(
    studies: int, tasks: int, spread: float, slope: float, rng: np.random.Generator
) -> Floats:
    """True accuracies of L, S, B after clipping, (studies, tasks, 3)."""
    shape = (studies, tasks)
    x = rng.normal(X_MEAN, spread, shape)
    y = Y_MEAN + slope * (x - X_MEAN) + rng.normal(0, SCATTER, shape)
    large = rng.normal(0.75, 0.05, shape)
    return np.clip(np.stack([large, large - y, large - x], axis=-1), 0.02, 0.98)


@cache
def true_slope(spread: float, slope: float) -> float:
    """cov(x, y) / var(x) of the clipped truth, over half a million tasks."""
    levels = true_levels(1, 500_000, spread, slope, np.random.default_rng(99))[0]
    x, y = levels[:, 0] - levels[:, 2], levels[:, 0] - levels[:, 1]
    both = np.cov(x, y)
    return float(both[0, 1] / both[0, 0])


def simulate_studies(
    studies: int, tasks: int, items: int, spread: float, slope: float, seed: list[int]
) -> Studies:
    """Items drawn as counts of the eight outcomes, which is the same as drawing them one by one."""
    rng = np.random.default_rng(seed)
    levels = true_levels(studies, tasks, spread, slope, rng)
    counts = rng.multinomial(items, _outcomes(levels))
    means = counts @ PATTERNS / items
    second = np.einsum("stk,ki,kj->stij", counts / items, PATTERNS, PATTERNS)
    noise = (second - means[..., :, None] * means[..., None, :]) / (items - 1)
    return Studies(means, noise)


def _outcomes(levels: Floats) -> Floats:
    """Probability of each pattern, (studies, tasks, 8), integrated over the shared difficulty."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    reach = ndtri(levels)[..., None, :] + np.sqrt(SHARED) * nodes[:, None]
    right = ndtr(reach / np.sqrt(1 - SHARED))  # (studies, tasks, nodes, 3)
    total = 0.0
    for node, weight in enumerate(weights / weights.sum()):
        each = right[..., node, None, :]
        total = total + weight * np.where(PATTERNS == 1, each, 1 - each).prod(axis=-1)
    return np.asarray(total / np.sum(total, axis=-1, keepdims=True))
