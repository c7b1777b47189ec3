"""Which rows lmms-eval reads for a task: the hub's, a local copy, or a generated task's recipe.

In: a TaskInfo, a local copy or none, a limit or none. Out: the keys of the task's YAML to replace.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from suite.errors import DataError
from suite.items.cache import DATA, IMAGES, data_files
from suite.items.lmms_task import fetch_hint, on_hub
from suite.items.tasks import TaskInfo

AS_WRITTEN: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}
"""For the reader of CSV: only an empty field is missing. Without it an option «None» or «N/A», or
the answer «NA», would be."""


def overrides_for(
    info: TaskInfo, location: Path | None, limit: int | None, scratch: Path
) -> dict[str, Any]:
    """Gives the keys of the YAML to replace so that lmms-eval reads the right rows."""
    kwargs = dict(info.config.get("dataset_kwargs") or {})
    kwargs.pop("token", None)  # a public data set needs none, and asking for one fails without it
    if location is not None:
        return _local_overrides(info, location, scratch)
    if on_hub(info):
        return {"dataset_kwargs": kwargs}
    kwargs["cache_dir"] = str(scratch)
    if info.metadata.get("recipe") and limit is not None:
        kwargs["data_files"] = {info.split: str(_capped_recipe(info, limit, scratch))}
        return {"dataset_kwargs": kwargs}
    files = _beside(info)
    missing = [file for file in files.values() if not Path(file).is_file()]
    if missing and "fetch" in info.metadata:
        raise DataError(f"Task {info.name} needs the data set {info.source}: {fetch_hint(info)}")
    kwargs = _as_written(str(info.config.get("dataset_path")), kwargs)
    return {"dataset_kwargs": {**kwargs, "data_files": files}}


def _as_written(builder: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """What a task asks of the reader of its rows; of CSV, texts as they stand."""
    return {**AS_WRITTEN, **kwargs} if builder == "csv" else kwargs


def _beside(info: TaskInfo) -> dict[str, str]:
    """Split -> the file that the YAML names, which is relative to it."""
    files = (info.config.get("dataset_kwargs") or {}).get("data_files", {})
    if not isinstance(files, dict):
        files = {info.split: files}
    if not all(isinstance(name, str) for name in files.values()):
        raise DataError(
            f"In the task file {info.path}: `dataset_kwargs.data_files` must name a file per split."
        )
    return {split: str(info.path.parent / name) for split, name in files.items()}


def rows_folder(info: TaskInfo, location: Path | None) -> Path:
    """Gives the folder that paths of images in a task's rows are relative to: that of the rows."""
    if location is not None:
        return location.parent if location.is_file() else location
    own = None if on_hub(info) else _beside(info).get(info.split)
    return Path(own).parent if own is not None else info.path.parent


def rows_read(info: TaskInfo, location: Path | None, limit: int | None) -> list[int] | None:
    """Gives the rows of a task's data that `overrides_for` reads, by place; None where all."""
    capped = info.metadata.get("recipe") and limit is not None
    if location is not None or on_hub(info) or not capped or limit is None:
        return None
    found: list[int] = []
    start = 0
    for part in _recipe(info):
        n = int(part["n"])
        found += range(start, start + min(n, limit))
        start += n
    return found


def _recipe(info: TaskInfo) -> list[dict[str, Any]]:
    """The parts of a generated task: one a line, with `n` items of one category each."""
    lines = Path(_beside(info)[info.split]).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def _capped_recipe(info: TaskInfo, limit: int, scratch: Path) -> Path:
    """The recipe of a generated task with every `n` at most `limit`."""
    capped = [{**part, "n": min(int(part["n"]), limit)} for part in _recipe(info)]
    path = scratch / "recipe.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in capped), encoding="utf-8")
    return path


def _local_overrides(info: TaskInfo, location: Path, scratch: Path) -> dict[str, Any]:
    builder, files = _local_files(info, location)
    kwargs: dict[str, Any] = {"data_files": {info.split: [str(file) for file in files]}}
    if builder == "imagefolder":
        kwargs["drop_labels"] = False
    kwargs |= {"sep": "\t"} if files[0].suffix.lower() == ".tsv" else {}
    return {
        "dataset_path": builder,
        "dataset_name": None,
        "dataset_kwargs": {**_as_written(builder, kwargs), "cache_dir": str(scratch)},
    }


def _local_files(info: TaskInfo, location: Path) -> tuple[str, list[Path]]:
    """Which `datasets` builder reads a local copy, and its files of the task's split."""
    files = data_files(location)
    own = _own_name(info)
    by_builder = {
        **{".parquet": "parquet", ".arrow": "arrow", ".jsonl": "json", ".json": "json"},
        **{".csv": "csv", ".tsv": "csv"},
    }
    # Arrow before JSON, in which `Dataset.save_to_disk` describes the files beside it.
    for suffixes in ({".parquet"}, {".arrow"}, {".jsonl", ".json"}, {".csv"}, {".tsv"}):
        rows = [file for file in files if file.suffix.lower() in suffixes]
        of_split = [file for file in rows if _names_split(file, info.split)]
        named = [file for file in rows if file.name == own]
        if rows:
            return by_builder[rows[0].suffix.lower()], named or of_split or rows
    pictures = [file for file in files if file.suffix.lower() in IMAGES]
    if pictures:
        return "imagefolder", pictures
    kinds = ", ".join(sorted(DATA | IMAGES))
    raise DataError(
        f"No data of {info.name} at {location}: it holds no file that ends in one of {kinds}."
    )


def _own_name(info: TaskInfo) -> str | None:
    """Name of the file that the YAML reads; a copy may hold others beside it, as NIGHTS does."""
    files = (info.config.get("dataset_kwargs") or {}).get("data_files")
    file = files.get(info.split) if isinstance(files, dict) else files
    return Path(file).name if isinstance(file, str) else None


def _names_split(file: Path, split: str) -> bool:
    """Whether a file is of a split, by the hub's habit: `val-00000-of-00001.parquet`."""
    stem = file.stem.lower()
    return stem == split or stem.startswith((f"{split}-", f"{split}_")) or file.parent.name == split
