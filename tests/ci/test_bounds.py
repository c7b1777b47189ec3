"""The bounds of the dependencies: all there, read and taken off as the scripts of .ci/ need."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.ci.bounds import ELSEWHERE, KEPT, bounds, lowest, opened, requirements
from tests.house import ROOT

PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
SMALL = """
[project]
dependencies = [
  "torch>=2.9,<2.15",
  "filelock>=3.20,<4",  # why
]
[project.optional-dependencies]
gguf = ["gguf>=0.16,<0.20"]
dev = ["pytest>=8,<10", "gguf>=0.16,<0.20"]
"""


def test_lowest_versions_of_everything_named() -> None:
    assert lowest(SMALL) == "torch==2.9\nfilelock==3.20\ngguf==0.16\npytest==8\n"


def test_upper_bounds_go_but_those_for_others_stay() -> None:
    assert requirements(opened(SMALL)) == [
        "torch>=2.9",
        "filelock>=3.20,<4",
        "gguf>=0.16",
        "pytest>=8",
    ]


@pytest.mark.parametrize("line", ["torch>=2.9", "torch<3", "torch", "torch==2.9", "torch>2,<3"])
def test_a_dependency_without_both_bounds_is_named(line: str) -> None:
    with pytest.raises(SystemExit) as caught:
        bounds(SMALL.replace("torch>=2.9,<2.15", line))
    assert str(caught.value) == (f"'{line}' in pyproject.toml: write it as NAME>=LOWEST,<BOUND.")


def test_every_dependency_of_the_suite_has_both_bounds() -> None:
    found = bounds(PROJECT)
    assert {"torch", "transformers", "lmms-eval", "pytest", "mypy"} <= set(found)
    assert set(KEPT) <= set(found)


def test_the_constraints_lie_within_the_bounds() -> None:
    lines = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    held = [Requirement(line) for line in lines if not line.startswith("#")]
    versions = {r.name.lower().replace("_", "-"): str(r.specifier)[2:] for r in held}
    assert [name for name in versions if re.match("nvidia|cuda|triton", name)] == []
    outside = [
        text
        for text in requirements(PROJECT)
        if (name := Requirement(text).name.lower()) not in ELSEWHERE
        and not Requirement(text).specifier.contains(versions[name])
    ]
    assert outside == []


@pytest.mark.parametrize(("name", "tried"), ELSEWHERE.items())
def test_what_is_tried_elsewhere_is_an_extra_alone_and_within_its_bounds(
    name: str, tried: str
) -> None:
    """And pip is held to nothing that was not tried with the rest."""
    (found,) = (text for text in requirements(PROJECT) if Requirement(text).name == name)
    extras = tomllib.loads(PROJECT)["project"]["optional-dependencies"].values()
    (extra,) = (rows for rows in extras if found in rows)
    assert {Requirement(row).name for row in extra} <= set(ELSEWHERE)
    versions = re.findall(rf"^{name}\S* ([\d.]+),", tried)
    assert len(versions) == (not tried.startswith("not tried: "))
    assert all(Requirement(found).specifier.contains(version) for version in versions)
    assert f"\n{name}==" not in (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8")


def test_the_readme_fetches_a_torch_within_the_bounds() -> None:
    """Of a newer one pip would fetch another, with CUDA, over it."""
    (bound,) = re.findall(r'pip install "(torch<\S+)" torchvision --index-url', README)
    assert bound == "torch" + bounds(PROJECT)["torch"][1]


README = (ROOT / "README.md").read_text(encoding="utf-8")
