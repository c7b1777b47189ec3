"""Answers to the open questions: what one cell has above another, over items and seeds.

Run: python -m tests.benchmarks.questions QUESTION=RUN ...
In: runs of results/questions, put together by `downscale pool`. Out: results/questions/answers.csv,
a row per question, contrast and task, where other questions' rows stay; and for `amounts`,
`encoders` and `sizes` a figure each, QUESTION.png; for `sizes` sizes/steps.csv, too, a row per task
and family with accuracy by size and the largest step. Differences are in accuracy, with the
intervals and tests of `analyses.contrasts`, Holm over tasks; `steeper` is in accuracy per decade of
parameters.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.contrasts.contrast import Contrast, contrast_table
from analyses.figures.parts import style
from analyses.table.scores import Scores, scores_of
from analyses.table.sizes import Rung, ladder
from suite.runs.results import load_results

OUT = Path("results/questions")
SIZES = ("xs", "s", "m")
ROWS = (500, 2000, 8000, 32000)
WAYS = ("instruct", "caption", "extract")
DROP = 0.2
LABELS = ("contrast", "perception")
Weights = dict[str, float]


def described(perceiver: str, size: str) -> str:
    """Names the cell in which a perceiver describes and the largest reasoner thinks."""
    own = "" if perceiver == "instruct" else f"{perceiver}/"
    return f"decoupled/{own}P={size}/R=l/think"


def answered(perceiver: str, size: str) -> str:
    """Names the cell in which a perceiver answers."""
    return f"end_to_end/{perceiver}/P={size}"


def minus(one: str, other: str) -> Weights:
    """What the first cell has above the second."""
    return {one: 1.0, other: -1.0}


def row(contrast: str, size: str | None, weights: Weights) -> Contrast:
    """A difference with its names."""
    return Contrast("difference", weights, labels={"contrast": contrast, "perception": size})


def encoders(scores: Scores) -> Iterator[Contrast]:
    """Smaller eyes against a smaller mind, at equal weights in all."""
    for how, cell in (("described", described), ("answered", answered)):
        whole = "instruct32000"
        for tower, mind in (("small_tower", "s"), ("smaller_tower", "xs")):
            yield row(
                f"{how}: {tower} at m - {mind}", None, minus(cell(tower, "m"), cell(whole, mind))
            )
        for size in SIZES:
            for tower in ("small_tower", "smaller_tower"):
                yield row(f"{how}: {tower}", size, minus(cell(tower, size), cell(whole, size)))


def formats(scores: Scores) -> Iterator[Contrast]:
    """More forms against fewer, and whether that is otherwise for the smallest."""
    steps = (("two", "one"), ("four", "two"), ("eight", "four"), ("eight", "one"), ("eight", "two"))
    for more, fewer in steps:
        of = {
            size: minus(described(f"{more}_forms" , size),
                        described("one_form" if fewer == "one" else f"{fewer}_forms", size))
            for size in SIZES
        }  # fmt: skip
        for size, weights in of.items():
            yield row(f"{more} - {fewer}", size, weights)
        apart = of["xs"] | {cell: -weight for cell, weight in of["m"].items()}
        yield row(f"{more} - {fewer}", "xs - m", apart)
    for size in SIZES:  # one form describes and answers nothing
        ends = (f"end_to_end/{name}_forms/P={size}" for name in ("eight", "two"))
        yield row("eight - two, end to end", size, minus(*ends))


def facts(scores: Scores) -> Iterator[Contrast]:
    """Extraction against captions, however they are made equal."""
    for size in SIZES:
        for one, other in (
            ("extract", "caption"), ("extract", "caption_facts"), ("caption", "instruct"),
            ("extract", "instruct"), ("caption_facts", "instruct"),
        ):  # fmt: skip
            yield row(f"{one} - {other}", size, minus(described(one, size), described(other, size)))


def amounts(scores: Scores) -> Iterator[Contrast]:
    """What more rows bring each way of teaching, and which needs fewer."""
    for size in SIZES:
        for way in WAYS:
            for fewer, more in pairwise(ROWS):
                cells = minus(taught(way, more, size), taught(way, fewer, size))
                yield row(f"{way}: {more} - {fewer}", size, cells)
        for rows in ROWS:
            for other in ("caption", "instruct"):
                cells = minus(taught("extract", rows, size), taught(other, rows, size))
                yield row(f"extract - {other}: {rows}", size, cells)


def taught(way: str, rows: int, size: str) -> str:
    """Names the cell of a perceiver that was taught from so many rows."""
    return described(
        "extract_scratch" if (way, rows) == ("extract", 32000) else f"{way}{rows}", size
    )


def ladders(scores: Scores) -> dict[str, tuple[Rung, ...]]:
    """Gives the cells of each way in which one module shrinks, smallest first."""
    cells, largest = scores.cells, scores.cells["reasoning_params"].max()
    pairs = (cells["method"] == "decoupled") & (cells["reasoning_params"] == largest)
    gold = cells["method"] == "oracle"
    return {
        "end to end": ladder(cells[cells["method"] == "end_to_end"], "perception"),
        "perception": ladder(cells[pairs & cells["thinking"]], "perception"),
        "reasoning": ladder(cells[gold & cells["thinking"]], "reasoning"),
        "reasoning, direct": ladder(cells[gold & ~cells["thinking"]], "reasoning"),
    }


def sizes(scores: Scores) -> Iterator[Contrast]:
    """Each step between neighbours, and how much steeper it is than all others together."""
    for name, rungs in ladders(scores).items():
        decades = [np.log10(large.params / small.params) for small, large in pairwise(rungs)]
        drop = minus(rungs[-1].cell, rungs[0].cell)
        for (small, large), width in zip(pairwise(rungs), decades, strict=True):
            labels = {"contrast": name, "perception": f"{small.size} - {large.size}"}
            step = minus(large.cell, small.cell)
            yield Contrast("step", step, labels=labels)
            own, rest = 1 / width, 1 / (sum(decades) - width)
            weights = {cell: w * (own + rest) for cell, w in step.items()}
            for cell, w in drop.items():
                weights[cell] = weights.get(cell, 0.0) - w * rest
            yield Contrast("steeper", weights, labels=labels)


def steps(frame: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """How much of a task's drop the largest step between neighbours holds, in each family; `share`
    where the drop is DROP or more."""
    tables = []
    for name, rungs in ladders(scores).items():
        names = {rung.cell: rung.size for rung in rungs}
        own = frame[frame["cell"].isin(names)]
        means = own.pivot_table("score", ["task", "seed"], "cell", observed=True)
        means = means[[*names]].rename(columns=names)
        rises = means.diff(axis=1).iloc[:, 1:]
        table = means.assign(
            below=rises.idxmax(axis=1),
            step=rises.max(axis=1),
            drop=means.iloc[:, -1] - means.iloc[:, 0],
        )
        table["share"] = (table["step"] / table["drop"]).where(table["drop"] >= DROP)
        tables.append(table.reset_index().assign(contrast=name))
    return pd.concat(tables).set_index("contrast").reset_index()


QUESTIONS: dict[str, Callable[[Scores], Iterator[Contrast]]] = {
    "encoders": encoders, "formats": formats, "facts": facts, "short": facts, "amounts": amounts,
    "sizes": sizes,
}  # fmt: skip


def accuracies(scores: Scores, lines: dict[tuple[str, str], dict[float, str]]) -> pd.DataFrame:
    """Accuracy of cells that stand at an x of a line of a panel."""
    labels = ("panel", "line", "x")
    of = [
        Contrast("accuracy", {cell: 1.0}, labels={"panel": panel, "line": line, "x": x})
        for (panel, line), cells in lines.items()
        for x, cell in cells.items()
    ]
    table = contrast_table(scores, of, labels)
    return table[table["group"].isna()]


@style.styled
def draw(table: pd.DataFrame, panel: str, x: str, aside: float) -> Figure:
    """A panel per value of `panel`, a line per `line` over x, each by `aside` (in log x) after the
    one before."""
    panels = list(table[panel].drop_duplicates())
    across = 2 if len(panels) == 4 else 3
    down = -(-len(panels) // across)
    figure = style.new_figure(style.TWO_COLUMNS, 1.9 * down + 0.7)
    grid = figure.subplots(down, across, sharey=True, sharex=True, squeeze=False).ravel()
    names = style.task_names(table["task"].unique())
    looks = dict(zip(table["line"].drop_duplicates(), style.DATA))
    ticks = sorted(table["x"].unique())
    ticks = [
        x for x, after in zip(ticks, [*ticks[1:], np.inf]) if after > 1.1 * x
    ]  # names have room
    for axes, name in zip(grid, panels):
        rows = table[table[panel] == name]
        for k, (line, look) in enumerate(looks.items()):
            own = rows[rows["line"] == line].sort_values("x")
            at = own["x"] * np.exp(aside * (k - (len(looks) - 1) / 2))
            ends = own["estimate"], own["low"], own["high"]
            style.with_interval(axes, at, *ends, **(look | {"linestyle": "-", "label": line}))
        axes.set_title(names.get(name, name))
        axes.set_xscale("log")
        axes.set_xticks(ticks, [style.params_text(tick) for tick in ticks], rotation=90)
        axes.set_xticks([], minor=True)
        axes.grid(axis="y")
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[len(panels) - across : len(panels)]:
        axes.tick_params(labelbottom=True)
    for axes in grid[::across]:
        axes.set_ylabel("accuracy")
    figure.supxlabel(x)
    handles = grid[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=len(looks))
    return figure


def figures(question: str, scores: Scores) -> None:
    """Draws the figure of a question that the study's own figures do not hold."""
    params = scores.cells.set_index("cell")["perception_params"]
    if question == "amounts":
        x = "distinct rows of the stage"
        lines = {(size, way): {float(n): taught(way, n, size) for n in ROWS}
                 for size in SIZES for way in WAYS}  # fmt: skip
    elif question == "encoders":
        x = "parameters of language model and vision encoder"
        towers = ("smaller_tower", "small_tower", "instruct32000")
        shrunk = {"smaller language model": [("instruct32000", size) for size in SIZES],
                  "smaller vision encoder": [(tower, "m") for tower in towers]}  # fmt: skip
        if len({params[answered(tower, "m")] for tower in towers}) < len(towers):
            sys.exit("The run counts no vision encoders: its study needs `params: total`.")
        lines = {(how, line): {params[cell(*own)]: cell(*own) for own in among}
                 for how, cell in (("described", described), ("end to end", answered))
                 for line, among in shrunk.items()}  # fmt: skip
    elif question == "sizes":
        x = "parameters of the module that shrinks"
        lines = {("all", name): {rung.params: rung.cell for rung in rungs}
                 for name, rungs in ladders(scores).items()}  # fmt: skip
    else:
        return
    table, panel = accuracies(scores, lines), "task"
    if question == "sizes":
        table = table[table["task"] != "in_domain"]  # that of end to end is over more tasks
    else:
        names, panel = {"in_domain": "in-domain", "micro_star": "star"}, "panel"
        table = table[table["task"].isin([*names])].sort_values("task", kind="stable")
        table["panel"] += ", " + table["task"].map(names)
    aside = 0.0 if question == "encoders" else 0.05
    draw(table, panel, x, aside).savefig(OUT / f"{question}.png")


def main() -> None:
    """Reads the runs named on the command line, writes the table and the figures."""
    file = OUT / "answers.csv"
    tables = [pd.read_csv(file)] if file.exists() else []
    for name, _, run in (argument.partition("=") for argument in sys.argv[1:]):
        frame = load_results(run)
        scores = scores_of(frame)
        asked = list(QUESTIONS[name](scores))
        known = [own for own in asked if set(own.weights) <= set(scores.cells["cell"])]
        if len(known) < len(asked):
            print(f"{name}: {len(asked) - len(known)} of {len(asked)} contrasts lack cells.")
        table = contrast_table(scores, known, LABELS, span=(-1.0, 1.0))
        seeds = len(scores.matrices())
        tables = [old[old["question"] != name] for old in tables]
        tables.append(table[table["group"].isna()].assign(question=name, seeds=seeds))
        if name == "sizes":
            steps(frame, scores).to_csv(
                OUT / "sizes" / "steps.csv", index=False, float_format="%.4g", lineterminator="\n"
            )
        with style.of_study(frame["task"].unique(), seeds):
            figures(name, scores)
    table = pd.concat(tables).drop(columns="group")
    front = ["question", *LABELS, "quantity", "task"]
    table = table[[*front, *(name for name in table if name not in front)]]
    table.to_csv(file, index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    main()
