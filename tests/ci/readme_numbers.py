"""Writes the numbers of the README from the tables of the shipped run, so that none is typed.

In: tables/cells.csv of results/micro. Out: the lines of README.md between its two marks. Run it
after results/micro has changed; a test fails while the two differ.

    python tests/ci/readme_numbers.py [README.md [results/micro/tables/cells.csv]]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analyses.table.scores import IN_DOMAIN, SHARED

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "results/micro/tables/cells.csv"
BEGIN = "<!-- numbers: written by tests/ci/readme_numbers.py from results/micro/tables -->\n"
END = "<!-- end of numbers -->\n"
SIZES = {"perception": str, "reasoning": str, "task": str}


def numbers(table: pd.DataFrame) -> str:
    """A Markdown table, sizes in columns: macro accuracy over the tasks that every cell answers."""
    whole = table[table["group"].isna()]
    name = SHARED if (whole["task"] == SHARED).any() else IN_DOMAIN
    macro = whole[whole["task"] == name]
    order = pd.concat(
        [
            macro[[side, f"{side}_params"]].set_axis(["size", "params"], axis=1)
            for side in ("perception", "reasoning")
        ]
    ).dropna()
    sizes = list(order.drop_duplicates("size").sort_values("params")["size"])
    largest = sizes[-1]
    of = macro["method"].eq
    thought = macro["thinking"].astype(bool)
    decoupled = of("decoupled") & thought
    rows = {
        "end to end": ("perception", of("end_to_end")),
        "the same, blind": ("perception", of("blind")),
        f"this perception, reasoning {largest}": (
            "perception",
            decoupled & macro["reasoning"].eq(largest),
        ),
        f"perception {largest}, this reasoning": (
            "reasoning",
            decoupled & macro["perception"].eq(largest),
        ),
        "gold descriptions, this reasoning": ("reasoning", of("oracle") & thought),
    }
    lines = [
        f"In-domain accuracy (n = {_span(macro['n'])} items, mean over tasks, 95 % interval; "
        "reasoning thinks):",
        "",
        f"| | {' | '.join(sizes)} |",
        f"|---|{'---|' * len(sizes)}",
    ]
    for title, (side, wanted) in rows.items():
        found = macro[wanted].set_index(side)
        cells = [_accuracy(found.loc[size]) if size in found.index else "–" for size in sizes]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def with_numbers(readme: str, block: str) -> str:
    """The README with the text between its marks replaced."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"README.md has lost its marks {BEGIN.strip()} and {END.strip()}.")
    return f"{before}{begin}{block}{end}{after}"


def _accuracy(row: pd.Series) -> str:
    return f"{row['accuracy']:.2f} ({row['low']:.2f}–{row['high']:.2f})"


def _span(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def main(arguments: Sequence[str]) -> None:
    """Rewrites the README."""
    readme, table = (*map(Path, arguments), *(ROOT / "README.md", TABLE)[len(arguments) :])
    block = numbers(pd.read_csv(table, dtype=SIZES))
    readme.write_text(with_numbers(readme.read_text(encoding="utf-8"), block), encoding="utf-8")
    print(block, end="")


if __name__ == "__main__":
    main(sys.argv[1:])
