"""A stamp beside outputs that says of which records and which code they are.

In: a run directory. Out: whether an output folder is up to date. Hidden files `.made-of`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from suite.errors import SuiteError
from suite.provenance import drawing_digest

NAME = ".made-of"


def records_path(folder: Path) -> Path:
    """records.parquet of a run directory. Raises SuiteError where there is none."""
    path = folder / "records.parquet"
    if not path.is_file():
        raise SuiteError(
            f"There are no results in {folder}: it has no records.parquet. Give the directory of a "
            "finished `downscale run`, such as runs/micro."
        )
    return path


def digest_of(folder: Path) -> str:
    """Hash of the records and of the code that draws them."""
    with records_path(folder).open("rb") as file:
        return drawing_digest(hashlib.file_digest(file, "sha256").hexdigest())


def is_current(outputs: Path, digest: str, names: Iterable[str]) -> bool:
    """Whether `outputs` holds all `names`, made of `digest`."""
    try:
        made_of = (outputs / NAME).read_text(encoding="utf-8")
    except OSError:
        return False
    return made_of == digest and all((outputs / name).is_file() for name in names)


def put(outputs: Path, digest: str) -> None:
    """Says that `outputs` is made of `digest`."""
    (outputs / NAME).write_text(digest, encoding="utf-8")
