"""What a run leaves for people: tables, figures and one HTML page, redrawn from the records alone.

In: a run directory with records.parquet (and provenance.json). Out: tables/*.csv,
figures/*.{png,svg,pdf,csv}, report.html in the same directory. A step whose records and code have
not changed since it last ran does nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["write_figures", "write_report", "write_tables"]


def write_tables(folder: Path) -> list[Path]:
    """Every analysis of the records as tables/<name>.csv. Raises SuiteError without records."""
    from suite.report.tables import write

    return write(Path(folder))


def write_figures(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """Every figure, or those named, as figures/<name>.png, .svg, .pdf and .csv; tables first where
    they are old."""
    from suite.report.figures import write

    return write(Path(folder), names)


def write_report(folder: Path) -> Path:
    """report.html: one self-contained page; tables and figures first where they are old."""
    from suite.report.page import write

    return write(Path(folder))
