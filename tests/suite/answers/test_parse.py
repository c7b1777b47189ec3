"""The parser against a corpus of answers with the reading that a careful person gives each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.answers.parse import parse, rule_names
from suite.items.item import Item

GROUPS = yaml.safe_load((Path(__file__).parent / "parse_corpus.yaml").read_text(encoding="utf-8"))


def item(options: tuple[str, ...] = (), metric: str = "choice") -> Item:
    answer = "A" if options else "x"
    return Item("t", "0", "What?", options, answer, "", (), "c", None, metric)


def cases() -> list[Any]:
    rows = []
    for number, group in enumerate(GROUPS):
        options = tuple(str(option) for option in group.get("options", ()))
        asked = item(options, group.get("metric", "choice"))
        for text, reading in group["answers"]:
            rows.append(pytest.param(asked, text, reading, id=f"{number}-{text[:40]!r}"))
    return rows


@pytest.mark.parametrize(("asked", "text", "reading"), cases())
def test_reads_what_a_careful_person_reads(asked: Item, text: str, reading: Any) -> None:
    found = parse(text, asked)
    assert found.prediction == reading, f"rule {found.rule}"
    assert found.parsed == (reading is not None)
    assert found.rule


def test_the_corpus_holds_at_least_150_different_answers() -> None:
    assert len({(str(g.get("options")), t) for g in GROUPS for t, _ in g["answers"]}) >= 150


words = st.sampled_from(["blue", "red car", "12", "a dog", "Paris", "none of it", "x + y", "5 km"])
choices = st.lists(words, min_size=2, max_size=6, unique=True).map(tuple)


@settings(deadline=None)
@given(choices, st.data())
def test_reads_every_option_by_letter_text_and_both(options: tuple[str, ...], data: Any) -> None:
    index = data.draw(st.integers(0, len(options) - 1))
    letter, text = "ABCDEF"[index], options[index]
    forms = ["{l}", "({l})", "{l}.", "{l}. {t}", "({l}) {t}", "{t}", "The answer is {l}."]
    forms += ["Answer: {t}", "**{l}) {t}**", "\\boxed{{{l}}}", "<think>hm, {o}</think>{l}"]
    form = data.draw(st.sampled_from(forms))
    assert parse(form.format(l=letter, t=text, o=options[0]), item(options)).prediction == letter


@settings(deadline=None)
@given(st.text(), choices)
def test_any_text_is_read_as_an_option_or_not_at_all(text: str, options: tuple[str, ...]) -> None:
    found = parse(text, item(options))
    assert found.parsed == (found.prediction is not None)
    assert found.prediction is None or found.prediction in "ABCDEF"[: len(options)]
    assert parse(text, item(options)) == found  # no draw


@settings(deadline=None)
@given(st.text(alphabet="ghjklmnpqrstvwxyz ,.?!", max_size=60))
def test_text_without_letters_or_options_is_unparsed(text: str) -> None:
    assert not parse(text, item(("BLUE", "FIVE", "1", "2"))).parsed


@settings(deadline=None)
@given(choices, st.permutations(range(2)), st.sampled_from([" or ", " and ", "/", ", "]))
def test_two_letters_are_never_one(
    options: tuple[str, ...], order: list[int], between: str
) -> None:
    text = between.join("AB"[place] for place in order)
    assert parse(text, item(options)) == type(parse("", item(options)))(
        None, "several_answers", False
    )


@settings(deadline=None)
@given(st.text(max_size=80))
def test_open_and_box_answers_never_raise(text: str) -> None:
    for metric in ("exact", "synonyms", "iou", "lmms"):
        found = parse(text, item(metric=metric))
        assert found.parsed == (found.prediction is not None)


def test_rule_names_are_in_order_and_unique() -> None:
    names = rule_names()
    assert names[0] == "whole"
    assert len(names) == len(set(names))
    assert names.index("stated") < names.index("refusal") < names.index("named_option")


def test_a_long_text_is_read_to_its_end() -> None:
    asked = item(("blue", "red", "green", "yellow"))
    text = "The answer might be blue or red. " * 3000 + "The answer is B."
    assert parse(text, asked).prediction == "B"


@pytest.mark.parametrize(
    "text",
    ['{"answer": "red"}', "{'Final Answer': 'red'}", 'as [1] shows: {"answer": "red"}'],
)
def test_an_object_is_found_alike_for_options_and_for_open_answers(text: str) -> None:
    opened = Item("t", "1", "Which?", (), "red", "", (), "h")
    for item, expected in ((opened, "red"), (replace(opened, options=("blue", "red")), "B")):
        assert parse(text, item).prediction == expected
        assert parse(text, item).rule == "json_answer"
