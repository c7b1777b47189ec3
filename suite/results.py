"""What a run leaves in its directory: records, tables, figures, report, rows of its summary.

In: a walk whose requests are stored, and the run directory. Out: its files, made again only when
what they are made of has changed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite import provenance
from suite.engine.progress import Progress
from suite.engine.walk import Walk
from suite.errors import SuiteError
from suite.plain import plain
from suite.plan import Plan
from suite.registry import get_task

if TYPE_CHECKING:
    import pandas as pd

CELL_FIELDS = (
    *("cell", "method", "perception", "reasoning", "thinking", "task", "group"),
    *("n", "accuracy", "low", "high", "unparsed", "failed"),
)
"""Fields of an entry of `cells` in the summary; `group` is null for the whole task."""


def load_results(folder: str | Path) -> pd.DataFrame:
    """The records of a run directory (or a records file): the tidy table of analyses.columns."""
    path = Path(folder)
    path = path / "records.parquet" if path.is_dir() else path
    if not path.is_file():
        raise SuiteError(
            f"There are no records at {path}; `downscale run STUDY --out {folder}` writes them."
        )
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise SuiteError(
            f"The records {path} cannot be read ({error}); run the study again, which makes them "
            "anew from its store."
        ) from error
    from analyses.columns import validate

    try:
        validate(frame)
    except ValueError as error:
        raise SuiteError(
            f"The records {path} are not of this version of the suite ({error}); run the study "
            "again, which makes them anew from its store."
        ) from error
    return frame


def write_records(walk: Walk, folder: Path, before: dict[str, Any], progress: Progress) -> str:
    """Writes records.parquet when it would differ from what is there; returns its digest."""
    digest = provenance.records_digest(walk)
    path = folder / "records.parquet"
    if before.get("records") == digest and _is_whole(path):
        return digest
    from suite.records import frame_of

    progress.say("Scoring the answers")
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    frame_of(walk).to_parquet(temporary, index=False)
    temporary.replace(path)
    return digest


def _is_whole(path: Path) -> bool:
    """Whether a Parquet file is there and can be opened; a full disk or a copy may have cut it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return False
    return True


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
    digest = provenance.drawing_digest(records)
    outputs = (folder / "report.html", folder / "tables", folder / "figures")
    if before.get("drawn") == digest and all(path.exists() for path in outputs):
        return digest
    from suite import report

    for title, draw in (
        ("Analysing", report.write_tables),
        ("Drawing figures", report.write_figures),
        ("Writing the report", report.write_report),
    ):
        progress.say(title)
        draw(folder)
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
        {name: plain(row[name]) for name in CELL_FIELDS} for row in table if row["task"] in names
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
