"""Calibration of analyses.dependence on simulated studies with a known relation.

Run: python -m tests.benchmarks.dependence [--studies 2000] [--draw-only]
In: nothing (`tests.benchmarks.coupling_world`). Out: results/benchmarks/dependence.csv, a row per
cell of the grid and estimator, and dependence.png. Cells that the CSV holds already with as many
studies are not run again.

The grid: T tasks in {8, 15}, items a task in {50, 250, 1000}, spread of true dependence over tasks
in {.05, .1, .2}, slope in {0, .5, 1}. The truth is the slope of the clipped true values. Columns:
`rejected`, the share of studies whose test of no relation has p < .05 (false positives where the
slope is 0); `defined`, the share in which the slope exists; `median` and `coverage` of the 95 %
interval among those. Accepted: false positives at most 6 %; the median of `bces` within .1 of the
truth wherever it is defined in 90 % of studies; coverage of `bces_hc3` at least 92 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import stdtrit

from analyses.figures.parts import style
from analyses.stats.arrays import Floats
from analyses.stats.errors_in_variables import (
    Estimate,
    bces,
    bces_small_sample,
    corrected_covariance,
    independence_test,
)
from analyses.stats.lines import least_squares, theil_sen
from tests.benchmarks.coupling_world import simulate_studies, true_slope

OUT = Path("results/benchmarks/dependence.csv")
TASKS, ITEMS, SPREADS, SLOPES = (8, 15), (50, 250, 1000), (0.05, 0.1, 0.2), (0.0, 0.5, 1.0)
CELL = ["tasks", "items", "spread", "slope"]
RANKED = 400
"""Studies a cell for Theil-Sen, which scipy fits one at a time."""
TESTS = ("noise_corrected", "independence")
NAMES = {
    "noise_corrected": "jackknife",
    "independence": "score",
    "least_squares": "least squares",
    "bces": "BCES",
    "bces_hc3": "BCES, few tasks",
    "theil_sen": "Theil–Sen",
}
LINES = ("least_squares", "bces", "bces_hc3", "theil_sen")


def estimates(xy: Floats, noise: Floats) -> dict[str, Estimate]:
    """Every estimate of many studies."""
    ranked = [theil_sen(points) for points in xy[:RANKED]]
    parts = (np.array([getattr(e, k) for e in ranked]) for k in ("value", "low", "high", "se", "p"))
    return {
        "noise_corrected": corrected_covariance(xy, noise),
        "independence": independence_test(xy, noise),
        "least_squares": least_squares(xy).slope,
        "bces": bces(xy, noise).slope,
        "bces_hc3": bces_small_sample(xy, noise),
        "theil_sen": Estimate(*parts),
    }


def one_cell(
    tasks: int, items: int, spread: float, slope: float, studies: int
) -> Iterator[dict[str, object]]:
    """The rows of one cell."""
    seed = [tasks, items, round(1000 * spread), round(1000 * slope)]
    simulated = simulate_studies(studies, tasks, items, spread, slope, seed)
    truth = true_slope(spread, slope)
    for name, found in estimates(*simulated.points()).items():
        row: dict[str, object] = dict(zip(CELL, (tasks, items, spread, slope)))
        row |= {"truth": truth, "estimator": name, "studies": studies}
        if name in ("least_squares", *TESTS, "bces", "bces_hc3"):
            row["rejected"] = float((found.p < 0.05).mean())
        if name in LINES:
            known = ~np.isnan(found.value)
            inside = (found.low <= truth) & (truth <= found.high)
            row |= {"defined": known.mean(), "median": np.median(found.value[known])}
            row |= {"coverage": inside[known].mean(), "studies_fitted": len(known)}
            row |= {"width": np.median((found.high - found.low)[known])}
        yield row


def run(studies: int) -> pd.DataFrame:
    """All cells, appended to the CSV one by one."""
    done = pd.read_csv(OUT) if OUT.exists() else pd.DataFrame(columns=[*CELL, "studies"])
    done = done[done["studies"] == studies]
    parts = [done] if len(done) else []
    known = set(done[CELL].itertuples(index=False, name=None))
    for cell in product(TASKS, ITEMS, SPREADS, SLOPES):
        if cell not in known:
            parts.append(pd.DataFrame(one_cell(*cell, studies)))
            OUT.parent.mkdir(parents=True, exist_ok=True)
            pd.concat(parts).to_csv(OUT, index=False, float_format="%.4f")
    return pd.read_csv(OUT)


def verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """Each acceptance with the cells in which it fails."""
    null = table[(table["slope"] == 0) & table["estimator"].isin(TESTS)]
    lines = table[table["estimator"] == "bces"]
    lines = lines[lines["defined"] >= 0.9]
    small = table[table["estimator"] == "bces_hc3"]
    checks = [
        *(
            (f"false positives of {name} <= .06", part["rejected"] <= 0.06, part)
            for name, part in null.groupby("estimator")
        ),
        ("median of bces within .1", (lines["median"] - lines["truth"]).abs() <= 0.1, lines),
        ("coverage of bces_hc3 >= .92", small["coverage"] >= 0.92, small),
    ]
    return pd.DataFrame(
        {"check": text, "cells": len(ok), "failed": int((~ok).sum()), "where": _cells(part[~ok])}
        for text, ok, part in checks
    )


def _cells(rows: pd.DataFrame) -> str:
    return "; ".join(
        f"T={r.tasks} n={r.items} spread={r.spread:g} slope={r.slope:g}" for r in rows.itertuples()
    )


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """False positives, medians and coverage in every cell."""
    figure = style.new_figure(style.TWO_COLUMNS, 6.4)
    cells = list(product(TASKS, ITEMS, SPREADS))
    first, *rest = figure.subplots(3, 3, sharex=True)
    null = table[table["slope"] == 0]
    for axes, names, title in (
        (first[0], TESTS, "False positives, tests"),
        (first[1], ("least_squares", "bces", "bces_hc3"), "False positives, intervals"),
    ):
        _series(axes, null, names, "rejected", cells)
        axes.axhline(0.06, color=style.QUIET, linewidth=0.8, linestyle=":")
        axes.set_ylim(0, 0.34)  # room for the legend above the points
        axes.set_title(title)
        axes.legend(fontsize=6)
    first[0].set_ylabel("false positives (slope 0)")
    first[2].axis("off")
    text = "ticks: items a task (50, 250, 1000);\nwithin each, spread .05, .1, .2;\n"
    text += "left half T = 8, right half T = 15\ndotted: 6 % and 92 %; grey: truth"
    first[2].text(0, 0.9, text, va="top", fontsize=7)
    for row, value in zip(rest, ("median", "coverage")):
        for axes, slope in zip(row, SLOPES):
            part = table[table["slope"] == slope]
            _series(axes, part, LINES, value, cells)
            named = {"median": "Median slope", "coverage": "Coverage"}[value]
            axes.set_title(f"{named}, slope {slope:g}")
            if value == "coverage":
                axes.axhline(0.92, color=style.QUIET, linewidth=0.8, linestyle=":")
                axes.set_ylim(0.6, 1.01)
            else:
                axes.axhline(slope, color=style.QUIET, linewidth=0.8)
                axes.set_ylim(slope - 0.45, slope + 0.45)
        row[0].set_ylabel({"median": "median slope", "coverage": "coverage of 95 %"}[value])
    rest[0][0].legend(fontsize=6, loc="lower right", ncols=2)
    studies = int(table["studies"].min())
    style.footnote(
        figure,
        f"n = {studies:,} simulated studies a cell ({RANKED} for Theil–Sen). Bars: 95 % simulation"
        " error; of medians from the median width of intervals.",
    )
    return figure


def _series(
    axes: Axes,
    table: pd.DataFrame,
    names: tuple[str, ...],
    value: str,
    cells: list[tuple[int, int, float]],
) -> None:
    for k, (name, look) in enumerate(zip(names, style.SERIES)):
        part = table[table["estimator"] == name].set_index(["tasks", "items", "spread"])
        part = part.reindex(cells)
        reach = 1.96 * _error(part, value)
        own: dict[str, Any] = look | {"markersize": 2.4, "linewidth": 0.8}
        own |= {"elinewidth": 0.8, "capsize": 1.2}
        for half, label in ((slice(0, 9), NAMES[name]), (slice(9, 18), None)):
            at = np.arange(len(cells))[half] + 0.16 * (k - (len(names) - 1) / 2)
            heights, ends = part[value].to_numpy()[half], reach[half]
            style.with_interval(
                axes, at, heights, heights - ends, heights + ends, label=label, **own
            )
    axes.axvline(8.5, color=style.RULE, linewidth=0.7)
    axes.set_xticks([1, 4, 7, 10, 13, 16], ["50", "250", "1000"] * 2)
    axes.grid(axis="y")


def _error(rows: pd.DataFrame, value: str) -> Floats:
    """Simulation error of a rate, sqrt(p (1 - p) / n), or of a median slope.

    The median of n values from a normal law has the error sqrt(pi / 2) sd / sqrt(n), and the sd is
    taken from the median width of the 95 % intervals, so it holds as far as they do.
    """
    fitted = rows["studies_fitted"] * rows["defined"]
    if value == "median":
        spread = rows["width"] / 2 / stdtrit(rows.index.get_level_values("tasks") - 2, 0.975)
        return np.asarray(np.sqrt(np.pi / 2) * spread / np.sqrt(fitted), dtype=np.float64)
    count = fitted if value == "coverage" else rows["studies"]
    return np.asarray(np.sqrt(rows[value] * (1 - rows[value]) / count), dtype=np.float64)


def main() -> None:
    """Simulates what is missing, writes table and figure, prints the acceptance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--draw-only", action="store_true")
    options = parser.parse_args()
    table = pd.read_csv(OUT) if options.draw_only else run(options.studies)
    draw(table).savefig(OUT.with_suffix(".png"))
    print(verdicts(table).to_string(index=False))
    columns = ["rejected", "defined", "median", "coverage"]
    print(table.groupby(["estimator", "tasks", "slope"])[columns].agg(["min", "max"]).round(3))


if __name__ == "__main__":
    main()
