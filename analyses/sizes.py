"""Sizes of a family in a study: which cells differ only in the size of one module.

In: the cells of `Scores`. Out: rungs, smallest first, and the weights of a slope over them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Rung:
    """One size and the cell that has it."""

    size: str
    params: float
    """Parameters of its language model; NaN when unknown."""
    cell: str


def ladder(cells: pd.DataFrame, axis: str) -> tuple[Rung, ...]:
    """The cells as rungs of `axis` (`perception` or `reasoning`), smallest first.

    Two cells of one size are two variants; the first stands for the size.
    """
    rows = cells[cells[axis].notna()].drop_duplicates(axis)
    rows = rows.sort_values(f"{axis}_params", kind="stable")
    return tuple(
        Rung(str(size), float(params), str(cell))
        for size, params, cell in zip(rows[axis], rows[f"{axis}_params"], rows["cell"])
    )


def slope_weights(rungs: tuple[Rung, ...]) -> dict[str, float] | None:
    """Weights whose sum with accuracies is the least-squares slope per decade of parameters.

    w_k = (x_k - mean x) / sum (x - mean x)^2, x = log10 parameters. None when fewer than two
    different sizes are known.
    """
    params = np.array([rung.params for rung in rungs])
    if len(rungs) < 2 or not (params > 0).all():
        return None
    x = np.log10(params)
    centred = x - x.mean()
    square = float((centred**2).sum())
    if square < 1e-12:
        return None
    return {rung.cell: float(c) / square for rung, c in zip(rungs, centred)}
