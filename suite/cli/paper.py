"""Recompute the paper's claims from its published tables, and set a run beside them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from suite.base.json_values import rows_of
from suite.cli.options import json_option
from suite.cli.output import print_json, print_table, talk

if TYPE_CHECKING:
    import pandas as pd

RUN_FIELDS = ("here", "what", "estimate", "low", "high", "n", "reason")


@click.command()
@click.argument("run", metavar="[RUN_DIR]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--tables",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder with other tables under the published names.",
)
@click.option(
    "--figure",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Draw methods and extraction there (.png, .svg, .pdf and .csv).",
)
@json_option
def command(run: Path | None, tables: Path | None, figure: Path | None, as_json: bool) -> None:
    """Hold each claim of the paper against its published tables, and against a run.

    A claim `holds`, `differs`, or is `not determined` by what was published. With RUN_DIR, the last
    kind and what the paper says of its remedies `holds here`, `does not hold here` or `cannot be
    told`: its direction, never its size, by the 95 % intervals of the run's numbers, which are
    listed with those that a claim does not turn on (`not judged`). And the run's cells stand beside
    the rows of the table of methods, read and averaged as published and as the suite does.

    \b
    Example:
      downscale paper runs/micro
    """
    from suite.report.paper import beside_run, default_tables, draw_figures, paper

    folder = tables if tables is not None else default_tables()
    claims, numbers = paper(folder), None
    if run is not None:
        claims, numbers = beside_run(claims, run, folder)
    if as_json:
        print_json(_rows(claims, numbers))
    else:
        _print(claims, numbers)
    if figure is not None:
        for path in draw_figures(folder, figure):
            talk(str(path))


def _rows(claims: pd.DataFrame, numbers: pd.DataFrame | None) -> list[dict[str, Any]]:
    """A claim a row; with a run, its numbers in the list `run`."""
    rows: list[dict[str, Any]] = rows_of(claims)
    if numbers is not None:
        for row in rows:
            own = numbers.loc[numbers["claim"] == row["claim"], list(RUN_FIELDS)]
            row["run"] = rows_of(own)
    return rows


def _print(claims: pd.DataFrame, numbers: pd.DataFrame | None) -> None:
    from suite.report.paper import BESIDE

    decided = claims[claims["verdict"] != BESIDE]
    rows = [
        [
            *(row["claim"], _published(row), _number(row["recomputed"]), row["unit"]),
            *(row["verdict"], row["note"]),
        ]
        for row in rows_of(decided)
    ]
    print_table(["claim", "published", "recomputed", "unit", "verdict", "note"], rows)
    counts = [Counter(decided["verdict"])]
    if numbers is not None:
        _print_run(claims, numbers)
        counts.append(Counter(claims["here"].dropna()))
    for counted in counts:
        talk(", ".join(f"{count} {verdict}" for verdict, count in counted.items()) + ".")


def _print_run(claims: pd.DataFrame, numbers: pd.DataFrame) -> None:
    """What a run says: its numbers, its cells beside the table of methods if it has any of these,
    then whether each claim holds here."""
    asked = claims[claims["here"].notna()]
    known = numbers["here"].notna()
    columns = ["claim", "in this run", "estimate", "low", "high", "n", "unit", "here", "reason"]
    more = ("unit", "here", "reason")
    rows = [[*_said(row), *(row[name] for name in more)] for row in rows_of(numbers[known])]
    print_table(columns, rows, title="This run beside the paper")
    published = dict(zip(claims["claim"], claims["published"]))
    rows = [
        [_number(published[row["claim"]]), *_said(row), row["reason"]]
        for row in rows_of(numbers[~known])
    ]
    if rows:
        columns = ["published", "published for", "in this run", "estimate", "low", "high", "n"]
        title = "This run beside the paper's table of methods, in points"
        print_table([*columns, "reason"], rows, title=title)
    rows = [[row["claim"], _published(row), row["unit"], row["here"]] for row in rows_of(asked)]
    title = "Does its direction hold in this run?"
    print_table(["claim", "published", "unit", "here"], rows, title=title)


def _said(row: dict[str, Any]) -> list[Any]:
    ends = (_number(row[end]) for end in ("estimate", "low", "high"))
    return [row["claim"].removeprefix("Table 2, "), row["what"] or "", *ends, row["n"]]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _published(row: dict[str, Any]) -> str:
    """The published number as a relation: `12.9`, `> 0`."""
    if row["published"] is None:
        return "in words"
    return f"{'> ' if row['relation'] == '>' else ''}{row['published']:g}"
