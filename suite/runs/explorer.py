"""The explorer of a run: everything about one item, and lists of items by what became of them.

In: a run directory or its records, as `load_results` takes them; what the records only refer to is
looked up in the run's store (`suite.runs.ways`) and in the item cache. Out: JSON-able values, for a
terminal, a browser and the report alike. Of the records only those columns and row groups are read
that hold what is asked for: they may have tens of millions of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from analyses.attribution import BOTTLENECK
from analyses.attribution_examples import item_classes
from analyses.columns import completed
from analyses.contrasts.two_runs import ABOUT, FACTS, ItemsDiffer, flips, pair
from analyses.table.scores import CELL_COLUMNS, NEEDED, PERCEIVER
from analyses.table.sizes import Pairings, end_to_end, pairings_of
from suite.base.files import cache_folder, whole
from suite.base.json_values import json_value, rows_of
from suite.errors import SuiteError, nearest, reason_of, shown
from suite.items.item import LETTERS, Item
from suite.planning.cells import matching
from suite.runs import items as run_items
from suite.runs.faults import BLAMES, RIGHT, faults, grids, mark
from suite.runs.results import records_file
from suite.runs.sides import Side, match_cells
from suite.runs.ways import Passed, Ways

_ITEM = ("task", "category", "item_id")
_FLIPS = ("cell", "item_id", "task", *ABOUT, *FACTS, "prediction", "score")


@dataclass(frozen=True)
class Filter:
    """Which items are listed. Of an answer all that is asked for must hold, and one answer of an
    item is enough."""

    task: str | None = None
    categories: Sequence[str] = ()
    cells: Sequence[str] = ()
    """Ids or globs of the cells whose answers count; every cell without any."""
    wrong: bool = False
    """An answer scores below RIGHT."""
    unparsed: bool = False
    """An answer could not be read."""
    blame: str | None = None
    """A key of BLAMES: of pairings after thinking where there are any."""
    flipped: str | None = None
    """Another run: an answer scores otherwise there."""


class Explorer:
    """One run, item by item."""

    def __init__(self, source: str | Path, *, store: str | None = None) -> None:
        """`store`: its address, where that in provenance.json, without secrets, does not open it.

        Raises SuiteError as `load_results` does, but for columns, which are read when needed.
        """
        self.path = records_file(source)
        self.source = str(source)
        self._store = store
        try:
            self._data = ds.dataset(self.path)
            [self._whole] = self._data.get_fragments()
        except (OSError, ValueError, pa.ArrowException) as error:
            raise SuiteError(
                f"The records {self.path} cannot be read ({reason_of(error)}); run the study "
                "again, which makes them anew from its store."
            ) from error
        for name in (*NEEDED, "prediction", "text", "parsed", "failed"):
            if name not in self._data.schema.names:
                raise SuiteError(
                    f"The records {self.path} are not of this version of the suite (they have no "
                    f"column {name}); run the study again, which makes them anew from its store."
                )

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Every cell in order of appearance: the columns of `Scores.cells`."""
        found: dict[str, pd.DataFrame] = {}
        for group in self._whole.split_by_row_group():
            for name in pc.unique(group.to_table(columns=["cell"])["cell"]).to_pylist():
                if name not in found:
                    columns = self._there((*CELL_COLUMNS, PERCEIVER, "perception_samples"))
                    own = group.head(1, columns=columns, filter=pc.field("cell") == name)
                    found[name] = completed(own.to_pandas())
        return pd.concat(found.values(), ignore_index=True) if found else pd.DataFrame()

    @cached_property
    def tasks(self) -> list[str]:
        """Every task, in order of appearance."""
        return [str(name) for name in self._values("task")]

    def item(
        self,
        item_id: str,
        *,
        task: str | None = None,
        cells: Sequence[str] = (),
        rows: Sequence[int] | None = None,
    ) -> dict[str, Any]:
        """Gives everything about one item.

        Its question, options, gold answer and images; `grids`, the marks of its pairings; `blame`,
        a sentence a grid with four corners; `answers`, each with the `stages` that it went through;
        `lacking`, what cannot be shown and why, a sentence each. cells: ids or globs of the cells
        whose answers are given; grids and blame are of all. rows: numbers of its rows in the
        records, where they are known. Raises SuiteError for an item that the run has not, or has in
        several tasks.
        """
        frame = self._rows_of(item_id, task) if rows is None else self._rows_at(rows)
        answers = rows_of(frame)
        first = answers[0]
        chosen = answers
        if cells:
            names = matching(list(dict.fromkeys(row["cell"] for row in answers)), cells, "--cell")
            chosen = [row for row in answers if row["cell"] in names]
        folder, lacking = self.path.parent, []
        asked, reasons = run_items.cached(folder, [first["task"]], images_of=[item_id])
        known = asked.get(first["task"])
        item = next((i for i in known.items if i.item_id == item_id), None) if known else None
        if item is None:
            why = "; ".join(reasons.values()) or "they are not among the items of its task."
            lacking.append(f"Question, options, image and prompts cannot be shown: {why}")
        ways = Ways(folder, self._store)
        passed = ways.of(chosen, {} if item is None else {(item.task, item_id): item})
        found = {
            **{name: first[name] for name in ("study", "task", "category", "item_id", "answer")},
            **_asked(item, first),
            "images": [] if item is None or known is None else _images(item, known.image_bytes),
            "blame": sorted(faults(frame), key=_direct),
            "grids": sorted(grids(answers), key=_direct),
            "answers": [_answer(row, own) for row, own in zip(chosen, passed)],
            "lacking": lacking + ways.lacking,
        }
        value: dict[str, Any] = json_value(found)
        return value

    def image(self, task: str, item_id: str, number: int) -> bytes | None:
        """Gives an image of an item by its place among them; None where it is not at hand."""
        known = run_items.cached(self.path.parent, [task], images_of=[item_id])[0].get(task)
        item = next((i for i in known.items if i.item_id == item_id), None) if known else None
        if item is None or known is None or not 0 <= number < len(item.images):
            return None
        return known.image_bytes.get(item.images[number])

    def items(self, chosen: Filter) -> list[dict[str, Any]]:
        """Lists items: task, category and item_id, in order of appearance, and what was found.

        `answers`: how many answers of the item are as asked. `blame`: whose fault it is. `gained`
        and `lost`: answers that score more, or less, here than in the other run.
        """
        if chosen.blame is not None and chosen.blame not in BLAMES:
            raise SuiteError(f"--blame {shown(chosen.blame)}: one of {', '.join(BLAMES)}.")
        where = self._where(chosen)
        found = self._counted(where, chosen)
        for more in (
            self._blamed(chosen, where) if chosen.blame is not None else None,
            self._flipped(chosen) if chosen.flipped is not None else None,
        ):
            if more is not None:
                found = found.merge(more, on=["task", "item_id"], how="inner")
        return rows_of(found)

    def _where(self, chosen: Filter) -> pc.Expression:
        """What tasks, categories and cells a filter leaves."""
        where = pc.scalar(True)
        if chosen.task is not None:
            self._check_task(chosen.task)
            where &= pc.field("task") == chosen.task
        if chosen.categories:
            known = [str(name) for name in self._values("category") if name]
            for name in chosen.categories:
                if name not in known:
                    raise SuiteError(
                        f"{self.source} has no category {shown(name)}{nearest(name, known)}."
                    )
            where &= pc.field("category").isin(list(chosen.categories))
        return where

    def _cells(self, patterns: Sequence[str]) -> list[str]:
        names = [str(name) for name in self.cells["cell"]]
        return list(matching(names, patterns, "--cell")) if patterns else names

    def _counted(self, where: pc.Expression, chosen: Filter) -> pd.DataFrame:
        """The items with answers as asked for, and how many."""
        if chosen.cells:
            where &= pc.field("cell").isin(self._cells(chosen.cells))
        if chosen.wrong:
            where &= pc.field("score") < RIGHT
        if chosen.unparsed:
            where &= ~pc.field("parsed") & ~pc.field("failed")
        table = self._data.to_table(columns=list(_ITEM), filter=where)
        # Codes in place of texts: grouping is several times as fast.
        for n, name in enumerate(_ITEM):
            table = table.set_column(n, name, table[name].combine_chunks().dictionary_encode())
        frame = table.to_pandas()
        counts = frame.groupby(list(_ITEM), sort=False, observed=True, dropna=False).size()
        found: pd.DataFrame = counts.rename("answers").reset_index()
        return found.astype(dict.fromkeys(_ITEM, object))

    def _blamed(self, chosen: Filter, where: pc.Expression) -> pd.DataFrame:
        """The items of one class, with the grids that say so."""
        cells = self.cells[self.cells["cell"].isin(self._cells(chosen.cells))]
        grids = [grid for grid in pairings_of(cells) if grid.corners() is not None]
        if any(grid.thinking for grid in grids):
            grids = [grid for grid in grids if grid.thinking]
        if not grids:
            raise SuiteError(
                f"Whose fault an item is takes decoupled cells of the smallest and the largest "
                f"sizes, which {self.source} lacks{' among these' if chosen.cells else ''}."
            )
        name = BLAMES[str(chosen.blame)]
        wanted = {cell for grid in grids for cell in self._needed(grid, name)}
        columns = self._there((*NEEDED, PERCEIVER, "perception_samples", "seed"))
        own = where & pc.field("cell").isin(sorted(wanted))
        classes = item_classes(self._data.to_table(columns=columns, filter=own).to_pandas())
        classes = classes[classes[name].astype(float) > RIGHT]
        found = classes.drop_duplicates(["task", "item_id"])[["task", "item_id"]]
        return found.assign(blame=chosen.blame)

    def _needed(self, grid: Pairings, name: str) -> list[str]:
        """The cells from whose scores a class of a grid is told."""
        corners = grid.corners()
        assert corners is not None  # the caller has left out the others
        whole = end_to_end(self.cells, grid)
        if name != BOTTLENECK:
            return list(corners.cells)
        return [*grid.cells.values(), *([whole] if whole is not None else [])]

    def _flipped(self, chosen: Filter) -> pd.DataFrame:
        """The items of which an answer scores otherwise in another run."""
        other = str(chosen.flipped)
        pattern = None
        if not Path(other).exists() and ":" in other:
            other, _, pattern = other.rpartition(":")
        theirs = Explorer(other)
        sides = []
        for run, cells in ((theirs, [pattern] if pattern else chosen.cells), (self, chosen.cells)):
            where = run._where(Filter(task=chosen.task))
            if cells:
                where &= pc.field("cell").isin(run._cells(cells))
            columns = list(dict.fromkeys(_FLIPS))
            frame = run._data.to_table(columns=columns, filter=where).to_pandas()
            sides.append(Side(run.source, frame, None, run.path.parent))
        try:
            changed = flips(pair(sides[0].frame, sides[1].frame, match_cells(*sides)))
        except ItemsDiffer as error:
            raise SuiteError(str(error)) from error
        changed = changed.assign(gained=changed["change"] > 0, lost=changed["change"] < 0)
        return (
            changed.groupby(["task", "item_id"], sort=False)[["gained", "lost"]].sum().reset_index()
        )

    def _rows_at(self, rows: Sequence[int]) -> pd.DataFrame:
        """Some rows of the records, texts and all."""
        parts: list[pa.Table] = []
        start = 0
        for group in self._whole.split_by_row_group():
            end = start + group.row_groups[0].num_rows
            own = [row - start for row in rows if start <= row < end]
            if own:
                parts.append(group.to_table().take(pa.array(own)))
            start = end
        return completed(pa.concat_tables(parts).to_pandas())

    def _rows_of(self, item_id: str, task: str | None) -> pd.DataFrame:
        """The rows of an item, texts and all."""
        where = pc.field("item_id") == item_id
        if task is not None:
            self._check_task(task)
            where &= pc.field("task") == task
        # First where it stands, then its texts: those of all rows would be read with a filter.
        parts = [
            group.to_table(filter=where)
            for group in self._whole.split_by_row_group(where)
            if group.count_rows(filter=where)
        ]
        if not parts:
            raise SuiteError(self._unknown(item_id, task))
        frame = completed(pa.concat_tables(parts).to_pandas())
        tasks = [str(name) for name in frame["task"].unique()]
        if len(tasks) > 1:
            raise SuiteError(
                f"Item {shown(item_id)} is in {len(tasks)} tasks, {', '.join(tasks)}; name one "
                "with --task."
            )
        return frame

    def _unknown(self, item_id: str, task: str | None) -> str:
        where = None if task is None else pc.field("task") == task
        known = [str(name) for name in self._values("item_id", where)]
        ends = [name for name in known if name.endswith(item_id)][:3]
        hint = f" (did you mean {' or '.join(map(shown, ends))}?)" if ends else ""
        of = self.source if task is None else f"{task} in {self.source}"
        return f"There is no item {shown(item_id)} of {of}{hint or nearest(item_id, known)}."

    def _check_task(self, task: str) -> None:
        if task not in self.tasks:
            raise SuiteError(f"{self.source} has no task {shown(task)}{nearest(task, self.tasks)}.")

    def _values(self, column: str, where: pc.Expression | None = None) -> list[Any]:
        """The different values of a column, in order of appearance."""
        found: dict[Any, None] = {}
        for batch in self._data.to_batches(columns=[column], filter=where):
            found |= dict.fromkeys(pc.unique(batch.column(0)).to_pylist())
        return list(found)

    def _there(self, columns: Sequence[str]) -> list[str]:
        """The columns that the records, which may be of an older version, have."""
        return [name for name in dict.fromkeys(columns) if name in self._data.schema.names]


def _direct(row: dict[str, Any]) -> bool:
    """Pairings after thinking come first: their fault is listed."""
    return not row["thinking"]


def _asked(item: Item | None, row: dict[str, Any]) -> dict[str, Any]:
    if item is None:
        return {"question": None, "options": [], "gold_description": None}
    return {
        "question": item.question,
        "options": [
            {"letter": letter, "text": text, "gold": letter == item.answer}
            for letter, text in zip(LETTERS, item.options)
        ],
        "gold_description": item.gold_description,
    }


def _images(item: Item, data: dict[str, bytes]) -> list[dict[str, Any]]:
    """The images with the paths of files that hold them, in the user's cache."""
    return [{"sha256": name, "path": _file(name, data.get(name))} for name in item.images]


def _file(name: str, data: bytes | None) -> str | None:
    """Writes an image to a file unless it is there; None where it is none or cannot be written."""
    if data is None:
        return None
    kind = next((k for start, k in _KINDS.items() if data.startswith(start)), "bin")
    path = cache_folder() / "images" / f"{name}.{kind}"
    try:
        if not path.is_file():
            with whole(path) as temporary:
                temporary.write_bytes(data)
    except (OSError, SuiteError):
        return None
    return str(path)


_KINDS = {b"\x89PNG": "png", b"\xff\xd8": "jpg", b"GIF8": "gif", b"RIFF": "webp", b"BM": "bmp"}
"""First bytes of a file -> the end of its name."""


def _answer(row: dict[str, Any], stages: Sequence[Passed]) -> dict[str, Any]:
    """What the records say of one answer, and its way."""
    names = (
        *("cell", "method", "family", "perceiver", "perception", "reasoning", "thinking"),
        *("sample", "seed", "prediction", "rule", "parsed", "score", "lmms_score", "failed"),
        *("reason", "leak", "finish_reason", "prompt_tokens", "generated_tokens", "seconds"),
        *("description", "text", "thinking_text"),
    )
    return {
        **{name: row.get(name) for name in names},
        "mark": mark(row),
        "stages": [asdict(stage) for stage in stages],
    }
