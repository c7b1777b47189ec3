"""Degradation: what each task loses when the language model shrinks (experiment 1).

In: the tidy table. Out: per family, method, perceiver, task and category

- `accuracy` at each size, a share of the items scored there;
- `drop` = acc(L) - acc(S), largest less smallest size, a share (x 100: points);
- `relative_drop` = (acc(L) - acc(S)) / acc(L), a share of the largest model's accuracy (the 48 %
  and 38 % of Endo and Yeung-Levy 2025, arXiv:2511.17487, are relative); of a macro mean, the ratio
  of the two means;
- `slope` = sum_k (x_k - mean x) acc_k / sum_k (x_k - mean x)^2 over all sizes, x = log10 of the
  parameters: least squares, a share per decade of parameters;
- the four with `adjusted_` before them: the same of chance-adjusted scores, (y - c) / (1 - c) item
  by item with chance c (Abbott 1925): 0 is guessing, so that tasks with different numbers of
  options compare, and a model at chance has nothing left to lose.

The items are those scored at every size that a number compares, paired. Intervals: 95 % cluster
bootstrap over images (`analyses.contrasts.limits`); `se`: cluster-robust (Miller 2024,
arXiv:2411.00640). Methods in which one module varies: end_to_end, blind, text_only, oracle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from analyses.contrasts.contrast import Contrast, contrast_table
from analyses.table.scores import scores_of
from analyses.table.sizes import ladder, slope_weights

LABELS = ("family", "method", "thinking", "size", "params", "small", "large")


def degradation(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives rows per quantity, task and category; see the module. Sizes: `size`, `params`."""
    scores = scores_of(frame)
    keys = ["family", "method", "perceiver", "thinking"]
    contrasts = [
        contrast
        for names, cells in scores.cells.groupby(keys, sort=False, dropna=False)
        for contrast in _contrasts(dict(zip(keys, names)), cells)
    ]
    raw = contrast_table(scores, contrasts, LABELS, draws=draws, seed=seed)
    if not len(raw):
        return raw
    chance = scores.items["chance"].to_numpy(dtype=np.float64)
    span = (-chance / np.where(chance < 1, 1 - chance, np.inf), 1.0)
    contrasts = [replace(each, quantity=f"adjusted_{each.quantity}") for each in contrasts]
    adjusted = contrast_table(
        scores.adjusted(), contrasts, LABELS, draws=draws, seed=seed, span=span
    )
    return pd.concat([raw, adjusted], ignore_index=True)


def _contrasts(labels: dict[str, object], cells: pd.DataFrame) -> Iterator[Contrast]:
    varies = [axis for axis in ("perception", "reasoning") if cells[axis].notna().any()]
    if len(varies) != 1:
        return
    rungs = ladder(cells, varies[0])
    base = labels | {"size": None, "params": None, "small": None, "large": None}
    for rung in rungs:
        own = base | {"size": rung.size, "params": rung.params}
        yield Contrast("accuracy", {rung.cell: 1.0}, labels=own)
    if len(rungs) < 2:
        return
    small, large = rungs[0], rungs[-1]
    ends = base | {"small": small.size, "large": large.size}
    change = {large.cell: 1.0, small.cell: -1.0}
    yield Contrast("drop", change, labels=ends)
    yield Contrast("relative_drop", change, over={large.cell: 1.0}, labels=ends)
    weights = slope_weights(rungs)
    if weights is not None:
        yield Contrast("slope", weights, labels=ends)
