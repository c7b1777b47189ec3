"""The items of a finished run: what its answers were asked, images included.

In: a run directory. Out: its tasks' ItemSets, from the item cache alone or, where a caller may wait
for it, from the source. Items that are not those the run was made with are not given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from suite.errors import SuiteError
from suite.items.item import ItemSet
from suite.items.load import cached_items, load_items
from suite.runs import provenance
from suite.runs.freshness import items_digest

Load = Callable[..., ItemSet | None]


def cached(
    folder: Path, tasks: Iterable[str], **options: Any
) -> tuple[dict[str, ItemSet], dict[str, str]]:
    """Gives the items by task as far as the cache has them, and by task the reason why not.

    options: more arguments of `suite.items.load.cached_items`.
    """
    found: dict[str, ItemSet] = {}
    reasons: dict[str, str] = {}
    for task in tasks:
        try:
            found[task] = _items(folder, task, cached_items, **options)
        except SuiteError as error:
            reasons[task] = str(error)
    return found, reasons


def load_run_items(folder: str | Path, task: str) -> ItemSet:
    """Loads the items of a task as the run in `folder` asked them, images included.

    They are read from the source where the cache lacks them. Raises SuiteError where they have
    changed since, or the run does not say which they were.
    """
    return _items(Path(folder), task, load_items)


def _items(folder: Path, task: str, load: Load, **options: Any) -> ItemSet:
    facts = provenance.read(folder)
    try:
        known, study = facts["items"][task], facts["study"]
        row = next(row for row in study["tasks"] if row["task"] == task)
        limit = row["limit"] or study["limit"]
    except (KeyError, TypeError, StopIteration):
        raise SuiteError(
            f"The run in {folder} does not say which items of {task} it asked; run it again."
        ) from None
    items = load(task, data=known["data"], limit=limit, **options)
    if items is None:
        raise SuiteError(
            f"The items of {task} are not in this machine's item cache; run the study again, then "
            "`downscale report`."
        )
    if items_digest(items.items) != known["digest"]:
        raise SuiteError(
            f"The items of {task} have changed since the run: its code or data are others now."
        )
    return items
