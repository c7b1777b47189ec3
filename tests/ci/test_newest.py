"""What .ci/newest reads from tests, commands and lists of versions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ci import newest
from tests.house import ROOT

TEST = """
import warnings
import pytest

def test_passes():
    warnings.warn("the old\\n  name", FutureWarning)

@pytest.mark.parametrize("text", ["a b - c"])
def test_fails(text):
    assert text == "other", "no"

def test_errs(no_such_fixture):
    pass
"""


@pytest.mark.slow
def test_the_plugin_sees_failures_and_warnings(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TEST)
    (tmp_path / "test_broken.py").write_text("import no_such_module\n")
    env = {k: v for k, v in os.environ.items() if k != "PYTEST_XDIST_WORKER"}
    env |= {newest.SEEN: str(tmp_path / "seen"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-p", "tests.ci.newest", "-n", "2", str(tmp_path)]
    command += ["--rootdir", str(tmp_path), "-c", os.devnull, "--continue-on-collection-errors"]
    subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, check=False)
    failures, announced = newest.read((tmp_path / "seen").read_text().splitlines())
    assert failures == {
        "test_it.py::test_fails[a b - c]": "AssertionError: no",
        "test_it.py::test_errs": "fixture 'no_such_fixture' not found",
        "test_broken.py": "ModuleNotFoundError: No module named 'no_such_module'",
    }
    assert announced == {f"{tmp_path}/test_it.py: FutureWarning: the old name": 1}


def test_deprecations_are_told_apart_by_file_and_message() -> None:
    lines = [
        "/env/lib/python3.11/site-packages/a/b.py:12: FutureWarning: old",
        "/env/lib/python3.11/site-packages/a/b.py:99: FutureWarning: old",
        "  bars 10% ENV/site-packages/a/c.py:1: MatplotlibDeprecationWarning: gone",
        "suite/x.py:3: Pandas4Warning: soon",
        "suite/x.py:3: UserWarning: something else",
        "/env/site-packages/torch/t.py:3: UserWarning: will be deprecated",
    ]
    assert newest.deprecations(lines) == {
        "a/b.py: FutureWarning: old": 2,
        "a/c.py: MatplotlibDeprecationWarning: gone": 1,
        "suite/x.py: Pandas4Warning: soon": 1,
        "torch/t.py: UserWarning: will be deprecated": 1,
    }


def test_what_differs_from_the_constraints() -> None:
    assert newest.differing("a==1\nB==3\nnew==1\n", "# head==1\na==1\nB==2\ngone==5\n") == {
        "B": ("2", "3"),
        "gone": ("5", "-"),
        "new": ("-", "1"),
    }


def test_what_a_distribution_holds_back() -> None:
    texts = ["numpy>=1.2", "wandb==0.25.0", "av<16.0.0", "x<2; extra == 'all'", "y<3; z > '1'"]
    assert newest.caps(texts) == ["wandb==0.25.0", "av<16.0.0", "y<3; z > '1'"]
