"""The decoupled grid: what shrinking perception costs, and what shrinking reasoning (experiment 2).

In: the tidy table with `decoupled` cells. Out: per family, thinking, task and category

- `accuracy` of every pairing of perception and reasoning size;
- `perception_drop` at each reasoning size r: acc(P_L, r) - acc(P_S, r), and `reasoning_drop` at
  each perception size p: acc(p, R_L) - acc(p, R_S); `partner` names r or p, and is `mean` for the
  average over partners; `at_largest` marks the partner that the paper holds;
- `difference`: perception_drop - reasoning_drop, at the largest partners and averaged.

L and S are the largest and the smallest size. Paired by item, cluster-bootstrap intervals, shares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from analyses.contrasts import Contrast, contrast_table
from analyses.scores import scores_of
from analyses.sizes import Rung, ladder

MEAN = "mean"
Pair = tuple[str, str]

LABELS = (
    *("family", "thinking", "perception", "perception_params", "reasoning", "reasoning_params"),
    *("partner", "at_largest"),
)


def decoupling(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Rows per quantity, task and category; see the module."""
    scores = scores_of(frame)
    cells = scores.cells[scores.cells["method"] == "decoupled"]
    keys = ["family", "thinking"]
    contrasts = [
        contrast
        for names, rows in cells.groupby(keys, sort=False, dropna=False)
        for contrast in _contrasts(dict(zip(keys, names)), rows)
    ]
    return contrast_table(scores, contrasts, LABELS, draws=draws, seed=seed)


def _contrasts(labels: dict[str, object], cells: pd.DataFrame) -> Iterator[Contrast]:
    seeing, thinking = ladder(cells, "perception"), ladder(cells, "reasoning")
    at: dict[Pair, str] = {}
    for p, r, cell in zip(cells["perception"], cells["reasoning"], cells["cell"]):
        at.setdefault((str(p), str(r)), str(cell))
    base = labels | dict.fromkeys(
        ("perception", "perception_params", "reasoning", "reasoning_params", "partner")
    )
    for p in seeing:
        for r in thinking:
            if (p.size, r.size) in at:
                own = {"perception": p.size, "perception_params": p.params}
                own |= {"reasoning": r.size, "reasoning_params": r.params}
                weights = {at[p.size, r.size]: 1.0}
                yield Contrast("accuracy", weights, labels=base | own | {"at_largest": False})
    drops: dict[str, dict[str, dict[str, float]]] = {
        "perception_drop": _drops(at, seeing, thinking, flip=False),
        "reasoning_drop": _drops(at, thinking, seeing, flip=True),
    }
    largest = {"perception_drop": thinking[-1].size, "reasoning_drop": seeing[-1].size}
    for quantity, by_partner in drops.items():
        for partner, weights in by_partner.items():
            own = {"partner": partner, "at_largest": partner == largest[quantity]}
            yield Contrast(quantity, weights, labels=base | own)
    for partner, held in (("largest", largest), (MEAN, dict.fromkeys(largest, MEAN))):
        parts = [drops[quantity].get(held[quantity]) for quantity in drops]
        if parts[0] is not None and parts[1] is not None:
            own = {"partner": partner, "at_largest": partner == "largest"}
            yield Contrast("difference", _minus(parts[0], parts[1]), labels=base | own)


def _drops(
    at: Mapping[Pair, str], axis: tuple[Rung, ...], partners: tuple[Rung, ...], *, flip: bool
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
        if low in at and high in at:
            drops[partner.size] = {at[high]: 1.0, at[low]: -1.0}
    if drops:
        count = len(drops)
        drops[MEAN] = {c: w / count for part in drops.values() for c, w in part.items()}
    return drops


def _minus(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    return {c: first.get(c, 0.0) - second.get(c, 0.0) for c in {**first, **second}}
