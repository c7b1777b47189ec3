"""Sizes of a family in a study: which cells differ only in the size of one module.

In: the cells of `Scores`. Out: rungs, smallest first, and the weights of a slope over them; the
decoupled pairings of each family and perceiver, and the corners of their grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analyses.columns import INSTRUCT

DECOUPLED = "decoupled"
NAMED = ("caption_think", "extract_think", "extract_think_scratch", "prism")
"""Methods that are DECOUPLED with a perceiver and a way to reason of their own."""


@dataclass(frozen=True)
class Rung:
    """One size and the cell that has it."""

    size: str
    params: float
    """Parameters of its language model; NaN when unknown."""
    cell: str


def sizes_in_order(table: pd.DataFrame, size: str, params: str) -> list[str]:
    """Gives the distinct sizes of a table, fewest parameters first, unknown ones last.

    Models of one size that differ, as in their vision encoders, stand where the largest does.
    """
    rows = table[table[size].notna()]
    largest = rows.groupby(size, sort=False, observed=True)[params].max()
    return [str(name) for name in largest.sort_values(kind="stable").index]


def ladder(cells: pd.DataFrame, axis: str) -> tuple[Rung, ...]:
    """Orders the cells as rungs of `axis` (`perception` or `reasoning`), smallest first.

    Two cells of one size are two variants; the first stands for the size.
    """
    params = f"{axis}_params"
    first = cells.drop_duplicates(axis)
    rungs = {
        str(size): Rung(str(size), float(count), str(cell))
        for size, count, cell in zip(first[axis], first[params], first["cell"])
    }
    return tuple(rungs[size] for size in sizes_in_order(cells, axis, params))


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


@dataclass(frozen=True)
class Corners:
    """Cells of the largest (L) and smallest (S) size of each module."""

    both_small: str
    """(P_S, R_S)."""
    large_perception: str
    """(P_L, R_S)."""
    large_reasoning: str
    """(P_S, R_L)."""
    both_large: str
    """(P_L, R_L)."""

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """In the order of the fields."""
        return self.both_small, self.large_perception, self.large_reasoning, self.both_large


@dataclass(frozen=True)
class Pairings:
    """The decoupled cells of one family and perceiver, answering directly or after thinking."""

    family: str
    perceiver: str
    thinking: bool
    perception: tuple[Rung, ...]
    """Sizes that look, smallest first."""
    reasoning: tuple[Rung, ...]
    """Sizes that reason, smallest first."""
    cells: Mapping[tuple[str, str], str]
    """(perception size, reasoning size) -> cell; a study may leave pairings out."""

    @property
    def labels(self) -> dict[str, object]:
        """What tells it from the others in a table."""
        return {"family": self.family, "perceiver": self.perceiver, "thinking": self.thinking}

    def corners(self) -> Corners | None:
        """None with one size of a module, or where one of the four was not run."""
        if len(self.perception) < 2 or len(self.reasoning) < 2:
            return None
        small, large = self.perception[0].size, self.perception[-1].size
        low, high = self.reasoning[0].size, self.reasoning[-1].size
        cells = [self.cells.get(pair) for pair in ((small, low), (large, low), (small, high))]
        found = [cell for cell in (*cells, self.cells.get((large, high))) if cell is not None]
        return Corners(*found) if len(found) == 4 else None


def pairings_of(cells: pd.DataFrame) -> list[Pairings]:
    """Finds the grids of a study in order of appearance, none where it has no decoupled cell.

    Two cells of one pairing are two variants; the first stands for the pairing.
    """
    own = as_decoupled(cells)
    own = own[own["method"] == DECOUPLED]
    found = []
    keys = ["family", "perceiver", "thinking"]
    for (family, perceiver, thinking), rows in own.groupby(keys, sort=False, dropna=False):
        pairs: dict[tuple[str, str], str] = {}
        for p, r, cell in zip(rows["perception"], rows["reasoning"], rows["cell"]):
            pairs.setdefault((str(p), str(r)), str(cell))
        sizes = ladder(rows, "perception"), ladder(rows, "reasoning")
        found.append(Pairings(str(family), str(perceiver), bool(thinking), *sizes, pairs))
    return found


def as_decoupled(cells: pd.DataFrame) -> pd.DataFrame:
    """Gives the cells with the named methods as what they are: DECOUPLED, with their perceivers."""
    return cells.assign(method=cells["method"].mask(cells["method"].isin(NAMED), DECOUPLED))


def total_params(cells: pd.DataFrame) -> pd.Series:
    """Adds up the parameters of the language models that each cell runs; NaN where those of one are
    unknown."""
    total = cells[["perception_params", "reasoning_params"]].sum(axis=1, min_count=1)
    for module in ("perception", "reasoning"):
        total = total.mask(cells[module].notna() & cells[f"{module}_params"].isna())
    return total


def end_to_end(cells: pd.DataFrame, grid: Pairings) -> str | None:
    """Finds the cell of the largest perception size of a grid, answering end to end.

    It is the one that was trained to answer, whatever perceiver the grid has.
    """
    own = (cells["method"] == "end_to_end") & (cells["perceiver"] == INSTRUCT)
    own &= (cells["family"] == grid.family) & (cells["perception"] == grid.perception[-1].size)
    found = cells.loc[own, "cell"]
    return str(found.iloc[0]) if len(found) else None
