"""Lists of the options that an answer repeats, and the one mark in such a list.

In: cleaned text and an OptionReader. Out: the text without the options that it only lists; or the
option that alone bears a check mark, «yes» or «correct» among two or more.
"""

from __future__ import annotations

import re

from suite.answers.parsing.cues import Statement
from suite.answers.parsing.options import SEVERAL, OptionReader, Reading

RIGHT, WRONG = "✓✔✅☑🗸", "✗✘❌✖☒✕❎☐"
_LABEL = re.compile(r"(?<![\w'])(?:[(\[]([A-Z])[)\]]|([A-Z])\s?[.):|=-])[.:]?\s{0,3}(?=\S)")
_LINE = re.compile(
    rf"^[ \t|{WRONG}{RIGHT}-]{{0,8}}(?:\d{{1,2}}[.)]\s)?[\"'(\[]?(?:option\s+)?[(\[]?([A-Z])"
    r"(?:\s?[)\].:|]|\s[-–—=])[^\n]*$",
    re.M | re.I,
)
_STATES = re.compile(r"(?:\bis|\b(?:answer|choice)\b[^\w\n]{0,3})\s*:?\s*\Z", re.I)
"""What makes a statement of the option behind it, not an entry of a list."""
_VERDICT = re.compile(rf"[{RIGHT}]|(?:[|:–—=-]|^)\s*\W{{0,3}}(?:yes|correct|true|right)\W*$", re.I)
_TOKEN = re.compile(rf"(?P<right>[{RIGHT}])|(?P<wrong>[{WRONG}])|(?<![\w'])([A-Z])(?![\w'])")


def without_lists(text: str, reader: OptionReader) -> str:
    """Blanks the options that a text lists: labels with their own words, lines that begin with
    labels. One option alone is no list, and one that comes again after the list is an answer."""
    spans: dict[str, tuple[int, int]] = {}
    for label in _LABEL.finditer(text):
        letter = reader.letter(label[1] or label[2])
        stated = _STATES.search(text, max(0, label.start() - 40), label.start())
        end = reader.own_words(letter, text, label.end()) if letter and not stated else None
        if letter and end:
            spans.setdefault(letter, (label.start(), end))
    if len(spans) < 2:
        spans = {}
    lines: dict[str, tuple[int, int]] = {}
    for line in _lines(text, reader):
        lines.setdefault(line[1], line.span())
    if len(lines) < 2:
        lines = {}
    for start, end in sorted([*spans.values(), *lines.values()], reverse=True):
        text = text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
    return text


def _lines(text: str, reader: OptionReader) -> list[re.Match[str]]:
    """The lines that begin with the letter of an option."""
    return [line for line in _LINE.finditer(text) if line[1].isupper() and reader.letter(line[1])]


def marked(text: str, reader: OptionReader) -> Statement | None:
    """The one letter of a list that bears a check mark, «yes» or «correct»."""
    lines = _lines(text, reader)
    if len({line[1] for line in lines}) >= 2:
        ticked = [(line[1], line.end()) for line in lines if _VERDICT.search(line[0])]
    elif any(sign in text for sign in RIGHT):
        ticked = _ticked(text, reader)
    else:
        return None
    if not ticked:
        return None
    letters = {letter for letter, _ in ticked}
    end = max(place for _, place in ticked)
    return Statement(
        end - 1, end, Reading(letters.pop()) if len(letters) == 1 else SEVERAL, "marked"
    )


def _ticked(text: str, reader: OptionReader) -> list[tuple[str, int]]:
    """Letters with a check mark in a run of marked letters, of which there are two or more."""
    tokens = [
        token for token in _TOKEN.finditer(text) if token[3] is None or reader.letter(token[3])
    ]
    marks = [token[3] is None for token in tokens]
    if sum(marks) < 2 or marks != [marks[0] != bool(place % 2) for place in range(len(marks))]:
        return []
    ordered = tokens if marks[0] else tokens[::-1]  # a mark before its letter, or behind it
    pairs = zip(ordered[::2], ordered[1::2], strict=False)
    return [(letter[3], max(mark.end(), letter.end())) for mark, letter in pairs if mark["right"]]
