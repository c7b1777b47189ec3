"""Compare two runs item by item: better, worse, not worse or undecided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from suite.cli.output import json_option, print_json, print_table, talk

if TYPE_CHECKING:
    from suite.comparison import Comparison

SHOWN = (
    *("n", "clusters", "baseline", "candidate", "difference", "low", "high", "p", "p_holm"),
    *("detectable", "gained", "lost", "dropped", "verdict"),
)
P_VALUES = ("p", "p_holm")
HEADINGS = {"clusters": "images", "p_holm": "p (Holm)"}


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
    """
    from suite.comparison import compare

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
    clean = table.astype(object).where(table.notna(), None)
    rows = [
        [
            row["task"] if row["group"] is None else f"{row['task']}: {row['group']}",
            *(p_text(row[name]) if name in P_VALUES else row[name] for name in SHOWN),
        ]
        for row in clean.to_dict("records")
    ]
    print_table(["task", *(HEADINGS.get(name, name) for name in SHOWN)], rows)
    if len(found.cells) > 1:
        names = ["cell", "difference", "low", "high", "p", "p_holm", "verdict"]
        told = found.cells[names].astype(object).where(found.cells[names].notna(), None)
        for name in P_VALUES:
            told[name] = [p_text(p) for p in told[name]]
        headings = [HEADINGS.get(name, name) for name in names]
        print_table(headings, told.to_numpy().tolist(), title="Each cell, mean over tasks")
    _talk_about(found)
    for reason, count in table["reason"].dropna().value_counts().items():
        talk(f"  {count:,} rows: {reason}.")


def p_text(p: float | None) -> str | None:
    """Three decimals, or that it is below them."""
    return None if p is None else "<0.001" if p < 0.0005 else f"{p:.3f}"


def _talk_about(found: Comparison) -> None:
    row = found.row("overall")
    cells = len(found.cells)
    talk(
        f"{found.verdict}: {found.candidate} - {found.baseline} = {row['difference']:+.3f} "
        f"[{row['low']:+.3f}, {row['high']:+.3f}], p = {row['p']:.2g} ({row['test'] or 'none'}), "
        f"margin {found.margin:g}; {row['gained']:,} answers gained, {row['lost']:,} lost of "
        f"{row['pairs']:,}{f' in {cells} cells' if cells > 1 else ''}."
    )
    if row["dropped"]:
        failed = found.pairs.failed
        talk(
            f"  {row['dropped']:,} pairs dropped: an answer failed in {failed[0]:,} rows of the "
            f"baseline, {failed[1]:,} of the candidate."
        )
