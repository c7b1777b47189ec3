"""The comparison with the committed micro cells: what passes, what does not, what it says."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.ci.compare_micro import differences, main, reference_of

RUN: dict[str, Any] = {
    "study": "micro",
    "dir": "somewhere",
    "seconds": 12.5,
    "requests": {
        **{"planned": 90, "distinct": 60, "generated": 60},
        **{"cached": 0, "failed": 0, "coincided": 3},
    },
    "cells": [
        {
            **{"cell": cell, "method": method, "task": "micro_ocr", "group": group, "n": 60},
            **{"accuracy": 0.5, "low": 0.4, "high": 0.6, "unparsed": 0.0, "failed": 0},
        }
        for cell, method in (("end_to_end/P=l", "end_to_end"), ("oracle/R=l", "oracle"))
        for group in (None, "digits")
    ],
}


def compare(tmp_path: Path, run: dict[str, Any], *extra: str) -> int:
    (tmp_path / "run.json").write_text(json.dumps(run))
    reference = tmp_path / "reference.json"
    if not reference.exists():
        reference.write_text(json.dumps(reference_of(RUN)))
    return main([str(tmp_path / "run.json"), str(reference), *extra])


def test_a_run_equals_its_own_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    files = [str(tmp_path / "run.json"), str(tmp_path / "reference.json")]
    assert main([*files, "--write"]) == 0
    assert "somewhere" not in (tmp_path / "reference.json").read_text()
    assert main(files) == 0
    expected = "4 cells x tasks x groups: 4 equal, 0 differences within 0.02, 0 beyond it.\n"
    assert capsys.readouterr().out.endswith(expected)


@pytest.mark.parametrize(
    ("accuracy", "code", "mark"),
    [(0.5167, 0, "within"), (0.4833, 0, "within"), (0.5334, 1, "WRONG "), (None, 1, "WRONG ")],
)
def test_one_item_of_sixty_passes_and_two_do_not(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    accuracy: float | None,
    code: int,
    mark: str,
) -> None:
    run = copy.deepcopy(RUN)
    run["cells"][3]["accuracy"] = accuracy
    assert compare(tmp_path, run) == code
    line = f"{mark} oracle/R=l · micro_ocr · digits: (sampled) accuracy {accuracy} instead of 0.5"
    assert line in capsys.readouterr().out.splitlines()


def test_tolerance_can_be_set(tmp_path: Path) -> None:
    run = copy.deepcopy(RUN)
    run["cells"][0]["accuracy"] = 0.5167
    assert compare(tmp_path, run, "--tolerance", "0.01") == 1


def test_missing_and_additional_cells_are_wrong() -> None:
    run = copy.deepcopy(RUN)
    run["cells"][0]["cell"] = "end_to_end/P=s"
    told = {(d.where, d.what) for d in differences(run, RUN)}
    assert told == {
        ("end_to_end/P=s · micro_ocr", "is only in the run"),
        ("end_to_end/P=l · micro_ocr", "is only in the reference"),
    }


def test_another_number_of_items_is_wrong() -> None:
    run = copy.deepcopy(RUN)
    run["cells"][0]["n"] = 59
    assert [d.what for d in differences(run, RUN)] == ["has 59 items, the reference 60"]


@pytest.mark.parametrize(
    ("name", "value"), [("failed", 1), ("cached", 60), ("generated", 61), ("planned", 60)]
)
def test_counts_that_cannot_be_of_a_clean_run_are_wrong(
    tmp_path: Path, name: str, value: int
) -> None:
    run = copy.deepcopy(RUN)
    run["requests"][name] = value
    assert compare(tmp_path, run) == 1


def test_a_cell_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    run = copy.deepcopy(RUN)
    run["cells"].append(run["cells"][0])
    with pytest.raises(SystemExit, match=r"end_to_end/P=l · micro_ocr stands twice"):
        compare(tmp_path, run)
