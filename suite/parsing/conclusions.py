"""Answers whose last step gives the option: a check mark, «so D», a sum worked out, «not true».

In: cleaned text and an OptionReader. Out: a Reading, or None when the rule has nothing to say.
"""

from __future__ import annotations

import re

from suite.parsing.denials import asked, doubted, negated
from suite.parsing.options import OptionReader, Reading

_RIGHT, _WRONG = "✓✔✅☑🗸", "✗✘❌✖☒✕❎"
_MARK = re.compile(f"[{_RIGHT}{_WRONG}]")
_LABEL = r"[(\[]?\b([A-Z])\b[)\].:]*"
_MARK_FIRST = re.compile(rf"[{_RIGHT}]\s*{_LABEL}(?=\s|$)")
_LABELS = re.compile(rf"(?:^|(?<=[\s(\[{_RIGHT}{_WRONG}])){_LABEL}")


def marked(text: str, reader: OptionReader) -> Reading | None:
    """The one letter that bears a check mark, before it or behind it."""
    text = text.replace("\ufe0f", "")
    if len(text) > 2000 or not any(sign in text for sign in _RIGHT):
        return None
    if text[0] in _RIGHT + _WRONG:
        ticked = {match[1] for match in _MARK_FIRST.finditer(text)}
    else:
        ticked = _ticked_behind(text, reader)
    letters = {letter for letter in ticked if reader.letter(letter)}
    if not letters:
        return None
    return Reading(letters.pop()) if len(letters) == 1 else Reading(None, "several_answers")


def _ticked_behind(text: str, reader: OptionReader) -> set[str]:
    """Letters between which and a check mark stands nothing, or the option's own text."""
    ticked = set()
    for mark in _MARK.finditer(text):
        if mark[0] not in _RIGHT:
            continue
        labels = list(_LABELS.finditer(text, 0, mark.start()))
        if not labels:
            continue
        between = text[labels[-1].end() : mark.start()].strip(" \t-–—:=,")
        if not between or reader.by_words(between) == labels[-1][1]:
            ticked.add(labels[-1][1])
    return ticked


_SO = re.compile(
    r"\b(?i:so|therefore|thus|hence|which\s+leaves|leaving)\s*,?\s+(?:(?:only|just)\s+)?"
    r"(?:it(?:'s|\s+is|\s+must\s+be)\s+)?[(\[]?([A-Z])[)\]]?\s*[.!]?\s*$"
)
_ELIMINATED = re.compile(
    r"[)\].]*\s+(?:(?:is|are|can(?:'t|not)|does|isn't|doesn't)\s+)?"
    r"(?:wrong|incorrect|false|out|not|impossible|eliminated|be\s+right|be\s+it|ruled\s+out)\b"
)


def concluded(text: str, reader: OptionReader) -> Reading | None:
    """«A is wrong, B is wrong, C is wrong, so D»: the last words, when each other letter is out."""
    match = _SO.search(text) if len(text) <= 400 else None
    letter = reader.letter(match[1]) if match else None
    if match is None or letter is None:
        return None
    for other in re.finditer(r"(?<!['\w])([A-Z])(?![\w'])", text[: match.start()]):
        known = reader.letter(other[1])
        out = _ELIMINATED.match(text, other.end()) or negated(text, *other.span())
        if known not in {None, letter} and not out:
            return None
    before = text[: match.start()]
    named = {own for start, end, own in reader.mentions(before) if not negated(before, start, end)}
    if len(named - {letter}) == 1 and letter not in named:
        return Reading(None, "letter_and_text_disagree")
    return Reading(letter) if named <= {letter} else None


_SUM = re.compile(
    r"^(?:[A-Za-z][A-Za-z ',]*[\s:])?[(\s]*\d[\d\s+\-−*/×÷·^().x]*=\s*([^=\n,;]{1,20})$"
)


def worked_out(text: str, reader: OptionReader) -> Reading | None:
    """«12 + 3 = 15»: what one sum of plain numbers comes to."""
    match = _SUM.match(text) if "=" in text and len(text) <= 200 else None
    reading = reader.by_words(match[1]) if match else None
    return Reading(reading) if reading else None


_NOT_TRUE = re.compile(
    r"(?:(?:\b(?:is|are|was|were)(?:\s+not|n't)|^not)\s+(?:actually\s+|really\s+)?)(true|false)\b"
    r"(?=\s*(?:$|[.,;:!\n])|\s+(?:that|because|since)\b)",
    re.I,
)


def not_true(text: str, reader: OptionReader) -> Reading | None:
    """«It is not true.» is false, where true and false are all there is."""
    if set(reader.by_text) != {"true", "false"} or len(text) > 400:
        return None
    found = [match for match in _NOT_TRUE.finditer(text) if not doubted(text[: match.start()])]
    opposite = {"true": "false", "false": "true"}
    letters = {reader.by_text[opposite[match[1].lower()]] for match in found}
    letters |= {letter for _, _, letter in reader.mentions(text)} if found else set()
    if not letters or asked(text[found[-1].end() :]):
        return None
    return Reading(letters.pop()) if len(letters) == 1 else Reading(None, "several_answers")
