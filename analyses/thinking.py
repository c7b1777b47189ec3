"""What step-by-step thinking gains at each reasoning size (experiment 4).

In: the tidy table with cells that differ only in thinking. Out: per family, method, task and
category, for each reasoning size r: `direct` and `with_thinking` accuracy, and
`gain` = acc(r, thinking) - acc(r, direct), paired by item, with cluster-bootstrap intervals.
Methods: decoupled (perception at the largest size, as the paper holds it), oracle (gold
descriptions) and text_only. Shares.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analyses.contrasts import Contrast, contrast_table
from analyses.scores import scores_of
from analyses.sizes import ladder

METHODS = ("decoupled", "oracle", "text_only")

LABELS = ("family", "method", "perception", "reasoning", "params")


def thinking(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Rows per quantity, reasoning size, task and category; see the module."""
    scores = scores_of(frame)
    cells = scores.cells[scores.cells["method"].isin(METHODS)]
    contrasts = [
        contrast
        for (family, method), rows in cells.groupby(["family", "method"], sort=False, dropna=False)
        for contrast in _contrasts({"family": family, "method": method}, rows)
    ]
    return contrast_table(scores, contrasts, LABELS, draws=draws, seed=seed)


def _contrasts(labels: dict[str, object], cells: pd.DataFrame) -> Iterator[Contrast]:
    held = None
    if cells["perception"].notna().any():
        held = ladder(cells, "perception")[-1].size
        cells = cells[cells["perception"] == held]
    direct = {r.size: r for r in ladder(cells[~cells["thinking"]], "reasoning")}
    for rung in ladder(cells[cells["thinking"]], "reasoning"):
        if rung.size not in direct:
            continue
        own = labels | {"perception": held, "reasoning": rung.size, "params": rung.params}
        with_it, without = {rung.cell: 1.0}, {direct[rung.size].cell: 1.0}
        yield Contrast("direct", without, labels=own)
        yield Contrast("with_thinking", with_it, labels=own)
        change = {rung.cell: 1.0, direct[rung.size].cell: -1.0}
        yield Contrast("gain", change, labels=own)
