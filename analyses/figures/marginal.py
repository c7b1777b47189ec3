"""Figure: what a decade of each module's parameters does to the odds of a right answer.

In: rows of analyses.marginal. Out: a Figure: per family the slopes of the model (a point per domain
and reasoning mode), and the level of every task and category at the middle sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.figures.parts import style
from analyses.figures.parts.rows import MODES, entries_of, keys_of, name_rows
from analyses.marginal import DIFFERENCE, LEVEL, SLOPES
from analyses.table.scores import IN_DOMAIN

ROWS = {
    SLOPES[0]: "perception",
    SLOPES[1]: "reasoning",
    SLOPES[2]: "interaction",
    DIFFERENCE: "perception\nless reasoning",
}
"""Quantity -> its name, top to bottom."""
BARS = "bars are 95 % intervals of a robust covariance clustered by image"


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Every slope and level."""
    return table[table["quantity"].isin((*ROWS, LEVEL))].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """A row of two panels per family: slopes, levels."""
    if not len(table):
        return style.nothing("the study has no decoupled cells at two sizes of both modules")
    if not table["estimate"].notna().any():
        return style.nothing(str(table["reason"].iloc[0]))
    among = style.families(table)
    blocks = [table[table["family"] == family] for family in among]
    series = [_series(rows) for rows in blocks]
    entries = [_entries(rows) for rows in blocks]
    heights = [
        max(0.19 * len(own) + 0.75, 0.5 * len(ROWS) + 0.9) + 0.18 * len(each)
        for own, each in zip(entries, series)
    ]
    figure = style.new_figure(style.TWO_COLUMNS, sum(heights) + 0.45)
    parts = figure.subfigures(len(blocks), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, rows, own, each, family in zip(parts, blocks, entries, series, among):
        left, right = part.subplots(1, 2, width_ratios=[1, 0.85])
        _slopes(left, rows, each)
        _levels(right, rows, own)
        left.set_title(style.panel_title(family, among, "Slopes of the log-odds"))
        right.set_title("Level at the middle sizes")
        part.legend(
            *left.get_legend_handles_labels(), loc="outside upper left", ncols=2, fontsize=7
        )
    slopes = table[table["quantity"] != LEVEL]
    answers = style.range_text(slopes["n"])
    style.footnote(
        figure,
        f"{style.n_text(slopes['items'])} items ({answers} answers) a slope; {BARS}. A"
        " level that is missing is infinite or has no answer; the CSV says which.",
    )
    return figure


Series = list[tuple[str, bool]]


def _series(rows: pd.DataFrame) -> Series:
    """Domain and reasoning mode of each fit, in order of appearance, in-domain first."""
    slopes = rows[rows["quantity"] != LEVEL].drop_duplicates(["domain", "thinking"])
    own = [(str(d), bool(t)) for d, t in zip(slopes["domain"], slopes["thinking"])]
    return sorted(own, key=lambda pair: (pair[0] != IN_DOMAIN, pair[0]))


def _look(domain: str, thinking: bool) -> dict[str, Any]:
    """Colour by reasoning mode, marker by domain and mode; open outside the domain."""
    colour = style.ORANGE if thinking else style.BLUE
    look = {"color": colour, "marker": "s" if thinking else "o"}
    return look if domain == IN_DOMAIN else look | {"markerfacecolor": "white"}


def _slopes(axes: Axes, rows: pd.DataFrame, series: Series) -> None:
    """Each coefficient of every fit, side by side."""
    names = list(ROWS)
    step = 0.72 / max(len(series), 1)
    for k, (domain, thinking) in enumerate(series):
        own = (rows["domain"] == domain) & (rows["thinking"].astype(bool) == thinking)
        own &= rows["quantity"] != LEVEL
        part = rows[own]
        y = np.array([-names.index(str(name)) for name in part["quantity"]], dtype=np.float64)
        y += step * ((len(series) - 1) / 2 - k)
        where = "in domain" if domain == IN_DOMAIN else domain.replace("_", " ")
        label = f"{where}, {MODES[thinking]} ({style.n_text(part['items'])})"
        ends = part["estimate"], y, part["low"], part["high"]
        style.with_interval(axes, *ends, upright=False, label=label, **_look(domain, thinking))
    axes.axvline(0, color=style.QUIET, linewidth=0.7)
    for k in range(len(names) - 1):
        axes.axhline(-k - 0.5, color=style.RULE, linewidth=0.7)
    axes.set_yticks([-k for k in range(len(names))], list(ROWS.values()))
    axes.set_ylim(-len(names) + 0.45, 0.55)
    axes.set_xlabel("log-odds per decade of parameters\n(interaction: per decade of both)")
    _finish(axes)


def _entries(rows: pd.DataFrame) -> list[tuple[str, str | None]]:
    return entries_of(_with_average(rows[rows["quantity"] == LEVEL]))


def _with_average(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as `entries_of` takes them: no level is a mean of tasks."""
    return rows.assign(average="items")


def _levels(axes: Axes, rows: pd.DataFrame, entries: Sequence[tuple[str, str | None]]) -> None:
    """The level of every task and category, in both modes."""
    levels = rows[rows["quantity"] == LEVEL]
    at = {entry: k for k, entry in enumerate(entries)}
    modes = [mode for mode in MODES if (levels["thinking"].astype(bool) == mode).any()]
    for k, mode in enumerate(modes):
        part = levels[levels["thinking"].astype(bool) == mode]
        y = np.array([at[key] for key in keys_of(part)], dtype=np.float64)
        y += 0.3 * ((len(modes) - 1) / 2 - k)
        for inside in (True, False):
            own = ((part["domain"] == IN_DOMAIN) == inside).to_numpy()
            look = _look(IN_DOMAIN if inside else "", mode)
            ends = part["estimate"][own], y[own], part["low"][own], part["high"][own]
            style.with_interval(axes, *ends, upright=False, **look)
    axes.axvline(0, color=style.QUIET, linewidth=0.7)
    names = style.task_names(levels["task"])
    name_rows(axes, names, entries)
    lines = [names.get(task, task) + (f" · {group}" if group else "") for task, group in entries]
    axes.set_yticks(range(len(entries)), lines)  # the task of a category has no level to name it
    axes.set_xlabel("log-odds of a right answer\n(0: as often right as wrong)")
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)


def caption(table: pd.DataFrame) -> str:
    """What is drawn, n and the interval."""
    slopes = table[table["quantity"] != LEVEL]
    answers = style.range_text(slopes["n"])
    return (
        "Binomial marginal model of the grid of pairings (generalized estimating equations,"
        f" clustered by image; {style.n_text(slopes['items'])} items and {answers} answers"
        " a fit). Left: change of the log-odds of a right answer per decade of a module's"
        " parameters with the other module at its middle size, their interaction, and which"
        " module's decade is worth more. Right: log-odds of each task and category with both"
        " modules at their middle size (geometric mean of the sizes); filled in domain, open"
        " outside. Bars are 95 % t intervals of the robust covariance clustered by image."
    )
