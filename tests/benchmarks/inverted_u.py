"""How often the tests of an inverted U find one, on simulated studies with known truth.

Run: python -m tests.benchmarks.inverted_u [--studies 2000] [--draws 200] [--workers 1]
In: nothing. Out: results/benchmarks/inverted_u.csv and .png: per truth, sizes and images, the
share of studies in which each test finds an inverted U at 5 %.

A study asks every item with and without thinking at every size. Images have a difficulty that
their items share, and items one that all answers share; the truth is the gain at each size. A true
inverted U shows the power, every other truth the false positives. The standard error of a share at
2,000 studies is at most .005 near .05.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.figures.parts import style
from analyses.stats.intervals import resample
from analyses.stats.inverted_u import Gains, shape_rows

OUT = Path("results/benchmarks/inverted_u.csv")
SIZES = (4, 6)
IMAGES = (60, 250, 1000)
PER_IMAGE = 2
PARAMS = (6e8, 8e9)
LEVEL = 0.05
Truth = Callable[[np.ndarray], np.ndarray]
TRUTHS: dict[str, Truth] = {
    "flat": lambda u: np.full_like(u, 0.1),
    "rises": lambda u: 0.2 * u,
    "falls": lambda u: 0.2 - 0.2 * u,
    "saturates": lambda u: 0.2 * (1 - np.exp(-4 * u)) / (1 - np.exp(-4)),
    "rises, then level": lambda u: 0.2 * np.minimum(2 * u, 1.0),
    "steps up once": lambda u: 0.2 * (u > 0.2),
    "falls, then rises": lambda u: 0.2 * (2 * u - 1) ** 2,
    "inverted U, small": lambda u: 0.1 * (1 - (2 * u - 1) ** 2),
    "inverted U, large": lambda u: 0.2 * (1 - (2 * u - 1) ** 2),
}
"""Gain at u, the size's place from 0 (smallest) to 1 (largest) in log10 parameters."""
REAL = "inverted U"
TESTS = ("inverted_u", "lind_mehlum", "best_inside")


@dataclass(frozen=True)
class Setting:
    """One cell of the benchmark."""

    truth: str
    sizes: int
    images: int
    studies: int
    draws: int


def one_study(setting: Setting, rng: np.random.Generator, seed: int) -> dict[str, float]:
    """p of the two tests and the share of draws whose best size is inside."""
    u = np.linspace(0, 1, setting.sizes)
    gain = TRUTHS[setting.truth](u)
    direct = 0.3 + 0.25 * u
    hard = np.repeat(rng.normal(0, 0.12, setting.images), PER_IMAGE)
    hard += rng.normal(0, 0.12, len(hard))
    hard = np.clip(hard, -0.25, 0.2)[:, None]  # no probability is cut: the truth stays the truth
    hard -= hard.mean()
    without = rng.random((len(hard), setting.sizes)) < direct + hard
    with_it = rng.random((len(hard), setting.sizes)) < direct + gain + hard
    scores = with_it.astype(float) - without
    clusters = np.repeat(np.arange(setting.images), PER_IMAGE)
    found = resample(scores, clusters, draws=setting.draws, seed=seed)
    influence = found.influence[0].scores
    count = setting.images
    params = 10 ** np.linspace(*np.log10(PARAMS), setting.sizes)
    covariance = influence.T @ influence * count / (count - 1)
    gains = Gains(
        params, found.estimate[0], covariance, found.replicates[:, 0], count, float(count - 1)
    )
    rows = {
        str(row["quantity"]): row
        for row in shape_rows(gains, [str(k) for k in range(setting.sizes)])
        if row["reasoning"] is None
    }
    return {
        name: float(rows[name]["estimate" if name == "best_inside" else "p"])  # type: ignore[arg-type]
        for name in TESTS
    }


def run(setting: Setting) -> list[dict[str, object]]:
    """Shares over the studies of one setting."""
    names = list(TRUTHS)
    rng = np.random.default_rng([names.index(setting.truth), setting.sizes, setting.images])
    studies = pd.DataFrame([one_study(setting, rng, k) for k in range(setting.studies)])
    rows: list[dict[str, object]] = []
    for name in TESTS:
        sure = 1 - studies[name] if name == "best_inside" else studies[name]
        hit = float((sure < LEVEL).mean())
        error = float(np.sqrt(hit * (1 - hit) / setting.studies))
        own = {"truth": setting.truth, "sizes": setting.sizes, "images": setting.images}
        own |= {"items": PER_IMAGE * setting.images, "test": name, "found": hit, "se": error}
        rows.append(own | {"studies": setting.studies, "draws": setting.draws})
    return rows


NAMES = {
    "inverted_u": "intersection-union (primary)",
    "lind_mehlum": "Lind–Mehlum",
    "best_inside": "best size inside in > 95 % of draws",
}


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Share of studies that find one, by truth: a panel per number of sizes and images."""
    figure = style.new_figure(style.TWO_COLUMNS, 5.4)
    grid = figure.subplots(len(SIZES), len(IMAGES), sharex=True, sharey=True, squeeze=False)
    truths = list(TRUTHS)[::-1]
    for row, sizes in zip(grid, SIZES):
        for axes, images in zip(row, IMAGES):
            part = table[(table["sizes"] == sizes) & (table["images"] == images)]
            for k, (name, label) in enumerate(NAMES.items()):
                own = part[part["test"] == name].set_index("truth").loc[truths]
                y = np.arange(len(truths)) + 0.22 * (1 - k)
                reach = 1.96 * own["se"]
                look = {key: value for key, value in style.SERIES[k].items() if key != "linestyle"}
                ends = own["found"] - reach, own["found"] + reach
                style.with_interval(
                    axes, own["found"], y, *ends, upright=False, label=label, **look
                )
            axes.axvline(0.06, color=style.QUIET, linewidth=0.7, linestyle=":")
            real = sum(truth.startswith(REAL) for truth in truths)
            axes.axhline(real - 0.5, color=style.RULE, linewidth=0.8)
            axes.set_yticks(range(len(truths)), truths)
            axes.set_title(f"{sizes} sizes, {PER_IMAGE * images:,} items", fontweight="normal")
            axes.set_xlim(-0.03, 1.03)
            axes.grid(axis="x")
    for axes in grid[-1]:
        axes.set_xlabel("share of studies")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    studies = int(table["studies"].iloc[0])
    style.footnote(
        figure,
        f"n = {studies:,} studies a point, with 95 % intervals; dotted: 6 %. Below the line a"
        " finding is right, above it wrong.",
    )
    return figure


def main() -> None:
    """Simulates, writes the table and the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    settings = [
        Setting(truth, sizes, images, options.studies, options.draws)
        for truth, sizes, images in product(TRUTHS, SIZES, IMAGES)
    ]
    with ProcessPoolExecutor(options.workers) as pool:
        rows = [row for part in pool.map(run, settings) for row in part]
    table = pd.DataFrame(rows)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(OUT, index=False, float_format="%.4f")
    draw(table).savefig(OUT.with_suffix(".png"))
    wide = table.pivot_table("found", ["truth", "sizes", "images"], "test", sort=False)
    print(wide.to_string(float_format="%.3f"))


if __name__ == "__main__":
    main()
