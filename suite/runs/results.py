"""The results of a run: its records, and what became of its requests.

In: a walk whose requests are stored, or a run directory. Out: records.parquet, made again only when
what it is made of has changed; the tidy table that it holds; counts for the summary.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.base.files import file_hash, whole
from suite.engine.progress import Progress
from suite.engine.walk import Walk
from suite.errors import SuiteError, reason_of
from suite.runs import provenance

if TYPE_CHECKING:
    import pandas as pd


NAME = "records.parquet"
ROWS = 8192
"""Rows of a row group: so few that what is said of one item is read without the rest."""
SHA256 = "records_sha256"
"""Where provenance.json says what the file held when it was written."""


def load_results(folder: str | Path) -> pd.DataFrame:
    """Reads the records of a run directory (or a records file), analyses.columns' tidy table.

    Raises SuiteError for a file that cannot be read, or that is not what the run has written.
    """
    path = records_file(folder)
    import pandas as pd
    import pyarrow as pa

    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SuiteError(
            f"The records {path} cannot be read ({reason_of(error)}); run the study again, which "
            "makes them anew from its store."
        ) from error
    from analyses.columns import completed, validate

    frame = completed(frame)
    try:
        validate(frame)
    except ValueError as error:
        raise SuiteError(
            f"The records {path} are not of this version of the suite ({error}); run the study "
            "again, which makes them anew from its store."
        ) from error
    return frame


def records_file(folder: str | Path) -> Path:
    """Finds the records of a run directory, or those that are named, of which a run has written
    what they hold.

    Raises SuiteError where there are none, and for some that are not what the run has written.
    """
    path = Path(folder)
    path = path / NAME if path.is_dir() else path
    if not path.is_file():
        raise SuiteError(
            f"There are no records at {path}; `downscale run STUDY --out {folder}` writes them."
        )
    written = provenance.read(path.parent).get(SHA256) if path.name == NAME else None
    if written is not None and file_hash(path) != written:
        raise SuiteError(
            f"The records {path} are not what the run has written: they were damaged or replaced; "
            "run the study again, which makes them anew from its store."
        )
    return path


def write_records(
    walk: Walk, folder: Path, made_of: str, before: dict[str, Any], progress: Progress
) -> dict[str, str]:
    """Writes records.parquet unless it is there, as it was written, and made of `made_of`.

    Returns what provenance.json says of it.
    """
    path = folder / NAME
    if not is_current(folder, made_of, before):
        from suite.runs.records import frame_of

        with whole(path) as temporary:
            frame_of(walk, progress).to_parquet(temporary, index=False, row_group_size=ROWS)
    return {"records": made_of, SHA256: file_hash(path)}


def is_current(folder: Path, made_of: str, before: dict[str, Any]) -> bool:
    """Says whether the records are there as they were written, and made of `made_of`
    (`freshness.records_digest`); `before` is what provenance.json says."""
    path = folder / NAME
    return (
        before.get("records") == made_of
        and path.is_file()
        and before.get(SHA256) == file_hash(path)
    )


def request_counts(walk: Walk) -> dict[str, int]:
    """Gives the distinct requests of a run by what became of them: `requests` of its summary."""
    found: Counter[str] = Counter()
    for model, key in walk.distinct():
        entry = walk.store.shelf(walk.fingerprints[model]).entry(key)
        if entry is None or entry.failed:
            found["failed"] += 1
        else:
            found["generated" if entry.own else "cached"] += 1
    return {
        "planned": walk.plan.planned,
        "distinct": found.total(),
        **{name: found[name] for name in ("generated", "cached", "failed")},
        "coincided": walk.plan.distinct - found.total() - walk.blocked(),
        "blocked": walk.blocked(),
    }
