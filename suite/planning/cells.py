"""Cells: the rows of a study's result, and the chain of steps that answers each.

In: a Study and its Family. Out: frozen Cells, each ending in a Step whose `upstream` leads back to
the first stage. Two cells that ask the same thing share the Step, so that it is run once.
A method is a row of METHODS: the stages it passes, who does each, and how it decodes. No torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from suite.base.json_values import canonical_json
from suite.errors import SuiteError, nearest, shown
from suite.models.backends import backend_of
from suite.models.family import Family, Size
from suite.models.nowait import rule_for
from suite.models.spec import INSTRUCT, ModelSpec, Role, checkpoint
from suite.planning.methods import METHODS, ROLES, Link, Method, Who
from suite.requests import Decoding

if TYPE_CHECKING:
    from suite.planning.study import CellRow, Study

T = TypeVar("T", bool, str)


@dataclass(frozen=True)
class Step:
    """One stage done by one model in one way, over what its upstream wrote."""

    stage: str
    template: str
    role: Role
    size: str
    spec: ModelSpec
    decoding: Decoding
    samples: int
    """Answers per item: 1 unless this step or one before it is sampled."""
    upstream: Step | None = None
    gold: bool = False
    """Whether it reads the item's gold description."""
    perceiver: str | None = None
    """Which of the size's perceivers does it; None of a text model."""

    @property
    def model(self) -> str:
        """Name for people: `vlm-8b`, `extract-8b`, or the file of recorded texts."""
        writes = backend_of(self.spec).writes
        named = f"{checkpoint(self.role, self.perceiver)}-{self.size}"
        return named if writes else Path(self.spec.source).name

    @property
    def chain(self) -> tuple[Step, ...]:
        """This step and those before it, first one first."""
        return (*(self.upstream.chain if self.upstream else ()), self)


@dataclass(frozen=True)
class Cell:
    """A row of the study's result."""

    id: str
    """Unique in the study, e.g. decoupled/P=8b/R=4b/think."""
    method: str
    family: str
    perception: str | None
    perception_params: float | None
    reasoning: str | None
    reasoning_params: float | None
    thinking: bool
    step: Step
    """The step that answers."""
    perceiver: str | None = None
    """Which of the perception size's perceivers looks; None where nothing does."""
    perception_samples: float | None = None
    """Rows that it saw in training; None where the family does not say."""

    @property
    def samples(self) -> int:
        """Answers per item."""
        return self.step.samples


def expand(study: Study, family: Family, only: Sequence[str] = ()) -> tuple[Cell, ...]:
    """Gives the study's cells in the order of its rows; `only` keeps those that match an id or a
    glob.

    Raises SuiteError for a size, model or perceiver that the family lacks and a kept cell needs,
    for what `perceive` names and none asks, for two rows that give the same cell, and for a pattern
    that matches nothing.
    """
    choices: dict[str, _Choice] = {}
    for row in study.cells:
        for choice in _expand_row(study, family, row, whole=not only):
            if choice.id in choices:
                raise SuiteError(
                    f"In study {study.study!r}: `cells` gives {choice.id} twice; keep one."
                )
            choices[choice.id] = choice
    kept = matching(choices, only, "--only") if only else set(choices)
    cells = [_cell(study, family, choice) for id, choice in choices.items() if id in kept]
    sizes = [size.name for size in family.sizes]
    for name in study.perceive:
        if name not in sizes and (not only or name in {cell.perception for cell in cells}):
            raise SuiteError(
                f"In study {study.study!r}: `perceive` names {shown(name)}, which is no size of "
                f"family {shown(family.name)}{nearest(name, sizes)}."
            )
        own = [choice for choice in choices.values() if choice.perception == name]
        kinds = {choice.perceiver for choice in own if any(map(_describes, choice.method.links))}
        if kinds and INSTRUCT not in kinds:
            raise SuiteError(
                f"In study {study.study!r}: `perceive` is for the perceiver {INSTRUCT}, and the "
                f"cells of size {shown(name)} have {', '.join(sorted(map(str, kinds)))}; name its "
                "recorded texts in the family: `vlms: {NAME: {path: FILE, generator: recorded}}`."
            )
    return tuple(cells)


@dataclass(frozen=True)
class _Choice:
    """What a row of the study says of one cell, before the family's models are looked at."""

    method: Method
    perceiver: str | None
    perception: str | None
    reasoning: str | None
    thinking: bool
    samples: int | None

    @property
    def id(self) -> str:
        own = self.perceiver not in (None, INSTRUCT, self.method.perceiver)
        parts = [self.method.name, *([str(self.perceiver)] if own else [])]
        parts += [] if self.perception is None else [f"P={self.perception}"]
        parts += [] if self.reasoning is None else [f"R={self.reasoning}"]
        if self.reasoning is not None or self.thinking:
            parts.append("think" if self.thinking else "direct")
        return "/".join(parts)


def matching(
    ids: Iterable[str], patterns: Sequence[str], option: str, kind: str = "cell"
) -> set[str]:
    """Gives the ids, of cells or of another `kind`, that equal or match one of `patterns`;
    SuiteError for one that matches none."""
    known, kept = list(ids), set[str]()
    for pattern in patterns:
        matched = {id for id in known if id == pattern or fnmatchcase(id, pattern)}
        if not matched:
            raise SuiteError(f"{option} {pattern}: no {kind} has this id{nearest(pattern, known)}.")
        kept |= matched
    return kept


def _expand_row(study: Study, family: Family, row: CellRow, *, whole: bool) -> Iterator[_Choice]:
    """The cells of a row, none where no size has the model; that is an error of a `whole` study."""
    method = METHODS[row.method]
    where = f"In study {study.study!r}, method {method.name}"
    thinking = _own(row.thinking, method.thinking, False, "thinking", where)
    kinds: list[str | None] = [None]
    if method.uses("perception"):
        kinds = [*_own(row.perceiver, method.perceiver, INSTRUCT, "perceiver", where)]
    elif row.perceiver is not None:
        raise SuiteError(f"{where}: it has no perception model; remove the key `perceiver`.")
    for kind in kinds:
        perceivers = _sizes(study, family, method, "perception", row.perception, kind, whole)
        reasoners = _sizes(study, family, method, "reasoning", row.reasoning, kind, whole)
        for p, r, think in product(perceivers, reasoners, thinking):
            yield _Choice(method, kind, p, r, think, row.samples)


def _cell(study: Study, family: Family, choice: _Choice) -> Cell:
    method, kind = choice.method, choice.perceiver
    named: dict[Who, str | None]
    named = {"perception": choice.perception, "reasoning": choice.reasoning}
    sizes = {
        who: None if name is None else _able(study, family, method, who, name, kind)
        for who, name in named.items()
    }
    p, r = sizes["perception"], sizes["reasoning"]
    return Cell(
        id=choice.id,
        method=method.name,
        family=family.name,
        perception=p.name if p else None,
        perception_params=_seeing_params(study, family, p, kind) if p else None,
        reasoning=r.name if r else None,
        reasoning_params=r.params if r else None,
        thinking=choice.thinking,
        perceiver=kind,
        perception_samples=p.samples.get(kind) if p and kind else None,
        step=_chain(study, family, method, sizes, kind, choice.thinking, choice.samples),
    )


def _seeing_params(study: Study, family: Family, size: Size, kind: str | None) -> float:
    """Parameters of a perception module, as the study counts them."""
    if study.params == "language":
        return size.params
    if kind not in size.vision_params:
        of = f" of its perceiver {shown(kind)}" if size.vision_params or kind != INSTRUCT else ""
        raise SuiteError(
            f"Study {study.study!r} has `params: total`, and size {size.name!r} of family "
            f"{family.name!r} has no `vision_params`{of}; add them to the family file, or leave "
            "`params` out."
        )
    return size.params + size.vision_params[str(kind)]


def _own(given: T | list[T] | None, fixed: T | None, default: T, key: str, where: str) -> list[T]:
    """What a row says of something, or what its method has for it, which the row may not change."""
    if given is None:
        return [default if fixed is None else fixed]
    rows = given if isinstance(given, list) else [given]
    if fixed is not None and rows != [fixed]:
        raise SuiteError(f"{where}: its {key} is {canonical_json(fixed)}; remove the key `{key}`.")
    if not rows or len(set(rows)) < len(rows):
        raise SuiteError(f"{where}: `{key}` is {shown(rows)}; give each value once.")
    return rows


def _sizes(
    study: Study,
    family: Family,
    method: Method,
    who: Who,
    wanted: str | list[str] | None,
    perceiver: str | None,
    whole: bool,
) -> list[str | None]:
    """The sizes that a row names; [None] where the method does not use `who`."""
    where = f"In study {study.study!r}, method {method.name}"
    if not method.uses(who):
        if wanted is not None:
            raise SuiteError(f"{where}: it has no {who} model; remove the key `{who}`.")
        return [None]
    if wanted is None:
        raise SuiteError(f"{where}: give `{who}`: all, a size, or a list of sizes.")
    if wanted != "all":
        return [wanted] if isinstance(wanted, str) else [*wanted]
    able = [own.name for own in family.sizes if _spec(study, method, who, own, perceiver)]
    if whole and not able:
        raise _lacking(study, family, method, who, None, perceiver)
    return [*able]


def _able(
    study: Study, family: Family, method: Method, who: Who, name: str, perceiver: str | None
) -> Size:
    """The size of that name, which has a model in this role."""
    size = family.size(name)
    if _spec(study, method, who, size, perceiver) is None:
        raise _lacking(study, family, method, who, name, perceiver)
    return size


def _lacking(
    study: Study, family: Family, method: Method, who: Who, name: str | None, perceiver: str | None
) -> SuiteError:
    """What is said where one size, or none, has the model."""
    size, lack = ("no size", "has a") if name is None else (f"size {shown(name)}", "has no")
    model, key = f"{ROLES[who]} model", "it"
    if who == "perception" and perceiver not in (None, INSTRUCT):
        kinds = {kind for own in family.sizes for kind in own.vlms}
        mistyped = method.perceiver is None and perceiver not in kinds
        hint = nearest(str(perceiver), sorted(kinds)) if mistyped else ""
        model = f"perceiver {shown(perceiver)}{hint}"
        key = f"`vlms: {{{perceiver}: ...}}`"
    return SuiteError(
        f"In study {study.study!r}, method {method.name}: {size} of family {shown(family.name)} "
        f"{lack} {model}; add {key} to the family or remove the row."
    )


def _describes(link: Link | Step) -> bool:
    """Whether recorded descriptions may stand in its place."""
    return link.stage == "perceive"


def _spec(
    study: Study, method: Method, who: Who, size: Size, perceiver: str | None
) -> ModelSpec | None:
    """The model of a size in a role, or the file of texts that stands for it."""
    if who != "perception":
        return size.text
    recorded = study.perceive.get(size.name) if perceiver == INSTRUCT else None
    if recorded and any(_describes(link) for link in method.links):
        return ModelSpec(path=Path(recorded.file), generator="recorded")
    return size.vlms.get(str(perceiver))


def _instruct(study: Study, family: Family) -> tuple[str, ModelSpec]:
    """Size and model that write the contents to observe."""
    file = getattr(study.instruct, "file", None)
    if file:
        return "recorded", ModelSpec(path=Path(file), generator="recorded")
    name = getattr(study.instruct, "size", None) or family.instruct
    spec = family.size(name).text if name else None
    if name is None or spec is None:
        raise SuiteError(
            f"Family {shown(family.name)} has no text model to write the contents to observe; "
            "add `instruct: {file: PATH}` to the study or a text model to the family."
        )
    return name, spec


def _chain(
    study: Study,
    family: Family,
    method: Method,
    sizes: dict[Who, Size | None],
    perceiver: str | None,
    thinking: bool,
    samples: int | None,
) -> Step:
    wanted = samples or study.samples
    step: Step | None = None
    for link in method.links:
        think = thinking and link is method.links[-1]
        row = study.decoding.think if think else getattr(study.decoding, link.decoding)
        decoding = row.decoding(think)
        if link.who == "instruct":
            name, spec = _instruct(study, family)
        else:
            size = sizes[link.who]
            found = _spec(study, method, link.who, size, perceiver) if size else None
            assert size is not None  # `_sizes` has checked both
            assert found is not None
            name, spec = size.name, found
        writes = backend_of(spec).writes
        if backend_of(spec).on_device:
            decoding = replace(decoding, nowait=rule_for(spec, decoding.nowait))
        varies = (writes and not decoding.greedy) or (step is not None and step.samples > 1)
        step = Step(
            stage=link.stage,
            template=link.template,
            role=ROLES[link.who],
            size=name,
            spec=spec,
            # Recorded texts are the same whatever the decoding: one key for all.
            decoding=decoding if writes else Decoding(),
            samples=wanted if varies else 1,
            upstream=step,
            gold=method.gold and step is None,
            perceiver=perceiver if link.who == "perception" else None,
        )
    assert step is not None
    return step
