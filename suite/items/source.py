"""Reads a task's items through lmms-eval's own YAML task machinery.

In: a TaskInfo and optionally a local copy of its data. Out: an ItemSet. lmms-eval builds the task
(loader, split, process_docs) from its YAML; each doc becomes an Item by the columns that the YAML
maps under `metadata.item`, by the function that it names under `metadata.doc_to_item`, or by
`generic_item` where it has neither. suite/items/load.py comes here only when its cache has nothing,
because lmms-eval is slow to import.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from suite.base.files import file_hash
from suite.base.images import Unreadable, encoded, stored_images, without_media
from suite.base.keyed_texts import key_text
from suite.base.row_files import whole_characters
from suite.errors import DataError, nearest, reason_of, shown
from suite.items.item import LETTERS, Item, ItemSet, cluster_id, image_hash
from suite.items.lmms_task import build_task, data_error, on_hub, quiet, shown_images, stored_media
from suite.items.rows import overrides_for, rows_folder, rows_place, rows_read
from suite.items.task_yaml import ITEM_KEYS, METRICS, references
from suite.items.tasks import LMMS_EVAL, TaskInfo
from tasks.choice import fillers, given, is_empty
from tasks.pictures import NoPicture, file_of


def read_source(info: TaskInfo, location: Path | None, limit: int | None) -> ItemSet:
    """Reads the items of a task from its data, the first `limit` of each category.

    Raises DataError when the data are missing, unreadable, or lack a column that the task needs.
    """
    if not info.name.startswith(LMMS_EVAL):
        with quiet():  # lmms-eval's own words for a wrong name say less
            for reference in references(dict(info.config)):
                reference.resolve(info.path.parent)
    with tempfile.TemporaryDirectory(prefix="downscale-", ignore_cleanup_errors=True) as scratch:
        overrides = overrides_for(info, location, limit, Path(scratch))
        folders = _folders(info, location)
        task = build_task(info, overrides, location, folders)
        places = rows_read(info, location, limit)
        with quiet(), shown_images(folders, lenient=False):
            return _items(info, task, location, limit, places)


def read_rows(
    info: TaskInfo, docs: Any, rows: Sequence[int], doc_to_visual: Callable[[Any], Any]
) -> ItemSet:
    """Makes the items of some rows of the data that lmms-eval itself has loaded for a task.

    docs: those rows, a `datasets.Dataset`. rows: where each stands in the data. Errors as in
    `read_source`.
    """
    task = SimpleNamespace(eval_docs=docs, doc_to_visual=doc_to_visual)
    with quiet(), shown_images(_folders(info, None), lenient=False):
        return _items(info, task, None, None, rows)


def _folders(info: TaskInfo, location: Path | None) -> list[Path]:
    """Where the rows of a task may name images; relative paths lead from the first."""
    folder = rows_folder(info, location)
    # A snapshot of the Hub has its files as links to `blobs`, beside `snapshots`.
    blobs = [p.with_name("blobs") for p in folder.absolute().parents if p.name == "snapshots"]
    hub = _hub_folders() if location is None and on_hub(info) else []
    return [folder, *blobs, *hub]


def _hub_folders() -> list[Path]:
    """Where the files of the Hub's data sets lie."""
    from datasets.config import HF_CACHE_HOME, HF_DATASETS_CACHE
    from huggingface_hub.constants import HF_HUB_CACHE

    return [Path(place) for place in (HF_CACHE_HOME, HF_DATASETS_CACHE, HF_HUB_CACHE)]


def _items(
    info: TaskInfo,
    task: Any,
    location: Path | None,
    limit: int | None,
    places: Sequence[int] | None,
) -> ItemSet:
    """places: where each row stands in the data; None: they are all."""
    docs, folder = task.eval_docs, rows_folder(info, location)
    if len(docs) == 0:
        raise data_error(info, location, ValueError("it holds no rows"))
    to_item = info.function("doc_to_item")
    columns: Mapping[str, Any] | None = info.metadata.get("item")
    places = places or range(len(docs))
    named = None if columns is not None or to_item else id_column(docs)
    foreign = info.name.startswith(LMMS_EVAL)
    made: list[Item] = []
    image_bytes: dict[str, bytes] = {}
    unreadable: dict[str, str] = {}
    files: dict[str, str] = {}
    counts: dict[str, int] = {}
    place = str(rows_place(info, location) or info.source)
    for index in range(len(docs)):
        try:
            with stored_media():  # so that files are kept to the byte
                doc = docs[index]
            if columns is not None:
                row = mapped_item(info, columns, doc)
            elif to_item:
                row = to_item(doc)
            else:
                row = generic_item(task, _decoded(docs, doc, index), foreign)
                row["item_id"] = str(index if named is None else doc[named])
            row = _checked(info, row)
            category = row["category"]
            counts[category] = counts.get(category, 0) + 1
            if limit is not None and counts[category] > limit:
                continue
            media = row["images"] if "images" in row else _shown(task, docs, doc, index)
            where = f"row {places[index]} of {place}"
            pictures = [_picture(i, folder, where) for i in _parts(media) if not is_empty(i)]
        except (Exception, SystemExit) as error:  # a task's own function may leave Python
            reason = str(error)
            if not isinstance(error, DataError):
                key = str(error.args[0]) if isinstance(error, KeyError) and error.args else None
                near = "" if key is None else nearest(key, map(str, doc))
                what = f"{type(error).__name__}: {reason_of(error)}{near}"
                reason = f"{info.path} makes no item of it ({what})."
            raise DataError(f"Row {index} of {place}: {reason}") from error
        hashes = tuple(picture.name for picture in pictures)
        image_bytes |= {p.name: p.data for p in pictures if p.data is not None}
        unreadable |= {p.name: p.problem for p in pictures if p.problem is not None}
        files |= {p.file: p.digest for p in pictures if p.file and p.digest}
        made.append(_item(info, row, doc, hashes, places[index]))
    _check_unique(info, made)
    return ItemSet(info.name, tuple(made), image_bytes, unreadable, files)


@dataclass(frozen=True)
class _Picture:
    """An image of a row, or what stands in its place."""

    name: str
    """Content hash."""
    data: bytes | None
    problem: str | None = None
    file: str | None = None
    """Where it was read from, where the row names a file that is there."""
    digest: str | None = None
    """SHA-256 of that file."""


def _picture(image: Any, folder: Path, where: str) -> _Picture:
    """An image as bytes; one that is none keeps its item, whose requests then say why they fail."""
    file = digest = None
    with suppress(NoPicture, OSError, ValueError):  # `encoded` says why
        path = file_of(image)
        if path is not None:
            digest = file_hash(path)
            file = str(path.relative_to(folder) if path.is_relative_to(folder) else path)
    try:
        data = encoded(image)
    except Unreadable as error:
        problem = f"the image in {where} cannot be read: {error}."
        name = image_hash(problem.encode() if error.data is None else error.data)
        return _Picture(name, error.data, problem, file, digest)
    return _Picture(image_hash(data), data, None, file, digest)


def _decoded(docs: Any, doc: Mapping[str, Any], index: int) -> Any:
    """A doc with its images decoded; as it is stored where one cannot be."""
    try:
        return docs[index]
    except Exception:  # Pillow's decoders raise many kinds, and so does the library around them
        return doc


def _shown(task: Any, docs: Any, doc: Mapping[str, Any], index: int) -> Any:
    """What lmms-eval's task shows of a doc; all images of the row where one cannot be decoded."""
    decoded = _decoded(docs, doc, index)
    try:
        return stored_images(doc) if decoded is doc else task.doc_to_visual(decoded)
    except NoPicture as error:  # what stands in one row fails it alone
        return [error]


def mapped_item(
    info: TaskInfo, columns: Mapping[str, Any], doc: Mapping[str, Any]
) -> dict[str, Any]:
    """Gives an item's row from the columns that `metadata.item` names; several may make up one key.

    Images and options are a list in one column, one value, or one column each. A row may have
    fewer: empty images, and empty options after the last, are none. Raises DataError for a column
    that is not there, and for an empty option before another, without which the letter of the
    answer would name the next one.
    """
    row: dict[str, Any] = {"images": []}
    for key, named in columns.items():
        names = named if isinstance(named, list) else [named]
        for name in names:
            if name not in doc:
                raise DataError(
                    f"`metadata.item.{key}` in {info.path} names the column {name!r}, which the "
                    f"data do not have{nearest(name, map(str, doc))}."
                )
        if key in ("images", "options"):
            values = [(name, doc[name]) for name in names]
            parts = [(name, part) for name, value in values for part in _parts(value) or [None]]
            row[key] = [part for _, part in parts if not is_empty(part)]
            gap = next((name for name, p in parts[: len(row[key])] if is_empty(p)), None)
            if key == "options" and gap is not None:
                raise DataError(
                    f"`metadata.item.options` in {info.path} names the column {gap!r}, where an "
                    "option is empty before another: the letters of those after it would shift."
                )
        elif not is_empty(doc[named]):
            row[key] = doc[named]
        elif key == "item_id":
            raise DataError(
                f"`metadata.item.item_id` in {info.path} names the column {named!r}, where this "
                "row is empty: give it an id."
            )
    return row


def _parts(value: Any) -> list[Any]:
    """The options or images in a cell, or of a function: a list's, else the value alone. A text is
    not its letters, and an object not its keys."""
    if isinstance(value, (list, tuple)) or (hasattr(value, "shape") and value.shape):
        return list(value)  # also arrays, and columns of pandas
    return [] if value is None else [value]


def _checked(info: TaskInfo, row: Any) -> dict[str, Any]:
    """What a task's own function or columns give, as what an item has: texts, as they are written.

    DataError where a key is unknown or missing, or what stands there is no text.
    """

    def wrong(words: str) -> DataError:
        return DataError(f"the item that {info.path} makes {words}.")

    if not isinstance(row, Mapping):
        raise DataError(f"doc_to_item of {info.path} gives {row!r}, and not an item's keys.")
    for key in row:
        if key not in ITEM_KEYS:
            raise DataError(
                f"doc_to_item of {info.path} gives the unknown key {key!r}"
                f"{nearest(str(key), ITEM_KEYS)}."
            )
    foreign = info.name.startswith(LMMS_EVAL)  # whose own scorer may need no answer
    for key in ("question", "answer"):
        if row.get(key) is None or (is_empty(row[key]) and not foreign):
            raise wrong(f"has no {key!r}")
    given_images = "images" in row or info.config.get("doc_to_visual") is not None
    if not given_images and not foreign:
        raise wrong("has no 'images': give them, [] for a task without, or `doc_to_visual`")
    try:
        options = given(_parts(row.get("options")))
    except ValueError as error:
        raise DataError(f"in the item that {info.path} makes, {error}.") from error
    category = _key(info, "category", row)
    if info.categories and category not in info.categories:
        raise DataError(
            f"the category {category!r} is none of those that {info.path} declares"
            f"{nearest(category, info.categories)}."
        )
    metric = str(row.get("metric", info.metric))
    if metric not in METRICS:
        raise wrong(f"has the metric {metric!r}{nearest(metric, METRICS)}")
    if metric == "choice" and not options:
        raise DataError(
            f"the metric of {info.path} is `choice`, and the item has no options to choose from."
        )
    answer = _text(info, "answer", row["answer"])
    unused = row.get("fillers")
    unused = fillers(options, answer) if is_empty(unused) else _text(info, "fillers", unused)
    if not str(unused).isdecimal():
        raise wrong(f"has {shown(unused)} fillers: give how many of its options are none")
    count = len(options) - int(unused)
    if options and count < 2:
        raise wrong(
            f"has {max(count, 0)} option{'' if count == 1 else 's'} to choose from "
            f"({', '.join(map(shown, options))}): give two or more, as a list or a column each"
        )
    if len(options) > len(LETTERS):
        raise wrong(
            f"has {len(options)} options, and there are letters for {len(LETTERS)}: leave some out"
        )
    described = row.get("gold_description")
    return {
        **row,
        "item_id": _key(info, "item_id", row),
        "question": _text(info, "question", row["question"]),
        "answer": answer,
        "fillers": int(unused),
        "metric": metric,
        "options": tuple(_text(info, "options", option) for option in options),
        "category": category,
        "subcategory": _key(info, "subcategory", row),
        "gold_description": None
        if is_empty(described)
        else _text(info, "gold_description", described),
    }


def _key(info: TaskInfo, key: str, row: Mapping[str, Any]) -> str:
    """A name, or nothing; 3.0 is 3, as everywhere."""
    value = row.get(key)
    if isinstance(value, float):
        return key_text(value) or ""
    return "" if is_empty(value) else _text(info, key, value)


def _text(info: TaskInfo, key: str, value: Any) -> str:
    """A text as it is written, true and false as in JSON. A float is refused: 1.10 and 1.1 are the
    same one, and a table with a hole makes 12.0 of 12."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return whole_characters(str.__str__(value))  # an Enum's member calls itself otherwise
    if isinstance(value, Integral):
        return str(int(value))
    raise DataError(
        f"in the item that {info.path} makes, {key!r} holds {shown(value)}, which is no text; "
        "write it as one."
    )


def _item(
    info: TaskInfo,
    row: Mapping[str, Any],
    doc: Mapping[str, Any],
    images: tuple[str, ...],
    index: int,
) -> Item:
    item_id = row["item_id"] or str(index)
    options, answer = row["options"], row["answer"]
    if options and answer not in tuple(LETTERS[: len(options)]):  # in a text, `AB` would be too
        raise DataError(
            f"Item {item_id} of {info.name} has the answer {answer!r} and {len(options)} options: "
            "the answer must be the letter of one of them."
        )
    return Item(
        task=info.name,
        item_id=item_id,
        question=row["question"],
        options=options,
        answer=answer,
        category=row["category"],
        subcategory=row["subcategory"],
        images=images,
        image_id=cluster_id(info.name, item_id, images),
        gold_description=row["gold_description"],
        metric=row["metric"],
        fillers=row["fillers"],
        doc=json.dumps(without_media(doc), ensure_ascii=False, sort_keys=True, default=str),
        row=index,
    )


def _check_unique(info: TaskInfo, items: list[Item]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.item_id in seen:
            raise DataError(
                f"Two rows of {info.name} have the id {item.item_id!r}: each needs its own."
            )
        seen.add(item.item_id)


def id_column(docs: Any) -> str | None:
    """Gives the column whose values tell the rows of a task of lmms-eval apart; None: their number
    does.

    A `question_id` may be shared: MME's is the picture's name, of which it asks two questions.
    """
    for name in ("question_id", "index"):
        if name in docs.column_names:
            values = [str(value) for value in docs[name] if value is not None]
            if len(set(values)) == len(docs):
                return name
    return None


def generic_item(task: Any, doc: Mapping[str, Any], foreign: bool) -> dict[str, Any]:
    """Makes an open question of lmms-eval's own prompt and target, for tasks with its scorer.

    foreign: whether the task is one of lmms-eval, whose scorer takes the row and so any target.
    """
    question, target = task.doc_to_text(doc), task.doc_to_target(doc)
    answer = target[0] if isinstance(target, list) and target else target
    if foreign:
        question, answer = str(question), str(answer)
    return {"question": question, "answer": answer, "options": ()}
