"""Builds an lmms-eval task object, kept quiet and quick to fail, with errors a person can use.

In: a TaskInfo and the keys of its YAML to replace. Out: lmms-eval's task, with its rows loaded.
Slow to import: lmms-eval brings torch.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from suite.base.files import PACKAGE, user_path
from suite.errors import DataError, reason_of
from suite.items.tasks import TaskInfo

MODEL_NAME = "downscaling_suite"
"""Some tasks word their prompts by model; one fixed name keeps them the same for every model."""


def build_task(
    info: TaskInfo,
    overrides: dict[str, Any],
    location: Path | None = None,
    folders: Sequence[Path] = (Path(),),
) -> Any:
    """Builds the lmms-eval task object, with some keys of its YAML replaced; `folders` are as in
    `shown_images`."""
    with (
        quiet(),
        shown_images(folders, lenient=True),
        _only_what_is_needed(location is None and on_hub(info)),
        _no_retry(),
    ):
        from lmms_eval.tasks import TaskManager

        # The manager is told of the one file: of a folder it reads every YAML, and a mistake in
        # another task's would stop this one.
        manager = TaskManager(include_defaults=False, model_name=MODEL_NAME, verbosity="ERROR")
        manager.all_tasks.append(info.lmms_name)
        manager.task_index[info.lmms_name] = {"type": "task", "yaml_path": str(info.path)}
        try:
            built = manager.load_task_or_group(
                [{"task": info.lmms_name, **overrides}], task_type="chat"
            )
        except Exception as error:
            raise data_error(info, location, _cause(error)) from error
    return built[info.lmms_name]


def fetch_hint(info: TaskInfo) -> str:
    """Gives the sentence that says how to get a task's data onto a machine without network."""
    hub = str(info.config.get("dataset_path", ""))
    command = f"hf download --repo-type dataset {hub} --local-dir {info.name}"
    return (
        f"where there is network, `{info.metadata.get('fetch', command)}` fetches it; "
        f"then pass --data {info.name}=FOLDER."
    )


def on_hub(info: TaskInfo) -> bool:
    """Says whether a task reads a data set of the Hub."""
    return "/" in str(info.config.get("dataset_path", "")) and data_folder(info) is None


def data_folder(info: TaskInfo) -> Path | None:
    """Gives the folder that a task's YAML names in place of a data set of the Hub; None where it
    names none. What begins with `/`, `.` or `~` is one, and what would lie in a folder beside the
    YAML."""
    named = str(info.config.get("dataset_path", ""))
    folder = info.path.parent / user_path(named)
    local = named.startswith(("/", ".", "~")) or ("/" in named and folder.parent.is_dir())
    return folder.resolve() if local else None


def data_error(info: TaskInfo, location: Path | None, cause: BaseException) -> DataError:
    """Says in a sentence of the task's own what went wrong with its data."""
    if isinstance(cause, DataError):
        return cause
    reason = reason_of(cause)
    if isinstance(cause, KeyError):
        reason = (
            f"it has no split {cause}" if cause.args == (info.split,) else f"KeyError: {reason}"
        )
    if isinstance(cause, IndexError) and reason.endswith("size 0"):  # lmms-eval looks at the first
        by = (
            f"`process_docs` of {info.path} leaves"
            if info.config.get("process_docs")
            else "it holds"
        )
        reason = f"{by} no rows"
    if location is not None:
        return DataError(
            f"The data of {info.name} at {location} cannot be read as {info.source}: {reason}."
        )
    if on_hub(info) and not _of_own_code(cause, info):
        hub = info.config["dataset_path"]
        return DataError(
            f"Task {info.name} needs the data set {hub}, which cannot be read here ({reason}): "
            + fetch_hint(info)
        )
    return DataError(f"The items of {info.name} cannot be made by {info.path}: {reason}.")


def _of_own_code(error: BaseException, info: TaskInfo) -> bool:
    """Whether a function that a task names has failed, and not the reading of its rows."""
    folders = (info.path.parent, PACKAGE.parent / "tasks")
    called = (Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__))
    return any(file.is_relative_to(folder) for file in called for folder in folders)


def _cause(error: BaseException) -> BaseException:
    """What really went wrong, below tenacity's RetryError and the library's «An error occurred»."""
    from datasets.exceptions import DatasetGenerationError

    attempt = getattr(error, "last_attempt", None)
    inner = attempt.exception() if attempt is not None else None
    found = inner if inner is not None else error
    while isinstance(found, DatasetGenerationError) and found.__cause__ is not None:
        found = found.__cause__
    return found


@contextlib.contextmanager
def quiet() -> Iterator[None]:
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
def stored_media() -> Iterator[None]:
    """Inside, `datasets` gives images, sounds and films as they are stored: it decodes nothing, and
    fetches nothing that a row names."""
    import datasets.features
    from pyarrow import null
    from pyarrow.types import is_struct

    kinds: list[Any] = [
        kind
        for kind in vars(datasets.features).values()
        if hasattr(kind, "decode_example") and is_struct(getattr(kind, "pa_type", None) or null())
    ]
    before = [kind.decode_example for kind in kinds]
    for kind in kinds:
        kind.decode_example = lambda self, value, *_, **__: value
    try:
        yield
    finally:
        for kind, decode in zip(kinds, before, strict=True):
            kind.decode_example = decode


@contextlib.contextmanager
def shown_images(folders: Sequence[Path], *, lenient: bool) -> Iterator[None]:
    """Inside, `datasets` decodes images as `tasks.pictures` does, as a viewer shows them and
    fetching nothing; other media it gives as they are stored.

    folders: where rows may name images; relative paths lead from the first. lenient:
    whether an image that cannot be decoded comes as it is stored, else it is a NoPicture: lmms-eval
    decodes the first row of a task to look at it, and one bad image is no reason to refuse others.
    """
    from datasets import Image

    from tasks import pictures

    def decoded(self: Any, value: Any, *_: Any, **__: Any) -> Any:
        try:
            if isinstance(value, (str, dict)):
                value = pictures.opened(*pictures.contents(value))
            picture = pictures.as_shown(value)
        except (pictures.NoPicture, TypeError):
            if lenient:
                return value
            raise
        return picture.convert(self.mode) if self.mode else picture

    read = pictures.FOLDERS.set(tuple(folders))
    try:
        with stored_media():
            Image.decode_example = decoded
            yield
    finally:
        pictures.FOLDERS.reset(read)


@contextlib.contextmanager
def _no_retry() -> Iterator[None]:
    """lmms-eval retries a failed download for a minute and hides its cause; once is enough."""
    from lmms_eval.api.task import ConfigurableTask
    from tenacity import stop_after_attempt

    retrying: Any = getattr(ConfigurableTask.download, "retry", None)
    before = getattr(retrying, "stop", None)
    if before is not None:
        retrying.stop = stop_after_attempt(1)
    try:
        yield
    finally:
        if before is not None:
            retrying.stop = before


@contextlib.contextmanager
def _only_what_is_needed(needs_hub: bool) -> Iterator[None]:
    """Without network, uses what the hub's cache holds at once instead of retrying for minutes;
    where the data are here, the hub is not told that they are read, as `datasets` would."""
    import datasets.config
    import huggingface_hub.constants

    places: list[tuple[Any, str, bool]] = []
    if not needs_hub:
        places = [(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", False)]
    elif not _hub_answers():
        places = [(m, "HF_HUB_OFFLINE", True) for m in (huggingface_hub.constants, datasets.config)]
    before = [getattr(module, name, False) for module, name, _ in places]
    for module, name, value in places:
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name, _), value in zip(places, before, strict=True):
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
