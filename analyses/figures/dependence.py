"""Figure: visual dependence against scaling sensitivity, a point per task.

In: rows of analyses.dependence. Out: a Figure, a panel per family, with the fits in words.
"""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.figures import style
from analyses.resampling import Floats
from analyses.scores import IN_DOMAIN


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Everything: points and fits."""
    return table.reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Points with both intervals, the lines of least squares and BCES, and the fits in words."""
    if not len(table):
        return style.nothing("it takes end-to-end cells at two sizes and a blind largest model")
    among = style.families(table)
    figure = style.new_figure(style.TWO_COLUMNS, 3.9 * len(among) + 0.2)
    grid = figure.subplots(len(among), 2, squeeze=False, width_ratios=[1.55, 1])
    labels: list[tuple[Axes, pd.DataFrame]] = []
    known: dict[str, Any] = {}
    for (axes, words), family in zip(grid, among):
        own = table[table["family"] == family]
        _points(axes, own[own["estimator"] == "task"])
        limits = axes.get_ylim()
        _lines(axes, own)
        axes.set_ylim(*limits)
        known |= dict(zip(*reversed(axes.get_legend_handles_labels())))
        labels.append((axes, own[own["estimator"] == "task"]))
        axes.set_title(style.panel_title(family, among, "A task a point"))
        _words(words, own)
    figure.legend(known.values(), known.keys(), loc="outside upper left", ncols=4)
    tasks = table[table["estimator"] == "task"]
    style.footnote(figure, f"{style.n_text(tasks['n'])} items a task; {style.INTERVAL}.")
    figure.draw_without_rendering()  # fixes the layout, so that names can be placed by pixels
    for axes, rows in labels:
        _name_points(axes, _wide(rows))
    return figure


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per task that has both numbers: (estimate, low, high) x (dependence, sensitivity)."""
    wide = rows.pivot_table(
        index=["task", "domain"],
        columns="quantity",
        values=["estimate", "low", "high"],
        sort=False,
        dropna=False,
    )
    return wide.dropna(subset=[("estimate", "dependence"), ("estimate", "sensitivity")])


def _points(axes: Axes, rows: pd.DataFrame) -> None:
    wide = _wide(rows)
    for inside, marker, colour in ((True, "o", style.BLUE), (False, "D", style.INK)):
        part = wide[(wide.index.get_level_values("domain") == IN_DOMAIN) == inside]
        if not len(part):
            continue
        x, y = part["estimate"]["dependence"], part["estimate"]["sensitivity"]
        look: dict[str, Any] = {"color": colour, "marker": marker, "elinewidth": 0.8}
        ends = [
            part[end][name] for name in ("dependence", "sensitivity") for end in ("low", "high")
        ]
        style.with_interval(axes, x, y, ends[0], ends[1], upright=False, alpha=0.75, **look)
        label = f"{'in-domain' if inside else 'out-of-domain'} task"
        style.with_interval(axes, x, y, ends[2], ends[3], alpha=0.75, label=label, **look)
    axes.axhline(0, color=style.QUIET, linewidth=0.7)
    axes.axvline(0, color=style.QUIET, linewidth=0.7)
    first = rows.iloc[0]
    axes.set_xlabel(f"visual dependence: {first['large']} with image − blind")
    axes.set_ylabel(f"scaling sensitivity: {first['large']} − {first['small']}")
    axes.grid()


PLACES = sorted(
    [
        (side * right, up)
        for side in (1, -1)
        for right in (5, 14, 24, 36)
        for up in (4, -10, 14, -20, 24, -30, 36, -42)
    ],
    key=lambda place: max(abs(place[0]), abs(place[1] + 3)),
)
"""Offsets of a name from its point, in points, nearest first."""


def _name_points(axes: Axes, wide: pd.DataFrame) -> None:
    """Writes each task beside its point where it covers no other name and no marker."""
    names = style.task_names(task for task, _ in wide.index.to_list())
    unit = axes.figure.dpi / 72
    xy = wide["estimate"][["dependence", "sensitivity"]].to_numpy(dtype=np.float64)
    dots = axes.transData.transform(xy) if len(xy) else xy
    taken = [(x - 4 * unit, y - 4 * unit, x + 4 * unit, y + 4 * unit) for x, y in dots]
    frame = axes.get_window_extent()
    first: dict[int, list[str]] = {}  # points that coincide share one name
    for (task, _), dot in zip(wide.index.to_list(), dots):
        near = np.hypot(*(dots - dot).T) < 4 * unit
        first.setdefault(int(near.argmax()), []).append(names[str(task)])
    for k, shared in first.items():
        dot, point, text = dots[k], xy[k], ", ".join(shared)
        boxes = {place: _box(dot, place, text, unit) for place in PLACES}
        inside = [
            place
            for place, (left, bottom, right, top) in boxes.items()
            if frame.x0 < left and right < frame.x1 and frame.y0 < bottom and top < frame.y1
        ]
        free = [p for p in inside if not any(_overlap(boxes[p], other) for other in taken)]
        # A name belongs to the point that it is nearest to.
        own = [p for p in free if _gap(boxes[p], dot) <= min(_gap(boxes[p], d) for d in dots)]
        dx, dy = (own or free or inside or PLACES)[0]
        taken.append(boxes[dx, dy])
        far = max(abs(dx), abs(dy)) > 10
        axes.annotate(
            text,
            point,
            xytext=(dx, dy),
            textcoords="offset points",
            fontsize=7,
            ha="right" if dx < 0 else "left",
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": style.QUIET} if far else None,
        )


Box = tuple[float, float, float, float]


def _box(dot: Floats, place: tuple[int, int], text: str, unit: float) -> Box:
    """Left, bottom, right, top of a name in pixels; `unit` is pixels per point."""
    width = 4.3 * len(text) * unit
    left = dot[0] + place[0] * unit - (width if place[0] < 0 else 0)
    bottom = dot[1] + place[1] * unit
    return left, bottom, left + width, bottom + 8 * unit


def _gap(box: Box, dot: Floats) -> float:
    """Distance of a point from a name, in pixels; 0 inside."""
    left, bottom, right, top = box
    beside, above = max(left - dot[0], dot[0] - right, 0), max(bottom - dot[1], dot[1] - top, 0)
    return float(np.hypot(beside, above))


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _lines(axes: Axes, rows: pd.DataFrame) -> None:
    """The least-squares line, and the line without item noise."""
    ends = np.array(axes.get_xlim())
    for estimator, line, label in (
        ("least_squares", "--", "least squares"),
        ("bces", "-", "BCES (item noise taken out)"),
    ):
        fit = rows[rows["estimator"] == estimator].set_index("quantity")["estimate"]
        if not np.isnan(fit.get("slope", np.nan)):
            y = fit["intercept"] + fit["slope"] * ends
            axes.plot(
                ends, y, color=style.QUIET, linestyle=line, linewidth=1, label=label, zorder=1
            )
    axes.set_xlim(*ends)


TEXTS = (
    ("least_squares", "slope", "Least squares, slope"),
    ("least_squares", "r2", "Least squares, R²"),
    ("bces", "slope", "BCES, slope without item noise"),
    ("bces_hc3", "slope", "BCES corrected for few tasks"),
    ("noise_corrected", "covariance", "Noise-corrected covariance"),
    ("independence", "covariance", "Score test of no relation"),
    ("null_noise", "slope", "Slope of item noise alone"),
    ("null_structure", "slope", "Slope of shared structure alone"),
)


def _words(axes: Axes, rows: pd.DataFrame) -> None:
    axes.axis("off")
    axes.set_title("Fits over in-domain tasks")
    lines = []
    for estimator, quantity, text in TEXTS:
        found = rows[(rows["estimator"] == estimator) & (rows["quantity"] == quantity)]
        if len(found) and estimator == "independence":
            lines.append(f"{text}\n    {_p(found.iloc[0]['p'])}")
        elif len(found):
            lines.append(f"{text}\n    {_number(found.iloc[0])}")
    axes.text(0, 0.97, "\n".join(lines), va="top", fontsize=7.5, linespacing=1.5, color=style.INK)


def _number(row: pd.Series) -> str:
    if np.isnan(row["estimate"]):
        return f"not defined: {_wrapped(row['reason'])}"
    digits = 4 if row["quantity"] == "covariance" else 2
    text = style.signed(row["estimate"], digits)
    if not np.isnan(row["low"]):
        text += f"  [{style.signed(row['low'], digits)}, {style.signed(row['high'], digits)}]"
    elif isinstance(row["reason"], str):
        text += f"\n    {_wrapped(row['reason'])}"
    return text if np.isnan(row["p"]) else f"{text}  {_p(row['p'])}"


def _p(p: float) -> str:
    if np.isnan(p):
        return "not defined"
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def _wrapped(text: object, width: int = 40) -> str:
    return "\n    ".join(textwrap.wrap(str(text), width))


def caption(table: pd.DataFrame) -> str:
    """What is drawn, n and the interval."""
    tasks = table[table["estimator"] == "task"]
    count = tasks.loc[tasks["domain"] == IN_DOMAIN, "task"].nunique()
    return (
        "Visual dependence (largest model with the image minus the same model blind) against"
        " scaling sensitivity (largest minus smallest model), a point per task"
        f" ({count} in-domain tasks, {style.n_text(tasks['n'])} items a task); bars are 95 % paired"
        " cluster-bootstrap intervals over images. Both axes share the accuracy of the largest"
        " model, which alone correlates them: BCES and the noise-corrected covariance take out the"
        " part of item noise, and the two nulls say what noise alone and shared structure alone"
        " would give. Intervals of the fits are over tasks."
    )
