"""Figure: every item at every size, sorted by the size from which on it is solved.

In: rows of analyses.quanta of the first ladder that the study has (end to end where there is one).
Out: a Figure; per family a map of items by sizes for each task and category, the shares of items
that emerge at each size, and how much of what a smaller size solves the larger ones solve.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch

from analyses.figures.parts import style
from analyses.figures.parts.rows import Series, forest, is_headline, name_part, parts_of
from analyses.stats.arrays import Ints
from analyses.table.scores import IN_DOMAIN, SHARED
from analyses.table.sizes import sizes_in_order

NEVER = "never"
LADDERS = (
    ("end_to_end", "perception", "end to end"),
    ("oracle", "reasoning", "gold descriptions"),
    ("decoupled", "perception", "perception, described for the largest reasoner"),
    ("decoupled", "reasoning", "reasoning, described by the largest perceiver"),
)
"""Method, module that varies, name; the first that the study has is drawn."""
STATES = (
    ("wrong, not yet solved", "#ededed"),
    ("right before its size", "#9ecae1"),
    ("right from its size on", "#3b6ea5"),
    ("wrong after its size", "#7d7d7d"),
)
ACROSS = 8


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Selects the first ladder of each family: all but its single pairs of sizes."""
    table = table[table["task"] != SHARED]
    parts = [table.iloc[:0]]
    for _, own in table.groupby("family", sort=False):
        for method, axis, _ in LADDERS:
            rows = own[(own["method"] == method) & (own["axis"] == axis)]
            if len(rows):
                parts.append(rows[rows["thinking"] == rows["thinking"].min()])
                break
    chosen = pd.concat(parts)
    pair = (chosen["quantity"] == "kept") & chosen["larger"].notna()
    return chosen[~pair].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Above: the maps. Below left: shares by size. Below right: what is kept, by task."""
    if not len(table):
        return style.nothing("the study has no two cells that differ in the size of one module")
    among = style.families(table[_of(table, "pattern")])
    if not among:
        return style.nothing("no item has a score at every size")
    maps = {family: _maps(table[table["family"] == family]) for family in among}
    kept = {f: _headline(table[(table["family"] == f) & _of(table, "kept")]) for f in among}
    heights = [
        h
        for f in among
        for h in (0.75 + 1.55 * math.ceil(len(maps[f]) / ACROSS), 0.9 + 0.19 * max(len(kept[f]), 8))
    ]
    figure, parts = style.bands(heights, 0.3)
    for k, family in enumerate(among):
        own = table[table["family"] == family]
        above, below = parts[2 * k : 2 * k + 2]
        title = f"Items by size, {_name(own)}"
        style.band_title(above, style.panel_title(family, among, title))
        _draw_maps(above, maps[family])
        left, right = below.subplots(1, 2, width_ratios=[1.2, 1])
        _shares(left, own[own["quantity"].isin(["emerges", NEVER])])
        _nested(right, kept[family])
    style.footnote(
        figure,
        f"Above, {_n(table)} items a map, sorted by the size that solves them; below,"
        f" {_n_below(table)} items a point; {style.BOOTSTRAP}.",
    )
    return figure


def _of(table: pd.DataFrame, quantity: str) -> pd.Series:
    return table["quantity"] == quantity


def _name(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    named = {(method, axis): name for method, axis, name in LADDERS}
    thinking = ", with thinking" if bool(first["thinking"]) else ""
    return named[str(first["method"]), str(first["axis"])] + thinking


def _n(table: pd.DataFrame) -> str:
    maps = [part for _, own in table.groupby("family", sort=False) for part in _maps(own)]
    return style.n_text(part["n"].iloc[0] for part in maps)


def _n_below(table: pd.DataFrame) -> str:
    """Items behind a point of the lower panels: tasks, and the means of them."""
    return style.n_text(_headline(table[table["quantity"].isin(["kept", "emerges", NEVER])])["n"])


def _maps(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Patterns of every task whose items are averaged, and of categories outside the domain."""
    rows = rows[_of(rows, "pattern")]
    whole = rows["group"].isna() & (rows["average"] == "items")
    rows = rows[whole | (rows["group"].notna() & (rows["domain"] != IN_DOMAIN))]
    return parts_of(rows)


def states(rows: pd.DataFrame, sizes: list[str]) -> Ints:
    """Gives (items, sizes): a number of STATES, items sorted by step, then by pattern."""
    order = [*sizes, NEVER]
    lines = []
    for row in rows.to_dict("records"):
        right = np.array([float(part) > 0.5 for part in str(row["pattern"]).split("|")])
        step = order.index(str(row["size"]))
        state = np.where(np.arange(len(sizes)) >= step, np.where(right, 2, 3), right)
        count = round(float(row["estimate"]) * int(row["n"]))
        lines += [(step, tuple(-state[::-1]), state)] * count
    lines.sort(key=lambda line: line[:2])
    return np.array([state for _, _, state in lines], dtype=np.int64)


def _draw_maps(figure: SubFigure, parts: list[pd.DataFrame]) -> None:
    grid, _ = style.multiples(figure, len(parts), ACROSS, sharex=True)
    names = style.task_names(part["task"].iloc[0] for part in parts)
    colours = ListedColormap([colour for _, colour in STATES])
    for axes, part in zip(grid, parts):
        sizes = _sizes(part)
        picture = states(part, sizes)
        axes.imshow(picture, cmap=colours, vmin=-0.5, vmax=3.5, aspect="auto", interpolation="none")
        name_part(axes, part, names, 14)
        axes.set_xticks(range(len(sizes)), sizes, fontsize=6.5 if len(sizes) < 5 else 5.5)
        axes.set_yticks([])
        axes.tick_params(length=0)
        axes.set_xticks(np.arange(len(sizes) - 1) + 0.5, minor=True)
        axes.grid(axis="x", which="minor", color="white", linewidth=0.8)
        axes.tick_params(which="minor", length=0)
    grid[0].set_ylabel("items", fontsize=7)
    handles = [Patch(facecolor=colour, label=name) for name, colour in STATES]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=6.5)


def _sizes(rows: pd.DataFrame) -> list[str]:
    """The sizes of a ladder, from the labels that `select` keeps in the pattern rows."""
    return str(rows["sizes"].iloc[0]).split("|")


def _headline(rows: pd.DataFrame) -> pd.DataFrame:
    """Whole tasks and means, in-domain tasks first, the means last."""
    rows = rows[rows["group"].isna()]
    rank = np.where(rows["task"] == IN_DOMAIN, 2, (rows["domain"] != IN_DOMAIN).astype(int))
    return rows.iloc[np.argsort(-rank, kind="stable")]


def _shares(axes: Axes, rows: pd.DataFrame) -> None:
    """Share of items that emerge at each size and never; hollow: guessing alone."""
    rows = _headline(rows)
    rows = rows[is_headline(rows)]
    names = style.task_names(rows["task"])
    sizes = [*sizes_in_order(rows, "size", "params"), NEVER]
    tasks = list(dict.fromkeys(rows["task"]))
    looks = style.of_data(rows)
    for k, task in enumerate(tasks):
        part = rows[rows["task"] == task]
        part = part.assign(size=part["size"].where(part["quantity"] != NEVER, NEVER))
        look = looks[str(task)] | {"linestyle": "none"}
        look |= {"label": f"{names[str(task)]} ({style.n_text(part['n'])})"}
        x = style.over_sizes(axes, part, sizes, "size", 0.16 * (k - (len(tasks) - 1) / 2), **look)
        guess = "guessing alone" if k == len(tasks) - 1 else None
        axes.plot(x, part["chance"], "_", color=style.INK, markersize=7, label=guess)
    style.size_axis(axes, sizes, "size from which on an item is solved")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("share of items")
    axes.set_title("Items by the size that solves them", pad=15)
    axes.grid(axis="y")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.3 * (high - low))
    axes.legend(loc="upper left", fontsize=6.5)


def _nested(axes: Axes, rows: pd.DataFrame) -> None:
    """Share kept with its interval, beside both references."""
    names = style.task_names(rows["task"])
    y, tasks = np.arange(len(rows)), [str(task) for task in rows["task"]]
    looks = style.of_data(rows)
    found: list[Series] = []
    for task, part in rows.groupby("task", sort=False):
        named = {} if found else {"label": "found"}
        found.append(Series(part, looks[str(task)] | named))
    forest(axes, found, tasks, by="task")
    axes.plot(rows["unrelated"], y, "|", color=style.INK, markersize=9, label="if unrelated")
    axes.plot(
        rows["nested"], y, "d", mfc="none", color=style.INK, ms=5, label="if nested, rest guessed"
    )
    axes.set_yticks(y, [names[task] for task in tasks], fontsize=6.5)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlim(right=1.03)
    axes.set_xlabel("share of a size's right answers\nthat larger sizes keep")
    axes.set_title("Right answers that larger sizes keep", pad=15)
    look: dict[str, Any] = {"fontsize": 6, "columnspacing": 1, "handletextpad": 0.3}
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.985), borderaxespad=0.0, ncols=3, **look)


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Every item of each task and category at every size, sorted by"
        " the size from which on it is solved, the best step over sizes: dark where right from"
        " that size on, light where right before it, grey where wrong after it. Below, left: share"
        " of the items that emerge at each size or never, and what guessing alone would give."
        " Right: of what a smaller size solves, the share that larger ones solve, over all pairs"
        " of sizes; beside it what sizes as accurate that solve unrelated items would keep, and"
        " perfectly nested knowledge with the rest guessed."
    )
