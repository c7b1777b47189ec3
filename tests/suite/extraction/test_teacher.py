"""Recorded texts: what is read, and what is said of rows that are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from suite.errors import SuiteError
from suite.extraction.teacher import STAGES, read_texts, teacher_of

GOOD = '{"stage": "contents", "id": 3, "text": "a"}'


def test_texts_by_stage_and_id(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    lines = [GOOD, '{"stage": "description", "id": "x", "text": ""}']
    path.write_text("\n".join([*lines, '{"stage": "contents", "id": "x", "text": null}']))
    assert read_texts(path, STAGES) == {("contents", "3"): "a", ("description", "x"): ""}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["", ""], "it holds no rows."),
        (['{"id": "1", "text": "a"}'], "line 1 needs `stage`, `id` and `text`."),
        ([GOOD, '{"stage": "contents", "text": "a"}'], "line 2 needs `stage`, `id` and `text`."),
        (['{"stage": "contents", "id": "1"}'], "line 1 needs `stage`, `id` and `text`."),
        (
            ['{"stage": "statement", "id": "1", "text": "a"}'],
            "line 1 is of the stage 'statement' (did you mean 'statements'?).",
        ),
        (
            ['{"stage": "contents", "id": "1", "text": ["a"]}'],
            "line 1: its `text` is ['a'] and not a text.",
        ),
        (
            [GOOD, '{"stage": "contents", "id": "3", "text": "b"}'],
            "contents of '3' stand twice, in line 1 and line 2; leave one.",
        ),
        (["{"], "line 1, column 2: Expecting property name enclosed in double quotes."),
    ],
)
def test_wrong_rows(lines: list[str], said: str, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(SuiteError) as caught:
        read_texts(path, STAGES)
    assert str(caught.value) == f"The recorded texts in {path} cannot be read: {said}"


def test_a_folder_is_no_file_of_texts(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="it is a folder and not a file"):
        read_texts(tmp_path, STAGES)


def test_what_does_not_see_may_write_the_contents(tmp_path: Path) -> None:
    """A family's text model is asked for them as the instruct stage is; its eyes for the rest."""
    teacher = teacher_of("micro:l", STAGES, tmp_path, "--teacher")
    roles = {stage: model.role for stage, model in teacher.models.items()}
    assert roles == {"contents": "text", "statements": "vlm", "description": "vlm"}
    assert teacher.prompts == "micro"
    assert not list(tmp_path.iterdir())


def test_recorded_texts_stand_beside_the_results_in_the_form_of_the_backend(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(GOOD)
    teacher_of(f"recorded:{path}", STAGES, tmp_path / "out", "--teacher")
    (line,) = (tmp_path / "out" / "texts" / "teacher.jsonl").read_text().splitlines()
    assert json.loads(line) == {"task": "contents", "item_id": "3", "text": "a"}
