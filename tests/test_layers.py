"""Who imports what: packages, rooms and modules; no circle, nothing below what it needs.

In: the source files and the tables of CONTRIBUTING. Out: a failure that names both files.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.house import ROOT, python_files

SUITE = (
    *("errors", "base", "requests", "store", "items", "models", "planning", "answers", "engine"),
    *("runs", "report", "training", "extraction", "plugins", "view", "api", "cli", "__main__"),
)
"""Rooms of suite/ and the modules at its root, lowest first."""
ANALYSES = ("columns", "stats", "table", "contrasts", "paper", "figures")
"""Rooms of analyses/, lowest first; its other modules stand on them all but the figures."""


def imported(text: str, package: tuple[str, ...]) -> set[str]:
    """Dotted names that a file of a package imports, wherever they stand in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*start, node.module) if node.module else start)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def test_imported_sees_every_form_of_import() -> None:
    text = (
        "import torch, a.b as c\nfrom d import e\n"
        "def f():\n    from g.h import i\n    from ..j import k\n    from . import l\n"
    )
    assert imported(text, ("m", "n")) == {"torch", "a.b", "d.e", "g.h.i", "m.j.k", "m.n.l"}


@cache
def modules() -> dict[str, Path]:
    """Dotted name of every module of the three packages -> its file."""
    found = {}
    for path in python_files("suite", "analyses", "tasks"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def graph() -> dict[str, set[str]]:
    """Module -> the modules of ours that it imports; a package's own `__init__` is one of them."""
    found = {}
    for name, path in modules().items():
        package = path.relative_to(ROOT).parent.parts
        reached = set()
        for target in imported(path.read_text(encoding="utf-8"), package):
            while target and target not in modules():  # a name inside a module
                target = target.rpartition(".")[0]
            reached |= {target} - {"", name}
        found[name] = reached
    return found


def guilty(module: str, forbidden: set[str]) -> list[tuple[str, str]]:
    """Imports of a module or of what lies in it that reach a forbidden one or what lies in that."""

    def inside(name: str, room: str) -> bool:
        return name == room or name.startswith(f"{room}.")

    return [
        (name, target)
        for name, targets in sorted(graph().items())
        if inside(name, module)
        for target in sorted(targets)
        if any(inside(target, room) for room in forbidden)
    ]


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert len(list(TopologicalSorter(graph()).static_order())) == len(modules())


def test_the_graph_follows_imports_inside_functions() -> None:
    assert "suite.report.tables" in graph()["suite.report.outputs"]


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [("analyses", {"suite", "tasks", "tests"}), ("tasks", {"suite", "analyses", "tests"})],
)
def test_a_package_imports_nothing_of_the_runner(package: str, forbidden: set[str]) -> None:
    assert guilty(package, forbidden) == []


@pytest.mark.parametrize("number", range(len(SUITE)))
def test_a_room_of_the_suite_imports_nothing_above_it(number: int) -> None:
    assert guilty(f"suite.{SUITE[number]}", {f"suite.{room}" for room in SUITE[number + 1 :]}) == []


@pytest.mark.parametrize("number", range(len(ANALYSES)))
def test_a_room_of_the_analyses_imports_nothing_above_it(number: int) -> None:
    room, above = ANALYSES[number], ANALYSES[number + 1 :]
    roots = {name for name in modules() if re.fullmatch(r"analyses\.\w+", name)}
    questions = set() if room == "figures" else roots - {f"analyses.{name}" for name in ANALYSES}
    assert guilty(f"analyses.{room}", {f"analyses.{name}" for name in above} | questions) == []


def test_every_module_at_a_root_has_its_place() -> None:
    names = {name.split(".")[1] for name in modules() if name.startswith("suite.")}
    assert names == set(SUITE)
    assert {name for name in ANALYSES if f"analyses.{name}" not in modules()} == set()


def rows_of(heading: str) -> dict[str, str]:
    """First cell -> last cell of each row of a table of CONTRIBUTING; backticks taken off."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    body = text.split(heading, 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in body]
    return {row[0].strip("`/"): row[-1] for row in cells}


@pytest.mark.parametrize("package", ["suite", "analyses"])
def test_contributing_names_every_room_with_its_files(package: str) -> None:
    table = rows_of(f"| room of `{package}/` | what it is for | files |")
    rooms = {
        room
        for name in modules()
        if (room := name.split(".")[1] if name.count(".") else "")
        and name.startswith(f"{package}.")
        and (ROOT / package / room).is_dir()
    }
    assert set(table) == rooms
    for room, listed in table.items():
        own = {p.stem for p in (ROOT / package / room).glob("*.py")} - {"__init__"}
        named = set(re.findall(r"`(\w+)`", listed))
        # Commands, figures and recipes are listed by their registries: the table need not be.
        assert named == own or listed.startswith("a file a "), room
