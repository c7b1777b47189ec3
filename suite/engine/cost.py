"""What a plan will cost: tokens and seconds, from what the same models took before.

In: a plan and a store that may hold answers of its models. Out: `Expected`: per stage and model the
mean tokens and seconds of an answer there, times the requests of the plan. What was never measured
is unknown, not guessed. Models are told apart by their fingerprints; none is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.engine.walk import fingerprints
from suite.errors import SuiteError
from suite.planning.plan import Plan
from suite.store import Shelf, Store


@dataclass(frozen=True)
class Rate:
    """Means of the answers of one model at one stage."""

    answers: int
    tokens: float
    """Generated tokens an answer, thinking included."""
    seconds: float
    """Model time an answer: the time of its batch over the rows of the batch."""


@dataclass(frozen=True)
class StageCost:
    """A stage of one model, and what it is expected to take."""

    stage: str
    model: str
    thinking: bool
    distinct: int
    rate: Rate | None
    """None where the store has no answer of it."""


@dataclass(frozen=True)
class Expected:
    """The cost of a plan whose answers are all generated anew by one process."""

    stages: tuple[StageCost, ...]
    store: str
    """Where the rates come from."""

    @property
    def known(self) -> bool:
        """Whether every stage was measured."""
        return all(stage.rate is not None for stage in self.stages)

    def total(self, unit: str) -> float | None:
        """Sum over stages of distinct requests x mean `tokens` or `seconds`; None if unknown."""
        if not self.known:
            return None
        return sum(stage.distinct * float(getattr(stage.rate, unit)) for stage in self.stages)

    def as_json(self) -> dict[str, Any]:
        """Gives the field `expected` of `downscale plan --json`."""
        return {
            "tokens": self.total("tokens"),
            "seconds": self.total("seconds"),
            "store": self.store,
            "stages": [
                {
                    "stage": stage.stage,
                    "model": stage.model,
                    "thinking": stage.thinking,
                    "distinct": stage.distinct,
                    "answers_measured": stage.rate.answers if stage.rate else 0,
                    "tokens_per_answer": stage.rate.tokens if stage.rate else None,
                    "seconds_per_answer": stage.rate.seconds if stage.rate else None,
                }
                for stage in self.stages
            ],
        }


def expected(plan: Plan, *, out: str | Path | None = None, store: str | None = None) -> Expected:
    """What the plan costs by the rates in the store that `run` would use.

    out, store: as for `run`: runs/STUDY/store unless a store is named here or in the study.
    """
    address = store or plan.study.store
    folder = Path(out) if out is not None else Path("runs") / plan.study.study
    opened = Store(address or folder / "store")
    rates = _rates(plan, opened)
    counts: dict[tuple[str, str, str, bool], int] = {}
    models = plan.models
    for count in plan.steps:
        step = count.step
        key = (step.stage, step.role, models[step.role, step.spec], step.decoding.thinking)
        counts[key] = counts.get(key, 0) + count.distinct
    costs = tuple(
        StageCost(stage, model, thinking, n, rates.get((stage, role, model, thinking)))
        for (stage, role, model, thinking), n in counts.items()
    )
    return Expected(costs, opened.folder.name)


def _rates(plan: Plan, store: Store) -> dict[tuple[str, str, str, bool], Rate]:
    """Rate by stage, role, model and whether the answer was thought over."""
    if not store.folder.names("parts"):
        return {}
    try:
        identities = fingerprints(plan)
    except SuiteError:
        return {}  # a checkpoint that is not here has answered nothing here
    found: dict[tuple[str, str, str, bool], Rate] = {}
    models = plan.models
    for (role, spec), identity in identities.items():
        model = models[role, spec]
        for (stage, thinking), rate in _measured(store.shelf(identity)):
            found[(stage, role, model, thinking)] = rate
    return found


def _measured(shelf: Shelf) -> Iterable[tuple[tuple[str, bool], Rate]]:
    sums: dict[tuple[str, bool], list[float]] = {}
    for _, stored in shelf.rows():
        answer = stored.generation
        if answer.error is None:
            total = sums.setdefault((stored.stage, bool(answer.thinking)), [0, 0.0, 0.0])
            for at, value in enumerate((1, answer.generated_tokens, answer.seconds)):
                total[at] += value
    for key, (answers, tokens, seconds) in sums.items():
        yield key, Rate(int(answers), tokens / answers, seconds / answers)
