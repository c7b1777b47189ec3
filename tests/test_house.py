"""The rules of the house for files: docstrings, no names of machines, shipped studies and tasks.

In: the repository as it stands. Out: a failure that names the file and the rule it breaks.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from suite.items.tasks import list_tasks, load_yaml
from suite.models.family import load_family
from suite.planning.study import load_study
from tests.house import ROOT, tracked

TEXT = (
    ".py",
    ".md",
    ".json",
    ".yaml",
    ".toml",
    ".cff",
    ".txt",
    ".jinja",
    ".html",
    ".css",
    ".js",
    ".csv",
)


OF_A_MACHINE = re.compile(
    r"(?<![\w./~-])/(?:work|root|home|Users|workspace)/\w"  # a person's or a machine's folder
    r"|\b(?:10(?:\.\d{1,3}){3}|(?:192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2})\b"
    r"|\b[\w-]+\.(?:internal|corp|lan|intranet)\b"
)
"""Folders, addresses and hosts that exist on one machine or in one network only."""


def test_every_python_file_begins_with_a_docstring() -> None:
    files = [path for path in tracked() if path.suffix == ".py"]
    assert len(files) > 100
    bare = [
        str(path.relative_to(ROOT))
        for path in files
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert bare == []


def test_no_file_names_a_machine_or_a_private_host() -> None:
    found = []
    for path in tracked():
        if path.suffix not in TEXT and path.parent.name != ".ci":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if OF_A_MACHINE.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert found == []


@pytest.mark.parametrize(
    ("text", "names_a_machine"),
    [
        ("see /" + "home/ada/models", True),
        ("see ~/models or ./home/x", False),
        ("pip install -i https://pypi." + "internal/simple", True),
        ("http://10" + ".0.0.7:8000", True),
        ("http://127.0.0.1:8000 and version 10.2", False),
        ("https://huggingface.co/Lin-Chen/MMStar", False),
    ],
)
def test_the_search_for_machines(text: str, names_a_machine: bool) -> None:
    assert bool(OF_A_MACHINE.search(text)) == names_a_machine


@pytest.mark.parametrize(
    "path", sorted((ROOT / "suite/studies").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_study_loads_and_names_known_things(path: Path) -> None:
    study = load_study(path if path.stem.startswith("_") else path.stem)
    family = load_family(study.family)
    known = {task.name for task in list_tasks()}
    assert [row.task for row in study.tasks if row.task not in known] == []
    for row in study.cells:
        for sizes in (row.perception, row.reasoning):
            for name in [sizes] if isinstance(sizes, str) else sizes or []:
                assert name == "all" or family.size(name)


def test_every_task_is_a_prefixed_lmms_eval_task() -> None:
    tasks = list_tasks()
    assert len(tasks) >= 25
    for task in tasks:
        assert task.lmms_name == f"downscaling_{task.name}", task.path
        assert load_yaml(task.path)["task"] == task.lmms_name
