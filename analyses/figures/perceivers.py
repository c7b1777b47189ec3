"""Figure: accuracy by what the perception module was trained for, over its size and its data.

In: rows of analyses.methods. Out: a Figure, per family and reasoning mode a panel per mean over the
sizes of the perception module, a line per perceiver, the reasoning module at its largest (the
paper's Figure 5); and where a family says how many rows perceivers saw, the same over these.
Perceivers whose names differ in a number at the end (`extract500`, `extract2000`) are one training
on several amounts: a line over the rows for each size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analyses.columns import INSTRUCT
from analyses.figures.parts import style
from analyses.figures.parts.rows import TITLES, is_headline
from analyses.methods import ACCURACY
from analyses.table.scores import IN_DOMAIN, SHARED
from analyses.table.sizes import sizes_in_order

POINT = ["family", "thinking", "perceiver", "perception", "task"]
ROWS = ["family", "thinking"]
DASHES = ("-", "--", "-.", ":")
"""Of the lines over rows, by size."""


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Selects the means of the pairings with the largest reasoning size, a cell each."""
    if "perceiver" not in table:
        return table.iloc[:0]
    pairs = table["perception"].notna() & table["reasoning"].notna()
    rows = table[(table["quantity"] == ACCURACY) & pairs & table["group"].isna()]
    skipped = IN_DOMAIN if (rows["task"] == SHARED).any() else SHARED
    rows = rows[(is_headline(rows) | (rows["task"] == SHARED)) & (rows["task"] != skipped)]
    rows = rows.sort_values("domain", key=lambda domain: domain != IN_DOMAIN, kind="stable")
    most = rows.groupby("family")["reasoning_params"].transform("max")
    return rows[rows["reasoning_params"] == most].drop_duplicates(POINT).reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Draws rows of panels per family and mode: over sizes, then over rows seen in training."""
    if not len(table):
        return style.nothing("the study has no pairings of several perceivers")
    among, names = style.families(table), style.task_names(table["task"])
    table = table.assign(kind=table["perceiver"].str.replace(r"(?<=.)\d+$", "", regex=True))
    amounts = table.groupby(ROWS)[["perceiver", "kind"]].transform("nunique")
    table = table.assign(ladder=amounts["perceiver"] > amounts["kind"])
    kinds = {
        str(kind): style.TRAINED.get(str(kind), style.DATA[k % len(style.DATA)])
        | {"label": str(kind).replace("_", " ")}
        for k, kind in enumerate(sorted(table["kind"].unique(), key=INSTRUCT.__ne__))
    }
    bands = [
        (rows, over)
        for _, rows in table.groupby(ROWS, sort=False)
        for over in ("size", "samples")
        if (rows["samples"].notna().any() if over == "samples" else not rows["ladder"].any())
    ]
    tasks = list(table["task"].drop_duplicates())
    figure = style.new_figure(style.TWO_COLUMNS, 2.3 * len(bands) + 0.7)
    grid = figure.subplots(len(bands), len(tasks), squeeze=False, sharey="row")
    for line, (rows, over) in zip(grid, bands):
        for axes, task in zip(line, tasks):
            own = rows[rows["task"] == task]
            (_over_sizes if over == "size" else _over_samples)(axes, own, kinds)
            mode = TITLES[bool(rows["thinking"].iloc[0])]
            title = style.panel_title(str(rows["family"].iloc[0]), among, mode.capitalize())
            axes.set_title(f"{title}\n{names[str(task)]}, {style.n_text(own['n'])}")
            axes.grid(axis="y")
        line[0].set_ylabel("accuracy")
    handles = [Line2D([], [], **look) for look in kinds.values()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    style.footnote(figure, f"{style.n_text(table['n'])} items a point; {style.INTERVAL}.")
    return figure


def _over_sizes(axes: Axes, rows: pd.DataFrame, kinds: dict[str, dict[str, Any]]) -> None:
    sizes = sizes_in_order(rows, "perception", "perception_params")
    for k, (kind, look) in enumerate(kinds.items()):
        own = rows[rows["kind"] == kind].sort_values("perception_params", kind="stable")
        aside = 0.06 * (k - (len(kinds) - 1) / 2)
        style.over_sizes(axes, own, sizes, "perception", aside, **look)
    style.size_axis(axes, sizes, "size of the perception module")


def _over_samples(axes: Axes, rows: pd.DataFrame, kinds: dict[str, dict[str, Any]]) -> None:
    rows = rows[rows["samples"].notna()]
    seen = sorted(rows["samples"].unique())
    shown = [kind for kind in kinds if (rows["kind"] == kind).any()]
    sizes = sizes_in_order(rows, "perception", "perception_params")
    # Side by side where they saw as many rows: by kind, and by size within a kind.
    room = max(0.25 * np.log(seen[-1] / seen[0]), 0.16)
    room *= 0.3 if rows["ladder"].any() else 1.0
    room = min([room, *(0.7 * np.diff(np.log(seen)))])  # a point stands nearest to its own amount
    for k, kind in enumerate(shown):
        own = rows[rows["kind"] == kind].sort_values(
            ["perception_params", "samples"], kind="stable"
        )
        place = own["perception"].map({name: n / len(sizes) for n, name in enumerate(sizes)})
        aside = room * (k + 0.8 * place - (len(shown) - 1) / 2) / max(len(shown) - 1, 1)
        x = own["samples"] * np.exp(aside)
        for n, size in enumerate(sizes):
            one = (own["perception"] == size).to_numpy()
            part, look = own[one], kinds[kind] | {"linestyle": DASHES[n % len(DASHES)]}
            style.with_interval(axes, x[one], part["estimate"], part["low"], part["high"], **look)
        last = ~own.duplicated("perception", keep="last")
        for at, y, size in zip(x[last], own.loc[last, "high"], own.loc[last, "perception"]):
            axes.annotate(
                str(size), (at, y), xytext=(0, 2), textcoords="offset points", ha="center",
                fontsize=6.3,
            )  # fmt: skip
    axes.set_xscale("log")
    axes.margins(y=0.12)  # room for the names of sizes
    axes.set_xticks(seen, [style.params_text(count) for count in seen])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("rows that the perception module saw in training")


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Accuracy with perception modules trained to answer (instruct) or to describe, over their"
        " size and, where it is known, over the rows that they saw in training (named by size); the"
        " reasoning module at its largest."
    )
