"""The report: one HTML page that holds everything it shows.

In: records.parquet, tables, figures and provenance.json of a run. Out: report.html, with styles and
images inside it and nothing fetched from elsewhere. Texts of models are escaped.
"""

from __future__ import annotations

import base64
from numbers import Integral
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from analyses.registry import FIGURES, load_figure
from suite.base.files import write_changed
from suite.report import (
    examples,
    explorer,
    figures,
    findings,
    item_cards,
    page_tables,
    summary,
    tables,
)
from suite.runs import freshness, provenance


def write(folder: Path) -> Path:
    """Writes report.html; nothing but provenance is read anew where the rest is up to date."""
    path = folder / "report.html"
    freshness.records_path(folder)
    tables.write(folder)
    figures.write(folder)
    write_changed(path, render(folder))
    return path


def templates(*rooms: str) -> Environment:
    """Gives the templates of pages, those of these rooms before the report's own, in which every
    text is escaped and a name that is not there is an error."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(r, "templates") for r in (*rooms, "suite.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {f.__name__: f for f in (share, count, percent, plain, p_value)}
    return environment


def render(folder: Path) -> str:
    """Renders the page as text."""
    frame = tables.load_records(folder)
    cells = tables.read(folder, "cells")
    known = provenance.read(folder)
    chosen, unshown = item_cards.with_items(examples.samples(frame), folder)
    own = figures.own(folder)
    drawn = [name for name in own if len(_rows(folder, name))]
    return (
        templates()
        .get_template("page.html.jinja")
        .render(
            about=summary.about(frame, known),
            found=_found(folder, drawn),
            numbers=summary.main_numbers(folder),
            figures=[_figure(folder, name, figures.note(known)) for name in drawn],
            undrawn=[FIGURES[name].title for name in own if name not in drawn],
            look=provenance.is_look(known),
            headline=summary.headline(frame, cells),
            by_task=summary.by_task(cells),
            methods=summary.methods(folder),
            failures=summary.failures(frame),
            baselines=_baselines(folder),
            others=page_tables.sections(folder, frame),
            lost=examples.lost(frame, folder),
            differing=examples.differing(frame, folder),
            explorer=explorer.embedded(folder, frame),
            samples=chosen,
            unshown=unshown,
            provenance=summary.facts(known),
            raw=known,
        )
    )


def _found(folder: Path, drawn: list[str]) -> dict[str, Any]:
    """The sentences that open the page, each with where its number is, and those that add to
    them."""
    rows = findings.found(folder)["findings"]
    for row in rows:
        shown = row["figure"] in drawn
        row["place"] = f"figure-{row['figure']}" if shown else "cells"
        row["shown"] = FIGURES[row["figure"]].title if shown else "Cells"
    return {
        "headlines": [row for row in rows if row["headline"]],
        "more": [row for row in rows if not row["headline"]],
    }


def _rows(folder: Path, name: str) -> pd.DataFrame:
    """What a figure shows."""
    return tables.read_csv(folder / "figures" / f"{name}.csv")


def _figure(folder: Path, name: str, note: str) -> dict[str, str]:
    """Title, caption, which the note ends, and the picture as a data address."""
    content = (folder / "figures" / f"{name}.svg").read_bytes()
    caption = load_figure(name).caption(_rows(folder, name))
    return {
        "name": name,
        "title": FIGURES[name].title,
        "caption": f"{caption} {note}".strip(),
        "source": "data:image/svg+xml;base64," + base64.b64encode(content).decode(),
    }


def _baselines(folder: Path) -> dict[str, Any] | None:
    """tables/baselines.csv (what guessing reaches) as columns and rows, where the run has it."""
    path = folder / "tables" / "baselines.csv"
    if not path.is_file():
        return None
    table = tables.read_csv(path)
    return {"columns": list(table.columns), "rows": table.to_numpy(dtype=object).tolist()}


def share(value: object) -> str:
    """Shows 0.7312 as `0.731`; missing -> a dash."""
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return "–"
    text = f"{float(str(value)):,.3f}"
    return text.removeprefix("-") if text == "-0.000" else text.replace("-", "\N{MINUS SIGN}")


def count(value: object) -> str:
    """Shows 12345 as `12,345`; missing -> a dash."""
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return "–"
    return f"{int(float(str(value))):,}"


def plain(value: object) -> str:
    """Shows a value of an unknown table: short numbers, yes or no, texts, a dash for missing."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return count(value)
    return share(value) if isinstance(value, float) else str(value)


def percent(part: int, whole: int) -> str:
    """Shows 42,038 of 400,000 as `10.5 %`; a dash of nothing."""
    return f"{part / whole:.1%}".replace("%", "\N{NO-BREAK SPACE}%") if whole else "–"


def p_value(value: object) -> str:
    """Shows 0.0312 as `0.031`, below .0005 that it is small; missing -> a dash."""
    small = isinstance(value, float) and value < 0.0005
    return "<0.001" if small else share(value)
