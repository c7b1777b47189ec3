"""What a run leaves for people beside its records: tables, figures, the page, rows of its summary.

In: a run directory with records.parquet, and its plan. Out: tables/*.csv,
figures/*.{png,svg,pdf,csv}, report.html, cells.json, findings.json, made again only when records or
code have changed, or one of the files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from suite.base.files import write_changed, write_whole
from suite.base.json_values import json_hash, json_value
from suite.engine.progress import Progress
from suite.items.tasks import get_task
from suite.planning.plan import Plan
from suite.runs import freshness, provenance, results, status
from suite.runs.freshness import drawing_digest, forget, is_current, put
from suite.runs.results import load_results

CELL_FIELDS = (
    *("cell", "method", "perceiver", "perception", "reasoning", "thinking", "task", "group"),
    *("n", "accuracy", "low", "high", "unparsed", "failed"),
)
"""Fields of an entry of `cells` in the summary; `group` is null for the whole task."""
CELLS, FOUND = "cells.json", "findings.json"
WRITTEN = (results.NAME, *freshness.DRAWN, CELLS, FOUND, freshness.NAME, status.INSIDE)
"""What a run's directory holds beside its provenance and its store."""


def baselines(planned: Plan) -> str:
    """Gives tables/baselines.csv: what guessing reaches on the tasks, where it was measured.

    A task's folder holds `baselines.csv` with the columns task, category, n, chance, ...,
    baseline; empty for a study whose tasks have none.
    """
    names = {task.task for task in planned.tasks}
    header, rows = "", []
    for path in sorted({get_task(n).path.parent / "baselines.csv" for n in names}):
        if path.is_file():
            header, *found = path.read_text(encoding="utf-8").splitlines()
            rows += [row for row in found if row.split(",")[0] in names]
    return "\n".join([header, *rows]) + "\n" if rows else ""


def drawn(folder: Path, records: str, planned: Plan) -> list[dict[str, Any]] | None:
    """Gives what `draw` would where every file that it writes is there and of these records; else
    None."""
    if not is_current(folder, _digest(folder, records, planned)):
        return None
    found: list[dict[str, Any]] = json.loads((folder / CELLS).read_text(encoding="utf-8"))
    return found


def _digest(folder: Path, records: str, planned: Plan) -> str:
    """Changes with what is drawn, less of a look, and with what it is drawn of."""
    look = provenance.is_look(provenance.read(folder))
    return drawing_digest(json_hash([records, baselines(planned), look]))


def draw(folder: Path, records: str, planned: Plan, progress: Progress) -> list[dict[str, Any]]:
    """Writes tables, figures and report unless those that are there are of these records.

    One entry per cell, task and group, kept in cells.json.
    """
    if (known := drawn(folder, records, planned)) is not None:
        return known
    from analyses.columns import completed
    from suite.report import figures, findings, page, tables

    forget(folder)  # a run that is stopped while it draws leaves a mixture
    measured, text = folder / "tables" / "baselines.csv", baselines(planned)
    if text:
        write_changed(measured, text)
    else:
        measured.unlink(missing_ok=True)
    made = tables.write(folder, progress=progress) + ([measured] if text else [])
    made += figures.write(folder, progress=progress)
    made.append(page.write(folder, progress=progress))
    names = {task.task for task in planned.tasks}
    rows = completed(tables.read(folder, "cells")).to_dict("records")
    cells = [{name: row[name] for name in CELL_FIELDS} for row in rows if row["task"] in names]
    found: list[dict[str, Any]] = json_value(cells)
    write_whole(folder / CELLS, json.dumps(found))
    write_whole(folder / FOUND, json.dumps(json_value(findings.found(folder))))
    put(folder, _digest(folder, records, planned), [*made, folder / CELLS, folder / FOUND])
    return found


def found(folder: Path) -> dict[str, Any]:
    """Gives the sentences and the grid of a run that is drawn (`suite.report.findings.found`)."""
    content: dict[str, Any] = json.loads((folder / FOUND).read_text(encoding="utf-8"))
    return content


def failures(folder: Path, summary: dict[str, Any]) -> dict[str, int]:
    """Counts the rows by reason, most frequent first; reads the records only for a failure."""
    if not summary["requests"]["failed"]:
        return {}
    frame = load_results(folder)
    counted = frame.loc[frame["failed"], "reason"].value_counts()
    return {str(reason): int(count) for reason, count in counted.items()}
