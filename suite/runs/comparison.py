"""Two runs against each other, item by item: `downscale compare` and `suite.compare`.

In: two sides (suite.runs.sides), each a run directory with or without a cell, or records.
Out: a `Comparison` with its verdict, table, changed answers and figure. The statistics are
analyses.comparison.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analyses.comparison import comparison
from analyses.contrasts.differences import ALL_ITEMS, OVERALL
from analyses.contrasts.two_runs import ItemsDiffer, Pairs, flips, pair
from analyses.stats.intervals import holm
from suite.base.csv_files import write_csv
from suite.base.files import Folder, make_folder
from suite.base.json_values import json_value
from suite.errors import SuiteError
from suite.runs import provenance
from suite.runs.sides import Side, Source, left_out, match_cells

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    left_out: tuple[list[str], list[str]] = ([], [])
    """Cells that only the baseline has, and that only the candidate has."""
    folders: tuple[Path | None, Path | None] = (None, None)
    """Run directories of the two sides, where they are some."""

    @property
    def changed(self) -> int:
        """Answers that score otherwise."""
        row = self.row(OVERALL)
        return int(row["gained"] + row["lost"])

    @property
    def verdict(self) -> str:
        """better, worse, not worse or undecided, of the mean over tasks."""
        return str(self.row(OVERALL)["verdict"])

    @property
    def passed(self) -> bool:
        """Whether the candidate is better or not worse."""
        return self.verdict in PASSED

    def row(self, task: str) -> dict[str, Any]:
        """Gives one mean or whole task of the table."""
        rows = self.table[(self.table["task"] == task) & self.table["group"].isna()]
        return {str(name): value for name, value in rows.iloc[0].items()}

    def tasks(self, by: str = "task") -> pd.DataFrame:
        """Gives the rows of single tasks, with those of their categories where `by` is category."""
        rows = self.table[(self.table["average"] != "tasks") & (self.table["task"] != ALL_ITEMS)]
        return rows if by == "category" else rows[rows["group"].isna()]

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Gives the overall row of each pair of cells on its own, Holm over them."""
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
        """Gives the shape that `downscale compare --json` prints."""
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
            "changed": self.changed,
            "left_out": dict(zip(("baseline", "candidate"), self.left_out)),
            "failed": dict(zip(("baseline", "candidate"), self.pairs.failed)),
            "samples": dict(zip(("baseline", "candidate"), self.pairs.samples)),
        }
        found: dict[str, Any] = json_value(content)
        return found

    def figure(self, by: str = "task") -> Figure:
        """Draws the forest plot."""
        from analyses.figures import comparison as forest

        return forest.draw(forest.select(self._marked(by)))

    def _marked(self, by: str) -> pd.DataFrame:
        rows = self.table if by == "category" else self.table[self.table["group"].isna()]
        return rows.assign(margin=self.margin)

    def write(self, folder: str | Path, by: str = "task") -> list[Path]:
        """Writes comparison.json and .csv, flips.csv, the forest plot with its CSV. The files."""
        from analyses.figures import comparison as forest
        from analyses.figures.parts.style import encoded

        target = Path(folder)
        make_folder(target, "--out")
        text = json.dumps(self.as_json(by), indent=2, ensure_ascii=False)
        (target / "comparison.json").write_text(text + "\n", encoding="utf-8")
        write_csv(target / "comparison.csv", self.table)
        write_csv(target / "flips.csv", flips(self.pairs))
        rows = forest.select(self._marked(by))
        write_csv(target / "forest.csv", rows)
        drawn = encoded(forest.draw(rows), "forest")
        for name, content in drawn.items():
            Folder(target).write(name, content)
        names = ["comparison.json", "comparison.csv", "flips.csv", "forest.csv", *drawn]
        return [target / name for name in names]


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
    frame. Without a cell, those that both have are compared, or one each; several are averaged.
    margin: the largest loss of accuracy that counts as «not worse». tasks: only these.
    Raises SuiteError where cells or items do not fit, saying how.
    """
    if not 0 <= margin < 1:
        raise SuiteError(f"--margin {margin}: give a share of items from 0 up to 1, such as 0.02.")
    sides = [
        Side.of(source, name) for source, name in ((baseline, "baseline"), (candidate, "candidate"))
    ]
    sides = [side.keep(tasks) for side in sides]
    try:
        matched = match_cells(*sides)
        pairs = pair(sides[0].frame, sides[1].frame, matched)
    except ItemsDiffer as error:
        raise SuiteError(str(error)) from error
    _check_digests(sides, sorted(set(pairs.table["task"])))
    table = comparison(pairs, margin=margin, draws=draws, seed=seed)
    alone = left_out(sides[0], sides[1], matched)
    names, folders = (sides[0].name, sides[1].name), (sides[0].folder, sides[1].folder)
    return Comparison(*names, margin, pairs, table, draws, seed, alone, folders)


def _check_digests(sides: Sequence[Side], tasks: Sequence[str]) -> None:
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
