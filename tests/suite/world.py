"""A small study for the engine's tests: two tasks, two sizes, a generator that can misbehave.

In: a folder. Out: a Walk over a store in it, run to its end, and its texts. Items and
prompts are the suite's own types.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite.api import with_counts
from suite.engine.claims import Claims
from suite.engine.local import CurrentModel, run_walk
from suite.engine.progress import Silent
from suite.engine.walk import Model, Walk
from suite.items.item import Item, ItemSet
from suite.planning.plan import plan
from suite.planning.prompts import load_prompts
from suite.planning.study import parse_study
from suite.requests import Generation, ImageLoader, Request, request_key
from suite.store import Store

FAMILY = """
family: pair
instruct: l
sizes:
  - {name: s, params: 1000, text: ./text-s, vlm: ./vlm-s}
  - {name: l, params: 100000, text: ./text-l, vlm: ./vlm-l}
"""
CELLS: list[dict[str, Any]] = [
    {"method": "end_to_end", "perception": "all"},
    {"method": "blind", "perception": "all"},
    {"method": "text_only", "reasoning": "all"},
    {"method": "decoupled", "perception": "all", "reasoning": "all", "thinking": [False, True]},
    {"method": "oracle", "reasoning": "l"},
]
OPTIONS = ("red", "blue", "green", "grey")


def items_of(task: str, count: int) -> ItemSet:
    """Items with one image each, two items to an image."""
    pictures = {
        hashlib.sha256(f"{task}{i}".encode()).hexdigest(): f"{task}{i}".encode()
        for i in range((count + 1) // 2)
    }
    names = list(pictures)
    items = tuple(
        Item(
            task=task,
            item_id=str(i),
            question=f"What colour is thing {i} of {task}?",
            options=OPTIONS,
            answer="ABCD"[i % 4],
            category=("even", "odd")[i % 2],
            images=(names[i // 2],),
            image_id=names[i // 2][:16],
            gold_description=f"thing {i} is {OPTIONS[i % 4]}",
        )
        for i in range(count)
    )
    return ItemSet(task, items, pictures)


def walk_in(
    folder: Path,
    *,
    run: str = "run",
    count: int = 6,
    say: Callable[[str], None] | None = None,
    **changes: Any,
) -> Walk:
    """A walk of the small study over the store in `folder`."""
    (folder / "pair.yaml").write_text(FAMILY)
    content = {
        "study": "small",
        "family": str(folder / "pair.yaml"),
        "tasks": [{"task": "one"}, {"task": "two"}],
        "cells": CELLS,
    }
    study = parse_study({**content, **changes})
    items = {row.task: items_of(row.task, count) for row in study.tasks}
    planned = with_counts(plan(study, counts=dict.fromkeys(items, count)), items)
    models = {(c.step.role, c.step.spec): {"weights": c.step.model} for c in planned.steps}
    store = Store(folder / "store", run=run, say=say)
    return Walk(planned, items, load_prompts("default"), models, store)


@dataclass
class Speaker:
    """A generator whose answer is a hash of all that its key holds: any mix-up shows."""

    model: Model
    fingerprint: dict[str, Any]
    batches_of: int = 4
    calls: list[list[Request]] = field(default_factory=list)
    trouble: Callable[[Sequence[Request]], None] = lambda requests: None
    """Called with each batch; may raise."""

    def generate(self, requests: Sequence[Request], images: ImageLoader) -> Iterator[Generation]:
        """One answer per request, in order."""
        self.calls.append(list(requests))
        self.trouble(requests)
        for request in requests:
            seen = [images(name) for message in request.messages for name in message.images]
            key = request_key(self.fingerprint, request)
            letter = "ABCD"[int(key[:2], 16) % 4]
            yield Generation(f"{letter} {key[:8]} {len(seen)}", "", "stop", 7, 3, 0.01)


class Speakers:
    """Builds Speakers for a walk and remembers what they were asked."""

    def __init__(self, walk: Walk, trouble: Callable[[Sequence[Request]], None] | None = None):
        self.walk = walk
        self.trouble = trouble or (lambda requests: None)
        self.built: list[Speaker] = []

    def __call__(self, model: Model) -> Speaker:
        speaker = Speaker(model, self.walk.fingerprints[model], trouble=self.trouble)
        self.built.append(speaker)
        return speaker

    @property
    def asked(self) -> list[Request]:
        """Every request, in the order asked."""
        return [r for speaker in self.built for batch in speaker.calls for r in batch]


def finish(walk: Walk, trouble: Callable[[Sequence[Request]], None] | None = None) -> Speakers:
    """Runs a walk to its end; what was asked is in the answer."""
    speakers = Speakers(walk, trouble)
    claims = Claims(walk.store.folder)
    try:
        run_walk(walk, CurrentModel(speakers), claims, Silent())
    finally:
        claims.close()
    return speakers


def texts(walk: Walk) -> dict[str, Any]:
    """Cell, task and place -> text or the reason for none, of a walk through the store."""
    for group in walk.groups:
        walk.requests(group)
    found = {}
    for task in walk.plan.tasks:
        for cell in task.cells:
            answers = walk.generations(cell.step, task.task)
            for n, place in enumerate(walk.places(cell.step, task.task)):
                generation = answers[n]
                text = generation.text or generation.error if generation else place.reason
                found[f"{cell.id} {task.task} {n}"] = text
    return found
