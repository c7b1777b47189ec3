"""Coverage of the 95 % intervals on simulated tables with known truth.

Run: python -m tests.benchmarks.coverage [--studies 2000] [--draws 1000] [--draw-only]
In: nothing. Out: results/benchmarks/coverage.csv, a row per cell, statistic and method, and
coverage.png. Cells that the CSV holds already with as many studies and draws are not run again.

A population of items is drawn: each image has a difficulty, items of an image share it, two models
share the items, a share of the scores is missing. Truths are the population's. Statistics: the
accuracy of the large and of the small model, their difference and relative drop, and the macro mean
of the difference over three tasks. Where every image gives the same value the exact bound stands in
for resampling, as in `analyses.contrasts.contrast`. `t` is estimate +- t(C - 1) x cluster-robust
error, for comparison; `kept` is what `analyses.contrasts.contrast` reports of an accuracy:
`expanded`, never narrower than `share_ends` (of differences: `tests.benchmarks.change_coverage`).
The standard error of a coverage of .95 at 2,000 studies is .005.
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
from analyses.stats.intervals import (
    Resampled,
    degenerate_interval,
    quantiles,
    resample,
    share_ends,
)
from tests.benchmarks.peer_intervals import METHODS, interval, tails

OUT = Path("results/benchmarks/coverage.csv")
IMAGES = (10, 20, 30, 60, 250)
PER_IMAGE = ("1", "1-5")
"""Items an image; `1-5` differs by image."""
LEVELS = (0.3, 0.6, 0.9, 0.97)
"""Accuracy of the large model; the last two are near the ceiling."""
MISSING = (0.0, 0.1)
CELL = ["images", "per_image", "level", "missing"]
TASKS, AT_ONCE = 3, 100
NAMES = {
    "percentile": "percentile bootstrap",
    "expanded": "expanded percentile",
    "bca": "BCa: bias-corrected, accelerated",
    "t": "t with cluster-robust error",
    "kept": "reported: expanded, at least adjusted Wald\n(accuracies)",
}
LOOKS: dict[str, dict[str, Any]] = {
    "percentile": {"color": style.SERIES[1]["color"], "marker": "s"},
    "expanded": {"color": style.SERIES[0]["color"], "marker": "o"},
    "bca": {"color": style.SERIES[2]["color"], "marker": "^"},
    "t": {"color": style.QUIET, "marker": "D", "markerfacecolor": "white"},
    "kept": {"color": "#000000", "marker": "v"},
}
"""Interval -> its name and look, in the order drawn."""
STATISTICS = ("accuracy, large", "accuracy, small", "difference", "relative drop", "macro mean")


def draw_scores(
    level: float, missing: float, image: np.ndarray, studies: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Scores of the large and the small model, (items, studies) each, missing in the same rows."""
    hard = rng.beta(2 * level, 2 * (1 - level), (image.max() + 1, studies))[image]
    large = (rng.random(hard.shape) < hard).astype(float)
    small = (rng.random(hard.shape) < 0.25 + 0.5 * hard).astype(float)
    gone = rng.random(hard.shape) < missing
    large[gone] = small[gone] = np.nan
    return large, small


def images_of(images: int, per_image: str, rng: np.random.Generator) -> np.ndarray:
    """The image of each item."""
    sizes = rng.integers(1, 6, images) if per_image == "1-5" else np.full(images, int(per_image))
    return np.repeat(np.arange(images), sizes)


def one_cell(
    images: int, per_image: str, level: float, missing: float, studies: int, draws: int
) -> Iterator[dict[str, object]]:
    """The rows of one cell: coverage of every statistic by every method."""
    seed = [images, PER_IMAGE.index(per_image), round(100 * level), round(100 * missing)]
    rng = np.random.default_rng(seed)
    difference = 0.5 * level - 0.25
    truths = dict(zip(STATISTICS, (level, 0.25 + 0.5 * level, difference, difference / level)))
    truths["macro mean"] = difference
    hits: dict[tuple[str, str], list[np.ndarray]] = {}
    widths: dict[tuple[str, str], list[np.ndarray]] = {}
    for chunk in range(studies // AT_ONCE):
        codes = [images_of(images, per_image, rng) + k * images for k in range(TASKS)]
        drawn = [draw_scores(level, missing, c - c.min(), AT_ONCE, rng) for c in codes]
        scores = np.concatenate([np.hstack([a, b, a - b]) for a, b in drawn])
        clusters, tasks = np.concatenate(codes), np.repeat(range(TASKS), [len(c) for c in codes])
        groups = {str(k): np.flatnonzero(tasks == k) for k in range(TASKS)}
        result = resample(scores, clusters, groups, tasks, draws=draws, seed=chunk)
        result = result.with_means_of_groups(np.ones((TASKS, scores.shape[1]), dtype=bool))
        for key, (low, high) in ends(result).items():
            known = ~np.isnan(low)
            inside = (low <= truths[key[0]] + 1e-9) & (truths[key[0]] - 1e-9 <= high)
            hits.setdefault(key, []).append(inside[known])
            widths.setdefault(key, []).append((high - low)[known])
    for (statistic, method), inside_of in hits.items():
        row: dict[str, object] = dict(zip(CELL, (images, per_image, level, missing)))
        row |= {"statistic": statistic, "truth": truths[statistic], "method": method}
        covered, width = np.concatenate(inside_of), np.concatenate(widths[statistic, method])
        row |= {"coverage": covered.mean(), "width": np.median(width), "studies": studies}
        yield row | {"draws": draws}


def ends(result: Resampled) -> dict[tuple[str, str], tuple[Floats, Floats]]:
    """(statistic, method) -> ends, (AT_ONCE,) each: the first task's, and the mean of the tasks."""
    error, count = result.standard_error(), result.clusters
    reach = stdtrit(np.maximum(count - 1, 1), 0.975) * error
    both = {method: interval(result, method) for method in METHODS}
    both["t"] = result.estimate - reach, result.estimate + reach
    centre, half = share_ends(result.estimate, error, count, 0.0, 1.0)
    ours = both["expanded"]
    both["kept"] = np.minimum(ours[0], centre - half), np.maximum(ours[1], centre + half)
    large, small, difference = (slice(k * AT_ONCE, (k + 1) * AT_ONCE) for k in range(3))
    parts = {
        "accuracy, large": (0, large, 0.0),
        "accuracy, small": (0, small, 0.0),
        "difference": (0, difference, -1.0),
        "macro mean": (TASKS, difference, -1.0),
    }
    found = {}
    for method, (low, high) in both.items():
        for name, (g, columns, least) in parts.items():
            if method == "kept" and not name.startswith("accuracy"):
                continue
            value, flat = result.estimate[g, columns], error[g, columns] < 1e-12
            exact = [degenerate_interval(v, c, least) for v, c in zip(value, count[g, columns])]
            pair = np.array(exact).T
            found[name, method] = (
                np.where(flat, pair[0], low[g, columns]),
                np.where(flat, pair[1], high[g, columns]),
            )
        if method in METHODS and method != "bca":
            cut = np.stack([tail[0, difference] for tail in tails(result, method)])
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = result.replicates[:, 0, difference] / result.replicates[:, 0, large]
            ratio[~np.isfinite(ratio)] = np.nan
            low, high = quantiles(ratio, cut)
            void = (error[0, difference] < 1e-12) | (np.isnan(ratio).mean(axis=0) > 0.025)
            found["relative drop", method] = np.where(void, np.nan, low), high
    return found


def run(studies: int, draws: int) -> pd.DataFrame:
    """All cells, appended to the CSV one by one."""
    text = {"per_image": str}
    done = pd.DataFrame(columns=[*CELL, "studies", "draws"])
    if OUT.exists():
        done = pd.read_csv(OUT, dtype=text)
        done = done.iloc[:0] if "level" not in done else done
        done = done[(done["studies"] == studies) & (done["draws"] == draws)]
    parts = [done] if len(done) else []
    known = set(done[CELL].itertuples(index=False, name=None))
    for cell in product(IMAGES, PER_IMAGE, LEVELS, MISSING):
        if cell not in known:
            parts.append(pd.DataFrame(one_cell(*cell, studies, draws)))
            OUT.parent.mkdir(parents=True, exist_ok=True)
            pd.concat(parts).to_csv(OUT, index=False, float_format="%.5g")
    return pd.read_csv(OUT, dtype=text)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Coverage against images, a panel per statistic; a point per cell and its method's mean."""
    figure = style.new_figure(style.TWO_COLUMNS, 5.2)
    flat = figure.subplots(2, 3, sharey=True).ravel()
    images = sorted(table["images"].unique())
    for axes, statistic in zip(flat, STATISTICS):
        axes.grid(axis="y")
        for k, (method, look) in enumerate(LOOKS.items()):
            part = table[(table["statistic"] == statistic) & (table["method"] == method)]
            if len(part):
                _points(axes, part, images, 0.16 * (k - 2), look | {"label": NAMES[method]})
        axes.axhspan(0.93, 0.97, color=style.RULE, alpha=0.4, linewidth=0)
        axes.set_title(f"Coverage: {statistic}")
        axes.set_xticks(range(len(images)), [str(n) for n in images])
        axes.set_xlabel("images a task")
        axes.set_ylim(min(0.84, table["coverage"].min() - 0.01), 1.005)
    for axes in flat[::3]:
        axes.set_ylabel("coverage of 95 %")
    flat[5].axis("off")
    flat[5].legend(*flat[0].get_legend_handles_labels(), loc="center", fontsize=7)
    studies = int(table["studies"].min())
    share = 196 * np.sqrt(0.95 * 0.05 / studies)
    style.footnote(
        figure,
        f"n = {studies:,} studies a cell; small: cells (items an image, level, missing), each with"
        f" a 95 % simulation error of ±{share:.1f} points;\nlarge: their mean, with its own; band:"
        " 93 to 97 %.",
    )
    return figure


def _points(
    axes: Axes, rows: pd.DataFrame, images: list[int], shift: float, look: dict[str, Any]
) -> None:
    """A small point per cell; the mean of the cells with its simulation error, 1.96 se."""
    x = np.array([images.index(n) for n in rows["images"]]) + shift
    small = look | {"markersize": 1.6, "linestyle": "none", "label": None}
    axes.plot(x, rows["coverage"], alpha=0.35, **small)
    share, cells = rows["coverage"], rows.groupby("images")["coverage"]
    error = np.sqrt((share * (1 - share) / rows["studies"]).groupby(rows["images"]).sum())
    mean, reach = cells.mean(), 1.96 * error / cells.size()
    at = np.array([images.index(n) for n in mean.index]) + shift
    style.with_interval(axes, at, mean, mean - reach, mean + reach, **look)


def main() -> None:
    """Simulates what is missing, writes table and figure, prints coverage by method and images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--draw-only", action="store_true")
    options = parser.parse_args()
    stored = options.draw_only
    table = pd.read_csv(OUT) if stored else run(options.studies, options.draws)
    draw(table).savefig(OUT.with_suffix(".png"))
    table["inside"] = table["coverage"].between(0.93, 0.97)
    table["ceiling"] = table["level"] >= 0.9
    by = table.groupby(["images", "ceiling", "method"])
    print(by.agg(least=("coverage", "min"), mean=("coverage", "mean"), inside=("inside", "mean")))


if __name__ == "__main__":
    main()
