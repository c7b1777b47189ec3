"""Which warnings fail a test: in a plain `pytest`, and with `-W error` as .ci/run has it.

In: pyproject.toml, and a file of tests that warn. Out: the names of those that fail.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.house import ROOT

TESTS = """
import warnings
import pytest

@pytest.mark.parametrize("category", {categories})
@pytest.mark.parametrize("module", {where!r})
def test(module, category):
    warnings.warn_explicit("x", category, "file.py", 1, module)
"""
OURS = ["suite.plan", "analyses.cells", "tasks.rows", "tests.house", "test_plan"]
LIBRARIES = ["torch", "transformers.utils.deprecation", "numpy"]
DEPRECATIONS = ["DeprecationWarning", "PendingDeprecationWarning", "FutureWarning"]
CATEGORIES = [*DEPRECATIONS, "UserWarning", "RuntimeWarning", "ResourceWarning"]


def failing(folder: Path, *arguments: str) -> set[tuple[str, str]]:
    """(module, category) of the warnings that fail a test."""
    text = TESTS.format(where=OURS + LIBRARIES, categories=f"[{', '.join(CATEGORIES)}]")
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-rf"]
    command += ["-p", "no:cacheprovider", *arguments, str(folder / "test_it.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return set(re.findall(r"^FAILED \S+\[(\S+)-(\w+)\]", done.stdout, re.MULTILINE))


def test_a_plain_run_forgives_what_libraries_announce(tmp_path: Path) -> None:
    assert failing(tmp_path) == {
        (module, category)
        for module in OURS + LIBRARIES
        for category in CATEGORIES
        if category not in DEPRECATIONS  # whatever file they point at
        and not (category == "UserWarning" and module in LIBRARIES)
    }


def test_ci_forgives_nothing(tmp_path: Path) -> None:
    everything = {(module, category) for module in OURS + LIBRARIES for category in CATEGORIES}
    assert failing(tmp_path, "-W", "error") == everything
