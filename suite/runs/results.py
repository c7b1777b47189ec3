"""The results of a run: its records, and what became of its requests.

In: a walk whose requests are stored, or a run directory. Out: records.parquet, made again only when
what it is made of has changed; the tidy table that it holds; counts for the summary.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.base.files import whole
from suite.engine.progress import Progress
from suite.engine.walk import Walk
from suite.errors import SuiteError
from suite.runs.freshness import records_digest

if TYPE_CHECKING:
    import pandas as pd


def load_results(folder: str | Path) -> pd.DataFrame:
    """Reads the records of a run directory (or a records file), analyses.columns' tidy table."""
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
    digest = records_digest(walk)
    path = folder / "records.parquet"
    if before.get("records") == digest and _is_whole(path):
        return digest
    from suite.runs.records import frame_of

    progress.say("Scoring the answers")
    with whole(path) as temporary:
        frame_of(walk).to_parquet(temporary, index=False)
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


def request_counts(walk: Walk) -> dict[str, int]:
    """Gives the distinct requests of a run by what became of them: `requests` of its summary."""
    found: Counter[str] = Counter()
    for model, key in walk.distinct():
        stored = walk.store.shelf(walk.fingerprints[model]).get(key)
        if stored is None or stored.generation.error is not None:
            found["failed"] += 1
        else:
            found["generated" if stored.run == walk.store.run else "cached"] += 1
    return {
        "planned": walk.plan.planned,
        "distinct": found.total(),
        **{name: found[name] for name in ("generated", "cached", "failed")},
        "coincided": walk.plan.distinct - found.total() - walk.blocked(),
    }
