"""Figures of a run: each drawn from its table, saved three ways with the rows it shows.

In: tables/<analysis>.csv. Out: figures/<name>.png, .svg, .pdf and .csv.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from matplotlib.figure import Figure

from analyses.figures.parts.style import FORMATS, by_perceiver, encoded, footnote, of_study
from analyses.registry import FIGURES, load_figure
from suite.base.csv_files import write_csv
from suite.base.files import Folder
from suite.base.json_values import json_hash
from suite.engine.progress import QUIET, Progress
from suite.errors import SuiteError, nearest
from suite.report import tables
from suite.runs import freshness, provenance

UNSEEN = re.compile(
    r"<\?.*?\?>|<!.*?>|<metadata>.*?</metadata>|(?<=<g) id=\"[^\"]*\"|(?<=>)\s+(?=<)", re.DOTALL
)
"""Of an SVG what no browser draws: declarations, comments, names of groups, white space."""
LOOK = ("overview",)
"""What a run that is only a look (`--limit`) has drawn."""


def own(folder: Path) -> list[str]:
    """Names the figures that a run has by itself: all, or those of a look."""
    return list(LOOK if provenance.is_look(provenance.read(folder)) else FIGURES)


def note(known: Mapping[str, Any]) -> str:
    """Says what stands under every figure of a run: that sizes differ in more than their language
    model, and that more is counted. known: the run's provenance."""
    notes = []
    if not (known.get("family") or {}).get("llm_only", True):
        notes.append("The vision encoder changes with size too, or is not known to stay the same.")
    if (known.get("study") or {}).get("params") == "total":
        notes.append("Parameters of perception: its language model and its vision encoder.")
    return " ".join(notes)


def write(folder: Path, names: Sequence[str] = (), *, progress: Progress = QUIET) -> list[Path]:
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
    facts = provenance.read(folder)
    below, seeds = note(facts), len(facts.get(provenance.POOLED, [0]))
    digest = json_hash([digest, below]) if below else digest
    paths = [outputs / f"{name}.{kind}" for name in wanted for kind in (*FORMATS, "csv")]
    if freshness.is_current(outputs, digest, [path.name for path in paths]):
        return paths
    tables.write(folder, progress=progress)
    outputs.mkdir(exist_ok=True)
    known: dict[str, pd.DataFrame] = {}
    tasks = tables.read(folder, "cells")["task"].unique()
    progress.begin("Drawing figures", len(wanted), 0, "figures")
    for done, name in enumerate(wanted, 1):
        spec = FIGURES[name]
        if spec.analysis not in known:
            known[spec.analysis] = by_perceiver(tables.read(folder, spec.analysis))
        module = load_figure(name)
        rows = module.select(known[spec.analysis])
        with of_study(tasks, seeds):
            figure = module.draw(rows)
        if below:
            footnote(figure, f"{figure.get_supxlabel()}\n{below}".strip())
        save(figure, rows, outputs / name)
        progress.advance(done)
    progress.end()
    if set(own(folder)) <= set(wanted):
        for path in outputs.iterdir():  # of other records, where this is a look
            if path.stem in FIGURES and path.stem not in wanted:
                path.unlink()
        freshness.put(outputs, digest, paths)  # it speaks of the whole folder
    return paths


def save(figure: Figure, rows: pd.DataFrame, stem: Path) -> list[Path]:
    """Saves a figure as `stem`.png, .svg and .pdf, and its rows as `stem`.csv. The files."""
    write_csv(stem.with_suffix(".csv"), rows)
    files = encoded(figure, stem.name)
    for name, content in files.items():
        Folder(stem.parent).write(name, content)
    return [*(stem.parent / name for name in files), stem.with_suffix(".csv")]


def address(svg: str) -> str:
    """Gives a figure as a data address that can stand between double quotes: what is drawn alone,
    to a thousandth of a point, written as text, where base64 would be a third longer."""
    drawn = " ".join(UNSEEN.sub("", svg).replace("<g/>", "").split())
    drawn = re.sub(r"(scale\(.*?\))|(\.\d{3})\d+", r"\1\2", drawn)
    drawn = re.sub(r" ?([MLQCz]) ?(?=[-\d.\"])", r"\1", drawn)
    return "data:image/svg+xml," + quote(drawn.replace('"', "'"), safe=" !$'()*+,-./:;=?@[]_~{}|^")
