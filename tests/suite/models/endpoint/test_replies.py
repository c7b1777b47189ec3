"""What a server says, read: texts, thinking blocks, ends, and what is no answer."""

from __future__ import annotations

from typing import Any

import pytest

from suite.models.endpoint.replies import Failed, Reply, Split, split
from tests.suite.models.endpoint.served import chunk


def reply(*parts: Any) -> Reply:
    made = Reply()
    for part in parts:
        made.add(part)
    made.check()
    return made


def refused(*parts: Any) -> str:
    with pytest.raises(Failed) as caught:
        reply(*parts)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "thinking", "answer", "end"),
    [
        ("<think>\na\n</think>\n\nB", "\na\n", "\n\nB", "</think>"),
        ("a</think>B", "a", "B", "</think>"),  # the chat template has opened it
        ("<think>a", "a", None, "</think>"),
        ("first <think>a</think>B", "first a", "B", "</think>"),
        ("a</think>B <think>c</think>", "a", "B <think>c</think>", "</think>"),
        ("<think>a</think>B</think>", "a", "B</think>", "</think>"),
        ("<thinking>a</thinking>B", "a", "B", "</thinking>"),
        ("[THINK]a[/THINK]B", "a", "B", "[/THINK]"),
        ("<|START_THINKING|>a<|END_THINKING|>", "a", "", "<|END_THINKING|>"),
    ],
)
def test_a_thinking_block_in_a_text(text: str, thinking: str, answer: str | None, end: str) -> None:
    assert split(text) == Split(thinking, answer, end)


@pytest.mark.parametrize("text", ["", "B", "I think so.", "<b>B</b>", "a < think > b"])
def test_no_thinking_block(text: str) -> None:
    assert split(text) is None


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize(
    ("finish", "text", "answer"),
    [("stop", "B", "B"), ("stop", "", ""), ("length", "B", "B"), ("length", "", None)],
)
def test_thinking_that_the_server_tells_apart(
    name: str, finish: str, text: str, answer: str | None
) -> None:
    parts = [chunk(**{name: "a"}), chunk(**{name: " b"}), chunk(text), chunk(finish=finish)]
    assert reply(*parts).parts(True) == ("a b", answer)


def test_one_thought_under_two_names_is_one() -> None:
    both = chunk("B", reasoning_content="a", reasoning="a")
    assert reply(both, chunk(finish="stop")).parts(True) == ("a", "B")


@pytest.mark.parametrize(
    "parts",
    [[chunk(reasoning="a"), chunk("B")], [chunk("<think>a</think>B")], [chunk("a</think>B")]],
)
def test_thinking_that_was_not_asked_for_is_no_answer(parts: list[Any]) -> None:
    with pytest.raises(Failed, match="thinks though thinking is off"):
        reply(*parts, chunk(finish="stop")).parts(False)


def test_an_empty_block_is_no_thinking() -> None:
    made = reply(chunk("<think>\n\n</think>\n\nB"), chunk(finish="stop"))
    assert made.parts(False) == ("\n\n", "\n\nB")


def test_thinking_that_cannot_be_told_from_the_answer_is_no_answer() -> None:
    with pytest.raises(Failed, match="no thinking can be told from the answer"):
        reply(chunk("a, so B"), chunk(finish="stop")).parts(True)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([], "it has no choice"),
        ([{"choices": []}], "it has no choice"),
        ([{"choices": None, "usage": {"prompt_tokens": 1}}], "it has no choice"),
        ([chunk(finish="stop")], "empty (finish reason stop)"),
        ([chunk(None, content=None, finish="stop")], "empty (finish reason stop)"),
        ([chunk("half")], "ended without a finish reason"),
        ([chunk("half"), chunk(finish="content_filter")], "content filter has stopped"),
        ([chunk("x"), chunk(finish="tool_calls")], "for a reason of its own: tool_calls"),
        ([chunk("x"), chunk(finish="abort")], "for a reason of its own: abort"),
        ([chunk("x", finish="stop"), chunk("x", finish="stop")], "answered twice"),
        ([chunk("x", finish="stop"), chunk("y")], "answered twice"),
        ([{"choices": [{"index": 1, "delta": {"content": "x"}}]}], "answered twice"),
        ([{"error": {"message": "out of memory"}}], "broke off with an error: out of memory"),
        ([{"error": "full"}], "broke off with an error: full"),
    ],
)
def test_what_is_no_answer(parts: list[Any], words: str) -> None:
    assert words in refused(*parts)


@pytest.mark.parametrize(
    "part",
    [
        *(42, [], "x", None, {"choices": 5}, {"choices": ["x"]}),
        {"choices": [{"delta": {"content": 7}}]},
        {"choices": [{"delta": {"content": [{"type": "text", "text": "B"}]}}]},
        {"choices": [{"delta": "x"}]},
        {"choices": [], "usage": 3},
    ],
)
def test_another_form_is_an_error_of_its_type(part: Any) -> None:
    with pytest.raises((TypeError, AttributeError)):
        Reply().add(part)


@pytest.mark.parametrize("given", [-1, True, 1.5, "7", 2**40, None, float("nan")])
def test_what_is_no_number_of_tokens_is_none(given: Any) -> None:
    made = Reply()
    made.add({"choices": [], "usage": {"completion_tokens": given}})
    assert made.generated_tokens == 0


def test_a_letter_in_two_chunks_is_one_and_half_a_letter_can_be_stored() -> None:
    made = reply(chunk("a\ud83d"), chunk("\ude00 b\ud83d"), chunk(finish="stop"))
    assert made.text == "a\U0001f600 b\ufffd"


def test_an_open_block_is_gone_on_from_with_its_end() -> None:
    def so_far(*parts: Any) -> str:
        return reply(*parts, chunk(finish="length")).so_far()

    assert so_far(chunk("<think>a")) == "<think>a</think>"
    assert so_far(chunk("<think>a</think>B")) == "<think>a</think>B"
    assert so_far(chunk("[THINK]a")) == "[THINK]a[/THINK]"
    assert so_far(chunk(reasoning="\na")) == "<think>\na</think>"
    assert so_far(chunk("B", reasoning="a")) == "<think>a</think>B"
