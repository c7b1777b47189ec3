"""Does the comparison keep its promises? Rates of wrong verdicts on studies with known truth.

Run: python -m tests.benchmarks.comparison [--studies 2000] [--draws 2000]; it resumes.
In: nothing. Out: results/benchmarks/comparison.csv, a row per kind of study, and comparison.png.

Without a true difference: how often the verdict is `better` or `worse` (nominal at most 2.5 %
each) and p < .05 (at most 5 %). With a true loss of exactly the margin: how often it is `not worse`
or `better` (nominal 2.5 %, promised at most 5 %), and how often the bootstrap alone,
without the adjusted ends, would have said so. Coverage of the intervals at both truths. The
standard error of a rate of 2.5 % at 2,000 studies is .0035.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.comparison import BETTER, NOT_WORSE, WORSE, verdict
from analyses.contrasts.differences import DIFFERENCE
from analyses.figures.parts import style
from tests.benchmarks.paired_world import Condition, study

OUT = Path("results/benchmarks")
MARGIN = 0.02
SIX = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
CONDITIONS = (
    *(
        Condition(f"{n:,} items, {psi:.0%} change", n, (psi,))
        for n in (60, 200, 250)
        for psi in (0.02, 0.1, 0.3)
    ),
    Condition("20 images of 3", 20, (0.3,), (3,), 0.5),
    Condition("80 images of 3", 80, (0.3,), (3,), 0.5),
    Condition("250 images of 3, ceiling", 250, (0.03,), (3,), 0.5),
    Condition("80 images of 1 to 8", 80, (0.3,), (1, 2, 8), 0.5),
    Condition("80 images of 1 to 8, lopsided", 80, (0.2,), (1, 2, 8), 0.2, lopsided=True),
    Condition("250 items, mean of 4 samples", 250, (0.3,), samples=4),
    Condition("mean of 6 tasks of 60", 60, SIX),
    Condition("mean of 6 tasks of 40 images of 3", 40, SIX, (3,), 0.5),
    *(Condition(f"1,000 items, {psi:.0%} change", 1000, (psi,)) for psi in (0.02, 0.1, 0.3)),
)


def rates(condition: Condition, delta: float, studies: int, draws: int) -> dict[str, float]:
    """Shares of studies with each outcome at a true difference `delta`."""
    found = []
    for seed in range(studies):
        paired = study(condition, delta, draws, seed)
        last = len(paired.groups) - 1
        ends = paired.ends(last)
        low, high = (float(end[last, DIFFERENCE]) for end in paired.resampled.interval())
        said = verdict(*ends, MARGIN)
        found.append(
            {
                "better": said == BETTER,
                "worse": said == WORSE,
                "not_worse": said in (BETTER, NOT_WORSE),
                "not_worse_bootstrap_alone": verdict(low, high, MARGIN) in (BETTER, NOT_WORSE),
                "rejected": paired.test(last).p < 0.05,
                "covered": ends[0] - 1e-9 <= delta <= ends[1] + 1e-9,
                "covered_bootstrap_alone": low - 1e-9 <= delta <= high + 1e-9,
            }
        )
    return {str(name): float(value) for name, value in pd.DataFrame(found).mean().items()}


def main() -> None:
    """Simulates, and writes table and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=2000)
    options = parser.parse_args()
    rows = done(options.studies, options.draws)
    for condition in CONDITIONS:
        if any(row["condition"] == condition.name for row in rows):
            continue
        null = rates(condition, 0.0, options.studies, options.draws)
        loss = rates(condition, -MARGIN, options.studies, options.draws)
        row: dict[str, object] = {
            "condition": condition.name,
            "tasks": len(condition.discordance),
            "images_a_task": condition.images,
            "items_a_task": condition.items,
            "no_difference_better": null["better"],
            "no_difference_worse": null["worse"],
            "no_difference_p_below_05": null["rejected"],
            "no_difference_covered": null["covered"],
            "loss_of_margin_not_worse": loss["not_worse"],
            "loss_of_margin_not_worse_bootstrap_alone": loss["not_worse_bootstrap_alone"],
            "loss_of_margin_better": loss["better"],
            "loss_of_margin_worse": loss["worse"],
            "loss_of_margin_covered": loss["covered"],
            "loss_of_margin_covered_bootstrap_alone": loss["covered_bootstrap_alone"],
            "margin": MARGIN,
            "studies": options.studies,
            "draws": options.draws,
        }
        rows.append(row)
        print(condition.name, f"{null['better']:.3f} {loss['not_worse']:.3f}", flush=True)
        OUT.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(OUT / "comparison.csv", index=False, float_format="%.5g")
    order = [condition.name for condition in CONDITIONS]
    table = pd.DataFrame(rows).sort_values("condition", key=lambda names: names.map(order.index))
    table.to_csv(OUT / "comparison.csv", index=False, float_format="%.5g")
    figure_of(table).savefig(OUT / "comparison.png")


def done(studies: int, draws: int) -> list[dict[str, object]]:
    """Rows of an earlier run of this size, so that one that was stopped goes on."""
    path = OUT / "comparison.csv"
    if not path.is_file():
        return []
    table = pd.read_csv(path)
    same = table[(table["studies"] == studies) & (table["draws"] == draws)]
    return [{str(k): v for k, v in row.items()} for row in same.to_dict("records")]


PANELS = (
    (
        "True difference 0",
        0.05,
        (
            ("no_difference_better", "verdict better", style.SERIES[0]),
            ("no_difference_worse", "verdict worse", style.SERIES[1]),
            ("no_difference_p_below_05", "p < .05", style.SERIES[2]),
        ),
    ),
    (
        f"True loss of the margin, {MARGIN:g}",
        0.05,
        (
            ("loss_of_margin_not_worse", "better or not worse", style.SERIES[0]),
            (
                "loss_of_margin_not_worse_bootstrap_alone",
                "the same, bootstrap ends alone",
                style.SERIES[3],
            ),
        ),
    ),
)


@style.styled
def figure_of(table: pd.DataFrame) -> Figure:
    """Rates of wrong outcomes by kind of study, with their 95 % simulation error."""
    figure = style.new_figure(style.TWO_COLUMNS, 0.2 * len(table) + 1.5)
    panels = figure.subplots(1, 2, sharey=True)
    y = np.arange(len(table))[::-1].astype(float)
    for axes, (title, limit, series) in zip(panels, PANELS):
        for k, (column, label, look) in enumerate(series):
            x = table[column].to_numpy(dtype=float)
            error = 1.96 * np.sqrt(x * (1 - x) / table["studies"].to_numpy(dtype=float))
            own = {**look, "linestyle": "none", "markersize": 4}
            style.with_interval(
                axes, x, y + 0.2 * (1 - k), x - error, x + error, upright=False, label=label, **own
            )
        axes.axvline(limit, color=style.QUIET, linewidth=0.9)
        axes.axvline(limit / 2, color=style.QUIET, linewidth=0.7, linestyle=":")
        axes.set_xlim(left=0)
        axes.set_title(title)
        axes.set_xlabel("share of studies")
        axes.grid(axis="x")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), fontsize=7)
    panels[0].set_yticks(y, table["condition"])
    panels[0].tick_params(axis="y", labelsize=7)
    studies = int(table["studies"].iloc[0])
    style.footnote(
        figure,
        f"n = {studies:,} simulated studies a point; bars: 95 % simulation error;"
        " lines: 5 % (solid) and 2.5 % (dotted).",
    )
    return figure


if __name__ == "__main__":
    main()
