"""Two runs against each other: which cells are compared, on which items, and what comes out.

In: two run directories (or records), each with or without the name of a cell. Out: a `Comparison`
with its verdict, table, changed answers and figure. The statistics are analyses.comparison.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analyses.comparison import comparison
from analyses.intervals import holm
from analyses.paired import ALL_ITEMS, OVERALL
from analyses.pairing import ItemsDiffer, Pairs, flips, pair
from suite import provenance
from suite.errors import SuiteError, nearest
from suite.plain import plain
from suite.results import load_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Source = str | Path | pd.DataFrame
PASSED = ("better", "not worse")
NUMBERS = (
    *("difference", "low", "high", "p", "detectable", "se", "test", "baseline", "candidate", "n"),
    *("clusters", "pairs", "gained", "lost", "dropped", "verdict", "reason"),
)


@dataclass(frozen=True)
class Comparison:
    """What a comparison came to."""

    baseline: str
    candidate: str
    """The two sides as they were named."""
    margin: float
    """The largest loss that counts as «not worse»."""
    pairs: Pairs
    """The answers, side by side."""
    table: pd.DataFrame
    """analyses.comparison of them: a row per mean, task and category."""
    draws: int
    seed: int

    @property
    def verdict(self) -> str:
        """better, worse, not worse or undecided, of the mean over tasks."""
        return str(self.row(OVERALL)["verdict"])

    @property
    def passed(self) -> bool:
        """Whether the candidate is better or not worse."""
        return self.verdict in PASSED

    def row(self, task: str) -> dict[str, Any]:
        """One mean or whole task of the table."""
        rows = self.table[(self.table["task"] == task) & self.table["group"].isna()]
        return {str(name): value for name, value in rows.iloc[0].items()}

    def tasks(self, by: str = "task") -> pd.DataFrame:
        """The rows of single tasks, with those of their categories where `by` is category."""
        rows = self.table[(self.table["average"] != "tasks") & (self.table["task"] != ALL_ITEMS)]
        return rows if by == "category" else rows[rows["group"].isna()]

    @cached_property
    def cells(self) -> pd.DataFrame:
        """The overall row of each pair of cells on its own, Holm over them."""
        cells = self.pairs.table[["cell", "candidate_cell"]].drop_duplicates()
        rows = []
        for ours, theirs in cells.itertuples(index=False):
            own = self.pairs.of_cell(str(ours))
            found = comparison(
                own, margin=self.margin, draws=self.draws, seed=self.seed, only=(OVERALL,)
            )
            rows.append(found.assign(cell=ours, candidate_cell=theirs))
        table = pd.concat(rows, ignore_index=True)
        return table.assign(p_holm=holm(table["p"].to_numpy(dtype=float)))

    def as_json(self, by: str = "task") -> dict[str, Any]:
        """The shape that `downscale compare --json` prints."""
        means = self.table[(self.table["average"] == "tasks") & (self.table["task"] != OVERALL)]
        means = means[["task", *NUMBERS]]
        tasks = self.tasks(by)[["task", "group", "domain", *NUMBERS, "p_holm"]]
        numbers = (*NUMBERS, "p_holm") if len(self.cells) > 1 else ()
        content = {
            "verdict": self.verdict,
            "passed": self.passed,
            "baseline": self.baseline,
            "candidate": self.candidate,
            "margin": self.margin,
            "overall": {name: self.row(OVERALL)[name] for name in NUMBERS},
            "all_items": {name: self.row(ALL_ITEMS)[name] for name in NUMBERS},
            "means": means.to_dict("records"),
            "tasks": tasks.to_dict("records"),
            "cells": self.cells[["cell", "candidate_cell", *numbers]].to_dict("records"),
            "failed": dict(zip(("baseline", "candidate"), self.pairs.failed)),
            "samples": dict(zip(("baseline", "candidate"), self.pairs.samples)),
        }
        found: dict[str, Any] = plain(content)
        return found

    def figure(self, by: str = "task") -> Figure:
        """The forest plot."""
        from analyses.figures import comparison as forest

        return forest.draw(forest.select(self._marked(by)))

    def _marked(self, by: str) -> pd.DataFrame:
        rows = self.table if by == "category" else self.table[self.table["group"].isna()]
        return rows.assign(margin=self.margin)

    def write(self, folder: str | Path, by: str = "task") -> list[Path]:
        """comparison.json and .csv, flips.csv, and the forest plot with its CSV. The files."""
        from analyses.figures import comparison as forest
        from suite.report.figures import FORMATS, save

        target = Path(folder)
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SuiteError(
                f"The folder {target} cannot be made ({error.strerror}); choose another --out."
            ) from error
        text = json.dumps(self.as_json(by), indent=2, ensure_ascii=False)
        (target / "comparison.json").write_text(text + "\n", encoding="utf-8")
        self.table.to_csv(target / "comparison.csv", index=False)
        flips(self.pairs).to_csv(target / "flips.csv", index=False)
        rows = forest.select(self._marked(by))
        rows.to_csv(target / "forest.csv", index=False)
        save(forest.draw(rows), target / "forest")
        names = ["comparison.json", "comparison.csv", "flips.csv", "forest.csv"]
        return [target / name for name in (*names, *(f"forest.{kind}" for kind in FORMATS))]


def compare(
    baseline: Source,
    candidate: Source,
    *,
    margin: float = 0.02,
    tasks: Sequence[str] = (),
    draws: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compares two runs, item by item.

    baseline, candidate: a run directory, `DIR:CELL` with a cell's id or a glob, or records as a
    frame. Without a cell, both must have the same cells, or one each; several cells are averaged.
    margin: the largest loss of accuracy that counts as «not worse». tasks: only these.
    Raises SuiteError where cells or items do not fit, saying how.
    """
    if not 0 <= margin < 1:
        raise SuiteError(f"--margin {margin}: give a share of items from 0 up to 1, such as 0.02.")
    sides = [
        _Side.of(source, name)
        for source, name in ((baseline, "baseline"), (candidate, "candidate"))
    ]
    sides = [side.keep(tasks) for side in sides]
    try:
        pairs = pair(sides[0].frame, sides[1].frame, match_cells(*sides))
    except ItemsDiffer as error:
        raise SuiteError(str(error)) from error
    _check_digests(sides, sorted(set(pairs.table["task"])))
    table = comparison(pairs, margin=margin, draws=draws, seed=seed)
    return Comparison(sides[0].name, sides[1].name, margin, pairs, table, draws, seed)


@dataclass(frozen=True)
class _Side:
    """One side as it was named, and its records."""

    name: str
    frame: pd.DataFrame
    pattern: str | None
    """The cell that was named, or a glob."""
    folder: Path | None
    """The run directory, where it is one."""

    @classmethod
    def of(cls, source: Source, name: str) -> _Side:
        """A directory, `DIR:CELL` or a frame. A path that exists is never cut at a colon."""
        if isinstance(source, pd.DataFrame):
            return cls(name, source, None, None)
        text, pattern = str(source), None
        if not Path(text).exists() and ":" in text:
            text, _, pattern = text.rpartition(":")
        folder = Path(text)
        return cls(str(source), load_results(folder), pattern, folder if folder.is_dir() else None)

    def keep(self, tasks: Sequence[str]) -> _Side:
        """The same with these tasks only; all where none is named."""
        known = [str(task) for task in self.frame["task"].unique()]
        for task in tasks:
            if task not in known:
                raise SuiteError(f"{self.name} has no task {task!r}{nearest(task, known)}.")
        rows = self.frame[self.frame["task"].isin(list(tasks))] if tasks else self.frame
        return _Side(self.name, rows, self.pattern, self.folder)

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


def match_cells(baseline: _Side, candidate: _Side) -> list[tuple[str, str]]:
    """Which cell is held against which.

    One cell on each side; or the same cells on both; or, where only one side names cells, those of
    the other with the same ids. SuiteError otherwise, with the cells that there are.
    """
    ours, theirs = baseline.wanted, candidate.wanted
    if len(ours) == len(theirs) == 1:
        return [(ours[0], theirs[0])]
    if set(ours) == set(theirs):
        return [(cell, cell) for cell in ours]
    if candidate.pattern is None and (baseline.pattern or len(ours) == 1) and {*ours} <= {*theirs}:
        return [(cell, cell) for cell in ours]
    if (
        baseline.pattern is None
        and (candidate.pattern or len(theirs) == 1)
        and {*theirs} <= {*ours}
    ):
        return [(cell, cell) for cell in theirs]
    raise SuiteError(
        f"It is not clear which cells to compare: {baseline.name} has {_listed(ours)}; "
        f"{candidate.name} has {_listed(theirs)}; name one on each side as DIR:CELL."
    )


def _listed(cells: Sequence[str], most: int = 60) -> str:
    more = f" and {len(cells) - most} more" if len(cells) > most else ""
    return ", ".join(cells[:most]) + more


def _check_digests(sides: Sequence[_Side], tasks: Sequence[str]) -> None:
    """Questions and options are not in the records; each run wrote down a hash of its items."""
    known = [provenance.read(side.folder).get("items", {}) if side.folder else {} for side in sides]
    other = [
        task
        for task in tasks
        if task in known[0]
        and task in known[1]
        and known[0][task]["n"] == known[1][task]["n"]
        and known[0][task]["digest"] != known[1][task]["digest"]
    ]
    if other:
        raise SuiteError(
            f"The items of {', '.join(other)} have the same ids, answers and images on both sides, "
            "but another question, other options or another description; run both on the same data "
            "with the same version of the suite."
        )
