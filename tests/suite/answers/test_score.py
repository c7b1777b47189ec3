"""Scores by hand, and lmms-eval's second opinion."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.answers.parse import Parsed
from suite.answers.score import box_iou, iou, lmms_score, read_box, score
from suite.errors import SuiteError
from suite.items.item import Item


def item(answer: str, metric: str = "choice", options: tuple[str, ...] = ()) -> Item:
    return Item("t", "0", "?", options, answer, "", (), "c", None, metric)


def read(prediction: str) -> Parsed:
    return Parsed(prediction, "whole", True)


def test_choice() -> None:
    asked = item("B", options=("x", "y"))
    assert score(read("B"), asked) == 1.0
    assert score(read("A"), asked) == 0.0


def test_unparsed_scores_zero_not_chance() -> None:
    asked = item("B", options=("x", "y"))
    assert score(Parsed(None, "nothing_found", False), asked) == 0.0


@pytest.mark.parametrize(
    ("answer", "prediction", "expected"),
    [
        ("cat", "Cat.", 1.0),
        ("cat", "the cat", 1.0),
        ("7", "seven", 1.0),
        ("7", "7.0", 1.0),
        ("1000", "1,000", 1.0),
        ("7", "17", 0.0),
        ("1234567", "1,234,567", 1.0),
        ("1234567", "1234568", 0.0),
        ("35", "3,5", 0.0),
        ("stop sign", "stop  sign", 1.0),
        ("stop sign", "sign", 0.0),
    ],
)
def test_exact(answer: str, prediction: str, expected: float) -> None:
    assert score(read(prediction), item(answer, "exact")) == expected


def test_iou_by_hand() -> None:
    gold = item("[0, 0, 10, 10]", "iou")
    # 10 x 5 shared of 10 x 10 + 10 x 10 - 50
    assert iou("[0, 5, 10, 15]", gold) == pytest.approx(50 / 150)
    assert score(read("[0, 5, 10, 15]"), gold) == 0.0
    assert iou("[0, 0, 10, 5]", gold) == 0.5
    assert score(read("[0, 0, 10, 5]"), gold) == 1.0  # acc@0.5 counts 0.5
    assert iou("[10, 10, 0, 0]", gold) == 0.0  # a turned box has no area
    assert math.isnan(iou(None, gold))
    assert read_box("1 2 3") is None


boxes = st.tuples(*[st.integers(0, 20)] * 4).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]) + 1, max(b[1], b[3]) + 1)
)


@given(boxes, boxes)
def test_iou_against_counting_pixels(
    first: tuple[int, int, int, int], second: tuple[int, int, int, int]
) -> None:
    def pixels(box: tuple[int, int, int, int]) -> set[tuple[int, int]]:
        return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}

    expected = len(pixels(first) & pixels(second)) / len(pixels(first) | pixels(second))
    assert box_iou(first, second) == pytest.approx(expected)
    assert box_iou(first, second) == box_iou(second, first)
    assert box_iou(first, first) == 1.0


def test_unknown_metric_is_named() -> None:
    with pytest.raises(
        SuiteError, match=r"has the metric 'bleu'; suite/answers/score\.py knows choice, exact"
    ):
        score(read("x"), item("x", "bleu"))


def test_second_opinion_of_a_task_that_is_not_here() -> None:
    assert lmms_score(item("x"), "x") is None


def test_second_opinion_leaves_the_random_state_alone() -> None:
    asked = Item(
        "gqa", "0", "?", ("x", "y"), "A", "", (), "c", doc='{"A": "x", "B": "y", "answer": "A"}'
    )
    random.seed(3)
    expected = random.random()
    random.seed(3)
    assert lmms_score(asked, "A") == 1.0
    assert random.random() == expected


def choking(doc: object, results: list[str]) -> dict[str, object]:
    """A scorer like ROUGE's, which refuses a text without words, and scores in NumPy's numbers."""
    if not results[0].strip("."):
        raise ValueError("Hypothesis is empty.")
    return {"score": np.float32(results[0] == "gold"), "other": np.float64("nan")}


def test_a_text_that_lmms_evals_scorer_chokes_on_scores_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def scorer(task: str) -> tuple[object, str]:
        return choking, task

    monkeypatch.setattr("suite.answers.score._process_results", scorer)
    asked = Item("score", "0", "?", (), "gold", "", (), "c", None, "lmms", doc="{}")
    assert [score(read(text), asked) for text in (".", "gold", "x")] == [0.0, 1.0, 0.0]
    assert lmms_score(asked, ".") is None
    for name in ("nothing", "other"):  # scores that are not there for the gold answer either
        with pytest.raises(SuiteError, match="lmms-eval gives no score for item 0"):
            score(read("x"), Item(**{**vars(asked), "task": name}))
