"""Rows of a panel: means, tasks and categories along y, bottom to top.

In: rows of a table with task, group, domain and average. Out: their order, names along an axis, and
`forest`: points with intervals, a row for each.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analyses.figures.parts import style
from analyses.stats.arrays import Floats
from analyses.table.scores import IN_DOMAIN

Entry = tuple[str, str | None]
"""Task or mean, and category: what has a row."""
MODES = {False: "direct", True: "thinking"}
TITLES = {False: "direct answers", True: "answers after thinking"}


def entries_of(rows: pd.DataFrame) -> list[Entry]:
    """Lists what has a row, bottom to top: categories, outside tasks, tasks, the mean."""
    own = rows.drop_duplicates(["task", "group"])
    part = own["group"].notna()
    mean = own["average"] == "tasks"
    outside = (own["domain"] != IN_DOMAIN) & ~part & ~mean
    order = [mean & (own["task"] == IN_DOMAIN), ~part & ~mean & ~outside]
    order += [mean & (own["task"] != IN_DOMAIN), outside, part]
    top_down = pd.concat([own[mask] for mask in order])
    return keys_of(top_down)[::-1]


def is_headline(rows: pd.DataFrame) -> pd.Series:
    """Whether each row is of the in-domain mean or of what lies outside the domain."""
    return (rows["task"] == IN_DOMAIN) | (rows["domain"] != IN_DOMAIN)


def parts_of(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Splits the rows by task and category, in order of appearance."""
    return [part for _, part in rows.groupby(["task", "group"], sort=False, dropna=False)]


def name_part(
    axes: Axes, part: pd.DataFrame, names: dict[str, str], width: int, n: str = ""
) -> None:
    """Titles a small panel: its category or else its task, with `n`, in lines of a width."""
    task, group = part["task"].iloc[0], part["group"].iloc[0]
    name = names[str(task)] if pd.isna(group) else str(group)
    axes.set_title(textwrap.fill(name + n, width), fontsize=6.5, fontweight="normal")


def keys_of(rows: pd.DataFrame) -> list[Entry]:
    """Gives the entry of each row."""
    pairs = zip(rows["task"], rows["group"])
    return [(str(task), None if pd.isna(group) else str(group)) for task, group in pairs]


def name_rows(axes: Axes, names: dict[str, str], entries: Sequence[Entry]) -> None:
    """Writes names along y, and a rule between means, tasks and categories."""
    labels = [names.get(task, task) if group is None else f"· {group}" for task, group in entries]
    axes.set_yticks(range(len(entries)), labels)
    axes.set_ylim(-0.6, len(entries) - 0.4)
    for k, (entry, below) in enumerate(zip(entries[1:], entries)):
        if (entry[1] is None) != (below[1] is None) or IN_DOMAIN in (entry[0], below[0]):
            axes.axhline(k + 0.5, color=style.RULE, linewidth=0.7)


@dataclass(frozen=True)
class Series:
    """Rows of one look in a forest."""

    rows: pd.DataFrame
    look: dict[str, Any]
    above: float = 0.0
    """How far above the height of their entry they stand."""
    columns: tuple[str, str, str] = ("estimate", "low", "high")
    """Of the points and of both ends."""


def heights(rows: pd.DataFrame, entries: Sequence[object], by: str | None = None) -> Floats:
    """Gives the number of each row's entry: its task and category, or what stands in the column
    `by`."""
    at = {entry: k for k, entry in enumerate(entries)}
    keys = keys_of(rows) if by is None else rows[by].astype(str)
    return np.array([at[key] for key in keys], dtype=np.float64)


def forest(
    axes: Axes,
    series: Iterable[Series],
    entries: Sequence[Any],
    *,
    by: str | None = None,
    zero: bool = False,
    names: dict[str, str] | None = None,
    ticks: int | None = None,
) -> None:
    """Draws points with intervals along x, the first entry at height 0, the next at 1.

    `by`: column that names the entry, where that is not a task and category. `zero`: a line at 0.
    `names`: of the tasks, written along y. `ticks`: at most so many along x and none along y, where
    the panel is narrow.
    """
    for each in series:
        x, low, high = (each.rows[name] for name in each.columns)
        y = heights(each.rows, entries, by) + each.above
        style.with_interval(axes, x, y, low, high, upright=False, **each.look)
    if zero:
        axes.axvline(0, color=style.QUIET, linewidth=0.7)
    if names is not None:
        name_rows(axes, names, entries)
    if ticks is not None:
        axes.locator_params(axis="x", nbins=ticks)
        axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
