"""The runner of the Downscaling Suite.

In: studies (YAML), families of models, tasks. Out: scored records, tables, figures, a report.
From Python: `suite.load_study`, `plan`, `run`, `load_results`, imported when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from suite.api import Result, load_results, run
    from suite.study import Study, load_study

__all__ = ["Result", "Study", "load_results", "load_study", "plan", "run"]

_HOMES = {
    "Result": "suite.api",
    "Study": "suite.study",
    "load_results": "suite.api",
    "load_study": "suite.study",
    "run": "suite.api",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name == "plan":  # the module itself answers the call suite.plan(study)
        return importlib.import_module("suite.plan")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'suite' has no attribute {name!r}")
