"""The decoupled grid: what shrinking perception costs, and what shrinking reasoning (experiment 2).

In: the tidy table with `decoupled` cells. Out: rows per family, perceiver, thinking, task and
category. L and S are the largest and the smallest size, a(p, r) the accuracy of perception size p
with reasoning size r:

- `accuracy` of every pairing;
- `perception_drop` at each reasoning size r: a(L, r) - a(S, r), and `reasoning_drop` at each
  perception size p: a(p, L) - a(p, S); `partner` names r or p, and is `mean` for the average over
  partners; `at_largest` marks the partner that the paper holds;
- `difference`: perception_drop - reasoning_drop, at the largest partners and averaged;
- `whole_drop` = a(L, L) - a(S, S), split without remainder into
  `perception_part` = [a(L, L) - a(S, L) + a(L, S) - a(S, S)] / 2 and
  `reasoning_part` = [a(L, L) - a(L, S) + a(S, L) - a(S, S)] / 2, the Shapley values of two modules
  (Shapley 1953: the mean of a module's effect over the orders in which both can shrink), with
  `part_difference` = perception_part - reasoning_part = a(L, S) - a(S, L) and
  `interaction` = a(L, L) - a(S, L) - a(L, S) + a(S, S), what large modules gain from each other
  (positive: each helps more beside a large partner);
- `oracle_gain` at each reasoning size r: accuracy with gold descriptions less a(L, r), what better
  perception could still add; tasks without gold descriptions have no such row.

Shares. Paired by item with cluster-bootstrap intervals; the five numbers of the split use the same
items, those scored in all four corners. A quantity whose cells the study did not run has no row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from analyses.contrasts.contrast import Contrast, contrast_table
from analyses.table.scores import scores_of
from analyses.table.sizes import Pairings, Rung, ladder, pairings_of

MEAN = "mean"

LABELS = (
    *("family", "thinking", "perception", "perception_params", "reasoning", "reasoning_params"),
    *("partner", "at_largest"),
)


def decoupling(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives rows per quantity, task and category; see the module."""
    scores = scores_of(frame)
    contrasts = []
    for grid in pairings_of(scores.cells):
        base = dict.fromkeys(LABELS) | grid.labels | {"at_largest": False}
        for part in (_accuracies(grid), _module_drops(grid), _split(grid)):
            contrasts += [_labelled(contrast, base) for contrast in part]
        contrasts += [_labelled(contrast, base) for contrast in _oracle_gains(grid, scores.cells)]
    return contrast_table(scores, contrasts, LABELS, draws=draws, seed=seed)


def _labelled(contrast: Contrast, base: Mapping[str, object]) -> Contrast:
    return Contrast(contrast.quantity, contrast.weights, labels={**base, **contrast.labels})


def _accuracies(grid: Pairings) -> Iterator[Contrast]:
    for p in grid.perception:
        for r in grid.reasoning:
            if (p.size, r.size) in grid.cells:
                yield Contrast("accuracy", {grid.cells[p.size, r.size]: 1.0}, labels=_sizes(p, r))


def _sizes(perception: Rung, reasoning: Rung) -> dict[str, object]:
    return {
        "perception": perception.size,
        "perception_params": perception.params,
        "reasoning": reasoning.size,
        "reasoning_params": reasoning.params,
    }


def _module_drops(grid: Pairings) -> Iterator[Contrast]:
    drops: dict[str, dict[str, dict[str, float]]] = {
        "perception_drop": _drops(grid, grid.perception, grid.reasoning, flip=False),
        "reasoning_drop": _drops(grid, grid.reasoning, grid.perception, flip=True),
    }
    largest = {
        "perception_drop": grid.reasoning[-1].size,
        "reasoning_drop": grid.perception[-1].size,
    }
    for quantity, by_partner in drops.items():
        for partner, weights in by_partner.items():
            own = {"partner": partner, "at_largest": partner == largest[quantity]}
            yield Contrast(quantity, weights, labels=own)
    for partner, held in (("largest", largest), (MEAN, dict.fromkeys(largest, MEAN))):
        parts = [drops[quantity].get(held[quantity]) for quantity in drops]
        if parts[0] is not None and parts[1] is not None:
            own = {"partner": partner, "at_largest": partner == "largest"}
            yield Contrast("difference", _minus(parts[0], parts[1]), labels=own)


def _drops(
    grid: Pairings, axis: tuple[Rung, ...], partners: tuple[Rung, ...], *, flip: bool
) -> dict[str, dict[str, float]]:
    """Partner size (and `mean`, over these) -> weights of the drop along `axis`.

    Partners that lack one of its ends are left out.
    """
    if len(axis) < 2:
        return {}
    small, large = axis[0].size, axis[-1].size
    drops: dict[str, dict[str, float]] = {}
    for partner in partners:
        low, high = (small, partner.size), (large, partner.size)
        if flip:
            low, high = low[::-1], high[::-1]
        if low in grid.cells and high in grid.cells:
            drops[partner.size] = {grid.cells[high]: 1.0, grid.cells[low]: -1.0}
    if drops:
        count = len(drops)
        drops[MEAN] = {c: w / count for part in drops.values() for c, w in part.items()}
    return drops


def _minus(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    return {c: first.get(c, 0.0) - second.get(c, 0.0) for c in {**first, **second}}


SPLIT: dict[str, tuple[float, float, float, float]] = {
    "whole_drop": (-1, 0, 0, 1),
    "perception_part": (-0.5, 0.5, -0.5, 0.5),
    "reasoning_part": (-0.5, -0.5, 0.5, 0.5),
    "part_difference": (0, 1, -1, 0),
    "interaction": (1, -1, -1, 1),
}
"""Weights of the corners (S, S), (L, S), (S, L), (L, L), perception first. A weight of 0 still asks
for a score there, so that the parts sum to the whole on the same items."""


def _split(grid: Pairings) -> Iterator[Contrast]:
    corners = grid.corners()
    if corners is not None:
        for quantity, weights in SPLIT.items():
            yield Contrast(quantity, dict(zip(corners.cells, map(float, weights))))


def _oracle_gains(grid: Pairings, cells: pd.DataFrame) -> Iterator[Contrast]:
    own = (cells["method"] == "oracle") & (cells["family"] == grid.family)
    largest = grid.perception[-1]
    for rung in ladder(cells[own & (cells["thinking"] == grid.thinking)], "reasoning"):
        held = grid.cells.get((largest.size, rung.size))
        if held is not None:
            labels = _sizes(largest, rung)
            labels["at_largest"] = rung.size == grid.reasoning[-1].size
            yield Contrast("oracle_gain", {rung.cell: 1.0, held: -1.0}, labels=labels)
