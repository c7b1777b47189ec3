"""A training recipe: YAML -> frozen Recipe. Unknown keys are errors.

In: the name of a built-in recipe or a path. Out: sizes, the encoder and the ordered stages.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from suite.base import yaml_files
from suite.base.files import checked_name, on_any_disk
from suite.errors import SuiteError

FOLDER = Path(__file__).parent / "recipes"
SHARED = "shared"
"""In place of a size, for a stage that runs once for all of them."""
DONE = "done.json"
"""What a finished stage leaves in its folder: its attempts and how they ended."""
MADE_OF = "stage.json"
"""What a stage's folder says of its recipe: all that determines what becomes of it."""
BEGUN = ("attempt-*", "checkpoints", DONE)
"""What is in a folder in which a stage was begun, under one of these names."""


STARTS: dict[str, tuple[str, ...]] = {
    "encoder": (),
    "recall": ("recall", "text"),
    "text": ("recall", "text"),
    "vision": ("recall", "text", "vision"),
}
"""Kind of a stage -> kinds of which it may start."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SizeSpec(_Strict):
    """Width, depth and heads of one size's language model."""

    width: int
    layers: int
    heads: int
    head_dim: int
    like: str | None = None
    """Size whose rates this one has where a stage gives it none."""


class TowerSpec(_Strict):
    """Width and depth of a vision tower; it has four heads."""

    width: int = Field(gt=0, multiple_of=4)
    layers: int = Field(gt=0)


class EncoderSpec(TowerSpec):
    """The vision tower that all sizes share; `side` and `patch` in pixels."""

    side: int
    patch: int


class Retry(_Strict):
    """Another attempt at a stage whose gate was not reached."""

    seed: int
    """A thousand times it is added to the recipe's, so that no family tries another one's model."""
    scale: float
    """Multiplies the learning rate."""


class Stage(_Strict):
    """One stage of training."""

    name: str
    kind: Literal["encoder", "recall", "text", "vision"]
    steps: int = Field(gt=0)
    """Optimizer steps; the cap where the stage has a gate."""
    batch: int = Field(gt=0)
    """Rows a step."""
    rate: float | dict[str, float]
    """Peak learning rate, or one per size; see `Recipe.peak`."""
    evaluate: int = Field(gt=0)
    """Steps between evaluations and checkpoints."""
    shared: bool = False
    """True for a stage that runs once for all sizes."""
    init: str | None = None
    """Stage whose language model this one starts from."""
    gate: float | None = None
    retries: tuple[Retry, ...] = ()
    optimizer: Literal["adamw", "muon"] = "adamw"
    """`muon`: torch.optim.Muon on the matrices between embeddings and head, AdamW on the rest."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """`bfloat16` runs the forward pass under autocast; weights and optimizer stay float32."""
    tower: TowerSpec | None = None
    """An encoder stage's own tower; without it the recipe's."""
    encoder: str | None = None
    """Encoder stage whose tower a vision stage takes where it starts from text; without it the
    first."""
    connector: float = 1.0
    """Multiplies the rate of a vision stage's connector."""
    trainable: tuple[Literal["connector", "language", "vision"], ...] = ("connector", "language")
    """Parts of a vision stage's model that learn; the others stay as they are, bit for bit."""
    data: Literal["instruct", "caption", "extract"] = "instruct"
    """What the rows of a vision stage are: questions and descriptions, descriptions alone, or
    descriptions of what a question needs."""
    formats: int | None = Field(None, ge=2, le=8)
    """How many forms of answers an instruct stage teaches (`tasks.micro.lessons.FORMATS`); without
    it the evaluation's own."""
    thinking: float = Field(0.55, ge=0, le=1)
    """Share of questions of a text stage that are answered with thinking."""
    samples: int | None = Field(None, gt=0)
    """Distinct rows, which come again in the same order; without it every row is a new one."""
    describing: float = Field(0.35, ge=0, le=1)
    """Share of rows of a vision stage that describe."""
    decay: float = Field(0.3, ge=0, le=1)
    """Share of the steps at the end over which the rate falls linearly to 0."""
    weight_decay: float = 0.01
    export: str | None = None
    """Role under which the result is shipped: `text`; `vlm`, the perceiver of visual instruction
    tuning; or the name of a perceiver of its own, such as `extract`."""


class Recipe(_Strict):
    """A family's training from nothing."""

    recipe: str
    base: str | None = None
    """Recipe that this one adds to, in whose folder it is trained."""
    seed: int = Field(ge=0)
    encoder: EncoderSpec
    sizes: dict[str, SizeSpec]
    stages: tuple[Stage, ...]

    @model_validator(mode="after")
    def _stages_follow(self) -> Recipe:
        checked_name(self.recipe, "recipe")
        for size in self.sizes:
            checked_name(size, "sizes")
        seen: set[str] = set()
        kinds = {stage.name: stage.kind for stage in self.stages}
        for stage in self.stages:
            checked_name(stage.name, "stages.name")
            if stage.init is not None and stage.init not in seen:
                raise ValueError(f"stage {stage.name!r} starts from {stage.init!r}, not before it")
            if stage.init and kinds[stage.init] not in STARTS[stage.kind]:
                raise ValueError(
                    f"stage {stage.name!r} is of kind {stage.kind} and cannot start from "
                    f"{stage.init!r}, which is of kind {kinds[stage.init]}"
                )
            if stage.kind == "vision" and "encoder" not in map(kinds.get, seen):
                raise ValueError(f"stage {stage.name!r} needs a stage of kind encoder before it")
            self._parts_belong(stage, {name for name in seen if kinds[name] == "encoder"})
            if stage.shared != (stage.kind == "encoder"):
                raise ValueError(
                    f"stage {stage.name!r} is of kind {stage.kind}: `shared: true` belongs to "
                    "encoders, which all sizes have in common, and to nothing else"
                )
            if stage.export is not None:
                checked_name(stage.export, "stages.export")
            text = stage.kind in ("recall", "text")
            if stage.export and (stage.kind == "encoder" or text != (stage.export == "text")):
                raise ValueError(
                    f"stage {stage.name!r} is of kind {stage.kind} and cannot be exported as "
                    f"{stage.export!r}"
                )
            if stage.steps % stage.evaluate:
                raise ValueError(
                    f"stage {stage.name!r}: steps ({stage.steps}) must be a multiple of evaluate "
                    f"({stage.evaluate}), so that the curve and the checkpoints end where it ends"
                )
            if stage.name in seen:
                raise ValueError(f"two stages are called {stage.name!r}")
            if stage.shared and isinstance(stage.rate, dict):
                raise ValueError(f"stage {stage.name!r} is shared: give it one rate")
            if isinstance(stage.rate, dict):
                given = {n for n, s in self.sizes.items() if {n, s.like} & set(stage.rate)}
                if not set(stage.rate) <= set(self.sizes) == given:
                    raise ValueError(f"stage {stage.name!r} needs one rate for each of the sizes")
            seen.add(stage.name)
        roles = [stage.export for stage in self.stages if stage.export]
        for role in roles:
            if roles.count(role) > 1:
                raise ValueError(
                    f"two stages are exported as {role!r}, and one would replace the other"
                )
        folders: dict[str, str] = {}
        for what in (f"{stage.name}-{size}" for stage in self.stages for size in self.sizes):
            if before := folders.get(on_any_disk(what)):
                raise ValueError(f"two trainings would share a folder, '{before}' and '{what}'")
            folders[on_any_disk(what)] = what
        return self

    def _parts_belong(self, stage: Stage, encoders: set[str]) -> None:
        """Raises ValueError where a stage has a key that another kind of stage reads."""
        if stage.tower and stage.kind != "encoder":
            raise ValueError(f"stage {stage.name!r} trains no tower; `tower` belongs to encoders")
        if stage.formats and (stage.kind != "vision" or stage.data != "instruct"):
            raise ValueError(
                f"stage {stage.name!r} teaches no forms of answers; `formats` belongs to vision "
                "stages with `data: instruct`"
            )
        if stage.encoder is None:
            return
        if stage.kind != "vision" or not stage.init or self.stage(stage.init).kind == "vision":
            raise ValueError(
                f"stage {stage.name!r} takes no encoder; `encoder` belongs to vision stages that "
                "start from text"
            )
        if stage.encoder not in encoders:
            raise ValueError(
                f"stage {stage.name!r} takes the tower of {stage.encoder!r}, which is no stage of "
                "kind encoder before it"
            )

    def stage(self, name: str) -> Stage:
        """Gives the stage of that name."""
        return next(s for s in self.stages if s.name == name)

    def chain(self, stage: Stage) -> list[Stage]:
        """Gives the stages that make a model, first to last: what sees has the encoder before all
        that it started from."""
        found = [stage]
        while found[0].init:
            found.insert(0, self.stage(found[0].init))
        if stage.kind != "vision":
            return found
        named = next((past.encoder for past in found if past.encoder), None)
        encoders = [s for s in self.stages if s.kind == "encoder" and named in (None, s.name)]
        return encoders[:1] + found

    def peak(self, stage: Stage, size: str) -> float:
        """Gives a stage's peak learning rate for a size."""
        if not isinstance(stage.rate, dict):
            return stage.rate
        return stage.rate[size if size in stage.rate else str(self.sizes[size].like)]

    def shape(self, stage: Stage, size: str) -> SizeSpec | EncoderSpec:
        """Gives the shape of what a stage trains."""
        return self.tower(stage) if stage.kind == "encoder" else self.sizes[size]

    def tower(self, stage: Stage) -> EncoderSpec:
        """Gives the shape of an encoder stage's tower."""
        own = stage.tower.model_dump() if stage.tower else {}
        return self.encoder.model_copy(update=own)


def load_recipe(name: str) -> Recipe:
    """Reads a built-in recipe by name, or a YAML file by path.

    One with `base: NAME`, a recipe again, has all that the base has and what it says itself: sizes
    and stages are added to the base's, other keys stand in place of the base's.
    """
    path = yaml_files.find(name, FOLDER, "recipe", "name one of them or a YAML file")
    data = yaml_files.read(path, "recipe")
    if isinstance(data, dict) and "base" in data:
        data = _on_base(data, path)
    return yaml_files.validated(Recipe, data, f"recipe file {path}")


def _on_base(own: dict[str, Any], path: Path) -> dict[str, Any]:
    own = dict(own)
    place = yaml_files.find(str(own["base"]), FOLDER, "recipe", "`base` names one of them")
    base = yaml_files.read(place, "recipe")
    if not isinstance(base, dict) or "base" in base:
        raise SuiteError(f"In recipe file {path}: `base` is {place}, which has a base itself.")
    for key, empty in (("sizes", {}), ("stages", [])):
        more = own.get(key, empty)
        if type(more) is not type(empty) or type(base.get(key)) is not type(empty):
            continue  # it is said where the whole is read
        own[key] = base[key] | more if key == "sizes" else base[key] + more
    return base | own | {"base": base.get("recipe")}


def check_made_of(folder: Path, made: dict[str, Any]) -> None:
    """Raises SuiteError where a stage's folder was made of other things than the recipe says now,
    which is `made`: it would be taken for what the recipe says."""
    if not (folder / MADE_OF).exists():
        if any(path for name in BEGUN for path in folder.glob(name)):
            raise SuiteError(
                f"{folder} holds a training, and no {MADE_OF} that says of what recipe; "
                "give another --out, or remove that folder."
            )
        return
    before = json.loads((folder / MADE_OF).read_text())
    for key in made:
        # A key that an older version did not know is as it was then.
        if before.get(key, made[key]) != made[key]:
            raise SuiteError(
                f"{folder} was trained with {key}: {before[key]}, where the recipe "
                f"has {made[key]}; give another --out, or remove that folder."
            )
