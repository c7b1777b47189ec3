"""Where a training step of the micro family spends its time, by part, size, and how it is taken.

Run: python -m tests.benchmarks.training_time [--compiled] [SIZE ...]
Out: results/training/time.csv, a row per kind of rows, size, mode and part with the median
milliseconds of processor time on one thread, and time.png. The peer is mode `whole`: the step in
one piece, in float32, in the same process and on the same rows; ratios are of whole steps. With
--compiled also compiled layers, with and without bfloat16, for the first two kinds of rows.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure

from analyses.figures.parts import style
from suite.training import loop
from suite.training.micro import data, models
from suite.training.micro.tokenizer import END, IMAGE, PAD, Encoder, build_tokenizer
from suite.training.recipe import Recipe, Stage, load_recipe
from suite.training.run import PIECES, _text, _vision, vocabulary
from tasks.micro.scene import TRAIN

OUT = Path("results/training")
WARM, STEPS = 3, 8
MODES: dict[str, dict[str, Any]] = {"whole": {}, "pieces": {}}
COMPILED: dict[str, dict[str, Any]] = {
    "pieces, bfloat16": {"precision": "bfloat16"}, "pieces, compiled": {},
    "pieces, bfloat16, compiled": {"precision": "bfloat16"},
}  # fmt: skip
KINDS = ("text", "instruct", "caption", "extract")
PARTS = ("rows", "batch", "forward", "backward", "optimizer")


def model_of(recipe: Recipe, kind: str, size: str, encode: Encoder) -> Any:
    """Makes a size's model with random weights, as the stage would train it."""
    spec, tower = recipe.sizes[size], recipe.encoder
    shape = models.Shape(spec.width, spec.layers, spec.heads, spec.head_dim)
    ids = {"pad": encode.ids[PAD], "eos": encode.ids[END]}
    text = models.text_model(shape, encode.size, ids, 0)
    if kind == "text":
        return text
    vision = models.vision_model(tower.side, tower.patch, tower.width, tower.layers, 0)
    whitened = torch.zeros(tower.width), torch.eye(tower.width)
    model = models.llava_model(text, vision, encode.ids[IMAGE], whitened, 0)
    model.model.vision_tower.requires_grad_(False)
    return model


def parts_of(
    stage: Stage, model: Any, make: Callable[[int], data.Row], pad: int, pieces: int
) -> dict[str, float]:
    """Gives the median milliseconds of each part of a step, the first few steps left out."""
    ordered = data.ByLength(data.Rows(make, (WARM + STEPS) * stage.batch), stage.batch)
    size = stage.batch // pieces
    job: Any = type("Job", (), {"model": model, "stage": stage, "rate": 1e-3})
    optimizer, collate = loop._optimizer(job), data.TokenCollator(pad)
    autocast = partial(torch.autocast, "cpu", torch.bfloat16, stage.precision == "bfloat16")
    taken: dict[str, list[float]] = {part: [] for part in PARTS}
    for step in range(WARM + STEPS):
        marks = [("", time.process_time())]

        def mark(part: str, marks: list[tuple[str, float]] = marks) -> None:
            marks.append((part, time.process_time()))

        rows = [ordered[step * stage.batch + i] for i in range(stage.batch)]
        mark("rows")
        batches = [collate(rows[at : at + size]) for at in range(0, stage.batch, size)]
        targets = sum(int((batch["labels"] != data.IGNORE).sum()) for batch in batches)
        mark("batch")
        for batch in batches:
            with autocast():
                loss = model(**batch, num_items_in_batch=targets).loss
            mark("forward")
            loss.backward()
            mark("backward")
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        mark("optimizer")
        spent = dict.fromkeys(PARTS, 0.0)
        for (_, before), (part, after) in pairwise(marks):
            spent[part] += 1e3 * (after - before)
        for part, ms in spent.items():
            taken[part].append(ms)
    return {part: median(times[WARM:]) for part, times in taken.items()}


def measured(sizes: list[str], compiled: bool) -> Iterator[dict[str, object]]:
    """The rows of the table."""
    recipe = load_recipe("micro")
    encode = Encoder(dict(build_tokenizer(vocabulary()).get_vocab()))
    tokens = (recipe.encoder.side // recipe.encoder.patch) ** 2
    for kind in KINDS:
        what = "text" if kind == "text" else "vision"
        stage = next(s for s in recipe.stages if s.kind == what and s.optimizer == "muon")
        make = (
            partial(_text, encode, "time", 0, TRAIN, 0.55)
            if what == "text"
            else partial(_vision, encode, tokens, kind, 0.35, None, "time", 0, TRAIN)
        )
        for i in range(4000 if kind == "instruct" else 0):  # shapes and patterns are drawn once
            data.TokenCollator(0)([make(i)])
        more = COMPILED if compiled and kind in KINDS[:2] else {}
        for size in sizes or recipe.sizes:
            for mode, change in (MODES | more).items():
                torch.compiler.reset()
                model = model_of(recipe, what, size, encode).train()
                if "compiled" in mode:
                    loop.compile_layers(model)
                pieces = 1 if mode == "whole" else PIECES
                changed = stage.model_copy(update=change)
                took = parts_of(changed, model, make, encode.ids[PAD], pieces)
                for part, ms in took.items():
                    yield {"kind": kind, "size": size, "mode": mode, "part": part, "ms": ms}
                whole = f"{sum(took.values()):.0f} ms a step"
                print(kind, size, mode, whole, file=sys.stderr, flush=True)


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """A panel a kind of rows, a bar a size and mode, its parts on top of each other."""
    figure = style.new_figure(style.TWO_COLUMNS, 4.6)
    axes = figure.subplots(2, 2).flat
    for panel, (kind, rows) in zip(axes, table.groupby("kind", sort=False)):
        wide = rows.pivot_table(index=["size", "mode"], columns="part", values="ms", sort=False)
        wide = wide[list(PARTS)].iloc[::-1]
        wide.index = [f"{size}, {mode}" for size, mode in wide.index]
        wide.plot.barh(stacked=True, ax=panel, legend=False, width=0.8)
        panel.set_title(f"{kind} rows")
        panel.set_xlabel("milliseconds a step, one thread")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def main() -> None:
    """Measures, writes the table and the figure, prints ratios to steps in one piece."""
    torch.set_num_threads(1)
    sizes = [word for word in sys.argv[1:] if word != "--compiled"]
    table = pd.DataFrame(measured(sizes, "--compiled" in sys.argv))
    OUT.mkdir(parents=True, exist_ok=True)
    table.round({"ms": 2}).to_csv(OUT / "time.csv", index=False, lineterminator="\n")
    draw(table).savefig(OUT / "time.png", dpi=150)
    steps = table.pivot_table("ms", ["kind", "size"], "mode", aggfunc="sum", sort=False)
    print(steps.div(steps["whole"], axis=0).round(2).to_string())


if __name__ == "__main__":
    main()
