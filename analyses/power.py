"""How large a difference of sizes must be for these items to show it, and how many items it takes.

In: the tidy table. Out: for the largest against the smallest size of every ladder (method,
perceiver, module, thinking), per task, category and mean: `estimate`, the smallest true difference
found with 80 % power at the 5 % level (shares), with the interval that the measured discordance
gives it; the observed `difference` with its interval as in `downscale compare` (`difference_low`,
`difference_high`), `discordance` E[d^2], `design_effect` of the images, and `items_needed` to find
a difference of 2 points. Formulas and sources: analyses.stats.detectable.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analyses.comparison import why_missing
from analyses.contrasts.differences import DIFFERENCE, Paired
from analyses.contrasts.two_runs import KEY, pair
from analyses.stats.arrays import unknown
from analyses.stats.detectable import Part, detectable_difference, items_needed, spread_of
from analyses.stats.intervals import degenerate_interval, mean_interval
from analyses.table.scores import none_where_missing, scores_of
from analyses.table.sizes import ladder

POINTS = 0.02
"""The difference that `items_needed` is for."""
SAME = 1e-4
"""Ends that are closer differ by the root finder's tolerance."""
MEAN = "from the discordance of several tasks or categories: no interval"
ONE_WAY = (
    "fewer items change than this difference takes: its ends are equal, because to show it all "
    "changes would go one way whatever their share now"
)
LABELS = ("family", "method", "module", "thinking", "small", "large")
COLUMNS = (
    *LABELS,
    *("quantity", "task", "group", "domain", "average", "estimate", "low", "high", "difference"),
    *("difference_low", "difference_high", "discordance", "design_effect", "items_needed"),
    *("n", "clusters", "reason"),
)


def power(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives rows per ladder, task and category; see the module."""
    rows: list[dict[str, object]] = []
    scores = scores_of(frame)
    for labels, small, large in _ladders(scores.cells):
        sides = [frame[frame["cell"] == cell] for cell in (small, large)]
        keys = [pd.MultiIndex.from_frame(side[KEY]) for side in sides]
        sides = [sides[0][keys[0].isin(keys[1])], sides[1][keys[1].isin(keys[0])]]
        if len(sides[0]):
            paired = Paired.of(pair(sides[0], sides[1], [(small, large)]), draws, seed)
            for g in range(len(paired.groups)):
                ends = paired.ends(g)
                observed = {"difference_low": ends[0], "difference_high": ends[1]}
                rows.append(labels | observed | _row(paired, g, draws, seed))
    table = pd.DataFrame(rows, columns=list(scores.labels(COLUMNS)))
    return none_where_missing(table, ("group", "reason", "items_needed"))


def _ladders(cells: pd.DataFrame) -> Iterator[tuple[dict[str, object], str, str]]:
    """The two ends of each ladder; the other module of a pairing is held at its largest."""
    keys = ["family", "method", "perceiver", "thinking"]
    for names, rows in cells.groupby(keys, sort=False, dropna=False):
        for module, other in (("perception", "reasoning"), ("reasoning", "perception")):
            held = ladder(rows, other)
            own = rows[rows[other] == held[-1].size] if held else rows
            rungs = ladder(own, module)
            if len(rungs) >= 2:
                labels: dict[str, object] = dict(zip(keys, names)) | {
                    "module": module,
                    "small": rungs[0].size,
                    "large": rungs[-1].size,
                }
                yield labels, rungs[0].cell, rungs[-1].cell


def _row(paired: Paired, g: int, draws: int, seed: int) -> dict[str, object]:
    group = paired.groups[g]
    found = paired.detectable(g)
    row = unknown(estimate=found, quantity="detectable", **group.labels) | {
        "difference": paired.resampled.estimate[g, DIFFERENCE],
        "discordance": np.nan,
        "design_effect": np.nan,
        "items_needed": None,
        "n": int(paired.resampled.n[g, DIFFERENCE]),
        "clusters": paired.clusters(g),
        "reason": why_missing(paired, g, found),
    }
    if np.isnan(found):
        return row
    if group.members:
        return row | {"reason": row["reason"] or MEAN}
    row |= _spread(paired, g, found, draws, seed)
    same = float(row["high"]) - float(row["low"]) < SAME  # type: ignore[arg-type]
    return row | {"reason": row["reason"] or (ONE_WAY if same else None)}


def _spread(paired: Paired, g: int, found: float, draws: int, seed: int) -> dict[str, object]:
    """What the number follows from, and its ends at those of the discordance."""
    changes, clusters = paired.changes(g), paired.clusters(g)
    error = float(paired.resampled.standard_error()[g, DIFFERENCE])
    psi, effect = spread_of(changes, error)
    known = paired.groups[g].rows[~np.isnan(paired.scores[paired.groups[g].rows, DIFFERENCE])]
    _, low, high = mean_interval(changes**2, paired.codes[known], draws, seed)
    if high - low < 1e-12:
        low, high = degenerate_interval(psi, clusters)
    exact = paired.independent
    binary = bool(np.isin(changes, (-1.0, 0.0, 1.0)).all())
    ends = [
        detectable_difference(
            (Part(len(changes), max(end, 0.0), effect),),
            clusters=clusters,
            binary=binary,
            exact=exact,
        )
        for end in (low, high)
    ]
    needed = items_needed(POINTS, psi, design_effect=effect, binary=binary)
    return {
        "low": min(ends[0], found),  # the root finder's tolerance apart, they are in order
        "high": 1.0 if np.isnan(ends[1]) else max(ends[1], found),
        "discordance": psi,
        "design_effect": effect,
        "items_needed": needed,
    }
