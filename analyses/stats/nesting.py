"""From which size on an item is solved, and whether a small model solves a part of what larger do.

In: scores (items x sizes, smallest first) of one task, its clusters and kinds of items. Out: the
size at which each item emerges, beside what guessing alone would give; for each pair of sizes the
overlap, what items unrelated between sizes would give (with permutations), and what perfectly
nested knowledge with guessing would give.

The overlap of sizes a < b is T_ab = mean over items of s_a s_b, and the share kept is T_ab / mean
s_a: of what a solves, the share that b solves. With several samples s is their mean; answers of two
cells are drawn apart, so the product is unbiased. The idea is NODF's (Almeida-Neto et al. 2008,
Oikos 117), without its threshold on the totals, which noise alone decides between equal sizes.

Quanta of skill that are learned in order of use (Michaud et al. 2023, arXiv:2303.13506, section 2)
predict a step for an item that needs one quantum: guessing below a size, right from it on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import combinations

import numpy as np
import numpy.typing as npt

from analyses.stats.arrays import Floats, Ints

PERMUTATIONS = 1000
BLOCK_ELEMENTS = 2_000_000
"""Permuted scores of one size held at once."""
ZERO = 1e-9
GUESSES = 20_000
"""Simulated items per kind of item: the error of a guessing share is at most .004."""


@dataclass(frozen=True)
class Overlap:
    """Overlaps of one task, a column per pair of sizes in the order of `pairs`."""

    observed: Floats
    """T, shape (pairs,)."""
    unrelated: Floats
    """Its exact mean under the permutations, (pairs,)."""
    nested: Floats
    """Its mean if knowledge were perfectly nested and the rest guessed, (pairs,)."""
    drawn: Floats
    """T of every permutation, (permutations, pairs)."""
    smaller: Floats
    """Mean score of the smaller size, (pairs,): what T is divided by."""
    most: Floats
    """The most that T can be at these accuracies, min(mean s_a, mean s_b), (pairs,)."""


def pairs(sizes: int) -> list[tuple[int, int]]:
    """Gives (smaller, larger) of every pair of sizes."""
    return list(combinations(range(sizes), 2))


def overlap(
    scores: Floats,
    clusters: npt.NDArray[np.generic],
    chance: Floats,
    *,
    permutations: int,
    rng: np.random.Generator,
) -> Overlap:
    """Measures the overlap of items scored at every size, and both references; no NaN in `scores`.

    *Unrelated*: each size's items are permuted apart from the others', among items with the same
    number of options, whole images at a time among images with as many such items. That keeps the
    accuracy of every size and how alike the items of an image are; only which items are solved
    becomes unrelated between sizes.

    *Nested*: q = (accuracy - g) / (1 - g) of the items are known to a size (cut to [0, 1]), what
    the one knows is part of what the other knows, and every other answer is guessed with accuracy
    g: E s_a s_b = m + (q_a - m) g + (q_b - m) g + (1 - q_a - q_b + m) g^2, m = min(q_a, q_b), over
    E s_a = q_a + (1 - q_a) g. Guesses that two sizes share (a favoured letter) can exceed it.
    """
    both = pairs(scores.shape[1])
    drawn = np.zeros((permutations, len(both)))
    unrelated, nested = np.zeros(len(both)), np.zeros(len(both))
    for rows in _blocks(clusters, chance):
        block = scores[rows]  # (images, items of an image, sizes)
        share = block.shape[0] * block.shape[1] / len(scores)
        mean = block.mean(axis=0)  # of every place in an image
        unrelated += share * np.array([(mean[:, a] * mean[:, b]).mean() for a, b in both])
        drawn += share * _permuted(block, both, permutations, rng)
    for g in np.unique(chance):
        rows = np.flatnonzero(chance == g)
        ability = scores[rows].mean(axis=0)
        known = np.clip((ability - g) / (1 - g), 0, 1) if g < 1 else np.ones_like(ability)
        both_right = np.array([_nested(known[a], known[b], float(g)) for a, b in both])
        nested += len(rows) / len(scores) * both_right * ability[[a for a, _ in both]]
    observed = np.array([(scores[:, a] * scores[:, b]).mean() for a, b in both])
    mean = scores.mean(axis=0)
    smaller = np.array([mean[a] for a, _ in both])
    most = np.array([min(mean[a], mean[b]) for a, b in both])
    return Overlap(observed, unrelated, nested, drawn, smaller, most)


def mean_of(parts: Sequence[Overlap]) -> Overlap:
    """Averages overlaps for a mean over tasks or seeds: every quantity is the mean of theirs."""
    return Overlap(
        *(
            np.mean([getattr(part, field.name) for part in parts], axis=0)
            for field in fields(Overlap)
        )
    )


@dataclass(frozen=True)
class Kept:
    """Share kept over some pairs of sizes, with both references; NaN where nothing can be kept."""

    unrelated: float
    nested: float
    index: float
    """(kept - unrelated) / (most - unrelated); NaN where the accuracies leave no room."""
    p: float
    """Share of permutations that keep as much; NaN where all of them keep the same."""


def kept(found: Overlap, of: npt.NDArray[np.bool_]) -> Kept:
    """Takes the share over the pairs marked in `of`: sum of T / sum of mean s_a."""
    bottom = float(found.smaller[of].sum())
    if bottom < ZERO:
        return Kept(np.nan, np.nan, np.nan, np.nan)
    share, unrelated, nested, most = (
        float(part[of].sum()) / bottom
        for part in (found.observed, found.unrelated, found.nested, found.most)
    )
    drawn = found.drawn[:, of].sum(axis=1) / bottom
    index = (share - unrelated) / (most - unrelated) if most - unrelated > ZERO else np.nan
    varies = len(drawn) and drawn.max() - drawn.min() > ZERO
    p = float((1 + (drawn >= share - ZERO).sum()) / (1 + len(drawn))) if varies else np.nan
    return Kept(unrelated, nested, index, p)


def _nested(a: float, b: float, g: float) -> float:
    """E s_a s_b / E s_a; 0 where the smaller size is never right."""
    common = min(a, b)
    both = common + (a + b - 2 * common) * g + (1 - a - b + common) * g * g
    right = a + (1 - a) * g
    return float(both / right) if right > 0 else 0.0


def _blocks(clusters: npt.NDArray[np.generic], chance: Floats) -> list[Ints]:
    """Rows that may change places: (images, items of an image) each, all of one chance."""
    blocks = []
    for g in np.unique(chance):
        of = np.flatnonzero(chance == g)
        order = of[np.argsort(clusters[of], kind="stable")]
        _, start, count = np.unique(clusters[order], return_index=True, return_counts=True)
        for size in np.unique(count):
            first = start[count == size]
            blocks.append(order[first[:, None] + np.arange(size)])
    return blocks


def _permuted(
    block: Floats, both: list[tuple[int, int]], permutations: int, rng: np.random.Generator
) -> Floats:
    """Mean product of every pair of sizes in every permutation, (permutations, pairs)."""
    images, each, sizes = block.shape
    out = np.zeros((permutations, len(both)))
    step = max(1, BLOCK_ELEMENTS // (images * each))
    for start in range(0, permutations, step):
        draws = min(step, permutations - start)
        columns = []
        for k in range(sizes):
            order = np.tile(np.arange(images), (draws, 1))
            moved = block[:, :, k][rng.permuted(order, axis=1) if k else order]
            columns.append(moved.reshape(draws, -1))
        for p, (a, b) in enumerate(both):
            out[start : start + draws, p] = np.einsum("dn,dn->d", columns[a], columns[b])
    return np.asarray(out / (images * each))


def emergence(scores: Floats, samples: Floats, chance: Floats) -> Ints:
    """Gives the number of the size at which each item emerges, shape (items,); -1 where a score is
    missing.

    The step j that minimises sum_{k < j} m_k (s_k - g)^2 + sum_{k >= j} m_k (1 - s_k)^2 over j = 0
    .. sizes, with m samples of mean s and guessing accuracy g; j = sizes is «never». This is
    isotonic regression of s on size (weights m), cut at (1 + g) / 2: the first size whose fit is
    above it. A tie goes to the larger size: an item is not called solved on even evidence.
    """
    scores = np.asarray(scores, dtype=np.float64)
    guess = np.asarray(chance, dtype=np.float64)[:, None]
    gain = samples * (1 + guess - 2 * np.nan_to_num(scores))  # cost of counting a size as solved
    # Of step j: what counting every size from j on as solved costs; of «never», nothing.
    cost = np.zeros((len(scores), scores.shape[1] + 1))
    cost[:, :-1] = gain[:, ::-1].cumsum(axis=1)[:, ::-1]
    best = cost <= cost.min(axis=1, keepdims=True) + ZERO
    last = cost.shape[1] - 1 - best[:, ::-1].argmax(axis=1)
    return np.asarray(np.where(np.isnan(scores).any(axis=1), -1, last), dtype=np.int64)


def guessing(samples: Floats, chance: Floats, seed: int) -> Floats:
    """Gives the probability of each step for an item that every size guesses, (items, sizes + 1).

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
