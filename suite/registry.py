"""Which tasks there are, read from their YAML files alone: no lmms-eval, no torch, no data.

In: the folders under tasks/ and those named by the environment variable DOWNSCALE_TASKS.
Out: a TaskInfo per task YAML. Each file is an lmms-eval task; its `metadata` block holds what the
suite wants to know before any data are there (n, domain, categories, metric, ...).
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from suite.errors import SuiteError

PREFIX = "downscaling_"
"""Before every name in lmms-eval, where a built-in task wins a clash; people type it without."""

TASKS_VARIABLE = "DOWNSCALE_TASKS"
METRICS = ("choice", "exact", "synonyms", "iou", "lmms")


@dataclass(frozen=True)
class FunctionReference:
    """A `!function module.name` of a YAML, not yet imported."""

    dotted: str

    def resolve(self, folder: Path) -> Callable[..., Any]:
        """The function; the module is looked for beside the YAML, then as an installed one."""
        module_name, _, name = self.dotted.rpartition(".")
        beside = folder / f"{module_name}.py"
        module = _module_from(beside) if beside.is_file() else importlib.import_module(module_name)
        function: Callable[..., Any] = getattr(module, name)
        return function


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
    """`in_domain` or `out_of_domain` (of the training data in PAPER.md)."""
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
        """Number of items that `limit` (the first of each category) leaves, as declared."""
        sizes: tuple[int | None, ...] = self.category_sizes or (self.n,)
        counts = [size if size is None or limit is None else min(size, limit) for size in sizes]
        return sum(count for count in counts if count is not None) if None not in counts else None

    def function(self, key: str) -> Callable[..., Any] | None:
        """The function under a key of the YAML, or of its metadata, imported; None if absent."""
        value = self.config.get(key, self.metadata.get(key))
        if isinstance(value, FunctionReference):
            return value.resolve(self.path.parent)
        if isinstance(value, str) and key in self.metadata:
            return FunctionReference(value).resolve(self.path.parent)
        return None


class _Loader(yaml.SafeLoader):
    """YAML in which `!function` is only noted down."""


_Loader.add_constructor(
    "!function",
    lambda loader, node: FunctionReference(str(loader.construct_scalar(node))),  # type: ignore[arg-type]
)


def task_folders() -> tuple[Path, ...]:
    """Where task YAMLs are looked for: the suite's tasks/, then DOWNSCALE_TASKS (os.pathsep)."""
    own = Path(__file__).resolve().parent.parent / "tasks"
    others = os.environ.get(TASKS_VARIABLE, "").split(os.pathsep)
    return (own, *(Path(other).expanduser().resolve() for other in others if other.strip()))


def list_tasks() -> tuple[TaskInfo, ...]:
    """Every task, by name. Reads YAML files only."""
    return tuple(sorted(_index(task_folders()).values(), key=lambda info: info.name))


def get_task(name: str) -> TaskInfo:
    """The task that a person calls `name`; SuiteError with near names when there is none."""
    index = _index(task_folders())
    plain = name.removeprefix(PREFIX)
    if plain not in index:
        near = get_close_matches(plain, index, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise SuiteError(f"There is no task {name!r}: {hint}`downscale tasks` lists them.")
    return index[plain]


def declared_n(task: str, limit: int | None = None) -> int | None:
    """Items that the task's YAML declares (with `limit`, the first of each category), or None."""
    return get_task(task).declared(limit)


@lru_cache(maxsize=8)
def _index(folders: tuple[Path, ...]) -> dict[str, TaskInfo]:
    index: dict[str, TaskInfo] = {}
    for folder in folders:
        for path in _yaml_files(folder):
            info = _read(path)
            if info is None:
                continue
            if info.name in index:
                raise SuiteError(
                    f"Two files declare the task {info.name!r}, {index[info.name].path} and "
                    f"{path}: rename one of them."
                )
            index[info.name] = info
    return index


def _yaml_files(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.rglob("*.yaml")))


def load_yaml(path: Path) -> dict[str, Any]:
    """A task YAML with its `include`s, the including file winning key by key as in lmms-eval."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, yaml.YAMLError) as error:
        raise SuiteError(f"The task file {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        return {}
    includes = content.pop("include", [])
    merged: dict[str, Any] = {}
    for name in reversed([includes] if isinstance(includes, str) else includes):
        merged.update(load_yaml(path.parent / name))
    return {**merged, **content}


def _read(path: Path) -> TaskInfo | None:
    config = load_yaml(path)
    if not isinstance(config.get("task"), str):
        return None  # a group, or a shared part
    raw = config.get("metadata")
    metadata: dict[str, Any] = raw if isinstance(raw, dict) else {}
    name = config["task"].removeprefix(PREFIX)
    metric = str(metadata.get("metric", "choice"))
    if metric not in METRICS:
        raise SuiteError(
            f"Task {name!r} in {path} has metadata.metric {metric!r}; "
            f"use one of {', '.join(METRICS)}."
        )
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
        abbreviations=dict(metadata.get("abbreviations") or {}),
        metric=metric,
        n_options=metadata.get("n_options"),
        source=str(metadata.get("source", config.get("dataset_path", ""))),
        split=str(config.get("test_split") or config.get("validation_split") or "test"),
        decoupled=bool(metadata.get("decoupled", True)),
        path=path,
        config=config,
    )


@lru_cache(maxsize=256)
def _module_from(path: Path) -> ModuleType:
    """Runs a Python file beside a YAML as a module of its own, once."""
    package_root = Path(__file__).resolve().parent.parent
    if path.is_relative_to(package_root / "tasks"):  # the installed package: import it normally
        dotted = path.relative_to(package_root).with_suffix("").parts
        return importlib.import_module(".".join(dotted))
    spec = importlib.util.spec_from_file_location(
        f"downscale_task_{path.parent.name}_{path.stem}", path
    )
    if spec is None or spec.loader is None:
        raise SuiteError(f"The Python file {path} of a task cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
