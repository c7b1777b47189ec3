"""Provenance: what a result was made with, when and where.

In: a walk, and when and where it ran. Out: the content of provenance.json. Versions are read from
package metadata, so that nothing heavy is imported to write them down.
"""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from suite.base.files import PACKAGE, write_whole
from suite.base.json_values import changed, read_json
from suite.base.machine import cores, processor
from suite.engine.walk import Walk
from suite.errors import SuiteError, public, reason_of
from suite.planning.cells import Step
from suite.planning.plan import Plan
from suite.requests import Decoding
from suite.runs import history
from suite.runs.freshness import items_digest

PACKAGES = (
    *("downscaling-suite", "lmms-eval", "torch", "transformers", "pandas", "pyarrow", "numpy"),
    *("scipy", "statsmodels", "matplotlib", "seaborn", "scikit-learn", "pillow"),
)
NAME = "provenance.json"
DAMAGED = "provenance.damaged.json"
POOLED = "pooled"
"""Names, where runs were put together (`suite.runs.pool`), their directories with what each says of
itself."""
OF_THE_COMMAND = ("started", "ended", "versions", "commit", "machine")
"""Facts that differ between two commands of which the second changes nothing."""
PLACES = ("family", "source")
"""Addresses of files that may lie elsewhere now, or be named from another folder; what they hold is
in the plan and in the fingerprints."""
Table = dict[str, Any]


class _Requests(BaseModel):
    """Counts of requests by name; what was generated decides whether a command counts as one."""

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, int]
    generated: int


class _Entry(BaseModel):
    """An entry of `runs`, as far as it is read (`suite.runs.history`)."""

    model_config = ConfigDict(strict=True)
    started: str | None = None
    ended: str | None = None
    commit: str | None = None
    device: str | None = None
    devices: list[dict[str, str | None]] | None = None
    dtypes: list[str] | None = None
    processes: int | None = None
    threads: int | None = None
    requests: _Requests | None = None
    versions: Table | None = None
    machine: Table | None = None


class _Facts(_Entry):
    """What provenance.json holds, as far as it is read; one of an older version may lack some."""

    study: Table | None = None
    seed: int | None = None
    family: Table | None = None
    prompts: Table | None = None
    plan: Table | None = None
    models: list[Table] | None = None
    steps: list[Table] | None = None
    cells: dict[str, int] | None = None
    items: dict[str, Table] | None = None
    store: str | None = None
    runs: list[_Entry] | None = None
    records: str | None = None
    records_sha256: str | None = None
    pooled: list[Table] | None = None


def now() -> str:
    """Tells the time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str | None]:
    """Finds the versions of Python and of all packages that can change a result; None without."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def commit() -> str | None:
    """Gives the checkout's commit, with `+changes` where files differ; None outside of git."""
    if not (PACKAGE.parent / ".git").exists():
        return None
    try:
        head = _git("rev-parse", "HEAD")
        return head + ("+changes" if _git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PACKAGE.parent), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


@cache
def machine() -> dict[str, Any]:
    """Says where it ran: system, processor and cores."""
    return {"system": platform.platform(), "processor": processor(), "cores": cores()}


def describe(walk: Walk, prompts: dict[str, Any]) -> dict[str, Any]:
    """Gives the part of provenance.json that is known before anything is generated."""
    plan = walk.plan
    return {
        "study": plan.study.model_dump(mode="json"),
        "seed": plan.study.seed,
        "family": {
            "name": plan.family.name,
            "title": plan.family.title,
            **({} if plan.family.llm_only else {"llm_only": False}),
        },
        "prompts": prompts,
        "plan": {key: value for key, value in plan.as_json().items() if key != "study"},
        "models": [
            {
                "model": model,
                "role": role,
                "source": spec.source,
                "revision": spec.revision,
                "fingerprint": walk.fingerprints[role, spec],
            }
            for (role, spec), model in plan.models.items()
        ],
        **_ways(plan),
        "items": {
            task.task: {
                "n": task.n,
                "digest": items_digest(walk.items[task.task].items),
                "data": task.data,
            }
            for task in plan.tasks
        },
        "versions": versions(),
        "commit": commit(),
        "machine": machine(),
    }


def _ways(plan: Plan) -> dict[str, Any]:
    """`steps`, each with its decoding as far as it differs from Decoding() and the number of the
    step before it; `cells`, id -> number of the step that answers."""
    steps: dict[Step, int] = {}
    for cell in plan.cells:
        for step in cell.step.chain:
            steps.setdefault(step, len(steps))
    plain = asdict(Decoding())
    return {
        "steps": [
            {
                "stage": step.stage,
                "template": step.template,
                "role": step.role,
                "model": plan.models[step.role, step.spec],
                "samples": step.samples,
                "gold": step.gold,
                "decoding": {k: v for k, v in asdict(step.decoding).items() if v != plain[k]},
                "upstream": None if step.upstream is None else steps[step.upstream],
            }
            for step in steps
        ],
        "cells": {cell.id: steps[cell.step] for cell in plan.cells},
    }


def read(folder: Path) -> dict[str, Any]:
    """Reads provenance.json of a run directory; empty where there is none yet.

    Raises SuiteError for one that cannot be read, or in which something is of another kind.
    """
    path = folder / NAME
    try:
        content: dict[str, Any] = read_json(path.read_text(encoding="utf-8"))
        _Facts.model_validate(content)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise SuiteError(
            f"{path} is damaged ({reason}); run the study again with `--out {folder}`, which "
            "writes it anew: what was generated is kept."
        ) from error
    return content


def is_look(facts: dict[str, Any]) -> bool:
    """Says whether a run was cut to a few items of each task (`--limit`), by what `read` gives."""
    return facts.get("limit") is not None


def earlier(folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Gives what provenance.json says before a run goes on. One that is damaged is put aside, as
    it may tell a person more, and that is said."""
    try:
        return read(folder)
    except SuiteError as error:
        (folder / NAME).replace(folder / DAMAGED)
        say(f"{error} The damaged one is kept as {DAMAGED}; earlier runs are not told any more.")
        return {}


def check_own(folder: Path, names: Iterable[str], made: bool = False) -> None:
    """Raises SuiteError where one of these files or folders is there and no run has made it, so
    that writing there would replace what is somebody's own.

    made: whether something else than provenance.json says that the suite has written them.
    """
    try:
        if made or "study" in read(folder):
            return
    except SuiteError:  # a run's that was damaged, which `earlier` puts aside
        return
    paths = [folder / name for name in (NAME, *names)]
    there = [p.name for p in paths if p.is_file() or (p.is_dir() and any(p.iterdir()))]
    if there:
        raise SuiteError(
            f"{folder} holds {', '.join(there)}, and no {NAME} of a run that has made it: it would "
            "be replaced. Choose another folder, or move it away first."
        )


def unchanged(facts: dict[str, Any], before: dict[str, Any]) -> bool:
    """Says whether a run that ended has left these facts, but for those of the command itself and
    for where files lie."""
    told, left = (changed(content, _placeless) for content in (json.loads(_text(facts)), before))
    same = all(left.get(name) == told[name] for name in told if name not in OF_THE_COMMAND)
    return same and before.get("ended") is not None


def _placeless(value: Any, key: str) -> Any:
    return Path(value).name if key in PLACES and isinstance(value, str) else value


def finished(folder: Path) -> datetime:
    """Says when something was last generated for the run in a directory, in UTC.

    SuiteError where it did not come to an end, or has no provenance.json.
    """
    facts = read(folder)
    runs = history.earlier(facts) or [facts]
    try:
        return datetime.fromisoformat(runs[-1]["ended"])
    except (KeyError, TypeError, ValueError):
        raise SuiteError(
            f"The run in {folder} has not come to its end; run the study again with --out {folder}."
        ) from None


def _text(content: dict[str, Any]) -> str:
    told = changed(content, lambda value, _: public(value) if isinstance(value, str) else value)
    return json.dumps(told, indent=2, ensure_ascii=False)


def write(folder: Path, content: dict[str, Any]) -> None:
    """Writes provenance.json whole; addresses in it are `public`."""
    write_whole(folder / NAME, _text(content) + "\n")
