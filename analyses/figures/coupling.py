"""Figure: diagnostics of the coupling of dependence and sensitivity: estimators, nulls, influence.

In: rows of analyses.dependence. Out: a Figure, per family three panels: the slope by every
estimator beside what item noise and shared structure alone give; the least-squares slope without
each task; Cook's distance of each task.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.figures.parts import style
from analyses.figures.parts.rows import Series, forest, heights

ESTIMATORS = {
    "least_squares": "least squares",
    "bces": "BCES",
    "bces_hc3": "BCES, few tasks",
    "theil_sen": "Theil–Sen",
}
NULLS = {"null_noise": "item noise alone", "null_structure": "structure alone"}
TESTS = {"noise_corrected": "jackknife", "independence": "score"}


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Selects the slopes, left-out tasks, nulls and tests; not the points."""
    return table[table["estimator"] != "task"].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Draws three panels per family."""
    fitted = table[table["estimator"].isin([*ESTIMATORS, "left_out"]) & table["estimate"].notna()]
    among = style.families(fitted)
    if not among:
        return style.nothing("it takes a blind largest model and three in-domain tasks or more")
    heights = [max(2.0, 1.1 + 0.19 * _left_out(table, f, "slope").shape[0]) for f in among]
    figure = style.new_figure(style.TWO_COLUMNS, sum(heights) + 0.75)
    grid = figure.subplots(
        len(among), 3, squeeze=False, width_ratios=[1.1, 1.25, 0.8], height_ratios=heights
    )
    for row, family in zip(grid, among):
        own = table[table["family"] == family]
        _estimators(row[0], own)
        row[0].set_title(style.panel_title(family, among, "Slope by estimator"))
        left, cook = (_left_out(table, family, name) for name in ("slope", "cooks_distance"))
        _without(row[1], left, own)
        _cook(row[2], cook)
    handles = dict(zip(*reversed(grid[0, 0].get_legend_handles_labels())))
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=2)
    style.footnote(figure, _foot(table, among))
    return figure


def _left_out(table: pd.DataFrame, family: str, quantity: str) -> pd.DataFrame:
    rows = table[(table["estimator"] == "left_out") & (table["quantity"] == quantity)]
    return rows[rows["family"] == family]


def _slopes(rows: pd.DataFrame) -> pd.Series:
    return (
        rows[rows["quantity"] == "slope"]
        .drop_duplicates("estimator")
        .set_index("estimator")["estimate"]
    )


def _estimators(axes: Axes, rows: pd.DataFrame) -> None:
    slopes = rows[(rows["quantity"] == "slope") & rows["estimator"].isin(ESTIMATORS)]
    _downward(axes, Series(slopes, {"color": style.INK, "marker": "o"}), ESTIMATORS, "estimator")
    for y in heights(slopes[slopes["estimate"].isna()], list(ESTIMATORS), "estimator"):
        axes.text(0.03, y, "not defined", transform=axes.get_yaxis_transform(), va="center")
    for (null, label), line in zip(NULLS.items(), (":", "--")):
        value = _slopes(rows).get(null, np.nan)
        if not np.isnan(value):
            axes.axvline(value, color=style.INK, linewidth=1, linestyle=line, label=label)
    axes.axvline(0, color=style.QUIET, linewidth=0.7)
    axes.set_xlabel("sensitivity per dependence")


def _downward(axes: Axes, series: Series, names: dict[str, str], by: str) -> None:
    """Slopes with their intervals, a named line each, the first on top."""
    forest(axes, [series], list(names), by=by)
    axes.set_yticks(range(len(names)), list(names.values()))
    axes.set_ylim(len(names) - 0.5, -0.5)


def _without(axes: Axes, left: pd.DataFrame, rows: pd.DataFrame) -> None:
    known = style.task_names(left["task"])
    names = {str(task): known[str(task)] for task in left["task"]}
    _downward(axes, Series(left, style.DATA[0]), names, "task")
    whole = _slopes(rows).get("least_squares", np.nan)
    if not np.isnan(whole):
        axes.axvline(whole, color=style.QUIET, linewidth=0.9)
    axes.set_title("Slope without one task")
    axes.set_xlabel("least-squares slope")


def _cook(axes: Axes, cook: pd.DataFrame) -> None:
    at = np.arange(len(cook))
    axes.hlines(at, 0, cook["estimate"].fillna(0), color=style.DATA[0]["color"], linewidth=1.6)
    look: dict[str, Any] = {"marker": "^", "linestyle": "none", "clip_on": False}
    axes.plot(cook["estimate"], at, color=style.DATA[0]["color"], **look)
    count = max(len(cook), 1)
    axes.axvline(4 / count, color=style.QUIET, linewidth=0.9, linestyle=":")
    axes.set_yticks(at, [])
    axes.set_ylim(len(cook) - 0.5, -0.5)
    axes.set_xlim(0, max([1.15 * value for value in cook["estimate"].dropna()] + [5 / count]))
    axes.grid(axis="x")
    axes.set_title("Cook's distance")
    axes.set_xlabel("influence of a task")


def _foot(table: pd.DataFrame, among: list[str]) -> str:
    parts = []
    for family in among:
        own = table[table["family"] == family]
        tests = own[own["quantity"] == "covariance"].set_index("estimator")["p"]
        said = [
            f"{TESTS[k]} p = {tests[k]:.3f}" for k in TESTS if not np.isnan(tests.get(k, np.nan))
        ]
        name = f"{family}: " if len(among) > 1 else ""
        parts.append(
            f"{name}{style.n_text(_n(own))} tasks; tests of no relation: {', '.join(said)}"
        )
    text = "Bars are 95 % intervals over tasks; grey lines: the slope of all tasks, and 4/T."
    return "\n".join([*(f"{part}." for part in parts), text])


def _n(rows: pd.DataFrame) -> pd.Series:
    return rows.loc[rows["estimator"] == "least_squares", "n"]


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Slope of scaling sensitivity on visual dependence over in-domain tasks by every"
        " estimator: least squares as it stands, BCES"
        " with item noise taken out, its correction for few tasks, and the median slope between"
        " pairs (Theil–Sen). Vertical lines: the slope that item noise alone (dotted) and"
        " independent sizes that merely share the largest model (dashed) would give. Middle: the"
        " least-squares slope with one task left out (line: with all). Right: Cook's distance of"
        " that task, dotted at 4/T."
    )
