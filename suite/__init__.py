"""The runner of the Downscaling Suite.

In: studies (YAML), families of models, tasks. Out: scored records, tables, figures, a report.
From Python: `suite.load_study`, `plan`, `run`, `load_results`, `load_run_items`, `pool`,
`compare`, `paper` and `extract_data`, imported when used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, which takes long enough to load that Ctrl-C could hit it
if TYPE_CHECKING:
    from typing import Any

    from suite.api import Result, load_results, run
    from suite.extraction.run import extract_data
    from suite.planning.plan import plan
    from suite.planning.study import Study, load_study
    from suite.report.paper import paper
    from suite.runs.comparison import Comparison, compare
    from suite.runs.items import load_run_items
    from suite.runs.pool import pool

__all__ = [
    "Comparison",
    "Result",
    "Study",
    "compare",
    "extract_data",
    "load_results",
    "load_run_items",
    "load_study",
    "paper",
    "plan",
    "pool",
    "run",
]

_HOMES = {
    "Comparison": "suite.runs.comparison",
    "Result": "suite.api",
    "Study": "suite.planning.study",
    "compare": "suite.runs.comparison",
    "extract_data": "suite.extraction.run",
    "load_results": "suite.api",
    "load_run_items": "suite.runs.items",
    "load_study": "suite.planning.study",
    "paper": "suite.report.paper",
    "plan": "suite.planning.plan",
    "pool": "suite.runs.pool",
    "run": "suite.api",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _HOMES:
        from suite.base.deprecations import hide_deprecations

        hide_deprecations()
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'suite' has no attribute {name!r}")
