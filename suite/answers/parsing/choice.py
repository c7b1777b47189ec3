"""The ordered rules that read a multiple-choice answer, by letter or by the option's own words.

In: cleaned text and an OptionReader. Out: a Reading, or None when the rule has nothing to say. A
Reading without a prediction ends the search: the text gives two answers, declines, or contradicts
itself, and a careful person would not choose for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from suite.answers.parsing.conclusions import concluded, marked, not_true, worked_out
from suite.answers.parsing.mentions import (
    contradicted,
    named_option,
    other_letters,
    refusal,
    rejected,
    sole_letter,
)
from suite.answers.parsing.options import LETTER_LIST, LETTER_THEN, OptionReader, Reading
from suite.answers.parsing.statements import (
    GAVE_UP,
    NOT_BUT,
    OTHER_LETTER_NEXT,
    REASON_WORD,
    called_correct,
    stated,
)
from suite.answers.parsing.text import boxed_contents, json_answers, json_content, tagged_answers


def whole(text: str, reader: OptionReader) -> Reading | None:
    """The whole text is a letter, an option's text, or a letter with its text."""
    if len(text) > 400:
        return None
    if len(text) > 2 and LETTER_LIST.match(text):
        if (labelled := reader.letter_and_letter(text)) is not None:
            return labelled
        letters = set(re.findall(r"\b[A-Z]\b", text))
        return (
            reader.given(letters.pop()) if len(letters) == 1 else Reading(None, "several_answers")
        )
    return reader.segment(text)


def boxed(text: str, reader: OptionReader) -> Reading | None:
    r"""The content of \boxed{...}."""
    return _agreed([reader.segment(content) for content in boxed_contents(text)])


def answer_tag(text: str, reader: OptionReader) -> Reading | None:
    """The content of <answer>...</answer>."""
    rules = (whole, boxed, stated, last_line, leading_letter, named_option)
    return _agreed([_first_of(content, reader, rules) for content in tagged_answers(text)])


def json_answer(text: str, reader: OptionReader) -> Reading | None:
    """The answer in a JSON object or list."""
    if "{" not in text and not text.startswith("["):
        return None
    content = json_content(text)
    values = content if isinstance(content, list) else json_answers(content, _KEYS)
    flat = [entry for value in values for entry in (value if isinstance(value, list) else [value])]
    return _agreed([reader.segment(str(value)) for value in flat])


_KEYS = ("final_answer", "answer", "correct_answer", "option", "choice", "prediction", "letter")


_ECHO = re.compile(r"^[\s(\[]*([A-Z])\s*[)\].:]\s*(\S.*)$")


def last_line(text: str, reader: OptionReader) -> Reading | None:
    """The last line is an answer and nothing else, and no other line is another answer.

    Lines that only repeat the options (two or more of them) do not count.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return None
    echoed = [line for line in lines if _is_echo(line, reader)]
    if len({line.strip(" ([")[0] for line in echoed}) >= 2:
        lines = [line for line in lines if line not in echoed]
    if not lines:
        return Reading(None, "several_answers")
    final = reader.segment(lines[-1])
    if final is None or final.prediction is None:
        return None
    others = {reading.prediction for line in lines[:-1] if (reading := reader.segment(line))}
    if others - {final.prediction, None}:
        return Reading(None, "several_answers")
    return final


def _is_echo(line: str, reader: OptionReader) -> bool:
    match = _ECHO.match(line)
    return bool(match) and reader.by_words(match[2]) == match[1] if match else False


def leading_letter(text: str, reader: OptionReader) -> Reading | None:
    """Begins with a letter and goes on to explain, naming no other option's letter."""
    start = LETTER_THEN.match(text)
    if start is None:
        if opening := re.match(r"^([B-HJ-Z])\s+(?=\w)", text):
            if not reader.letter(opening[1]) or not REASON_WORD.match(text[1:]):
                return None
            letter, rest = opening[1], text[1:]
        else:
            return _leading_line(text, reader)
    else:
        given, rest = start[1] or start[2] or start[3], start[4]
        letter = reader.letter(given) or ""
        if not letter:
            return None
    named = reader.segment(rest.split("\n")[0])
    if named is not None and named.prediction not in {None, letter}:
        return Reading(None, "letter_and_text_disagree")
    if rejected(letter, rest, reader):
        return None
    if OTHER_LETTER_NEXT.match(text[1:]) and len(other_letters(text, letter, reader)) > 0:
        return Reading(None, "several_answers")
    if other_letters(text, letter, reader):
        return Reading(None, "several_answers")
    if contradicted(letter, rest, reader):
        return Reading(None, "letter_and_text_disagree")
    return Reading(letter)


def _leading_line(text: str, reader: OptionReader) -> Reading | None:
    """The first line is an answer and nothing else, and an explanation follows."""
    first, _, rest = text.partition("\n")
    reading = reader.segment(first) if rest.strip() else None
    if reading is None or reading.prediction is None:
        return None
    if other_letters(rest, reading.prediction, reader):
        return Reading(None, "several_answers")
    if not reader.mentions(first) and contradicted(reading.prediction, rest, reader):
        return Reading(None, "letter_and_text_disagree")
    return reading


_SHORT_LEAD = re.compile(
    r"^(?:i\s+(?:think|believe|guess|choose|pick|would\s+say|say)|i'd\s+(?:say|go\s+with)|it'?s|it\s+is|"
    r"it\s+(?:must|should|would|could)\s+be|that'?s|that\s+is|this\s+is|must\s+be|should\s+be|probably|"
    r"definitely|only|just|maybe|likely|perhaps|clearly|obviously|most\s+likely|so|therefore|thus|hence|sure|ok|okay|"
    r"the|option|choice|letter|answer|is|[,:!.\s])+\s*",
    re.I,
)


_AGREES = re.compile(r"\b(?:that|this|it|sure|ok|okay|so|clearly|obviously)\b", re.I)


def short_sentence(text: str, reader: OptionReader) -> Reading | None:
    """«It's B», «Probably C», «not A but B»: a few words around one letter."""
    if len(text) > 80 or "\n" in text:
        return None
    if contrast := NOT_BUT.match(text) or GAVE_UP.match(text):
        return reader.segment(text[contrast.end() :])
    lead = _SHORT_LEAD.match(text)
    if lead is None:
        return None
    rest = text[lead.end() :]
    if _AGREES.search(lead[0]) and re.fullmatch(r"right\W*", rest, re.I):
        return None  # «that's right» agrees, and points to no side
    reading = reader.segment(rest)
    if reading is not None and len(rest) <= 2 and rest[:1].islower():
        return None  # «it's a»: an article whose noun is missing
    return reading if reading is not None and reading.prediction else None


_CONCLUSION = re.compile(r"^(?:so|thus|therefore|hence|finally|conclusion)\s*[,:]\s*", re.I)


def last_sentence(text: str, reader: OptionReader) -> Reading | None:
    """Reasoning that ends in a short sentence that is an answer and nothing else."""
    tail = text.strip()[-160:]
    pieces = re.split(r"(?<=[.!?])\s+|\n+", tail)
    if len(pieces) < 2 or len(pieces[-1]) > 80:
        return None
    final = _CONCLUSION.sub("", pieces[-1])
    if final == pieces[-1] and other_letters(text, "", reader):
        return None
    earlier = [reader.segment(piece) for piece in pieces[:-1]]
    reading = reader.segment(final)
    given = {entry.prediction for entry in earlier if entry is not None}
    if reading is not None and given - {reading.prediction}:
        return Reading(None, "several_answers")  # «1. 3» numbers its answer, or gives two
    return reading


def _first_of(
    text: str,
    reader: OptionReader,
    rules: tuple[Callable[[str, OptionReader], Reading | None], ...],
) -> Reading | None:
    for rule in rules:
        if (reading := rule(text, reader)) is not None:
            return reading
    return None


def _agreed(readings: list[Reading | None]) -> Reading | None:
    given = {reading.prediction for reading in readings if reading is not None}
    if not given:
        return None
    if len(given) == 1:
        return next(reading for reading in readings if reading is not None)
    return Reading(None, "several_answers")


CHOICE_RULES: tuple[Callable[[str, OptionReader], Reading | None], ...] = (
    whole,
    boxed,
    answer_tag,
    json_answer,
    marked,
    stated,
    called_correct,
    last_line,
    leading_letter,
    short_sentence,
    concluded,
    worked_out,
    refusal,
    last_sentence,
    sole_letter,
    not_true,
    named_option,
)
"""Every rule, in order."""
