"""Figures of a run: each drawn from its table, saved three ways with the rows it shows.

In: tables/<analysis>.csv. Out: figures/<name>.png, .svg, .pdf and .csv.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from analyses.registry import FIGURES, load_figure
from suite.errors import SuiteError, nearest
from suite.folder import Folder
from suite.report import stamp, tables

FORMATS = ("png", "svg", "pdf")
UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""Metadata left out, so that the same records give the same files."""


def write(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """Draws the figures, all or those named; nothing where they are of these records already.

    Raises SuiteError for a name that no figure has.
    """
    for name in names:
        if name not in FIGURES:
            raise SuiteError(f"There is no figure called {name!r}{nearest(name, FIGURES)}.")
    wanted = [name for name in FIGURES if name in names or not names]
    outputs, digest = folder / "figures", stamp.digest_of(folder)
    paths = [outputs / f"{name}.{kind}" for name in wanted for kind in (*FORMATS, "csv")]
    if stamp.is_current(outputs, digest, [path.name for path in paths]):
        return paths
    tables.write(folder)
    outputs.mkdir(exist_ok=True)
    known: dict[str, pd.DataFrame] = {}
    for name in wanted:
        spec = FIGURES[name]
        if spec.analysis not in known:
            known[spec.analysis] = tables.read(folder, spec.analysis)
        module = load_figure(name)
        rows = module.select(known[spec.analysis])
        rows.to_csv(outputs / f"{name}.csv", index=False)
        save(module.draw(rows), outputs / name)
    if len(wanted) == len(FIGURES):
        stamp.put(outputs, digest)  # it speaks of the whole folder
    return paths


def save(figure: Figure, stem: Path) -> None:
    """Saves a figure as `stem`.png, .svg and .pdf. The layout is computed once for all three."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    with rc_context({"svg.hashsalt": stem.name, "pdf.fonttype": 42}):
        for kind in FORMATS:
            # Drawn in memory first: writing to a full disk half-way hides its error in matplotlib.
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, metadata=UNDATED.get(kind))
            Folder(stem.parent).write(f"{stem.name}.{kind}", buffer.getvalue())
