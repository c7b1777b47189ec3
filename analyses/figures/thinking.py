"""Figure: what thinking gains at each reasoning size, with the tests of an inverted U.

In: rows of analyses.thinking. Out: a Figure; per family a row of panels of the means by method
(the legend holds the tests), a row of the shares of answers that a limit ended or that could not
be read, and one small panel per task and category (decoupled, perception at the largest size).
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

METHODS = {
    "decoupled": "largest perception module",
    "oracle": "gold descriptions",
    "text_only": "no description",
}
RATES = {
    "budget": "Share that a limit ended",
    "unparsed": "Share that no rule could read",
}
"""Suffix of the quantity -> title of its panel."""
ANSWERS = {"direct": "direct", "with_thinking": "with thinking"}
TESTS = ("inverted_u", "lind_mehlum", "best_inside")
ACROSS = 7
SMALL: dict[str, Any] = {"color": style.BLUE, "marker": "o", "linestyle": "-", "markersize": 2.8}
SMALL |= {"elinewidth": 0.9, "capsize": 2.4}


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
    heights = [
        h for f in among for h in (2.7, 1.75, 0.4 + 1.25 * math.ceil(len(small[f]) / ACROSS))
    ]
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
    grid[0].set_ylabel("gain of thinking")
    low, high = grid[0].get_ylim()
    grid[0].set_ylim(low, high + 0.75 * (high - low))  # room for the legends
    for axes in grid:
        look = {"frameon": True, "facecolor": "white", "edgecolor": "none", "framealpha": 0.9}
        axes.legend(loc="upper left", borderaxespad=0.1, fontsize=6.2, handlelength=2.2, **look)


def _rates(figure: SubFigure, own: pd.DataFrame) -> None:
    """Shares of answers that a limit ended, and that could not be read, without and with."""
    own = _shown(own)
    own = own[own["quantity"].str.contains("|".join(f"_{rate}$" for rate in RATES))]
    names = style.task_names(own["task"])
    sizes = style.sizes_in_order(own, "reasoning", "params")
    grid = figure.subplots(1, len(RATES), squeeze=False)[0]
    for axes, (rate, label) in zip(grid, RATES.items()):
        series = [(task, answer) for task in _tasks(own) for answer in ANSWERS]
        for k, (task, answer) in enumerate(series):
            rows = own[(own["task"] == task) & (own["quantity"] == f"{answer}_{rate}")]
            # Where every answer is alike there is only the exact bound, which would set the scale.
            drawn = rows["reason"] != EXACT
            rows = rows.assign(low=rows["low"].where(drawn), high=rows["high"].where(drawn))
            look = style.SERIES[k % len(style.SERIES)]
            look = look | {"label": f"{names[str(task)]}, {ANSWERS[answer]}"}
            aside = 0.07 * (k - (len(series) - 1) / 2)
            style.over_sizes(axes, rows, sizes, "reasoning", aside, **look)
        axes.set_title(label)
        axes.set_ylim(bottom=0, top=max(axes.get_ylim()[1], 0.02))
        axes.grid(axis="y")
        style.size_axis(axes, sizes, "size of the reasoning module")
    grid[0].set_ylabel("share of answers")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside right center", fontsize=6.5)


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
    names = style.task_names(rows["task"])
    sizes = style.sizes_in_order(rows, "reasoning", "params")
    for k, task in enumerate(_tasks(rows)):
        part = rows[rows["task"] == task]
        label = f"{names[str(task)]} ({style.n_text(part['n'])})"
        label += _tested(tests[tests["task"] == task])
        look = style.SERIES[k % len(style.SERIES)] | {"label": label}
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
    text = f"\ninverted U {_p(number['inverted_u'])}"
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
    sizes = style.sizes_in_order(pd.concat(parts), "reasoning", "params")
    for axes, part in zip(grid, parts):
        style.over_sizes(axes, part, sizes, "reasoning", 0.0, **SMALL)
        axes.axhline(0, color=style.QUIET, linewidth=0.7)
        axes.grid(axis="y")
        name_part(axes, part, names, 16)
        style.size_axis(axes, sizes, "")
        axes.tick_params(axis="x", labelsize=7.5 if len(sizes) < 5 else 5.5)


def caption(table: pd.DataFrame) -> str:
    """What is drawn, n and the interval."""
    return (
        "Accuracy with thinking minus accuracy without, paired by item, by size of the reasoning"
        " module. Above: means, with descriptions of the largest perception module, with gold"
        " descriptions and without a description; p is of the intersection-union test that some"
        " size inside gains more than both the smallest and the largest; beside it L–M, Lind and"
        " Mehlum's, which takes a rise that saturates for an inverted U too often. With few sizes"
        " the power is low. Middle: share of answers that the token limit or the thinking budget"
        " ended, and that could not be read (no bar where all are alike). Below: gain on every"
        f" task and category with the largest perception module ({style.n_text(table['n'])} items a"
        f" point); {style.INTERVAL}."
    )
