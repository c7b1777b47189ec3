"""Compare two runs item by item: better, worse, not worse or undecided."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from suite.base.json_values import rows_of
from suite.cli.options import bootstrap_options, json_option
from suite.cli.output import PValue, counted, print_json, print_table, talk, talk_reasons, task_name

if TYPE_CHECKING:
    import pandas as pd

    from suite.runs.comparison import Comparison

SHOWN = (
    *("n", "images", "baseline", "candidate", "difference", "low", "high", "p_holm", "verdict"),
    *("gained", "lost", "dropped", "detectable", "p"),
)
"""Columns of the table; a narrow terminal shows those that it has room for, from the left."""
CELL_SHOWN = ("cell", "difference", "low", "high", "p", "p_holm", "verdict")


@click.command()
@click.argument("baseline", metavar="BASELINE")
@click.argument("candidate", metavar="CANDIDATE")
@click.option(
    "--margin",
    default=0.02,
    show_default=True,
    type=float,
    help="Largest loss of accuracy that still counts as not worse.",
)
@click.option(
    "--by",
    type=click.Choice(["task", "category"]),
    default="task",
    show_default=True,
    help="Rows of the table.",
)
@click.option("--task", "tasks", multiple=True, metavar="TASK", help="Compare only this task.")
@click.option(
    "--out", type=click.Path(), help="Folder for tables, changed answers and the forest plot."
)
@bootstrap_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    baseline: str,
    candidate: str,
    margin: float,
    by: str,
    tasks: tuple[str, ...],
    out: str | None,
    draws: int,
    seed: int,
    as_json: bool,
) -> None:
    """Compare CANDIDATE with BASELINE: each a run directory, or DIR:CELL with a cell's id or glob.

    The verdict is of the mean over tasks, in this order: better (its 95 % interval is above 0),
    worse (below 0 and not within the margin), not worse (above minus the margin), undecided.
    Exit code 0 for better and not worse, 1 for worse and undecided.

    \b
    Example: the largest end-to-end model of a run against the smallest
      downscale compare runs/micro:end_to_end/P=xs runs/micro:end_to_end/P=l
    """
    from suite.runs.comparison import compare

    found = compare(baseline, candidate, margin=margin, tasks=tasks, draws=draws, seed=seed)
    if as_json:
        print_json(found.as_json(by))
    else:
        _print(found, by)
    for path in found.write(out, by) if out else ():
        talk(f"  {path}")
    if not found.passed:
        ctx.exit(1)


def _print(found: Comparison, by: str) -> None:
    table = found.table if by == "category" else found.table[found.table["group"].isna()]
    rows = _records(table)
    # Said by `n` where every image shows one item, and by nothing where no pair was dropped.
    silent = {"images"} if all(row["images"] == row["n"] for row in rows) else set()
    silent |= set() if any(row["dropped"] for row in rows) else {"dropped"}
    shown = [name for name in SHOWN if name not in silent]
    print_table(
        ["task", *shown],
        [[task_name(row["task"], row["group"]), *(row[name] for name in shown)] for row in rows],
    )
    talk(_about_means({row["task"] for row in rows}))
    if len(found.cells) > 1:
        cells = [[row[name] for name in CELL_SHOWN] for row in _records(found.cells)]
        print_table(CELL_SHOWN, cells, title="Each cell, mean over tasks")
    _talk_about(found)
    talk_reasons(table["reason"].dropna())


def _about_means(names: set[str]) -> str:
    """What the rows are that are no task, in a line."""
    domains = [name for name in ("in_domain", "out_of_domain") if name in names]
    inside = [f"{', '.join(domains)}: the mean over its tasks alone"] if domains else []
    said = ["overall: the mean over tasks, each counting the same", *inside]
    return f"  {'; '.join([*said, 'all_items: the mean over items, whatever their task'])}."


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows under the table's headings, None for what is missing."""
    rows = rows_of(frame.rename(columns={"clusters": "images"}))
    for row in rows:
        row |= {name: PValue(row[name]) for name in ("p", "p_holm") if row.get(name) is not None}
    return rows


def _numbers(row: dict[str, Any]) -> str:
    """The difference, its interval and its test; what is missing is said in words."""
    if math.isnan(row["difference"]):
        return f"is unknown: {row['reason']}"
    said = f"= {row['difference']:+.3f} "
    if math.isnan(row["low"]):
        said += f"without an interval: {row['reason']}"
    else:
        said += f"[{row['low']:+.3f}, {row['high']:+.3f}]"
    return said if math.isnan(row["p"]) else f"{said}, p = {row['p']:.2g} ({row['test']})"


def _talk_about(found: Comparison) -> None:
    row = found.row("overall")
    cells = len(found.cells)
    talk(
        f"{found.verdict}: {found.candidate} - {found.baseline} {_numbers(row)}, "
        f"margin {found.margin:g}; {counted(row['gained'], 'answer')} gained, {row['lost']:,} lost "
        f"of {row['pairs']:,}{f' in {cells} cells' if cells > 1 else ''}."
    )
    if row["dropped"]:
        failed = found.pairs.failed
        talk(
            f"  {row['dropped']:,} pairs dropped: an answer failed in {failed[0]:,} rows of the "
            f"baseline, {failed[1]:,} of the candidate."
        )
