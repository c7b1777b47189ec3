"""The two sides of a comparison: the records that were named, and which cell is held against which.

In: a run directory, `DIR:CELL` or records. Out: a `Side` each, and pairs of cells; a SuiteError
that says which cells there are where it is not clear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd

from suite.errors import SuiteError, nearest
from suite.runs.results import load_results

Source = str | Path | pd.DataFrame


@dataclass(frozen=True)
class Side:
    """One side as it was named, and its records."""

    name: str
    frame: pd.DataFrame
    pattern: str | None
    """The cell that was named, or a glob."""
    folder: Path | None
    """The run directory, where it is one."""

    @classmethod
    def of(cls, source: Source, name: str) -> Side:
        """Reads a directory, `DIR:CELL` or a frame. A path that exists is never cut at a colon."""
        if isinstance(source, pd.DataFrame):
            return cls(name, source, None, None)
        text, pattern = str(source), None
        if not Path(text).exists() and ":" in text:
            text, _, pattern = text.rpartition(":")
        folder = Path(text)
        return cls(str(source), load_results(folder), pattern, folder if folder.is_dir() else None)

    def keep(self, tasks: Sequence[str]) -> Side:
        """Gives the same side with these tasks only; all where none is named."""
        known = [str(task) for task in self.frame["task"].unique()]
        for task in tasks:
            if task not in known:
                raise SuiteError(f"{self.name} has no task {task!r}{nearest(task, known)}.")
        rows = self.frame[self.frame["task"].isin(list(tasks))] if tasks else self.frame
        return Side(self.name, rows, self.pattern, self.folder)

    @property
    def cells(self) -> list[str]:
        """Every cell, in order of appearance."""
        return [str(cell) for cell in self.frame["cell"].unique()]

    @property
    def wanted(self) -> list[str]:
        """The cells that its name asks for."""
        if self.pattern is None:
            return self.cells
        if self.pattern in self.cells:
            return [self.pattern]
        found = [cell for cell in self.cells if fnmatchcase(cell, self.pattern)]
        if not found:
            hint = nearest(self.pattern, self.cells)
            raise SuiteError(f"{self.name}: the run has no cell {self.pattern!r}{hint}.")
        return found


def match_cells(baseline: Side, candidate: Side) -> list[tuple[str, str]]:
    """Says which cell is held against which.

    One cell on each side; else those that both have, by id. SuiteError where there are none, with
    the cells that there are.
    """
    ours, theirs = baseline.wanted, candidate.wanted
    if len(ours) == len(theirs) == 1:
        return [(ours[0], theirs[0])]
    there = set(theirs)
    if common := [cell for cell in ours if cell in there]:
        return [(cell, cell) for cell in common]
    raise SuiteError(
        f"It is not clear which cells to compare: {baseline.name} has {listed(ours)}; "
        f"{candidate.name} has {listed(theirs)}; name one on each side as DIR:CELL."
    )


def left_out(
    baseline: Side, candidate: Side, pairs: Sequence[tuple[str, str]]
) -> tuple[list[str], list[str]]:
    """Gives the cells of each side that the other has not; those of a side whose other side names
    cells were not asked for."""
    held = [set(own) for own in zip(*pairs)]
    return (
        [] if candidate.pattern else [cell for cell in baseline.wanted if cell not in held[0]],
        [] if baseline.pattern else [cell for cell in candidate.wanted if cell not in held[1]],
    )


def listed(cells: Sequence[str], most: int = 12) -> str:
    """Names cells, the first `most` of them."""
    more = f" and {len(cells) - most} more" if len(cells) > most else ""
    return ", ".join(cells[:most]) + more
