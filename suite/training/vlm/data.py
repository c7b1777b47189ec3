"""Conversations about images: LLaVA JSON -> checked rows, and the order they are trained in.

In: the sources of a stage. Out: `Conversation`s, and the rows of every step, the same for the same
seed. A row that cannot be trained on is refused before the first step, with its place. No torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import floor
from pathlib import Path
from typing import Any

import numpy as np

from suite.base import row_files
from suite.errors import SuiteError, shown
from suite.models.transformers.onevision import MARK
from suite.training.vlm.recipe import RealRecipe, Source, Stage
from tasks import pictures

ROLES = {"human": "user", "gpt": "assistant", "system": "system"}
ROLES |= {role: role for role in ROLES.values()}
MEGABATCH = 50
"""Steps whose rows are sorted by length together, as transformers' sampler has it."""


@dataclass(frozen=True)
class Conversation:
    """A row to train on: user and assistant in turn, perhaps after a system's."""

    turns: tuple[tuple[str, str], ...]
    """(role, text); a lone mark of a text stands first in it, before a line break."""
    images: tuple[Path, ...]
    """In the order of the marks."""
    place: str
    """File and row, for messages."""

    @property
    def words(self) -> int:
        """Words of all turns: how long it is, about."""
        return sum(len(text.split()) for _, text in self.turns)


def all_here(recipe: RealRecipe, stage: Stage) -> bool:
    """Says whether all files of a stage are on this machine."""
    return all((recipe.folder / source.file).is_file() for source in stage.data)


def conversations(recipe: RealRecipe, stage: Stage) -> list[Conversation]:
    """Reads and checks the rows of a stage, in the order of its files.

    Raises SuiteError for a file that is missing or unreadable, and for the first row that cannot be
    trained on.
    """
    found: list[Conversation] = []
    seed = recipe.seed_of(stage)
    for number, source in enumerate(stage.data):
        rows = rows_of(recipe, stage, source)
        if source.take is not None:
            if source.take > len(rows):
                raise SuiteError(
                    f"Stage {stage.name!r} takes {source.take:,} rows of {source.file}, which has "
                    f"{len(rows):,}; give `take` a smaller number, or leave it out."
                )
            drawn = np.random.default_rng([seed, number]).choice(
                len(rows), source.take, replace=False
            )
            rows = [rows[i] for i in sorted(drawn)]
        found += rows
    return found


def rows_of(recipe: RealRecipe, stage: Stage, source: Source) -> list[Conversation]:
    """Reads and checks all rows of a file; SuiteError as `conversations` raises it."""
    path = recipe.folder / source.file
    try:
        rows = row_files.read_rows(path)
    except FileNotFoundError as error:
        raise SuiteError(
            f"Stage {stage.name!r} of recipe {recipe.recipe!r} needs {path}, which does not exist; "
            "put it there, or say with --folder where it is."
        ) from error
    except (OSError, ValueError) as error:
        raise SuiteError(f"Data file {path} cannot be read: {error}.") from error
    folder, found, wrong = recipe.folder / source.images, [], []
    known: dict[str, bool] = {}
    for place, row in rows:
        try:
            found.append(_conversation(row, f"{path}, {place}", folder, stage.loss, known))
        except ValueError as error:
            wrong.append(f"{place} {error}")
    if wrong:
        more = f"; {len(wrong) - 1:,} more rows are refused" if len(wrong) > 1 else ""
        raise SuiteError(
            f"Data file {path}: {wrong[0]}{more}. Mend or remove what cannot be trained on."
        )
    return found


def _conversation(
    row: Mapping[str, Any], place: str, folder: Path, loss: str, known: dict[str, bool]
) -> Conversation:
    """One row, checked; ValueError says what is wrong with it."""
    turns = tuple((role, _mark_first(text)) for role, text in turns_of(row.get("conversations")))
    if any(role == "assistant" and not text.strip() for role, text in turns):
        raise ValueError("has an empty answer")
    image = row.get("image")
    names = [] if image is None else image if isinstance(image, list) else [image]
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(f"has the image {shown(name)}, which is no path")
        if not known.setdefault(name, os.path.isfile(folder / name)):  # noqa: PTH113 - a million
            raise ValueError(f"names the image {folder / name}, which does not exist")
    marks = sum(text.count(MARK) for _, text in turns)
    if loss == "caption":
        if [role for role, _ in turns] != ["user", "assistant"] or len(names) != 1:
            raise ValueError("is no caption: a stage with that loss needs one image and one answer")
        turns = (("user", MARK), turns[1])
    elif marks != len(names):
        raise ValueError(f"names {_count(len(names), 'image')} and has {_count(marks, 'mark')} "
                         f"{MARK} in its texts")  # fmt: skip
    return Conversation(turns, tuple(folder / name for name in names), place)


def _count(number: int, thing: str) -> str:
    return f"{number or 'no'} {thing}{'s' if number != 1 else ''}"


def turns_of(given: Any) -> list[tuple[str, str]]:
    """Gives the turns of LLaVA's `conversations` as (role, text): user and assistant in turn,
    perhaps after a system's. ValueError says what the row has in place of that."""
    if not isinstance(given, (list, tuple)) or not given:
        raise ValueError(f"has the `conversations` {shown(given)}, which are no list of turns")
    turns: list[tuple[str, str]] = []
    said = 0
    for number, turn in enumerate(given, 1):
        who, text = map(turn.get, ("from", "value")) if isinstance(turn, Mapping) else (None, None)
        if not isinstance(who, str) or not isinstance(text, str):
            raise ValueError(
                f"has the turn {number} {shown(turn)}, which lacks a text `from` (human, gpt or "
                "system) or `value`"
            )
        role, expected = ROLES.get(who), ("human", "gpt")[said % 2]
        if role != ROLES[expected] and (role != "system" or number > 1):
            raise ValueError(f"has a turn {number} from {shown(who)}, where {expected} comes next")
        said += role != "system"
        turns.append((ROLES[who], text))
    if not said or said % 2:
        raise ValueError("has a last question without an answer" if said else "has no question")
    return turns


def _mark_first(text: str) -> str:
    """A lone mark comes first and has a line of its own, as the perceive prompt has it; several
    stay where they are."""
    if text.count(MARK) != 1:
        return text
    return f"{MARK}\n{text.replace(MARK, '').strip()}"


def sizes_of(row: Conversation) -> list[tuple[int, int]]:
    """Gives width and height of a row's images, from their headers; SuiteError for one that cannot
    be read."""
    try:
        return [pictures.opened(place.read_bytes(), load=False).size for place in row.images]
    except (OSError, ValueError) as error:
        raise SuiteError(f"{row.place}: an image cannot be read ({error}); mend it.") from error


def split(
    rows: Sequence[Conversation], stage: Stage, seed: int
) -> tuple[list[Conversation], list[Conversation]]:
    """Sets the held-out rows apart: (trained on, held out), drawn by the seed."""
    order = np.random.default_rng([seed, len(stage.data)]).permutation(len(rows))
    held = set(order[: stage.held_out].tolist())
    trained = [row for i, row in enumerate(rows) if i not in held]
    return trained, [rows[i] for i in sorted(held)]


def steps_of(stage: Stage, rows: int) -> int:
    """Gives the optimizer steps of a stage with so many rows, held-out ones among them; what is
    left of the last epoch and makes no whole step is not trained on. SuiteError for too few."""
    left = rows - stage.held_out
    steps = floor((stage.epochs or 0) * left / stage.batch) if stage.steps is None else stage.steps
    if steps < 1 or left < 1:
        raise SuiteError(
            f"Stage {stage.name!r} has {rows:,} rows, too few for {stage.held_out:,} held out and "
            f"a step of {stage.batch:,}; lower `held_out` or `batch`."
        )
    return steps


def order(rows: Sequence[Conversation], stage: Stage, seed: int, steps: int) -> list[int]:
    """Gives the rows of all steps, batch after batch: every epoch shuffled anew by the seed."""
    epochs: list[int] = []
    for epoch in range(steps * stage.batch // len(rows) + 1):
        draw = np.random.default_rng([seed, len(stage.data), epoch])
        shuffled: list[int] = draw.permutation(len(rows)).tolist()
        epochs += _grouped(shuffled, rows, stage.batch, draw.permutation) if stage.group else (
            shuffled
        )  # fmt: skip
    return epochs[: steps * stage.batch]


def _grouped(
    shuffled: list[int],
    rows: Sequence[Conversation],
    batch: int,
    permutation: Callable[[int], Any],
) -> list[int]:
    """Steps of rows that are about as long, and all have images or none has; what fills no step of
    its kind stands mixed at the end."""
    whole: list[list[int]] = []
    rest: list[int] = []
    for pictured in (True, False):
        own = [i for i in shuffled if bool(rows[i].images) == pictured]
        for start in range(0, len(own), MEGABATCH * batch):
            near = sorted(own[start : start + MEGABATCH * batch], key=lambda i: -rows[i].words)
            cut = [near[i : i + batch] for i in range(0, len(near), batch)]
            whole += [step for step in cut if len(step) == batch]
            rest += [i for step in cut if len(step) < batch for i in step]
    return [*chain.from_iterable(whole[i] for i in permutation(len(whole))), *rest]
