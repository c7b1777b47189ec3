"""Ladders of sizes item by item: cells that differ in the size of one module only.

In: the tidy table. Out: `Sizes`, the scores of every item at every size of a ladder and the step at
which it emerges, for end to end, gold descriptions and decoupled with the other module at its
largest, of every seed by itself; `derived_table`, contrasts of columns that are made of those
scores; `kept_table`, of what a smaller size solves the share that a larger one solves.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyses.contrasts.contrast import EXACT, Contrast, contrast_table, holm_over_tasks
from analyses.stats.arrays import ZERO, Floats, Ints
from analyses.stats.intervals import degenerate_interval
from analyses.stats.nesting import (
    PERMUTATIONS,
    Kept,
    Overlap,
    emergence,
    kept,
    mean_of,
    overlap,
    pairs,
)
from analyses.table.scores import Scores
from analyses.table.sizes import DECOUPLED, Rung, as_decoupled, ladder

METHODS = ("end_to_end", "oracle", DECOUPLED)
LADDER = ("family", "method", "thinking", "axis", "partner")
LABELS = (*LADDER, "size", "params", "larger", "pattern", "sizes")
PAIR = ("size", "larger")
KEYS = ("task", "group", *PAIR, "estimate")
Marks = dict[tuple[str | None, str | None], npt.NDArray[np.bool_]]
"""(smaller, larger), or (None, None) for all -> which pairs of sizes are meant."""


@dataclass(frozen=True)
class Seen:
    """The scores of one ladder, in one seed."""

    scores: Floats
    """(items, sizes)."""
    samples: Floats
    """(items, sizes): answers with a score."""
    step: Ints
    """(items,): number of the size at which it emerges, -1 where a score is missing."""

    @property
    def patterns(self) -> list[str]:
        """Scores of each item over the sizes, as text."""
        known: dict[float, str] = {value: f"{value:.3g}" for value in np.unique(self.scores)}
        return ["|".join(known.get(value, "") for value in row) for row in self.scores.tolist()]


@dataclass(frozen=True)
class Sizes:
    """One ladder."""

    labels: dict[str, object]
    rungs: tuple[Rung, ...]
    planned: npt.NDArray[np.bool_]
    """(items,): whether the study asked it at every size."""
    seeds: tuple[Seen, ...]


def ladders(scores: Scores, frame: pd.DataFrame) -> Iterator[Sizes]:
    """Finds every family, method, perceiver and reasoning mode with several sizes of a module."""
    seeds = [
        (own.matrices()[0], own.total(rows["score"].notna())) for rows, own in scores.alone(frame)
    ]
    chance = scores.items["chance"].to_numpy(dtype=np.float64)
    index = pd.Index(scores.cells["cell"])
    cells = as_decoupled(scores.cells)
    cells = cells[cells["method"].isin(METHODS)]
    keys = ["family", "method", "perceiver", "thinking"]
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
            planned = np.asarray(scores.planned[:, at].all(axis=1))
            seen = [
                Seen(values[:, at], count[:, at], emergence(values[:, at], count[:, at], chance))
                for values, count in seeds
            ]
            yield Sizes(labels, rungs, planned, tuple(seen))


def derived_table(
    scores: Scores,
    sizes: Sizes,
    columns: list[dict[str, Floats]],
    contrasts: list[Contrast],
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Contrasts columns made of a ladder's scores in every seed, as if each column were a cell."""
    derived = scores.with_columns(columns, sizes.planned)
    return contrast_table(derived, contrasts, LABELS, draws=draws, seed=seed)


def kept_table(scores: Scores, sizes: Sizes, draws: int, seed: int) -> pd.DataFrame:
    """Says what is kept over all pairs of sizes and of each, with both references and p."""
    both = pairs(len(sizes.rungs))
    whole = [np.where((seen.step >= 0)[:, None], seen.scores, np.nan) for seen in sizes.seeds]
    columns = [
        {f"T{p}": x[:, a] * x[:, b] for p, (a, b) in enumerate(both)}
        | {f"S{p}": x[:, a] for p, (a, _) in enumerate(both)}
        for x in whole
    ]
    marks: Marks = {}
    contrasts = []
    for p in (None, *range(len(both))):
        of = np.full(len(both), p is None)
        own: dict[str, object] = {"size": None, "params": np.nan, "larger": None}
        if p is not None:
            of[p] = True
            small, large = (sizes.rungs[k] for k in both[p])
            own = {"size": small.size, "params": small.params, "larger": large.size}
        marks[_text(own["size"]), _text(own["larger"])] = of
        top, bottom = ({f"{part}{k}": 1.0 for k in np.flatnonzero(of)} for part in "TS")
        contrasts.append(Contrast("kept", top, over=bottom, labels=sizes.labels | own))
    table = derived_table(scores, sizes, columns, contrasts, draws, seed)
    found = _overlaps(scores, sizes, min(draws, PERMUTATIONS), seed)
    nothing = Kept(np.nan, np.nan, np.nan, np.nan)
    references = [
        kept(found[task, group], marks[_text(size), _text(larger)]) if value == value else nothing
        for task, group, size, larger, value in zip(*(table[name] for name in KEYS))
    ]
    for name in ("unrelated", "nested", "index", "p"):
        table[name] = [getattr(reference, name) for reference in references]
    table["p_holm"] = holm_over_tasks(table, [*scores.labels(LADDER), *PAIR])
    return _exact(table, scores, whole, marks, both)


def _exact(
    table: pd.DataFrame,
    scores: Scores,
    whole: list[Floats],
    marks: Marks,
    both: list[tuple[int, int]],
) -> pd.DataFrame:
    """Where all or nothing is kept resampling sees no spread: the exact bound by images solved."""
    rows_of = {(group.task, group.group): group.rows for group in scores.groups()}
    cluster = scores.items["cluster"].to_numpy(dtype=str)
    some = np.any(np.stack([x > 0 for x in whole]), axis=0)
    flat = table["estimate"].isin([0.0, 1.0]) & (table["high"] - table["low"] < ZERO)
    for i in table.index[flat | (table["estimate"].isin([0.0, 1.0]) & table["low"].isna())]:
        row = table.loc[i]
        of = marks[_text(row["size"]), _text(row["larger"])]
        solved = some[rows_of[row["task"], _text(row["group"])]][:, [a for a, _ in both]][:, of]
        images = cluster[rows_of[row["task"], _text(row["group"])]][solved.any(axis=1)]
        if len(np.unique(images)) > 1:
            ends = degenerate_interval(row["estimate"], len(np.unique(images)))
            table.loc[i, ["low", "high"]] = ends
            table.loc[i, "reason"] = EXACT
    return table


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _overlaps(
    scores: Scores, sizes: Sizes, permutations: int, seed: int
) -> dict[tuple[str, str | None], Overlap]:
    """Overlaps of every task and category, and of the means over those that all have one."""
    cluster = scores.items["cluster"].to_numpy(dtype=str)
    chance = scores.items["chance"].to_numpy(dtype=np.float64)
    groups = scores.groups()
    found: dict[int, Overlap] = {}
    for g, group in enumerate(groups):
        if group.members:
            parts = [found[m] for m in group.members if m in found]
            if parts:  # a member without items leaves the estimate missing, and this unused
                found[g] = mean_of(parts)
            continue
        rng = np.random.default_rng([seed, zlib.crc32(f"{group.task}/{group.group}".encode())])
        of_seeds = []
        for seen in sizes.seeds:
            rows = group.rows[seen.step[group.rows] >= 0]
            if len(rows):
                of_seeds.append(overlap(seen.scores[rows], cluster[rows], chance[rows],
                                        permutations=permutations, rng=rng))  # fmt: skip
        if of_seeds:
            found[g] = mean_of(of_seeds)
    return {(groups[g].task, groups[g].group): part for g, part in found.items()}
