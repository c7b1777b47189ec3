"""Tidy tables with a known truth, for tests and benchmarks of the analyses.

In: a `World` (sizes, tasks, items, clusters, what fails). Out: a frame with exactly the declared
columns, whose scores are drawn item by item from known probabilities, so that cells share items.
`tidy`: a table of the scores it is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analyses.columns import NAMES
from analyses.table.scores import IN_DOMAIN, OUT_OF_DOMAIN

STAR = (
    "coarse perception",
    "fine-grained perception",
    "instance reasoning",
    "logical reasoning",
    "science & technology",
    "math",
)


@dataclass(frozen=True)
class World:
    """What is simulated."""

    sizes: tuple[tuple[str, float], ...] = (("xs", 16e3), ("s", 6e4), ("m", 24e4), ("l", 9e5))
    tasks: tuple[str, ...] = ("ocr", "attribute", "relation", "knowledge", "quality", "counting")
    end_to_end_only: tuple[str, ...] = ("classification", "grounding")
    star: bool = True
    items: int = 60
    per_image: int = 1
    """Items that show the same image."""
    failed: float = 0.0
    """Share of rows that failed."""
    unparsed: float = 0.02
    samples: int = 1
    methods: tuple[str, ...] | None = None
    """Only cells of these methods; all where None."""
    always: float | None = None
    """Score of every row, in place of a draw."""
    texts: bool = True
    seed: int = 0


def truth(world: World, perception: int | None, reasoning: int | None, thinking: bool) -> float:
    """Probability of a right answer at average difficulty, above chance by what each size adds."""
    top = max(len(world.sizes) - 1, 1)
    seeing = 0.5 if perception is None else 0.15 + 0.85 * perception / top
    thought = 0.9 if reasoning is None else 0.35 + 0.55 * reasoning / top
    if thinking and reasoning is not None:
        thought = min(1.0, thought + 0.35 * np.sin(np.pi * (reasoning + 0.5) / (top + 1)))
    return float(0.25 + 0.75 * seeing * thought)


def cells_of(world: World) -> list[dict[str, object]]:
    """Every cell of the micro study's shape."""
    cells: list[dict[str, object]] = []

    def add(method: str, p: int | None, r: int | None, think: bool) -> None:
        parts = [method]
        parts += [] if p is None else [f"P={world.sizes[p][0]}"]
        parts += [] if r is None else [f"R={world.sizes[r][0]}"]
        parts += ["think"] if think else []
        cells.append(
            {
                "cell": "/".join(parts),
                "method": method,
                "perception": None if p is None else world.sizes[p][0],
                "perception_params": np.nan if p is None else world.sizes[p][1],
                "reasoning": None if r is None else world.sizes[r][0],
                "reasoning_params": np.nan if r is None else world.sizes[r][1],
                "thinking": think,
                "p": p,
                "r": r,
            }
        )

    span = range(len(world.sizes))
    for p in span:
        add("end_to_end", p, None, False)
    for p in span:
        add("blind", p, None, False)
    for think in (False, True):
        for r in span:
            add("text_only", None, r, think)
            add("oracle", None, r, think)
            for p in span:
                add("decoupled", p, r, think)
    return cells


def items_of(world: World) -> pd.DataFrame:
    """The items, with a difficulty each (the clusters share part of it)."""
    rng = np.random.default_rng([world.seed, 1])
    rows = []
    tasks = [(t, "in_domain", "") for t in (*world.tasks, *world.end_to_end_only)]
    tasks += [("star", "out_of_domain", c) for c in STAR] if world.star else []
    for k, (task, domain, category) in enumerate(tasks):
        image = np.arange(world.items) // world.per_image
        hardness = rng.normal(0, 0.15, image.max() + 1)[image] + rng.normal(0, 0.1, world.items)
        rows.append(
            pd.DataFrame(
                {
                    "task": task,
                    "domain": domain,
                    "category": category,
                    "item_id": [f"{category[:3]}{i:05d}" for i in range(world.items)],
                    "image_id": [f"{task}-{k}-{i}" for i in image],
                    "hardness": hardness + 0.05 * (k % 3 - 1),
                    "answer": rng.choice(list("ABCD"), world.items),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def simulate(world: World | None = None) -> pd.DataFrame:
    """The tidy table."""
    world = world or World()
    rng = np.random.default_rng([world.seed, 2])
    items = items_of(world)
    parts = []
    for cell in cells_of(world):
        if world.methods is not None and cell["method"] not in world.methods:
            continue
        rows = items
        if cell["method"] not in ("end_to_end", "blind"):
            rows = items[~items["task"].isin(world.end_to_end_only)]
        for sample in range(world.samples):
            parts.append(_answers(world, cell, rows, sample, rng))
    return pd.concat(parts, ignore_index=True)[list(NAMES)]


def _answers(
    world: World, cell: dict[str, object], rows: pd.DataFrame, sample: int, rng: np.random.Generator
) -> pd.DataFrame:
    n, method = len(rows), cell["method"]
    p, r = cell["p"], cell["r"]
    level = truth(world, p, r, bool(cell["thinking"]))  # type: ignore[arg-type]
    if method in ("blind", "text_only"):
        level = 0.27
    if method == "oracle":
        level = truth(world, len(world.sizes) - 1, r, bool(cell["thinking"]))  # type: ignore[arg-type]
    blind_easy = (rows["task"] == "knowledge").to_numpy() & (method in ("blind", "text_only"))
    chances = np.clip(level + 0.4 * blind_easy - rows["hardness"].to_numpy(), 0.02, 0.98)
    parsed = rng.random(n) >= world.unparsed
    score = ((rng.random(n) < chances) & parsed).astype(float)
    if world.always is not None:
        parsed, score = np.ones(n, dtype=bool), np.full(n, world.always)
    failed = rng.random(n) < world.failed
    score[failed] = np.nan
    answer = rows["answer"].to_numpy()
    wrong = np.where(answer == "A", "B", "A")
    prediction = np.where(parsed & ~failed, np.where(score == 1, answer, wrong), None)
    text = np.where(failed, None, np.where(parsed, prediction, "I cannot tell"))
    think = bool(cell["thinking"])
    described = method in ("decoupled", "oracle") and world.texts
    return rows.drop(columns="hardness").assign(
        **{k: v for k, v in cell.items() if k not in ("p", "r")},
        study="simulated",
        family="micro",
        perceiver=None if p is None else "instruct",
        perception_samples=np.nan,
        sample=sample,
        seed=world.seed,
        n_options=4,
        chance=0.25,
        prediction=prediction,
        text=text,
        thinking_text="the circle is <red>; red is B" if think and world.texts else None,
        rule=np.where(parsed & ~failed, "letter", None),
        parsed=parsed & ~failed,
        score=score,
        lmms_score=score,
        published_score=np.nan,
        subcategory=None,
        failed=failed,
        reason=np.where(failed, "The image could not be read", None),
        leak=(rng.random(n) < 0.01) & (method == "decoupled"),
        finish_reason=np.where(failed, None, "stop"),
        prompt_tokens=100.0,
        generated_tokens=np.where(failed, np.nan, 2.0 + 40 * think + rng.integers(0, 5, n)),
        seconds=np.where(failed, np.nan, 0.01 * (1 + 5 * think)),
        description="a large red circle at the top left & a <small> square" if described else None,
        key="k",
        upstream="i p" if described else None,
    )


def tidy(*rows: tuple[str, str, str, str, float], **more: object) -> pd.DataFrame:
    """The columns that scores need, of rows (cell, task, category, item, score); an image an item.

    A task `star` is outside the domain. `more`: columns in place of these or beside them.
    """
    frame = pd.DataFrame(rows, columns=["cell", "task", "category", "item_id", "score"])
    outside = frame["task"] == "star"
    blank = {"method": "end_to_end", "family": "micro", "perception": "s", "thinking": False}
    blank |= {"perception_params": 1e3, "reasoning": None, "reasoning_params": np.nan}
    return frame.assign(
        **blank,
        domain=np.where(outside, OUT_OF_DOMAIN, IN_DOMAIN),
        image_id=frame["task"] + frame["item_id"],
        chance=0.25,
    ).assign(**more)
