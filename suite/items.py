"""Items: what a benchmark asks, in one shape for every benchmark.

In: a task name (an lmms-eval task YAML) and optionally a local copy of its data.
Out: an ItemSet, cached as Parquet by the content of its source. Reading the cache imports neither
lmms-eval nor torch; reading the source (suite/item_source.py) does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from suite.errors import DataError
from suite.registry import TaskInfo, declared_n, get_task, list_tasks

__all__ = ["Item", "ItemSet", "TaskInfo", "declared_n", "get_task", "list_tasks", "load_items"]


@dataclass(frozen=True)
class Item:
    """One question of a benchmark."""

    task: str
    item_id: str
    """Unique within the task, a string, stable between runs."""
    question: str
    """The question without its options."""
    options: tuple[str, ...]
    """The options' texts in order (A, B, ...); empty for an open answer."""
    answer: str
    """Gold answer: the option's letter when there are options, else the text."""
    category: str
    """The benchmark's own category name, or empty."""
    images: tuple[str, ...]
    """SHA-256 content hashes of the encoded images, in order; may be empty."""
    image_id: str
    """Cluster of the item: hash of its images; items that show the same images share it."""
    gold_description: str | None = None
    """What a perfect perceiver would say, where the benchmark knows it."""
    metric: str = "choice"
    """How it is scored: `choice`, `exact`, `synonyms`, `iou`, `lmms`, or a name that
    suite/score.py registers."""
    fillers: int = 0
    """How many of the options are fillers («nan») that stand in for options a question lacks."""
    doc: str = field(default="", repr=False)
    """The benchmark's own row without its media, as JSON: what lmms-eval's scorer is given."""
    row: int = field(default=0, repr=False)
    """Where the row stands in the benchmark's data, from 0: lmms-eval's `doc_id`."""

    @property
    def chance(self) -> float:
        """Accuracy of guessing: 1/number of options that are no fillers, 0 for open answers."""
        return 1.0 / (len(self.options) - self.fillers) if self.options else 0.0


@dataclass(frozen=True)
class ItemSet:
    """All items of a task with the bytes of their images."""

    task: str
    items: tuple[Item, ...]
    image_bytes: dict[str, bytes] = field(repr=False)
    """Content hash -> PNG or JPEG bytes, or what a row holds in place of them."""
    unreadable: dict[str, str] = field(default_factory=dict, repr=False)
    """Hash of an image that is none -> where it stands and why; requests that show it fail."""
    files: dict[str, str] = field(default_factory=dict, repr=False)
    """File that a row names as its image, from the folder of the rows -> SHA-256 of its content."""


def image_hash(data: bytes) -> str:
    """SHA-256 (hex) of an encoded image."""
    return hashlib.sha256(data).hexdigest()


def cluster_id(task: str, item_id: str, images: tuple[str, ...]) -> str:
    """Cluster of an item: equal for equal images in equal order; its own when it has none."""
    text = "|".join(images) if images else f"{task}/{item_id}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_items(
    task: str,
    *,
    data: str | None = None,
    limit: int | None = None,
    cache_dir: str | Path | None = None,
    refresh: bool = False,
) -> ItemSet:
    """All items of a task, or with `limit` the first of each category.

    `data` is a local copy (a Parquet or JSONL file, or a folder) read in place of the hub data set.
    The result is kept under `cache_dir` (default: the user's cache folder), keyed by the content of
    the task's files and of the local copy, or by the hub data set's name and revision; `refresh`
    reads the source again. Raises SuiteError for an unknown task, DataError for missing data.
    """
    from suite import item_cache

    if limit is not None and limit < 1:
        raise DataError(f"limit={limit} leaves no items of {task}: use 1 or more, or none for all.")
    found = None if refresh else cached_items(task, data=data, limit=limit, cache_dir=cache_dir)
    if found is not None:
        return found
    from suite.item_source import read_source

    info = get_task(task)
    location = local_copy(info, data)
    items = read_source(info, location, limit)
    # A file that is missing beside the data may be there next time: the cache would not notice.
    if items.unreadable.keys() <= items.image_bytes.keys():
        item_cache.ItemCache(cache_dir).write(items, item_cache.source_key(info, location), limit)
    return items


def cached_items(
    task: str,
    *,
    data: str | None = None,
    limit: int | None = None,
    cache_dir: str | Path | None = None,
) -> ItemSet | None:
    """What `load_items` gives where the cache has it; None where the source must be read.

    Raises SuiteError for an unknown task and for a local copy that is gone.
    """
    from suite import item_cache
    from suite.item_rows import rows_folder

    info = get_task(task)
    location = local_copy(info, data)
    key = item_cache.source_key(info, location)
    folder = rows_folder(info, location)
    return item_cache.ItemCache(cache_dir).read(info.name, key, limit, folder)


def local_copy(info: TaskInfo, data: str | None) -> Path | None:
    """The path given for a task's data; DataError when nothing is there."""
    if data is None:
        return None
    path = Path(data).expanduser().resolve()
    if not path.exists():
        raise DataError(
            f"There is nothing at {path}, given as the data of {info.name}: pass a Parquet or "
            f"JSONL file, or a folder of them, as --data {info.name}=PATH."
        )
    return path


def first_of_each_category(items: tuple[Item, ...], limit: int | None) -> tuple[Item, ...]:
    """The first `limit` items of each category, in their order."""
    if limit is None:
        return items
    seen: dict[str, int] = {}
    kept = []
    for item in items:
        seen[item.category] = seen.get(item.category, 0) + 1
        if seen[item.category] <= limit:
            kept.append(item)
    return tuple(kept)
