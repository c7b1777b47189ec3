"""How commands speak: `--json` and tables on stdout, everything else on stderr.

In: plain values. Out: text. Commands share these so that every one can be piped.
"""

from __future__ import annotations

import json
import math
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from suite.base.json_values import json_value
from suite.errors import cut, one_line

GAPS = (3, 2, 1)
"""Spaces between two columns, the widest that the terminal has room for."""
NARROWEST = 12
"""Width down to which a column of text is folded."""
LINES = 15
"""Lines in which a run says what it has found."""
FEW = 20
"""Rows of a table, and lines of a list, that a terminal gets without `--all`."""
Row = TypeVar("Row")


def talk(message: str) -> None:
    """Says something to the person, on stderr."""
    click.echo(message, err=True)


def talk_view(folder: object, what: str = "them") -> None:
    """Names the browser, where what it needs is installed."""
    from suite.view.serve import installed

    if installed():
        talk(f"`downscale view {folder}` shows {what} in a browser.")


def show_page(path: Path) -> None:
    """Opens a page that was written in the browser, or says that there is none."""
    import webbrowser

    if not webbrowser.open(path.resolve().as_uri()):
        talk(f"No browser was found; {path} is the page.")


def counted(count: int, thing: str) -> str:
    """Says `1 task`, `2 tasks`: a number and what it counts."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def print_json(value: Any) -> None:
    """Prints one JSON document on stdout."""
    click.echo(json.dumps(json_value(value), indent=2, ensure_ascii=False))


class PValue(float):
    """A p-value: three decimals in a table, or that it is below them."""


def cell_text(value: Any) -> str:
    """Shows a value: three decimals for fractions, thousands separated, a dash for missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, PValue) and value < 0.0005:
        return "<0.001"
    return f"{value:.3f}" if isinstance(value, float) else one_line(str(value))


def talk_reasons(reasons: Iterable[str]) -> None:
    """Says each reason once, with the number of rows that it holds for, most frequent first."""
    for reason, count in Counter(reasons).most_common():
        talk(f"  {counted(count, 'row')}: {reason}.")


def task_name(task: str, group: str | None) -> str:
    """Names a whole task, or one of its categories, for a table."""
    return task if group is None else f"{task}: {group}"


def few(
    rows: Sequence[Row], everything: bool, coarser: Sequence[Sequence[Row]] = ()
) -> Sequence[Row]:
    """Gives what is shown of many rows: all of them in a pipe and with `--all`; in a terminal those
    of the first among `rows` and `coarser` that are FEW, else the first FEW of the last."""
    if everything or not sys.stdout.isatty():
        return rows
    ways = [rows, *coarser]
    return next((own for own in ways if len(own) <= FEW), ways[-1][:FEW])


def _talk_few(shown: int, total: int) -> None:
    if shown < total:
        rows = f"{shown:,} of {total:,} rows" if shown else counted(total, "row")
        talk(f"  {rows}: --all shows every one, and so do a pipe and --json.")


def print_lines(
    lines: Sequence[str], everything: bool, coarser: Sequence[Sequence[str]] = ()
) -> None:
    """Prints a list on stdout, a line each, or `few` of them."""
    shown = few(lines, everything, coarser)
    for line in shown:
        click.echo(line)
    _talk_few(len(shown), len(lines))


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    title: str | None = None,
    everything: bool = True,
    coarser: Sequence[Sequence[Sequence[Any]]] = (),
) -> None:
    """Prints a table on stdout, or `few` of its rows; numbers are aligned right.

    Where stdout is no terminal, every row is one line. In a terminal the table fits the width
    (`fit`): columns that find no room are named on stderr.
    """
    total, rows = len(rows), few(rows, everything, coarser)
    if total and not rows:
        _talk_few(0, total)
        return
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    texts = [[cell_text(value) for value in row] for row in rows]
    numeric = [_numeric([row[index] for row in rows]) for index in range(len(columns))]
    natural = [
        max(cell_len(text) for text in (name, *(row[index] for row in texts)))
        for index, name in enumerate(columns)
    ]
    limit = Console(file=sys.stdout).width if sys.stdout.isatty() else None
    gap, widths = fit(natural, numeric, limit)
    console = Console(file=sys.stdout, width=sum(widths) + gap * len(widths))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, gap - 1, 0, 0), pad_edge=False)
    for name, width, number in zip(columns, widths, numeric):
        justify: Literal["right", "left"] = "right" if number else "left"
        table.add_column(name, justify=justify, width=width, overflow="fold")
    for row in texts:
        table.add_row(*(Text(text) for text in row[: len(widths)]))  # Text: brackets are no markup
    if title:
        click.echo(title)
    with console.capture() as captured:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n")
    if left_out := columns[len(widths) :]:
        talk(
            f"  {', '.join(left_out)}: no room in this terminal; --json has "
            f"{'them' if len(left_out) > 1 else 'it'}, and so has the table in a pipe or file."
        )
    _talk_few(len(rows), total)


def print_found(summary: dict[str, Any], report: str) -> None:
    """Prints the grid of pairings and as many of the findings as LINES have room for, the first of
    every kind before the second of any, and where the rest is."""
    from rich.console import Console

    grid, rows = summary["grid"], summary["findings"]
    width = Console(file=sys.stdout).width if sys.stdout.isatty() else None
    lines = [""] if grid or rows else []
    lines += _grid_lines(grid, width) if grid else []
    left = _in_order(rows)
    told = 0
    while left:
        said = textwrap.wrap(one_line(left[0]["sentence"]), width or 10**6, subsequent_indent="  ")
        if told and len(lines) + len(said) > LINES - 1:
            break
        lines += said
        told += 1
        del left[0]
    more = len(rows) - told
    if more:
        warned = dict.fromkeys(row["kind"].replace("_", " ") for row in left if row["warns"])
        of = f", {', '.join(warned)} among them" if warned else ""
        lines.append(f"{counted(more, 'more finding')}{of}: {report}")
    click.echo("\n".join(lines))


def _in_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The headlines: the first of every kind, then the second of any; warnings last."""
    seen: Counter[str] = Counter()
    ranked = []
    for row in rows:
        if row["headline"]:
            ranked.append((row["warns"], seen[row["kind"]], row))
            seen[row["kind"]] += 1
    return [row for *_, row in sorted(ranked, key=lambda own: own[:2])]


def _grid_lines(grid: dict[str, Any], width: int | None) -> list[str]:
    """A title and the accuracies, aligned; columns that find no room are cut with their marks."""
    from rich.cells import cell_len

    table = [["", *map(one_line, grid["reasoning"])]]
    table += [[one_line(row["perception"]), *map(cell_text, row["values"])] for row in grid["rows"]]
    widths = [max(cell_len(row[k]) for row in table) for k in range(len(table[0]))]
    lines = [
        "  ".join(" " * (w - cell_len(text)) + text for w, text in zip(widths, row))
        for row in table
    ]
    lines = [one_line(grid["title"]), *(f"  {line}" for line in lines)]
    return lines if width is None else [cut(line, width) for line in lines]


def _numeric(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, (int, float)) for value in known)


def fit(
    natural: Sequence[int], numeric: Sequence[bool], limit: int | None
) -> tuple[int, list[int]]:
    """Gives the space between columns and the width of each that is shown, for a table of `limit`
    columns.

    First the space shrinks, then the widest texts are folded, down to NARROWEST; numbers never
    are. What still finds no room is left out from the right. limit None: as wide as it comes.
    """
    widths = list(natural)
    for gap in GAPS:
        if limit is None or sum(widths) + gap * (len(widths) - 1) <= limit:
            return gap, widths
    assert limit is not None  # the loop above returns without one
    while len(widths) > 1:
        folded = list(widths)
        room = limit - (len(widths) - 1)
        while sum(folded) > room:
            texts = [i for i, w in enumerate(folded) if not numeric[i] and w > NARROWEST]
            if not texts:
                break
            folded[max(texts, key=folded.__getitem__)] -= 1
        if sum(folded) <= room:
            return 1, folded
        widths.pop()
    return 1, [min(widths[0], limit)]
