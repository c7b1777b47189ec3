"""The size from which on an item is solved: the best monotone step over sizes.

In: scores (items x sizes, smallest first), how many samples each is a mean of, and the accuracy of
guessing. Out: the number of the size at which each item emerges, or `sizes` where it never does;
and the shares that guessing alone would give.

Quanta of skill that are learned in order of use (Michaud et al. 2023, arXiv:2303.13506, section 2)
predict a step for an item that needs one quantum: guessing below a size, right from it on.
"""

from __future__ import annotations

import numpy as np

from analyses.resampling import Floats, Ints

GUESSES = 20_000
"""Simulated items per kind of item: the error of a guessing share is at most .004."""
TIE = 1e-9


def emergence(scores: Floats, samples: Floats, chance: Floats) -> Ints:
    """Number of the size at which each item emerges, shape (items,); -1 where a score is missing.

    The step j that minimises sum_{k < j} m_k (s_k - g)^2 + sum_{k >= j} m_k (1 - s_k)^2 over j = 0
    .. sizes, with m samples of mean s and guessing accuracy g; j = sizes is «never». This is
    isotonic regression of s on size (weights m), cut at (1 + g) / 2: the first size whose fit is
    above it. A tie goes to the larger size: an item is not called solved on even evidence.
    """
    scores = np.asarray(scores, dtype=np.float64)
    guess = np.asarray(chance, dtype=np.float64)[:, None]
    gain = samples * (1 + guess - 2 * np.nan_to_num(scores))  # cost of counting a size as solved
    cost = np.zeros((len(scores), scores.shape[1] + 1))
    cost[:, :-1] = gain[:, ::-1].cumsum(axis=1)[:, ::-1]
    best = cost <= cost.min(axis=1, keepdims=True) + TIE
    last = cost.shape[1] - 1 - best[:, ::-1].argmax(axis=1)
    return np.asarray(np.where(np.isnan(scores).any(axis=1), -1, last), dtype=np.int64)


def guessing(samples: Floats, chance: Floats, seed: int) -> Floats:
    """Probability of each step for an item that every size guesses, (items, sizes + 1).

    By simulation, once for each distinct chance and number of samples.
    """
    kinds, of = np.unique(np.column_stack([chance, samples]), axis=0, return_inverse=True)
    shares = np.zeros((len(kinds), samples.shape[1] + 1))
    for k, kind in enumerate(kinds):
        g, m = float(kind[0]), kind[1:].astype(np.int64)
        rng = np.random.default_rng([seed, k])
        drawn = rng.binomial(m, g, (GUESSES, len(m))) / np.maximum(m, 1)
        tiled = np.tile(m.astype(np.float64), (GUESSES, 1))
        steps = emergence(drawn, tiled, np.full(GUESSES, g))
        shares[k] = np.bincount(steps, minlength=shares.shape[1]) / GUESSES
    return np.asarray(shares[of.ravel()])
