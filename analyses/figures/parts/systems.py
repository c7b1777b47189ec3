"""Systems as points of accuracy against a cost: shared by `efficiency` and `latency`.

In: rows of analyses.efficiency of one task. Out: a drawn panel with both intervals, the front, and
the sizes: the fill of a marker is the perception module's, white for the smallest, its area the
reasoning module's; end-to-end models and systems on the front are named. Markers that would cover
each other are set side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analyses.columns import INSTRUCT, completed
from analyses.figures.parts import labels, style
from analyses.stats.arrays import Floats
from analyses.table.sizes import DECOUPLED

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "end_to_end": ("end to end", {"color": "#0b3c5d", "marker": "o"}),
    "decoupled": ("decoupled", {"color": "#E69F00", "marker": "s"}),
    "thinking": ("decoupled, with thinking", {"color": "#00805D", "marker": "^"}),
    "named": ("named methods", {"color": "#CC79A7", "marker": "P"}),
    "blind": ("blind", {"color": "#000000", "marker": "X"}),
}
DESCRIBED: dict[str, tuple[str, dict[str, Any]]] = {
    "caption_think": ("Caption+Think", {"color": "#CC79A7", "marker": "v"}),
    "extract_think": ("Extract+Think", {"color": "#0072B2", "marker": "D"}),
    "extract_think_scratch": ("Extract+Think, from scratch", {"color": "#56B4E9", "marker": "d"}),
    "prism": ("captioner, direct", {"color": "#D55E00", "marker": "<"}),
    "described": ("decoupled, trained to describe", {"color": "#999999", "marker": "p"}),
}
"""Kinds whose perception was trained to describe."""
COSTS = {
    "generated_tokens": ("generated tokens an answer", "front_tokens"),
    "seconds": ("seconds an answer", "front_seconds"),
    "params": ("parameters of the language models", "front_params"),
    "samples": ("rows that perception saw in training", "front_samples"),
}
"""Cost -> name of its axis, and the column of its front."""
MOST = 5
"""Kinds that the legend has room for in one line."""
LEFT_OUT = ("oracle", "text_only")
"""Not asked the same question: gold descriptions, or no description."""
FRONT: dict[str, Any] = {"color": style.INK, "linewidth": 0.9}
WORDS = (
    "fill: size of the perception module (white: smallest), area: of the reasoning module;"
    " named: end-to-end models, and perception+reasoning on the front; markers that would cover"
    " each other stand side by side."
)
"""What the markers say, after a colon."""


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of systems that are asked the same question."""
    return table[~table["method"].isin(LEFT_OUT)].reset_index(drop=True)


def kind(rows: pd.DataFrame) -> pd.Series:
    """Gives the kind of each system."""
    own = rows["method"] == DECOUPLED
    kinds = rows["method"].where(rows["method"].isin([*KINDS, *DESCRIBED]), "named")
    kinds = kinds.mask(own & rows["thinking"].astype(bool), "thinking")
    other = completed(rows)["perceiver"]
    return kinds.mask(own & other.notna() & (other != INSTRUCT), "described")


def looks(kinds: pd.Series) -> dict[str, tuple[str, dict[str, Any]]]:
    """Gives name and look of every kind that a figure may have to show."""
    return KINDS | {name: own for name, own in DESCRIBED.items() if (kinds == name).any()}


def drawn(rows: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The rows that a panel shows; what costs nothing has no place on a logarithmic axis."""
    least = 0.0 if cost == "generated_tokens" else np.finfo(np.float64).tiny
    return rows[(rows[cost] >= least) & rows["accuracy"].notna()]


def prepare(axes: Axes, rows: pd.DataFrame, cost: str) -> None:
    """Sets scale, limits and name of the cost's axis: logarithmic, tokens from 0 as they add up."""
    rows = drawn(rows, cost)
    axes.set_xlabel(COSTS[cost][0])
    axes.grid(axis="y")
    if not len(rows):
        return
    values = rows[cost].to_numpy(dtype=np.float64)
    if cost == "generated_tokens":
        axes.set_xlim(-0.05 * values.max(), 1.12 * values.max() + 1e-9)
    else:
        axes.set_xscale("log")
        _ticks(axes, values, cost)
    least = rows[["low", "accuracy"]].min(axis=1).min()
    most = rows[["high", "accuracy"]].max(axis=1).max()
    low, high = axes.get_ylim() if axes.has_data() else (least, most)
    room = 0.08 * max(most - least, 0.05)
    axes.set_ylim(min(low, least - room), max(high, most + room))


def points(axes: Axes, rows: pd.DataFrame, cost: str) -> None:
    """Draws systems with intervals, the front and the names, on axes whose layout is fixed."""
    rows = drawn(rows, cost)
    if not len(rows):
        return
    best = rows[rows[COSTS[cost][1]].astype(bool)].sort_values(cost)
    axes.plot(best[cost], best["accuracy"], drawstyle="steps-post", zorder=1.5, **FRONT)
    sizes = 2.4 + 2.6 * _step(rows, "reasoning")
    xy = _beside(axes, rows[[cost, "accuracy"]].to_numpy(dtype=np.float64), sizes)
    kinds, filled = kind(rows), _step(rows, "perception")
    look = {name: own for name, (_, own) in looks(kinds).items()}
    for name in dict.fromkeys(kinds):
        own = (kinds == name).to_numpy()
        _kind(axes, rows[own], cost, xy[own], look[name])
        faces = 1 - (1 - np.array(to_rgb(look[name]["color"]))) * filled[own, None]
        edge: dict[str, Any] = {"edgecolors": look[name]["color"], "linewidths": 0.9}
        edge |= {"marker": look[name]["marker"], "zorder": 2.5}
        axes.scatter(xy[own, 0], xy[own, 1], sizes[own] ** 2, facecolors=faces, **edge)
    _name(axes, rows, xy, best, cost)


def _kind(axes: Axes, rows: pd.DataFrame, cost: str, xy: Floats, look: dict[str, Any]) -> None:
    """The intervals of systems of one kind, as far aside as their points were set."""
    (x, y), bars = xy.T, {"color": look["color"], "elinewidth": 0.6, "capsize": 0}
    style.with_interval(axes, x, y, rows["low"], rows["high"], **bars)
    if f"{cost}_low" in rows:
        centre, log = rows[cost], axes.get_xscale() == "log"
        ends = [rows[f"{cost}_{end}"] for end in ("low", "high")]
        low, high = (end * x / centre if log else end + x - centre for end in ends)
        style.with_interval(axes, x, y, low, high, upright=False, **bars)


def _name(axes: Axes, rows: pd.DataFrame, xy: Floats, best: pd.DataFrame, cost: str) -> None:
    """Names of end-to-end models, and of the systems on the front."""
    named = ((rows["method"] == "end_to_end") | rows.index.isin(best.index)).to_numpy()
    corners = best[[cost, "accuracy"]].to_numpy(dtype=np.float64)
    # The front as it is drawn: across at the height before, then up.
    steps = np.repeat(corners, 2, axis=0)
    steps[1:-1:2, 0] = corners[1:, 0]
    steps[1:-1:2, 1] = corners[:-1, 1]
    texts = [_short(row) for row in rows[named].to_dict("records")]
    labels.name_points(axes, xy[named], texts, lines=[steps], others=xy[~named], size=6.3)


def _short(row: dict[Any, Any]) -> str:
    """`l` of an end-to-end model, `l+m` of perception l and reasoning m."""
    sizes = [row[name] for name in ("perception", "reasoning") if isinstance(row[name], str)]
    return "+".join(sizes) or str(row["method"])


def _step(rows: pd.DataFrame, module: str) -> Floats:
    """Where each size stands among the module's sizes, 0 the smallest, 1 the largest or alone."""
    sizes = style.sizes_in_order(rows, module, f"{module}_params")
    top = max(len(sizes) - 1, 1)
    place = {size: k / top if len(sizes) > 1 else 1.0 for k, size in enumerate(sizes)}
    return np.array([place.get(str(size), 0.5) for size in rows[module]])


def _beside(axes: Axes, xy: Floats, sizes: Floats) -> Floats:
    """The points, those whose markers would cover each other moved sideways by as little as it
    takes (a swarm). `sizes`: of the markers, in points."""
    unit = axes.figure.dpi / 72
    dots = np.asarray(axes.transData.transform(xy), dtype=np.float64)
    reach = sizes / 2 * unit
    placed: list[int] = []
    shifts = sorted(np.arange(-40, 41) * 0.5 * unit, key=abs)
    for k in np.argsort(dots[:, 1], kind="stable"):
        apart = 0.85 * (reach[placed] + reach[k]) + 0.3 * unit
        for shift in shifts:
            tried = dots[k] + (shift, 0.0)
            if (np.hypot(*(dots[placed] - tried).T) >= apart).all():
                dots[k] = tried
                break
        placed.append(int(k))
    moved = np.asarray(axes.transData.inverted().transform(dots), dtype=np.float64)
    return np.column_stack([moved[:, 0], xy[:, 1]])


def legend(figure: Figure, table: pd.DataFrame) -> None:
    """Adds one legend of the kinds that the figure shows."""
    kinds = kind(table)
    handles = [
        Line2D([], [], linestyle="none", markersize=4.5, label=label, **look)
        for name, (label, look) in looks(kinds).items()
        if (kinds == name).any()
    ]
    handles.append(Line2D([], [], label="front", **FRONT))
    across = len(handles) if len(handles) <= MOST else 4
    figure.legend(handles=handles, loc="outside upper center", ncols=across, fontsize=7)


def _ticks(axes: Axes, values: np.ndarray, cost: str) -> None:
    """Ticks at 1, 2, 5 times powers of ten within the values, written out."""
    low, high = values.min(), values.max()
    exponents = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    steps = np.array([1.0, 2.0, 5.0]) if high / low < 60 else np.array([1.0])
    ticks = np.sort((steps[:, None] * 10.0**exponents).ravel())
    ticks = ticks[(ticks >= low / 1.6) & (ticks <= high * 1.6)]
    axes.set_xlim(min(low / 1.3, ticks.min()), max(high * 1.3, ticks.max()))
    text = style.params_text if cost in ("params", "samples") else "{:g}".format
    axes.set_xticks(ticks, [text(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
