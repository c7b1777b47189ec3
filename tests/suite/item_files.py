"""Rows of MMStar's schema for the tests of items, and what reading a faulty copy says.

In: row numbers, or the arguments of `load_items`. Out: rows, or the sentence of an error.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from suite.errors import SuiteError
from suite.items.load import load_items
from tests.tasks.files import mmstar_row

ROWS = [
    mmstar_row(0, "math"),
    mmstar_row(1, "math", "C"),
    mmstar_row(2, "logical reasoning"),
    mmstar_row(3, "math"),
    mmstar_row(4, "logical reasoning"),
]


def jsonl_row(index: int, image: str) -> str:
    """A line whose image is a path or base64."""
    return json.dumps({**mmstar_row(index), "image": image})


def message(*arguments: str, cache: Path, **extra: object) -> str:
    """The sentence with which reading a task is refused."""
    with pytest.raises(SuiteError) as caught:
        load_items(*arguments, cache_dir=cache, **extra)  # type: ignore[arg-type]
    return str(caught.value)
