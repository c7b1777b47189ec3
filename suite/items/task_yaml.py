"""Reads lmms-eval's task YAML without lmms-eval: includes are merged, functions only noted down.

In: the path of a task's YAML. Out: a dict in which each `!function module.name` is a
FunctionReference, imported when somebody calls it. `check` holds the keys that the suite reads
against what it knows; the other keys are lmms-eval's own.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from suite.base import yaml_files
from suite.base.files import PACKAGE, checked_name
from suite.errors import SuiteError, nearest, reason_of, shown

METRICS = ("choice", "exact", "synonyms", "iou", "lmms")
DOMAINS = ("in_domain", "out_of_domain")

ITEM_KEYS = (
    "item_id", "question", "options", "answer", "images", "category", "gold_description",
    "fillers", "metric", "subcategory",
)  # fmt: skip
"""What `doc_to_item` may return, and `metadata.item` map to columns."""

DEEPEST = 10
"""Files that include one another."""

NEEDED = ("doc_to_text", "doc_to_target", "process_results")
"""Functions without which lmms-eval can neither ask a task nor score it."""


@dataclass(frozen=True)
class FunctionReference:
    """A `!function module.name` of a YAML, not yet imported."""

    dotted: str

    def resolve(self, folder: Path) -> Callable[..., Any]:
        """Gives the function; the module is looked for beside the YAML, then as an installed one.

        Raises SuiteError where there is no such module or function, or the module fails.
        """
        module_name, _, name = self.dotted.rpartition(".")
        beside = folder / f"{module_name}.py"
        place = str(beside) if beside.is_file() else f"the Python module {module_name!r}"
        try:
            module = _module_from(beside) if beside.is_file() else _installed(module_name)
        except (Exception, SystemExit) as error:  # whatever a task's own code raises
            raise SuiteError(
                f"A task in {folder} names the function {self.dotted!r}, and {place} cannot be "
                f"imported ({type(error).__name__}: {reason_of(error)})."
            ) from error
        function = getattr(module, name, None)
        if not callable(function):
            known = [key for key, value in vars(module).items() if callable(value)]
            raise SuiteError(
                f"A task in {folder} names the function {self.dotted!r}, which {place} does not "
                f"have{nearest(name, known)}."
            )
        found: Callable[..., Any] = function
        return found


def _installed(module_name: str) -> ModuleType:
    if not module_name:
        raise ImportError("write module.function")
    return importlib.import_module(module_name)


class _Loader(yaml_files.Loader):
    """YAML in which `!function` is only noted down."""


_Loader.add_constructor(
    "!function",
    lambda loader, node: FunctionReference(str(loader.construct_scalar(node))),  # type: ignore[arg-type]
)


def load_yaml(path: Path, within: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Reads a task YAML with its `include`s; the including file wins by key, as in lmms-eval.

    within: the files that include it. SuiteError for one that includes itself.
    """
    own = Path(os.path.realpath(path))  # `resolve` raises for a link to itself
    if own in within or len(within) > DEEPEST:
        raise SuiteError(
            f"The task file {path} includes itself, or a file that includes it, or more than "
            f"{DEEPEST} files lie one in another."
        )
    content = yaml_files.read(path, "task", _Loader)
    if not isinstance(content, dict):
        return {}
    includes = content.pop("include", [])
    merged: dict[str, Any] = {}
    names = [includes] if isinstance(includes, str) else includes
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SuiteError(f"In the task file {path}: `include` must be a file, or a list of them.")
    for name in reversed(dict.fromkeys(names)):
        merged.update(load_yaml(path.parent / name, (*within, own)))
    return {**merged, **content}


@lru_cache(maxsize=256)
def _module_from(path: Path) -> ModuleType:
    """Runs a Python file beside a YAML as a module of its own, once."""
    package_root = PACKAGE.parent
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


_TEXT, _COUNT, _FLAG = (str, "text"), (int, "a whole number, 0 or more"), (bool, "true or false")
METADATA: dict[str, tuple[Any, str]] = {
    "version": ((int, float, str), "a number"),
    "title": _TEXT,
    "description": _TEXT,
    "note": _TEXT,
    "n": _COUNT,
    "n_options": _COUNT,
    "domain": _TEXT,
    "metric": _TEXT,
    "lmms_metric": _TEXT,
    "source": _TEXT,
    "fetch": _TEXT,
    "categories": ((dict, list), "names, or names with their number of items"),
    "abbreviations": (dict, "category: short form"),
    "decoupled": _FLAG,
    "recipe": _FLAG,
    "depends": (list, "a list of files or folders"),
    "doc_to_item": ((str, FunctionReference), "module.function"),
    "made_rows": ((str, FunctionReference), "module.function"),
    "item": (dict, "key: column"),
}
"""Key of a task's `metadata` -> its type, and the type in words."""


def references(value: Any) -> Iterator[FunctionReference]:
    """Gives every function that a config names, at any depth."""
    if isinstance(value, FunctionReference):
        yield value
    elif isinstance(value, (dict, list)):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from references(entry)


def check(config: Mapping[str, Any], path: Path) -> None:
    """Raises SuiteError, naming file and key, where a task's YAML says what the suite cannot read.

    Outside `metadata` only the split and the functions that lmms-eval needs are asked for.
    """
    where = f"In the task file {path}"
    try:
        checked_name(str(config["task"]), "task")
    except ValueError as error:
        raise SuiteError(f"{where}: {error}.") from error
    metadata = config.get("metadata", {})
    if not isinstance(metadata, dict):
        raise SuiteError(f"{where}: `metadata` must hold keys and values.")
    for key, value in metadata.items():
        if key not in METADATA:
            raise SuiteError(
                f"{where}: unknown key {shown(key)} in `metadata`{nearest(str(key), METADATA)}."
            )
        kind, words = METADATA[key]
        wrong = kind is int and (isinstance(value, bool) or (isinstance(value, int) and value < 0))
        if value is not None and (wrong or not isinstance(value, kind)):
            raise SuiteError(f"{where}: `metadata.{key}` must be {words}, not {shown(value)}.")
    for name in metadata.get("depends") or ():
        if not isinstance(name, str):
            raise SuiteError(
                f"{where}: `metadata.depends` must be a list of files or folders, and "
                f"{shown(name)} is no name of one."
            )
    for key, known in (("domain", DOMAINS), ("metric", METRICS)):
        value = metadata.get(key, known[0])
        if value not in known:
            raise SuiteError(
                f"{where}: `metadata.{key}` is {shown(value)}{nearest(str(value), known)}."
            )
    sizes = metadata.get("categories")
    for name, size in sizes.items() if isinstance(sizes, dict) else ():
        if size is not None and (type(size) is not int or size < 0):
            raise SuiteError(
                f"{where}: `metadata.categories` gives {shown(name)} {shown(size)} items: "
                "it must be a whole number, 0 or more."
            )
    names = [str(name) for name in sizes or ()]
    if twice := [name for name in names if names.count(name) > 1]:
        raise SuiteError(f"{where}: `metadata.categories` names {shown(twice[0])} twice.")
    for name in metadata.get("abbreviations") or ():
        if str(name) not in names:
            raise SuiteError(
                f"{where}: `metadata.abbreviations` names {shown(name)}, which is no category"
                f"{nearest(str(name), names)}."
            )
    _check_source(config, metadata, where)
    if not (config.get("test_split") or config.get("validation_split")):
        raise SuiteError(f"{where}: `test_split` is missing: name the split of the items.")
    if not isinstance(config.get("dataset_kwargs") or {}, dict):
        raise SuiteError(f"{where}: `dataset_kwargs` must hold keys and values.")


def _check_source(config: Mapping[str, Any], metadata: Mapping[str, Any], where: str) -> None:
    """The functions, and what makes an item of a row."""
    item = metadata.get("item")
    needed = [*NEEDED, "doc_to_visual"] if item and "images" in item else NEEDED
    for key in needed:
        if config.get(key) is None:
            raise SuiteError(
                f"{where}: `{key}` is missing, which lmms-eval needs; name a function of your own, "
                f"or `!function tasks.rows.{key}` where the columns have the names it knows."
            )
    by_function = "doc_to_item" in metadata or "doc_to_item" in config
    if by_function and item is not None:
        raise SuiteError(f"{where}: give `metadata.doc_to_item` or `metadata.item`, not both.")
    choice = metadata.get("metric", "choice") == "choice"
    if choice and not by_function and not item:
        raise SuiteError(
            f"{where}: the metric `choice` needs `metadata.item`, which names the columns of "
            "question, options and answer, or `metadata.doc_to_item`; an open answer has "
            "`metric: exact`."
        )
    if item is None:
        return
    for key, columns in item.items():
        if key not in ITEM_KEYS:
            raise SuiteError(
                f"{where}: unknown key {shown(key)} in `metadata.item`"
                f"{nearest(str(key), ITEM_KEYS)}."
            )
        listed = isinstance(columns, list) and key in ("images", "options")
        if not all(isinstance(name, str) for name in (columns if listed else [columns])):
            raise SuiteError(f"{where}: `metadata.item.{key}` must be the name of a column.")
    for key in ("question", "answer", *(("options",) if choice else ())):
        if key not in item:
            raise SuiteError(f"{where}: `metadata.item` lacks {shown(key)}: name its column.")
