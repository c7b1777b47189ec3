"""One round of questions to a teacher: stages that need nothing of one another, through the engine.

In: for each stage, who is asked what. Out: a Generation for each item, from the store where it has
one. A round is a Walk like that of a study, so the engine gives it everything: resume,
deduplication, claims, processes, failures as rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from suite.engine.processes import generate
from suite.engine.progress import Progress
from suite.engine.walk import Walk, fingerprints
from suite.extraction.teacher import Model
from suite.items.item import Item, ItemSet
from suite.models.backends import backend_of
from suite.models.family import Family
from suite.planning.cells import Cell, Step
from suite.planning.plan import Plan, PlannedTask
from suite.planning.prompts import Prompts
from suite.planning.stages import stage_of
from suite.planning.study import Study
from suite.requests import Decoding, Generation
from suite.store import Store

NAME = "extract-data"


@dataclass(frozen=True)
class Question:
    """What is asked of one item."""

    id: str
    text: str = ""
    """What the template's stage reads."""
    question: str = ""
    images: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A stage of a round."""

    stage: str
    template: str
    model: Model
    decoding: Decoding
    questions: Sequence[Question]
    pictures: dict[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Engine:
    """What every round works with."""

    prompts: Prompts
    store: Store
    device: str
    workers: int | None
    progress: Progress

    def ask(self, *stages: Asked, seed: int = 0) -> dict[str, dict[str, Generation]]:
        """Asks, and gives stage -> id -> what was generated, or the failure."""
        asked = [stage for stage in stages if stage.questions]
        tasks = {stage.stage: _task(stage) for stage in asked}
        items = {stage.stage: _items(stage) for stage in asked}
        cells = tuple(cell for task in tasks.values() for cell in task.cells)
        study = Study.model_construct(study=NAME, seed=seed)
        family = Family(NAME, NAME, self.prompts.name, None, ())
        plan = Plan(study, family, cells, tuple(tasks.values()), self.prompts)
        known = fingerprints(plan, self.device)
        walk = Walk(plan, items, self.prompts, known, self.store)
        generate(walk, self.prompts, self.device, self.workers, self.progress, _nothing, _nothing)
        found: dict[str, dict[str, Generation]] = {stage.stage: {} for stage in stages}
        for name, task in tasks.items():
            answers = walk.generations(task.cells[0].step, name)
            for item, answer in zip(items[name].items, answers, strict=True):
                found[name][item.item_id] = answer or Generation(error="It was not generated.")
        return found


_nothing: Callable[..., Any] = lambda *_, **__: None  # noqa: E731


def _task(asked: Asked) -> PlannedTask:
    writes = backend_of(asked.model.spec).writes
    step = Step(
        asked.stage,
        asked.template,
        asked.model.role,
        asked.model.size,
        asked.model.spec,
        asked.decoding if writes else Decoding(),  # recorded texts have one key for all
        samples=1,
        gold=stage_of(asked.template).reads is not None,
    )
    cell = Cell(asked.stage, NAME, NAME, None, None, None, None, False, step)
    return PlannedTask(asked.stage, "in_domain", len(asked.questions), (cell,), None, None)


def _items(asked: Asked) -> ItemSet:
    items = tuple(
        Item(
            task=asked.stage,
            item_id=one.id,
            question=one.question,
            options=(),
            answer="",
            category="",
            images=one.images,
            image_id="",
            gold_description=one.text,
        )
        for one in asked.questions
    )
    return ItemSet(asked.stage, items, asked.pictures)
