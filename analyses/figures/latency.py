"""Figure: accuracy against model time, and the time of every system.

In: rows of analyses.efficiency. Out: a Figure, per family and task group a panel of accuracy
against seconds an answer and a list of the systems by time, whose front is marked.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.columns import INSTRUCT
from analyses.figures.parts import style, systems
from analyses.figures.parts.rows import Series, forest

LISTED = 14
"""Systems in the list: those likeliest on the front, then the most accurate."""


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Selects every system, and the blind cells."""
    return systems.shown(table)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Draws a row per family and group of tasks."""
    table = table[table["accuracy"].notna() & table["seconds"].notna()]
    if not len(table):
        return style.nothing("no cell that sees the image has a recorded time")
    among = style.families(table)
    names = style.task_names(table["task"])
    panels = list(table.groupby(["family", "task"], sort=False))
    figure = style.new_figure(style.TWO_COLUMNS, 2.85 * len(panels) + 0.9)
    grid = figure.subplots(len(panels), 2, squeeze=False, width_ratios=[1.15, 1])
    for row, ((family, task), rows) in zip(grid, panels):
        systems.prepare(row[0], rows, "seconds")
        row[0].set_ylabel("accuracy")
        text = f"{names[str(task)]}, {style.n_text(rows['n'])}"
        row[0].set_title(style.panel_title(str(family), among, f"Accuracy by model time\n{text}"))
        _list(row[1], rows)
    systems.legend(figure, table)
    style.footnote(
        figure,
        "Model time over all stages on the machine that ran the study; right: filled where on the"
        f" front. {style.BOOTSTRAP.capitalize()}. Left: {systems.WORDS}",
    )
    figure.draw_without_rendering()  # fixes the layout, so that markers are placed by pixels
    for row, (_, rows) in zip(grid, panels):
        systems.points(row[0], rows, "seconds")
    return figure


def _list(axes: Axes, rows: pd.DataFrame) -> None:
    """Seconds of the systems nearest to the front, fastest on top."""
    rows = rows[rows["method"] != "blind"]
    order = rows.sort_values(["p_front_seconds", "accuracy"], ascending=False, kind="stable")
    rows = order.head(LISTED).sort_values("seconds", ascending=False)
    kinds, on = systems.kind(rows), rows["front_seconds"].astype(bool)
    columns = ("seconds", "seconds_low", "seconds_high")
    series = [
        Series(rows[(kinds == key) & mask], look | marked, columns=columns)
        for key, (_, look) in systems.looks(kinds).items()
        for mask, marked in ((on, {}), (~on, {"markerfacecolor": "white"}))
    ]
    forest(axes, series, [str(cell) for cell in rows["cell"]], by="cell")
    for at, share in enumerate(rows["p_front_seconds"]):
        axes.text(1.01, at, f"{share:.2f}", transform=axes.get_yaxis_transform(), **_SMALL)
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows.to_dict("records")], fontsize=6)
    axes.set_ylim(-0.7, max(len(rows), 1) - 0.3)
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds an answer")
    axes.set_title("Model time an answer, and\nshare of draws on the front")


_SMALL: dict[str, Any] = {"fontsize": 5.8, "va": "center", "color": style.QUIET}


def _name(row: dict[object, object]) -> str:
    """`P=m R=l think`, or the size of an end-to-end model."""
    parts = [] if row["method"] in ("end_to_end", "decoupled") else [str(row["method"])]
    if row.get("perceiver") not in (None, INSTRUCT) and not parts:
        parts = [str(row["perceiver"])]
    for letter, module in (("P", "perception"), ("R", "reasoning")):
        if isinstance(row[module], str):
            parts.append(f"{letter}={row[module]}")
    if row["method"] == "end_to_end":
        parts = [f"end to end {row['perception']}", *parts[:-1]]
    return " ".join(parts) + (" think" if row["thinking"] else "")


def caption(table: pd.DataFrame) -> str:
    """What is drawn; n and the intervals stand under the figure."""
    return (
        "Accuracy against model time an answer over all stages, on the machine that ran the study"
        "; the line joins the systems that no other"
        f" beats in both. Right: time of the {LISTED} systems that are likeliest on the front,"
        " fastest on top, with the share of bootstrap draws in which each is on it; filled where"
        " it is on the front of the estimates."
    )
