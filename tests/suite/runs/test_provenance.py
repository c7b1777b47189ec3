"""Provenance: what of a provenance.json is believed, and what a run that changes nothing leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from suite.errors import SuiteError
from suite.runs import provenance
from tests.house import ROOT

SHIPPED = ROOT / "results" / "micro"


def test_what_a_run_wrote_is_read_and_nothing_is_an_empty_one(tmp_path: Path) -> None:
    known = provenance.read(SHIPPED)
    assert known["study"]["study"] == "micro_full"
    assert provenance.read(tmp_path) == {}
    assert provenance.read(tmp_path / "absent") == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"runs": 5}', "runs: Input should be a valid list"),
        ('{"runs": [5]}', "runs.0: Input should be a valid dictionary or instance of _Entry"),
        ('{"runs": [{"requests": 5}]}', "runs.0.requests: Input should be a valid dictionary"),
        (
            '{"runs": [{"requests": {"generated": "5"}}]}',
            "runs.0.requests.generated: Input should be a valid integer",
        ),
        ('{"runs": [{"devices": [5]}]}', "runs.0.devices.0: Input should be a valid dictionary"),
        ('{"models": {}}', "models: Input should be a valid list"),
        ('{"models": [null]}', "models.0: Input should be a valid dictionary"),
        ('{"items": {"ocr": 5}}', "items.ocr: Input should be a valid dictionary"),
        ('{"study": "x"}', "study: Input should be a valid dictionary"),
        ('{"ended": 5}', "ended: Input should be a valid string"),
        ('{"store": []}', "store: Input should be a valid string"),
        ('{"records_sha256": 5}', "records_sha256: Input should be a valid string"),
        ("[]", ": Input should be a valid dictionary or instance of _Facts"),
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ('{"runs": [', "Expecting value: line 1 column 11 (char 10)"),
        ("[" * 100_000, "its brackets nest too deeply"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_a_damaged_one_is_a_sentence(tmp_path: Path, content: str | bytes, reason: str) -> None:
    path = tmp_path / "provenance.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SuiteError) as caught:
        provenance.read(tmp_path)
    assert str(caught.value).startswith(f"{path} is damaged ({reason}")
    assert str(caught.value).endswith(
        f"; run the study again with `--out {tmp_path}`, which writes it anew: what was generated "
        "is kept."
    )


def test_a_folder_in_its_place_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "provenance.json").mkdir()
    said: list[str] = []
    assert provenance.earlier(tmp_path, said.append) == {}
    assert len(said) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["provenance.damaged.json"]


def test_unchanged_is_a_run_that_ended_with_the_same_facts() -> None:
    facts: dict[str, Any] = {"study": {"tasks": ("a", "b")}, "started": "5", "ended": None}
    before = json.loads(json.dumps({**facts, "started": "1", "ended": "2", "runs": []}))
    assert provenance.unchanged(facts, before)
    assert not provenance.unchanged(facts, {**before, "ended": None})
    assert not provenance.unchanged({**facts, "store": "elsewhere"}, before)
    assert not provenance.unchanged(facts, {**before, "study": {"tasks": ["a"]}})
    assert not provenance.unchanged(facts, {})
