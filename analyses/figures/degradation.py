"""Figure: what each task loses from the largest to the smallest model, and accuracy by size.

In: rows of analyses.degradation, end to end and blind. Out: a Figure, a row of panels per family.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analyses.figures.parts import style
from analyses.figures.parts.rows import Series, forest, heights, is_headline
from analyses.table.scores import IN_DOMAIN
from analyses.table.sizes import sizes_in_order

DROPS: dict[str, tuple[str, dict[str, Any]]] = {
    "drop": ("points of accuracy", {"marker": "o"}),
    "relative_drop": ("relative", {"marker": "s", "color": "#8c8c8c"}),
}
"""The two drops: name and look; the first has its data set's colour, of means a diamond."""
OPEN = {"markerfacecolor": "white"}
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "end_to_end": ("end to end", {}),
    "blind": ("blind", style.OPEN),
}


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Drops end to end of every task and mean; accuracies of the means, end to end and blind."""
    whole = table[table["group"].isna() & table["method"].isin(METHODS)]
    whole = whole[whole["task"] != "in_domain_shared"]
    drop = whole["quantity"].isin(DROPS) & (whole["method"] == "end_to_end")
    mean = (whole["quantity"] == "accuracy") & is_headline(whole)
    return whole[drop | mean].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Left: drop of each task with its interval, sorted. Right: accuracy against size."""
    drops = table[table["quantity"] == "drop"]
    every = table[table["quantity"].isin(DROPS)]
    if not len(drops):
        return style.nothing("the study has no end-to-end cells at two sizes")
    among = style.families(drops)
    height = sum(0.8 + 0.24 * (drops["family"] == family).sum() for family in among)
    figure = style.new_figure(style.TWO_COLUMNS, max(height, 2.2 * len(among)) + 0.65)
    grid = figure.subplots(len(among), 2, squeeze=False, width_ratios=[1.15, 1])
    for row, family in zip(grid, among):
        own = table[table["family"] == family]
        _drops(row[0], own[own["quantity"].isin(DROPS)], style.panel_title(family, among, ""))
        _accuracies(row[1], own[own["quantity"] == "accuracy"])
    handles, labels = grid[0, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, handlelength=3)
    plain: dict[str, Any] = {"color": style.DATA[0]["color"], "linestyle": "none"}
    kinds = [Line2D([], [], label=label, **plain | look) for label, look in DROPS.values()]
    figure.legend(handles=kinds, loc="outside upper left")
    text = f"{style.n_text(drops['n'])} items a point; diamonds: {_DIAMONDS};\n{style.INTERVAL}"
    text += " (not of relative drops)."
    style.footnote(figure, "\n".join([text, *_unbarred(every)]))
    return figure


_DIAMONDS = "means of tasks and tasks outside the training domain"


def _unbarred(drops: pd.DataFrame) -> list[str]:
    """What open markers and rows without a marker mean, a sentence each that applies."""
    missing = drops["estimate"].isna()
    bare = drops["low"].isna() & ~missing
    found = []
    for rows, what in ((drops[bare], "Open markers have no bar"), (drops[missing], "Not defined")):
        reasons = list(dict.fromkeys(rows["reason"].dropna()))
        if len(rows):
            found.append(f"{what}: {'; '.join(reasons) or 'no reason is recorded'}.")
    return found


def _drops(axes: Axes, both: pd.DataFrame, prefix: str) -> None:
    """Both drops of every task: sorted tasks between those outside the domain and the mean."""
    rows = both[both["quantity"] == "drop"]
    names = style.task_names(rows["task"])
    tasks = rows[~is_headline(rows)].sort_values("estimate", kind="stable")
    outside = rows[is_headline(rows) & (rows["task"] != IN_DOMAIN)]
    rows = pd.concat([outside, tasks, rows[rows["task"] == IN_DOMAIN]])
    entries = [str(task) for task in rows["task"]]
    mean = is_headline(rows).to_numpy()
    colours = style.of_data(both)
    points: list[Series] = []
    for shift, (quantity, (_, look)) in zip((0.14, -0.14), DROPS.items()):
        found = both[both["quantity"] == quantity]
        for task, part in found.groupby("task", sort=False):
            own = {"color": colours[str(task)]["color"]} | look
            if quantity == "drop" and is_headline(part).any():
                own["marker"] = "D"
            points += _series(part, own, shift)
            _undefined(axes, part, entries, own["color"], shift)
    forest(axes, points, entries, by="task", zero=True)
    for k in np.flatnonzero(mean[1:] != mean[:-1]):
        axes.axhline(k + 0.5, color=style.RULE, linewidth=0.7)
    axes.set_yticks(range(len(rows)), [names[str(task)] for task in rows["task"]])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    first = rows.iloc[0]
    axes.set_xlabel(f"lost from {first['large']} to {first['small']}")
    axes.set_title(f"{prefix}Drop end to end, by task")


def _series(rows: pd.DataFrame, look: dict[str, Any], shift: float) -> list[Series]:
    """Drops with their intervals, open where there is none."""
    bare = rows["low"].isna()
    alone = Series(rows[bare & rows["estimate"].notna()], look | OPEN, shift)
    return [Series(rows[~bare], look, shift), alone]


def _undefined(
    axes: Axes, rows: pd.DataFrame, entries: list[str], colour: str, shift: float
) -> None:
    """Words in place of each drop that is not defined."""
    small: dict[str, Any] = {"fontsize": 6, "color": colour, "va": "center", "ha": "right"}
    for height in heights(rows[rows["estimate"].isna()], entries, "task") + shift:
        axes.text(0.99, height, "not defined", transform=axes.get_yaxis_transform(), **small)


def _accuracies(axes: Axes, rows: pd.DataFrame) -> None:
    names, looks = style.task_names(rows["task"]), style.of_data(rows)
    sizes = sizes_in_order(rows, "size", "params")
    tasks = list(dict.fromkeys(rows["task"]))
    tasks = [t for t in tasks if t == IN_DOMAIN] + [t for t in tasks if t != IN_DOMAIN]
    series = [(task, method) for method in METHODS for task in tasks]
    shown = 0
    for task, method in series:
        part = rows[(rows["task"] == task) & (rows["method"] == method)]
        if not len(part):
            continue
        name, variant = METHODS[method]
        label = f"{names[str(task)]}, {name} ({style.n_text(part['n'])})"
        look = looks[str(task)] | variant | {"label": label}
        style.over_sizes(axes, part, sizes, "size", 0.05 * (shown - 1.5), **look)
        shown += 1
    style.size_axis(axes, sizes, "size of the language model")
    axes.set_ylim(0, 1)
    axes.set_ylabel("accuracy")
    axes.grid(axis="y")
    axes.set_title("Accuracy by size")
    axes.set_xticks(range(len(sizes)), style.size_labels(rows, "size", "params"))


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Left: accuracy of the largest end-to-end model minus that of the smallest, paired by item,"
        " for every task and mean, in points and (squares) relative to the largest model's"
        " accuracy. Right: accuracy by size, with the image and without."
    )
