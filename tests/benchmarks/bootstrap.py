"""Time and memory of the bootstrap on a large study, and against scipy's on a part of it.

Run: OMP_NUM_THREADS=2 python -m tests.benchmarks.bootstrap [--draw-only]
In: nothing. Out: results/benchmarks/bootstrap.csv, a row per case: seconds (wall and processor),
peak memory of a fresh process, and scipy's seconds for the same numbers; bootstrap.png. The target
is 10,000 draws x 10,000 items x 100 cells (a million rows) in under 10 s and 2 GB on 2 cores.

scipy.stats.bootstrap is timed on a part, PART_DRAWS draws of PART_CELLS cells, and scaled by draws
x cells: it resamples every cell as its own column, so its work is proportional. Compared are
processor seconds, which other work on the machine (`load`) does not lengthen as it does the wall's.
Each case runs in a process of its own, one after the other, in the same run of this file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import bootstrap

from analyses.figures.parts import style
from analyses.stats.intervals import resample

OUT = Path("results/benchmarks/bootstrap.csv")
DRAWS, ITEMS, CELLS = 10_000, 10_000, 100
PART_DRAWS, PART_CELLS = 200, 5
CASES = ("one item an image", "two items an image", "ten tasks", "missing rows", "scipy, part")


def scores_of(case: str) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Scores (items, cells), images, groups and strata of a case."""
    rng = np.random.default_rng(0)
    scores = (rng.random((ITEMS, CELLS)) < 0.6).astype(np.float64)
    if case == "missing rows":
        scores[rng.random(scores.shape) < 0.02] = np.nan
    images = np.arange(ITEMS) // (2 if case == "two items an image" else 1)
    tasks = np.arange(ITEMS) // (ITEMS // 10) if case == "ten tasks" else np.zeros(ITEMS, dtype=int)
    groups = {str(k): np.flatnonzero(tasks == k) for k in range(int(tasks.max()) + 1)}
    return scores, images, groups, tasks


def measure(case: str) -> dict[str, float]:
    """Seconds and peak memory of one case, in this process."""
    scores, images, groups, tasks = scores_of(case)
    before, spent = time.perf_counter(), time.process_time()
    if case == "scipy, part":
        part = scores[:, :PART_CELLS].T
        bootstrap((part,), np.mean, axis=-1, n_resamples=PART_DRAWS, batch=20, method="percentile")
    else:
        resample(scores, images, groups, tasks, draws=DRAWS).interval()
    return {
        "seconds": time.perf_counter() - before,
        "processor_seconds": time.process_time() - spent,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def main() -> None:
    """Every case in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--draw-only", action="store_true")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.case)))
        return
    if not options.draw_only:
        write()
    draw(pd.read_csv(OUT)).savefig(OUT.with_suffix(".png"))


def write() -> None:
    """Measures every case, and writes the table."""
    rows = []
    for case in CASES:
        command = [sys.executable, "-m", "tests.benchmarks.bootstrap", "--case", case]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        part = case == "scipy, part"
        size = {"draws": PART_DRAWS if part else DRAWS, "items": ITEMS}
        size["cells"] = PART_CELLS if part else CELLS
        rows.append({"case": case, **size, **found})
    table = pd.DataFrame(rows)
    scipy = table.iloc[-1]
    scale = DRAWS * CELLS / (scipy["draws"] * scipy["cells"])
    table["scipy_processor_seconds"] = scipy["processor_seconds"] * scale
    table["times_faster"] = table["scipy_processor_seconds"] / table["processor_seconds"]
    table.loc[table.index[-1], ["scipy_processor_seconds", "times_faster"]] = np.nan
    table["threads"] = os.environ.get("OMP_NUM_THREADS", "all")
    table["load"] = os.getloadavg()[0]
    table["machine"] = f"{platform.machine()}, {os.cpu_count()} cores"
    OUT.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(OUT, index=False, float_format="%.4g")
    print(table.to_string(index=False))


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Processor seconds beside scipy's, wall seconds and memory beside their targets."""
    ours = table[table["times_faster"].notna()]
    figure = style.new_figure(style.TWO_COLUMNS, 0.32 * len(ours) + 1.2)
    left, right, memory = figure.subplots(1, 3, sharey=True)
    y = np.arange(len(ours))[::-1].astype(float)
    peer, own, line = style.SERIES[1], style.SERIES[0], {"color": style.QUIET, "linewidth": 0.8}
    left.plot(ours["scipy_processor_seconds"], y, **{**peer, "linestyle": "none", "label": "scipy"})
    left.plot(ours["processor_seconds"], y, **{**own, "linestyle": "none", "label": "the suite"})
    left.set_xscale("log")
    left.set_title("Processor time")
    left.set_xlabel("seconds")
    left.legend(loc="upper center", bbox_to_anchor=(0.55, 1.0), ncols=1)
    for axes, column, most, title, unit in (
        (right, "seconds", 10, "Wall time", "seconds"),
        (memory, "peak_gb", 2, "Peak memory", "GB"),
    ):
        axes.plot(ours[column], y, **{**own, "linestyle": "none"})
        axes.axvline(most, **line)
        axes.annotate("target", (most, y[0] + 0.45), ha="right", fontsize=7, color=style.QUIET)
        axes.set_xlim(0, 1.08 * most)
        axes.set_title(title)
        axes.set_xlabel(unit)
    for axes in (left, right, memory):
        axes.grid(axis="x")
        axes.set_ylim(-0.6, len(ours) - 0.2)
    left.set_yticks(y, ours["case"])
    first = ours.iloc[0]
    style.footnote(
        figure,
        f"n = {first['draws']:,} draws x {first['items']:,} items x {first['cells']} cells, one"
        f" measurement a point, {first['threads']} threads on {first['machine']}.\nscipy: measured"
        " on a part and scaled by draws x cells.",
    )
    return figure


if __name__ == "__main__":
    main()
