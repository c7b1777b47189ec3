"""The report: one HTML page that holds everything it shows.

In: records.parquet, tables, figures and provenance.json of a run. Out: report.html, with styles and
images inside it and nothing fetched from elsewhere; links to the files of figures lead beside it.
Texts of models are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pandas as pd
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from analyses.registry import FIGURES, load_figure
from suite.base.files import write_changed
from suite.engine.progress import QUIET, Progress
from suite.report import (
    examples,
    explorer,
    facts,
    figures,
    findings,
    glossary,
    grids,
    item_cards,
    page_tables,
    summary,
    tables,
)
from suite.report.page_tables import Table
from suite.runs import freshness, provenance
from suite.runs.words import reading


def write(folder: Path, *, progress: Progress = QUIET) -> Path:
    """Writes report.html; nothing but provenance is read anew where the rest is up to date."""
    path = folder / "report.html"
    freshness.records_path(folder)
    tables.write(folder, progress=progress)
    figures.write(folder, progress=progress)
    progress.begin("Writing the report", 1, 0, "page")
    write_changed(path, render(folder))
    progress.advance(1)
    progress.end()
    return path


def templates(*rooms: str) -> Environment:
    """Gives the templates of pages, those of these rooms before the report's own, in which every
    text is escaped and `visible`, and a name that is not there is an error."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(r, "templates") for r in (*rooms, "suite.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_seen,
    )
    shown = (share, hundredths, count, percent, plain, p_value, start, folds, marked, reading)
    environment.filters |= {f.__name__: f for f in (*shown, glossary.linked)}
    environment.filters["task"] = str
    return environment


def _seen(value: Any) -> Any:
    """A text as `visible` shows it; markup, which holds such texts already, as it is."""
    return explorer.visible(value) if type(value) is str else value


def render(folder: Path) -> str:
    """Renders the page as text."""
    frame = tables.load_records(folder)
    cells = tables.read(folder, "cells")
    known = provenance.read(folder)
    names = summary.names_of(frame)
    own = figures.own(folder)
    drawn = [name for name in own if len(_rows(folder, name))]
    embedded = explorer.embedded(folder, frame, names)
    scripts = [explorer.script(n) for n in ("page.js", "explorer.js")[: 1 + bool(embedded["data"])]]
    environment = templates()
    environment.filters["task"] = lambda task: names.get(task, task)
    environment.filters["named"] = _renamer(names)
    return environment.get_template("page.html.jinja").render(
        about=summary.about(frame, known),
        found=_found(folder, drawn),
        numbers=summary.main_numbers(folder, names),
        figures=[_figure(folder, name, figures.note(known)) for name in drawn],
        undrawn=[FIGURES[name].title for name in own if name not in drawn],
        look=provenance.is_look(known),
        grids=grids.parts(frame, cells),
        headline=summary.headline(frame, cells, names),
        by_task=summary.by_task(cells, names),
        methods=summary.methods(folder, names),
        failures=summary.failures(frame),
        baselines=_baselines(folder),
        others=page_tables.sections(folder, frame),
        lost=examples.lost(frame, folder),
        differing=examples.differing(frame, folder),
        explorer=embedded,
        scripts=scripts,
        **_samples(folder, frame),
        terms=glossary.TERMS,
        facts=facts.groups(known),
        models=facts.models(known),
        raw=known,
    )


def _samples(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    """The cards, how many categories have none, and why some lack what was asked."""
    chosen, more = examples.samples(frame)
    cards, unshown = item_cards.with_items(chosen, folder)
    wanted = {(card["task"], card["item_id"]) for card in cards}
    own = [key in wanted for key in zip(frame["task"], frame["item_id"])]
    contents = explorer.contents(folder, frame[own])
    return {"samples": examples.with_leaks(cards, contents), "more": more, "unshown": unshown}


def _renamer(names: Mapping[str, str]) -> Callable[[str], str]:
    """Puts the names that the page has for tasks in place of those that a sentence has."""
    words = "|".join(re.escape(task) for task in sorted(names, key=len, reverse=True))
    whole = re.compile(rf"(?<![\w/])(?:{words})(?![\w/])")
    return lambda sentence: whole.sub(lambda match: names[match[0]], sentence)


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
    svg = (folder / "figures" / f"{name}.svg").read_text(encoding="utf-8")
    caption = load_figure(name).caption(_rows(folder, name))
    return {
        "name": name,
        "title": FIGURES[name].title,
        "caption": f"{caption} {note}".strip(),
        "source": Markup(figures.address(svg)),
    }


def _baselines(folder: Path) -> Table | None:
    """tables/baselines.csv (what guessing reaches), where the run has it."""
    path = folder / "tables" / "baselines.csv"
    if not path.is_file():
        return None
    return page_tables.of_columns("Guessing baselines", tables.read_csv(path))


def share(value: object) -> str:
    """Shows 0.7312 as `0.731`; missing -> a dash."""
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return "–"
    text = f"{float(str(value)):,.3f}"
    return text.removeprefix("-") if text == "-0.000" else text.replace("-", "\N{MINUS SIGN}")


def hundredths(value: object) -> str:
    """Shows 0.7312 as `0.73`; missing -> a dash."""
    text = share(value)
    return text if text == "–" else f"{float(str(value)):.2f}".replace("-", "\N{MINUS SIGN}")


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


FOLDED, START = 280, 180
"""Characters from which a text is folded, and of it that are seen then."""


def folds(text: str) -> bool:
    """Says whether a text is folded: it is long, or has many lines."""
    return len(text) > FOLDED or text.count("\n") > 4


def start(text: str) -> str:
    """Gives the first words of a folded text, in one line."""
    line = " ".join(text[: 4 * START].split())
    return line if len(line) <= START else line[:START].rsplit(" ", 1)[0] + " …"


def marked(text: str, words: Sequence[str]) -> Markup | str:
    """Marks the words of a text that say more than they may."""
    if not words:
        return text
    found = "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True))
    parts = re.split(rf"(?<!\w)({found})(?!\w)", normalize("NFC", text))
    mark = Markup('<mark title="a leak">{}</mark>')
    shown = [mark.format(_seen(p)) if n % 2 else escape(_seen(p)) for n, p in enumerate(parts)]
    return Markup().join(shown)
