"""Print one analysis of a run as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from analyses.registry import ANALYSES
from suite.cli.options import (
    all_option,
    bootstrap_options,
    completing,
    json_option,
    task_option,
)
from suite.cli.output import (
    PValue,
    cell_text,
    print_json,
    print_table,
    talk,
    talk_reasons,
    task_name,
)

if TYPE_CHECKING:
    import pandas as pd

LEFT_OUT = (
    *("reason", "p_holm", "se", "clusters", "missing", "average", "domain"),
    *("reference_low", "reference_high", "reference_from", "perception_centre", "reasoning_centre"),
    *("chance", "adjusted_low", "adjusted_high", "at_largest", "params", "prompt_tokens"),
    *("difference_low", "difference_high"),
)
"""Columns that only --json and the CSV hold: the table is to fit a screen."""
SAID_BY_CELL = ("method", "perceiver", "perception", "reasoning", "thinking")
HELP = "\n".join(
    [
        "Show the analysis NAME of the run in DIR: as its tables/ have it, to six digits, where",
        "these are of this very run, draws and seed, else computed. Intervals are 95 %, by paired",
        "cluster bootstrap over images. A terminal gets the rows of means or of whole tasks where",
        "there are many; --task, --cell and --quantity choose.",
        "",
        "\b",
        "Analyses:",
        *(f"  {name:<13} {text}" for name, text in ANALYSES.items()),
        "",
        "\b",
        "Example:",
        "  downscale analyze degradation runs/micro",
        "  downscale analyze decoupling runs/micro --quantity '*_drop' --task in_domain",
    ]
)


@click.command(help=HELP)
@click.argument("name", metavar="NAME", shell_complete=completing(lambda: ANALYSES))
@click.argument("folder", metavar="DIR", type=click.Path(), required=False)
@task_option(multiple=True, metavar="GLOB", help="Only rows of this task or mean.")
@click.option("--cell", multiple=True, metavar="GLOB", help="Only rows of this cell.")
@click.option("--quantity", multiple=True, metavar="GLOB", help="Only rows of this quantity.")
@bootstrap_options
@all_option
@json_option
def command(
    name: str,
    folder: str | None,
    draws: int,
    seed: int,
    everything: bool,
    as_json: bool,
    **chosen: tuple[str, ...],
) -> None:
    """One analysis as a table: a row per number."""
    from suite.report.tables import analyse

    if folder is None:
        raise click.UsageError(_missing(name))
    table = analyse(Path(folder), name, draws=draws, seed=seed, **chosen)
    if as_json:
        print_json(table.to_dict("records"))
        return
    if not len(table):
        talk(f"The study in {folder} has no cells for {name}.")
        return
    if {"task", "group"} <= set(table.columns):
        groups = table["group"].astype(object).where(table["group"].notna(), None)
        table = table.assign(task=list(map(task_name, table["task"], groups)))
    columns = _columns(table)
    fixed = [column for column in columns if _is_said_once(table[column])]
    columns = [column for column in columns if column not in fixed]
    title = ", ".join(f"{column} {cell_text(table[column].iloc[0])}" for column in fixed)
    values = [_values(table[column]) for column in columns]
    rows = list(zip(*values))
    print_table(
        columns,
        rows,
        title=f"In every row: {title}." if fixed else None,
        everything=everything,
        coarser=_coarser(table, rows),
    )
    if "quantity" in table and len(quantities := table["quantity"].dropna().unique()) > 1:
        talk(f"  --quantity chooses: {', '.join(quantities)}.")
    talk_reasons(table["reason"].dropna())


def _coarser(table: pd.DataFrame, rows: list[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    """The rows of whole tasks, and those of means over tasks, where there are some."""
    nothing = [None] * len(rows)
    groups = table["group"].notna() if "group" in table else nothing
    averages = table.get("average", nothing)
    whole = [row for row, group in zip(rows, groups) if not group]
    means = [row for row, average in zip(rows, averages) if average == "tasks"]
    return [kept for kept in (whole, means) if kept]


def _missing(word: str) -> str:
    """Which of the two arguments is missing where one was given: a folder is no NAME."""
    if word not in ANALYSES and Path(word).exists():
        return f"Missing argument 'NAME' before {word}: one of {', '.join(ANALYSES)}."
    return f"Missing argument 'DIR': the directory of a run, after {word}."


def _columns(table: pd.DataFrame) -> list[str]:
    """What the screen shows: columns that say something there and are said by no other."""
    known = [name for name in table.columns if table[name].notna().any() and name not in LEFT_OUT]
    known = [name for name in known if name != "group" or "task" not in known]  # said by `task`
    if "cell" in known:
        known = [name for name in known if name not in SAID_BY_CELL]
    return [name for name in known if not name.endswith("_params")]


def _is_said_once(column: pd.Series) -> bool:
    """Whether a column names the same thing in each of several rows."""
    import pandas as pd

    named = not pd.api.types.is_float_dtype(column) and not pd.api.types.is_integer_dtype(column)
    return len(column) > 1 and named and len(column.unique()) == 1


def _values(column: pd.Series) -> list[Any]:
    """The column's values for a table: None where missing, counts as whole numbers."""
    import pandas as pd

    if column.name == "p":
        return [None if pd.isna(value) else PValue(value) for value in column]
    known = column.dropna()
    counted = (
        pd.api.types.is_float_dtype(column)  # as counts are where one of them is missing
        and bool((known % 1 == 0).all())
        and bool((known.abs() > 1).any())
    )
    return [
        None if pd.isna(value) else int(value) if counted else value
        for value in column.astype(object)
    ]
