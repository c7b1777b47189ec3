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

from analyses.figures.parts import labels, style
from analyses.stats.lines import least_squares
from analyses.table.scores import IN_DOMAIN


def select(table: pd.DataFrame) -> pd.DataFrame:
    """Selects everything: points and fits."""
    return table.reset_index(drop=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Points with both intervals, the lines of least squares and BCES, and the fits in words."""
    points = table[(table["estimator"] == "task") & table["estimate"].notna()]
    points = points[points["quantity"].isin(["dependence", "sensitivity"])]
    both = points.groupby(["family", "task"])["quantity"].agg(set).map(len) == 2
    table = table[table["family"].isin(both[both].index.get_level_values("family"))]
    if not len(table):
        return style.nothing(
            "it takes a task with end-to-end cells at two sizes and a blind largest model"
        )
    among = style.families(table)
    figure = style.new_figure(style.TWO_COLUMNS, 3.9 * len(among) + 0.2)
    grid = figure.subplots(len(among), 2, squeeze=False, width_ratios=[1.55, 1])
    named: list[tuple[Axes, pd.DataFrame]] = []
    known: dict[str, Any] = {}
    for (axes, words), family in zip(grid, among):
        own = table[table["family"] == family]
        _points(axes, own[own["estimator"] == "task"])
        limits = axes.get_ylim()
        _lines(axes, own)
        axes.set_ylim(*limits)
        known |= dict(zip(*reversed(axes.get_legend_handles_labels())))
        named.append((axes, own[own["estimator"] == "task"]))
        axes.set_title(style.panel_title(family, among, "Scaling sensitivity by visual dependence"))
        _words(words, own)
    figure.legend(known.values(), known.keys(), loc="outside upper left", ncols=3)
    tasks = table[table["estimator"] == "task"]
    style.footnote(figure, f"{style.n_text(tasks['n'])} items a task; {style.INTERVAL}.")
    figure.draw_without_rendering()  # fixes the layout, so that names can be placed by pixels
    for axes, rows in named:
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
    for inside, data in ((True, style.DATA[0]), (False, style.DATA[1])):
        part = wide[(wide.index.get_level_values("domain") == IN_DOMAIN) == inside]
        if not len(part):
            continue
        x, y = part["estimate"]["dependence"], part["estimate"]["sensitivity"]
        look: dict[str, Any] = data | {"elinewidth": 0.8, "capsize": 0}
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


def _name_points(axes: Axes, wide: pd.DataFrame) -> None:
    """The task beside each point, clear of the fits and of the bars of every point."""
    names = style.task_names(task for task, _ in wide.index.to_list())
    xy = wide["estimate"][["dependence", "sensitivity"]].to_numpy(dtype=np.float64)
    lines = [np.column_stack(line.get_data()) for line in axes.lines if line.get_gid() == FIT]
    for end in ("dependence", "sensitivity"):
        for (x, y), low, high in zip(xy, wide["low"][end], wide["high"][end]):
            along = [(low, y), (high, y)] if end == "dependence" else [(x, low), (x, high)]
            lines.append(np.array(along))
    labels.name_points(axes, xy, [names[str(task)] for task, _ in wide.index], lines=lines)


FIT = "fit"
"""Mark of the lines of fits among the lines of the axes."""
FITS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("bces", "BCES (item noise taken out)", {"color": "#a6a6a6", "linewidth": 2.6}),
    ("least_squares", "least squares", {"color": style.INK, "linestyle": (0, (5, 3))}),
)
"""Estimator, name, look; the dashes stand over the broad line, so both show where they meet."""


def _lines(axes: Axes, rows: pd.DataFrame) -> None:
    """The line without item noise, and over it the least-squares line."""
    ends = np.array(axes.get_xlim())
    for k, (estimator, label, look) in enumerate(FITS):
        fit = rows[rows["estimator"] == estimator].set_index("quantity")["estimate"]
        if not np.isnan(fit.get("slope", np.nan)):
            y = fit["intercept"] + fit["slope"] * ends
            own: dict[str, Any] = {"linewidth": 1.0} | look
            axes.plot(ends, y, label=label, zorder=0.5 + 0.1 * k, gid=FIT, **own)
    # The band at x is the interval of the intercept where x is taken for the origin.
    wide = _wide(rows[rows["estimator"] == "task"])
    inside = wide[wide.index.get_level_values("domain") == IN_DOMAIN]["estimate"]
    if len(inside) > 2:
        at = np.linspace(ends[0], ends[1], 60)
        xy = inside[["dependence", "sensitivity"]].to_numpy(dtype=np.float64)
        level = least_squares(xy - np.stack([at, 0 * at], axis=-1)[:, None]).intercept
        look = {"color": style.RULE, "alpha": 0.35, "linewidth": 0, "zorder": 0.4}
        axes.fill_between(at, level.low, level.high, label="95 % band of least squares", **look)
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
    """What is drawn; n and the intervals stand under the figure."""
    tasks = table[table["estimator"] == "task"]
    count = tasks.loc[tasks["domain"] == IN_DOMAIN, "task"].nunique()
    return (
        "Visual dependence (largest model with the image minus the same model blind) against"
        " scaling sensitivity (largest minus smallest model), a point per task"
        f" ({count} in-domain tasks). Both axes share the accuracy of the largest"
        " model, which alone correlates them: BCES and the noise-corrected covariance take out the"
        " part of item noise, and the two nulls say what noise alone and shared structure alone"
        " would give. Intervals of the fits are over tasks."
    )
