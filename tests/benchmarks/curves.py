"""Learning curves of training runs side by side, as one table and one figure.

Run: python -m tests.benchmarks.curves NAME first=checkpoints/first second=checkpoints/micro
In: folders of `downscale train`, each with a name. Out: results/training/NAME.csv, a row per
recipe, stage, size, step and measure, and NAME.png. Recipes that the table has, and that are not
named, stay in it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analyses.figures.parts import style

OUT = Path("results/training")
TEXT = ("language", "reasoning", "practice")
PANELS = (("Text, thinking", "think", TEXT), ("Text, direct", "direct", TEXT),
          ("Pictures, direct", "direct", ("vit",)), ("Caption", "direct", ("caption",)),
          ("Extract", "direct", ("extract",)))  # fmt: skip
OTHER = ("step", "seconds", "loss")


def points(recipe: str, folder: Path) -> Iterator[dict[str, object]]:
    """The rows of one training run."""
    for curve in sorted(folder.glob("*-*/attempt-0/curve.jsonl")):
        stage, _, size = curve.parts[-3].rpartition("-")
        for line in curve.read_text().splitlines():
            point = json.loads(line)
            where = {"recipe": recipe, "stage": stage, "size": size}
            shared = {name: point[name] for name in OTHER}
            for measure in point.keys() - set(OTHER):
                yield where | shared | {"measure": measure, "accuracy": point[measure]}


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """A row of panels a recipe, a line a size, stages one after another along x."""
    recipes = list(table["recipe"].unique())
    figure = style.new_figure(style.TWO_COLUMNS, 1.6 * len(recipes) + 0.3)
    panels = [p for p in PANELS if set(p[2]) & set(table["stage"])]
    axes = figure.subplots(len(recipes), len(panels), sharey=True, sharex="col", squeeze=False)
    for row, recipe in zip(axes, recipes):
        for panel, (title, measure, stages) in zip(row, panels):
            for size, look in zip(("xs", "s", "m", "l"), style.DATA):
                lines = table[
                    (table["recipe"] == recipe)
                    & (table["size"] == size)
                    & (table["measure"] == measure)
                ]
                before, x, y = 0, [], []
                for stage in stages:
                    part = lines[lines["stage"] == stage].sort_values("step")
                    x += list(part["step"] + before)
                    y += list(part["accuracy"])
                    before += int(part["step"].max()) if len(part) else 0
                panel.plot(x, y, markersize=2.5, label=size, **look)
            panel.set_ylim(0, 1)
            panel.grid(axis="y")
            panel.locator_params(axis="x", nbins=3)
            if recipe == recipes[0]:
                panel.set_title(title)
        row[0].set_ylabel(f"{recipe}\naccuracy")
    for panel in axes[-1]:
        panel.set_xlabel("steps")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), title="size", loc="outside right upper")
    note = (
        "share of held-out turns with every token right, mean over kinds, 256 rows; one seed a line"
    )
    style.footnote(figure, note)
    return figure


def main() -> None:
    """Reads the folders named on the command line, writes the table and the figure."""
    target = OUT / sys.argv[1]
    runs = [argument.partition("=") for argument in sys.argv[2:]]
    table = pd.DataFrame([row for name, _, folder in runs for row in points(name, Path(folder))])
    if (before := target.with_suffix(".csv")).exists():
        kept = pd.read_csv(before)
        table = pd.concat([kept[~kept["recipe"].isin([name for name, *_ in runs])], table])
    OUT.mkdir(parents=True, exist_ok=True)
    table = table.sort_values(["recipe", "stage", "size", "step", "measure"])
    table.to_csv(target.with_suffix(".csv"), index=False, float_format="%.4g")
    draw(table).savefig(target.with_suffix(".png"))


if __name__ == "__main__":
    main()
