"""Reads a task's items through lmms-eval's own YAML task machinery.

In: a TaskInfo and optionally a local copy of its data. Out: an ItemSet. lmms-eval builds the task
(loader, split, process_docs) from its YAML; each doc becomes an Item by the function that the YAML
names under `metadata.doc_to_item`, or by `generic_item` where it names none. Slow to import
(lmms-eval brings torch): suite/items.py comes here only when its cache has nothing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from suite.errors import DataError
from suite.image_bytes import encoded, without_media
from suite.item_cache import DATA, IMAGES, data_files
from suite.items import Item, ItemSet, cluster_id, first_of_each_category, image_hash
from suite.registry import TaskInfo, task_folders

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MODEL_NAME = "downscaling_suite"
"""Some tasks word their prompts by model; one fixed name keeps them the same for every model."""


def read_source(info: TaskInfo, location: Path | None, limit: int | None) -> ItemSet:
    """Items of a task from its data, the first `limit` of each category.

    Raises DataError when the data are missing, unreadable, or lack a column that the task needs.
    """
    with tempfile.TemporaryDirectory(prefix="downscale-") as scratch:
        overrides = _overrides(info, location, limit, Path(scratch))
        task = build_task(info, overrides, location)
        return _items(info, task, location, limit)


def build_task(info: TaskInfo, overrides: dict[str, Any], location: Path | None = None) -> Any:
    """The lmms-eval task object, with some keys of its YAML replaced."""
    with _quiet(), _offline_when_unreachable(location is None and _on_hub(info)), _no_retry():
        from lmms_eval.tasks import TaskManager

        folders = [str(folder) for folder in task_folders() if folder.is_dir()]
        manager = TaskManager(
            include_path=folders, include_defaults=False, model_name=MODEL_NAME, verbosity="ERROR"
        )
        try:
            built = manager.load_task_or_group(
                [{"task": info.lmms_name, **overrides}], task_type="chat"
            )
        except Exception as error:
            raise _data_error(info, location, _cause(error)) from error
    return built[info.lmms_name]


def fetch_hint(info: TaskInfo) -> str:
    """The sentence that says how to get a task's data onto a machine without network."""
    hub = str(info.config.get("dataset_path", ""))
    return (
        f"where there is network, `hf download --repo-type dataset {hub} --local-dir {info.name}` "
        f"fetches it; then pass --data {info.name}=FOLDER."
    )


def _on_hub(info: TaskInfo) -> bool:
    return "/" in str(info.config.get("dataset_path", ""))


def _data_error(info: TaskInfo, location: Path | None, cause: BaseException) -> DataError:
    if isinstance(cause, DataError):
        return cause
    reason = " ".join(str(cause).split()).rstrip(".") or type(cause).__name__
    if isinstance(cause, KeyError):
        reason = f"there is no column {cause}"
    if location is not None:
        return DataError(
            f"The data of {info.name} at {location} cannot be read as {info.source}: {reason}."
        )
    if _on_hub(info):
        hub = info.config["dataset_path"]
        return DataError(
            f"Task {info.name} needs the data set {hub}, which cannot be read here ({reason}): "
            + fetch_hint(info)
        )
    return DataError(f"The items of {info.name} cannot be made by {info.path}: {reason}.")


def _cause(error: BaseException) -> BaseException:
    """What really went wrong, below tenacity's RetryError."""
    attempt = getattr(error, "last_attempt", None)
    inner = attempt.exception() if attempt is not None else None
    return inner if inner is not None else error


# --- where the rows come from ---------------------------------------------------------------


def _overrides(
    info: TaskInfo, location: Path | None, limit: int | None, scratch: Path
) -> dict[str, Any]:
    """Keys of the YAML to replace so that lmms-eval reads the right rows."""
    kwargs = dict(info.config.get("dataset_kwargs") or {})
    kwargs.pop("token", None)  # a public data set needs none, and asking for one fails without it
    if location is not None:
        return _local_overrides(info, location, scratch)
    if _on_hub(info):
        return {"dataset_kwargs": kwargs}
    kwargs["cache_dir"] = str(scratch)
    if info.metadata.get("recipe") and limit is not None:
        kwargs["data_files"] = {info.split: str(_capped_recipe(info, limit, scratch))}
        return {"dataset_kwargs": kwargs}
    return {"dataset_kwargs": {**kwargs, "data_files": _beside(info)}}


def _beside(info: TaskInfo) -> dict[str, str]:
    files = (info.config.get("dataset_kwargs") or {}).get("data_files", {})
    return {split: str(info.path.parent / name) for split, name in files.items()}


def _capped_recipe(info: TaskInfo, limit: int, scratch: Path) -> Path:
    """The recipe of a generated task with every `n` (items per category) at most `limit`."""
    lines = Path(_beside(info)[info.split]).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    capped = [{**row, "n": min(int(row["n"]), limit)} for row in rows]
    path = scratch / "recipe.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in capped), encoding="utf-8")
    return path


def _local_overrides(info: TaskInfo, location: Path, scratch: Path) -> dict[str, Any]:
    builder, files = _local_files(info, location)
    if builder == "imagefolder":
        kwargs: dict[str, Any] = {"data_dir": str(location), "drop_labels": False}
    else:
        kwargs = {"data_files": {info.split: [str(file) for file in files]}}
    return {
        "dataset_path": builder,
        "dataset_name": None,
        "dataset_kwargs": {**kwargs, "cache_dir": str(scratch)},
    }


def _local_files(info: TaskInfo, location: Path) -> tuple[str, list[Path]]:
    """Which `datasets` builder reads a local copy, and its files of the task's split."""
    files = data_files(location)
    by_builder = {".parquet": "parquet", ".jsonl": "json", ".json": "json", ".csv": "csv"}
    for suffixes in ({".parquet"}, {".jsonl", ".json"}, {".csv"}):
        rows = [file for file in files if file.suffix.lower() in suffixes]
        of_split = [file for file in rows if _names_split(file, info.split)]
        if rows:
            return by_builder[rows[0].suffix.lower()], of_split or rows
    if any(file.suffix.lower() in IMAGES for file in files):
        return "imagefolder", files
    kinds = ", ".join(sorted(DATA | IMAGES))
    raise DataError(
        f"No data of {info.name} at {location}: it holds no file that ends in one of {kinds}."
    )


def _names_split(file: Path, split: str) -> bool:
    """Whether a file is of a split, by the hub's habit: `val-00000-of-00001.parquet`, `val.json`."""
    stem = file.stem.lower()
    return stem == split or stem.startswith((f"{split}-", f"{split}_")) or file.parent.name == split


# --- docs into items ------------------------------------------------------------------------


def _items(info: TaskInfo, task: Any, location: Path | None, limit: int | None) -> ItemSet:
    docs = task.eval_docs
    undecoded = _undecoded(docs)
    to_item = info.function("doc_to_item")
    folder = location.parent if location is not None and location.is_file() else location
    made: list[Item] = []
    image_bytes: dict[str, bytes] = {}
    counts: dict[str, int] = {}
    for index in range(len(docs)):
        try:
            doc = undecoded[index]
            row = dict(to_item(doc)) if to_item else generic_item(task, docs[index], index)
            category = str(row.get("category") or "")
            counts[category] = counts.get(category, 0) + 1
            if limit is not None and counts[category] > limit:
                continue
            media = row["images"] if "images" in row else task.doc_to_visual(docs[index])
            encoded_images = [encoded(image, folder) for image in media or [] if image is not None]
        except Exception as error:
            raise _data_error(info, location, _named(error, index)) from error
        hashes = tuple(image_hash(data) for data in encoded_images)
        image_bytes.update(zip(hashes, encoded_images, strict=True))
        made.append(_item(info, row, doc, hashes, index))
    _check_unique(info, made)
    kept = first_of_each_category(tuple(made), limit)
    return ItemSet(info.name, kept, image_bytes)


def _named(error: Exception, index: int) -> Exception:
    if isinstance(error, DataError):
        return DataError(f"Row {index}: {error}")
    return error


def _undecoded(docs: Any) -> Any:
    """The docs with images as stored ({bytes, path}), so that their files are kept to the byte."""
    from datasets import Image, List

    for name, feature in docs.features.items():
        if isinstance(feature, Image):
            docs = docs.cast_column(name, Image(decode=False))
        elif isinstance(feature, List) and isinstance(feature.feature, Image):
            docs = docs.cast_column(name, List(Image(decode=False)))
    return docs


def _item(
    info: TaskInfo,
    row: Mapping[str, Any],
    doc: Mapping[str, Any],
    images: tuple[str, ...],
    index: int,
) -> Item:
    item_id = str(row.get("item_id", index))
    options = tuple(str(option) for option in row.get("options") or ())
    answer = str(row["answer"])
    if options and answer not in LETTERS[: len(options)]:
        raise DataError(
            f"Item {item_id} of {info.name} has the answer {answer!r} and {len(options)} options: "
            "the answer must be the letter of one of them."
        )
    return Item(
        task=info.name,
        item_id=item_id,
        question=str(row["question"]),
        options=options,
        answer=answer,
        category=str(row.get("category") or ""),
        images=images,
        image_id=cluster_id(info.name, item_id, images),
        gold_description=row.get("gold_description"),
        metric=str(row.get("metric", info.metric)),
        fillers=int(row.get("fillers", 0)),
        doc=json.dumps(without_media(doc), ensure_ascii=False, sort_keys=True, default=str),
    )


def _check_unique(info: TaskInfo, items: list[Item]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.item_id in seen:
            raise DataError(
                f"Two rows of {info.name} have the id {item.item_id!r}: each needs its own."
            )
        seen.add(item.item_id)


def generic_item(task: Any, doc: Mapping[str, Any], index: int) -> dict[str, Any]:
    """An open question from lmms-eval's own prompt and target, for tasks with its own scorer."""
    target = task.doc_to_target(doc)
    text = task.doc_to_text(doc)
    answer = target[0] if isinstance(target, list) and target else target
    return {
        "item_id": str(doc.get("question_id", doc.get("index", index))),
        "question": str(text),
        "answer": str(answer),
        "options": (),
    }


# --- lmms-eval, kept quiet and quick to fail ------------------------------------------------


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences lmms-eval's loggers, progress bars and third-party warnings on stderr."""
    logging.getLogger("datasets").setLevel(logging.ERROR)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import datasets
        from loguru import logger

        bars = datasets.are_progress_bars_disabled()
        datasets.disable_progress_bars()
        logger.disable("lmms_eval")
        try:
            yield
        finally:
            logger.enable("lmms_eval")
            if not bars:
                datasets.enable_progress_bars()


@contextlib.contextmanager
def _no_retry() -> Iterator[None]:
    """lmms-eval retries a failed download for a minute and hides its cause; once is enough."""
    from lmms_eval.api.task import ConfigurableTask
    from tenacity import stop_after_attempt

    retrying = getattr(ConfigurableTask.download, "retry", None)
    before = getattr(retrying, "stop", None)
    if before is not None:
        retrying.stop = stop_after_attempt(1)
    try:
        yield
    finally:
        if before is not None:
            retrying.stop = before


@contextlib.contextmanager
def _offline_when_unreachable(needs_hub: bool) -> Iterator[None]:
    """Without network, uses what the hub's cache holds at once instead of retrying for minutes."""
    if not needs_hub or _hub_answers():
        yield
        return
    import datasets.config
    import huggingface_hub.constants

    places = [(huggingface_hub.constants, "HF_HUB_OFFLINE"), (datasets.config, "HF_HUB_OFFLINE")]
    before = [getattr(module, name, False) for module, name in places]
    for module, name in places:
        setattr(module, name, True)
    try:
        yield
    finally:
        for (module, name), value in zip(places, before, strict=True):
            setattr(module, name, value)


def _hub_answers() -> bool:
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY")):
        return True  # names are resolved by the proxy, so a probe from here says nothing
    address = urlparse(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    try:
        with socket.create_connection((address.hostname or "", address.port or 443), timeout=5):
            return True
    except OSError:
        return False
