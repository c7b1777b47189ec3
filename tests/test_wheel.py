"""The wheel holds every tracked file of the packages, and works where it is installed.

In: the tracked files. Out: a wheel built of them, unpacked and imported.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from suite.items.tasks import list_tasks
from tests.house import PACKAGES, ROOT, tracked

KINDS = {
    "suite/families/micro/vlm-l/model.safetensors",  # weights, with their processor and card
    "suite/families/micro/vlm-l/chat_template.jinja",
    "suite/families/qwen3_vl.yaml",
    "suite/studies/micro.yaml",
    "suite/studies/_template.yaml",
    "suite/prompts.yaml",
    "suite/training/recipes/micro.yaml",
    "suite/report/templates/page.html.jinja",
    "suite/view/templates/base.html.jinja",
    "suite/view/static/htmx.min.js",
    "analyses/paper/table2.csv",
    "tasks/micro/relation.jsonl",
    "tasks/vmcbench/_default",
}
"""A file of each kind that an installed suite reads."""
MOST = 60e6
"""Bytes of a wheel, nearly all of them the micro family's weights."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the tracked files."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for path in tracked():
        name = path.relative_to(ROOT)
        if name.parts[0] in PACKAGES or name.name in ("pyproject.toml", "README.md", "LICENSE"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, source / name)
    command = f"{sys.executable} -m pip wheel -q --no-deps --no-index --no-build-isolation -w"
    done = subprocess.run(
        [*command.split(), str(folder), str(source)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


def installed(wheel: Path, folder: Path, *arguments: str) -> str:
    """What a Python prints that has the wheel, in an empty folder outside of any checkout."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    empty = folder / "empty"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(folder / "site"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_every_tracked_file_of_the_packages(wheel: Path, tmp_path: Path) -> None:
    """A YAML, a word list or a weight that is not packed is missed only after installation."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        str(name) for path in tracked() if (name := path.relative_to(ROOT)).parts[0] in PACKAGES
    }
    assert packed == expected
    assert KINDS - packed == set()
    assert wheel.stat().st_size < MOST
    code = (
        "import suite, suite.items.tasks, suite.planning.study, suite.models.family\n"
        "print(suite.__file__, len(suite.items.tasks.list_tasks()), suite.plan('micro').distinct)"
    )
    file, tasks, distinct = installed(wheel, tmp_path, "-c", code).split()
    assert Path(file).is_relative_to(tmp_path)
    assert int(tasks) == len([t for t in list_tasks() if t.path.is_relative_to(ROOT / "tasks")])
    assert int(distinct) > 0


@pytest.mark.slow
def test_what_is_installed_runs_alone(wheel: Path, tmp_path: Path) -> None:
    only = ("--only", "end_to_end/P=xs", "--only", "decoupled/P=xs/R=xs/direct")
    run = ("-m", "suite", "run", "micro", "--limit", "1", *only, "--workers", "1", "--json")
    summary = json.loads(installed(wheel, tmp_path, *run))
    assert summary["requests"]["failed"] == 0
    assert len({row["cell"] for row in summary["cells"]}) == 2
    assert "<h1" in (tmp_path / "empty/runs/micro/report.html").read_text(encoding="utf-8")
