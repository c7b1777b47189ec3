"""Reads a model's answer: which option, which text or which box it gives, and by which rule.

In: the text of an answer and its Item. Out: Parsed. An answer is read only where it is stated
(suite/answers/parsing/choice.py says where); a text that states none, two, or one that it takes
back, is unread, and never becomes a guess or a random letter. Each file of suite/answers/parsing/
is one kind of place. To add a form that models write, add a row to
tests/suite/answers/parse_corpus.yaml first, with a second row that denies it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from suite.answers.parsing.choice import RULES, read_choice
from suite.answers.parsing.fields import boxes, named, tagged
from suite.answers.parsing.options import SEVERAL, OptionReader, Reading
from suite.answers.parsing.text import clean, first_turn
from suite.answers.parsing.values import normalised
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


def parse(text: str | None, item: Item, cut: bool = False) -> Parsed:
    """Reads `text` as an answer to `item`. Never raises for any text, and never guesses.

    `cut` says that the model ran out of tokens: what a text ends with is then no last line.
    """
    cleaned = clean(text or "")
    if cleaned.unread is not None:
        return Parsed(None, cleaned.unread, False)
    if item.metric == "lmms":
        return Parsed(cleaned.text, "whole_text", True)  # lmms-eval's own scorer reads it
    turn = first_turn(cleaned.text)
    for said in dict.fromkeys((turn, cleaned.text)):
        if item.options:
            read = read_choice(said, _reader(item.options), cut and said == cleaned.text)
        else:
            read = _read_box(said) if item.metric == "iou" else _read_open(said)
        if read is not None:
            reading, rule = read
            return Parsed(
                reading.prediction, reading.reason or rule, reading.prediction is not None
            )
    return Parsed(None, "nothing_found", False)


def rule_names() -> tuple[str, ...]:
    """Names of all rules, per kind of answer."""
    return tuple(dict.fromkeys([*RULES, *_FIELDS, "stated_answer", "whole_text", *_BOXES]))


@lru_cache(maxsize=65536)
def _reader(options: tuple[str, ...]) -> OptionReader:
    return OptionReader(options)


_FIELDS = {"boxed": boxes, "answer_tag": tagged, "json_answer": named}
_STATED = re.compile(
    r"\b(?:(?:the|my)\s+)?(?:(?:final|correct)\s+)?answer\s?(?:is\s?:?|:|=)\s?(?P<rest>[^\n]+)",
    re.I,
)


def _read_open(text: str) -> tuple[Reading, str]:
    """Reads an open answer: a field, what follows «the answer is» to the end of its line, or the
    whole text; several different ones of a kind are none."""
    for rule, find in _FIELDS.items():
        if reading := _only([content for _, _, content in find(text)]):
            return reading, rule
    stated = [match["rest"].strip().rstrip(".").strip("\"'") for match in _STATED.finditer(text)]
    if reading := _only(stated):
        return reading, "stated_answer"
    return Reading(text.strip().rstrip(".").strip()), "whole_text"


def _only(found: list[str]) -> Reading | None:
    found = [value for value in found if value]
    different = {normalised(value) for value in found}
    return Reading(found[-1]) if len(different) == 1 else SEVERAL if found else None


_NUMBER = r"[-+]?(?:\d++(?:\.\d*+)?|\.\d++)"
_NEXT = r"(?:\s*+[,;]\s*+|\s++)"
_FOUR = rf"({_NUMBER}){_NEXT}({_NUMBER}){_NEXT}({_NUMBER}){_NEXT}({_NUMBER})"
_CORNER = rf"\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)"
_BOXES = {
    "bracketed_box": re.compile(rf"[\[(<{{]\s*{_FOUR}\s*[\])>}}]"),
    "two_corners": re.compile(rf"{_CORNER}\s*+(?:(?:,|to|and|-)\s*+)?{_CORNER}"),
    "bare_box": re.compile(rf"(?<![\d.]){_FOUR}(?![\d.])"),
}
_ALL_NUMBERS = re.compile(_NUMBER)


def _read_box(text: str) -> tuple[Reading, str] | None:
    """Reads a box: four numbers in brackets, two points, or the only four numbers of the text."""
    for rule, pattern in _BOXES.items():
        found = {tuple(map(float, numbers)) for numbers in pattern.findall(text)}
        if not found or (rule == "bare_box" and len(_ALL_NUMBERS.findall(text)) != 4):
            continue
        box = "[" + ", ".join(f"{number:g}" for number in found.pop()) + "]"
        return (SEVERAL if found else Reading(box)), rule
    return None
