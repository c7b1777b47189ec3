"""How commands speak: `--json` and tables on stdout, everything else on stderr.

In: plain values. Out: text. Commands share these so that every one can be piped.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import click

from suite.base.json_values import json_value
from suite.errors import one_line

GAPS = (3, 2, 1)
"""Spaces between two columns, the widest that the terminal has room for."""
NARROWEST = 12
"""Width down to which a column of text is folded."""


def talk(message: str) -> None:
    """Says something to the person, on stderr."""
    click.echo(message, err=True)


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


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str | None = None
) -> None:
    """Prints a table on stdout; numbers are aligned right.

    Where stdout is no terminal, every row is one line. In a terminal the table fits the width
    (`fit`): columns that find no room are named on stderr.
    """
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
