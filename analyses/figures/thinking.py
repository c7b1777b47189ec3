"""Figure: what thinking gains at each reasoning size, with the tests of an inverted U.

In: rows of analyses.thinking. Out: a Figure; per family a row of panels of the means by method
(the tests stand below), a row of the shares of answers that could not be read and, where there
are any, that a limit ended, and one small panel per task and category (decoupled, perception at
the largest size).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from analyses.contrasts.contrast import EXACT
from analyses.figures.parts import style
from analyses.figures.parts.rows import is_headline, name_part, parts_of
from analyses.table.scores import IN_DOMAIN, SHARED
from analyses.table.sizes import sizes_in_order

METHODS = {
    "decoupled": "largest perception module",
    "oracle": "gold descriptions",
    "text_only": "no description",
}
RATES = {
    "unparsed": "no rule could read",
    "budget": "a limit ended",
}
"""Suffix of the quantity -> what happened, in the title of a panel."""
ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "direct": ("direct", {}),
    "with_thinking": ("with thinking", style.OPEN),
}
TESTS = ("inverted_u", "lind_mehlum", "best_inside")
ACROSS = 7
SMALL: dict[str, Any] = {"markersize": 2.8, "elinewidth": 0.9, "capsize": 2.4}


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Selects the gains of everything; rates and tests of the means and of tasks outside the
    domain."""
    rates = [f"{answer}_{rate}" for answer in ANSWERS for rate in RATES]
    headline = is_headline(table) & table["group"].isna()
    tests = table["quantity"].isin(TESTS) & table["reasoning"].isna()
    beside = (table["quantity"].isin(rates) | tests) & headline
    chosen = (table["quantity"] == "gain") | beside
    return table[chosen & (table["task"] != SHARED)].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Gain of the means by method; limits and unread answers; gain of each task and category."""
    gains = table[table["quantity"] == "gain"]
    if not len(gains):
        return style.nothing("the study has no size that answers both directly and with thinking")
    among = style.families(gains)
    small = {family: _small(gains[gains["family"] == family]) for family in among}
    heights = [h for f in among for h in (2.9, 1.9, 0.4 + 1.25 * math.ceil(len(small[f]) / ACROSS))]
    figure, parts = style.bands(heights, 0.35)
    for k, family in enumerate(among):
        own = table[table["family"] == family]
        means, rates, multiples = parts[3 * k : 3 * k + 3]
        _methods(means, own, family, among)
        _rates(rates, own)
        if small[family]:
            _multiples(multiples, small[family], METHODS[_shown(own)["method"].iloc[0]])
    style.footnote(figure, f"{style.n_text(table['n'])} items a point; {style.INTERVAL}.")
    return figure


def _methods(figure: SubFigure, own: pd.DataFrame, family: str, among: list[str]) -> None:
    methods = [name for name in METHODS if (own["method"] == name).any()]
    grid = figure.subplots(1, len(methods), squeeze=False, sharey=True)[0]
    for axes, method in zip(grid, methods):
        rows = own[own["method"] == method]
        _means(axes, rows[rows["quantity"] == "gain"], rows[rows["quantity"].isin(TESTS)])
        title = style.panel_title(family, among, "Gain of thinking")
        axes.set_title(f"{title},\n{METHODS[method]}")
        look: dict[str, Any] = {"borderaxespad": 0.0, "fontsize": 6.4, "handlelength": 1.8}
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.29), **look)
    # Ticks chosen by height are others after the layout than those that it made room for.
    grid[0].locator_params(axis="y", nbins=6)
    grid[0].set_ylabel("gain of thinking")


def _rates(figure: SubFigure, own: pd.DataFrame) -> None:
    """Shares of answers, without and with thinking, a panel per mean: those that could not be
    read, and those that a limit ended where there are any."""
    own = _shown(own)
    own = own[own["quantity"].str.contains("|".join(f"_{rate}$" for rate in RATES))]
    names, looks = style.task_names(own["task"]), style.of_data(own)
    sizes = sizes_in_order(own, "reasoning", "params")
    cut = own.loc[own["quantity"].str.endswith("_budget"), "estimate"]
    panels = [(rate, task) for rate in RATES for task in _tasks(own)]
    panels = [each for each in panels if each[0] == "unparsed" or (cut > 0).any()]
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (rate, task) in zip(grid, panels):
        for k, (answer, (label, variant)) in enumerate(ANSWERS.items()):
            rows = own[(own["task"] == task) & (own["quantity"] == f"{answer}_{rate}")]
            # Where every answer is alike there is only the exact bound, which would set the scale.
            drawn = rows["reason"] != EXACT
            rows = rows.assign(low=rows["low"].where(drawn), high=rows["high"].where(drawn))
            look = looks[str(task)] | variant | {"label": label}
            style.over_sizes(axes, rows, sizes, "reasoning", 0.07 * (k - 0.5), **look)
        title = f"Share that {RATES[rate]},"
        axes.set_title(style.wrapped(len(panels), title, names[str(task)]))
        room = 1.3 if len(panels) < 3 else 1.6  # for the legend, in a line or two
        top = room * max(axes.get_ylim()[1], 0.08)
        axes.set_ylim(-0.03 * top, top)  # all of a marker at 0
        axes.grid(axis="y")
        axes.legend(loc="upper center", fontsize=6.4, ncols=2 if len(panels) < 3 else 1)
        style.size_axis(axes, sizes, style.wrapped(len(panels), "size of the reasoning module"))
    grid[0].set_ylabel("share of answers")


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the method that the lower panels show: decoupled where there is any."""
    method = next(name for name in METHODS if (rows["method"] == name).any())
    return rows[rows["method"] == method]


def _tasks(rows: pd.DataFrame) -> list[object]:
    """The headline tasks, the in-domain mean first."""
    return sorted(rows["task"].drop_duplicates(), key=lambda task: str(task) != IN_DOMAIN)


def _small(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The gains of each task and category, of decoupled cells where there are any."""
    rows = _shown(rows)
    rows = rows[rows["average"] != "tasks"]
    rows = rows[(rows["domain"] == IN_DOMAIN) | rows["group"].notna()]
    return parts_of(rows)


def _means(axes: Axes, gains: pd.DataFrame, tests: pd.DataFrame) -> None:
    rows = gains[is_headline(gains) & gains["group"].isna()]
    names, looks = style.task_names(rows["task"]), style.of_data(rows)
    sizes = sizes_in_order(rows, "reasoning", "params")
    for k, task in enumerate(_tasks(rows)):
        part = rows[rows["task"] == task]
        label = f"{names[str(task)]} ({style.n_text(part['n'])})"
        label += _tested(tests[tests["task"] == task])
        look = looks[str(task)] | {"label": label}
        style.over_sizes(axes, part, sizes, "reasoning", 0.08 * (k - 0.5), **look)
    axes.axhline(0, color=style.QUIET, linewidth=0.7)
    axes.grid(axis="y")
    style.size_axis(axes, sizes, "size of the reasoning module")


def _tested(tests: pd.DataFrame) -> str:
    """The tests of an inverted U as two lines under the name of a series."""
    number = {
        str(row["quantity"]): row["estimate" if row["quantity"] == "best_inside" else "p"]
        for row in tests.to_dict("records")
    }
    if np.isnan(number.get("inverted_u", np.nan)):
        return ""
    text = f"\ninverted U: {_p(number['inverted_u'])}"
    if number.get("lind_mehlum") == number.get("lind_mehlum"):
        text += f", L–M {_p(number['lind_mehlum'])}"
    return text + f"\nbest inside in {number['best_inside']:.0%} of draws"


def _p(p: float) -> str:
    return "p < .01" if p < 0.01 else f"p = {p:.2f}"


def _multiples(figure: SubFigure, parts: list[pd.DataFrame], method: str) -> None:
    title = f"Gain of thinking by task and category, {method}"
    style.band_title(figure, title)
    grid, _ = style.multiples(figure, len(parts), ACROSS, sharex=True, sharey=True)
    names = style.task_names(part["task"].iloc[0] for part in parts)
    every = pd.concat(parts)
    sizes = sizes_in_order(every, "reasoning", "params")
    looks = style.of_data(every)
    for axes, part in zip(grid, parts):
        look = looks[str(part["task"].iloc[0])] | SMALL
        style.over_sizes(axes, part, sizes, "reasoning", 0.0, **look)
        axes.axhline(0, color=style.QUIET, linewidth=0.7)
        axes.grid(axis="y")
        name_part(axes, part, names, 16)
        style.size_axis(axes, sizes, "")
        axes.tick_params(axis="x", labelsize=7.5 if len(sizes) < 5 else 5.5)


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Accuracy with thinking minus accuracy without, paired by item, by size of the reasoning"
        " module. Above: means, with descriptions of the largest perception module, with gold"
        " descriptions and without a description; p is of the intersection-union test that some"
        " size inside gains more than both the smallest and the largest; beside it L–M, Lind and"
        " Mehlum's, which takes a rise that saturates for an inverted U too often. With few sizes"
        " the power is low. Middle: share of answers that could not be read, and that the token"
        " limit or the thinking budget ended where there are any (no bar where all are alike)."
        " Below: gain on every task and category with the largest perception module."
    )
