"""A recipe of real sizes: YAML -> frozen RealRecipe. Unknown keys are errors.

In: the name of a built-in recipe or a path. Out: the vision encoder, a language model per size and
the ordered stages, each with its data, the rates of the parts that it trains, and its settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from suite.base import yaml_files
from suite.base.files import checked_name, on_any_disk, user_path
from suite.errors import SuiteError, nearest, shown
from suite.planning.study import FOLDER as STUDIES
from suite.training.recipe import FOLDER, _Strict

PARTS = ("connector", "vision", "language")
"""What a stage may train. `language` is all that is neither of the others: embeddings, head and the
vector that ends a row of tiles too."""


class Source(_Strict):
    """A file of conversations with its images."""

    file: str
    """LLaVA JSON (or JSONL): rows of `conversations`, with `image`, a path or several."""
    images: str = "."
    """Folder that the paths in the rows lead from."""
    take: int | None = Field(None, gt=0)
    """Draws so many of its rows, without replacement, by the stage's seed; all without it."""
    rows: int | None = Field(None, gt=0)
    """Rows as published: what a plan counts with where the file is not on this machine."""
    picture: tuple[int, int] = (640, 480)
    """Width and height that a plan takes an image to have."""
    pictures: int = Field(1, ge=0)
    """Images that a plan takes a row to have."""
    text: int = Field(100, gt=0)
    """Tokens of text that a plan takes a row to have."""


class Stage(_Strict):
    """One stage of training."""

    name: str
    init: str | None = None
    """Stage that this one starts from; None starts from the encoder and the language model."""
    data: tuple[Source, ...]
    rates: dict[str, float]
    """Peak learning rate of each part that is trained (`PARTS`); the others stay as they are."""
    epochs: float | None = Field(None, gt=0)
    steps: int | None = Field(None, gt=0)
    """Optimizer steps, in place of `epochs`."""
    batch: int = Field(gt=0)
    """Rows a step, over all cards; what a card does not hold at once is accumulated."""
    per_device: int = Field(1, gt=0)
    """Rows that a card holds at once."""
    warmup: float = Field(0.03, ge=0, lt=1)
    """Share of the steps over which the rate rises linearly."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How it falls afterwards."""
    weight_decay: float = Field(0.0, ge=0)
    """Not on norms and biases."""
    context: int = Field(gt=0)
    """Most tokens of a row, those of its images too; what is beyond is cut off at the end."""
    images: Literal["square", "anyres"] = "anyres"
    """`square`: each image pressed to one crop. `anyres`: LLaVA-OneVision's tiles for a row with
    one image, padded crops for a row with several."""
    loss: Literal["caption", "assistant", "marks"]
    """Which tokens bear loss. `caption`: no chat format, image and then caption, which bears it.
    `assistant`: the assistant's words and the mark that ends them. `marks`: LLaVA-NeXT's, the
    assistant's turns whole and the marks of all turns."""
    group: bool = True
    """Puts rows of like length into one step, and those without images apart."""
    held_out: int = Field(64, gt=0)
    """Rows that are not trained on: the curve's loss and accuracy are of these."""
    evaluate: int = Field(500, gt=0)
    """Steps between points of the curve, and checkpoints."""
    seed: int | None = Field(None, ge=0)
    """In place of the recipe's."""
    checkpointing: bool = True
    """Computes activations again in the backward pass, in place of holding them."""
    source: str = ""
    """Where these settings come from, and what of them is not published."""


class LanguageModel(_Strict):
    """The language model of one size."""

    text: str
    """Folder of a Qwen3ForCausalLM with its tokenizer, or a repository of the Hub."""
    config: dict[str, Any] | None = None
    """Keys of its config.json that a plan needs; a folder that says otherwise is refused."""


class Vision(_Strict):
    """The encoder that all sizes share."""

    model: str
    """Folder of a SigLIP, or a repository of the Hub."""
    layers: int | None = None
    """Keeps so many of its layers, the first ones."""
    config: dict[str, Any] | None = None
    """As a language model's."""


class RealRecipe(_Strict):
    """A family's training from a pretrained encoder and pretrained language models."""

    recipe: str
    title: str = ""
    seed: int = Field(ge=0)
    vision: Vision
    tiles: int = Field(6, gt=0)
    """Tiles of an image in a row and in a column, at most."""
    most_tiles: int = Field(9, gt=0)
    """Tiles whose features a row may have; those of more are made fewer, bilinear."""
    sizes: dict[str, LanguageModel] = Field(min_length=1)
    stages: tuple[Stage, ...] = Field(min_length=1)
    folder: Path = Field(Path(), exclude=True)
    """Where relative paths lead from."""

    @model_validator(mode="after")
    def _stages_follow(self) -> RealRecipe:
        checked_name(self.recipe, "recipe")
        seen: set[str] = set()
        for stage in self.stages:
            checked_name(stage.name, "stages.name")
            if stage.init is not None and stage.init not in seen:
                raise ValueError(f"stage {stage.name!r} starts from {stage.init!r}, not before it")
            for part in stage.rates:
                if part not in PARTS:
                    raise ValueError(
                        f"stage {stage.name!r} trains {shown(part)}, which is no part of a model"
                        f"{nearest(part, PARTS)}"
                    )
            if not stage.data or not stage.rates:
                lacks = "trains no part: give `rates`" if stage.data else "has no `data`"
                raise ValueError(f"stage {stage.name!r} {lacks}")
            if (stage.epochs is None) == (stage.steps is None):
                raise ValueError(f"stage {stage.name!r} needs either `epochs` or `steps`")
            if stage.batch % stage.per_device:
                raise ValueError(
                    f"stage {stage.name!r}: batch ({stage.batch}) must be a multiple of per_device "
                    f"({stage.per_device})"
                )
            seen.add(stage.name)
        folders = [on_any_disk(f"{stage.name}-{checked_name(size, 'sizes')}")
                   for stage in self.stages for size in self.sizes]  # fmt: skip
        for folder in folders:
            if folders.count(folder) > 1:
                raise ValueError(f"two trainings would share the folder {folder!r}")
        return self

    def stage(self, name: str) -> Stage:
        """Gives the stage of that name."""
        return next(s for s in self.stages if s.name == name)

    def chain(self, stage: Stage) -> list[Stage]:
        """Gives the stages that make a model, first to last."""
        found = [stage]
        while found[0].init:
            found.insert(0, self.stage(found[0].init))
        return found

    def seed_of(self, stage: Stage) -> int:
        """Gives the seed of a stage."""
        return self.seed if stage.seed is None else stage.seed

    def place(self, text: str) -> Path | None:
        """Gives the path that a recipe names, None where it names a repository of the Hub."""
        path = self.folder / user_path(text)
        return path if path.exists() or text.startswith(("./", "../", "/", "~")) else None


def names_recipe(word: str) -> bool:
    """Says whether a word names a recipe and no study: of a name that both have, it is the study;
    a file is what its first key says."""
    if not yaml_files.is_path(word):
        return not (STUDIES / f"{word}.yaml").is_file() and (FOLDER / f"{word}.yaml").is_file()
    held = yaml_files.read(yaml_files.existing(word, "study"), "study")
    return isinstance(held, dict) and "recipe" in held


def load_real(name: str, folder: Path | None = None) -> RealRecipe | None:
    """Reads a recipe of real sizes; None where it is one of the micro family.

    folder: what relative paths lead from, in place of the file's own folder.
    """
    path = yaml_files.find(name, FOLDER, "recipe", "name one of them or a YAML file")
    held = yaml_files.read(path, "recipe")
    if not isinstance(held, dict) or "vision" not in held:
        return None
    found = yaml_files.validated(RealRecipe, held, f"recipe file {path}")
    own = Path() if path.parent == FOLDER else path.parent  # nobody's data lie in the code
    return found.model_copy(update={"folder": folder or own})


def chosen(recipe: RealRecipe, sizes: tuple[str, ...], stages: tuple[str, ...]) -> tuple[
    list[str], list[Stage]
]:  # fmt: skip
    """Gives the sizes and stages that a command names, all where it names none; SuiteError for
    one that the recipe lacks."""
    names = [stage.name for stage in recipe.stages]
    for name, known in (*((s, [*recipe.sizes]) for s in sizes), *((s, names) for s in stages)):
        if name not in known:
            raise SuiteError(f"Recipe {recipe.recipe!r} has no {name!r}{nearest(name, known)}.")
    return list(sizes or recipe.sizes), [s for s in recipe.stages if s.name in (stages or names)]
