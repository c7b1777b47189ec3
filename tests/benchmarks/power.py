"""Is a difference of the announced size found as often as announced?

Run: python -m tests.benchmarks.power [--studies 2000] [--draws 1000]; it resumes.
In: nothing. Out: results/benchmarks/power.csv, a row per kind of study, and power.png.

For each kind of study the smallest difference found with 80 % power is computed from the known
discordance and design effect, studies with exactly that true difference are drawn, and the share
with p < .05 is the power reached (promised: within 3 points of 80 %); beside it the share with the
verdict `better`. A run knows discordance and design effect only from its own items: the number it
would print is computed for each drawn study too, with its median and its middle 90 %. The standard
error of a power of 80 % at 2,000 studies is .009.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.comparison import BETTER, verdict
from analyses.figures.parts import style
from analyses.stats.detectable import LEVEL, Part, detectable_difference
from tests.benchmarks.paired_world import Condition, study

OUT = Path("results/benchmarks")
SIX = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
CONDITIONS = (
    *(
        Condition(f"{n:,} items, {psi:.0%} change", n, (psi,))
        for n in (60, 250)
        for psi in (0.0, 0.1, 0.3, 0.5)
    ),
    Condition("20 images of 3", 20, (0.3,), (3,), 0.5),
    Condition("80 images of 3", 80, (0.3,), (3,), 0.5),
    Condition("250 images of 3", 250, (0.1,), (3,), 0.5),
    Condition("80 images of 1 to 8", 80, (0.3,), (1, 2, 8), 0.5),
    Condition("20 images of 8, items apart", 20, (0.3,), (8,)),
    Condition("12 images of 10, items apart", 12, (0.3,), (10,)),
    Condition("250 items, mean of 4 samples", 250, (0.3,), samples=4),
    Condition("mean of 6 tasks of 60", 60, SIX),
    Condition("mean of 6 tasks of 60, 5 without changes", 60, (0.0,) * 5 + (0.6,)),
    Condition("mean of 6 tasks of 40 images of 3", 40, SIX, (3,), 0.5),
    *(Condition(f"1,000 items, {psi:.0%} change", 1000, (psi,)) for psi in (0.0, 0.1, 0.3, 0.5)),
)


def announced(condition: Condition) -> float:
    """The detectable difference by the known truth, as `Paired.detectable` computes it."""
    k, found = condition.samples, 0.0
    for _ in range(20 if k > 1 else 1):
        # a mean of k answers: a k-th of their variance around the item's difference
        second = [(psi - found**2) / k + found**2 for psi in condition.discordance]
        found = detectable_difference(
            tuple(Part(condition.items, psi, condition.effect) for psi in second),
            clusters=len(second) * condition.images,
            binary=k == 1,
            exact=condition.independent,
        )
    return found


def reached(condition: Condition, studies: int, draws: int) -> dict[str, object]:
    """Power at the announced difference, and what runs of that kind would have announced."""
    difference = announced(condition)
    rejected, better, told = [], [], []
    for seed in range(studies):
        paired = study(condition, difference, draws, seed)
        last = len(paired.groups) - 1
        rejected.append(paired.test(last).p < LEVEL)
        better.append(verdict(*paired.ends(last), 0.02) == BETTER)
        told.append(paired.detectable(last))
    middle = np.nanquantile(told, (0.05, 0.5, 0.95))
    return {
        "condition": condition.name,
        "tasks": len(condition.discordance),
        "images_a_task": condition.images,
        "items_a_task": condition.items,
        "discordance": "/".join(f"{psi:g}" for psi in condition.discordance),
        "design_effect": condition.effect,
        "detectable": difference,
        "power": float(np.mean(rejected)),
        "better": float(np.mean(better)),
        "told_by_a_run_05": middle[0],
        "told_by_a_run_50": middle[1],
        "told_by_a_run_95": middle[2],
        "studies": studies,
        "draws": draws,
    }


def main() -> None:
    """Simulates, and writes table and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=1000)
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "power.csv"
    rows: list[dict[str, object]] = []
    if path.is_file():
        table = pd.read_csv(path)
        same = (table["studies"] == options.studies) & (table["draws"] == options.draws)
        rows = [{str(k): v for k, v in row.items()} for row in table[same].to_dict("records")]
    for condition in CONDITIONS:
        if all(row["condition"] != condition.name for row in rows):
            rows.append(reached(condition, options.studies, options.draws))
            print(condition.name, rows[-1]["power"], rows[-1]["better"], flush=True)
            pd.DataFrame(rows).to_csv(path, index=False, float_format="%.5g")
    order = [condition.name for condition in CONDITIONS]
    done = pd.DataFrame(rows).sort_values("condition", key=lambda names: names.map(order.index))
    done.to_csv(path, index=False, float_format="%.5g")
    figure_of(done).savefig(OUT / "power.png")


@style.styled
def figure_of(table: pd.DataFrame) -> Figure:
    """Power reached, and the difference announced by truth and by runs, by kind of study."""
    figure = style.new_figure(style.TWO_COLUMNS, 0.21 * len(table) + 1.3)
    left, right = figure.subplots(1, 2, sharey=True)
    y = np.arange(len(table))[::-1].astype(float)
    for k, (column, label) in enumerate((("power", "p < .05"), ("better", "verdict better"))):
        x = table[column].to_numpy(dtype=float)
        error = 1.96 * np.sqrt(x * (1 - x) / table["studies"].to_numpy(dtype=float))
        look = {**style.SERIES[k], "linestyle": "none", "label": label, "markersize": 4}
        style.with_interval(
            left, x, y + 0.12 - 0.24 * k, x - error, x + error, upright=False, **look
        )
    left.axvspan(0.77, 0.83, color="#ececec", zorder=0, linewidth=0)
    left.axvline(0.8, color=style.QUIET, linewidth=0.8)
    left.set_title("Power at the announced difference")
    left.set_xlabel("share of studies")
    left.legend(loc="lower left", fontsize=7)
    told = [table[f"told_by_a_run_{q}"] for q in ("50", "05", "95")]
    style.with_interval(
        right,
        told[0],
        y - 0.14,
        told[1],
        told[2],
        upright=False,
        label="told by runs",
        **{**style.REASONING, "markersize": 3.5},
    )
    hollow = {"marker": "D", "color": "#0b3c5d", "markerfacecolor": "none", "markersize": 4}
    right.plot(table["detectable"], y + 0.14, linestyle="none", label="by the truth", **hollow)
    right.set_xlim(left=0)
    right.set_title("Detectable difference")
    right.set_xlabel("difference of accuracy")
    right.legend(loc="lower right", fontsize=7)
    for axes in (left, right):
        axes.grid(axis="x")
    left.set_yticks(y, table["condition"])
    left.tick_params(axis="y", labelsize=7)
    style.footnote(
        figure,
        f"n = {int(table['studies'].iloc[0]):,} simulated studies a point. Left: bars are 95 %"
        " simulation error, the band is 80 ± 3 %.\nRight: bars hold the middle 90 % of studies.",
    )
    return figure


if __name__ == "__main__":
    main()
