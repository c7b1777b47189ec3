"""What starts fast: no heavy library is loaded before it is needed.

In: statements, each run in a fresh process. Out: the heavy packages that it has loaded.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from suite.cli import command_files
from tests.house import ROOT

MODEL_LIBRARIES = ("torch", "transformers", "lmms_eval", "datasets")
HEAVY = (*MODEL_LIBRARIES, "pandas", "matplotlib")


def loaded_after(statement: str, heavy: tuple[str, ...] = HEAVY) -> list[str]:
    """Heavy packages in sys.modules of a fresh process that ran one statement."""
    code = f"{statement}\nimport sys\nprint(*(m for m in {heavy!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()  # the statement may print too


def test_loaded_after_sees_a_heavy_package() -> None:
    assert loaded_after("import pandas") == ["pandas"]


@pytest.mark.parametrize(
    "module",
    [
        *(
            "suite",
            "suite.planning.study",
            "suite.planning.plan",
            "suite.planning.cells",
            "suite.store",
            "suite.items.tasks",
        ),
        *("suite.models.family", "suite.planning.prompts", "suite.models.backends", "suite.cli"),
    ],
)
def test_what_starts_fast_imports_nothing_heavy(module: str) -> None:
    assert loaded_after(f"import {module}") == []


def test_planning_loads_no_model_library() -> None:
    loaded = loaded_after("import suite; assert suite.plan('micro').distinct > 0")
    assert [name for name in loaded if name in MODEL_LIBRARIES] == []


def test_help_lists_every_command_and_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from suite.cli import main; main(['--help'])"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    listed = done.stdout.partition("Commands:")[2]
    assert re.findall(r"^  (\S+)", listed, re.MULTILINE) == sorted(command_files())
    code = "import suite.cli\ntry: suite.cli.main(['--help'])\nexcept SystemExit: pass"
    assert loaded_after(code, (*HEAVY, "pydantic", "pyarrow", "rich")) == []


def test_every_command_imports_light() -> None:
    names = [path.stem for path in command_files().values()]
    assert loaded_after("\n".join(f"import suite.cli.{name}" for name in names)) == []
