"""The evaluation sets: which questions each micro task asks, and of which part of the world.

In: a set's name, a category and an index. Out: an `Example` (pictures, question, gold
description) that depends on nothing else, so that the first 60 of a set are the same whatever its
size. All scenes are reserved ones (training rejects them) with handwriting training never saw.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tasks.micro import questions as q
from tasks.micro.language import describe
from tasks.micro.lessons import prompt, several
from tasks.micro.scene import (
    HELD_OUT,
    QUALITIES,
    STAR,
    Domain,
    Scene,
    is_reserved,
    sample_scene,
)

SEED = 20_25
"""Seed of all evaluation sets."""


@dataclass(frozen=True)
class Example:
    """One item of a set."""

    name: str
    category: str
    index: int
    scenes: tuple[Scene, ...]
    question: q.Question

    @property
    def gold_description(self) -> str:
        """What a perfect perceiver says of all pictures."""
        return describe(self.scenes)


Maker = Callable[[random.Random, int], tuple[tuple[Scene, ...], q.Question | None]]


def _one(*kinds: q.Kind, domain: Domain = HELD_OUT) -> Maker:
    """One picture of the domain; kinds take turns by index."""

    def make(rng: random.Random, index: int) -> tuple[tuple[Scene, ...], q.Question | None]:
        scene = sample_scene(rng, domain)
        kind = kinds[index % len(kinds)]
        return (scene,), kind(q.Asker(rng, (scene,), domain is STAR))

    return make


def _quality(rng: random.Random, index: int) -> tuple[tuple[Scene, ...], q.Question | None]:
    """How the picture is; or a question about a poor picture, one in four about an absent thing."""
    if index % 2 == 0:
        scene = sample_scene(rng, HELD_OUT, quality=QUALITIES[index // 2 % 4])
        return (scene,), q.quality(q.Asker(rng, (scene,)))
    scene = sample_scene(rng, HELD_OUT, quality=rng.choice(QUALITIES[1:]))
    question = q.answerable(q.Asker(rng, (scene,)))
    wanted = index // 2 % 4 == 0
    if question is None or (question.answer == q.UNANSWERABLE) != wanted:
        return (scene,), None
    return (scene,), question


def _counting(rng: random.Random, index: int) -> tuple[tuple[Scene, ...], q.Question | None]:
    """Counts of a colour or size, 0 to 4 equally often; one in five of all things."""
    if index % 5 == 4:
        scene = sample_scene(rng, HELD_OUT, count=3 + index // 5 % 4)
        return (scene,), q.how_many(q.Asker(rng, (scene,)))
    scene = sample_scene(rng, HELD_OUT)
    question = q.count(q.Asker(rng, (scene,)))
    wanted = str(random.Random(f"count/{index}").randrange(5))
    return (scene,), question if question and question.answer == wanted else None


def _similarity(rng: random.Random, index: int) -> tuple[tuple[Scene, ...], q.Question | None]:
    """Three pictures; of the two answers each is right every other time."""
    scenes, question = several(rng, "similarity", HELD_OUT)
    return scenes, question if question.answer == ("second", "third")[index % 2] else None


def _difference(rng: random.Random, index: int) -> tuple[tuple[Scene, ...], q.Question | None]:
    """Two pictures that differ in the colour of one thing."""
    return several(rng, "difference", HELD_OUT)


def _star(*kinds: q.Kind) -> Maker:
    return _one(*kinds, domain=STAR)


SETS: dict[str, dict[str, Maker]] = {
    "ocr": {"": _one(q.digit)},
    "attribute": {"": _one(q.color, q.size)},
    "relation": {"": _one(q.relation, q.relation, q.relation_color, q.same_color)},
    "knowledge": {"": _one(q.knowledge)},
    "quality": {"": _quality},
    "counting": {"": _counting},
    "similarity": {"": _similarity},
    "difference": {"": _difference},
    "classification": {"": _one(q.background)},
    "grounding": {"": _one(q.grounding)},
    "star": {
        "coarse perception": _star(q.quality, q.how_many),
        "fine-grained perception": _star(q.digit, q.color, q.size),
        "instance reasoning": _star(q.relation, q.same_color, q.largest),
        "logical reasoning": _star(q.relation_chain, q.count_both, q.relation_color),
        "science & technology": _star(q.food_color, q.knowledge),
        "math": _star(q.add_three, q.count),
    },
}
"""Set -> category (empty where a set has none) -> how an item is made."""


def example(name: str, category: str, index: int, seed: int = SEED) -> Example:
    """Gives item `index` of a category of a set."""
    rng = random.Random(f"evaluation/{seed}/{name}/{category}/{index}")
    make = SETS[name][category]
    while True:
        scenes, question = make(rng, index)
        if question is None or len(set(question.options)) != len(question.options):
            continue
        if question.kind == "knowledge" and not is_reserved(prompt(question)):
            continue
        if len(question.options) in (0, 2, 4):
            return Example(name, category, index, scenes, question)


def examples(name: str, n: int, seed: int = SEED) -> list[Example]:
    """Gives the first `n` items of each category of a set."""
    return [example(name, category, i, seed) for category in SETS[name] for i in range(n)]
