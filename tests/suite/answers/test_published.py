"""The published way to read answers: expected scores follow from the rules in words.

In: answers of which the suite's own parser thinks otherwise, or not. Out: scores.
"""

from __future__ import annotations

import pytest

from suite.answers.published import published_score
from suite.items.item import Item


def item(task: str, answer: str, *options: str) -> Item:
    return Item(task, "0", "?", options, answer, "", (), "c")


@pytest.mark.parametrize(
    ("text", "answer", "score"),
    [
        ("B", "B", 1.0),
        (" b. because", "B", 1.0),
        ("(B) red", "B", 1.0),
        ("Option B", "B", 1.0),
        ("The answer is B.", "B", 1.0),
        ("Based on it, C", "B", 1.0),  # a letter that begins a word
        ("Cannot determine", "C", 1.0),
        ("**B**", "B", 0.0),
        ("I choose B", "B", 0.0),
        ("", "B", 0.0),
    ],
)
def test_mmstar_reads_how_an_answer_begins(text: str, answer: str, score: float) -> None:
    asked = item("mmstar", answer, "red", "blue", "green", "none")
    assert published_score(asked, text, decoupled=False) == score


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("B", 1.0),
        ("(A) or (B)", 1.0),
        ("(B) or (A)", 0.0),
        ("A. red, no: B. blue", 0.0),  # neither in brackets: the first
        ("B. blue", 1.0),
        ("I take B here", 1.0),
        ("A B", 1.0),
        ("it is the colour blue as the sea", 1.0),
        ("it was blue before it was red", 0.0),
        ("blue", 0.25),  # too short to be searched for options: drawn
        ("", 0.25),
        ("**B**", 0.25),
    ],
)
def test_vmcbench_takes_the_last_that_is_named_or_draws(text: str, score: float) -> None:
    asked = item("gqa", "B", "red", "blue", "green", "white")
    assert published_score(asked, text, decoupled=False) == score


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("A is wrong.\nAnswer: B", 1.0),
        ("Answer: B\nA", 0.0),
        ("So **Answer:** B", 0.0),
        ("\n", 0.0),
    ],
)
def test_of_a_reasoner_the_last_line_counts(text: str, score: float) -> None:
    assert published_score(item("mmstar", "B", "x", "y"), text, decoupled=True) == score


def test_other_tasks_have_no_published_score() -> None:
    for task in ("nights", "micro_ocr", "nobody"):
        assert published_score(item(task, "A", "x", "y"), "A", decoupled=False) is None
