"""What a run leaves for people beside its records: tables, figures, the page, rows of its summary.

In: a run directory with records.parquet, and its plan. Out: tables/*.csv,
figures/*.{png,svg,pdf,csv}, report.html, cells.json, made again only when records or code have
changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from suite.base.json_values import json_value
from suite.engine.progress import Progress
from suite.items.tasks import get_task
from suite.planning.plan import Plan
from suite.runs.freshness import drawing_digest
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
    target = folder / "tables" / "baselines.csv"
    text = "\n".join([header, *rows]) + "\n"
    if rows and not (target.is_file() and target.read_text(encoding="utf-8") == text):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def draw(folder: Path, records: str, before: dict[str, Any], progress: Progress) -> str:
    """Writes tables, figures and report unless those that are there are of these records."""
    digest = drawing_digest(records)
    outputs = (folder / "report.html", folder / "tables", folder / "figures")
    if before.get("drawn") == digest and all(path.exists() for path in outputs):
        return digest
    from suite.report import figures, page, tables

    progress.say("Analysing")
    tables.write(folder)
    progress.say("Drawing figures")
    figures.write(folder)
    progress.say("Writing the report")
    page.write(folder)
    return digest


def cells(folder: Path, drawn: str, planned: Plan) -> list[dict[str, Any]]:
    """One entry per cell, task and group, computed once per drawing and kept in cells.json."""
    path = folder / "cells.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["drawn"] == drawn:
            rows: list[dict[str, Any]] = known["cells"]
            return rows
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none yet
    from suite.report.tables import read

    names = {task.task for task in planned.tasks}
    table = read(folder, "cells").to_dict("records")
    rows = [
        {name: json_value(row[name]) for name in CELL_FIELDS}
        for row in table
        if row["task"] in names
    ]
    path.write_text(json.dumps({"drawn": drawn, "cells": rows}), encoding="utf-8")
    return rows


def failures(folder: Path, summary: dict[str, Any]) -> dict[str, int]:
    """Reason -> rows, most frequent first; the records are read only when something failed."""
    if not summary["requests"]["failed"]:
        return {}
    frame = load_results(folder)
    counted = frame.loc[frame["failed"], "reason"].value_counts()
    return {str(reason): int(count) for reason, count in counted.items()}
