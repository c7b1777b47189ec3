"""Prompt sets: rendering, leaks that the fields forbid, and the sentences of bad files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.errors import SuiteError
from suite.items.item import Item
from suite.planning.prompts import Prompts, list_prompts, load_prompts
from suite.requests import Message

ITEM = Item(
    task="t",
    item_id="1",
    question="What colour is the {circle}?",
    options=("red", "blue", "gr{e}en"),
    answer="A",
    category="",
    images=("hash1", "hash2"),
    image_id="h",
)
OPEN = replace(ITEM, options=(), answer="red")


def write(folder: Path, text: str) -> str:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_default_answer_is_exactly_this() -> None:
    (message,) = load_prompts("default").render("answer", ITEM)
    assert message == Message(
        "user",
        "What colour is the {circle}?\nA. red\nB. blue\nC. gr{e}en\n"
        "Reply with nothing but the letter of the correct option.",
        ("hash1", "hash2"),
    )


def test_micro_options_put_the_word_before_the_letter_on_one_line() -> None:
    assert load_prompts("micro").options(ITEM) == "red A, blue B, gr{e}en C"
    for template, _ in load_prompts("micro").templates:
        for item in (ITEM, OPEN):
            (message,) = load_prompts("micro").render(template, item, "d")
            assert "\n" not in message.text


@pytest.mark.parametrize("name", list_prompts())
def test_blind_differs_from_answer_in_the_images_alone(name: str) -> None:
    prompts = load_prompts(name)
    (seen,) = prompts.render("answer", ITEM)
    (blind,) = prompts.render("blind", ITEM)
    assert blind == replace(seen, images=())


@pytest.mark.parametrize("name", list_prompts())
def test_no_set_shows_options_to_the_instructor_or_the_question_to_the_perceiver(name: str) -> None:
    prompts = load_prompts(name)
    item = replace(ITEM, options=("crimson", "azure"))
    (instruct,) = prompts.render("instruct", item)
    assert not any(word in instruct.text for word in ("crimson", "azure"))
    (perceive,) = prompts.render("perceive", ITEM, "the shapes")
    assert "the shapes" in perceive.text
    assert ITEM.question not in perceive.text


@given(st.text(), st.text(min_size=1), st.lists(st.text(min_size=1), min_size=2, max_size=26))
def test_texts_are_filled_in_verbatim_whatever_they_hold(
    description: str, question: str, options: list[str]
) -> None:
    item = replace(ITEM, question=question, options=tuple(options))
    (message,) = load_prompts("default").render("reason", item, description)
    for text in (description.strip(), question.strip(), *options):
        assert text in message.text


def test_perceive_without_contents_describes() -> None:
    prompts = load_prompts("default")
    for contents in (None, "", " \n"):
        assert prompts.render("perceive", ITEM, contents) == (prompts.render("describe", ITEM))


STEPS = "Work it out in steps."


@pytest.mark.parametrize("template", ["reason", "text_only"])
@pytest.mark.parametrize("item", [ITEM, OPEN], ids=["choice", "open"])
def test_the_paper_set_asks_for_steps_where_the_model_thinks_alone(
    template: str, item: Item
) -> None:
    prompts = load_prompts("paper")
    direct, think = (
        prompts.render(template, item, "notes", thinking=thinking)[0].text
        for thinking in (False, True)
    )
    assert ("Do not explain." in direct, STEPS in direct) == (True, False)
    assert ("Do not explain." in think, STEPS in think) == (False, True)


@pytest.mark.parametrize("name", [n for n in list_prompts() if n != "paper"])
def test_a_set_without_a_second_wording_has_one(name: str) -> None:
    prompts = load_prompts(name)
    for template in ("reason", "text_only"):
        assert prompts.render(template, ITEM, "d") == prompts.render(
            template, ITEM, "d", thinking=True
        )


def test_a_set_that_words_a_template_anew_does_not_think_in_its_bases_words(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "sets:\n  one:\n    base: paper\n    version: 1\n    templates: {reason: '{description}'}\n"
        "  two:\n    base: one\n    version: 1\n    templates: {reason_think: 'T {description}'}\n",
    )
    one, two = load_prompts(f"{path}#one"), load_prompts(f"{path}#two")
    assert one.render("reason", ITEM, "d", thinking=True) == (Message("user", "d"),)
    assert STEPS in one.render("text_only", ITEM, thinking=True)[0].text
    assert two.render("reason", ITEM, "d", thinking=True) == (Message("user", "T d"),)
    assert two.render("reason", ITEM, "d") == (Message("user", "d"),)


def test_a_set_need_not_hold_every_template(tmp_path: Path) -> None:
    path = write(tmp_path, "sets: {own: {version: 1, templates: {answer: '{question}'}}}")
    prompts = load_prompts(path)
    assert [name for name, _ in prompts.templates] == ["answer", "blind"]
    with pytest.raises(SuiteError, match="'own' has no template 'reason', which t/1 needs"):
        prompts.render("reason", ITEM, "d")


def test_reason_without_description_is_refused() -> None:
    with pytest.raises(SuiteError, match="'reason' of t/1 has no description"):
        load_prompts("default").render("reason", ITEM)


def test_a_user_file_may_build_on_a_built_in_set(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "sets:\n  mine:\n    base: default\n    version: 3\n    templates:\n"
        "      answer: {choice: '{question} {options} ({letters})', open: '{question}',"
        " system: Be brief.}\n",
    )
    prompts = load_prompts(path)
    assert prompts == load_prompts(f"{path}#mine")
    system, user = prompts.render("blind", ITEM)
    assert system == Message("system", "Be brief.")
    assert user.text.endswith("(A, B, C)")
    assert dict(prompts.templates)["reason"] == dict(load_prompts("default").templates)["reason"]
    assert prompts.digest != load_prompts("default").digest


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("version: one\n    base: default", "`version` must be a whole number"),
        (
            "version: 1\n    base: default\n    templates: {anser: x}",
            "unknown key 'anser' (did you mean 'answer'?)",
        ),
        (
            "version: 1\n    base: default\n    templates: {answer: '{qestion}'}",
            "field {qestion} may not stand here (did you mean 'question'?)",
        ),
        (
            "version: 1\n    base: default\n    templates: {instruct: '{question} {options}'}",
            "field {options} may not stand here",
        ),
        (
            "version: 1\n    base: default\n    templates: {reason: '{question}'}",
            "field {description} is missing",
        ),
        (
            "version: 1\n    base: default\n    templates: {answer: '{question'}",
            "write a literal brace twice",
        ),
        ("version: 1\n    base: own", "is its own base"),
        ("version: 1\n    options: {each: '{text}'}", "field {letter} is missing"),
    ],
)
def test_a_bad_set_is_one_sentence(tmp_path: Path, body: str, words: str) -> None:
    path = write(tmp_path, f"sets:\n  own:\n    {body}\n")
    with pytest.raises(SuiteError) as caught:
        load_prompts(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_set_and_template_name_the_nearest() -> None:
    with pytest.raises(SuiteError, match="did you mean 'default'"):
        load_prompts("defalt")
    with pytest.raises(SuiteError, match="did you mean 'answer'"):
        load_prompts("default").render("anwser", ITEM)


def test_more_than_26_options_are_refused() -> None:
    item = replace(ITEM, options=tuple(str(n) for n in range(27)))
    prompts: Prompts = load_prompts("default")
    with pytest.raises(SuiteError, match="27 options"):
        prompts.render("answer", item)
