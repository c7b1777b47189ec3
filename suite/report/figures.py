"""Figures of a run: each drawn from its table, saved three ways with the rows it shows.

In: tables/<analysis>.csv. Out: figures/<name>.png, .svg, .pdf and .csv.
"""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from analyses.registry import FIGURES, load_figure
from suite.folder import Folder
from suite.report import stamp, tables

FORMATS = ("png", "svg", "pdf")
UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""Metadata left out, so that the same records give the same files."""


def write(folder: Path) -> list[Path]:
    """Draws every figure; nothing where they are of these records already."""
    outputs, digest = folder / "figures", stamp.digest_of(folder)
    paths = [outputs / f"{name}.{kind}" for name in FIGURES for kind in (*FORMATS, "csv")]
    if stamp.is_current(outputs, digest, [path.name for path in paths]):
        return paths
    tables.write(folder)
    outputs.mkdir(exist_ok=True)
    known: dict[str, pd.DataFrame] = {}
    for name, spec in FIGURES.items():
        if spec.analysis not in known:
            known[spec.analysis] = tables.read(folder, spec.analysis)
        module = load_figure(name)
        rows = module.select(known[spec.analysis])
        rows.to_csv(outputs / f"{name}.csv", index=False)
        save(module.draw(rows), outputs / name)
    stamp.put(outputs, digest)
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
