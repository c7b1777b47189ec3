"""The first items of every micro set, drawn once for all tests of the micro world."""

from __future__ import annotations

import pytest

from tasks.micro.sets import SETS, Example, examples


@pytest.fixture(scope="session")
def items() -> list[Example]:
    """A hundred items of every set and of every category of micro_star: 1,600."""
    return [e for name in SETS for e in examples(name, 100)]
