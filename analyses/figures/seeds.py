"""Figure: where the error of each accuracy comes from: items, seeds, single answers.

In: rows of analyses.seeds. Out: a Figure: a row per cell that answered items more than once; for
the in-domain mean and each task outside the domain a panel of accuracies and one of their errors.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.figures.parts import style
from analyses.figures.parts.rows import Series, forest, heights
from analyses.table.scores import IN_DOMAIN, SHARED

ERRORS: dict[str, tuple[str, dict[str, Any]]] = {
    "item_error": ("of items", {"color": style.BLUE, "marker": "o"}),
    "seed_error": ("of seeds", {"color": style.ORANGE, "marker": "s"}),
    "answer_error": ("of single answers", {"color": style.INK, "marker": "^", "mfc": "white"}),
}
"""Quantity -> what it is the error of, and its look."""
AT = 0.15
"""Inches of a row."""


def select(table: pd.DataFrame) -> pd.DataFrame:
    """The in-domain mean (of the tasks of all cells, where they differ) and the tasks outside."""
    inside = SHARED if (table["task"] == SHARED).any() else IN_DOMAIN
    headline = (table["task"] == inside) | (table["domain"] != IN_DOMAIN)
    if not headline.any():  # a single task has no mean
        headline = table["average"] != "tasks"
    return table[headline & table["group"].isna()].reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Two panels per mean or task: accuracy with its interval, errors apart."""
    if not len(table):
        return style.nothing(
            "no cell answered an item more than once; several samples, or the records of runs with"
            "\ndifferent seeds put together, show where the error comes from"
        )
    order = table.drop_duplicates("cell").sort_values("method", key=_rank, kind="stable")
    cells = [str(cell) for cell in order["cell"]][::-1]
    tasks = sorted(table["task"].drop_duplicates(), key=lambda t: t not in (IN_DOMAIN, SHARED))
    height = AT * len(cells) + 1.5
    figure = style.new_figure(style.TWO_COLUMNS, max(height, 2.0))
    grid = figure.subplots(1, 2 * len(tasks), squeeze=False, sharey=True)[0]
    names = style.task_names(table["task"]) | {SHARED: "in-domain mean"}
    for k, task in enumerate(tasks):
        rows = table[table["task"] == task]
        _accuracies(grid[2 * k], rows, cells)
        _errors(grid[2 * k + 1], rows, cells)
        grid[2 * k].set_title(f"{names[str(task)]}\n{style.n_text(rows['n'])}")
    grid[0].set_yticks(range(len(cells)), [_cell(name) for name in cells])
    grid[0].set_ylim(-0.7, len(cells) - 0.3)
    look: dict[str, Any] = {"ncols": 3, "title": "standard error", "fontsize": 7}
    figure.legend(*grid[1].get_legend_handles_labels(), loc="outside upper right", **look)
    style.footnote(
        figure,
        f"{style.n_text(table['n'])} items a point; seeds: {style.range_text(table['seeds'])};"
        f" answers an item: up to {style.range_text(table['answers'])}; bars are 95 % paired"
        " cluster-bootstrap intervals over images and seeds, broad bands where the accuracy of one"
        " more seed lies. The errors describe and have no"
        " interval; one that is missing is not known, and the CSV says why.",
    )
    return figure


def _rank(methods: pd.Series) -> pd.Series:
    """Place of each method by where it first appears, so that its cells stand together."""
    return pd.Series(pd.factorize(methods)[0], index=methods.index)


def _cell(name: str) -> str:
    return name.replace("_", " ").replace("/", " ")


def _accuracies(axes: Axes, rows: pd.DataFrame, cells: list[str]) -> None:
    more = rows[(rows["quantity"] == "new_seed") & rows["low"].notna()]
    axes.hlines(heights(more, cells, "cell"), more["low"], more["high"], color=style.RULE, lw=4)
    own = rows[rows["quantity"] == "accuracy"]
    series = Series(own, {"color": style.BLUE, "marker": "o"})
    forest(axes, [series], cells, by="cell", ticks=4)
    axes.set_xlabel("accuracy")


def _errors(axes: Axes, rows: pd.DataFrame, cells: list[str]) -> None:
    for k, (quantity, (label, look)) in enumerate(ERRORS.items()):
        own = rows[(rows["quantity"] == quantity) & rows["estimate"].notna()]
        if len(own):
            y = heights(own, cells, "cell") + 0.24 * (1 - k)
            axes.plot(own["estimate"], y, linestyle="none", label=label, **look)
    axes.set_xlim(left=-0.04 * axes.get_xlim()[1])  # an error of 0 shows whole
    forest(axes, [], cells, ticks=4)
    axes.set_xlabel("standard error")


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Accuracy of every cell that answered items more than once, and where its error"
        " comes from, in shares of accuracy: of items (cluster-robust over images, were the seeds"
        " fixed), of seeds (were the images fixed) and of single answers, the part that more"
        " answers to the same items would remove, which lies within the others."
    )
