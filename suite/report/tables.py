"""Tables of a run: every analysis and the rows behind some as a CSV, and reading them back.

In: records.parquet. Out: tables/<analysis>.csv; of single items and answers tables/<name of
`analyses.registry.ROWS`>.csv.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analyses.registry import ANALYSES, FINDINGS, ROWS, load_analysis, load_rows
from suite.base import csv_files
from suite.engine.progress import QUIET, Progress
from suite.errors import SuiteError, said_of
from suite.planning.cells import matching
from suite.runs import freshness, provenance, results
from suite.runs.results import load_results

TEXT = (
    *("cell", "method", "family", "perceiver", "perception", "reasoning"),
    *("task", "group", "domain", "average"),
    *("quantity", "estimator", "size", "module", "small", "large", "partner", "reason"),
    *("axis", "larger", "pattern", "sizes", "rule"),
    *("category", "item_id", "image_id", "emerges", "answer", "prediction", "text"),
    *("kind", "sentence", "verdict", "figure"),
)
"""Columns that stay text when a CSV is read, whatever they look like (a size may be named 8)."""
DRAWS, SEED = 2000, 0
"""Of the bootstrap that the tables are made with."""


def load_records(folder: Path) -> pd.DataFrame:
    """Reads records.parquet; SuiteError when it is missing, unreadable or of another version."""
    freshness.records_path(folder)
    return load_results(folder)


def analyse(
    folder: Path, name: str, *, draws: int = DRAWS, seed: int = SEED, **chosen: Sequence[str]
) -> pd.DataFrame:
    """Gives one analysis of a run directory's records: as tables/ has it where that is of these
    records and draws, else computed.

    chosen: column -> values or globs, of which a row must have one. Raises SuiteError for an
    unknown name, a column that the analysis has not, and a glob that matches nothing.
    """
    if name not in ANALYSES:
        raise SuiteError(f"There is no analysis called {name}; there are {', '.join(ANALYSES)}.")
    table = analysed(folder, [name], draws=draws, seed=seed)[name]
    for column, patterns in chosen.items():
        if not patterns:
            continue
        if column not in table:
            raise SuiteError(f"--{column}: {name} has no {column} to choose by; leave it out.")
        values = table[column].dropna().unique()
        kept = matching(values, patterns, f"--{column}", column)
        table = table[table[column].isin(kept)]
    return table


def analysed(
    folder: Path, names: Sequence[str], *, draws: int = DRAWS, seed: int = SEED
) -> dict[str, pd.DataFrame]:
    """Gives several analyses as `analyse` does, by name, and reads the records at most once."""
    outputs, digest = folder / "tables", freshness.digest_of(folder)
    made: dict[str, pd.DataFrame] = {}
    frame: pd.DataFrame | None = None
    for name in names:
        if (draws, seed) == (DRAWS, SEED) and freshness.is_current(
            outputs, digest, [f"{name}.csv"]
        ):
            results.records_file(folder)  # they are what the run has written
            made[name] = read(folder, name)
            continue
        frame = load_records(folder) if frame is None else frame
        more = _beside(folder, name, {})
        with said_of(folder / "records.parquet"):
            made[name] = load_analysis(name)(frame, draws=draws, seed=seed, **more)
    return made


def _beside(folder: Path, name: str, made: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """What an analysis is given beside the records: findings, the tables that are `made` already,
    and to how many items the run was cut for a look."""
    if name != FINDINGS:
        return {}
    return {"tables": made, "limit": provenance.read(folder).get("limit")}


def write(folder: Path, *, progress: Progress = QUIET) -> list[Path]:
    """Writes every table; nothing where they are of these records already."""
    outputs, digest = folder / "tables", freshness.digest_of(folder)
    paths = [outputs / f"{name}.csv" for name in (*ANALYSES, *ROWS)]
    if freshness.is_current(outputs, digest):
        return paths
    provenance.check_own(folder, freshness.DRAWN, made=(outputs / freshness.NAME).is_file())
    outputs.mkdir(exist_ok=True)
    frame = load_records(folder)
    made: dict[str, pd.DataFrame] = {}
    progress.begin("Analysing", len(paths), 0, "tables")
    for done, (name, path) in enumerate(zip((*ANALYSES, *ROWS), paths), 1):
        with said_of(folder / "records.parquet"):
            if name in ANALYSES:
                more = _beside(folder, name, made)
                table = load_analysis(name)(frame, draws=DRAWS, seed=SEED, **more)
                made[name] = table
            else:
                table = load_rows(name)(frame)
        csv_files.write_csv(path, table, digits=6)
        progress.advance(done)
    progress.end()
    freshness.put(outputs, digest, paths)
    return paths


def read(folder: Path, name: str) -> pd.DataFrame:
    """Reads a table of the run as it was written."""
    return read_csv(folder / "tables" / f"{name}.csv")


def read_csv(path: Path) -> pd.DataFrame:
    """Reads a CSV of the run; its text columns are text, an empty field is missing."""
    return csv_files.read_csv(path, TEXT)
