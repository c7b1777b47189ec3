"""What a run has found, for the top of the page and the end of `downscale run`.

In: tables/findings.csv and tables/decoupling.csv. Out: the sentences as plain values, and the grid
of pairings that they are about.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analyses.findings import MODES, heads, who
from analyses.table.sizes import sizes_in_order
from suite.base.json_values import rows_of
from suite.report import tables


def found(folder: Path) -> dict[str, Any]:
    """Gives `findings`, rows of the analysis, and `grid` (`grid_of`); none of a run without them.

    A run that an older version has drawn has no such table.
    """
    if not (folder / "tables" / "findings.csv").is_file():
        return {"findings": [], "grid": None}
    return {"findings": rows_of(tables.read(folder, "findings")), "grid": grid_of(folder)}


def grid_of(folder: Path) -> dict[str, Any] | None:
    """Gives the accuracy of every pairing of the first family and perceiver, in domain where there
    is something, after thinking where something was.

    `title`; `reasoning`: sizes, smallest first; `rows`: `perception` and a value per reasoning
    size, None where it was not run. None where nothing was paired.
    """
    table = tables.read(folder, "decoupling")
    cells = table[table["quantity"] == "accuracy"]
    if not len(cells):
        return None
    cells = cells[who(cells) == who(cells).iloc[0]]
    mode = bool(cells["thinking"].any())
    cells = cells[cells["thinking"] == mode]
    values: dict[tuple[str, str], float] = {}
    where = ""
    for (p, r), rows in cells.groupby(["perception", "reasoning"], sort=False):
        for own, row in list(heads(rows))[:1]:
            where, values[p, r] = own, float(row["estimate"])
    across = sizes_in_order(cells, "reasoning", "reasoning_params")
    return {
        "title": f"Accuracy, perception down, reasoning across ({where}, {MODES[mode]})",
        "reasoning": across,
        "rows": [
            {"perception": p, "values": [values.get((p, r)) for r in across]}
            for p in sizes_in_order(cells, "perception", "perception_params")
        ],
    }
