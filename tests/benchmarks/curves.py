"""Learning curves of training runs side by side, as one table and one figure.

Run: python -m tests.benchmarks.curves first=checkpoints/first second=checkpoints/micro
In: folders of `downscale train`, each with a name. Out: results/training/curves.csv, a row per
recipe, stage, size, step and measure, and curves.png.
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
TEXT, VISION = ("language", "reasoning", "practice"), ("vit",)
PANELS = (("Text, thinking", "think", TEXT), ("Text, direct", "direct", TEXT),
          ("Vision-language, direct", "direct", VISION))  # fmt: skip
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
    axes = figure.subplots(len(recipes), len(PANELS), sharey=True, sharex="col", squeeze=False)
    for row, recipe in zip(axes, recipes):
        for panel, (title, measure, stages) in zip(row, PANELS):
            for size, look in zip(("xs", "s", "m", "l"), style.SERIES):
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
            if recipe == recipes[0]:
                panel.set_title(title)
        row[0].set_ylabel(f"{recipe} recipe\naccuracy")
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
    runs = [argument.partition("=") for argument in sys.argv[1:]]
    table = pd.DataFrame([row for name, _, folder in runs for row in points(name, Path(folder))])
    OUT.mkdir(parents=True, exist_ok=True)
    table = table.sort_values(["recipe", "stage", "size", "step", "measure"])
    table.to_csv(OUT / "curves.csv", index=False, float_format="%.4g")
    draw(table).savefig(OUT / "curves.png")


if __name__ == "__main__":
    main()
