"""Compare two runs item by item: better, worse, not worse or undecided."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from suite.base.json_values import rows_of
from suite.cli.options import all_option, bootstrap_options, json_option, task_option
from suite.cli.output import (
    PValue,
    counted,
    print_json,
    print_table,
    talk,
    talk_reasons,
    talk_view,
    task_name,
)

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
@click.option(
    "--html", type=click.Path(path_type=Path), help="Write a page of the items that changed."
)
@task_option("tasks", multiple=True, metavar="TASK", help="Compare only this task.")
@click.option(
    "--out", type=click.Path(), help="Folder for tables, changed answers and the forest plot."
)
@bootstrap_options
@all_option
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
    html: Path | None,
    draws: int,
    seed: int,
    everything: bool,
    as_json: bool,
) -> None:
    """Compare CANDIDATE with BASELINE: each a run directory, or DIR:CELL with a cell's id or glob.
    Of two runs the cells that both have are compared, and those left out are named.

    The verdict is of the mean over tasks, in this order: better (its 95 % interval is above 0),
    worse (below 0 and not within the margin), not worse (above minus the margin), undecided.
    Exit code 0 for better and not worse, 1 for worse and undecided.

    \b
    Example: the largest end-to-end model of a run against the smallest
      downscale compare runs/micro:end_to_end/P=xs runs/micro:end_to_end/P=l
      downscale compare runs/old runs/new --html changed.html
    """
    from suite.runs.comparison import compare

    found = compare(baseline, candidate, margin=margin, tasks=tasks, draws=draws, seed=seed)
    items = _write_page(found, html) if html else ""
    if as_json:
        print_json(found.as_json(by))
    else:
        _print(found, by, everything)
        if found.changed and not html and Path(baseline).is_dir() and Path(candidate).is_dir():
            talk_view(shlex.join([candidate, baseline]), "what changed, side by side,")
    for path in found.write(out, by) if out else ():
        talk(f"  {path}")
    if html:
        talk(f"  {html}: {items}.")
    if not found.passed:
        ctx.exit(1)


def _print(found: Comparison, by: str, everything: bool) -> None:
    table = found.table if by == "category" else found.table[found.table["group"].isna()]
    rows = _records(table)
    # Said by `n` where every image shows one item, and by nothing where no pair was dropped.
    silent = {"images"} if all(row["images"] == row["n"] for row in rows) else set()
    silent |= set() if any(row["dropped"] for row in rows) else {"dropped"}
    shown = [name for name in SHOWN if name not in silent]
    print_table(
        ["task", *shown],
        [[task_name(row["task"], row["group"]), *(row[name] for name in shown)] for row in rows],
        everything=everything,
    )
    talk(_about_means({row["task"] for row in rows}))
    if len(found.cells) > 1:
        cells = [[row[name] for name in CELL_SHOWN] for row in _records(found.cells)]
        title = "Each cell, mean over tasks"
        print_table(CELL_SHOWN, cells, title=title, everything=everything)
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


def _write_page(found: Comparison, path: Path) -> str:
    """Writes the page of what changed; says how many items it has."""
    from suite.view import changed

    count = changed.write(path, found, _sentence(found))
    some = f", the first {changed.MOST} of them" if count > changed.MOST else ""
    return f"{counted(count, 'item')} that changed{some}"


def _sentence(found: Comparison) -> str:
    """The verdict with its numbers."""
    row, cells = found.row("overall"), len(found.cells)
    return (
        f"{found.verdict}: {found.candidate} - {found.baseline} {_numbers(row)}, "
        f"margin {found.margin:g}; {counted(row['gained'], 'answer')} gained, {row['lost']:,} lost "
        f"of {row['pairs']:,}{f' in {cells} cells' if cells > 1 else ''}."
    )


def _talk_about(found: Comparison) -> None:
    from suite.runs.sides import listed

    row = found.row("overall")
    talk(_sentence(found))
    if not found.changed:
        talk("  Nothing changed: every answer scores the same on both sides.")
    for side, alone in zip(("baseline", "candidate"), found.left_out):
        if alone:
            talk(f"  Left out, {counted(len(alone), 'cell')} of the {side} alone: {listed(alone)}.")
    if row["dropped"]:
        failed = found.pairs.failed
        talk(
            f"  {row['dropped']:,} pairs dropped: an answer failed in {failed[0]:,} rows of the "
            f"baseline, {failed[1]:,} of the candidate."
        )
