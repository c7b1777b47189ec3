"""What mends each lost item: the arithmetic of single items under `analyses.attribution`.

In: scores of items in the four corners of the grid. Out: per item, how much of it is lost, and lost
and mended by which module; and the same for answers that only guessing or re-sampling changes.

A score y counts as the share of an item's answers that are right: 0 or 1 for a single answer, else
the mean of its samples. Products of them are then shares over all ways to draw one answer of each
cell.
"""

from __future__ import annotations

import numpy as np

from analyses.stats.arrays import Floats

LOST = "lost"
PERCEPTION, REASONING = "perception_alone", "reasoning_alone"
EITHER, ONLY_BOTH = "either", "only_both"
CLASSES = (PERCEPTION, REASONING, EITHER, ONLY_BOTH)

FEWEST_SAMPLES = 3
"""A lost item and its two retries are three answers."""


def mended(
    small: Floats, perception: Floats, reasoning: Floats, large: Floats
) -> dict[str, Floats]:
    """How much of each item is lost, and lost and of each class; (items,) each.

    Scores in the order of `pairings.Corners`: (S, S), (L, S), (S, L), (L, L), perception first.
    lost = (1 - y_SS) y_LL; perception_alone = lost y_LS (1 - y_SL); reasoning_alone =
    lost y_SL (1 - y_LS); either = lost y_LS y_SL; only_both = lost (1 - y_LS)(1 - y_SL). The four
    classes sum to lost.
    """
    lost = (1 - small) * large
    return {
        LOST: lost,
        PERCEPTION: lost * perception * (1 - reasoning),
        REASONING: lost * reasoning * (1 - perception),
        EITHER: lost * perception * reasoning,
        ONLY_BOTH: lost * (1 - perception) * (1 - reasoning),
    }


def by_guessing(small: Floats, large: Floats, chance: Floats) -> dict[str, Floats]:
    """What `mended` would be if retries of a wrong answer only guessed; (items,) each.

    A pairing knows an item, or is right with probability c, the item's chance. One that was wrong
    does not know it, so a retry is right with probability c. `lost`: were the largest pairing such
    a retry. The classes: of what is lost, were the pairings with one large module such retries.
    """
    lost = (1 - small) * large
    return {
        LOST: (1 - small) * chance,
        PERCEPTION: lost * chance * (1 - chance),
        REASONING: lost * chance * (1 - chance),
        EITHER: lost * chance**2,
        ONLY_BOTH: lost * (1 - chance) ** 2,
    }


def by_resampling(right: Floats, samples: Floats, large: Floats) -> dict[str, Floats]:
    """What `mended` would be if the retries were further samples of (S, S); (items,) each.

    `right` of the `samples` answers of (S, S) are right. Means over all ordered choices of
    different samples, which are unbiased for products of their probabilities: with k wrong and s
    right of n, a wrong and then a right one k s / (n (n - 1)), a wrong one and two wrong retries
    k (k - 1)(k - 2) / (n (n - 1)(n - 2)), and so on. NaN below FEWEST_SAMPLES samples.
    """
    n = np.where(samples >= FEWEST_SAMPLES, samples, np.nan)
    wrong = n - right
    pairs, triples = n * (n - 1), n * (n - 1) * (n - 2)
    one = large * wrong * (wrong - 1) * right / triples
    return {
        LOST: wrong * right / pairs,
        PERCEPTION: one,
        REASONING: one,
        EITHER: large * wrong * right * (right - 1) / triples,
        ONLY_BOTH: large * wrong * (wrong - 1) * (wrong - 2) / triples,
    }
