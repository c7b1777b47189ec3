"""A toy family of real classes, made once; each test trains in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.training.vlm.recipe import RealRecipe, load_real
from tests.suite.training.vlm import toys


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, pictures, rows and the recipe of every stage."""
    return toys.all_in(tmp_path_factory.mktemp("toy")).parent


@pytest.fixture(scope="session")
def recipe(toy: Path) -> RealRecipe:
    """That recipe."""
    found = load_real(str(toy / "toy.yaml"))
    assert found is not None
    return found
