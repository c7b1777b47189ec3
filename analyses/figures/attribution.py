"""Figure: what mends the lost items, beside what guessing would mend, and the bottleneck.

In: rows of analyses.attribution. Out: a Figure: a band of panels per family and reasoning mode, a
row per task and category: stacked shares of the lost items, each share with its interval and what
guessing gives, and the solved items that the largest pairing misses over those that guessing would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analyses.attribution import BOTTLENECK_LARGEST, GUESSED
from analyses.figures.parts import style
from analyses.figures.parts.rows import (
    TITLES,
    Entry,
    Series,
    entries_of,
    forest,
    heights,
    name_rows,
)
from analyses.stats.mending import EITHER, LOST, ONLY_BOTH, PERCEPTION, REASONING
from analyses.table.scores import SHARED

LOOK: dict[str, tuple[str, dict[str, Any]]] = {
    PERCEPTION: ("perception\nalone", {"color": style.BLUE, "marker": "o"}),
    EITHER: ("either\nalone", {"color": style.PURPLE, "marker": "^"}),
    REASONING: ("reasoning\nalone", {"color": style.ORANGE, "marker": "s"}),
    ONLY_BOTH: ("only both\ntogether", {"color": "#9a9a9a", "marker": "D"}),
}
"""What mends the item: its name and look. What either module mends stands between the two."""
HATCH = {EITHER: "\\\\\\\\", ONLY_BOTH: "////"}
NULL: dict[str, Any] = {"color": style.INK, "linewidth": 1.3}
MARK: dict[str, Any] = {"color": style.INK, "marker": "|", "markersize": 8, "linestyle": "none"}
SMALL: dict[str, Any] = {"markersize": 2.6}
FEWEST = 5
"""Lost items from which on their shares are drawn."""
ADJUSTED = ("adjusted", "adjusted_low", "adjusted_high")


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Lost items, the classes, the bottleneck of the largest pairing and what was guessed."""
    wanted = (LOST, *LOOK, BOTTLENECK_LARGEST, GUESSED)
    rows = table[table["quantity"].isin(wanted) & (table["task"] != SHARED)]
    return rows.reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Draws a band per family and reasoning mode."""
    if not len(table):
        return style.nothing("the study has no decoupled cells at two sizes of both modules")
    among = style.families(table)
    bands = [_known(rows) for _, rows in table.groupby(["family", "thinking"], sort=False)]
    entries = [entries_of(rows) for rows in bands]
    heights = [0.2 * len(own) + 0.95 for own in entries]
    figure, parts = style.bands(heights, 0.5)
    for part, rows, own in zip(parts, bands, entries):
        title = f"Lost items by what mends them, {TITLES[bool(rows['thinking'].iloc[0])]}"
        style.band_title(part, style.panel_title(str(rows["family"].iloc[0]), among, title))
        grid = part.subplots(1, 2 + len(LOOK), sharey=True, width_ratios=[1.9, *[1] * len(LOOK), 1])
        _band(list(grid), rows, own)
    handles: list[Artist] = [
        Patch(
            facecolor=look["color"],
            hatch=HATCH.get(name),
            edgecolor="white",
            label=title.replace("\n", " "),
        )
        for name, (title, look) in LOOK.items()
    ]
    handles.append(Line2D([], [], label="guessing or trying again alone", **MARK))
    figure.legend(handles=handles, loc="outside upper right", ncols=5, fontsize=6.8)
    style.footnote(
        figure,
        f"{style.n_text(table['n'])} items a row, the number lost stands at its bar; shares of"
        f" fewer than {FEWEST} are not drawn; {style.BOOTSTRAP}.",
    )
    return figure


def _known(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, the shares of too few lost items left open."""
    few = rows["quantity"].isin(LOOK) & (rows["base"].fillna(0) < FEWEST)
    ends = ["estimate", "low", "high", "reference"]
    return rows.assign(**{name: rows[name].mask(few) for name in ends})


def _band(grid: Sequence[Axes], rows: pd.DataFrame, entries: list[Entry]) -> None:
    _stack(grid[0], rows, heights(rows, entries))
    name_rows(grid[0], style.task_names(rows["task"]), entries)
    grid[0].set_title("shares of the lost items", **_small())
    for axes, (name, (title, look)) in zip(grid[1:], LOOK.items()):
        own = rows[rows["quantity"] == name]
        forest(axes, [Series(own, SMALL | look)], entries)
        _marks(axes, own["reference"], heights(own, entries))
        axes.set_title(f"mended by\n{title}".replace("by\nonly", "only\nby"), **_small())
    missed, last = rows[rows["quantity"] == BOTTLENECK_LARGEST], grid[-1]
    look = SMALL | {"color": style.INK, "marker": "v"}
    forest(last, [Series(missed, look, columns=ADJUSTED)], entries)
    guessed = rows[rows["quantity"] == GUESSED]
    _marks(last, guessed["estimate"], heights(guessed, entries))
    last.set_title("missed by the\nlargest pair,\nover guessing", **_small())
    for axes in grid[1:]:
        low, high = axes.dataLim.intervalx  # marks at the end are drawn whole
        axes.set_xlim(min(-0.05, low - 0.05), max(1.05, high + 0.08))
        axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
        axes.tick_params(axis="y", length=0)


def _small() -> dict[str, Any]:
    return {"fontsize": 6.8, "fontweight": "normal", "loc": "left"}


def _stack(axes: Axes, rows: pd.DataFrame, y: np.ndarray) -> None:
    """Stacked shares; the number of lost items at the right end."""
    left = np.zeros(int(y.max(initial=0)) + 1)
    for name in LOOK:
        own = (rows["quantity"] == name).to_numpy()
        place, width = y[own].astype(int), rows[own]["estimate"].fillna(0).to_numpy()
        colour = LOOK[name][1]["color"]
        axes.barh(
            place,
            width,
            left=left[place],
            height=0.62,
            color=colour,
            edgecolor="white",
            linewidth=0.5,
            hatch=HATCH.get(name),
        )
        left[place] += width
    lost = (rows["quantity"] == LOST).to_numpy()
    share = rows[rows["quantity"] == ONLY_BOTH].set_index(y[(rows["quantity"] == ONLY_BOTH)])
    for place in y[lost]:
        count = share["base"].get(place, np.nan)
        axes.text(1.03, place, f"{count:,.0f}", va="center", fontsize=6, color=style.QUIET)
    axes.set_xlim(0, 1.25)
    axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])


def _marks(axes: Axes, x: pd.Series, y: np.ndarray) -> None:
    """What guessing alone gives, as upright marks over the row."""
    axes.vlines(x, y - 0.36, y + 0.36, **NULL, zorder=3)


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Of the items that the smallest pairing gets wrong and the largest right, the shares that"
        " larger perception alone mends, larger reasoning alone, either of them, or only both"
        " together; upright marks: what guessing or trying again would give by itself. Last"
        " column: of the items that the largest model solves end to end, those that the largest"
        " pairing misses over those that guessing would miss (1: it knows none; above 1: it misses"
        " more than guessing); mark: the share that the end-to-end model itself guessed."
    )
