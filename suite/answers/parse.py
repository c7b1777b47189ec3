"""Reads a model's answer: which option, which text or which box it gives, and by which rule.

In: the text of an answer and its Item. Out: Parsed. An answer is read only where it is stated
(suite/answers/parsing/choice.py says where); a text that states none, two, or one that it takes
back, is unread, and never becomes a guess or a random letter. Each file of suite/answers/parsing/
is one kind of place. To add a form that models write, add a row to
tests/suite/answers/parse_corpus.yaml first, with a second row that denies it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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
            read = _open(said, _BOX_RULES if item.metric == "iou" else _OPEN_RULES)
        if read is not None:
            reading, rule = read
            return Parsed(
                reading.prediction, reading.reason or rule, reading.prediction is not None
            )
    return Parsed(None, "nothing_found", False)


def rule_names() -> tuple[str, ...]:
    """Names of all rules, per kind of answer."""
    functions = [*_OPEN_RULES, *_BOX_RULES]
    return tuple(dict.fromkeys([*RULES, *(function.__name__ for function in functions)]))


@lru_cache(maxsize=65536)
def _reader(options: tuple[str, ...]) -> OptionReader:
    return OptionReader(options)


def _open(
    text: str, rules: tuple[Callable[[str], Reading | None], ...]
) -> tuple[Reading, str] | None:
    for rule in rules:
        if (reading := rule(text)) is not None:
            return reading, rule.__name__
    return None


# --- open answers ---------------------------------------------------------------------------

_STATED = re.compile(
    r"\b(?:(?:the|my)\s+)?(?:(?:final|correct)\s+)?answer\s?(?:is\s?:?|:|=)\s?(?P<rest>[^\n]+)",
    re.I,
)


def boxed(text: str) -> Reading | None:
    r"""The content of \boxed{...}; several different ones are ambiguous."""
    return _only([content for _, _, content in boxes(text)])


def answer_tag(text: str) -> Reading | None:
    """The content of <answer>...</answer>."""
    return _only([content for _, _, content in tagged(text)])


def json_answer(text: str) -> Reading | None:
    """The `answer` of a JSON object or of a tool call."""
    return _only([content for _, _, content in named(text)])


def stated_answer(text: str) -> Reading | None:
    """What follows «the answer is», to the end of the line; several different are ambiguous."""
    found = [match["rest"].strip().rstrip(".").strip("\"'") for match in _STATED.finditer(text)]
    return _only(found)


def whole_text(text: str) -> Reading | None:
    """The whole answer, as it stands."""
    return Reading(text.strip().rstrip(".").strip())


def _only(found: list[str]) -> Reading | None:
    found = [value for value in found if value]
    different = {normalised(value) for value in found}
    return Reading(found[-1]) if len(different) == 1 else SEVERAL if found else None


_OPEN_RULES = (boxed, answer_tag, json_answer, stated_answer, whole_text)

# --- boxes ----------------------------------------------------------------------------------

_NUMBER = r"[-+]?(?:\d++(?:\.\d*+)?|\.\d++)"
_NEXT = r"(?:\s*+[,;]\s*+|\s++)"
_FOUR = rf"({_NUMBER}){_NEXT}({_NUMBER}){_NEXT}({_NUMBER}){_NEXT}({_NUMBER})"
_BRACKETED = re.compile(rf"[\[(<{{]\s*{_FOUR}\s*[\])>}}]")
_CORNERS = re.compile(
    rf"\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)\s*+(?:(?:,|to|and|-)\s*+)?"
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
        return SEVERAL
    return Reading("[" + ", ".join(f"{number:g}" for number in boxes.pop()) + "]")


_BOX_RULES = (bracketed_box, two_corners, bare_box)
