"""Coverage of the 95 % intervals of paired differences where few answers change.

Run: python -m tests.benchmarks.change_coverage [--studies 2000] [--draws 1000] [--draw-only]
In: nothing. Out: results/benchmarks/change_coverage.csv, a row per kind of study and way of making
the interval, and change_coverage.png.

Two systems that are nearly alike differ on few items, and resampling cannot see the changes that
did not happen to occur. `resampling` is the expanded percentile interval alone (with the exact
bound where nothing changed), `reported` what the analyses report: never narrower than the adjusted
Wald interval (`analyses.contrasts.limits`). Studies are those of `paired_world`: one task, images
of three items, images of one and of twenty, a mean of six tasks. The standard error of a coverage
of .95 at 2,000 studies is .005.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.contrasts.estimates import Estimates
from analyses.contrasts.limits import Limits
from analyses.figures.parts import style
from analyses.stats.intervals import degenerate_interval, resample
from analyses.table.scores import Group
from tests.benchmarks.paired_world import Condition, changes

OUT = Path("results/benchmarks/change_coverage.csv")
IMAGES = (20, 60, 100, 250, 500)
CHANGES = ((0.03, -0.01), (0.05, -0.01), (0.04, -0.02), (0.1, -0.02), (0.3, -0.1))
"""Share of items that change, and the true difference."""
LAYOUTS: tuple[tuple[str, int, tuple[int, ...]], ...] = (
    ("one task", 1, (1,)),
    ("3 items an image", 1, (3,)),
    ("1 or 20 items an image", 1, (*(1,) * 9, 20)),
    ("mean of 6 tasks", 6, (1,)),
)
AT_ONCE = 200
DIFFERENCE = np.repeat([[1.0], [-1.0]], AT_ONCE, axis=1)
"""Weights of the two systems in every column: each column is a study."""


def ends_of(condition: Condition, delta: float, draws: int, seed: int) -> dict[str, np.ndarray]:
    """(AT_ONCE, 2) ends by both ways, of as many drawn studies."""
    tasks = len(condition.discordance)
    rng = np.random.default_rng([seed, 11])
    drawn = [
        np.column_stack([changes(condition, k, delta, rng) for _ in range(AT_ONCE)])
        for k in range(tasks)
    ]
    image = np.repeat(np.arange(condition.images), condition.per_image)
    codes = np.concatenate([image + k * condition.images for k in range(tasks)])
    rows = [np.arange(k * len(image), (k + 1) * len(image)) for k in range(tasks)]
    result = resample(
        np.concatenate(drawn), codes, {str(k): r for k, r in enumerate(rows)},
        np.repeat([str(k) for k in range(tasks)], len(image)), draws=draws, seed=seed,
    )  # fmt: skip
    groups = [Group(str(k), None, "in_domain", "items", r) for k, r in enumerate(rows)]
    if tasks > 1:
        result = result.with_means_of_groups(np.ones((tasks, AT_ONCE), dtype=bool))
        every = np.arange(len(codes))
        groups.append(Group("mean", None, "in_domain", "tasks", every, tuple(range(tasks))))
    planned = np.ones((len(groups), AT_ONCE), dtype=bool)
    estimates = Estimates(tuple(groups), result, planned, np.zeros(planned.shape, dtype=np.int64))
    ends = Limits.of(estimates, DIFFERENCE, (0.0, 1.0))
    last = len(groups) - 1
    reported = [ends.row(last, column, None) for column in range(AT_ONCE)]
    alone = np.column_stack([side[last] for side in result.interval()])
    flat = result.standard_error()[last] < 1e-12
    alone[flat] = degenerate_interval(0.0, condition.images * tasks, -1.0, 1.0)
    return {
        "resampling": alone,
        "reported": np.array([[row["low"], row["high"]] for row in reported], dtype=np.float64),
    }


def one_kind(
    layout: tuple[str, int, tuple[int, ...]], images: int, psi: float, delta: float,
    studies: int, draws: int,
) -> list[dict[str, object]]:  # fmt: skip
    """The two rows of one kind of study."""
    name, tasks, sizes = layout
    condition = Condition(name, images, (psi,) * tasks, sizes, 0.5 if sizes != (1,) else 0.0)
    found = [ends_of(condition, delta, draws, seed) for seed in range(studies // AT_ONCE)]
    rows: list[dict[str, object]] = []
    for way in ("resampling", "reported"):
        ends = np.concatenate([part[way] for part in found])
        covered = (ends[:, 0] <= delta + 1e-9) & (delta - 1e-9 <= ends[:, 1])
        rows.append(
            {
                "layout": name,
                "images": images,
                "discordance": psi,
                "difference": delta,
                "interval": way,
                "coverage": covered.mean(),
                "width": float(np.median(ends[:, 1] - ends[:, 0])),
                "studies": len(ends),
                "draws": draws,
            }
        )
    return rows


def main() -> None:
    """Simulates, and writes table and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--draw-only", action="store_true")
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    kinds = () if options.draw_only else product(LAYOUTS, IMAGES, CHANGES)
    for layout, images, (psi, delta) in kinds:
        rows += one_kind(layout, images, psi, delta, options.studies, options.draws)
        OUT.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(OUT, index=False, float_format="%.4g")
    table = pd.read_csv(OUT)
    print(table.groupby(["layout", "images", "interval"])["coverage"].agg(["min", "max"]))
    draw(table).savefig(OUT.with_suffix(".png"))


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Coverage against images, a panel per layout; small points are kinds of change."""
    layouts, images = list(dict.fromkeys(table["layout"])), sorted(table["images"].unique())
    figure = style.new_figure(style.TWO_COLUMNS, 2.9)
    panels = figure.subplots(1, len(layouts), sharey=True)
    for axes, layout in zip(panels, layouts):
        axes.axhspan(0.93, 0.97, color="#ececec", zorder=0, linewidth=0)
        axes.axhline(0.95, color=style.QUIET, linewidth=0.8)
        for k, way in enumerate(("resampling", "reported")):
            rows = table[(table["layout"] == layout) & (table["interval"] == way)]
            number = rows.groupby("images").cumcount().to_numpy()
            x = np.array([images.index(n) for n in rows["images"]], dtype=np.float64)
            x += (k - 0.5) * 0.42 + 0.07 * (number - 2)
            y = rows["coverage"].to_numpy(dtype=np.float64)
            error = 1.96 * np.sqrt(y * (1 - y) / rows["studies"].to_numpy(dtype=np.float64))
            look = {**style.SERIES[k], "linestyle": "none", "label": way, "markersize": 3}
            style.with_interval(axes, x, y, y - error, np.minimum(y + error, 1.0), **look)
        axes.set_xticks(range(len(images)), [str(n) for n in images])
        axes.set_xlabel("images a task")
        axes.set_title(layout)
    panels[0].set_ylabel("coverage of 95 % intervals")
    panels[-1].legend(loc="lower right")
    style.footnote(
        figure,
        f"n = {int(table['studies'].min()):,} studies a point, one point per share of changes and"
        " difference, in the table's order; bars are 95 % simulation error; band: 93 to 97 %.",
    )
    return figure


if __name__ == "__main__":
    main()
