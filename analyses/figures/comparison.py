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

from analyses.figures import style

MINUS, FIGURE_SPACE = "\N{MINUS SIGN}", "\N{FIGURE SPACE}"
MEANS = {"overall": "mean over tasks", "all_items": "all items"}
MARKS: dict[str, dict[str, Any]] = {
    "mean": {"color": "#0b3c5d", "marker": "D", "markersize": 5.5},
    "task": {"color": style.BLUE, "marker": "o"},
    "category": {"color": "#767676", "marker": "s", "markersize": 3.4},
}


def select(table: pd.DataFrame) -> pd.DataFrame:
    """The rows from top to bottom: means, then each task with its categories below it."""
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
    axes = figure.subplots()
    y = np.arange(len(table))[::-1].astype(float)
    margin = float(table["margin"].iloc[0])
    axes.axvspan(-margin, margin, color="#ececec", zorder=0, linewidth=0)
    axes.axvline(0, color=style.QUIET, linewidth=0.8, zorder=1)
    for kind, look in MARKS.items():
        rows = (table["kind"] == kind).to_numpy()
        if rows.any():
            part = table[rows]
            x = part["difference"]
            style.with_interval(axes, x, y[rows], part["low"], part["high"], upright=False, **look)
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
    axes.set_xlabel("accuracy of the candidate minus accuracy of the baseline")
    axes.set_title("Difference of accuracy, candidate minus baseline")
    style.footnote(
        figure,
        "Bars are 95 % paired cluster-bootstrap intervals over images; n items;\n"
        f"grey band: margin of ±{margin:g}; grey ticks: smallest difference found with 80 % power.",
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
    axes.grid(axis="x")
    right = axes.twinx()
    right.set_ylim(axes.get_ylim())
    right.set_yticks(
        y,
        [
            f"{_padded('+', gained)} {_padded(MINUS, lost)}   n ={_padded('', n, 6)}"
            for gained, lost, n in zip(table["gained"], table["lost"], table["n"])
        ],
    )
    right.tick_params(axis="y", length=0, labelsize=6.8)
    right.spines["right"].set_visible(False)
    right.set_title("gained, lost, items", loc="right", fontsize=6.8, fontweight="normal")


def _padded(sign: str, count: int, width: int = 5) -> str:
    """A count with its sign, as wide as `width` digits, so that the column lines up."""
    text = f"{sign}{count:,}"
    return FIGURE_SPACE * (width - len(text)) + text


def caption(table: pd.DataFrame) -> str:
    """What is drawn, n and the interval."""
    tasks = table[table["kind"] == "task"]
    margin = f"{float(table['margin'].iloc[0]):g}" if len(table) else "none"
    return (
        "Accuracy of the candidate minus accuracy of the baseline, paired by item"
        f" ({style.n_text(tasks['n'])} items a task), with the answers gained and lost. Bars are"
        " 95 % paired cluster-bootstrap intervals over images; the grey band is the margin"
        f" ({margin}) and the grey ticks the smallest difference that these items show with 80 %"
        " power."
    )
