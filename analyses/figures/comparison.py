"""Figure: the forest plot of a comparison: what the candidate gains or loses, by task.

In: rows of analyses.comparison with a column `margin`. Out: a Figure: means above, tasks (and
categories) below, each with its interval; the band around 0 is the margin.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.figures.parts import style
from analyses.figures.parts.rows import Series, forest, keys_of

MINUS = "\N{MINUS SIGN}"
MEANS = {"overall": "mean over tasks", "all_items": "all items"}
_BARS = f"{style.INTERVAL} (exact where no answer changes)"
MARKS: dict[str, dict[str, Any]] = {
    "mean": {"color": "#0b3c5d", "marker": "D", "markersize": 5.5},
    "task": {"color": style.BLUE, "marker": "o"},
    "category": {"color": "#767676", "marker": "s", "markersize": 3.4},
}


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Selects the rows from top to bottom: means, then each task with its categories below it."""
    kind = np.where(
        (table["average"] == "tasks") | table["task"].isin(MEANS),
        "mean",
        np.where(table["group"].notna(), "category", "task"),
    )
    rows = table.assign(kind=kind)
    means = rows[rows["kind"] == "mean"]
    below = [
        part.iloc[np.argsort(part["kind"] == "category", kind="stable")]
        for _, part in rows[rows["kind"] != "mean"].groupby("task", sort=False)
    ]
    single = len(below) == 1  # the mean over one task is that task
    kept = means[means["task"] == "overall"] if single else means
    return pd.concat([kept, *below], ignore_index=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """One row per mean, task and category."""
    if not len(table):
        return style.nothing("there is no pair of answers")
    figure = style.new_figure(style.TWO_COLUMNS, 0.2 * len(table) + 1.3)
    axes, counts = figure.subplots(1, 2, width_ratios=[4.6, 1], sharey=True)
    y = np.arange(len(table))[::-1].astype(float)
    margin = float(table["margin"].iloc[0])
    axes.axvspan(-margin, margin, color="#ececec", zorder=0, linewidth=0)
    axes.axvline(0, color=style.QUIET, linewidth=0.8, zorder=1)
    series = [
        Series(table[table["kind"] == kind], look, columns=("difference", "low", "high"))
        for kind, look in MARKS.items()
    ]
    forest(axes, series, keys_of(table)[::-1])
    for sign in (-1, 1):
        axes.plot(
            sign * table["detectable"].to_numpy(dtype=float),
            y,
            linestyle="none",
            marker="|",
            color="#8c8c8c",
            markersize=6,
        )
    _labels(axes, table, y)
    _counts(counts, table, y)
    axes.set_xlabel("accuracy of the candidate minus accuracy of the baseline")
    axes.set_title("Difference of accuracy")
    style.footnote(
        figure,
        f"{_BARS[0].upper()}{_BARS[1:]}.\nn = items; grey band: margin of ±{margin:g}; grey ticks:"
        " smallest difference found with 80 % power.",
    )
    return figure


def _labels(axes: Axes, table: pd.DataFrame, y: np.ndarray) -> None:
    names = style.task_names(task for task in table["task"] if task not in MEANS) | MEANS
    left = [
        f"    {group}" if kind == "category" else names[str(task)]
        for task, group, kind in zip(table["task"], table["group"], table["kind"])
    ]
    axes.set_yticks(y, left)
    for label, kind in zip(axes.get_yticklabels(), table["kind"]):
        label.set_fontweight("bold" if kind == "mean" else "normal")
        label.set_fontsize(6.8 if kind == "category" else 7.5)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.7, len(table) - 0.3)


def _counts(axes: Axes, table: pd.DataFrame, y: np.ndarray) -> None:
    """Columns of numbers beside the rows: answers gained and lost, items."""
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    for x, name, sign in ((0.3, "gained", "+"), (0.64, "lost", MINUS), (0.98, "n", "")):
        axes.text(x, len(table) - 0.35, name, fontsize=6.8, color=style.QUIET, ha="right")
        for height, count in zip(y, table[name]):
            text = f"{sign}{count:,}" if count else "0"
            axes.text(x, height, text, fontsize=6.8, ha="right", va="center")


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Accuracy of the candidate minus accuracy of the baseline, paired by item, with the answers"
        " gained and lost and the number of items (n)."
    )
