"""Items: what a benchmark asks, in one shape for every benchmark.

In: a task name (an lmms-eval task YAML) and optionally a local copy of its data.
Out: an ItemSet, cached as Parquet by the content of its source. Reading the cache imports neither
lmms-eval nor torch; reading the source (suite/items/source.py) does.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from suite.base.files import user_path
from suite.errors import DataError
from suite.items.item import Item, ItemSet
from suite.items.tasks import TaskInfo, declared_n, get_task, list_tasks

__all__ = ["Item", "ItemSet", "TaskInfo", "declared_n", "get_task", "list_tasks", "load_items"]


def load_items(
    task: str,
    *,
    data: str | None = None,
    limit: int | None = None,
    cache_dir: str | Path | None = None,
    refresh: bool = False,
) -> ItemSet:
    """Loads all items of a task, or with `limit` the first of each category.

    `data` is a local copy (a Parquet or JSONL file, or a folder) read in place of the hub data set.
    The result is kept under `cache_dir` (default: the user's cache folder), keyed by the content of
    the task's files and of the local copy, or by the hub data set's name and revision; `refresh`
    reads the source again. Raises SuiteError for an unknown task, DataError for missing data.
    """
    from suite.items import cache as item_cache

    if limit is not None and limit < 1:
        raise DataError(f"limit={limit} leaves no items of {task}: use 1 or more, or none for all.")
    found = None if refresh else cached_items(task, data=data, limit=limit, cache_dir=cache_dir)
    if found is not None:
        return found
    from suite.items.source import read_source

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
    images_of: Collection[str] | None = None,
) -> ItemSet | None:
    """Gives what `load_items` gives where the cache has it; None where the source must be read.

    images_of: items whose images are wanted, by id; all of them by default.
    Raises SuiteError for an unknown task and for a local copy that is gone.
    """
    from suite.items import cache as item_cache
    from suite.items.rows import rows_folder

    info = get_task(task)
    location = local_copy(info, data)
    key = item_cache.source_key(info, location)
    folder = rows_folder(info, location)
    return item_cache.ItemCache(cache_dir).read(info.name, key, limit, folder, images_of)


def is_here(info: TaskInfo, data: str | None = None) -> bool:
    """Says whether a task's data are on this machine, as far as names of files tell: drawn by the
    task, in a file beside it or given as `data`, or in the caches of the Hub."""
    from suite.items.lmms_task import on_hub
    from suite.items.rows import rows_place

    if data is not None:
        return user_path(data).exists()
    if not on_hub(info):
        place = rows_place(info, None)
        return place is None or place.exists()
    from huggingface_hub import constants

    name = str(info.config["dataset_path"])
    prepared = os.environ.get("HF_DATASETS_CACHE") or Path(constants.HF_HOME) / "datasets"
    places = (
        Path(constants.HF_HUB_CACHE) / f"datasets--{name.replace('/', '--')}" / "snapshots",
        Path(prepared) / name.replace("/", "___"),
    )
    return any(place.is_dir() for place in places)


def local_copy(info: TaskInfo, data: str | None) -> Path | None:
    """Gives the path given for a task's data, or the folder that its YAML names; DataError when
    nothing is there."""
    from suite.items.lmms_task import data_folder

    if data is None:
        folder = data_folder(info)
        if folder is not None and not folder.is_dir():
            wrong = f"the folder {folder}, which is not there"
            if folder.is_file():
                wrong = (
                    f"the file {folder}: name it in `dataset_kwargs.data_files`, and what reads it "
                    "here (json, csv or parquet)"
                )
            raise DataError(f"In the task file {info.path}: `dataset_path` names {wrong}.")
        return folder
    path = user_path(data).absolute()  # a link keeps its name: the Hub's cache links to hashes
    if not path.exists():
        raise DataError(
            f"There is nothing at {path}, given as the data of {info.name}: pass a Parquet or "
            f"JSONL file, or a folder of them, as --data {info.name}=PATH."
        )
    return path
