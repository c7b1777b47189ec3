"""What can be asked of a scene: one function a kind of question, one module a family of kinds.

In: an `Asker` (random numbers, the scenes, the wording set). Out: a `Question` with options,
the answer's word, the contents to observe, and the steps of reasoning that lead there. A function
returns None where its scene has no such question (no second red thing, no unique largest ...).
"""

from __future__ import annotations

from collections.abc import Callable

from tasks.micro.questions.attributes import color, digit, place, shape_at, size
from tasks.micro.questions.facts import food_color, knowledge
from tasks.micro.questions.numbers import add, add_four, add_three, count, count_both, how_many
from tasks.micro.questions.pictures import (
    UNANSWERABLE,
    answerable,
    background,
    background_choice,
    difference,
    grounding,
    quality,
    similarity,
)
from tasks.micro.questions.question import Asker, Question
from tasks.micro.questions.relations import (
    largest,
    relation,
    relation_chain,
    relation_color,
    same_color,
)

Kind = Callable[[Asker], Question | None]
TRAINED: dict[str, Kind] = {
    k.__name__: k
    for k in (
        digit, color, size, place, shape_at, relation, relation_color, same_color, largest, count,
        how_many, add, add_four, knowledge, quality, answerable, background_choice,
    )
}  # fmt: skip
"""Kinds about one picture with options that training holds."""
OPEN: dict[str, Kind] = {"background": background, "grounding": grounding}
"""Open answers about one picture."""
NEVER_TRAINED: dict[str, Kind] = {
    k.__name__: k for k in (relation_chain, count_both, add_three, food_color)
}
"""Kinds that only micro_star asks."""

__all__ = [
    "NEVER_TRAINED",
    "OPEN",
    "TRAINED",
    "UNANSWERABLE",
    "Asker",
    "Kind",
    "Question",
    "add_four",
    "add_three",
    "answerable",
    "background",
    "color",
    "count",
    "count_both",
    "difference",
    "digit",
    "food_color",
    "grounding",
    "how_many",
    "knowledge",
    "largest",
    "quality",
    "relation",
    "relation_chain",
    "relation_color",
    "same_color",
    "similarity",
    "size",
]
