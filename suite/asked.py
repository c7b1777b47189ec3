"""What a run has asked so far: the keys of each group of requests, beside the run's other files.

In: groups as the engine reaches them. Out: DIR/asked/NNN.txt, one a group, which tell the run's own
rows from those of other studies on a shared store. The first line says whose requests they are, the
others are keys, cut to the 16 digits that claims use too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from suite.engine.walk import Group, Walk
from suite.plan import Plan
from suite.requests import SHORT, canonical_json

INSIDE = "asked"


@dataclass(frozen=True)
class AskedGroup:
    """The requests of one group that a run has reached."""

    stage: str
    role: str
    model: str
    plan: str
    """Hash of the plan it belongs to."""
    keys: tuple[str, ...]
    """First SHORT digits of each, sorted."""


class Notebook:
    """Writes down what a run asks."""

    def __init__(self, folder: Path, walk: Walk) -> None:
        """Takes away what another plan has left in the folder."""
        self._folder = folder / INSIDE
        self._plan = _digest(walk.plan)
        self._numbers = {group: number for number, group in enumerate(walk.groups)}
        for path in self._folder.glob("*.txt"):
            group = _read(path)
            if group is None or group.plan != self._plan:
                path.unlink(missing_ok=True)

    def note(self, group: Group, keys: Iterable[str]) -> None:
        """Writes the keys of a group, unless they stand there already."""
        about = {"stage": group.stage, "role": group.role, "model": group.model, "plan": self._plan}
        text = "\n".join([json.dumps(about), *sorted(key[:SHORT] for key in keys)]) + "\n"
        path = self._folder / f"{self._numbers[group]:03d}.txt"
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)


def read(folder: Path) -> list[AskedGroup] | None:
    """The groups that the run in `folder` has reached; None for a run that wrote none down."""
    if not (folder / INSIDE).is_dir():
        return None
    found = (_read(path) for path in sorted((folder / INSIDE).glob("*.txt")))
    return [group for group in found if group is not None]


def _read(path: Path) -> AskedGroup | None:
    try:
        head, *keys = path.read_text(encoding="utf-8").splitlines()
        return AskedGroup(**json.loads(head), keys=tuple(keys))
    except (OSError, ValueError, TypeError):
        return None  # taken away while we looked, or not of this format


def _digest(plan: Plan) -> str:
    """Changes with everything that decides which requests a plan has."""
    tasks = [[task.task, task.n, [cell.id for cell in task.cells]] for task in plan.tasks]
    content = canonical_json([plan.study.model_dump(mode="json"), tasks])
    return hashlib.sha256(content.encode()).hexdigest()[:SHORT]
