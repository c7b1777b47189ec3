"""Figure: what a decade of each module's parameters does to the odds of a right answer.

In: rows of analyses.marginal. Out: a Figure: per family the slopes of the model (a point per domain
and reasoning mode), and the level of every task and category at the middle sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.figures.parts import style
from analyses.figures.parts.rows import MODES, Entry, Series, entries_of, forest
from analyses.marginal import DIFFERENCE, LEVEL, SLOPES
from analyses.table.scores import IN_DOMAIN

ROWS = {
    SLOPES[0]: "perception",
    SLOPES[1]: "reasoning",
    SLOPES[2]: "interaction",
    DIFFERENCE: "perception\nless reasoning",
}
"""Quantity -> its name, top to bottom."""
BARS = "bars are 95 % t intervals of a robust covariance clustered by image"


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Selects every slope and level."""
    return table[table["quantity"].isin((*ROWS, LEVEL))].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Draws a row of two panels per family: slopes, levels."""
    if not len(table):
        return style.nothing("the study has no decoupled cells at two sizes of both modules")
    if not table["estimate"].notna().any():
        return style.nothing(str(table["reason"].iloc[0]))
    among = style.families(table)
    blocks = [table[table["family"] == family] for family in among]
    fits = [_fits(rows) for rows in blocks]
    entries = [_entries(rows) for rows in blocks]
    heights = [
        max(0.19 * len(own) + 0.75, 0.5 * len(ROWS) + 0.9) + 0.18 * len(each)
        for own, each in zip(entries, fits)
    ]
    figure, parts = style.bands(heights, 0.45)
    for part, rows, own, each, family in zip(parts, blocks, entries, fits, among):
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


Fits = list[tuple[str, bool]]


def _fits(rows: pd.DataFrame) -> Fits:
    """Domain and reasoning mode of each fit, in order of appearance, in-domain first."""
    slopes = rows[rows["quantity"] != LEVEL].drop_duplicates(["domain", "thinking"])
    own = [(str(d), bool(t)) for d, t in zip(slopes["domain"], slopes["thinking"])]
    return sorted(own, key=lambda pair: (pair[0] != IN_DOMAIN, pair[0]))


def _look(domain: str, thinking: bool) -> dict[str, Any]:
    """Colour and marker of the data; open with thinking."""
    look = style.DATA[domain != IN_DOMAIN] | (style.OPEN if thinking else {})
    return look | {"linestyle": "none"}


def _slopes(axes: Axes, rows: pd.DataFrame, fits: Fits) -> None:
    """Each coefficient of every fit, side by side."""
    step = 0.72 / max(len(fits), 1)
    series = []
    for k, (domain, thinking) in enumerate(fits):
        own = (rows["domain"] == domain) & (rows["thinking"].astype(bool) == thinking)
        part = rows[own & (rows["quantity"] != LEVEL)]
        where = "in domain" if domain == IN_DOMAIN else domain.replace("_", " ")
        label = f"{where}, {MODES[thinking]} ({style.n_text(part['items'])})"
        look = _look(domain, thinking) | {"label": label}
        series.append(Series(part, look, step * ((len(fits) - 1) / 2 - k)))
    forest(axes, series, list(ROWS)[::-1], by="quantity", zero=True, ticks=5)
    for k in range(len(ROWS) - 1):
        axes.axhline(k + 0.5, color=style.RULE, linewidth=0.7)
    axes.set_yticks(range(len(ROWS)), list(ROWS.values())[::-1])
    axes.set_ylim(-0.55, len(ROWS) - 0.45)
    axes.set_xlabel("log-odds per decade of parameters\n(interaction: per decade of both)")


def _entries(rows: pd.DataFrame) -> list[Entry]:
    return entries_of(_with_average(rows[rows["quantity"] == LEVEL]))


def _with_average(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as `entries_of` takes them: no level is a mean of tasks."""
    return rows.assign(average="items")


def _levels(axes: Axes, rows: pd.DataFrame, entries: Sequence[Entry]) -> None:
    """The level of every task and category, in both modes."""
    levels = rows[rows["quantity"] == LEVEL]
    modes = [mode for mode in MODES if (levels["thinking"].astype(bool) == mode).any()]
    series = []
    for k, mode in enumerate(modes):
        part = levels[levels["thinking"].astype(bool) == mode]
        inside = part["domain"] == IN_DOMAIN
        for own, domain in ((inside, IN_DOMAIN), (~inside, "out_of_domain")):
            series.append(Series(part[own], _look(domain, mode), 0.3 * ((len(modes) - 1) / 2 - k)))
    names = style.task_names(levels["task"])
    forest(axes, series, entries, zero=True, names=names, ticks=5)
    lines = [names.get(task, task) + (f" · {group}" if group else "") for task, group in entries]
    axes.set_yticks(range(len(entries)), lines)  # the task of a category has no level to name it
    axes.set_xlabel("log-odds of a right answer\n(0: as often right as wrong)")


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Binomial marginal model of the grid of pairings (generalized estimating equations). Left:"
        " change of the log-odds of a right answer per decade of a module's"
        " parameters with the other module at its middle size, their interaction, and which"
        " module's decade is worth more. Right: log-odds of each task and category with both"
        " modules at their middle size (geometric mean of the sizes)."
    )
