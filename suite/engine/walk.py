"""The walk through a plan: which request answers each item at each step, as far as texts exist.

In: a plan, its items, prompts, generator fingerprints and the store. Out: the requests of a group
of steps, deduplicated by key, once everything before them is stored; and afterwards, for every step
and item, the key of its answer or the reason why there is none. No torch: generating is another's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from suite.items.item import Item, ItemSet
from suite.models.backends import backend_of, fingerprint
from suite.models.spec import ModelSpec, Role
from suite.planning.cells import Step
from suite.planning.plan import Plan
from suite.planning.prompts import Prompts
from suite.requests import Decoding, Generation, Keyer, Request
from suite.store import Shelf, Store

Model = tuple[Role, ModelSpec]
"""What one generator serves."""


@dataclass(frozen=True)
class StepGroup:
    """Steps that one model does in one way: their requests are batched together."""

    stage: str
    role: Role
    spec: ModelSpec
    model: str
    decoding: Decoding
    steps: tuple[Step, ...]

    @property
    def title(self) -> str:
        """Name for progress and messages."""
        return f"{self.stage} {self.model}{' thinking' if self.decoding.thinking else ''}"


@dataclass(frozen=True)
class Place:
    """Where one answer stands: a key, or the reason why it was never asked."""

    key: str | None
    reason: str | None = None


def groups_of(plan: Plan) -> tuple[StepGroup, ...]:
    """The plan's groups in the order in which they run.

    Upstream comes first, a loaded model is used again before the next one is loaded, and of several
    ready groups the one with most stages behind it goes first: it makes the others ready.
    """
    members: dict[tuple[str, Role, ModelSpec, Decoding], list[Step]] = {}
    for count in plan.steps:
        step = count.step
        members.setdefault((step.stage, step.role, step.spec, step.decoding), []).append(step)
    models = plan.models
    waiting = [
        StepGroup(stage, role, spec, models[role, spec], decoding, tuple(steps))
        for (stage, role, spec, decoding), steps in members.items()
    ]
    behind: dict[Step, int] = {}
    for count in reversed(plan.steps):
        for distance, step in enumerate(reversed(count.step.chain)):
            behind[step] = max(behind.get(step, 0), distance)
    done: set[Step] = set()
    order: list[StepGroup] = []
    while waiting:
        ready = [
            g for g in waiting if all(s.upstream is None or s.upstream in done for s in g.steps)
        ]
        # An upstream step is in another group (another stage), so some group is always ready.
        same = [g for g in ready if order and (g.role, g.spec) == (order[-1].role, order[-1].spec)]
        chosen = max(same or ready, key=lambda g: max(behind[s] for s in g.steps))
        order.append(chosen)
        done.update(chosen.steps)
        waiting.remove(chosen)
    return tuple(order)


class Walk:
    """Requests and answers of a plan, group by group."""

    def __init__(
        self,
        plan: Plan,
        items: Mapping[str, ItemSet],
        prompts: Prompts,
        fingerprints: Mapping[Model, dict[str, Any]],
        store: Store,
    ) -> None:
        self.plan = plan
        self.items = items
        self.store = store
        self.groups = groups_of(plan)
        self._prompts = prompts
        self.fingerprints: dict[Model, dict[str, Any]] = dict(fingerprints)
        self._places: dict[tuple[Step, str], list[Place]] = {}
        self._tasks: dict[Step, list[str]] = {}
        for task in plan.tasks:
            for step in task.steps:
                self._tasks.setdefault(step, []).append(task.task)

    def most(self) -> dict[StepGroup, int]:
        """Gives the requests of each group where no two texts before it are the same."""
        distinct = {count.step: count.distinct for count in self.plan.steps}
        return {group: sum(distinct[step] for step in group.steps) for group in self.groups}

    def shelf(self, group: StepGroup | Step) -> Shelf:
        """Where the answers of a group or step are stored."""
        return self.store.shelf(self.fingerprint(group))

    def fingerprint(self, group: StepGroup | Step) -> dict[str, Any]:
        """The fingerprint of the generator that does a group or step."""
        return self.fingerprints[(group.role, group.spec)]

    def requests(self, group: StepGroup) -> dict[str, Request]:
        """Key -> request of a group whose upstream is stored; notes the place of every answer."""
        keyer = Keyer(self.fingerprint(group), group.decoding)
        found: dict[str, Request] = {}
        for step in group.steps:
            for task in self._tasks[step]:
                self._places[(step, task)] = self._ask(step, task, keyer, found)
        return found

    def places(self, step: Step, task: str) -> list[Place]:
        """Gives the place of every answer of a step: item by item, sample by sample."""
        return self._places[(step, task)]

    def distinct(self) -> set[tuple[Model, str]]:
        """Gives every distinct request that the plan came to, by model and key."""
        return {
            ((step.role, step.spec), place.key)
            for (step, _), places in self._places.items()
            for place in places
            if place.key is not None
        }

    def blocked(self) -> int:
        """Requests that could not be asked, because a stage before them failed."""
        return sum(place.key is None for places in self._places.values() for place in places)

    def generations(self, step: Step, task: str) -> list[Generation | None]:
        """What is stored at every place of a step, in the order of `places`."""
        places = self.places(step, task)
        found = self.shelf(step).find(place.key for place in places if place.key is not None)
        stored = (found.get(place.key) if place.key is not None else None for place in places)
        return [held.generation if held is not None else None for held in stored]

    def _ask(self, step: Step, task: str, keyer: Keyer, found: dict[str, Request]) -> list[Place]:
        """The place of every answer of a step; adds what is to be asked to `found`."""
        seed = self.plan.study.seed
        places: list[Place] = []
        before = self._before(step, task)
        for index, item in enumerate(self.items[task].items):
            for sample in range(step.samples):
                text, reason = before(item, index, sample)
                if reason is not None:
                    places.append(Place(None, reason))
                    continue
                request = Request(
                    task,
                    item.item_id,
                    self._prompts.render(
                        step.template, item, text, thinking=step.decoding.thinking
                    ),
                    step.decoding,
                    0 if step.decoding.greedy else sample,
                    seed,
                )
                key = keyer.key(request)
                found.setdefault(key, request)
                places.append(Place(key))
        return places

    def _before(self, step: Step, task: str) -> Before:
        """What gives the text that a step reads for an item and sample, or why there is none."""
        if step.gold:
            return _gold
        if step.upstream is None:
            return lambda item, index, sample: (None, None)
        upstream = step.upstream
        by = f"{upstream.stage} by {upstream.model}"
        places, answers = self.places(upstream, task), self.generations(upstream, task)

        def before(item: Item, index: int, sample: int) -> tuple[str | None, str | None]:
            at = position(upstream, index, sample)
            answer = answers[at]
            if answer is None:
                return None, places[at].reason or f"{by} was not generated."
            if answer.error is not None:
                return None, f"{by} failed: {answer.error}"
            return answer.text, None

        return before


Before = Callable[[Item, int, int], tuple[str | None, str | None]]
"""(item, its index, sample) -> (upstream text, None), or (None, why there is none)."""


def position(step: Step, index: int, sample: int) -> int:
    """Where an item's sample stands among a step's places; an unsampled step has one per item."""
    return index * step.samples + (sample if step.samples > 1 else 0)


def _gold(item: Item, index: int, sample: int) -> tuple[str | None, str | None]:
    if item.gold_description is None:
        return None, f"{item.task} has no gold description of item {item.item_id}."
    return item.gold_description, None


def fingerprints(planned: Plan, device: str = "auto") -> dict[Model, dict[str, Any]]:
    """Gives the fingerprint of every model of a plan on a device, found without loading any of
    them.

    Raises SuiteError for a checkpoint that is not there.
    """
    found: dict[Model, dict[str, Any]] = {}
    for role, spec in {(count.step.role, count.step.spec): None for count in planned.steps}:
        identity = fingerprint(spec, role, spec.dtype, device=device)
        writes = backend_of(spec).writes
        found[(role, spec)] = identity if writes else {**identity, "per_item": True}
    return found
