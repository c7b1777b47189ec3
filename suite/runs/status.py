"""How far a run is: its store counted against its plan.

In: groups of requests as the engine reaches them; a run directory, whose provenance.json names
plan, generators and store. Out: DIR/asked/NNN.txt, one a group, which tell the run's own rows from
those of other studies on a shared store (the first line says whose requests they are, the others
are keys, cut to the 16 digits that claims use too); per stage and model the requests expected,
answered and failed, and why they failed; DIR/doing.json, what a run is at. No model is loaded.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.base.files import write_changed, write_whole
from suite.base.json_values import json_hash, read_json
from suite.engine.claims import Claim, live_claims, signature
from suite.engine.progress import Counting, Progress
from suite.engine.walk import StepGroup, Walk
from suite.errors import SuiteError, Unfinished
from suite.planning.plan import Plan
from suite.requests import SHORT
from suite.runs import freshness, provenance
from suite.store import Shelf, Store, Stored

INSIDE = "asked"
"""Folder of a run directory that holds, a file a group, the keys that the run has reached."""
DOING = "doing.json"
"""File of a run directory that says what its run is at; gone once that has ended."""
LOOK_SECONDS = 2.0
"""Between two times that it is written."""


@dataclass(frozen=True)
class AskedGroup:
    """The requests of one group that a run has reached."""

    stage: str
    role: str
    model: str
    plan: str
    """Hash of the plan it belongs to."""
    groups: int
    """Number of groups of that plan."""
    keys: tuple[str, ...]
    """First SHORT digits of each, sorted."""


class AskedKeys:
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

    def note(self, group: StepGroup, keys: Iterable[str]) -> None:
        """Writes the keys of a group, unless they stand there already."""
        about: dict[str, Any] = {
            "stage": group.stage,
            "role": group.role,
            "model": group.model,
            "plan": self._plan,
            "groups": len(self._numbers),
        }
        short = sorted(key[:SHORT] for key in keys)
        head = json.dumps({**about, "digest": json_hash([about, *short])})
        text = "\n".join([head, *short]) + "\n"
        write_changed(self._folder / f"{self._numbers[group]:03d}.txt", text)


class Doing(Counting):
    """Writes down what a run is at, for `status`, and tells its progress of it."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        super().__init__()
        self._path = folder / DOING
        self._progress = progress
        self._written = -LOOK_SECONDS
        self.say = progress.say

    def begin(self, title: str, total: int, done: int, unit: str = "requests") -> None:
        """Begins a stage."""
        super().begin(title, total, done, unit)
        self._progress.begin(title, total, done, unit)
        self._write()

    def ready(self) -> None:
        """Starts the stage's clock."""
        super().ready()
        self._progress.ready()

    def advance(self, done: int) -> None:
        """Moves the stage."""
        super().advance(done)
        self._progress.advance(done)
        if time.monotonic() - self._written >= LOOK_SECONDS:
            self._write()

    def whole(self, done: int, total: int) -> None:
        """Moves the run."""
        super().whole(done, total)
        self._progress.whole(done, total)

    def end(self) -> None:
        """Ends the stage."""
        super().end()
        self._progress.end()

    def close(self) -> None:
        """Takes the file away."""
        self._progress.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        """Says it in a file of a run directory that is there; without one nobody is told."""
        self._written = time.monotonic()
        if self.stage is None or not (self._path.parent / provenance.NAME).is_file():
            return
        counts = {"stage": self.stage, "run": self.above}
        content = {
            **signature(),
            "keys": [],
            **{name: count and count.as_json() for name, count in counts.items()},
        }
        with contextlib.suppress(OSError, Unfinished):
            write_whole(self._path, json.dumps(content))


def doing(folder: Path) -> dict[str, Any] | None:
    """Says what a living run in `folder` is at: the counts (`suite.engine.progress.Count`) of its
    `stage`, and of the `run` while it asks; None where there is none."""
    try:
        content = (folder / DOING).read_bytes()
    except OSError:
        return None
    claim = Claim.read(DOING, content)
    if claim is None or not claim.alive:
        return None
    told = json.loads(content)
    return {name: told.get(name) for name in ("stage", "run")}


def asked_groups(folder: Path, ended: bool) -> list[AskedGroup] | None:
    """Gives the groups that the run in `folder` has reached; None for a run that noted none.

    Raises SuiteError where one is damaged, or is gone from a run that has ended.
    """
    if not (folder / INSIDE).is_dir():
        return None
    groups = {path: _read(path) for path in sorted((folder / INSIDE).glob("*.txt"))}
    found = [group for group in groups.values() if group is not None]
    damaged = any(group is None and path.exists() for path, group in groups.items())
    if damaged or (ended and len(found) < (found[0].groups if found else 1)):
        raise SuiteError(
            f"What the run has asked is damaged in {folder / INSIDE}, or of another version of the "
            f"suite; run the study again with `--out {folder}`, which writes it anew."
        )
    return found


def _read(path: Path) -> AskedGroup | None:
    """What a file of `asked` says; None for one that is gone, damaged or not of this format."""
    try:
        head, *keys = path.read_text(encoding="utf-8").splitlines()
        about = read_json(head)
        whole = about.pop("digest") == json_hash([about, *keys])
        return AskedGroup(**about, keys=tuple(keys)) if whole else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _digest(plan: Plan) -> str:
    """Changes with everything that decides which requests a plan has, wherever its files lie."""
    tasks = [[task.task, task.n, [cell.id for cell in task.cells]] for task in plan.tasks]
    study = plan.study.model_dump(mode="json", exclude={"family"})
    return json_hash([study, plan.family.name, tasks])[:SHORT]


def status_of(folder: Path, store: str | None = None) -> dict[str, Any]:
    """Gives the progress of a run as JSON-able values; SuiteError where no run was started.

    store: its store, where the address in provenance.json, without secrets, does not open it.
    """
    facts = provenance.read(folder)
    try:
        return _status(folder, facts, store)
    except (KeyError, TypeError) as error:
        if facts and "plan" in facts:
            raise SuiteError(
                f"{folder / 'provenance.json'} is of another version of the suite (it lacks "
                f"{error}); run the study again with `--out {folder}`: what was generated is kept."
            ) from error
        raise SuiteError(
            f"There is no run in {folder}; `downscale run STUDY --out {folder}` starts one."
        ) from None


def _status(folder: Path, facts: dict[str, Any], address: str | None) -> dict[str, Any]:
    unreadable: list[str] = []
    store = Store(address or facts["store"] or folder / "store", say=unreadable.append)
    groups = asked_groups(folder, facts["ended"] is not None)
    if groups is None and (address or facts["store"]):
        raise SuiteError(
            f"{folder} does not say what its run has asked, and other studies may share the store "
            f"{store.folder.name}; run the study again with `--out {folder}`, which writes it."
        )
    rows: list[dict[str, Any]] = []
    failures: Counter[str] = Counter()
    for model in facts["models"]:
        expected: Counter[str] = Counter()
        for step in facts["plan"]["stages"]:
            if (step["model"], step["role"]) == (model["model"], model["role"]):
                expected[step["stage"]] += step["distinct"]
        own = None if groups is None else [g for g in groups if _of(g, model)]
        shelf = store.shelf(model["fingerprint"])
        stored: dict[str, list[Stored]] = {stage: [] for stage in expected}
        for stage, entry in _entries(shelf, own):
            stored.setdefault(stage, []).append(entry)
        for stage, entries in stored.items():
            failed = [e.generation.error for e in entries if e.generation.error is not None]
            failures.update(failed)
            rows.append(
                {
                    "stage": stage,
                    "model": model["model"],
                    "requests": expected[stage],
                    "answered": len(entries) - len(failed),
                    "failed": len(failed),
                    "tokens": sum(e.generation.generated_tokens for e in entries),
                    "seconds": sum(e.generation.seconds for e in entries),
                }
            )
    return {
        "study": facts["study"]["study"],
        "started": facts["started"],
        "ended": facts["ended"],
        "drawn": (folder / freshness.NAME).is_file(),
        "working": _working(store, groups),
        "doing": doing(folder),
        "asked": facts.get("requests") if facts["ended"] else None,
        **{name: sum(row[name] for row in rows) for name in ("requests", "answered", "failed")},
        "stages": rows,
        "failures": [{"reason": text, "count": n} for text, n in failures.most_common()],
        "unreadable": unreadable,
    }


def _working(store: Store, groups: list[AskedGroup] | None) -> int:
    """Processes that are generating for this run, or for another that asks the same."""
    claims = live_claims(store.folder)
    if groups is None:
        return len(claims)
    own = {key for group in groups for key in group.keys}
    return sum(not own.isdisjoint(claim.keys) for claim in claims)


def _of(group: AskedGroup, model: dict[str, Any]) -> bool:
    return (group.model, group.role) == (model["model"], model["role"])


def _entries(shelf: Shelf, own: list[AskedGroup] | None) -> Iterable[tuple[str, Stored]]:
    """What a run has on a shelf, each once, with its stage; the whole shelf where it is not known
    what the run has asked (a run of an older version)."""
    if own is None:
        return [(entry.stage, entry) for _, entry in shelf.rows()]
    stages = {key: group.stage for group in reversed(own) for key in group.keys}
    return [(stages[key[:SHORT]], entry) for key, entry in shelf.rows() if key[:SHORT] in stages]
