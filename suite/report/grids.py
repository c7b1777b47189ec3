"""The cells of a run as small grids: every pairing of sizes, and what a single model does by size.

In: the tidy table and tables/cells.csv. Out: per task or mean its grids, perception down and
reasoning across, smallest size first, a number per cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analyses.columns import INSTRUCT
from analyses.table.scores import IN_DOMAIN
from analyses.table.sizes import ladder, pairings_of
from suite.base.json_values import rows_of
from suite.report.summary import macro_of
from suite.runs.words import MODES, grid_name

Value = dict[str, Any]


@dataclass(frozen=True)
class Grid:
    """Accuracies by size."""

    name: str
    down: tuple[str, ...]
    across: tuple[str, ...]
    rows: tuple[tuple[Value | None, ...], ...]
    """`cell`, `accuracy`, `low`, `high` and `n` by `down` and `across`; None where nothing was
    run."""
    pairs: bool
    """Whether perception is down and reasoning across; else methods are down."""


@dataclass(frozen=True)
class Part:
    """The grids of one task or mean."""

    task: str
    grids: tuple[Grid, ...]
    mean: bool


def parts(frame: pd.DataFrame, cells: pd.DataFrame) -> list[Part]:
    """Gives the mean that all cells have, what is outside the domain, and each task."""
    whole = cells[cells["group"].isna()]
    domains = dict(zip(whole["task"], whole["domain"]))
    macro = macro_of(cells)
    own = [task for task in domains if task in set(frame["task"])]
    tasks = [macro, *sorted(own, key=lambda task: domains[task] == IN_DOMAIN)]
    about = frame.drop_duplicates("cell")
    shapes = [*_pairings(about), *_ladders(about)]
    found = []
    for task in (task for task in tasks if task in domains):
        values = {str(row["cell"]): row for row in rows_of(whole[whole["task"] == task])}
        grids = [_filled(*shape, values) for shape in shapes]
        there = tuple(grid for grid in grids if any(any(row) for row in grid.rows))
        found.append(Part(task, there, task == macro))
    return [part for part in found if part.grids]


Shape = tuple[str, tuple[str, ...], tuple[str, ...], Mapping[tuple[str, str], str], bool]


def _filled(
    name: str,
    down: tuple[str, ...],
    across: tuple[str, ...],
    cells: Mapping[tuple[str, str], str],
    pairs: bool,
    values: Mapping[str, Value],
) -> Grid:
    rows = [tuple(values.get(cells.get((d, a), "")) for a in across) for d in down]
    kept = [n for n, row in enumerate(rows) if pairs or any(row)]
    return Grid(name, tuple(down[n] for n in kept), across, tuple(rows[n] for n in kept), pairs)


def _pairings(about: pd.DataFrame) -> Iterable[Shape]:
    """The grids of pairings, those after thinking first."""
    grids = sorted(pairings_of(about), key=lambda grid: not grid.thinking)
    labels = [grid.labels for grid in grids]
    for grid in grids:
        sizes = [tuple(r.size for r in rungs) for rungs in (grid.perception, grid.reasoning)]
        yield grid_name(grid.labels, labels), sizes[0], sizes[1], grid.cells, True


def _ladders(about: pd.DataFrame) -> Iterable[Shape]:
    """What one model does alone, a row per method, family and way to answer."""
    for axis, other in (("perception", "reasoning"), ("reasoning", "perception")):
        own = about[about[axis].notna() & about[other].isna()]
        if not len(own):
            continue
        rungs, several = ladder(own, axis), len(own["family"].unique()) > 1
        keys = ["method", "family", "perceiver", "thinking"]
        both = own.groupby("method")["thinking"].nunique().gt(1)
        named: dict[tuple[str, str], str] = {}
        names: dict[str, None] = {}
        for (method, family, perceiver, thinking), rows in own.groupby(
            keys, sort=False, dropna=False
        ):
            words = [str(method).replace("_", " ")]
            words += [str(family)] if several else []
            words += [str(perceiver)] if axis == "perception" and perceiver != INSTRUCT else []
            words += [MODES[bool(thinking)].lower()] if both[str(method)] else []
            names[name := ", ".join(words)] = None
            for size, cell in zip(rows[axis], rows["cell"]):
                named.setdefault((name, str(size)), str(cell))
        what = "One model alone" if axis == "perception" else "Reasoning alone"
        yield what, tuple(names), tuple(r.size for r in rungs), named, False
