"""The item cache: two Parquet files per task, source and limit, one of items and one of images.

In: an ItemSet and the key of its source. Out: the same ItemSet, read without lmms-eval or torch,
while the files that its rows name as images are what they were.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from suite.base.files import PACKAGE, cache_folder, file_hash, whole
from suite.base.json_values import changed, json_hash
from suite.errors import Unfinished, said_of
from suite.items.item import Item, ItemSet, first_of_each_category
from suite.items.task_yaml import FunctionReference
from suite.items.tasks import TaskInfo
from tasks.pictures import FOLDERS_VARIABLE, max_pixels

FORMAT = 7
"""Version of the cache's content. Raise it when an Item's meaning changes."""

CODE = frozenset(
    {".py", ".yaml", ".json", ".jsonl", ".csv", ".tsv", ".npz", ".npy", ".parquet", ".txt"}
)
DATA = frozenset({".parquet", ".jsonl", ".json", ".csv", ".tsv", ".arrow"})
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
_FILES = b"image_files"
"""Where a Parquet of items keeps ItemSet.files, as JSON."""

_ITEM_SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("question", pa.string()),
        ("options", pa.list_(pa.string())),
        ("answer", pa.string()),
        ("category", pa.string()),
        ("images", pa.list_(pa.string())),
        ("image_id", pa.string()),
        ("gold_description", pa.string()),
        ("metric", pa.string()),
        ("fillers", pa.int64()),
        ("doc", pa.string()),
        ("row", pa.int64()),
        ("subcategory", pa.string()),
    ]
)
_IMAGE_SCHEMA = pa.schema(
    [("hash", pa.string()), ("bytes", pa.binary()), ("unreadable", pa.string())]
)


def source_key(info: TaskInfo, location: Path | None) -> str:
    """Hashes what determines a task's items: its YAML, the files beside it (code, rows,
    images), those that it depends on, its data, and which images may be read."""
    with said_of("Images"):
        most = max_pixels()
    content: dict[str, Any] = {
        "format": FORMAT,
        "images": [most, os.environ.get(FOLDERS_VARIABLE, "")],
        "task": info.lmms_name,
        "config": changed(dict(info.config), _plain),
        "code": _hash_files(_code_files(info), info.path.parent),
    }
    if location is not None:
        content["data"] = _hash_files(data_files(location), location)
    return json_hash(content)[:24]


def data_files(location: Path) -> list[Path]:
    """Gives the files of a local copy: itself, or those in a folder that hold rows or images."""
    if location.is_file():
        return [location]
    return sorted(
        path
        for path in location.rglob("*")
        if path.suffix.lower() in DATA | IMAGES
        and path.is_file()  # a folder may be called `old.json`
        and not any(part.startswith(".") for part in path.relative_to(location).parts)
        and not fnmatch(path.name, "cache-*.arrow")  # what `datasets` has made of the rows
    )


def _code_files(info: TaskInfo) -> list[Path]:
    folder = info.path.parent
    depends = [folder / name for name in info.metadata.get("depends") or ()]
    shared = (PACKAGE.parent / "tasks" / name for name in ("choice.py", "pictures.py"))
    roots = [folder, *depends, *shared]
    found: set[Path] = set()
    for root in roots:
        found.update([root] if root.is_file() else root.rglob("*"))
    return sorted(
        path
        for path in found
        if path.suffix.lower() in CODE | IMAGES
        and path.is_file()
        and "__pycache__" not in path.parts
        and (path.suffix != ".yaml" or path == info.path)  # the merged config is hashed apart
    )


def _hash_files(paths: list[Path], root: Path) -> list[list[str]]:
    hashes = []
    for path in paths:
        name = path.relative_to(root) if path != root and path.is_relative_to(root) else path.name
        hashes.append([str(name), file_hash(path)])
    return hashes


def _unchanged(folder: Path, files: dict[str, str]) -> bool:
    """Whether files still have their hashes. By content, because times and sizes are kept by what
    copies a folder and by what paints over a picture."""
    try:
        return all(file_hash(folder / name) == digest for name, digest in files.items())
    except OSError:
        return False


def _plain(value: Any, _: str) -> Any:
    """A value of a config, or a key, in JSON's own types."""
    if isinstance(value, FunctionReference):
        return {"!function": value.dotted}
    plain = value is None or isinstance(value, (str, int, float, dict, list, tuple))
    return value if plain else str(value)


class ItemCache:
    """Item sets under one folder."""

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = (Path(folder) if folder is not None else cache_folder()) / "items"

    def read(
        self,
        task: str,
        key: str,
        limit: int | None,
        folder: Path | None = None,
        images_of: Collection[str] | None = None,
    ) -> ItemSet | None:
        """Gives the cached items, cut to `limit` when a larger set is there; None when there are
        none.

        `folder`: where the rows' paths of images lead from. Sets of which one has changed are none.
        `images_of`: items whose images are given, by id; all by default.
        """
        for path in self._candidates(task, key, limit):
            try:
                table = pq.read_table(path, schema=_ITEM_SCHEMA)
                files = json.loads((pq.read_schema(path).metadata or {}).get(_FILES, b"{}"))
                if not _unchanged(folder or Path(), files):
                    continue
                items = tuple(_item(task, row) for row in table.to_pylist())
                kept = first_of_each_category(items, limit)
                seen = [i for i in kept if images_of is None or i.item_id in images_of]
                wanted = {name for item in seen for name in item.images}
                # With its type: of no names at all pyarrow would guess another.
                own = pc.field("hash").isin(pa.array(list(wanted), pa.string()))
                images = pq.read_table(
                    path.with_suffix(".images"),
                    schema=_IMAGE_SCHEMA,
                    filters=None if images_of is None else own,
                )
            except (OSError, ValueError, pa.ArrowException):
                continue  # half-deleted or of another format: the source is read again
            stored = [row for row in images.to_pylist() if row["hash"] in wanted]
            return ItemSet(
                task,
                kept,
                {row["hash"]: row["bytes"] for row in stored},
                {row["hash"]: row["unreadable"] for row in stored if row["unreadable"]},
                files,
            )
        return None

    def write(self, items: ItemSet, key: str, limit: int | None) -> None:
        """Stores a set. A cache that cannot be written is no reason to stop."""
        path = self._path(items.task, key, limit)
        rows = [{name: getattr(item, name) for name in _ITEM_SCHEMA.names} for item in items.items]
        pairs = [
            {"hash": name, "bytes": data, "unreadable": items.unreadable.get(name)}
            for name, data in items.image_bytes.items()
        ]
        try:
            with whole(path.with_suffix(".images")) as temporary:
                pq.write_table(pa.Table.from_pylist(pairs, _IMAGE_SCHEMA), temporary)
            schema = _ITEM_SCHEMA.with_metadata({_FILES: json.dumps(items.files)})
            with whole(path) as temporary:
                pq.write_table(pa.Table.from_pylist(rows, schema), temporary)
        except (OSError, Unfinished):
            return

    def _path(self, task: str, key: str, limit: int | None) -> Path:
        return self.folder / task / f"{key}-{'all' if limit is None else limit}.parquet"

    def _candidates(self, task: str, key: str, limit: int | None) -> Iterator[Path]:
        """Exact limit first, then larger ones, then the whole."""
        yield self._path(task, key, limit)
        if limit is None:
            return
        pattern = re.compile(rf"{key}-(\d+)\.parquet$")
        matches = [
            pattern.search(path.name) for path in self.folder.glob(f"{task}/{key}-*.parquet")
        ]
        for larger in sorted(int(match[1]) for match in matches if match and int(match[1]) > limit):
            yield self._path(task, key, larger)
        yield self._path(task, key, None)


def _item(task: str, row: dict[str, Any]) -> Item:
    parts = {"options": tuple(row["options"]), "images": tuple(row["images"])}
    # Null where an older version has written the file.
    return Item(task=task, **{**row, **parts, "subcategory": row["subcategory"] or ""})
