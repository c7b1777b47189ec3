"""Figure: the suite's parser against lmms-eval's score, by task and by parsing rule.

In: rows of analyses.agreement. Out: a Figure: a row of panels by task and category (share scored
alike, Cohen's kappa, difference), and one by the rule that read the answer, of the in-domain mean
and the tasks outside the domain (share of answers, share scored alike, difference).
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from analyses.agreement import NO_SCORES, UNPARSED
from analyses.contrasts.contrast import EXACT
from analyses.figures.parts import style
from analyses.figures.parts.rows import Entry, Series, entries_of, forest, is_headline, name_rows
from analyses.table.scores import IN_DOMAIN, SHARED

BY_TASK = {
    "agree": "share of answers\nscored alike",
    "kappa": "Cohen's kappa",
    "difference": "the suite's score\nless lmms-eval's",
}
BY_RULE = {
    "share": "share of all answers\nthat the rule read",
    "agree": "of these, share\nscored alike",
    "difference": "of these, the suite's\nscore less lmms-eval's",
}
"""Quantity -> title of its panel."""


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Every task, category and mean over all answers; by rule the headline tasks."""
    whole = table["rule"].isna() & table["quantity"].isin(BY_TASK)
    rule = table["rule"].notna() & is_headline(table) & table["group"].isna()
    chosen = (whole | rule) & (table["task"] != SHARED)
    return table[chosen].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Above by task and category, below by rule."""
    if not table["estimate"].notna().any():
        return style.nothing(NO_SCORES)
    whole, rules = table[table["rule"].isna()], table[table["rule"].notna()]
    entries = entries_of(whole)
    names = style.task_names(whole["task"])
    lines = _rules(rules)
    tasks = sorted(rules["task"].drop_duplicates(), key=lambda task: task != IN_DOMAIN)
    heights = [0.19 * len(entries) + 0.75]
    if lines:
        heights.append(0.13 * len(lines) * (len(tasks) + 0.5) + 1.0)
    figure, parts = style.bands(heights, 0.35)
    _tasks(parts[0], whole, entries, names)
    if lines:
        _by_rule(parts[1], rules, lines, tasks, names)
    single = whole[whole["average"] != "tasks"]
    answers = style.range_text(single["answers"])
    style.footnote(
        figure,
        f"{style.n_text(single['n'])} items and {answers} answers a row above;"
        f" {style.INTERVAL}. A point without a bar: every image gives that value, or there is no"
        " interval (the CSV says why, and has the exact bounds). Below, a rule speaks for as"
        " many answers as it read, at the left: some for one alone.",
    )
    return figure


def _rules(rows: pd.DataFrame) -> list[str]:
    """The rules, bottom to top: most answers at the top, what no rule read at the bottom."""
    read = rows[rows["quantity"] == "share"].groupby("rule")["estimate"].max()
    order = read.sort_values(kind="stable").index.tolist()
    return sorted((str(name) for name in order), key=lambda name: name != UNPARSED)


def _tasks(
    figure: SubFigure, rows: pd.DataFrame, entries: list[Entry], names: dict[str, str]
) -> None:
    style.band_title(figure, "All answers, by task")
    grid = list(figure.subplots(1, len(BY_TASK), sharey=True))
    for axes, (quantity, title) in zip(grid, BY_TASK.items()):
        own = rows[rows["quantity"] == quantity]
        # Where all images agree there is only the exact bound, as wide as the task has few items.
        alike = own["reason"] == EXACT
        own = own.assign(low=own["low"].mask(alike), high=own["high"].mask(alike))
        looks = style.of_data(own)
        series = []
        for task, part in own.groupby("task", sort=False):
            mean = {"marker": "D"} if (part["average"] == "tasks").any() else {}
            series.append(Series(part, looks[str(task)] | mean))
        forest(axes, series, entries, ticks=4)
        _finish(axes, quantity, title)
    name_rows(grid[0], names, entries)


def _by_rule(
    figure: SubFigure,
    rows: pd.DataFrame,
    lines: Sequence[str],
    tasks: Sequence[object],
    names: dict[str, str],
) -> None:
    style.band_title(figure, "By the rule that read the answer")
    grid = list(figure.subplots(1, len(BY_RULE), sharey=True))
    step, looks = 0.7 / max(len(tasks), 1), style.of_data(rows)
    for axes, (quantity, title) in zip(grid, BY_RULE.items()):
        series = []
        for k, task in enumerate(tasks):
            own = rows[(rows["task"] == task) & (rows["quantity"] == quantity)]
            look = dict(looks[str(task)])
            look["label"] = f"{names.get(str(task), str(task))} ({style.n_text(own['n'])})"
            series.append(Series(own, look, step * ((len(tasks) - 1) / 2 - k)))
        forest(axes, series, lines, by="rule", ticks=4)
        _finish(axes, quantity, title)
    grid[0].set_yticks(range(len(lines)), [name.replace("_", " ") for name in lines])
    grid[0].set_ylim(-0.6, len(lines) - 0.4)
    figure.legend(
        *grid[0].get_legend_handles_labels(), loc="outside upper right", ncols=2, fontsize=7
    )


def _finish(axes: Axes, quantity: str, title: str) -> None:
    """Title and an axis that holds the value of perfect agreement."""
    axes.set_title(title, fontsize=7.2, fontweight="normal")
    same = 0.0 if quantity in ("difference", "share") else 1.0
    low, high = axes.get_xlim()
    room = max(0.04 * (high - low), 0.01)
    axes.set_xlim(min(low, same - room), max(high, same + room))
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.tick_params(axis="x", labelsize=6.5)
    if quantity != "share":
        axes.axvline(same, color=style.QUIET, linewidth=0.7)


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "The suite's parser against lmms-eval's own score of the same texts. Above, for every task"
        " and category: the share of answers that both score alike, Cohen's kappa, and the suite's"
        " mean score less lmms-eval's; diamonds are means over tasks. Below, by the parsing rule"
        " that read the answer: how many answers it read, how many of these both score alike, and"
        " the difference. Lines: perfect agreement."
    )
