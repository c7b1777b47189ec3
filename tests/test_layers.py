"""Who imports what: the packages from one another, and the modules of suite/ by their layers.

In: the source files and the tables of CONTRIBUTING. Out: a failure that names file and module.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house import ROOT, python_files, tracked


def imported(path: Path) -> set[str]:
    """Top-level packages that a file names in an import, wherever it stands in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_imported_sees_every_form_of_import(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("import a.b as c\ndef f():\n    from d.e import g\n    from . import h\n")
    assert imported(path) == {"a", "d"}


def test_analyses_import_nothing_of_the_runner() -> None:
    guilty = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in python_files("analyses")
        if (found := imported(path) & {"suite", "tasks", "tests"})
    }
    assert guilty == {}


def test_tasks_import_nothing_of_the_runner() -> None:
    guilty = [
        str(path.relative_to(ROOT))
        for path in python_files("tasks")
        if imported(path) & {"suite", "analyses", "tests"}
    ]
    assert guilty == []


LAYERS = (
    "errors plain yaml_files requests folder user_cache cores image_bytes parsing",
    "registry task_yaml lmms_task items item_cache item_rows item_source families claims store",
    "prompts parse score leaks stages study cells plan",
    "generators decoding",
    "engine",
    "provenance history records asked run_items lmms_samples results comparison comparison_sides "
    "expected status predictions prediction_files report published training",
    "api",
    "cli __main__",
)
"""Modules and folders of suite/, lowest first: CONTRIBUTING.md, what may import what."""


def rows_after(heading: str, text: str) -> list[set[str]]:
    """Names in backticks of each row of the Markdown table under a heading row."""
    body = text.split(heading, 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [set(re.findall(r"`(\w+)`", row.split("|")[2])) for row in body]


def test_contributing_names_every_module_in_its_layer() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert rows_after("| layer | modules |", text) == [set(row.split()) for row in LAYERS]


def test_contributing_names_every_module_of_the_analyses() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set().union(*rows_after("| group | modules of `analyses/` |", text))
    there = {path.stem for path in tracked() if path.parent == ROOT / "analyses"}
    assert named == there - {"__init__", "paper"}


def suite_imports(text: str, package: tuple[str, ...]) -> set[str]:
    """Modules and folders directly under suite/ that a file of a package imports, wherever."""
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*start, node.module) if node.module else start)
            names += [f"{module}.{alias.name}" for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("suite.")}


def test_suite_imports_sees_every_form_of_import() -> None:
    text = (
        "import torch, suite, suite.a.b\nfrom suite import c\nfrom tasks.suite import n\n"
        "def f():\n    from suite.d.e import g\n    from ..h import i\n    from . import j\n"
    )
    assert suite_imports(text, ("suite", "k")) == {"a", "c", "d", "h", "k"}


def test_every_module_has_its_layer() -> None:
    there = {
        path.relative_to(ROOT / "suite").parts[0].removesuffix(".py")
        for path in python_files("suite")
    }
    assert there - {"__init__", "studies"} == set(" ".join(LAYERS).split())


@pytest.mark.parametrize("number", range(len(LAYERS)))
def test_a_layer_imports_nothing_above_it(number: int) -> None:
    above = set(" ".join(LAYERS[number + 1 :]).split())
    reached = {
        (name, target)
        for name in LAYERS[number].split()
        for path in [ROOT / f"suite/{name}.py", *(ROOT / "suite" / name).rglob("*.py")]
        if path.is_file()
        for target in suite_imports(
            path.read_text(encoding="utf-8"), path.relative_to(ROOT).parent.parts
        )
        & above
    }
    assert reached == set()
