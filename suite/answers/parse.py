"""Reads a model's answer: which option, which text or which box it gives, and by which rule.

In: the text of an answer and its Item. Out: Parsed. The rules are an ordered list of named
functions; the first that has something to say decides. A rule may also say that the text cannot be
read (two answers, a refusal): that too is final, and never becomes a guess or a random letter.
To add a rule, put a function text, reader -> Reading | None into a list; to add a form that models
write, add a row to tests/suite/answers/parse_corpus.yaml first. Where a rule of one name reads
options in suite/answers/parsing/choice.py and open answers here, both look for the same marks, by
the functions of suite/answers/parsing/text.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from suite.answers.parsing.choice import CHOICE_RULES
from suite.answers.parsing.options import OptionReader, Reading
from suite.answers.parsing.text import (
    boxed_contents,
    clean,
    first_turn,
    json_answers,
    json_content,
    normalised,
    tagged_answers,
)
from suite.items.item import Item

__all__ = ["Parsed", "Reading", "parse", "rule_names"]


@dataclass(frozen=True)
class Parsed:
    """What was read from an answer."""

    prediction: str | None
    """A letter for multiple choice, `[x0, y0, x1, y1]` for a box, else text; None when unparsed."""
    rule: str | None
    """The rule that decided; for an unparsed answer, why it could not be read."""
    parsed: bool


def parse(text: str | None, item: Item) -> Parsed:
    """Reads `text` as an answer to `item`. Never raises for any text, and never guesses."""
    reader = _reader(item.options) if item.options else None
    cleaned = clean(text or "", reader is not None and reader.below_zero)
    if cleaned.unread is not None:
        return Parsed(None, cleaned.unread, False)
    if item.metric == "lmms":
        return Parsed(cleaned.text, "whole_text", True)  # lmms-eval's own scorer reads it
    rules = CHOICE_RULES if item.options else _BOX_RULES if item.metric == "iou" else _OPEN_RULES
    turn = first_turn(cleaned.text)
    parsed = _first(turn, rules, reader)
    if parsed.rule == "nothing_found" and len(turn) < len(cleaned.text):
        return _first(cleaned.text, rules, reader)
    return parsed


def rule_names() -> tuple[str, ...]:
    """Names of all rules, in the order in which they are tried, per kind of answer."""
    functions = [*CHOICE_RULES, *_OPEN_RULES, *_BOX_RULES]
    return tuple(dict.fromkeys(function.__name__ for function in functions))


@lru_cache(maxsize=65536)
def _reader(options: tuple[str, ...]) -> OptionReader:
    return OptionReader(options)


def _first(text: str, rules: tuple[Callable[..., Reading | None], ...], reader: object) -> Parsed:
    for rule in rules:
        reading = rule(text, reader) if reader is not None else rule(text)
        if reading is not None:
            name = reading.reason or rule.__name__
            return Parsed(reading.prediction, name, reading.prediction is not None)
    return Parsed(None, "nothing_found", False)


# --- open answers ---------------------------------------------------------------------------

_STATED = re.compile(
    r"\b(?:the\s+|my\s+)?(?:final\s+|correct\s+)?answer\s*(?:is\s*:?|:|=)\s*(?P<rest>[^\n]+)", re.I
)


def boxed(text: str) -> Reading | None:
    r"""The content of \boxed{...}; several different ones are ambiguous."""
    return _only(boxed_contents(text), "several_answers")


def answer_tag(text: str) -> Reading | None:
    """The content of <answer>...</answer>."""
    return _only([content for content in tagged_answers(text) if content], "several_answers")


def json_answer(text: str) -> Reading | None:
    """The `answer` of a JSON object."""
    value = json_value(text)
    return Reading(value) if value else None


def stated_answer(text: str) -> Reading | None:
    """What follows «the answer is», to the end of the line; several different are ambiguous."""
    found = [match["rest"].strip().rstrip(".").strip("\"'") for match in _STATED.finditer(text)]
    return _only(found, "several_answers")


def whole_text(text: str) -> Reading | None:
    """The whole answer, as it stands."""
    return Reading(text.strip().rstrip(".").strip())


def _only(found: list[str], otherwise: str) -> Reading | None:
    if not found:
        return None
    different = {normalised(value): value for value in found}
    if len(different) > 1:
        return Reading(None, otherwise)
    return Reading(found[-1])


_KEYS = ("final_answer", "answer", "bbox", "box", "bbox_2d")


def json_value(text: str) -> str | None:
    """The answer inside a JSON object, or None."""
    for value in json_answers(json_content(text), _KEYS):
        return value if isinstance(value, str) else json.dumps(value, default=str, skipkeys=True)
    return None


_OPEN_RULES = (boxed, answer_tag, json_answer, stated_answer, whole_text)

# --- boxes ----------------------------------------------------------------------------------

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_FOUR = rf"({_NUMBER})\s*[,;\s]\s*({_NUMBER})\s*[,;\s]\s*({_NUMBER})\s*[,;\s]\s*({_NUMBER})"
_BRACKETED = re.compile(rf"[\[(<{{]\s*{_FOUR}\s*[\])>}}]")
_CORNERS = re.compile(
    rf"\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)\s*(?:,|to|and|-)?\s*"
    rf"\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)"
)
_BARE = re.compile(rf"(?<![\d.]){_FOUR}(?![\d.])")
_ALL_NUMBERS = re.compile(_NUMBER)


def bracketed_box(text: str) -> Reading | None:
    """Four numbers in brackets; several different boxes are ambiguous."""
    return _one_box(_BRACKETED.findall(text))


def two_corners(text: str) -> Reading | None:
    """Two points, `(x0, y0), (x1, y1)`."""
    return _one_box(_CORNERS.findall(text))


def bare_box(text: str) -> Reading | None:
    """Four numbers without brackets, when the text holds no other number."""
    if len(_ALL_NUMBERS.findall(text)) != 4:
        return None
    return _one_box(_BARE.findall(text))


def _one_box(found: list[tuple[str, ...]]) -> Reading | None:
    boxes = {tuple(float(number) for number in numbers) for numbers in found}
    if not boxes:
        return None
    if len(boxes) > 1:
        return Reading(None, "several_answers")
    return Reading("[" + ", ".join(f"{number:g}" for number in boxes.pop()) + "]")


_BOX_RULES = (bracketed_box, two_corners, bare_box)
