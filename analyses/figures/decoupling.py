"""Figure: accuracy lost when only perception, or only reasoning, shrinks, by task and category.

In: rows of analyses.decoupling. Out: a Figure: a column of panels per reasoning mode (direct,
thinking), tasks above, categories below.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.decoupling import MEAN
from analyses.figures import style
from analyses.scores import IN_DOMAIN, SHARED

MODULES = {
    "perception_drop": ("only perception shrinks", style.PERCEPTION),
    "reasoning_drop": ("only reasoning shrinks", style.REASONING),
}
MODES = {False: "direct", True: "thinking"}
TITLES = {False: "Direct answers", True: "Answers after thinking"}


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Drops with the other module at its largest, and averaged over its sizes."""
    rows = table[table["quantity"].isin(MODULES) & (table["task"] != SHARED)]
    held = rows["at_largest"].astype(bool) | (rows["partner"] == MEAN)
    return rows[held].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Drop by module for each task and category; filled: other module largest, open: averaged."""
    if not len(table):
        return style.nothing("the study has no decoupled cells at two sizes of a module")
    among = style.families(table)
    modes = [mode for mode in MODES if (table["thinking"] == mode).any()]
    counts = [_entries(table[table["family"] == family]) for family in among]
    figure = style.new_figure(style.TWO_COLUMNS, sum(0.29 * len(c) + 0.75 for c in counts) + 0.5)
    grid = figure.subplots(
        len(among),
        len(modes),
        squeeze=False,
        sharey="row",
        sharex=True,
        height_ratios=[len(c) for c in counts],
    )
    for row, family, entries in zip(grid, among, counts):
        for axes, mode in zip(row, modes):
            own = table[(table["family"] == family) & (table["thinking"] == mode)]
            _panel(axes, own, entries)
            axes.set_title(style.panel_title(family, among, TITLES[mode]))
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=7.5)
    tasks = table[table["average"] != "tasks"]
    style.footnote(figure, f"{style.n_text(tasks['n'])} items a row; {style.INTERVAL}.")
    return figure


def _entries(rows: pd.DataFrame) -> list[tuple[str, str | None]]:
    """What has a row in the panel, bottom to top: categories, outside tasks, tasks, the mean."""
    own = rows.drop_duplicates(["task", "group"])
    part = own["group"].notna()
    mean = own["average"] == "tasks"
    outside = (own["domain"] != IN_DOMAIN) & ~part & ~mean
    order = [mean & (own["task"] == IN_DOMAIN), ~part & ~mean & ~outside]
    order += [mean & (own["task"] != IN_DOMAIN), outside, part]
    top_down = pd.concat([own[mask] for mask in order])
    pairs = zip(top_down["task"], top_down["group"])
    return [(str(t), None if pd.isna(g) else str(g)) for t, g in pairs][::-1]


def _panel(axes: Axes, rows: pd.DataFrame, entries: list[tuple[str, str | None]]) -> None:
    names = style.task_names(rows["task"])
    at = {entry: k for k, entry in enumerate(entries)}
    keys = [(str(t), None if pd.isna(g) else str(g)) for t, g in zip(rows["task"], rows["group"])]
    y = np.array([at[key] for key in keys], dtype=float)
    for k, (quantity, (label, look)) in enumerate(MODULES.items()):
        for averaged in (False, True):
            mask = (rows["quantity"] == quantity) & ((rows["partner"] == MEAN) == averaged)
            part, offset = rows[mask], 0.27 - 0.36 * k - 0.16 * averaged
            more = dict(look)
            more |= {"markersize": 3.2, "elinewidth": 0.7} if averaged else {}
            if averaged:
                more["markerfacecolor"] = "white"
            tail = "averaged over its sizes" if averaged else "at its largest"
            style.with_interval(
                axes,
                part["estimate"],
                y[mask.to_numpy()] + offset,
                part["low"],
                part["high"],
                upright=False,
                label=f"{label}, the other {tail}",
                **more,
            )
    labels = [_row_name(names, entry) for entry in entries]
    axes.set_yticks(range(len(entries)), labels)
    axes.set_ylim(-0.6, len(entries) - 0.4)
    axes.axvline(0, color=style.QUIET, linewidth=0.7)
    for k, (entry, below) in enumerate(zip(entries[1:], entries)):
        if (entry[1] is None) != (below[1] is None) or IN_DOMAIN in (entry[0], below[0]):
            axes.axhline(k + 0.5, color=style.RULE, linewidth=0.7)
    axes.grid(axis="x")
    axes.set_xlabel("accuracy lost, largest to smallest")


def _row_name(names: dict[str, str], entry: tuple[str, str | None]) -> str:
    task, group = entry
    return names.get(task, task) if group is None else f"· {group}"


def caption(table: pd.DataFrame) -> str:
    """What is drawn, n and the interval."""
    tasks = table[table["average"] != "tasks"]
    return (
        "Accuracy lost when only the perception module shrinks from the largest to the smallest"
        " size, and when only the reasoning module does, for every task and category"
        f" ({style.n_text(tasks['n'])} items a row). Filled: the other module at its largest size,"
        " as in the paper; open: averaged over the sizes of the other module. Bars are 95 % paired"
        " cluster-bootstrap intervals over images."
    )
