"""`downscale studies`, `init` and `plan`: what a person asks before anything is generated.

In: the shipped studies, and the small one. Out: their lists, files and numbers of requests.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import suite
from suite.planning.study import load_study
from tests.suite.cli_study import call

pytestmark = pytest.mark.usefixtures("tiny_environment")


def test_studies() -> None:
    rows = json.loads(call("studies", "--json").stdout)
    shipped = Path(suite.__file__).parent.glob("studies/[!_]*.yaml")
    assert [row["study"] for row in rows] == sorted(path.stem for path in shipped)
    assert all(row["tasks"] and row["methods"] for row in rows)


def test_init_writes_a_study_that_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    assert call("init", path).exit_code == 0
    study = load_study(path)
    assert study.study == "mine"
    result = call("init", path)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {path} is there already; choose another name or add --force.\n"
    )
    # Uncommenting every setting gives a valid study too: the comments are no guesses.
    lines = path.read_text().splitlines()
    start = lines.index(next(line for line in lines if line.startswith("# decoding:")))
    block = [line.removeprefix("# ") for line in lines[start : start + 6]]
    path.write_text("\n".join([*lines[:start], *block]))
    assert load_study(path).decoding.think.thinking_budget == 4096


def test_init_prints_where_it_is_asked_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = call("init", "-")
    assert (printed.exit_code, printed.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
    assert json.loads(call("init", "-", "--json").stdout) == {
        "path": None,
        "study": "study",
        "text": printed.stdout,
    }
    written = call("init", "sub/mine.yaml", "--json")
    assert json.loads(written.stdout) == {"path": "sub/mine.yaml", "study": "mine"}
    own = Path("sub/mine.yaml").read_text()
    assert own == printed.stdout.replace("study: study", "study: mine", 1) != printed.stdout


def test_plan(tiny: Path) -> None:
    result = call("plan", tiny / "study.yaml", "--json")
    content = json.loads(result.stdout)
    assert content["requests"] == {"planned": 14, "distinct": 10}
    assert [cell["requests"] for cell in content["cells"]] == [2, 6, 6]
    result = call("plan", tiny / "study.yaml", "--only", "end_to_end/P=s", "--limit", 1)
    assert result.exit_code == 0
    assert "1 cell, at most 1 request to ask, 1 if every cell asked alone; at" in result.stderr


@pytest.mark.parametrize("name", ["my study.yaml", ".hidden.yaml", "Q&A (2).yaml"])
def test_init_writes_no_study_that_is_not_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("init", name)
    if result.exit_code == 0:
        load_study(name)
    else:
        assert "name is made of letters" in result.stderr
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["2026-11-26", "no", "1e3", "010", "null", "0.6", "Ünal-1_b.v2"])
def test_init_writes_a_study_of_any_name_that_is_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("init", f"{name}.yaml").exit_code == 0
    assert load_study(f"{name}.yaml").study == name
