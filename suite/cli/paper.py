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

RUN_FIELDS = ("what", "estimate", "low", "high", "n", "reason")


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
    """Hold each claim of the paper against its published tables.

    A claim `holds`, `differs`, or is `not determined` by what was published; beside the last kind
    stand the numbers of RUN_DIR, with 95 % intervals, where a run is given; and its cells beside
    the rows of the table of methods, read and averaged as published and as the suite does.

    \b
    Example:
      downscale paper runs/micro
    """
    from suite.report.paper import (
        beside_methods,
        beside_run,
        default_tables,
        draw_figures,
        paper,
        with_methods,
    )

    folder = tables if tables is not None else default_tables()
    claims = paper(folder)
    numbers = beside_run(run, folder) if run is not None else None
    if as_json:
        if run is not None and numbers is not None:
            claims, numbers = with_methods(claims, numbers, run, folder)
        print_json(_rows(claims, numbers))
    else:
        _print(claims, numbers)
        if run is not None:
            _print_methods(beside_methods(run, folder))
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
    rows = [
        [
            *(row["claim"], _published(row), _number(row["recomputed"]), row["unit"]),
            *(row["verdict"], row["note"]),
        ]
        for row in rows_of(claims)
    ]
    print_table(["claim", "published", "recomputed", "unit", "verdict", "note"], rows)
    if numbers is not None:
        found = [
            [
                *(row["claim"], row["what"] or ""),
                *(_number(row[end]) for end in ("estimate", "low", "high")),
                *(row["n"], row["unit"], row["reason"]),
            ]
            for row in rows_of(numbers)
        ]
        columns = ["claim", "in this run", "estimate", "low", "high", "n", "unit", "reason"]
        print_table(columns, found, title="This run beside what was not published")
    counted = Counter(claims["verdict"])
    talk(", ".join(f"{count} {verdict}" for verdict, count in counted.items()) + ".")


def _print_methods(numbers: pd.DataFrame) -> None:
    """A run's cells beside the table of methods, if it has any of these."""
    if not len(numbers):
        return
    rows = [
        [
            *(row["claim"].removeprefix("Table 2, "), _number(row["published"]), row["what"]),
            *(_number(row[end]) for end in ("estimate", "low", "high")),
            *(row["n"], row["reason"]),
        ]
        for row in rows_of(numbers)
    ]
    columns = [
        "published for",
        "published",
        "in this run",
        "estimate",
        "low",
        "high",
        "n",
        "reason",
    ]
    print_table(columns, rows, title="This run beside the paper's table of methods, in points")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _published(row: dict[str, Any]) -> str:
    """The published number as a relation: `12.9`, `> 0`."""
    if row["published"] is None:
        return "in words"
    return f"{'> ' if row['relation'] == '>' else ''}{row['published']:g}"
