"""Answers whose last step gives the option: a check mark, «so D», a sum worked out, «not true».

In: cleaned text and an OptionReader. Out: a Reading, or None when the rule has nothing to say.
"""

from __future__ import annotations

import re

from suite.answers.parsing.denials import (
    asked,
    denied,
    dismissed,
    doubted,
    negated,
    rejected_at_once,
    taken_back,
    taken_back_at_once,
)
from suite.answers.parsing.options import OptionReader, Reading
from suite.answers.parsing.statements import stated

_RIGHT, _WRONG = "✓✔✅☑🗸", "✗✘❌✖☒✕❎☐"
_MARK = re.compile(f"[{_RIGHT}{_WRONG}]")
_LABEL = r"[(\[]?\b([A-Z])\b[)\].:]*"
_MARK_FIRST = re.compile(rf"[{_RIGHT}]\s*{_LABEL}(?=[\s,;]|$)")
_CLOSED = re.compile(rf"\s*(?:$|[,;\n{_RIGHT}{_WRONG}])")
_LABELS = re.compile(rf"(?:^|(?<=[\s(\[{_RIGHT}{_WRONG}])){_LABEL}")


def marked(text: str, reader: OptionReader) -> Reading | None:
    """The one letter that bears a check mark, before it or behind it."""
    text = text.replace("\ufe0f", "")
    if len(text) > 2000 or not any(sign in text for sign in _RIGHT):
        return None
    find = _ticked_first if text[0] in _RIGHT + _WRONG else _ticked_behind
    ticked = [entry for entry in find(text, reader) if reader.letter(entry[0])]
    if not ticked:
        return None
    held = {letter for letter, start, end in ticked if not _withheld(text, start, end)}
    if not held:
        return Reading(None, "question_or_doubt")
    letter, last = held.pop(), ticked[-1][2]
    if held or _other_follows(text[last:], letter, reader):
        return Reading(None, "several_answers")
    return Reading(letter)


def _ticked_first(text: str, reader: OptionReader) -> list[tuple[str, int, int]]:
    """(letter, start, end) of letters behind a check mark; «✓ A closer look» has an article."""
    ticked = []
    for match in _MARK_FIRST.finditer(text):
        rest = text[match.end() :]
        bare = match[0][-1] == match[1] and not _CLOSED.match(rest)
        if match[1] in "AI" and bare and not _own_text(match[1], rest, reader):
            continue
        ticked.append((match[1], match.start(), match.end()))
    return ticked


def _own_text(letter: str, rest: str, reader: OptionReader) -> bool:
    """Whether the option's own text follows its letter, and then nothing or a mark of an end."""
    for start, end, own in reader.mentions(rest):
        if own == letter and not rest[:start].strip(" (-–—"):
            return bool(re.match(rf"\)?\s*(?:$|[.,;!\n{_RIGHT}{_WRONG}])", rest[end:]))
    return False


def _withheld(text: str, start: int, end: int) -> bool:
    """Whether what stands around a ticked letter denies, doubts or asks it."""
    before = _MARK.split(text[max(0, start - 120) : start])[-1]
    after = text[end:]
    return denied(before.lower()) or doubted(before) or negated(text, start, end) or asked(after)


_ALSO = re.compile(
    rf"\s*(?:/|&|(?:or|and)\b)\s*(?:option\s+)?[(\[]?([A-Z])\b(?!')(?![^\n]{{0,60}}[{_WRONG}])"
)


def _other_follows(after: str, letter: str, reader: OptionReader) -> bool:
    """Whether the words behind the last tick take it back or give another answer."""
    also = _ALSO.match(after)
    if taken_back_at_once(after) or taken_back(after) or (also and reader.letter(also[1])):
        return True
    final = stated(after, reader)
    return final is not None and final.prediction != letter


def _ticked_behind(text: str, reader: OptionReader) -> list[tuple[str, int, int]]:
    """(letter, start, end of the mark) of letters between which and a check mark stands nothing, or
    the option's own text."""
    ticked = []
    for mark in _MARK.finditer(text):
        if mark[0] not in _RIGHT:
            continue
        labels = list(_LABELS.finditer(text, 0, mark.start()))
        if not labels:
            continue
        between = text[labels[-1].end() : mark.start()].strip(" \t-–—:=,")
        if not between or reader.by_words(between) == labels[-1][1]:
            ticked.append((labels[-1][1], labels[-1].start(), mark.end()))
    return ticked


_SO = re.compile(
    r"\b(?i:so|therefore|thus|hence|which\s+leaves|leaving)\s*,?\s+(?:(?:only|just)\s+)?"
    r"(?:it(?:'s|\s+is|\s+must\s+be)\s+)?[(\[]?([A-Z])[)\]]?\s*[.!]?\s*$"
)
_NOUN_NEXT = re.compile(
    r"\s+(?!(?:is|are|was|were|can|could|would|may|might|must|does|do|has|looks?|seems?|and|or|nor|but|"
    r"fits?|says?|shows?|match\w*|too|also|as)\b)[a-z]"
)
"""What an article has behind it and the letter of an option has not, where its noun is known to be
meant: the words of the option that the text concludes with."""


def concluded(text: str, reader: OptionReader) -> Reading | None:
    """«A is wrong, B is wrong, C is wrong, so D»: the last words, when each other letter is out."""
    match = _SO.search(text) if len(text) <= 400 else None
    letter = reader.letter(match[1]) if match else None
    if match is None or letter is None:
        return None
    before = text[: match.start()]
    named = {own for start, end, own in reader.mentions(before) if not negated(before, start, end)}
    if len(named) == 1 and letter not in named:
        return Reading(None, "letter_and_text_disagree")
    for other in re.finditer(r"(?<!['\w])([A-Z])(?![\w'])", before):
        known = reader.letter(other[1])
        out = rejected_at_once(text[other.end() :]) or negated(text, *other.span())
        article = letter in named and other[1] in "AI" and _NOUN_NEXT.match(text, other.end())
        if known not in {None, letter} and not (out or article):
            return None
    return Reading(letter) if named <= {letter} else None


_SUM = re.compile(
    r"^(?:[A-Za-z][A-Za-z ',]*[\s:])?[(\s]*\d[\d\s+\-−*/×÷·^().x]*=\s*([^=\n,;]{1,20})$"
)


def worked_out(text: str, reader: OptionReader) -> Reading | None:
    """«12 + 3 = 15»: what one sum of plain numbers comes to."""
    match = _SUM.match(text) if "=" in text and len(text) <= 200 else None
    reading = reader.by_words(match[1]) if match else None
    if match is None or not reading:
        return None
    lead = text[: match.start(1)]
    if denied(lead) or dismissed(lead) or doubted(lead) or "?" in match[1]:
        return Reading(None, "question_or_doubt")
    return Reading(reading)


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
