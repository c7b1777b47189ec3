"""A perception x reasoning grid of accuracies as one panel: shared by `overview` and `grid`.

In: `accuracy` rows of analyses.decoupling of one task and reasoning mode. Out: a drawn panel.
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from analyses.figures import style
from analyses.resampling import Floats


def scale(rows: pd.DataFrame) -> ScalarMappable:
    """One colour scale for all panels of a figure: light is low, dark is high."""
    known = rows["estimate"].dropna()
    low = float(known.min()) if len(known) else 0.0
    high = float(known.max()) if len(known) else 1.0
    if high - low < 0.05:
        low, high = max(0.0, low - 0.05), min(1.0, high + 0.05)
    return ScalarMappable(Normalize(low, high), mpl.colormaps["cividis_r"])


def panel(
    axes: Axes, rows: pd.DataFrame, colours: ScalarMappable, *, parameters: bool, size: float = 7.5
) -> None:
    """Accuracy and its interval of each pairing, perception upward, reasoning to the right.

    `parameters`: sizes are named with their parameters. `size`: of the accuracies, in points.
    """
    seeing = style.sizes_in_order(rows, "perception", "perception_params")
    thinking = style.sizes_in_order(rows, "reasoning", "reasoning_params")
    values = np.full((len(seeing), len(thinking)), np.nan)
    for _, row in rows.iterrows():
        p, r = seeing.index(str(row["perception"])), thinking.index(str(row["reasoning"]))
        values[p, r] = row["estimate"]
        if np.isnan(row["estimate"]):
            axes.text(r, p, "–", ha="center", va="center", color=style.QUIET)
            continue
        ink = _ink(np.asarray(colours.to_rgba(row["estimate"]))[:3])
        lift = 0.0 if np.isnan(row["low"]) else 0.12
        _write(axes, r, p + lift, _two(row["estimate"]), ink, size)
        if lift:
            _write(axes, r, p - 0.24, f"{_two(row['low'])}–{_two(row['high'])}", ink, 0.68 * size)
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


def _write(axes: Axes, x: float, y: float, text: str, ink: str, size: float) -> None:
    """Text in a square; the layout need not measure it."""
    written = axes.text(x, y, text, ha="center", va="center", color=ink, fontsize=size)
    written.set_in_layout(False)


def _ink(shade: Floats) -> str:
    """Black or white, whichever contrasts more with the shade (WCAG 2 relative luminance)."""
    linear = np.where(shade <= 0.04045, shade / 12.92, ((shade + 0.055) / 1.055) ** 2.4)
    return "white" if float(linear @ [0.2126, 0.7152, 0.0722]) < 0.179 else style.INK


def _two(value: float) -> str:
    """Two decimals without the leading zero: .71, 1.00."""
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0") else text
