"""MMStar: options out of the question's text, on hand-made forms and on all real questions."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from suite.answers.score import lmms_score
from suite.items.item import image_hash
from suite.items.load import get_task, load_items
from tasks.choice import fillers
from tasks.mmstar.questions import parse_question
from tests.tasks.files import SHARED, mmstar_row, png, write_parquet

QUESTIONS = SHARED / "mmstar_questions.parquet"
needs_questions = pytest.mark.skipif(
    not QUESTIONS.exists(), reason=f"the real MMStar questions are not at {QUESTIONS}"
)
CATEGORIES = (
    "coarse perception",
    "fine-grained perception",
    "instance reasoning",
    "logical reasoning",
    "science & technology",
    "math",
)


def test_inline_options_may_hold_commas_colons_and_letters() -> None:
    parsed = parse_question("Why?\nOptions: A: Vitamin A, B: x, y, C: ratio 1:2, D: B, or C")
    assert parsed.question == "Why?"
    assert parsed.options == ("Vitamin A", "x, y", "ratio 1:2", "B, or C")
    assert parsed.form == "inline"


def test_inline_options_may_have_several_lines() -> None:
    parsed = parse_question("Code?\nOptions: A: a = 1\nprint(a), B: b = 2\nprint(b)")
    assert parsed.options == ("a = 1\nprint(a)", "b = 2\nprint(b)")


def test_choices_lose_mathvistas_hint() -> None:
    text = (
        "Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, "
        "at the end.\nQuestion: How many?\nChoices:\n(A) 4\n(B) 6\n(C) 8"
    )
    parsed = parse_question(text)
    assert parsed.question == "How many?"
    assert parsed.options == ("4", "6", "8")
    assert parsed.form == "choices"


def test_lines_without_a_heading_and_text_after_the_options() -> None:
    parsed = parse_question("How many?\n(A) 54\n(B) 52\nPlease answer.")
    assert (parsed.question, parsed.options, parsed.form) == ("How many?", ("54", "52"), "lines")


def test_a_question_without_options_is_an_error() -> None:
    with pytest.raises(ValueError, match="no options are found in the question 'How many\\?'"):
        parse_question("How many?")


@pytest.mark.parametrize(
    ("options", "answer", "expected"),
    [
        (("x", "y", "nan", "nan"), "A", 2),
        (("x", "y", "z", "nan"), "C", 1),
        (("x", "y", "z", "nan"), "D", 0),  # the gold answer is no filler
        (("nan", "y", "z", "w"), "A", 0),
        (("x", "y", "nan", "w"), "D", 0),
        (("x", "y", "z", "w"), "A", 0),
    ],
)
def test_fillers_stand_at_the_end(options: tuple[str, ...], answer: str, expected: int) -> None:
    assert fillers(options, answer) == expected


def test_declared_without_data() -> None:
    info = get_task("mmstar")
    assert info.categories == CATEGORIES
    assert (info.n, info.declared(10), info.declared(300)) == (1500, 60, 1500)
    assert [info.abbreviations[name] for name in CATEGORIES] == [
        "CP",
        "FP",
        "IR",
        "LR",
        "ST",
        "Math",
    ]
    assert info.lmms_name == "downscaling_mmstar"
    assert info.domain == "out_of_domain"


def test_items_of_a_file_with_images(tmp_path: Path) -> None:
    rows = [mmstar_row(3, "math"), mmstar_row(4, "coarse perception", answer="D")]
    path = write_parquet(tmp_path / "val-00000-of-00001.parquet", rows, "image")
    items = load_items("mmstar", data=str(path), cache_dir=tmp_path / "cache")
    first, second = items.items
    assert (first.item_id, first.category, first.answer) == ("3", "math", "B")
    assert (first.question, first.options) == ("What is 3?", ("one", "two", "three", "four"))
    assert first.images == (image_hash(png((3, 0, 0))),)  # the file's own bytes
    assert items.image_bytes[first.images[0]] == png((3, 0, 0))
    assert second.answer == "D"
    assert first.image_id != second.image_id
    assert "image" not in json.loads(first.doc)
    assert lmms_score(first, "The answer is B") == 1.0
    assert lmms_score(first, "A") == 0.0


@needs_questions
def test_all_real_questions_are_read(tmp_path: Path) -> None:
    items = load_items("mmstar", data=str(QUESTIONS), cache_dir=tmp_path).items
    assert len({item.item_id for item in items}) == 1500
    assert Counter(item.category for item in items) == dict.fromkeys(CATEGORIES, 250)
    assert Counter(len(item.options) for item in items) == {4: 1499, 3: 1}
    assert all(all(item.options) for item in items)
    assert Counter(item.fillers for item in items) == {0: 1327, 1: 88, 2: 85}
    assert Counter(round(item.chance, 3) for item in items) == {0.25: 1326, 0.333: 89, 0.5: 85}
    assert len({item.image_id for item in items}) == 1500  # without images each is its own cluster


@needs_questions
def test_forms_of_the_real_questions() -> None:
    frame = pd.read_parquet(QUESTIONS)
    parsed = [parse_question(text) for text in frame["question"]]
    assert Counter(question.form for question in parsed) == {
        "inline": 1154,
        "choices": 339,
        "lines": 7,
    }
    for question, text, answer in zip(parsed, frame["question"], frame["answer"], strict=True):
        assert answer in "ABCD"[: len(question.options)]
        assert all(option in text for option in question.options)
        assert "Options:" not in question.question
        assert "Choices:" not in question.question
        assert not question.question.startswith(("Hint:", "Question:"))
        # nothing but marks is lost: what remains of the text are letters, brackets and headings
        left = text
        for piece in sorted((question.question, *question.options), key=len, reverse=True):
            left = left.replace(piece, "", 1)
        assert len(left.split("Question:")[-1]) <= 60, left
