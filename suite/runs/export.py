"""Records as the files that lmms-eval writes with --log_samples, for tools that read those.

In: a run directory. Out: per cell a folder with one JSONL of samples per task
and a results file beside them, named and laid out as lmms-eval 0.7 does, so that its own readers
(baseline comparison, efficiency summary, log viewer) take them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyses.columns import completed
from suite.base.files import Folder, on_any_disk
from suite.base.json_values import json_value, rows_of
from suite.errors import SuiteError
from suite.items.item import LETTERS, Item, ItemSet
from suite.items.tasks import get_task
from suite.planning.cells import matching
from suite.runs import provenance
from suite.runs.items import load_run_items
from suite.runs.results import load_results
from suite.runs.ways import Ways

if TYPE_CHECKING:
    import pandas as pd

UNREAD = "[invalid]"
"""What lmms-eval's own filters put where they can read nothing."""
OWN = ("cell", "category", "item_id", "rule", "parsed", "failed", "reason", "key", "upstream")
"""Columns that a sample carries beside lmms-eval's own fields, under `downscale`; there are, too,
the `stages` of its way (`suite.runs.ways.Passed`)."""


@dataclass(frozen=True)
class Exported:
    """One samples file."""

    cell: str
    task: str
    file: str
    samples: int
    """Lines: one an item."""
    failed: int
    """Lines without any score, because every answer of the item failed."""


def export(
    folder: str | Path,
    *,
    cells: Sequence[str] = (),
    out: str | Path | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Exported]:
    """Writes the answers of a run, a folder per cell.

    cells: ids or globs; every cell without any. out: DIR/lmms_eval by default. say:
    takes a sentence about each thing that cannot be told of the stages. Raises SuiteError
    for a directory without a finished run, a cell that it lacks, and items that are not those it
    asked any more.
    """
    place = Path(folder)
    frame = load_results(place)
    if cells:
        frame = frame[frame["cell"].isin(matching(frame["cell"].unique(), cells, "--cell"))]
    items = {str(task): load_run_items(place, str(task)) for task in frame["task"].unique()}
    date = provenance.finished(place).strftime("%Y%m%d_%H%M%S")
    target = Path(out) if out is not None else place / "lmms_eval"
    ways = Ways(place)
    ways.fetch(rows_of(frame[["cell", "method", "upstream"]]))
    written = write(frame, items, target, date, ways)
    if say is not None:
        for sentence in ways.lacking:
            say(sentence)
    return written


def write(
    frame: pd.DataFrame,
    items: Mapping[str, ItemSet],
    folder: Path,
    date: str,
    ways: Ways | None = None,
) -> list[Exported]:
    """Writes the samples and results files of every cell in `frame` under `folder`.

    date: the prefix of the files' names, `20260131_120000`. ways: of the run; no stages
    without. SuiteError for a row whose item is not
    among `items`, and where the folder cannot be written.
    """
    written = []
    folders: dict[str, str] = {}
    names = {str(task): get_task(str(task)).lmms_name for task in frame["task"].unique()}
    given = [*names.values()]
    files: dict[str, str] = {}
    for known, plain in names.items():  # lmms-eval's and one's own may have the same
        files[known] = _free(plain if given.count(plain) == 1 else _folder_name(known), files)
    names = files
    for cell, rows in frame.groupby("cell", sort=False):
        folders[str(cell)] = _free(_folder_name(str(cell)), folders)
        place = Folder(folder / folders[str(cell)])
        results: dict[str, dict[str, Any]] = {}
        for task, own in rows.groupby("task", sort=False):
            name = names[str(task)]
            lines = list(_lines(own, items[str(task)], ways))
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            file = f"{date}_samples_{name}.jsonl"
            place.write(file, text.encode())
            scores = [line["score"] for line in lines if line["score"] is not None]
            results[name] = {"mean": sum(scores) / len(scores) if scores else None, "n": len(lines)}
            written.append(
                Exported(
                    str(cell),
                    str(task),
                    str(Path(place.address) / file),
                    len(lines),
                    len(lines) - len(scores),
                )
            )
        content = json.dumps(_results(str(cell), rows, results, date), indent=2, ensure_ascii=False)
        place.write(f"{date}_results.json", content.encode())
    return written


def _free(name: str, taken: Mapping[str, str]) -> str:
    """The name, with underscores behind it as long as it is taken."""
    while on_any_disk(name) in map(on_any_disk, taken.values()):
        name += "_"
    return name


def _folder_name(cell: str) -> str:
    """A cell's id as a folder's name, by the characters that lmms-eval replaces in a model's."""
    return re.sub(r"[\"<>:/|\\?*\[\]]+", "__", cell)


def _lines(rows: pd.DataFrame, items: ItemSet, ways: Ways | None) -> Iterator[dict[str, Any]]:
    """One sample per item, in the order of the benchmark's rows."""
    known = {item.item_id: item for item in items.items}
    lacking = rows[~rows["item_id"].isin(known)]
    if len(lacking):
        raise SuiteError(
            f"Item {lacking['item_id'].iloc[0]} of {items.task} is in the records and not in the "
            "task's data; give the data that the run was made with."
        )
    answers: dict[str, list[dict[str, Any]]] = {}
    told = rows_of(completed(rows))
    if ways is not None:
        passed = ways.of(told, {(items.task, item.item_id): item for item in items.items})
        told = [
            {**row, "stages": [asdict(stage) for stage in own]} for row, own in zip(told, passed)
        ]
    for row in told:
        answers.setdefault(row["item_id"], []).append(row)
    for name in sorted(answers, key=lambda name: known[name].row):
        yield _sample(known[name], sorted(answers[name], key=lambda row: int(row["sample"])))


def _sample(item: Item, answers: list[dict[str, Any]]) -> dict[str, Any]:
    """The line of an item; lists in place of single values where it was answered several times.

    `score` is the mean over its answers. A failed answer has neither text nor score, so that
    readers leave it out in place of counting it wrong.
    """
    identity = json.dumps([item.doc, item.question, item.options, item.images], ensure_ascii=False)
    line = {
        "doc_id": item.row,
        "target": item.answer,
        "resps": _one_or_all([[row["text"]] for row in answers]),
        "filtered_resps": _one_or_all([_filtered(row) for row in answers]),
        "token_counts": [_tokens(row) for row in answers],
        "doc_hash": hashlib.sha256(identity.encode()).hexdigest(),
        "score": _mean(answers, "score"),
        "lmms_score": _mean(answers, "lmms_score"),
        "downscale": _one_or_all(
            [{name: row[name] for name in (*OWN, "stages") if name in row} for row in answers]
        ),
        "input": _input(item),
    }
    cleaned: dict[str, Any] = json_value(line)
    return cleaned


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _filtered(row: dict[str, Any]) -> str | None:
    """What was read from an answer."""
    if row["failed"]:
        return None
    return str(row["prediction"]) if row["parsed"] else UNREAD


def _tokens(row: dict[str, Any]) -> dict[str, int] | None:
    if row["prompt_tokens"] is None:
        return None
    return {
        "input_tokens": int(row["prompt_tokens"]),
        "output_tokens": int(row["generated_tokens"]),
    }


def _mean(rows: list[dict[str, Any]], name: str) -> float | None:
    values = [float(row[name]) for row in rows if row[name] is not None]
    return sum(values) / len(values) if values else None


def _input(item: Item) -> str:
    """The question with its options; the prompts of a cell's stages are in its study."""
    options = zip(LETTERS, item.options)
    return "\n".join([item.question, *(f"{letter}. {text}" for letter, text in options)])


def _results(
    cell: str, rows: pd.DataFrame, tasks: Mapping[str, dict[str, Any]], date: str
) -> dict[str, Any]:
    """The part of lmms-eval's results file that its readers look at."""
    return {
        "results": {
            name: {"alias": name, "score,none": values["mean"]} for name, values in tasks.items()
        },
        "n-samples": {
            name: {"original": values["n"], "effective": values["n"]}
            for name, values in tasks.items()
        },
        "config": {"model": "downscale", "model_args": cell},
        "model_name": f"{rows['study'].iloc[0]}/{cell}",
        "date": date,
    }
