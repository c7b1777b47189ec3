"""Figures of a run: each drawn from its table, saved three ways with the rows it shows.

In: tables/<analysis>.csv. Out: figures/<name>.png, .svg, .pdf and .csv.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analyses.figures.parts.style import FORMATS, by_perceiver, encoded
from analyses.registry import FIGURES, load_figure
from suite.base.files import Folder
from suite.errors import SuiteError, nearest
from suite.report import tables
from suite.runs import freshness, provenance

LOOK = ("overview",)
"""What a run that is only a look (`--limit`) has drawn."""


def own(folder: Path) -> list[str]:
    """Names the figures that a run has by itself: all, or those of a look."""
    return list(LOOK if provenance.is_look(provenance.read(folder)) else FIGURES)


def write(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """Draws the figures that are named, or the run's own; nothing where they are of these records
    already.

    Raises SuiteError for a name that no figure has.
    """
    for name in names:
        if name not in FIGURES:
            raise SuiteError(f"There is no figure called {name!r}{nearest(name, FIGURES)}.")
    names = names or own(folder)
    wanted = [name for name in FIGURES if name in names]
    outputs, digest = folder / "figures", freshness.digest_of(folder)
    paths = [outputs / f"{name}.{kind}" for name in wanted for kind in (*FORMATS, "csv")]
    if freshness.is_current(outputs, digest, [path.name for path in paths]):
        return paths
    tables.write(folder)
    outputs.mkdir(exist_ok=True)
    known: dict[str, pd.DataFrame] = {}
    for name in wanted:
        spec = FIGURES[name]
        if spec.analysis not in known:
            known[spec.analysis] = by_perceiver(tables.read(folder, spec.analysis))
        module = load_figure(name)
        rows = module.select(known[spec.analysis])
        save(module.draw(rows), rows, outputs / name)
    if set(own(folder)) <= set(wanted):
        for path in outputs.iterdir():  # of other records, where this is a look
            if path.stem in FIGURES and path.stem not in wanted:
                path.unlink()
        freshness.put(outputs, digest, paths)  # it speaks of the whole folder
    return paths


def save(figure: Figure, rows: pd.DataFrame, stem: Path) -> list[Path]:
    """Saves a figure as `stem`.png, .svg and .pdf, and its rows as `stem`.csv. The files."""
    rows.to_csv(stem.with_suffix(".csv"), index=False)
    files = encoded(figure, stem.name)
    for name, content in files.items():
        Folder(stem.parent).write(name, content)
    return [*(stem.parent / name for name in files), stem.with_suffix(".csv")]
