"""Systems as points of accuracy against a cost: shared by `efficiency` and `latency`.

In: rows of analyses.efficiency of one task. Out: a drawn panel with both intervals and the front.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analyses.figures import style

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "end_to_end": ("end to end", {"color": "#0b3c5d", "marker": "o"}),
    "decoupled": ("decoupled", {"color": "#E69F00", "marker": "s"}),
    "thinking": ("decoupled, with thinking", {"color": "#009E73", "marker": "^"}),
    "named": ("named methods", {"color": "#CC79A7", "marker": "P"}),
    "blind": ("blind", {"color": "#8c8c8c", "marker": "X"}),
}
COSTS = {
    "generated_tokens": ("generated tokens an answer", "front_tokens"),
    "seconds": ("seconds an answer", "front_seconds"),
    "params": ("parameters of the language models", "front_params"),
}
"""Cost -> name of its axis, and the column of its front."""


def kind(rows: pd.DataFrame) -> pd.Series:
    """The kind of each system."""
    kinds = rows["method"].where(rows["method"].isin(["end_to_end", "decoupled", "blind"]), "named")
    return kinds.mask((rows["method"] == "decoupled") & rows["thinking"].astype(bool), "thinking")


def panel(axes: Axes, rows: pd.DataFrame, cost: str) -> None:
    """Accuracy against one cost, logarithmic; a line through the front."""
    name, front = COSTS[cost]
    rows = rows[rows[cost].notna() & rows["accuracy"].notna()]
    kinds = kind(rows)
    for key, (label, look) in KINDS.items():
        part = rows[kinds == key]
        if not len(part):
            continue
        bars: dict[str, Any] = look | {"elinewidth": 0.6, "markersize": 3.6, "alpha": 0.85}
        x, y = part[cost], part["accuracy"]
        style.with_interval(axes, x, y, part["low"], part["high"], label=label, **bars)
        if f"{cost}_low" in part:
            low, high = part[f"{cost}_low"], part[f"{cost}_high"]
            style.with_interval(axes, x, y, low, high, upright=False, **bars)
    best = rows[rows[front].astype(bool)].sort_values(cost)
    if len(best):
        axes.plot(
            best[cost],
            best["accuracy"],
            drawstyle="steps-post",
            color=style.INK,
            linewidth=0.9,
            label="front",
        )
    if len(rows):
        axes.set_xscale("log")
        _ticks(axes, rows[cost].to_numpy(dtype=np.float64), cost)
    axes.set_xlabel(name)
    axes.grid(axis="y")


def _ticks(axes: Axes, values: np.ndarray, cost: str) -> None:
    """Ticks at 1, 2, 5 times powers of ten within the values, written out."""
    low, high = values.min(), values.max()
    exponents = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    steps = np.array([1.0, 2.0, 5.0]) if high / low < 60 else np.array([1.0])
    ticks = np.sort((steps[:, None] * 10.0**exponents).ravel())
    ticks = ticks[(ticks >= low / 1.6) & (ticks <= high * 1.6)]
    axes.set_xlim(min(low / 1.3, ticks.min()), max(high * 1.3, ticks.max()))
    text = style.params_text if cost == "params" else "{:g}".format
    axes.set_xticks(ticks, [text(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
