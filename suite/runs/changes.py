"""What changed from one run to another: the items of which an answer scores otherwise.

In: the indexes of two runs, and which cells are held against each other. Out: `Changes`, by item of
the first. Items that the two runs have in common must be the same items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyses.contrasts.two_runs import KEY, ItemsDiffer, check_items
from suite.errors import SuiteError
from suite.runs.index import Index
from suite.runs.sides import Side, match_cells

AT_ONCE = 8
"""Pairs of cells whose scores are held at once."""
TINY = 1e-12
"""Difference of scores that is none, as in `analyses.contrasts.two_runs.flips`."""


@dataclass(frozen=True)
class Changes:
    """What the first run scores more or less than the other."""

    pairs: list[tuple[str, str]]
    """(cell of the first, cell of the other)."""
    sign: npt.NDArray[np.int8]
    """(items of the first, pairs): 1 where the first scores more, -1 less, 0 neither."""
    at: npt.NDArray[np.int64]
    """Number of each item in the other run, -1 where that has it not."""
    only: tuple[int, int]
    """Items that only the first has, and that only the other has."""

    @property
    def counts(self) -> dict[str, int]:
        """Answers gained and lost, and items with either."""
        gained, lost = (self.sign > 0), (self.sign < 0)
        return {
            "gained": int(gained.sum()),
            "lost": int(lost.sum()),
            "items": int((gained | lost).any(axis=1).sum()),
        }

    def kept(self, change: str, cells: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Says of each item whether it changed, `gained` or `lost`, in these cells; in any without
        them."""
        own = [n for n, (cell, _) in enumerate(self.pairs) if not cells or cell in set(cells)]
        sign = self.sign[:, own]
        found = {"gained": sign > 0, "lost": sign < 0}.get(change, sign != 0)
        return np.asarray(found.any(axis=1))

    def of_item(self, number: int) -> dict[str, int]:
        """Counts the answers of an item that are gained and lost."""
        sign = self.sign[number]
        return {"gained": int((sign > 0).sum()), "lost": int((sign < 0).sum())}

    def theirs(self, number: int) -> int:
        """Gives the number of an item in the other run. Raises SuiteError where it has it not."""
        if self.at[number] < 0:
            raise SuiteError("The other run has not asked this item.")
        return int(self.at[number])

    def pairs_of(self, number: int) -> list[dict[str, Any]]:
        """Gives the pairs of cells whose score changed."""
        return [
            {"cell": ours, "other": theirs, "change": "gained" if sign > 0 else "lost"}
            for (ours, theirs), sign in zip(self.pairs, self.sign[number])
            if sign
        ]


def changes(ours: Index, theirs: Index, pairs: list[tuple[str, str]] | None = None) -> Changes:
    """Holds a run against another.

    pairs: (cell of the first, cell of the other); without them cells are matched as `downscale
    compare` does. Raises SuiteError where there are none, or an item has other images or another
    answer.
    """
    pairs = pairs if pairs is not None else _pairs(ours, theirs)
    index = pd.MultiIndex.from_frame(theirs.items[KEY])
    at = index.get_indexer(pd.MultiIndex.from_frame(ours.items[KEY]))
    common = np.flatnonzero(at >= 0)
    if not len(common):
        raise SuiteError("The two runs have no item in common.")
    try:
        check_items(theirs.items.iloc[at[common]], ours.items.iloc[common])
    except ItemsDiffer as error:
        raise SuiteError(str(error)) from error
    sign = np.zeros((len(ours.items), len(pairs)), dtype=np.int8)
    for start in range(0, len(pairs), AT_ONCE):
        own = pairs[start : start + AT_ONCE]
        first = ours.means([cell for cell, _ in own])[0][common]
        other = theirs.means([cell for _, cell in own])[0][at[common]]
        difference = np.nan_to_num(first - other)
        difference[np.abs(difference) <= TINY] = 0
        sign[common, start : start + AT_ONCE] = np.sign(difference)
    only = (len(ours.items) - len(common), len(theirs.items) - len(common))
    return Changes(pairs, sign, at, only)


def _pairs(ours: Index, theirs: Index) -> list[tuple[str, str]]:
    sides = [Side(str(run.records.parent), run.cells, None, None) for run in (theirs, ours)]
    return [(candidate, baseline) for baseline, candidate in match_cells(*sides)]
