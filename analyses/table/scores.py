"""The tidy table as a matrix: items x cells, so that every comparison is paired by item.

In: the tidy table (`analyses.columns`). Out: `Scores`, the score of every item in every cell (mean
over samples), what each item and each cell is, and the groups that are averaged: whole tasks,
their categories, and the macro means over tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyses.columns import INSTRUCT, completed
from analyses.stats import seed_spread
from analyses.stats.arrays import Floats, Ints, Row

IN_DOMAIN = "in_domain"
OUT_OF_DOMAIN = "out_of_domain"
SHARED = "in_domain_shared"
"""Macro mean over the in-domain tasks that every cell was run on, where cells differ in tasks."""
CELL_COLUMNS = (
    "cell",
    "method",
    "family",
    "perception",
    "perception_params",
    "reasoning",
    "reasoning_params",
    "thinking",
)
PERCEIVER = "perceiver"
NEEDED = (
    *CELL_COLUMNS,
    *("task", "domain", "category", "item_id", "image_id", "chance", "score"),
)
"""Columns of the tidy table that every analysis reads."""


@dataclass(frozen=True)
class Group:
    """One thing that is averaged: a task, a category of a task, or all tasks of a domain."""

    task: str
    """Name of the task, or of the domain for a mean over its tasks."""
    group: str | None
    """The category; None for the whole task."""
    domain: str
    average: str
    """Over what its mean is taken: `items`, `categories` (each counts alike) or `tasks`."""
    rows: Ints
    """Rows of the score matrix that belong to it."""
    members: tuple[int, ...] = ()
    """Groups whose means are averaged; empty where items are."""

    @property
    def labels(self) -> Row:
        """What tells it from the others in a table."""
        return {
            "task": self.task,
            "group": self.group,
            "domain": self.domain,
            "average": self.average,
        }


@dataclass(frozen=True)
class Scores:
    """Scores of all items in all cells."""

    values: Floats
    """(items, cells), mean over samples, then over seeds; NaN where every sample failed or the cell
    has no row."""
    planned: npt.NDArray[np.bool_]
    """(items, cells): whether the cell has a row of the item."""
    cells: pd.DataFrame
    """A row per cell, in order of appearance: CELL_COLUMNS, perceiver, perception_samples."""
    items: pd.DataFrame
    """A row per item: task, item_id, domain, category, cluster, stratum, chance."""
    row_of: Ints
    """Item of each row of the tidy table."""
    cell_of: Ints
    """Cell of each row of the tidy table."""
    seed_of: Ints
    """Number of the seed of each row of the tidy table."""
    by_seed: Floats | None = None
    """(seeds, items, cells), mean over the samples of each seed; None where there is one seed."""
    several: bool = False
    """Whether a cell has another perceiver than INSTRUCT."""

    def labels(self, names: Iterable[str]) -> tuple[str, ...]:
        """Gives the names of what tells the rows of a table apart: these, and the perceiver after
        the family where the study has several."""
        apart = ("family", PERCEIVER) if self.several else ("family",)
        return tuple(own for name in names for own in (apart if name == "family" else (name,)))

    def matrices(self) -> tuple[Floats, ...]:
        """Gives the scores of every seed, (items, cells) each."""
        return (self.values,) if self.by_seed is None else tuple(self.by_seed)

    def alone(self, frame: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, Scores]]:
        """Gives the rows and the scores of each seed by itself, for what is no mean of scores: a
        product of two cells' scores is of one family, or of none."""
        for k, values in enumerate(self.matrices()):
            own = self.seed_of == k
            row_of, cell_of, seed_of = self.row_of[own], self.cell_of[own], self.seed_of[own]
            yield (
                frame[own],
                replace(
                    self,
                    values=values,
                    row_of=row_of,
                    cell_of=cell_of,
                    seed_of=seed_of,
                    by_seed=None,
                ),
            )

    def adjusted(self) -> Scores:
        """Gives the same with (score - chance)/(1 - chance) of every item: 0 is guessing, 1 is
        right."""
        chance = self.items["chance"].to_numpy(dtype=np.float64)[:, None]
        below = np.where(chance < 1, 1 - chance, np.nan)
        by_seed = None if self.by_seed is None else (self.by_seed - chance) / below
        return replace(self, values=(self.values - chance) / below, by_seed=by_seed)

    def with_columns(
        self, columns: Sequence[Mapping[str, Floats]], planned: npt.NDArray[np.bool_]
    ) -> Scores:
        """Puts item-level columns, those of each seed, in the place of cells; `planned` (items,)
        holds for each."""
        by_seed = np.stack([np.column_stack(list(own.values())) for own in columns])
        asked = np.repeat(planned[:, None], by_seed.shape[2], axis=1)
        cells = pd.DataFrame({"cell": list(columns[0])})
        return replace(self, planned=asked, cells=cells, **_over_seeds(by_seed))

    def total(self, column: npt.ArrayLike) -> Floats:
        """Sums one value per tidy row over samples, (items, cells)."""
        shape = self.values.shape
        flat = self.row_of * shape[1] + self.cell_of
        weights = np.asarray(column, dtype=np.float64)
        summed = np.bincount(flat, weights, minlength=shape[0] * shape[1])
        return np.asarray(summed.reshape(shape), dtype=np.float64)

    def groups(self) -> list[Group]:
        """Tasks and categories in order of appearance, then the macro means.

        A task outside the training domain that has categories (MMStar) is the mean of their means;
        every other task is the mean of its items. Members stand before the groups that need them.
        """
        groups: list[Group] = []
        whole: dict[str, list[int]] = {}
        for task in self.items["task"].drop_duplicates():
            groups += _task_groups(self.items, str(task), len(groups))
            whole.setdefault(groups[-1].domain, []).append(len(groups) - 1)
        for domain, members in whole.items():
            if domain == IN_DOMAIN or len(members) > 1:
                rows = np.concatenate([groups[k].rows for k in members])
                groups.append(Group(domain, None, domain, "tasks", rows, tuple(members)))
        inside = whole.get(IN_DOMAIN, [])
        shared = [k for k in inside if self.planned[groups[k].rows].any(axis=0).all()]
        if shared and len(shared) < len(inside):
            rows = np.concatenate([groups[k].rows for k in shared])
            groups.append(Group(SHARED, None, IN_DOMAIN, "tasks", rows, tuple(shared)))
        return groups


def scores_of(frame: pd.DataFrame) -> Scores:
    """Makes the score matrix of a tidy table. Raises ValueError naming a column that is missing."""
    for name in NEEDED:
        if name not in frame.columns:
            raise ValueError(f"The table has no column {name!r}; read it with suite.load_results.")
    frame = completed(frame)
    task, _ = pd.factorize(frame["task"])
    item, names = pd.factorize(frame["item_id"])
    keys = task.astype(np.int64) * max(len(names), 1) + item
    first, row_of = _in_order_of_appearance(keys)
    cell_of, cell_names = pd.factorize(frame["cell"])
    _, first_of_cell = np.unique(cell_of, return_index=True)
    shape = (len(first), len(cell_names))
    flat = row_of * shape[1] + cell_of
    score = frame["score"].to_numpy(dtype=np.float64, na_value=np.nan)
    seed, seeds = pd.factorize(frame["seed"]) if "seed" in frame else (np.zeros_like(flat), [0])
    by_seed = _means(flat, score, seed, max(len(seeds), 1), shape)
    cells = _cells(frame.iloc[first_of_cell])
    return Scores(
        planned=(np.bincount(flat, minlength=shape[0] * shape[1]) > 0).reshape(shape),
        cells=cells,
        items=_items(frame.iloc[first]),
        row_of=row_of,
        cell_of=np.asarray(cell_of, dtype=np.int64),
        seed_of=np.asarray(seed, dtype=np.int64),
        **_over_seeds(by_seed),
        several=bool(
            cells[PERCEIVER].notna().any() and (cells[PERCEIVER].dropna() != INSTRUCT).any()
        ),
    )


def _over_seeds(by_seed: Floats) -> dict[str, Any]:
    """What Scores says of (seeds, items, cells): their mean, and them where there are several."""
    if len(by_seed) == 1:
        return {"values": by_seed[0], "by_seed": None}
    return {"values": seed_spread.mean(by_seed), "by_seed": by_seed}


def none_where_missing(table: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Puts None for what is missing in these columns, which hold text or nothing."""
    objects = {name: table[name].astype(object) for name in names}
    return table.assign(**{k: column.where(column.notna(), None) for k, column in objects.items()})


def _means(flat: Ints, score: Floats, seed: Ints, seeds: int, shape: tuple[int, int]) -> Floats:
    """Mean score of every item and cell in each seed, (seeds, items, cells)."""
    size = shape[0] * shape[1]
    at, valid = seed * size + flat, ~np.isnan(score)
    count = np.bincount(at, valid, minlength=seeds * size)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(at, np.where(valid, score, 0.0), minlength=seeds * size) / count
    return np.asarray(mean.reshape(seeds, *shape))


def _in_order_of_appearance(keys: Ints) -> tuple[Ints, Ints]:
    """First row of each distinct key, and the number of each row's key, by appearance."""
    codes, unique = pd.factorize(keys)
    # Written backwards, so that the first row of a key is the one that stays.
    first = np.full(len(unique), -1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(keys))[::-1]
    return first, np.asarray(codes, dtype=np.int64)


def _cells(rows: pd.DataFrame) -> pd.DataFrame:
    text = ("cell", "method", "family", PERCEIVER, "perception", "reasoning")
    names = [*CELL_COLUMNS, PERCEIVER, "perception_samples"]
    cells = none_where_missing(rows[names].reset_index(drop=True), text)
    for name in ("perception_params", "reasoning_params", "perception_samples"):
        cells[name] = cells[name].astype(np.float64)
    cells["thinking"] = cells["thinking"].astype(bool)
    return cells


def _items(rows: pd.DataFrame) -> pd.DataFrame:
    items = rows[["task", "item_id", "domain", "category", "chance"]].reset_index(drop=True)
    image = rows["image_id"].astype(object).reset_index(drop=True)
    items = items.astype({"task": object, "item_id": object, "domain": object, "category": object})
    # An item without an image is its own cluster.
    alone = items["task"].astype(str) + "\n" + items["item_id"].astype(str)
    items["cluster"] = image.where(image.notna() & (image != ""), alone).astype(str)
    items["category"] = items["category"].where(items["category"].notna(), "").astype(object)
    # Where categories count alike their sizes are the benchmark's choice, so they stay fixed.
    apart = items["domain"] == OUT_OF_DOMAIN
    items["stratum"] = items["task"].where(~apart, items["task"] + "/" + items["category"])
    return items


def _task_groups(items: pd.DataFrame, task: str, start: int) -> list[Group]:
    """The categories of a task, then the task; `start` is the number of groups before them."""
    of_task = np.flatnonzero((items["task"] == task).to_numpy())
    rows = items.iloc[of_task]
    domain = str(rows["domain"].iloc[0])
    categories = [str(name) for name in rows["category"].drop_duplicates() if name]
    groups = []
    if len(categories) > 1 or (categories and domain == OUT_OF_DOMAIN):
        for name in categories:
            inside = of_task[(rows["category"] == name).to_numpy()]
            groups.append(Group(task, name, domain, "items", inside))
    macro = len(groups) > 1 and domain == OUT_OF_DOMAIN
    members = tuple(range(start, start + len(groups))) if macro else ()
    groups.append(Group(task, None, domain, "categories" if macro else "items", of_task, members))
    return groups
