"""Paired studies with a known true difference, for the benchmarks of comparison and power.

In: a `Condition` (tasks, images, items an image shows, discordance, correlation inside an image)
and a true difference. Out: `Paired`, as analyses.comparison sees it, without a table in between.

An item changes by +1, -1 or 0 with probabilities (psi + delta)/2, (psi - delta)/2, 1 - psi. With
probability sqrt(rho) it copies its image's own draw, so two items of an image correlate by rho and
every item keeps the same distribution: mean delta and discordance psi hold exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analyses.contrasts.differences import OVERALL, Paired
from analyses.stats.arrays import Floats, Ints
from analyses.stats.detectable import design_effect
from analyses.stats.intervals import resample
from analyses.table.scores import Group


@dataclass(frozen=True)
class Condition:
    """One kind of study."""

    name: str
    images: int
    """Images of each task."""
    discordance: tuple[float, ...]
    """One per task: share of items that change."""
    sizes: tuple[int, ...] = (1,)
    """Items an image shows, in turn."""
    correlation: float = 0.0
    """Of the changes of two items that show one image."""
    samples: int = 1
    """Answers an item's score is the mean of."""
    lopsided: bool = False
    """Gains come in the images with most items, losses in the others, at the same mean."""

    @property
    def per_image(self) -> Ints:
        """Items that each image of a task shows."""
        return np.resize(np.asarray(self.sizes, dtype=np.int64), self.images)

    @property
    def items(self) -> int:
        """Items of a task."""
        return int(self.per_image.sum())

    @property
    def independent(self) -> bool:
        """Whether McNemar's test applies."""
        return self.sizes == (1,) and self.samples == 1

    @property
    def effect(self) -> float:
        """Design effect of the images."""
        return design_effect(self.per_image.tolist(), self.correlation)


def changes(condition: Condition, task: int, delta: float, rng: np.random.Generator) -> Floats:
    """The item differences of one task, (items,)."""
    sizes = condition.per_image
    image = np.repeat(np.arange(condition.images), sizes)
    psi = max(condition.discordance[task], abs(delta))
    shares = np.repeat([[(psi + delta) / 2, (psi - delta) / 2]], len(image), axis=0)
    if condition.lopsided:
        shares = _lopsided(sizes, psi, delta)[image]

    def drawn(shares: Floats, shape: tuple[int, ...]) -> Floats:
        u = rng.random(shape)
        up, down = shares[:, :1], shares[:, 1:]
        return np.where(u < up, 1.0, np.where(u < up + down, -1.0, 0.0))

    own = drawn(shares, (len(image), condition.samples))
    starts = np.cumsum(sizes) - sizes
    of_image = drawn(shares[starts], (condition.images, condition.samples))[image]
    copied = rng.random(len(image)) < np.sqrt(condition.correlation)
    return np.where(copied[:, None], of_image, own).mean(axis=1)


def _lopsided(sizes: Ints, psi: float, delta: float) -> Floats:
    """Shares of gain and loss by image: gains where the most items are; mean `delta` over items."""
    large = sizes == sizes.max()
    weight = sizes[large].sum() / sizes.sum()
    gain = np.where(large, (psi + delta) / 2 / weight, 0.0)
    loss = np.where(large, 0.0, (psi - delta) / 2 / (1 - weight))
    return np.column_stack([gain, loss])


def study(condition: Condition, delta: float, draws: int, seed: int) -> Paired:
    """A drawn study; group k is task k, the last group their mean where there are several."""
    rng = np.random.default_rng([seed, 7])
    tasks, n = len(condition.discordance), condition.items
    difference = np.concatenate([changes(condition, k, delta, rng) for k in range(tasks)])
    image = np.repeat(np.arange(condition.images), condition.per_image)
    codes = np.concatenate([image + k * condition.images for k in range(tasks)])
    scores = np.column_stack([np.zeros(len(difference)), difference, difference])
    rows = [np.arange(k * n, (k + 1) * n) for k in range(tasks)]
    strata = np.repeat([str(k) for k in range(tasks)], n)
    result = resample(
        scores, codes, {str(k): r for k, r in enumerate(rows)}, strata, draws=draws, seed=seed
    )
    groups = [Group(str(k), None, "in_domain", "items", r) for k, r in enumerate(rows)]
    if tasks > 1:
        result = result.with_means_of_groups(np.ones((tasks, scores.shape[1]), dtype=bool))
        every = np.arange(len(scores))
        groups.append(Group(OVERALL, None, OVERALL, "tasks", every, tuple(range(tasks))))
    items = pd.DataFrame(index=range(0))
    return Paired(scores, items, tuple(groups), result, codes, condition.independent, seed)
