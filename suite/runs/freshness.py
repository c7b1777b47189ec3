"""Freshness: digests of what records and drawings are made of, and stamps beside the outputs.

In: a walk, or a run directory. Out: whether records, tables, figures or the page must be made
again. A stamp is a hidden file `.made-of` in the folder of the outputs: of what, and which files
with the hashes of their contents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from suite.base.files import PACKAGE, file_hash, write_whole
from suite.base.json_values import canonical_json, json_hash
from suite.engine.walk import Walk
from suite.errors import SuiteError
from suite.items.item import Item
from suite.planning.plan import Plan

NAME = ".made-of"
DRAWN = ("tables", "figures", "report.html")
"""What is made of records in the directory that holds them."""
READING = (
    *("suite/answers/**/*.py", "suite/runs/records.py", "suite/items/item.py"),
    "analyses/columns.py",
)
"""Files that turn texts into records: when one changes, records are made again."""


def records_path(folder: Path) -> Path:
    """Gives records.parquet of a run directory. Raises SuiteError where there is none."""
    path = folder / "records.parquet"
    if not path.is_file():
        raise SuiteError(
            f"There are no results in {folder}: it has no records.parquet. Give the directory of a "
            "finished `downscale run`, such as runs/micro."
        )
    return path


def digest_of(folder: Path) -> str:
    """Hashes the records and the code that draws them."""
    return drawing_digest(file_hash(records_path(folder)))


def is_current(outputs: Path, digest: str, names: Iterable[str] | None = None) -> bool:
    """Says whether the files in `outputs` are made of `digest`, and all of them, or `names`, hold
    what was written.

    A stamp of another version of the suite is none.
    """
    try:
        head, *lines = (outputs / NAME).read_text(encoding="utf-8").splitlines()
        files = {name: content for content, name in (line.split(" ", 1) for line in lines)}
        wanted = files if names is None else names
        return head == json_hash([digest, *lines]) and all(
            files.get(name) == file_hash(outputs / name) for name in wanted
        )
    except (OSError, ValueError):
        return False


def forget(outputs: Path) -> None:
    """Takes the stamp away: from now on the files in `outputs` are made of nothing known."""
    (outputs / NAME).unlink(missing_ok=True)


def put(outputs: Path, digest: str, files: Iterable[Path]) -> None:
    """Says that these files in `outputs` are made of `digest`, as they are now."""
    lines = [f"{file_hash(path)} {path.relative_to(outputs).as_posix()}" for path in files]
    # The head is of the lines, too: a stamp that was cut would vouch for fewer files.
    write_whole(outputs / NAME, "\n".join([json_hash([digest, *lines]), *lines]))


def records_digest(walk: Walk) -> str:
    """Changes whenever the records would: with the plan, the items, the texts or the reading."""
    digest = hashlib.sha256()
    plan = walk.plan
    head = {
        # The file may be moved; what is counted as parameters is seen in the cells.
        "study": plan.study.model_dump(mode="json", exclude={"family", "params"}),
        "family": [plan.family.name, *([s.name, s.params, s.samples] for s in plan.family.sizes)],
        "cells": [cell.id for cell in plan.cells],
        **_counted(plan),
        "tasks": [[task.task, [cell.id for cell in task.cells]] for task in plan.tasks],
        "reading": source_digest(f for name in READING for f in PACKAGE.parent.glob(name)),
    }
    digest.update(canonical_json(head).encode())
    for task in plan.tasks:
        digest.update(items_digest(walk.items[task.task].items).encode())
        for step in task.steps:
            places = walk.places(step, task.task)
            for place, answer in zip(places, walk.generations(step, task.task)):
                digest.update(f"{place.key} {answer or place.reason}\n".encode())
    return digest.hexdigest()


def _counted(plan: Plan) -> dict[str, Any]:
    """What the parameters of sizes stand for, where that is not the language model alone."""
    if plan.study.params == "language":
        return {} if plan.family.llm_only else {"llm_only": False}
    return {"params": [cell.perception_params for cell in plan.cells]}


def drawing_digest(records: str) -> str:
    """Changes whenever tables, figures or report would: with the records and the drawing code."""
    rooms = (PACKAGE.parent / "analyses", PACKAGE / "report", PACKAGE / "runs")
    files = (path for room in rooms for path in room.rglob("*.*"))
    code = source_digest(path for path in files if "__pycache__" not in path.parts)
    return json_hash([records, code])


def source_digest(files: Iterable[Path]) -> str:
    """Hashes the contents of source files."""
    return json_hash([file_hash(path) for path in sorted(files) if path.is_file()])


def items_digest(items: Iterable[Item]) -> str:
    """Hashes items as they were asked, images by content."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(repr(item).encode())
    return digest.hexdigest()
