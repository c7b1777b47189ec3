"""Print one analysis of a run as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from suite.cli.output import json_option, print_json, print_table, talk

if TYPE_CHECKING:
    import pandas as pd

LEFT_OUT = (
    *("reason", "p_holm", "se", "clusters", "missing", "average", "domain"),
    *("reference_low", "reference_high", "reference_from", "perception_centre", "reasoning_centre"),
    *("chance", "adjusted_low", "adjusted_high", "at_largest", "params", "prompt_tokens"),
)
"""Columns that only --json and the CSV hold: the table is to fit a screen."""
SAID_BY_CELL = ("method", "perception", "reasoning", "thinking")


@click.command()
@click.argument("name", metavar="NAME")
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option(
    "--draws",
    default=2000,
    show_default=True,
    type=click.IntRange(min=100),
    help="Bootstrap draws for the intervals.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Seed of the bootstrap.",
)
@json_option
def command(name: str, folder: str, draws: int, seed: int, as_json: bool) -> None:
    """Compute the analysis NAME of the run in DIR: cells, degradation, dependence, decoupling,
    marginal, attribution, thinking, leakage, seeds, efficiency or power. Intervals are 95 %, by
    paired cluster bootstrap over images.
    """
    from suite.report.tables import analyse

    table = analyse(Path(folder), name, draws=draws, seed=seed)
    if as_json:
        print_json(table.to_dict("records"))
        return
    columns = _columns(table)
    rows = table[columns].astype(object).where(table[columns].notna(), None)
    print_table(columns, rows.to_numpy().tolist())
    for reason, count in table["reason"].dropna().value_counts().items():
        talk(f"  {count:,} rows: {reason}.")
    if not len(table):
        talk(f"The study in {folder} has no cells for {name}.")


def _columns(table: pd.DataFrame) -> list[str]:
    """What the screen shows: columns that say something there and are said by no other."""
    known = [name for name in table.columns if table[name].notna().any() and name not in LEFT_OUT]
    if "cell" in known:
        known = [name for name in known if name not in SAID_BY_CELL]
    if "family" in known and len(table["family"].unique()) == 1:
        known.remove("family")
    return [name for name in known if not name.endswith("_params")]
