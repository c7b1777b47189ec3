"""Who writes the texts: a size of a family, a file of recorded texts, or the drawn world itself.

In: the words of `--teacher` or `--judge`. Out: a Teacher, which names a model for each stage. Texts
that exist already go to a file beside the results, in the form of the recorded backend, so that
they pass through the engine and its store as those of a model do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from suite.base.files import user_path, write_changed
from suite.base.keyed_texts import key_text
from suite.base.row_files import read_rows
from suite.errors import SuiteError, nearest, reason_of, shown
from suite.extraction.conversations import TEXTS
from suite.models.family import load_family
from suite.models.spec import ModelSpec, Role

STAGES = ("contents", "statements", "description")
"""What a teacher writes of a conversation, in this order."""
JUDGE = ("judge",)
RECORDED, GOLD = "recorded:", "gold"

Texts = Mapping[tuple[str, str], str]
"""Stage and id -> text."""


class Model(NamedTuple):
    """Who does a stage."""

    role: Role
    size: str
    spec: ModelSpec


@dataclass(frozen=True)
class Teacher:
    """A model for each stage."""

    name: str
    """As it was given."""
    models: Mapping[str, Model]
    texts: Texts | None = None
    """What exists already; None where a model writes."""
    prompts: str | None = None
    """Prompt set of its family."""

    def knows(self, stage: str, id: str) -> bool:
        """Whether it can be asked: of texts that exist, only for those."""
        return self.texts is None or (stage, id) in self.texts


def teacher_of(given: str, stages: Sequence[str], out: Path, option: str) -> Teacher:
    """Gives the teacher (or judge) that a person named.

    given: `FAMILY:SIZE`, a family by name or YAML path, or `recorded:FILE`. option: how errors call
    it. Raises SuiteError for a model that is not there and for a file that cannot be read.
    """
    if path := recorded_file(given):
        return written(given, read_texts(path, stages), stages, out)
    name, colon, size = given.rpartition(":")
    if not colon or not name or not size:
        raise SuiteError(
            f"{option} {given}: write it as FAMILY:SIZE, such as qwen3_vl:8b, or recorded:FILE."
        )
    family = load_family(name)
    found = family.size(size)
    # The list of contents and verdicts need no eyes; the teacher that sees writes the rest.
    writes, sees = found.text or found.vlm, found.vlm or (found.text if stages == JUDGE else None)
    if writes is None or sees is None:
        raise SuiteError(
            f"{option} {given}: size {shown(size)} of family {shown(family.name)} has no vlm "
            "model; name a size that sees."
        )
    text: Model = Model("text" if found.text else "vlm", size, writes)
    blind = ("contents", *JUDGE)
    models = {stage: text if stage in blind else Model("vlm", size, sees) for stage in stages}
    return Teacher(given, models, prompts=family.prompts)


def recorded_file(given: str) -> Path | None:
    """Gives the file of `recorded:FILE`; None for what names a model."""
    named = given.startswith(RECORDED)
    return user_path(given.removeprefix(RECORDED)) if named else None


def written(name: str, texts: Texts, stages: Sequence[str], out: Path) -> Teacher:
    """Gives the teacher whose texts exist already; they are written beside the results."""
    path = out / TEXTS / f"{'judge' if stages == JUDGE else 'teacher'}.jsonl"
    rows = ({"task": s, "item_id": id, "text": text} for (s, id), text in texts.items())
    write_changed(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    model = Model("text", "recorded", ModelSpec(path=path, generator="recorded"))
    return Teacher(name, dict.fromkeys(stages, model), texts)


def read_texts(path: Path, stages: Sequence[str]) -> Texts:
    """Reads recorded texts: rows of `stage`, `id` and `text`; one of null is none.

    Raises SuiteError, which names the row, for a file that cannot be read, a row without one of
    the three, a stage that is none, and a text that stands twice.
    """
    found: dict[tuple[str, str], str] = {}
    places: dict[tuple[str, str], str] = {}
    if not path.exists():
        raise SuiteError(
            f"There is no file {path} of recorded texts: give JSONL with `stage`, `id` and `text`."
        )
    try:
        for row in read_rows(path):
            stage, id = row.cells.get("stage"), key_text(row.cells.get("id"))
            if not isinstance(stage, str) or id is None or "text" not in row.cells:
                raise ValueError(f"{row.place} needs `stage`, `id` and `text`")
            if stage not in stages:
                raise ValueError(
                    f"{row.place} is of the stage {shown(stage)}{nearest(stage, stages)}"
                )
            text = row.cells["text"]
            if text is not None and not isinstance(text, str):
                raise ValueError(f"{row.place}: its `text` is {shown(text)} and not a text")
            before = places.setdefault((stage, id), row.place)
            if before != row.place:
                raise ValueError(
                    f"{stage} of {shown(id)} stand twice, in {before} and {row.place}; leave one"
                )
            if text is not None:
                found[stage, id] = str(text)
        if not places:
            raise ValueError("it holds no rows")
    except (ValueError, OSError) as error:
        raise SuiteError(
            f"The recorded texts in {path} cannot be read: {reason_of(error)}."
        ) from error
    return found
