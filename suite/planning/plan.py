"""The plan: every cell of a study, the steps that answer them, and how many requests they need.

In: a Study (or its name) and what the command line changes in it. Out: a frozen Plan. Pure and
symbolic: counted before any text exists, from the number of items alone; no torch.

*planned* is the sum over cells of what each would ask alone; *distinct* counts each (stage, model,
decoding, item, upstream step) once. A run can need fewer still, where texts happen to coincide.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.errors import SuiteError, nearest
from suite.items.item import Item
from suite.items.tasks import get_task, task_name
from suite.models.family import Family, load_family, with_backend
from suite.models.spec import ModelSpec, Role
from suite.models.weights import with_weights
from suite.planning.cells import Cell, Step, expand
from suite.planning.prompts import Prompts, load_prompts
from suite.planning.rehearsal import rehearsed
from suite.planning.study import Study, TaskRow, changed, load_study

ASSUMED = {"discordance": 0.5, "correlation": 0.5, "power": 0.8, "level": 0.05}
"""What the detectable differences of a plan rest on, before there are scores.

discordance: share of items that one of two systems gets right and the other wrong. Two systems of
equal accuracy whose errors are independent differ on 2 a (1 - a) of the items, at most .5; systems
that find the same items hard differ on fewer. correlation: of two items that show one image.
Afterwards `downscale analyze power` and `downscale compare` measure both.
"""


@dataclass(frozen=True)
class PlannedTask:
    """A task and what runs on it."""

    task: str
    domain: str
    n: int | None
    """Items; None where no data are there and the task declares no number."""
    cells: tuple[Cell, ...]
    limit: int | None
    data: str | None
    """Local copy of its data."""
    images: tuple[int, ...] | None = None
    """Items that each image shows; None where the items were not read yet: one each is assumed."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step that one of its cells needs, once, upstream first."""
        return _unique(step for cell in self.cells for step in cell.step.chain)

    @property
    def design_effect(self) -> float:
        """How many times the variance of independent items its images make of a difference."""
        from analyses.stats.detectable import design_effect

        return design_effect(self.images or (), ASSUMED["correlation"])

    @property
    def detectable(self) -> float | None:
        """Smallest paired difference found with 80 % power, as ASSUMED; None where none is."""
        return _detectable([self])


@dataclass(frozen=True)
class StepCount:
    """One step over all tasks: a line of `downscale plan`."""

    step: Step
    planned: int
    distinct: int

    @property
    def most_tokens(self) -> int:
        """Upper bound of the tokens it generates."""
        decoding = self.step.decoding
        budget = (decoding.thinking_budget or 0) if decoding.thinking else 0
        return self.distinct * (decoding.max_new_tokens + budget)


@dataclass(frozen=True)
class Plan:
    """What a study will do."""

    study: Study
    family: Family
    cells: tuple[Cell, ...]
    tasks: tuple[PlannedTask, ...]
    prompts: Prompts

    @property
    def steps(self) -> tuple[StepCount, ...]:
        """Every step, upstream first, with its requests."""
        planned: dict[Step, int] = {}
        distinct: dict[Step, int] = {}
        for task in self.tasks:
            for cell in task.cells:
                for step in cell.step.chain:
                    planned[step] = planned.get(step, 0) + (task.n or 0) * step.samples
            for step in task.steps:
                distinct[step] = distinct.get(step, 0) + (task.n or 0) * step.samples
        order = _unique(step for cell in self.cells for step in cell.step.chain)
        return tuple(StepCount(s, planned.get(s, 0), distinct.get(s, 0)) for s in order)

    @property
    def models(self) -> dict[tuple[Role, ModelSpec], str]:
        """Role and spec -> name for people; a model that has several goes by the first."""
        named: dict[tuple[Role, ModelSpec], str] = {}
        for count in self.steps:
            named.setdefault((count.step.role, count.step.spec), count.step.model)
        return named

    @property
    def planned(self) -> int:
        """Requests if every cell asked alone."""
        return sum(count.planned for count in self.steps)

    @property
    def distinct(self) -> int:
        """Requests when shared steps are asked once."""
        return sum(count.distinct for count in self.steps)

    @property
    def detectable(self) -> float | None:
        """Smallest difference of the mean over tasks found with 80 % power, as ASSUMED.

        None where none is, and while the size of a task is unknown.
        """
        return _detectable(self.tasks)

    def requests_of(self, cell: Cell) -> int:
        """What one cell would ask alone."""
        per_item = sum(step.samples for step in cell.step.chain)
        return per_item * sum(task.n or 0 for task in self.tasks if cell in task.cells)

    def as_json(self) -> dict[str, Any]:
        """Gives the shape that `downscale plan --json` prints."""
        return {
            "study": self.study.study,
            "requests": {"planned": self.planned, "distinct": self.distinct},
            "cells": [
                {
                    "cell": cell.id,
                    "method": cell.method,
                    "perceiver": cell.perceiver,
                    "perception": cell.perception,
                    "reasoning": cell.reasoning,
                    "thinking": cell.thinking,
                    "samples": cell.samples,
                    "tasks": [task.task for task in self.tasks if cell in task.cells],
                    "items": sum(task.n or 0 for task in self.tasks if cell in task.cells),
                    "requests": self.requests_of(cell),
                }
                for cell in self.cells
            ],
            "tasks": [
                {
                    "task": task.task,
                    "domain": task.domain,
                    "n": task.n,
                    "cells": len(task.cells),
                    "images": None if task.images is None else len(task.images),
                    "design_effect": task.design_effect,
                    "detectable": task.detectable,
                }
                for task in self.tasks
            ],
            "overall": {"tasks": len(self.tasks), "detectable": self.detectable},
            "assumed": dict(ASSUMED),
            "stages": self._stages(),
        }

    def _stages(self) -> list[dict[str, Any]]:
        """Requests by template, model and thinking, over the steps that differ in upstream only."""
        rows: dict[tuple[str, str, str, str, bool], dict[str, Any]] = {}
        models = self.models
        for count in self.steps:
            step = count.step
            thinking = step.decoding.thinking
            model = models[step.role, step.spec]
            name = (step.stage, step.template, step.role, model, thinking)
            about = dict(zip(("stage", "template", "role", "model", "thinking"), name))
            row = rows.setdefault(name, {**about, "planned": 0, "distinct": 0, "most_tokens": 0})
            for key in ("planned", "distinct", "most_tokens"):
                row[key] += getattr(count, key)
        return list(rows.values())


def plan(
    study: Study | str | Path,
    *,
    only: Sequence[str] = (),
    limit: int | None = None,
    data: Mapping[str, str] | None = None,
    changes: Mapping[str, Any] | None = None,
    weights: str | Path | None = None,
    backend: str | None = None,
    random_weights: bool = False,
    counts: Mapping[str, int] | None = None,
) -> Plan:
    """Plans a study.

    only: cell ids or globs to keep. limit: items of each task or category, in place of the study's.
    data: local copies of tasks' data, task -> path. changes: see suite.planning.study.changed.
    weights: see suite.models.weights.with_weights.
    backend: see suite.models.family.with_backend.
    random_weights: a rehearsal, see suite.planning.rehearsal.rehearsed.
    counts: items by task; by default from the cached items, else from the task's declared number.
    Raises SuiteError for anything that the study, its family, its prompts or these arguments get
    wrong; a template that the prompt set lacks is wrong where a step asks through it.
    """
    study = load_study(study) if isinstance(study, (str, Path)) else study
    study = with_options(changed(study, changes) if changes else study, limit=limit, data=data)
    family = load_family(study.family)
    for option, given in (("weights", weights), ("backend", backend)):
        if random_weights and given is not None:
            raise SuiteError(f"--random-weights replaces every checkpoint; leave --{option} out.")
    if weights is not None:
        family = with_weights(family, weights)
    if backend is not None:
        family = with_backend(family, backend)
    if random_weights:
        study, family = rehearsed(study, family)
    cells = expand(study, family, only)
    tasks = tuple(_task(study, row, cells, counts) for row in study.tasks)
    kept = tuple(task for task in tasks if task.cells)
    if not kept:
        raise SuiteError(
            f"In study {study.study!r}: no task runs any of the cells; check the tasks' `methods`."
        )
    used = tuple(cell for cell in cells if any(cell in task.cells for task in kept))
    prompts = load_prompts(study.prompts or family.prompts)
    for cell in used:
        for step in cell.step.chain:
            prompts.require(step.template, cell.id)
    return Plan(study, family, used, kept, prompts)


def with_options(study: Study, *, limit: int | None, data: Mapping[str, str] | None) -> Study:
    """Gives the study with the command line's `--limit` and `--data` in place of its own."""
    changes: dict[str, Any] = {}
    if limit is not None:
        if limit < 1:
            raise SuiteError(f"--limit {limit}: give a positive number of items.")
        rows = [row.model_copy(update={"limit": None}) for row in study.tasks]
        changes = {"limit": limit, "tasks": rows}
    if data:
        names = [row.task for row in study.tasks]
        data = {task_name(name): path for name, path in data.items()}
        for name in data:
            if name not in names:
                raise SuiteError(
                    f"--data {name}=...: study {study.study!r} has no such task"
                    f"{nearest(name, names)}."
                )
        changes["data"] = {**study.data, **data}
    return study.model_copy(update=changes)


def _task(
    study: Study, row: TaskRow, cells: tuple[Cell, ...], counts: Mapping[str, int] | None
) -> PlannedTask:
    limit = row.limit or study.limit
    path = study.data.get(row.task)
    mine = tuple(cell for cell in cells if row.methods is None or cell.method in row.methods)
    domain = row.domain or _declared_domain(row.task, counts)
    if counts is not None:
        return PlannedTask(row.task, domain, counts.get(row.task), mine, limit, path)
    n, images = count_items(row.task, path, limit)
    return PlannedTask(row.task, domain, n, mine, limit, path, images)


def _declared_domain(task: str, counts: Mapping[str, int] | None) -> str:
    """What the task's YAML says; a task of which only the number of items is given has none."""
    try:
        return get_task(task).domain
    except SuiteError:
        if counts is None:
            raise
        return "in_domain"


def count_items(
    task: str, data: str | None, limit: int | None
) -> tuple[int | None, tuple[int, ...] | None]:
    """Gives the items of a task and items of each image: from the cache, else as its YAML declares;
    None where neither knows."""
    from suite.items.load import cached_items

    cached = cached_items(task, data=data, limit=limit)
    if cached is None:
        return get_task(task).declared(limit), None
    return len(cached.items), per_image(cached.items)


def per_image(items: Iterable[Item]) -> tuple[int, ...]:
    """Counts the items of each image; an item without one is its own."""
    return tuple(Counter(item.image_id or item.item_id for item in items).values())


def _detectable(tasks: Sequence[PlannedTask]) -> float | None:
    """Smallest difference of the tasks' mean found with 80 % power, as ASSUMED; None unknown."""
    from analyses.stats.detectable import Part, detectable_difference

    if not all(task.n for task in tasks):
        return None
    found = detectable_difference(
        tuple(Part(t.n or 0, ASSUMED["discordance"], t.design_effect) for t in tasks),
        clusters=sum((t.n or 0) if t.images is None else len(t.images) for t in tasks),
        exact=all(task.design_effect == 1.0 for task in tasks),
    )
    return None if math.isnan(found) else found


def _unique(steps: Any) -> tuple[Step, ...]:
    return tuple(dict.fromkeys(steps))
