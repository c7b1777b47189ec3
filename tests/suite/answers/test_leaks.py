"""Which contents to observe hold an option, and which only a word that looks like one.

In: a text and an item. Out: whether it leaks.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from suite.answers.leaks import contents_leak, letter_leak
from suite.items.item import Item


def item(*options: str, answer: str = "A", metric: str = "choice") -> Item:
    return Item("t", "0", "?", options, answer, "", (), "c", None, metric)


@pytest.mark.parametrize(
    ("contents", "options", "leaks"),
    [
        ("The colour: Dark red or not.", ("dark red.", "green"), True),
        ("The colour of the tablecloth.", ("table", "cloth"), False),
        ("Whether x = 1\nprint(x) is there.", ("x = 1 \nprint(x)", "nan"), True),
        ("The cafe\u0301 noir.", ("caf\u00e9 noir", "tea"), True),
        ("Whether 3 of them lie.", ("3", "4"), True),
        ("A chart, and a point in it.", ("A", "B", "C", "none"), False),
        ("Which point lies lower, A or B.", ("A", "B", "C", "none"), True),
        ("Which point is named A.", ("A", "D", "C", "none"), True),
        ("Compare points A, B and C.", ("D", "A", "E", "none"), True),
        ("The shape of the letter b.", ("B", "C"), False),
    ],
)
def test_contents_that_hold_an_option(contents: str, options: tuple[str, ...], leaks: bool) -> None:
    assert contents_leak(contents, item(*options)) is leaks


@pytest.mark.parametrize(
    ("question", "contents", "options", "leaks"),
    [
        ("Which letter is inside the red circle?", "the Red  circle", ("Red", "Blue"), False),
        ("Which letter is inside the red circle?", "the red circle, blue", ("Red", "Blue"), True),
        ("How many exceed 2?", "values exceeding 2", ("2", "3"), False),
        ("How many exceed 2?", "values exceeding 2, 3 of them", ("2", "3"), True),
        ("Is the cafe\u0301 open?", "the CAF\u00c9", ("caf\u00e9", "bar"), False),
        ("Is a dark cloth on it?", "dark red", ("dark red", "dark"), True),
        ("Where is the tench?", "the tench", (), False),
    ],
)
def test_what_the_question_itself_holds_is_no_leak(
    question: str, contents: str, options: tuple[str, ...], leaks: bool
) -> None:
    asked = replace(item(*options, answer="A" if options else "tench"), question=question)
    assert contents_leak(contents, asked) is leaks


def test_contents_that_hold_one_of_the_names_of_a_class() -> None:
    named = item(answer="tench, Tinca tinca", metric="synonyms")
    assert contents_leak("The fins of the tench.", named)
    assert not contents_leak("The fins of the fish.", named)
    assert not contents_leak("Tinca", item(answer="one, Tinca", metric="exact"))


@pytest.mark.parametrize(
    ("description", "leaks"),
    [("It is option B.", True), ("(A) is red", True), ("A red car.", False), ("Plan E", False)],
)
def test_descriptions_that_state_a_letter(description: str, leaks: bool) -> None:
    assert letter_leak(description, item("x", "y")) is leaks
