"""What a run leaves for people beside its records: tables, figures, the page, rows of its summary.

In: a run directory with records.parquet, and its plan. Out: tables/*.csv,
figures/*.{png,svg,pdf,csv}, report.html, cells.json, made again only when records or code have
changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from suite.base.files import write_changed, write_whole
from suite.base.json_values import json_value, read_json
from suite.engine.progress import Progress
from suite.items.tasks import get_task
from suite.planning.plan import Plan
from suite.runs.freshness import drawing_digest, forget, is_current, put
from suite.runs.results import load_results

CELL_FIELDS = (
    *("cell", "method", "perception", "reasoning", "thinking", "task", "group"),
    *("n", "accuracy", "low", "high", "unparsed", "failed"),
)
"""Fields of an entry of `cells` in the summary; `group` is null for the whole task."""


def write_baselines(folder: Path, planned: Plan) -> None:
    """Writes tables/baselines.csv: what guessing reaches on the tasks, where it was measured.

    A task's folder holds `baselines.csv` with the columns task, category, n, chance, ...,
    baseline; a study whose tasks have none gets no file.
    """
    names = {task.task for task in planned.tasks}
    header, rows = "", []
    for path in sorted({get_task(n).path.parent / "baselines.csv" for n in names}):
        if path.is_file():
            header, *found = path.read_text(encoding="utf-8").splitlines()
            rows += [row for row in found if row.split(",")[0] in names]
    if rows:
        write_changed(folder / "tables" / "baselines.csv", "\n".join([header, *rows]) + "\n")


def draw(folder: Path, records: str, planned: Plan, progress: Progress) -> list[dict[str, Any]]:
    """Writes tables, figures and report unless those that are there are of these records.

    One entry per cell, task and group, kept in cells.json.
    """
    digest, path = drawing_digest(records), folder / "cells.json"
    if is_current(folder, digest) and (known := _cells(path)) is not None:
        return known
    from suite.report import figures, page, tables

    forget(folder)  # a run that is stopped while it draws leaves a mixture
    progress.say("Analysing")
    drawn = tables.write(folder)
    progress.say("Drawing figures")
    drawn += figures.write(folder)
    progress.say("Writing the report")
    drawn.append(page.write(folder))
    names = {task.task for task in planned.tasks}
    rows = tables.read(folder, "cells").to_dict("records")
    cells = [{name: row[name] for name in CELL_FIELDS} for row in rows if row["task"] in names]
    found: list[dict[str, Any]] = json_value(cells)
    write_whole(path, json.dumps(found))
    put(folder, digest, [*drawn, path])
    return found


def _cells(path: Path) -> list[dict[str, Any]] | None:
    """What cells.json holds; None for one that cannot be read."""
    try:
        found = read_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, list) else None


def failures(folder: Path, summary: dict[str, Any]) -> dict[str, int]:
    """Counts the rows by reason, most frequent first; reads the records only for a failure."""
    if not summary["requests"]["failed"]:
        return {}
    frame = load_results(folder)
    counted = frame.loc[frame["failed"], "reason"].value_counts()
    return {str(reason): int(count) for reason, count in counted.items()}
