"""Which tasks there are, read from their YAML files alone: no lmms-eval, no torch, no data.

In: the folders under tasks/ and those named by the environment variable DOWNSCALE_TASKS.
Out: a TaskInfo per task YAML. Each file is an lmms-eval task; its `metadata` block holds what the
suite wants to know before any data are there (n, domain, categories, metric, ...).
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from suite.base.files import PACKAGE, user_path
from suite.errors import SuiteError
from suite.items.task_yaml import DOMAINS, FunctionReference, check, load_yaml

PREFIX = "downscaling_"
"""Before every name in lmms-eval, where a built-in task wins a clash; people type it without."""

LMMS_EVAL, TYPED = "lmms_eval/", "lmms:"
"""Before the name of a task that lmms-eval brings, in place of the suite's own: as records and keys
of answers have it, and as people write it."""

LIKELIHOODS = ("multiple_choice", "loglikelihood", "loglikelihood_rolling")
"""Output types of lmms-eval whose prompts show no choices and whose targets are their numbers."""

TASKS_VARIABLE = "DOWNSCALE_TASKS"

MEANS = (*DOMAINS, "in_domain_shared")
"""What the tables call means over tasks."""


@dataclass(frozen=True)
class TaskInfo:
    """What a task's YAML declares about it."""

    name: str
    """What a person types, e.g. `mmstar`."""
    lmms_name: str
    """The name inside lmms-eval, e.g. `downscaling_mmstar`."""
    title: str
    description: str
    n: int | None
    """Declared number of items; None when the YAML does not say."""
    domain: str
    """`in_domain` or `out_of_domain` (of the training data of arXiv:2511.17487)."""
    categories: tuple[str, ...]
    """The benchmark's own category names, in its order; empty when it has none."""
    category_sizes: tuple[int | None, ...]
    """Declared number of items of each category."""
    abbreviations: Mapping[str, str]
    """Category name -> the paper's short form."""
    metric: str
    """`choice`, `exact`, `synonyms`, `iou`, or `lmms` (lmms-eval's own score)."""
    n_options: int | None
    """Declared number of options; 0 for open answers, None where it differs between items."""
    source: str
    """Hub data set, or a word on where the data come from."""
    split: str
    decoupled: bool
    """False for tasks that the paper leaves out of the decoupled experiment."""
    path: Path
    """The YAML file."""
    config: Mapping[str, Any] = field(repr=False)
    """The whole YAML with its includes; functions are FunctionReference."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The YAML's `metadata` block."""
        metadata = self.config.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    @property
    def chance(self) -> float | None:
        """Declared accuracy of guessing; None where each item has its own."""
        if self.n_options is None:
            return None
        return 1.0 / self.n_options if self.n_options else 0.0

    def declared(self, limit: int | None = None) -> int | None:
        """Counts the items that `limit` (the first of each category) leaves, as declared."""
        sizes: tuple[int | None, ...] = self.category_sizes or (self.n,)
        counts = [size if size is None or limit is None else min(size, limit) for size in sizes]
        return sum(count for count in counts if count is not None) if None not in counts else None

    def function(self, key: str) -> Callable[..., Any] | None:
        """Imports the function under a key of the YAML, or of its metadata; None if absent."""
        value = self.config.get(key, self.metadata.get(key))
        if isinstance(value, FunctionReference):
            return value.resolve(self.path.parent)
        if isinstance(value, str) and key in self.metadata:
            return FunctionReference(value).resolve(self.path.parent)
        return None


def task_folders() -> tuple[Path, ...]:
    """Lists where task YAMLs are looked for: the suite's tasks/, DOWNSCALE_TASKS (os.pathsep)."""
    own = PACKAGE.parent / "tasks"
    others = os.environ.get(TASKS_VARIABLE, "").split(os.pathsep)
    return (own, *(user_path(other).resolve() for other in others if other.strip()))


def list_tasks() -> tuple[TaskInfo, ...]:
    """Lists every task that can be used, by name. Reads YAML files only."""
    found = (entry for _, entry in sorted(_index(task_folders()).items()))
    return tuple(entry for entry in found if isinstance(entry, TaskInfo))


def unusable_tasks() -> dict[str, str]:
    """Says what is wrong, by name, with each task that `list_tasks` leaves out."""
    found = sorted(_index(task_folders()).items())
    return {name: str(entry) for name, entry in found if isinstance(entry, SuiteError)}


def task_name(typed: str) -> str:
    """Gives a task's name as records have it, of one that a person wrote."""
    return LMMS_EVAL + typed.removeprefix(TYPED) if typed.startswith(TYPED) else typed


def get_task(name: str) -> TaskInfo:
    """Gives the task that a person calls `name`; SuiteError with near names when there is none, or
    with what is wrong with its file. A mistake in another task's file is no matter of this
    one's.

    `lmms:NAME`, or `lmms_eval/NAME`, is a task of lmms-eval itself: its prompt is the question, its
    score the score.
    """
    name = task_name(name)
    if name.startswith(LMMS_EVAL):
        return lmms_eval_task(name.removeprefix(LMMS_EVAL))
    index = _index(task_folders())
    plain = name.removeprefix(PREFIX)
    if plain not in index:
        near = get_close_matches(plain, index, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise SuiteError(f"There is no task {name!r}: {hint}`downscale tasks` lists them.")
    found = index[plain]
    if isinstance(found, SuiteError):
        raise SuiteError(str(found))
    return found


def declared_n(task: str, limit: int | None = None) -> int | None:
    """Counts the declared items of a task (with `limit`, the first of each category), or None."""
    return get_task(task).declared(limit)


@lru_cache(maxsize=64)
def lmms_eval_task(name: str) -> TaskInfo:
    """Finds one of the tasks that lmms-eval brings by its YAML, without importing lmms-eval."""
    spec = importlib.util.find_spec("lmms_eval")
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    paths = sorted(Path(places[0], "tasks").rglob("*.yaml")) if places else []
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    own, named = _key("task"), _key("task", name)
    found = [path for path, text in texts.items() if named.search(text)]
    # In a file without the key, the file that it includes may have it.
    found += [path for path, text in texts.items() if "include" in text and not own.search(text)]
    for path in found:
        config = load_yaml(path)
        if config.get("task") == name:  # else a group
            if config.get("output_type") in LIKELIHOODS:
                raise SuiteError(
                    f"The task {name!r} of lmms-eval compares likelihoods of its choices "
                    f"(`output_type: {config['output_type']}`), and the suite asks for answers."
                )
            declared = {
                "title": name,
                "description": "A task of lmms-eval, asked and scored as lmms-eval does.",
                "domain": "out_of_domain",
                "metric": "lmms" if "process_results" in config else "exact",
                "n_options": 0,
                "decoupled": False,
            }
            return _info(LMMS_EVAL + name, config, path, declared)
    if name and any(_key("group|tag", name).search(text) for text in texts.values()):
        raise SuiteError(f"{name!r} of lmms-eval is a group of tasks: name those that are meant.")
    raise SuiteError(
        f"lmms-eval has no task {name!r} with a file of its own: `lmms-eval tasks list` lists them."
    )


def _key(keys: str, value: str | None = None) -> re.Pattern[str]:
    """Finds the line of a YAML file that has one of some keys, with any value or with this one."""
    rest = "" if value is None else rf"[\"']?{re.escape(value)}[\"']?\s*(?:#.*)?$"
    return re.compile(rf"^[\"']?(?:{keys})[\"']?\s*:\s*{rest}", re.M)


@lru_cache(maxsize=8)
def _index(folders: tuple[Path, ...]) -> dict[str, TaskInfo | SuiteError]:
    """Name -> task, or why it cannot be used. A file of which not even the name can be read has
    that of the file."""
    index: dict[str, TaskInfo | SuiteError] = {}
    places: dict[str, Path] = {}
    unreadable: dict[str, SuiteError] = {}
    # A folder may be named twice, or with one inside it.
    for path in dict.fromkeys(path for folder in folders for path in _yaml_files(folder)):
        try:
            config = load_yaml(path)
        except SuiteError as error:
            unreadable[path.stem.removeprefix(PREFIX)] = error
            continue
        if isinstance(named := config.get("task"), (int, float, date)):
            unreadable[path.stem.removeprefix(PREFIX)] = SuiteError(
                f"In the task file {path}: `task` is {named}: it should be a text, in quotes."
            )
        if not isinstance(named, str):
            continue  # a group, or a shared part
        name = config["task"].removeprefix(PREFIX)
        if name in places:
            index[name] = SuiteError(
                f"Two files declare the task {name!r}, {places[name]} and {path}: rename one of "
                "them."
            )
            continue
        places[name] = path
        try:
            index[name] = _read(name, config, path)
        except SuiteError as error:
            index[name] = error
    return {**unreadable, **index}


def _yaml_files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise SuiteError(
            f"{TASKS_VARIABLE} names {folder}, which is no folder; correct the variable or unset "
            "it."
        )
    return iter(sorted(folder.rglob("*.yaml")))


def _read(name: str, config: dict[str, Any], path: Path) -> TaskInfo:
    """What a YAML declares; SuiteError where it says what the suite cannot read."""
    check(config, path)
    if name in MEANS:
        raise SuiteError(
            f"In the task file {path}: `task` is {name!r}, as the tables call a mean over tasks; "
            "give it another name."
        )
    return _info(name, config, path, config.get("metadata", {}))


def _info(name: str, config: dict[str, Any], path: Path, metadata: Mapping[str, Any]) -> TaskInfo:
    metadata = {key: value for key, value in metadata.items() if value is not None}
    categories = metadata.get("categories") or {}
    sizes: tuple[int | None, ...] = (
        tuple(categories.values()) if isinstance(categories, dict) else (None,) * len(categories)
    )
    n = metadata.get("n")
    if n is None and sizes and None not in sizes:
        n = sum(size or 0 for size in sizes)
    if n is not None and sizes and None in sizes and n % len(sizes) == 0:
        sizes = (n // len(sizes),) * len(sizes)
    return TaskInfo(
        name=name,
        lmms_name=config["task"],
        title=str(metadata.get("title", name)),
        description=str(metadata.get("description", "")),
        n=n,
        domain=str(metadata.get("domain", "in_domain")),
        categories=tuple(str(category) for category in categories),
        category_sizes=sizes,
        abbreviations={str(k): str(v) for k, v in (metadata.get("abbreviations") or {}).items()},
        metric=str(metadata.get("metric", "choice")),
        n_options=metadata.get("n_options"),
        source=str(metadata.get("source", config.get("dataset_path", ""))),
        split=str(config.get("test_split") or config.get("validation_split") or "test"),
        decoupled=bool(metadata.get("decoupled", True)),
        path=path,
        config=config,
    )
