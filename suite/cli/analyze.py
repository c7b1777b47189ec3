"""Print one analysis of a run as a table."""

from __future__ import annotations

from pathlib import Path

import click

from suite.cli.output import json_option, print_json, print_table, talk

LEFT_OUT = ("reason", "p_holm", "se", "clusters", "missing", "average", "domain")
"""Columns that only --json and the CSV hold: the table is to fit a screen."""


@click.command()
@click.argument("name", metavar="NAME")
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--draws", default=2000, show_default=True, type=click.IntRange(min=100))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@json_option
def command(name: str, folder: str, draws: int, seed: int, as_json: bool) -> None:
    """Compute the analysis NAME of the run in DIR: cells, degradation, dependence, decoupling,
    thinking or efficiency. Intervals are 95 %, by paired cluster bootstrap over images.
    """
    from suite.report.tables import analyse

    table = analyse(Path(folder), name, draws=draws, seed=seed)
    if as_json:
        print_json(table.to_dict("records"))
        return
    columns = [
        column
        for column in table.columns
        if column not in LEFT_OUT and not column.endswith("_params") and table[column].notna().any()
    ]
    rows = table[columns].astype(object).where(table[columns].notna(), None)
    print_table(columns, rows.to_numpy().tolist())
    for reason, count in table["reason"].dropna().value_counts().items():
        talk(f"  {count:,} rows: {reason}.")
    if not len(table):
        talk(f"The study in {folder} has no cells for {name}.")
