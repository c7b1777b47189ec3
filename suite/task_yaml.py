"""Reads lmms-eval's task YAML without lmms-eval: includes are merged, functions only noted down.

In: the path of a task's YAML. Out: a dict in which each `!function module.name` is a
FunctionReference, imported when somebody calls it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from suite.errors import SuiteError


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


class _Loader(yaml.SafeLoader):
    """YAML in which `!function` is only noted down."""


_Loader.add_constructor(
    "!function",
    lambda loader, node: FunctionReference(str(loader.construct_scalar(node))),  # type: ignore[arg-type]
)


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
