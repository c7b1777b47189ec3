"""What a plan will cost: tokens and seconds, from what the same models took before; memory, and
what is not on this machine.

In: a plan and a store that may hold answers of its models. Out: `Expected`: per stage and model the
mean tokens and seconds of an answer there, times the requests of the plan. What was never measured
is unknown, not guessed. Models are told apart by their fingerprints; none is loaded. Size and place
of checkpoints and data are read from their files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.base.machine import resolve_dtype
from suite.engine.walk import fingerprints
from suite.errors import SuiteError
from suite.items.lmms_task import on_hub
from suite.items.load import is_here
from suite.items.tasks import get_task
from suite.models.backends import backend_of
from suite.models.spec import ModelSpec
from suite.models.weights import stored_params, weight_files
from suite.planning.plan import Plan
from suite.store import Shelf, Store

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Number format -> bytes of a parameter."""
QUANTIZED = {"4bit": 0.5, "8bit": 1.0}
PUBLISHED = 2
"""Bytes of a parameter as most checkpoints are published: in bfloat16."""


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
                    "seconds": stage.distinct * stage.rate.seconds if stage.rate else None,
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


def models_of(plan: Plan, device: str = "auto") -> list[dict[str, Any]]:
    """Gives each checkpoint of a plan that is loaded on this machine, by model and role.

    `here`; `params` and `memory`, bytes of its weights in the number format that it is loaded in;
    `download`, bytes that are to be fetched from the Hub. Where its files are not here these are
    estimates by what the family says of its size (`estimated`), or None.
    """
    said: dict[tuple[str, ModelSpec | None], float] = {}
    for size in plan.family.sizes:
        said["text", size.text] = size.params
        for own, spec in size.vlms.items():  # several perceivers may be one checkpoint
            seeing = size.params + size.vision_params.get(own, 0)
            said["vlm", spec] = max(said.get(("vlm", spec), 0), seeing)
    rows = []
    for (role, spec), name in plan.models.items():
        backend = backend_of(spec)
        if spec.model is not None or not backend.on_device:
            continue
        files = weight_files(spec)
        counted = stored_params(files)
        params: float | None = counted or said.get((role, spec))
        dtype = resolve_dtype(spec.dtype, device)
        row: dict[str, Any] = {"model": name, "role": role, "source": spec.source}
        each = QUANTIZED.get(spec.quantization or "", BYTES[dtype])
        estimated = counted is None or spec.quantization is not None
        row |= {"here": bool(files), "dtype": spec.quantization or dtype, "estimated": estimated}
        fetched = params * PUBLISHED if params and spec.repo and not files else None
        row |= {
            "params": params,
            "memory": params and params * each,
            "download": 0 if files else fetched,
        }
        rows.append(row)
    return rows


def missing(plan: Plan) -> list[dict[str, Any]]:
    """Lists the checkpoints and data sets of a plan that are not on this machine.

    A row each: `kind` (checkpoint or data), `name` of model or task, `source`, whether a run
    fetches it from the Hub by itself (`fetched`), and `fetch`, what else brings it here.
    """
    rows: list[dict[str, Any]] = []
    for (_, spec), name in plan.models.items():
        if spec.model is None and not weight_files(spec):
            fetch = f"hf download {spec.repo}" if spec.repo else "--weights PATH"
            row: dict[str, Any] = {"kind": "checkpoint", "name": name, "model": name}
            row["fetched"] = spec.repo is not None
            rows.append(row | {"source": spec.source, "fetch": fetch})
    for task in plan.tasks:
        info = get_task(task.task)
        if task.images is None and not is_here(info, task.data):  # else its items are cached
            fetch = str(info.metadata.get("fetch") or f"--data {task.task}=PATH")
            row = {"kind": "data", "name": task.task, "task": task.task, "fetched": on_hub(info)}
            rows.append(row | {"source": info.source, "fetch": fetch})
    return rows


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
