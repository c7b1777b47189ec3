"""Places where an answer stands without a cue: the first sentence, the last, the last clause.

In: cleaned text and an OptionReader. Out: Statements. An answer opens a text as its first sentence,
or as a label before an explanation; it closes a text as its last line, sentence or clause.
"""

from __future__ import annotations

import re

from suite.answers.parsing.cues import OPENS_MORE, TAKEN_BACK, WORDS_END, Statement
from suite.answers.parsing.languages import ADVERB, CONCLUDES, REASON, YES_NO
from suite.answers.parsing.options import (
    CAPITAL,
    DISAGREE,
    LABEL,
    LONGEST,
    SEVERAL,
    OptionReader,
    Reading,
)
from suite.answers.parsing.sayings import CONNECTS, WITHHELD, in_words
from suite.answers.parsing.text import sentences
from suite.answers.parsing.values import normalised

_BARE_LABEL = re.compile(rf"([A-Z])\s+(?={REASON}\b)")
_EXPLAINS = re.compile(rf"{REASON}\b", re.I)
_OTHER_LABEL = re.compile(r"(?<=[\s,;])(?:\(([A-Z])\)|([A-Z])[.:)])\s+\w")
_ENTRY = re.compile(r"-|\d+[.)]")
_DEFINES = re.compile(r"\s[a-z]|.*\b\w{1,2}\s?[:=]\s")
"""Goes on behind «D: distance» as a list of quantities does: «in km», «, t: time»."""
_DENIES = re.compile(r"\b(?:not|never|no)\b|n't\b")
_WORDS_LEAD = re.compile(
    rf"(?:{YES_NO})(?!\w)(?=\s*[,;:(–—]|\s+-|\s+(?:it|there|he|she|they|this|that)\b)"
    r"|[^,.;:!?]{1,80}(?=,\s(?:as|because|since)\b)",
    re.I,
)
_GOES_BACK = re.compile(
    r"\W*(?:(?:but|yes|no(?!\s+(?:doubt|question))|and|or)\b|"
    r"i\s+(?:have\s+no|can(?:'t|not)|do(?:n't|\s+not))\b)",
    re.I,
)
_LAST_CLAUSE = re.compile(
    rf"(?:[,;–—=]|->|→|\b(?:{CONCLUDES}|{ADVERB})|(?:\S+\s+){{3}}\S+:)\s*(?:(?:{CONCLUDES}|"
    rf"{ADVERB}|"
    r"option|it's|it\s+is)\s+)*[(\[\"']?([A-Z])[)\]\"']?\s*[.!]?\s*$"
)
"""«Based on the picture, D.», «The racket settles it: A.»; fewer words before a colon may name
something else, as in «Wrong answer: B»."""


def opening(text: str, reader: OptionReader) -> Statement | None:
    """An answer that opens the text, before an explanation: «B. The car is red.», «Yes, it is.»"""
    spans = sentences(text[: 3 * LONGEST])
    if not spans:
        return None
    end = spans[0][1]
    first = text[:end].strip()
    if len(spans) > 1 and not first.endswith(("?", ":")):
        listed = _ENTRY.match(text) and _ENTRY.match(text, spans[1][0])
        if not listed and (reading := reader.segment(first)):
            return Statement(0, end, reading, "first_line")
    label = LABEL.match(text) or _BARE_LABEL.match(text)
    given = next(filter(None, label.groups())) if label else ""
    if label and (given.isupper() or label[1]) and reader.letter(given):
        return _labelled(text, label, given.upper(), reader)
    lead = None if first.endswith("?") else _WORDS_LEAD.match(first)
    if lead is None or (letter := reader.by_words(lead[0])) is None:
        return None
    rest = first[lead.end() :]
    back = _GOES_BACK.match(rest) or TAKEN_BACK.search(rest)
    return Statement(
        0, end if back else lead.end(), SEVERAL if back else Reading(letter), "leading_words"
    )


def _labelled(
    text: str, label: re.Match[str], letter: str, reader: OptionReader
) -> Statement | None:
    """A letter with a mark behind it, at the head of a text; None where it is the subject."""
    rest = text[label.end() :]
    line = rest.split("\n", 1)[0][:LONGEST]
    if own_end := reader.own_words(letter, text, label.end()):
        defines = label[0].strip()[-1] in ":=" and _DEFINES.match(text[own_end:].split("\n")[0])
        return None if defines else Statement(0, own_end, Reading(letter), "leading_letter")
    words = WORDS_END.split(line, maxsplit=1)[0]
    named = reader.by_words(words)
    if named is not None:
        reading = Reading(letter) if named == letter else DISAGREE
        return Statement(0, label.end() + len(words), reading, "leading_letter")
    mark = label[0].strip()
    own = normalised(reader.options[reader.letters.index(letter)])
    begins = _EXPLAINS.match(rest) or (
        own.startswith(normalised(line)) and not reader.is_letter(line)
    )
    subject = mark[-1] in ")]}>" and rest[0].islower() and not begins  # «(B) comes close»
    if (
        subject
        or (_DEFINES.match(line) and not _DEFINES.match(own))
        or not rest[0].isascii()
        or (mark[-1] in ":=" and not begins)
    ):
        return None
    said = normalised(re.split(r"[,.;!?]\s", line, maxsplit=1)[0])
    if own and own in said:
        if _DENIES.search(said.split(own)[0]):  # «B. The car is not red.»
            return None
    elif any(words and line.startswith(words + " ") for words in reader.options):
        return Statement(0, label.end(), DISAGREE, "leading_letter")  # «A. Einstein published it.»
    others = {reader.letter(other[1] or other[2]) for other in _OTHER_LABEL.finditer(" " + line)}
    more = OPENS_MORE.match(rest) or others - {None, letter}
    return Statement(0, label.end(), SEVERAL if more else Reading(letter), "leading_letter")


def closing(text: str, reader: OptionReader) -> list[Statement]:
    """What the last sentence states, with what the sentences before it say in an option's words."""
    base = max(0, len(text) - 4 * LONGEST)
    spans = [(base + start, base + end) for start, end in sentences(text[base:])][-8:]
    said = [(span, in_words(text[span[0] : span[1]], reader)) for span in spans]
    found = [Statement(*span, Reading(own), "in_words", by_words=True) for span, own in said if own]
    if not spans:
        return []
    start, end = spans[-1]
    piece = text[start:end].strip()
    if piece.endswith(("?", ":")):  # a question, a head whose line is missing
        return found
    head = text[spans[-2][0] : start].rstrip() if len(spans) > 1 else ""
    if head.endswith(":") and WITHHELD.search(head):  # «The wrong one is:», and a line
        return found
    connected = CONNECTS.match(piece)
    reading = reader.segment(piece[connected.end() :] if connected else piece)
    begins = connected is not None
    letters = {other for other in CAPITAL.findall(piece) if reader.letter(other)}
    if reading is None and (last := _LAST_CLAUSE.search(piece)) and letters == {last[1]}:
        reading, begins = None if WITHHELD.search(piece) else Reading(last[1]), True
    if reading is None or reading.reason == "no_such_option":
        return found
    if piece in {"A", "I"} and "\n" not in text[max(0, start - 2) : start] and start:
        return found  # an article whose noun is missing
    rule = "last_line" if "\n" in text[max(0, start - 2) : start] else "last_sentence"
    said_before = [entry for entry in found if entry.start < start]
    return [*said_before, Statement(start, end, reading, rule, begins)]
