"""Ladders of sizes item by item: cells that differ in the size of one module only.

In: the tidy table. Out: `Sizes`, the scores of every item at every size of a ladder and the step at
which it emerges, for end to end, gold descriptions and decoupled with the other module at its
largest; `derived_table`, contrasts of columns that are made of those scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyses.contrasts import Contrast, contrast_table
from analyses.emergence import emergence
from analyses.resampling import Floats, Ints
from analyses.scores import Scores
from analyses.sizes import Rung, ladder

METHODS = ("end_to_end", "oracle", "decoupled")
LADDER = ("family", "method", "thinking", "axis", "partner")
LABELS = (*LADDER, "size", "params", "larger", "pattern", "sizes")


@dataclass(frozen=True)
class Sizes:
    """The scores of one ladder."""

    labels: dict[str, object]
    rungs: tuple[Rung, ...]
    scores: Floats
    """(items, sizes)."""
    samples: Floats
    """(items, sizes): answers with a score."""
    planned: npt.NDArray[np.bool_]
    """(items,): whether the study asked it at every size."""
    step: Ints
    """(items,): number of the size at which it emerges, -1 where a score is missing."""

    @property
    def patterns(self) -> list[str]:
        """Scores of each item over the sizes, as text."""
        known: dict[float, str] = {value: f"{value:.3g}" for value in np.unique(self.scores)}
        return ["|".join(known.get(value, "") for value in row) for row in self.scores.tolist()]


def ladders(scores: Scores, frame: pd.DataFrame) -> Iterator[Sizes]:
    """Every family, method and reasoning mode with two sizes of one module or more."""
    counts = scores.total(frame["score"].notna())
    chance = scores.items["chance"].to_numpy(dtype=np.float64)
    index = pd.Index(scores.cells["cell"])
    cells = scores.cells[scores.cells["method"].isin(METHODS)]
    keys = ["family", "method", "thinking"]
    for names, rows in cells.groupby(keys, sort=False, dropna=False):
        for axis, other in (("perception", "reasoning"), ("reasoning", "perception")):
            partner = None
            own = rows
            if rows[other].notna().any():
                partner = ladder(rows, other)[-1].size
                own = rows[rows[other] == partner]
            rungs = ladder(own, axis)
            if len(rungs) < 2:
                continue
            at = index.get_indexer([rung.cell for rung in rungs])
            labels = dict(zip(keys, names)) | {"axis": axis, "partner": partner}
            score, samples = scores.values[:, at], counts[:, at]  # noqa: PD011
            planned = np.asarray(scores.planned[:, at].all(axis=1))
            step = emergence(score, samples, chance)
            yield Sizes(labels, rungs, score, samples, planned, step)


def derived_table(
    scores: Scores,
    sizes: Sizes,
    columns: dict[str, Floats],
    contrasts: list[Contrast],
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Contrasts of columns made of a ladder's scores, as if each column were a cell."""
    values = np.column_stack(list(columns.values()))
    planned = np.repeat(sizes.planned[:, None], len(columns), axis=1)
    cells = pd.DataFrame({"cell": list(columns)})
    derived = Scores(values, planned, cells, scores.items, scores.row_of, scores.cell_of)
    return contrast_table(derived, contrasts, LABELS, draws=draws, seed=seed)
