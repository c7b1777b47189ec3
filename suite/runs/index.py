"""The index of a run: what lists, filters and grids need of every answer, in few bytes.

In: a run's records, of any number of rows. Out: `Index`, made once and kept in the user's cache as
flat files that are mapped, not loaded: 19 bytes an answer, so that a filter over ten million is a
few comparisons of arrays. What is said of items (whose fault, from which size solved) is computed
from it by the rules of `analyses`; texts stay in the records and are looked through when asked for.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analyses.columns import completed
from analyses.stats import mending, nesting, seed_spread
from analyses.stats.arrays import Floats
from analyses.table.scores import CELL_COLUMNS, PERCEIVER
from analyses.table.sizes import Pairings, Rung, end_to_end, ladder, pairings_of
from suite.base.files import cache_folder, whole
from suite.base.machine import cores
from suite.errors import SuiteError, reason_of
from suite.runs import items as run_items
from suite.runs.faults import BLAMES, RIGHT
from suite.runs.words import grid_name

FORMAT = 1
SLAB = 1 << 20
"""Rows that are read at once while the index is made."""
MARKS = ("right", "wrong", "unread", "failed")
"""What an answer is, by its code (`suite.runs.faults.mark`)."""
TEXTS = ("text", "thinking_text", "description")
"""Columns of the records that a search looks through."""
AT_ONCE = 8
"""Cells whose scores are held at once."""
NEVER = "never"
NOT_RIGHT = "not right"
"""Wrong or unread: what scores below RIGHT."""

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[Any]

_CODED = ("cell", "task", "item_id", "category", "rule")
_ABOUT = ("chance", "answer", "image_id", "n_options")
_CELL = (PERCEIVER, "perception_samples")
_KEPT = {"item": "<i4", "cell": "<u2", "mark": "|u1", "rule": "<u2", "seed": "<u2", "score": "<f8"}


@dataclass(frozen=True)
class Wanted:
    """Which items are listed: one answer of an item that is all that is asked for is enough."""

    task: str = ""
    category: str = ""
    cells: tuple[str, ...] = ()
    """Ids of the cells whose answers count; all without any."""
    mark: str = ""
    """One of MARKS, or NOT_RIGHT."""
    rule: str = ""
    """How the answer was read; NONE where it was not."""
    blame: str = ""
    """A key of BLAMES."""
    solved: str = ""
    """Size from which on the item is solved end to end, or NEVER."""
    text: str = ""
    """In id, question, options or gold answer."""
    said: str = ""
    """In what a model wrote."""

    @property
    def of_answers(self) -> bool:
        """Whether something is asked of single answers."""
        return bool(self.cells or self.mark or self.rule or self.said)


NONE = "none"


class Index:
    """What a run answered, item by item. Arrays are in the order of the records."""

    def __init__(self, records: Path, folder: Path) -> None:
        """Opens the files in `folder`, which `of` has made."""
        self.records = records
        kept = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _KEPT}
        self.item, self.cell, self.mark = kept["item"], kept["cell"], kept["mark"]
        self.rule, self.seed, self.score = kept["rule"], kept["seed"], kept["score"]
        self.items = pd.read_parquet(folder / "items.parquet")
        """A row an item, in order of appearance: task, category, item_id and what it is."""
        self.cells = completed(pd.read_parquet(folder / "cells.parquet"))
        """A row a cell, in order of appearance: the columns of `Scores.cells`."""
        self.rules: list[str | None] = pq.read_table(folder / "rules.parquet")["rule"].to_pylist()
        """How answers were read, by code."""
        self._said = lru_cache(8)(self._look)

    @classmethod
    def of(cls, records: Path) -> Index:
        """Opens the index of these records, and makes it first where the cache has none.

        Raises SuiteError for records that cannot be read.
        """
        path = records.resolve()
        about = path.stat()
        name = hashlib.sha256(str(path).encode()).hexdigest()[:24]
        place = cache_folder() / "view" / name
        folder = place / f"{FORMAT}-{about.st_size}-{about.st_mtime_ns}"
        if not folder.is_dir():
            shutil.rmtree(place, ignore_errors=True)  # of records that are no more
            with whole(folder) as temporary:
                temporary.mkdir()
                _make(path, temporary)
        return cls(path, folder)

    @classmethod
    def made(cls, records: Path, folder: Path) -> Index:
        """Makes the index in a folder of the caller's."""
        _make(records, folder)
        return cls(records, folder)

    def __len__(self) -> int:
        """Answers."""
        return len(self.item)

    @cached_property
    def names(self) -> list[str]:
        """The cells' ids, by code."""
        return [str(name) for name in self.cells["cell"]]

    @cached_property
    def code(self) -> dict[str, int]:
        """Cell -> its code."""
        return {name: code for code, name in enumerate(self.names)}

    @cached_property
    def grids(self) -> list[Pairings]:
        """The grids of pairings, those after thinking first."""
        return sorted(pairings_of(self.cells), key=lambda grid: not grid.thinking)

    @cached_property
    def shapes(self) -> list[dict[str, Any]]:
        """The grids that an item is shown by: its name, sizes that look (down), sizes that reason
        (across), ids of cells, empty where there is none. End to end, first, has one row."""
        ladder = {
            "name": "End to end",
            "perception": [""],
            "reasoning": self.rungs,
            "cells": [[rung.cell for rung in self._ladder]],
        }
        labels = [grid.labels for grid in self.grids]
        pairings = [
            {
                "name": grid_name(grid.labels, labels),
                "perception": [rung.size for rung in grid.perception],
                "reasoning": [rung.size for rung in grid.reasoning],
                "cells": [
                    [grid.cells.get((p.size, r.size), "") for r in grid.reasoning]
                    for p in grid.perception
                ],
            }
            for grid in self.grids
        ]
        return [*([ladder] if self.rungs else []), *pairings]

    def values(self, column: str, task: str = "") -> list[str]:
        """Gives the different values of a column of `items`, but for empty ones."""
        own = self.items[self.items["task"] == task] if task else self.items
        return [str(value) for value in own[column].unique() if value]

    @cached_property
    def marks(self) -> list[str]:
        """What there is of MARKS."""
        found = np.bincount(self.mark, minlength=len(MARKS))
        return [name for name, count in zip(MARKS, found) if count]

    def choices(self) -> dict[str, list[str]]:
        """Gives what each filter can be, by its name in `suite.runs.words.FIELDS`."""
        of_method: dict[str, list[str]] = {}
        for name, method in zip(self.names, self.cells["method"]):
            of_method.setdefault(str(method), []).append(name)
        globs = [
            f"{method}/*"
            for method, own in of_method.items()
            if len(own) > 1 and all(name.startswith(f"{method}/") for name in own)
        ]
        both = [NOT_RIGHT] if {"wrong", "unread"} <= set(self.marks) else []
        return {
            "task": self.values("task"),
            "category": self.values("category"),
            "cell": [*globs, *self.names],
            "mark": [*self.marks, *both],
            "rule": sorted(str(rule or NONE) for rule in self.rules),
            "blame": [name for name in BLAMES if (self.blame == name).any()],
            "solved": [*self.rungs, NEVER] if self.rungs else [],
        }

    def find(self, wanted: Wanted) -> Ints:
        """Gives the numbers of the items that are as wanted, in order."""
        items = self.items
        keep = np.ones(len(items), dtype=bool)
        for column, value in (("task", wanted.task), ("category", wanted.category)):
            if value:
                keep &= (items[column] == value).to_numpy()
        if wanted.blame:
            keep &= self.blame == wanted.blame
        if wanted.solved:
            keep &= self.solved == wanted.solved
        if wanted.text:
            keep &= _holds(self._asked, wanted.text)
        if wanted.of_answers:
            own = self._answers(wanted)
            if wanted.said:
                own &= self._told(wanted.said, own & keep[self.item])
            keep &= np.bincount(self.item[own], minlength=len(items)) > 0
        return np.flatnonzero(keep)

    def _answers(self, wanted: Wanted) -> Bools:
        """The answers that are all that is asked for but for their texts."""
        own = np.ones(len(self), dtype=bool)
        if wanted.cells:
            known = np.array([name in set(wanted.cells) for name in self.names])
            own &= known[self.cell]
        if wanted.mark:
            marks = ("wrong", "unread") if wanted.mark == NOT_RIGHT else (wanted.mark,)
            own &= np.isin(self.mark, [MARKS.index(mark) for mark in marks])
        if wanted.rule:
            rule = None if wanted.rule == NONE else wanted.rule
            own &= self.rule == (self.rules.index(rule) if rule in self.rules else 65535)
        return own

    def of_items(self, numbers: Sequence[int] | Ints) -> dict[int, dict[int, list[str]]]:
        """Gives the marks of these items' answers by item and cell, by code."""
        chosen = np.zeros(len(self.items), dtype=bool)
        chosen[numbers] = True
        rows = np.flatnonzero(chosen[self.item])
        found: dict[int, dict[int, list[str]]] = {int(number): {} for number in numbers}
        for item, cell, mark in zip(self.item[rows], self.cell[rows], self.mark[rows]):
            found[int(item)].setdefault(int(cell), []).append(MARKS[mark])
        return found

    def rows(self, number: int) -> Ints:
        """Gives the rows of the records that hold an item's answers."""
        return np.flatnonzero(self.item == number)

    def means(self, cells: Sequence[str]) -> tuple[Floats, Floats]:
        """Gives every item's mean score in these cells, NaN where there is none, and how many
        answers have one; (items, cells) each."""
        column = np.full(len(self.names), -1)
        column[[self.code[cell] for cell in cells]] = np.arange(len(cells))
        rows = np.flatnonzero(column[self.cell] >= 0)
        rows = rows[~np.isnan(self.score[rows])]
        at = self.item[rows].astype(np.int64) * len(cells) + column[self.cell[rows]]
        size, seed = len(self.items) * len(cells), self.seed[rows]
        means, counts = [], np.zeros(size)
        for one in range(int(self.seed.max(initial=0)) + 1):
            of = seed == one
            count = np.bincount(at[of], minlength=size)
            with np.errstate(invalid="ignore"):
                means.append(np.bincount(at[of], self.score[rows][of], minlength=size) / count)
            counts += count
        mean = means[0] if len(means) == 1 else seed_spread.mean(np.asarray(means))
        shape = (len(self.items), len(cells))
        return mean.reshape(shape), counts.reshape(shape)

    @cached_property
    def accuracy(self) -> dict[tuple[str, str], tuple[float, int]]:
        """(cell, task) -> mean score of its items and how many have one."""
        tasks = pd.factorize(self.items["task"])
        found: dict[tuple[str, str], tuple[float, int]] = {}
        for start in range(0, len(self.names), AT_ONCE):
            cells = self.names[start : start + AT_ONCE]
            for cell, score in zip(cells, self.means(cells)[0].T):
                known = ~np.isnan(score)
                count = np.bincount(tasks[0][known], minlength=len(tasks[1]))
                total = np.bincount(tasks[0][known], score[known], minlength=len(tasks[1]))
                found |= {
                    (cell, str(task)): (total[n] / count[n], int(count[n]))
                    for n, task in enumerate(tasks[1])
                    if count[n]
                }
        return found

    @cached_property
    def blame(self) -> npt.NDArray[np.object_]:
        """Whose fault each item is, a key of BLAMES or empty: of pairings after thinking where
        there are any, as `Explorer.items` lists them."""
        found = np.full(len(self.items), "", dtype=object)
        grids = [grid for grid in self.grids if grid.corners() is not None]
        if any(grid.thinking for grid in grids):
            grids = [grid for grid in grids if grid.thinking]
        for grid in reversed(grids):
            corners = grid.corners()
            assert corners is not None  # the others are left out
            weights = mending.mended(*self.means(corners.cells)[0].T)
            model = end_to_end(self.cells, grid)
            if model is not None:
                scores = self.means([model, *grid.cells.values()])[0]
                weights[BLAMES["bottleneck"]] = scores[:, 0] * (1 - scores[:, 1:]).prod(axis=1)
            for name, key in BLAMES.items():
                if key in weights:
                    found[np.nan_to_num(weights[key]) > RIGHT] = name
        return found

    @cached_property
    def rungs(self) -> list[str]:
        """The sizes that answer end to end, smallest first, of the first family; none of a single
        one."""
        sizes = [rung.size for rung in self._ladder]
        return sizes if len(sizes) > 1 else []

    @cached_property
    def _ladder(self) -> tuple[Rung, ...]:
        own = self.cells[self.cells["method"] == "end_to_end"]
        apart = own.groupby(["family", PERCEIVER, "thinking"], sort=False, dropna=False)
        return next((ladder(rows, "perception") for _, rows in apart), ())

    @cached_property
    def solved(self) -> npt.NDArray[np.object_]:
        """The size from which on each item is solved end to end, NEVER, or empty where a score is
        missing (`analyses.quanta`)."""
        if not self.rungs:
            return np.full(len(self.items), "", dtype=object)
        scores, counts = self.means([rung.cell for rung in self._ladder])
        step = nesting.emergence(scores, counts, self.items["chance"].to_numpy(dtype=np.float64))
        return np.array([*self.rungs, NEVER, ""], dtype=object)[step]

    @cached_property
    def questions(self) -> tuple[dict[tuple[str, str], Any], list[str]]:
        """The items as they were asked by task and id, and why some are not there."""
        tasks = [str(task) for task in self.items["task"].unique()]
        found, reasons = run_items.cached(self.records.parent, tasks, images_of=[])
        known = {(task, item.item_id): item for task, own in found.items() for item in own.items}
        return known, list(dict.fromkeys(reasons.values()))

    @cached_property
    def _asked(self) -> pa.Array:
        """What each item is found by."""
        known = self.questions[0]
        texts = []
        for task, item_id, answer in zip(*(self.items[c] for c in ("task", "item_id", "answer"))):
            item = known.get((task, item_id))
            own = [] if item is None else [item.question, *item.options]
            texts.append("\n".join([item_id, str(answer), *own]))
        return pa.array(texts, pa.large_string())

    def _told(self, text: str, among: Bools) -> Bools:
        """The answers with a text in what a model wrote, as far as they are `among` those: of the
        records only the row groups that hold some are read."""
        ends = self._ends
        groups = [n for n, end in enumerate(ends[1:]) if among[ends[n] : end].any()]
        return self._said(text, tuple(groups))

    @cached_property
    def _ends(self) -> list[int]:
        """Rows up to each row group of the records, and in all."""
        about = pq.read_metadata(self.records)
        rows = [about.row_group(n).num_rows for n in range(about.num_row_groups)]
        return [0, *np.cumsum(rows, dtype=int).tolist()]

    def _look(self, text: str, groups: Sequence[int]) -> Bools:
        """The answers of these row groups with a text in what a model wrote."""
        found = np.zeros(len(self), dtype=bool)

        def look(own: Sequence[int]) -> None:
            with pq.ParquetFile(self.records, read_dictionary=list(TEXTS)) as file:
                for group in own:
                    table = file.read_row_group(group, columns=list(TEXTS), use_threads=False)
                    for name in TEXTS:
                        start = self._ends[group]
                        for chunk in table[name].chunks:
                            found[start : start + len(chunk)] |= _hold(chunk, text)
                            start += len(chunk)

        at_once = cores()
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(look, (groups[n::at_once] for n in range(at_once))))
        return found


def _holds(texts: pa.Array, text: str) -> Bools:
    """Which texts hold another, capitals alike."""
    found = pc.match_substring(texts, text, ignore_case=True)
    return np.asarray(found.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)


def _hold(chunk: pa.DictionaryArray, text: str) -> Bools | bool:
    """Which values hold a text; each different one is looked through once."""
    hit = _holds(chunk.dictionary, text)
    if not hit.any():
        return False
    valid = np.asarray(chunk.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    return np.asarray(hit[chunk.indices.fill_null(0).to_numpy()] & valid)


class _Codes:
    """Numbers for the values of a column, in order of appearance."""

    def __init__(self) -> None:
        self.known: dict[Any, int] = {}
        self.first: list[int] = []
        """Row in which each value stands first."""

    def of(self, column: pa.ChunkedArray, start: int) -> Ints:
        """Gives the number of each value of rows that begin with row `start`."""
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        column = column.unify_dictionaries()
        one = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        if one.null_count == 0:
            return self.numbers(one.indices.to_numpy(), one.dictionary.to_pylist(), start)
        own = one.indices.fill_null(len(one.dictionary)).to_numpy()
        return self.numbers(own, [*one.dictionary.to_pylist(), None], start)

    def numbers(self, codes: Ints, values: Sequence[Any], start: int) -> Ints:
        """As `of`, for values by code."""
        at, present = pd.factorize(codes)  # in order of appearance, and no value that is not there
        known = len(self.known)
        own = np.array(
            [self.known.setdefault(values[code], len(self.known)) for code in present.tolist()],
            dtype=np.int64,
        )
        if len(self.known) > known:
            first = np.full(len(present), -1)
            first[at[::-1]] = np.arange(len(at))[::-1]
            self.first += [start + int(row) for row in first[own >= known]]
        return own[at] if len(at) else at


def _make(records: Path, folder: Path) -> None:
    """Reads the records once and writes the files of their index."""
    columns = {name: _Codes() for name in (*_CODED, "seed")}
    items = _Codes()
    try:
        with pq.ParquetFile(records, read_dictionary=list(_CODED)) as file:
            size = file.metadata.num_rows
            arrays = {
                name: np.lib.format.open_memmap(
                    folder / f"{name}.npy", mode="w+", dtype=kind, shape=(size,)
                )
                for name, kind in _KEPT.items()
            }
            start = 0
            for table in _slabs(file):
                own = {name: codes.of(table[name], start) for name, codes in columns.items()}
                keys, named = pd.factorize(own["task"] << 32 | own["item_id"])
                own["item"] = items.numbers(keys, named.tolist(), start)
                own |= _scored(table)
                for name, array in arrays.items():
                    array[start : start + len(table)] = own[name]
                start += len(table)
            about = [n for n in (*CELL_COLUMNS, *_CELL) if n in file.schema_arrow.names]
            tables = {
                "items": _rows(file, items.first, ("task", "category", "item_id", *_ABOUT)),
                "cells": _rows(file, columns["cell"].first, about),
                "rules": pa.table({"rule": pa.array(columns["rule"].known, pa.string())}),
            }
    except (ValueError, KeyError, pa.ArrowException) as error:
        raise SuiteError(
            f"The records {records} cannot be read ({reason_of(error)}); run the study again, "
            "which makes them anew from its store."
        ) from error
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")


def _slabs(file: pq.ParquetFile) -> Iterator[pa.Table]:
    """The columns that are kept, some row groups at a time."""
    columns = [*_CODED, "seed", "score", "parsed", "failed"]
    groups: list[int] = []
    rows = 0
    for number in range(file.num_row_groups):
        groups.append(number)
        rows += file.metadata.row_group(number).num_rows
        if rows >= SLAB or number == file.num_row_groups - 1:
            yield file.read_row_groups(groups, columns=columns)
            groups, rows = [], 0


def _scored(table: pa.Table) -> dict[str, Ints]:
    """Score and mark of each answer (`suite.runs.faults.mark`)."""
    score = table["score"].cast(pa.float64()).fill_null(np.nan).to_numpy()
    parsed, failed = (table[name].to_numpy() for name in ("parsed", "failed"))
    right, wrong, unread, lost = range(len(MARKS))
    read = np.where(score >= RIGHT, right, wrong)
    mark = np.where(failed | np.isnan(score), lost, np.where(parsed, read, unread))
    return {"score": score, "mark": mark}


def _rows(file: pq.ParquetFile, rows: Sequence[int], columns: Sequence[str]) -> pa.Table:
    """Some rows of the records, in order."""
    parts, start = [], 0
    wanted = np.asarray(rows, dtype=np.int64)
    schema = pa.schema([pa.field(n, _plain(file.schema_arrow.field(n).type)) for n in columns])
    for number in range(file.num_row_groups):
        end = start + file.metadata.row_group(number).num_rows
        own = wanted[(wanted >= start) & (wanted < end)] - start
        if len(own):
            table = file.read_row_group(number, columns=list(columns)).select(list(columns))
            parts.append(table.take(own).cast(schema))
        start = end
    return pa.concat_tables(parts) if parts else schema.empty_table()


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
