"""Figure: accuracy with and without images and of the language model alone, gain and leakage.

In: rows of analyses.leakage. Out: a Figure: a row of panels per family, over sizes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.figures.parts import style
from analyses.leakage import GAIN, LEAKAGE
from analyses.table.scores import IN_DOMAIN, OUT_OF_DOMAIN, SHARED
from analyses.table.sizes import sizes_in_order

RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "with_images": ("with images", {}),
    "without_images": ("without images", style.OPEN),
    "text_only": ("text model alone", {"marker": "x", "linestyle": ":"}),
}
"""Name and look: of the colour of the data set."""
INSIDE = (IN_DOMAIN, SHARED)
CHANGES = {GAIN: "Multi-modal\ngain", LEAKAGE: "Multi-modal\nleakage"}


def select(table: pd.DataFrame) -> pd.DataFrame:
    """The means of the tasks inside the domain, and what stands for those outside.

    Inside the domain of the tasks that every cell was run on, where cells differ in tasks: runs of
    the language model alone may lack some.
    """
    inside = SHARED if (table["task"] == SHARED).any() else IN_DOMAIN
    outside = table["domain"] != IN_DOMAIN
    if (table["task"] == OUT_OF_DOMAIN).any():
        outside &= table["task"] == OUT_OF_DOMAIN
    rows = table[((table["task"] == inside) | outside) & table["group"].isna()]
    rows = rows[rows["quantity"].isin([*RUNS, *CHANGES])].reset_index(drop=True)
    return rows if rows["quantity"].isin(CHANGES).any() else rows.iloc[:0]


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Accuracies of each mean, then gain and leakage of all means, by size."""
    if not len(table):
        return style.nothing("the study has no size with both an end-to-end and a blind run")
    among = style.families(table)
    tasks = sorted(table["task"].drop_duplicates(), key=lambda task: task not in INSIDE)
    changes = [name for name in CHANGES if (table["quantity"] == name).any()]
    figure = style.new_figure(style.TWO_COLUMNS, 2.5 * len(among) + 0.75)
    grid = figure.subplots(len(among), len(tasks) + len(changes), squeeze=False)
    names = style.task_names(table["task"]) | dict.fromkeys(INSIDE, "in-domain mean")
    data = style.of_data(table)
    for line, family in zip(grid, among):
        own = table[table["family"] == family]
        for axes, task in zip(line, tasks):
            rows = own[own["task"] == task]
            series = [
                (name, data[str(task)] | look, rows[rows["quantity"] == run])
                for run, (name, look) in RUNS.items()
            ]
            _lines(axes, series)
            axes.set_title(f"Accuracy,\n{names[str(task)]},\n{style.n_text(rows['n'])}")
        line[0].set_ylabel(style.panel_title(family, among, "accuracy"))
        for axes, quantity in zip(line[len(tasks) :], changes):
            rows = own[own["quantity"] == quantity]
            series = [
                (names[str(task)], data[str(task)], rows[rows["task"] == task]) for task in tasks
            ]
            _lines(axes, series)
            axes.axhline(0, color=style.QUIET, linewidth=0.7)
            axes.set_title(CHANGES[quantity])
        line[len(tasks)].set_ylabel("difference of accuracies")
    for panels, place in ((grid[:, : len(tasks)], "left"), (grid[:, len(tasks) :], "right")):
        _same_scale(panels)
        known = panels[0, 0].get_legend_handles_labels()
        look: dict[str, Any] = {"loc": f"outside upper {place}", "ncols": len(known[0])}
        figure.legend(*known, fontsize=7, handlelength=2.6, columnspacing=1.2, **look)
    style.footnote(figure, f"{style.n_text(table['n'])} items a point; {style.INTERVAL}.")
    return figure


def _lines(axes: Axes, series: list[tuple[str, dict[str, Any], pd.DataFrame]]) -> None:
    """Points with intervals over sizes, the series side by side."""
    every = pd.concat([rows for _, _, rows in series])
    sizes = sizes_in_order(every, "size", "params")
    for k, (label, look, rows) in enumerate(series):
        aside = 0.1 * (k - (len(series) - 1) / 2)
        style.over_sizes(axes, rows, sizes, "size", aside, label=label, **look)
    axes.grid(axis="y")
    style.size_axis(axes, sizes, "size")


def _same_scale(panels: np.ndarray) -> None:
    """One scale for panels of one kind."""
    ends = [axes.get_ylim() for axes in panels.flat]
    low, high = min(0.0, *(low for low, _ in ends)), max(high for _, high in ends)
    for axes in panels.flat:
        axes.set_ylim(low, high)


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Accuracy end to end with images, of the same model without them, and of a language model"
        " of the same size alone, by size; what the images add (multi-modal gain), and what the"
        " model answers without images beyond its language model (multi-modal leakage, not below"
        " 0), as MMStar defines them."
    )
