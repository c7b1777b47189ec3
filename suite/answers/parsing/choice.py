"""Reads a multiple-choice answer where it is stated, and nowhere else.

In: cleaned text and an OptionReader. Out: (Reading, rule), or None when nothing is stated. The
places in which models state answers are few: the whole text; a field (a box, a tag, JSON, a tool
call); behind a cue; the first and the last line or sentence; the one mark in a list. The latest
statement counts. Two that stand side by side and differ, words that contradict a letter, or a
correction behind the statement make the text unread: a careful person would not choose for it.
"""

from __future__ import annotations

import re

from suite.answers.parsing.cues import OPENS_MORE, TAKEN_BACK, Statement, cued, praised
from suite.answers.parsing.fields import boxes, named, tagged, without_tags
from suite.answers.parsing.languages import CONCLUDES, CONDITION, DENIAL
from suite.answers.parsing.listing import marked, without_lists
from suite.answers.parsing.options import (
    CAPITAL,
    DISAGREE,
    SEVERAL,
    UNFINISHED,
    OptionReader,
    Reading,
)
from suite.answers.parsing.places import closing, opening
from suite.answers.parsing.sayings import WITHHELD, in_words
from suite.answers.parsing.text import sentences

RULES = (
    "whole", "answer_tag", "json_answer", "boxed", "stated", "called_correct", "marked",
    "first_line", "leading_letter", "leading_words", "last_line", "last_sentence", "in_words",
)  # fmt: skip
"""The rules, by the place that each reads."""

REACH = 10_000
"""Characters at either end of a text in which an answer is looked for: none is stated between."""
_CONCLUDES = re.compile(rf"(?:{CONCLUDES})\b|→", re.I)
_OPENS = {"first_line", "leading_letter", "leading_words"}
_LINES = {*_OPENS, "last_line", "last_sentence"}
_FIRM = re.compile(r"(?:\bis|:)\W*(?:option\W+)?(?:[B-HJ-Z]\b|[AI][.):\]])[^,;]*\Z", re.I)
"""An answer that ends a cut text and may not go on as «a car» or «B, C» do."""
_OBJECT = re.compile(r"(?:[^{}\n]{0,80}:\s*)?(?:json\s*)?\{\s*[\"']\w+[\"']\s*:")
_TURN = re.compile(
    r"(?:^|[.!?,\n])\s*(?:but|however|although|let(?:'s|\s+(?:me|us))|wait|hmm|yet|next|now|then|also|"
    r"still|(?:step\s+)?\d+[.:)])\b",
    re.I,
)
"""Goes on with reasoning, whose end is not known where the text is cut."""
_ENTRY = re.compile(r"\s?[:–—-]\s")
"""Goes on behind the words of the first option: a walk through the options begins so."""
_ALONE = re.compile(
    r"(?i:(?:^|[:;–—…]|(?<!(?-i:[A-Z])),|->|→)\s*(?:(?:or|and|also|maybe|perhaps|possibly|rather|then|"
    r"(?:so|as)\s+is)\W{1,3})*(?:option\s+)?)[(\[\"']?([A-Z])[)\]\"']?"
    r"(?:\s+(?:too|also|as\s+well|maybe|perhaps|instead))*[.!\s]*$"
)
"""A letter that stands alone in a sentence or at its end: «Strike that: A.»"""
_ALSO = re.compile(
    r"(?=.*\b(?:also|equally|as\s+well|too(?!\s+\w))\b)"
    r".*\b(?:right|correct|possible|plausible|likely|answer|fits?|works?|do|true|valid)\b",
    re.I | re.S,
)
_COULD = re.compile(
    r"\b(?:could|might|may|podría|puede|pourrait|könnte|poderia|pode|potrebbe|può|может)\s+"
    r"(?:\w+\s+){0,2}?(?:be|ser|être|auch|essere|быть)\W+(?:(?:option|la)\W+)?([A-Z])(?!\w)"
    r"|可能是\s?([A-Z])(?![A-Za-z])"
)
"""«It could also be B.»"""
_REJECTS = re.compile(
    rf"\b(?:{DENIAL}|{CONDITION}|wrong|incorrect|rejected|excluded)\b|n't\b", re.I
)
_END = re.compile(r"[\n.!?;](?:\s|$)")
_JOINS = re.compile(r"\W*(?:(?:or|and|the|my|final|correct)\b\W*)*", re.I)


def read_choice(text: str, reader: OptionReader, cut: bool = False) -> tuple[Reading, str] | None:
    """Reads a text; `cut` says that its tokens ran out, so that its last line is none."""
    if len(text) > 2 * REACH:
        text = f"{text[:REACH]}\n…\n{text[-REACH:]}"
    article = cut and text.endswith((" A", " I"))  # or a pronoun, whose sentence was cut
    if not article and (reading := reader.segment(text)) is not None:
        return reading, "whole"
    for rule, fields in (("answer_tag", tagged(text)), ("json_answer", named(text))):
        read = [_inner(content, reader) for _, _, content in fields if content]
        given = [reading for reading in read if reading is not None]
        if given:
            reading = _agreed(given)
            behind = without_tags(text[fields[-1][1] :]).rpartition("}")[2].strip(' \n"`')
            later = _inner(behind, reader)
            if later and later.prediction != reading.prediction and TAKEN_BACK.search(behind[:200]):
                return later, rule
            if reading.prediction and (later or _against(behind, reading.prediction, reader, cut)):
                return _agreed([reading, later or SEVERAL]), rule
            return reading, rule
        if read and rule == "answer_tag":
            return None
    if _OBJECT.match(text) and text.count("{") > text.count("}"):
        return None  # an object that was cut before its answer
    for start, end, _ in reversed(tagged(text)):
        text = f"{text[:start]} {text[end:]}"  # only shown
    return _stated(without_tags(text).strip(), reader, cut)


def _inner(content: str, reader: OptionReader) -> Reading | None:
    reading = reader.segment(content)
    if reading is None and (found := _stated(content, reader, False)) is not None:
        reading = found[0]
    return reading


def _agreed(readings: list[Reading]) -> Reading:
    return readings[0] if len({reading.prediction for reading in readings}) == 1 else SEVERAL


def _stated(text: str, reader: OptionReader, cut: bool) -> tuple[Reading, str] | None:
    """The latest statement of a text, with what speaks against it."""
    body = without_lists(text, reader)
    found = [*cued(body, reader), *praised(body, reader), *_boxed(body, reader)]
    if mark := marked(text, reader):
        found.append(mark)
    lines = [opening(body, reader), *([] if cut else closing(body, reader))]
    if cut:  # «it is red», «the answer is A», «so B,» may go on
        found = [e for e in found if body[e.end :].strip(" ,;:(") or _FIRM.search(body, e.start)]
    free = [e for e in lines if e and not any(e.start < f.end and f.start < e.end for f in found)]
    found = sorted([*found, *free], key=lambda entry: (entry.end, entry.start))
    # What an earlier sentence says of something is not what the text concludes.
    ended = [e for e in found if e.rule != "in_words" or e.end >= len(body.rstrip())]
    if not ended:
        return None
    last = ended[-1]
    walks = last.rule == "leading_letter" and last.reading.prediction == "A"
    on = _ENTRY.match if walks else _TURN.search
    if cut and (walks or last.rule not in _OPENS) and on(body, last.end):
        return UNFINISHED, last.rule
    return _decided(found, last, body, reader, cut), last.rule


def _boxed(text: str, reader: OptionReader) -> list[Statement]:
    read = [(start, end, reader.segment(content)) for start, end, content in boxes(text)]
    return [Statement(start, end, reading, "boxed") for start, end, reading in read if reading]


def _decided(
    found: list[Statement], last: Statement, text: str, reader: OptionReader, cut: bool
) -> Reading:
    letter = last.reading.prediction
    if letter is None:
        return last.reading
    if last.rule != "marked" and _against(text[last.end :], letter, reader, cut):
        return SEVERAL
    others = [entry for entry in found if entry.reading.prediction != letter]
    letters = [entry for entry in others if not entry.by_words]
    if any(entry.start > last.start for entry in others if entry.by_words) or (
        letters and last.by_words
    ):
        return DISAGREE
    if last.rule == "in_words":
        return SEVERAL if others and not last.begins else last.reading
    if not letters:
        return _unless_words_differ(last, text, reader)
    before = letters[-1]
    joined = last.rule in _LINES and OPENS_MORE.match(text, before.end)
    if before.end > last.start or joined:
        return SEVERAL
    alike = before.rule == last.rule or {before.rule, last.rule} <= _LINES
    revised = last.begins and not before.begins
    if alike and not revised and _JOINS.fullmatch(text, before.end, last.start):
        return SEVERAL
    return _unless_words_differ(last, text, reader)


def _against(rest: str, letter: str, reader: OptionReader, cut: bool) -> bool:
    """Whether what stands behind a statement offers more, sets a condition or takes it back."""
    behind = rest[:200].lstrip()
    if (
        OPENS_MORE.match(behind)
        or TAKEN_BACK.search(behind)
        or re.search(rf"\b[Nn]ot {letter}\b", behind)
    ):
        return True
    spans = [span for span in sentences(rest) if not (cut and span[1] == len(rest))]
    said = [rest[start:end] for start, end in spans if not _REJECTS.search(rest, start, end)]
    alone = [other[1] for sentence in said if (other := _ALONE.search(sentence))]
    also = [
        other for sentence in said if _ALSO.match(sentence) for other in CAPITAL.findall(sentence)
    ]
    could = [other[1] or other[2] for other in _COULD.finditer(behind)]
    return any(reader.letter(other) not in {None, letter} for other in [*alone, *also, *could])


def _unless_words_differ(last: Statement, text: str, reader: OptionReader) -> Reading:
    """A letter beside a sentence that speaks of one other option's words alone says two things."""
    leads = last.rule in {"leading_letter", "first_line"}
    if last.rule in {"last_line", "last_sentence"} or _CONCLUDES.match(text, last.start):
        beside = _END.split(text[max(0, last.start - 200) : last.start].strip(" \n.,;!?"))[-1]
    elif leads:
        beside = _END.split(text[last.end : last.end + 200].strip())[0]
    else:
        return last.reading
    said = in_words(beside, reader)
    spoken = {said} if said else set()
    if not said and not leads and not WITHHELD.search(beside):
        spoken = reader.mentioned(beside) - {*re.findall(r"\b(?:A(?!\s+[a-z])|[B-Z])\b", beside)}
    return DISAGREE if len(spoken) == 1 and last.reading.prediction not in spoken else last.reading
