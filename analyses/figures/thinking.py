"""Figure: what thinking gains at each reasoning size, with the tests of an inverted U.

In: rows of analyses.thinking. Out: a Figure; per family a row of panels of the means by method
(the legend holds the tests), a row of the shares of answers that a limit ended or that could not
be read, and one small panel per task and category (decoupled, perception at the largest size).
"""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.contrasts.contrast import EXACT
from analyses.figures.parts import style
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


def select(table: pd.DataFrame) -> pd.DataFrame:
    """The gains of everything; rates and tests of the means and of tasks outside the domain."""
    rates = [f"{answer}_{rate}" for answer in ANSWERS for rate in RATES]
    headline = _is_headline(table) & table["group"].isna()
    tests = table["quantity"].isin(TESTS) & table["reasoning"].isna()
    beside = (table["quantity"].isin(rates) | tests) & headline
    chosen = (table["quantity"] == "gain") | beside
    return table[chosen & (table["task"] != SHARED)].reset_index(drop=True)


def _is_headline(table: pd.DataFrame) -> pd.Series:
    """The in-domain mean and every task outside the domain."""
    return (table["task"] == IN_DOMAIN) | (table["domain"] != IN_DOMAIN)


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
    figure = style.new_figure(style.TWO_COLUMNS, sum(heights) + 0.35)
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for k, family in enumerate(among):
        own = table[table["family"] == family]
        means, rates, multiples = parts[3 * k : 3 * k + 3]
        _methods(means, own, family, among)
        _rates(rates, own)
        if small[family]:
            _multiples(multiples, small[family], METHODS[_shown(own)["method"].iloc[0]])
    style.footnote(figure, f"{style.n_text(table['n'])} items a point; {style.INTERVAL}.")
    return figure


def _methods(figure: Figure, own: pd.DataFrame, family: str, among: list[str]) -> None:
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


def _rates(figure: Figure, own: pd.DataFrame) -> None:
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
            x = np.array([sizes.index(str(size)) for size in rows["reasoning"]], dtype=np.float64)
            x += 0.07 * (k - (len(series) - 1) / 2)
            # Where every answer is alike there is only the exact bound, which would set the scale.
            ends = rows[["estimate", "low", "high"]].where(rows["reason"] != EXACT)
            ends["estimate"] = rows["estimate"]
            look = style.SERIES[k % len(style.SERIES)]
            text = f"{names[str(task)]}, {ANSWERS[answer]}"
            style.with_interval(axes, x, *(ends[name] for name in ends), label=text, **look)
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
    return [part for _, part in rows.groupby(["task", "group"], sort=False, dropna=False)]


def _means(axes: Axes, gains: pd.DataFrame, tests: pd.DataFrame) -> None:
    rows = gains[_is_headline(gains) & gains["group"].isna()]
    names = style.task_names(rows["task"])
    sizes = style.sizes_in_order(rows, "reasoning", "params")
    for k, task in enumerate(_tasks(rows)):
        part = rows[rows["task"] == task]
        x = np.array([sizes.index(str(size)) for size in part["reasoning"]]) + 0.08 * (k - 0.5)
        label = f"{names[str(task)]} ({style.n_text(part['n'])})"
        label += _tested(tests[tests["task"] == task])
        look = style.SERIES[k % len(style.SERIES)]
        style.with_interval(
            axes, x, part["estimate"], part["low"], part["high"], label=label, **look
        )
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


def _multiples(figure: Figure, parts: list[pd.DataFrame], method: str) -> None:
    title = f"Gain of thinking by task and category, {method}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=8.5, fontweight="bold")
    count = math.ceil(len(parts) / ACROSS)
    across = min(ACROSS, len(parts))
    grid = figure.subplots(count, across, squeeze=False, sharex=True, sharey=True)
    names = style.task_names(part["task"].iloc[0] for part in parts)
    sizes = style.sizes_in_order(pd.concat(parts), "reasoning", "params")
    for axes, part in zip(grid.flat, parts):
        x = [sizes.index(str(size)) for size in part["reasoning"]]
        look: dict[str, Any] = {
            "color": style.BLUE,
            "marker": "o",
            "markersize": 2.8,
            "elinewidth": 0.9,
            "capsize": 2.4,
        }
        style.with_interval(
            axes, x, part["estimate"], part["low"], part["high"], **look, linestyle="-"
        )
        axes.axhline(0, color=style.QUIET, linewidth=0.7)
        axes.grid(axis="y")
        group = part["group"].iloc[0]
        title = names[str(part["task"].iloc[0])] if pd.isna(group) else str(group)
        axes.set_title(textwrap.fill(title, 16), fontsize=6.5, fontweight="normal")
        style.size_axis(axes, sizes, "")
        axes.tick_params(axis="x", labelsize=7.5 if len(sizes) < 5 else 5.5)
    for axes in grid.flat[len(parts) :]:
        axes.axis("off")
    for axes in grid.flat[max(len(parts) - across, 0) : len(parts)]:
        axes.tick_params(labelbottom=True)


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
