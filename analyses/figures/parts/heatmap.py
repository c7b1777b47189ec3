"""A perception x reasoning grid of accuracies as one panel: shared by `overview` and `grid`.

In: `accuracy` rows of analyses.decoupling of one task and reasoning mode. Out: a drawn panel.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize

from analyses.figures.parts import style
from analyses.table.sizes import sizes_in_order

SHADES = ListedColormap(mpl.colormaps["YlGnBu"](np.linspace(0.05, 0.62, 256)), name="light")
"""Light half of ColorBrewer's YlGnBu, darkening evenly: dark ink reads on each of its colours, so
that neighbours never change ink."""


def scale(rows: pd.DataFrame) -> ScalarMappable:
    """Gives one colour scale for all panels of a figure: light is low, dark is high."""
    known = rows["estimate"].dropna()
    low = float(known.min()) if len(known) else 0.0
    high = float(known.max()) if len(known) else 1.0
    if high - low < 0.05:
        low, high = max(0.0, low - 0.05), min(1.0, high + 0.05)
    return ScalarMappable(Normalize(low, high), SHADES)


def panel(
    axes: Axes,
    rows: pd.DataFrame,
    colours: ScalarMappable,
    *,
    parameters: bool,
    size: float,
    small: float,
    stacked: bool = False,
) -> None:
    """Draws accuracy and interval of each pairing in percent, perception upward, reasoning right.

    `parameters`: sizes are named with their parameters. `size`, `small`: of the accuracies and of
    their intervals, in points. `stacked`: the ends one under the other, where squares are narrow.
    """
    seeing = sizes_in_order(rows, "perception", "perception_params")
    thinking = sizes_in_order(rows, "reasoning", "reasoning_params")
    values = np.full((len(seeing), len(thinking)), np.nan)
    for _, row in rows.iterrows():
        p, r = seeing.index(str(row["perception"])), thinking.index(str(row["reasoning"]))
        values[p, r] = row["estimate"]
        if np.isnan(row["estimate"]):
            axes.text(r, p, "–", ha="center", va="center", color=style.QUIET)
            continue
        if np.isnan(row["low"]):
            _write(axes, r, p, _percent(row["estimate"]), size)
            continue
        _write(axes, r, p + (0.25 if stacked else 0.15), _percent(row["estimate"]), size)
        ends = f"{_percent(row['low'])}–" + "\n" * stacked + _percent(row["high"])
        _write(axes, r, p - (0.2 if stacked else 0.24), ends, small)
    edges = [np.arange(n + 1) - 0.5 for n in values.shape]
    axes.pcolormesh(
        edges[1], edges[0], values, cmap=colours.cmap, clim=colours.get_clim(), edgecolors="white"
    )
    names = [seeing, thinking]
    if parameters:
        names = [style.size_labels(rows, m, f"{m}_params") for m in ("perception", "reasoning")]
    axes.set_xticks(range(len(thinking)), names[1])
    axes.set_yticks(range(len(seeing)), names[0])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _write(axes: Axes, x: float, y: float, text: str, size: float) -> None:
    """Text in a square; the layout need not measure it."""
    look: dict[str, Any] = {"ha": "center", "va": "center", "linespacing": 1.0}
    axes.text(x, y, text, color=style.INK, fontsize=size, **look).set_in_layout(False)


def _percent(value: float) -> str:
    """Percent without the sign: 71."""
    return f"{100 * value:.0f}"
