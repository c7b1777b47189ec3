"""Files that people hand over, one of each kind, and what reads each: for tests of mistakes."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from suite.answers.predictions import score_file, summary
from suite.base.files import PACKAGE
from suite.cli import sentence_of
from suite.errors import LONGEST
from suite.items import tasks
from suite.items.cache import source_key
from suite.models.family import load_family
from suite.models.recorded import RecordedGenerator
from suite.models.spec import ModelSpec
from suite.planning.cells import expand
from suite.planning.prompts import load_prompts
from suite.planning.study import load_study
from suite.runs import provenance
from suite.runs.history import span
from suite.runs.status import status_of
from suite.training.recipe import load_recipe
from tests.suite.world import items_of

SLOWEST = 10.0
"""Seconds of processor time."""


def heard(action: Callable[[], object]) -> str | None:
    """What is wrong with how an action ends; None where it ends well or in one good sentence."""
    start = time.process_time()
    try:
        action()
    except Exception as error:
        said = sentence_of(error)
        if said.startswith("Unexpected") or not said.strip():
            return f"{type(error).__name__}: {said[:300]}"
        if (
            len(said) > LONGEST
            or len(said.splitlines()) > 1
            or (not said.isascii() and "\x1b" in said)
        ):
            return f"no bounded line: {said[:300]!r}"
    took = time.process_time() - start
    return f"took {took:.0f} s" if took > SLOWEST else None


def parquet_of(rows: list[dict[str, Any]]) -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), written)
    return written.getvalue()


ITEMS = items_of("mmstar", 6)

ANSWERS = [{"index": n, "prediction": f"The answer is {'ABCD'[n % 4]}."} for n in range(6)]

TEXTS = [{"item_id": str(n), "text": f"red, «blue» {n}"} for n in range(6)]


def _own(name: str) -> bytes:
    return (PACKAGE / name).read_bytes()


def shapes() -> bytes:
    from tests.suite.own_tasks import documented

    return documented("task: downscaling_shapes").encode()


def table_of(rows: list[dict[str, Any]]) -> bytes:
    lines = [",".join(rows[0]), *(",".join(f'"{v}"' for v in row.values()) for row in rows)]
    return "\n".join(lines).encode()


def jsonl_of(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _study(path: Path) -> None:
    study = load_study(path)
    expand(study, load_family(study.family))
    load_prompts(study.prompts or "default")


def _task(path: Path) -> None:
    for entry in tasks._index.__wrapped__((path.parent,)).values():
        if isinstance(entry, Exception):
            raise entry
        source_key(entry, None)
        entry.declared(5)


def scored(path: Path) -> None:
    summary(score_file(ITEMS, path), draws=100)


Reader = tuple[str, Callable[[], bytes], Callable[[Path], object]]

FILES: dict[str, Reader] = {
    "study": ("s.yaml", lambda: _own("studies/micro.yaml"), _study),
    "family": ("f.yaml", lambda: _own("families/qwen3_vl.yaml"), load_family),
    "prompts": (
        "p.yaml",
        lambda: _own("prompts.yaml"),
        lambda path: load_prompts(f"{path}#default"),
    ),
    "recipe": (
        "r.yaml",
        lambda: _own("training/recipes/micro.yaml"),
        lambda p: load_recipe(str(p)),
    ),
    "task": ("shapes.yaml", shapes, _task),
    "predictions csv": ("p.csv", lambda: table_of(ANSWERS), scored),
    "predictions tsv": ("p.tsv", lambda: table_of(ANSWERS).replace(b",", b"\t"), scored),
    "predictions json": ("p.json", lambda: json.dumps(ANSWERS).encode(), scored),
    "predictions jsonl": ("p.jsonl", lambda: jsonl_of(ANSWERS), scored),
    "predictions parquet": ("p.parquet", lambda: parquet_of(ANSWERS), scored),
    **{
        f"texts {kind}": (
            f"t.{kind}",
            content,
            lambda path: RecordedGenerator(ModelSpec(path=path, generator="recorded")),
        )
        for kind, content in {
            "json": lambda: json.dumps({row["item_id"]: row["text"] for row in TEXTS}).encode(),
            "jsonl": lambda: jsonl_of(TEXTS),
            "csv": lambda: table_of(TEXTS),
            "parquet": lambda: parquet_of(TEXTS),
        }.items()
    },
}
"""Kind -> name of the file, a whole one, and what reads it."""


def read_provenance(path: Path) -> None:
    status_of(path.parent)
    span(provenance.read(path.parent))
