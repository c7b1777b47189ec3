"""Rows of a panel: means, tasks and categories along y, bottom to top.

In: rows of a table with task, group, domain and average. Out: their order, and names along an axis.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from analyses.figures.parts import style
from analyses.table.scores import IN_DOMAIN

MODES = {False: "direct", True: "thinking"}
TITLES = {False: "direct answers", True: "answers after thinking"}


def entries_of(rows: pd.DataFrame) -> list[tuple[str, str | None]]:
    """What has a row in the panel, bottom to top: categories, outside tasks, tasks, the mean."""
    own = rows.drop_duplicates(["task", "group"])
    part = own["group"].notna()
    mean = own["average"] == "tasks"
    outside = (own["domain"] != IN_DOMAIN) & ~part & ~mean
    order = [mean & (own["task"] == IN_DOMAIN), ~part & ~mean & ~outside]
    order += [mean & (own["task"] != IN_DOMAIN), outside, part]
    top_down = pd.concat([own[mask] for mask in order])
    return keys_of(top_down)[::-1]


def keys_of(rows: pd.DataFrame) -> list[tuple[str, str | None]]:
    """The entry of each row."""
    pairs = zip(rows["task"], rows["group"])
    return [(str(task), None if pd.isna(group) else str(group)) for task, group in pairs]


def name_rows(axes: Axes, names: dict[str, str], entries: Sequence[tuple[str, str | None]]) -> None:
    """Names along y, and a rule between means, tasks and categories."""
    labels = [names.get(task, task) if group is None else f"· {group}" for task, group in entries]
    axes.set_yticks(range(len(entries)), labels)
    axes.set_ylim(-0.6, len(entries) - 0.4)
    for k, (entry, below) in enumerate(zip(entries[1:], entries)):
        if (entry[1] is None) != (below[1] is None) or IN_DOMAIN in (entry[0], below[0]):
            axes.axhline(k + 0.5, color=style.RULE, linewidth=0.7)
