"""Systems as points of accuracy against a cost: shared by `efficiency` and `latency`.

In: rows of analyses.efficiency of one task. Out: a drawn panel with both intervals, the front, and
the sizes: the fill of a marker is the perception module's, white for the smallest, its area the
reasoning module's, as the legend says; end-to-end models and systems on the front are named.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D

from analyses.columns import INSTRUCT, completed
from analyses.figures.parts import labels, style
from analyses.stats.arrays import Floats
from analyses.table.sizes import DECOUPLED, sizes_in_order

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "end_to_end": ("end to end", {"color": style.INK, "marker": "o"}),
    "decoupled": ("decoupled", {"color": "#56B4E9", "marker": "s"}),
    "thinking": ("decoupled, with thinking", {"color": "#D55E00", "marker": "^"}),
    "named": ("named methods", {"color": style.PURPLE, "marker": "P"}),
    "blind": ("blind", {"color": "#8c8c8c", "marker": "X"}),
}
DESCRIBED: dict[str, tuple[str, dict[str, Any]]] = {
    "caption_think": ("Caption+Think", style.TRAINED["caption"]),
    "extract_think": ("Extract+Think", style.TRAINED["extract"]),
    "extract_think_scratch": ("Extract+Think, from scratch", style.TRAINED["extract_scratch"]),
    "prism": ("captioner, direct", {"color": "#882255", "marker": "<"}),
    "described": ("decoupled, trained to describe", {"color": "#b0b0b0", "marker": "p"}),
}
"""Kinds whose perception was trained to describe."""
COSTS = {
    "generated_tokens": ("generated tokens an answer", "front_tokens"),
    "seconds": ("seconds an answer", "front_seconds"),
    "params": ("parameters of the models", "front_params"),
    "samples": ("rows that perception saw in training", "front_samples"),
}
"""Cost -> name of its axis, and the column of its front."""
MOST = 5
"""Columns of the legend at most."""
LEFT_OUT = ("oracle", "text_only")
"""Not asked the same question: gold descriptions, or no description."""
FRONT: dict[str, Any] = {"color": style.INK, "linewidth": 0.9}
WORDS = "named: end-to-end models, and perception+reasoning on the front."
"""What stands beside markers."""
CODES = (("perception", "fill: perception"), ("reasoning", "area: reasoning"))
"""Module -> what of a marker shows its size, in the legend."""
LEAST, MORE = 2.4, 2.6
"""Diameter of a marker of the smallest reasoning size, and what the largest has more; points."""


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
    sizes = LEAST + MORE * _step(rows, "reasoning")
    xy = rows[[cost, "accuracy"]].to_numpy(dtype=np.float64)
    kinds, filled = kind(rows), _step(rows, "perception")
    look = {name: own for name, (_, own) in looks(kinds).items()}
    for name in dict.fromkeys(kinds):
        own = (kinds == name).to_numpy()
        _kind(axes, rows[own], cost, look[name])
        faces = 1 - (1 - np.array(to_rgb(look[name]["color"]))) * filled[own, None]
        edge: dict[str, Any] = {"edgecolors": look[name]["color"], "linewidths": 0.9}
        edge |= {"marker": look[name]["marker"], "zorder": 2.5}
        axes.scatter(xy[own, 0], xy[own, 1], sizes[own] ** 2, facecolors=faces, **edge)
    _name(axes, rows, xy, best, cost)


def _kind(axes: Axes, rows: pd.DataFrame, cost: str, look: dict[str, Any]) -> None:
    """The intervals of systems of one kind."""
    x, y = rows[cost], rows["accuracy"]
    bars = {"color": look["color"], "elinewidth": 0.6, "capsize": 0, "alpha": 0.7}
    style.with_interval(axes, x, y, rows["low"], rows["high"], **bars)
    if f"{cost}_low" in rows:
        ends = rows[f"{cost}_low"], rows[f"{cost}_high"]
        style.with_interval(axes, x, y, *ends, upright=False, **bars)


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
    sizes = sizes_in_order(rows, module, f"{module}_params")
    top = max(len(sizes) - 1, 1)
    place = {size: k / top if len(sizes) > 1 else 1.0 for k, size in enumerate(sizes)}
    return np.array([place.get(str(size), 0.5) for size in rows[module]])


def legend(figure: Figure, table: pd.DataFrame) -> None:
    """Adds a legend of the kinds that the figure shows and of how sizes look, in as many columns as
    are not wider than the figure."""
    kinds = kind(table)
    handles: list[Any] = [
        Line2D([], [], label=label, **look | {"linestyle": "none", "markersize": 4.5})
        for name, (label, look) in looks(kinds).items()
        if (kinds == name).any()
    ]
    handles.append(Line2D([], [], label="front", **FRONT))
    names = [str(handle.get_label()) for handle in handles]
    for words, markers in _codes(table).items():
        handles.append(markers)
        names.append(words)
    look = {"fontsize": 6.6, "columnspacing": 1.2}
    wide = {tuple: HandlerTuple(ndivide=None, pad=0.3)}
    for columns in range(MOST, 0, -1):
        rows = range(0, len(names), columns)
        # A legend is filled by columns.
        order = [k + at for at in range(columns) for k in rows if k + at < len(names)]
        made = figure.legend(
            [handles[k] for k in order],
            [names[k] for k in order],
            loc="outside upper center",
            ncols=columns,
            handler_map=wide,
            **look,
        )
        if columns == 1 or made.get_window_extent().width <= figure.bbox.width:
            return
        made.remove()


def _codes(table: pd.DataFrame) -> dict[str, tuple[Line2D, ...]]:
    """Markers as the sizes of each module look, smallest first, by what is said of them."""
    plain: dict[str, Any] = {"linestyle": "none", "marker": "o", "markeredgecolor": style.QUIET}
    found = {}
    for module, words in CODES:
        sizes = sizes_in_order(table, module, f"{module}_params")
        if len(sizes) < 2:
            continue
        markers = []
        for k in range(len(sizes)):
            step = k / (len(sizes) - 1)
            fill, area = (step, 0.8) if module == "perception" else (1.0, step)
            look: dict[str, Any] = {"markersize": LEAST + MORE * area}
            look["markerfacecolor"] = 1 - (1 - np.array(to_rgb(style.QUIET))) * fill
            markers.append(Line2D([], [], **plain | look))
        found[f"{words}, {sizes[0]} to {sizes[-1]}"] = tuple(markers)
    return found


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
