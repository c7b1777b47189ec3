"""Statements of an answer: «the answer is …», «I choose …», «(C) is correct», «答案是…».

In: cleaned text and an OptionReader. Out: a Reading, or None when nothing is stated. Of several
statements that differ, one that is marked as final counts; else the text is ambiguous.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from suite.answers.parsing.denials import (
    REJECTED,
    asked,
    called_wrong,
    called_wrong_before,
    doubted,
    negated_before,
    taken_back,
)
from suite.answers.parsing.mentions import contradicted
from suite.answers.parsing.options import LETTER_THEN, OptionReader, Reading
from suite.answers.parsing.text import normalised
from suite.items.item import LETTERS

REASON_WORD = re.compile(
    r"^\s*(?:$|[.,;:!?)\n(\-–—]|because\b|since\b|as\b|for\b|which\b|due\b|given\b|based\b|"
    r"i\b|in\s+my\b|here\b|from\b)",
    re.I,
)
OTHER_LETTER_NEXT = re.compile(
    r"^\s*[)\].,\"']*\s*(?:,|/|&|\bor\b|\band\b|或者?|和|与|及|还是)\s*"
    r"(?:possibly\s+|maybe\s+)?(?:option\s+)?"
    rf"[(\[]?([A-Z])\b(?!')(?!\)?\s+{REJECTED})",
    re.I,
)
_STATEMENT = re.compile(
    r"(?P<cue>(?:final|so|therefore|thus|hence|wait|actually|correction|sorry|no)\b[\s,:]*(?:the\s+)?)?"
    r"(?:"
    r"\b(?:(?:answer|response)(?:\s+(?:to\s+(?:the|this)\s+question|here|letter|choice|option))?|"
    r"(?:correct|right|best|final|appropriate|accurate|my|chosen|likely)\s+(?:option|choice|letter))"
    r"\s*(?:(?:is|was|would\s+be|should\s+be|must\s+be|will\s+be|has\s+to\s+be|seems\s+to\s+be|"
    r"appears\s+to\s+be)\b\s*:?|:|=|->|=>|→)"
    r"|\bi(?:'d|\s+would|\s+will|'ll|'m|\s+am)?\s+"
    r"(?:choose|pick|select|say|go(?:ing)?\s+(?:with|for)|opt\s+for|answer)\b"
    r"(?:\s+to\s+(?:choose|pick|select|say|answer|go\s+with)\b)?"
    r"|\b(?:respuesta|réponse|antwort|resposta|risposta|ответ|jawaban|cevap|đáp\s+án)"
    r"(?:\s+(?:correcta|correcte|richtige|correta|corretta))?\s*(?:(?:es|est|ist|é|è|adalah|là)\b\s*:?|:|-|—)"
    r"(?:\s*\b(?:la|el|le|die|der|il|a|o)\b(?=\s+(?-i:[A-Z]\b)|\s+(?:opci|opç|opz|option|letr|lettr)))?"
    r"(?:\s*\b(?:opci[oó]n|opção|opzione|option|letra|lettre|lettera)\b(?=\s+(?-i:[A-Z]\b)))?"
    r"|(?:正确)?(?:答案|选项|答)\s*(?:应该|应当)?\s*(?:是|为|選|选|:|(?=[A-Z]|\s+[A-Z]))|(?:选择|選擇)|选|而(?:应该?)?是|"
    r"(?:正解|答え|回答)\s*(?:は|:)|(?:정답|답)\s*(?:은|:)"
    r")\s*",
    re.I,
)
_WORDS = (
    "answer", "response", "option", "choice", "letter", "choose", "pick", "select", " say", " go",
    " opt", "respuesta", "réponse", "antwort", "resposta", "risposta", "ответ", "jawaban", "cevap",
    "đáp án", "答", "选", "而", "正解", "정답", "답",
)  # fmt: skip
"""What every match of _STATEMENT holds; long texts are scanned only around these."""

_HEDGE = re.compile(
    r"^(?:[:\s]|(?:most\s+likely|likely|probably|clearly|definitely|therefore|thus|simply|the|option|choice|"
    r"letter|answer|number|indeed|obviously|that)\b[\s:,]*(?=\S))+",
    re.I,
)
NOT_BUT = re.compile(
    r"^(?:not|isn't)\s+(?:option\s+)?[^\n]{1,60}?(?:,?\s+but\s+(?:rather\s+)?(?:it(?:'s|\s+is)\s+)?|"
    r"(?<!sure)(?<!certain)(?<!clear)\s*[,;]\s*(?:rather\s+)?(?:it(?:'s|\s+is)|they(?:'re|\s+are))\s+)(?=\S)",
    re.I,
)
GAVE_UP = re.compile(
    r"^(?:at\s+first\s+)?i\s+(?:was\s+going\s+to\s+say|(?:first\s+|initially\s+)?thought(?:\s+it\s+was)?)\s+"
    r"[^\n]{1,40}?,?\s+but\s+(?:it(?:'s|\s+is)|now\s+i\s+(?:say|think))\s+(?=\S)",
    re.I,
)
_SENTENCE_END = re.compile(r"\n|[.!?](?=\s+[A-Z(\"'])")


def stated(text: str, reader: OptionReader) -> Reading | None:
    """«The answer is …», «I choose …», «答案是…»; of several that differ, one marked as final."""
    found: list[tuple[Reading, bool]] = []
    end = 0
    for match in _statements(text):
        reading = _statement(text[match.end() :], reader)
        before = text[max(0, match.start() - 120) : match.start()]
        taken = negated_before(before) or doubted(before) or called_wrong_before(before)
        if reading is not None and not taken:
            found.append((reading, match["cue"] is not None))
            end = match.end()
    if not found:
        return None
    if taken_back(text, end):
        return Reading(None, "several_answers")
    if any(reading.prediction is None for reading, _ in found):
        return found[-1][0] if found[-1][0].prediction is None else Reading(None, "several_answers")
    if len({reading.prediction for reading, _ in found}) > 1 and not found[-1][1]:
        return Reading(None, "several_answers")
    if contradicted(found[-1][0].prediction or "", text[end:], reader):
        return Reading(None, "letter_and_text_disagree")
    return found[-1][0]


def _statements(text: str) -> Iterator[re.Match[str]]:
    """Matches of _STATEMENT, looked for only around the words that one can hold."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter whose lower case is longer: positions would shift
        yield from _STATEMENT.finditer(text)
        return
    places = []
    for word in _WORDS:
        place = lowered.find(word)
        while place >= 0:
            places.append(place)
            place = lowered.find(word, place + 1)
    done = 0
    for place in sorted(places):
        for match in _STATEMENT.finditer(text, max(done, place - 40), place + 80):
            yield match
            done = match.end()


def _statement(rest: str, reader: OptionReader) -> Reading | None:
    """Reads what follows «the answer is»."""
    rest = rest.lstrip()
    end = _SENTENCE_END.search(rest, 3)  # «B. red» has its own full stop
    sentence = rest[: end.start()] if end else rest
    bare = sentence
    if contrast := NOT_BUT.match(bare):
        bare = bare[contrast.end() :]
    elif re.match(r"not\b|neither\b", bare, re.I):
        return None
    if (reading := reader.segment(bare)) is not None:
        return reading
    unhedged = _HEDGE.sub("", bare, count=1)
    if unhedged != bare and (reading := reader.segment(unhedged)) is not None:
        return reading
    return _begins(unhedged, reader)


_LETTER_START = re.compile(r"^[\s(\[{\"']*([A-Za-z])(?![A-Za-z0-9_'])")  # «Bです» is B


_ARTICLES = re.compile(r"\b(?:the|an?)\b", re.I)
_LISTED_NEXT = re.compile(
    r"(?:[,;]|\bor\b|\band\b)\s*(?:option\s+)?[(\[]?[A-Z]\s*[:.)\]]\s*"
    rf"(?!{REJECTED})\w"
)
_LETTER_BEHIND = re.compile(r"\s*[(\[](?:option\s+)?([A-Z])[)\]]")


def _begins(text: str, reader: OptionReader) -> Reading | None:
    """Reads a text that begins with a letter or with an option's text and then goes on."""
    start = _LETTER_START.match(text)
    if start and (letter := reader.letter(start[1])):
        rest = text[start.end() :]
        if (other := OTHER_LETTER_NEXT.match(rest)) and reader.letter(other[1]) not in {
            None,
            letter,
        }:
            return Reading(None, "several_answers")
        closed = rest[:1] in set(")]}.:,;\"'") if rest else True
        if _LISTED_NEXT.search(rest) or called_wrong(rest):
            return Reading(None, "several_answers") if _LISTED_NEXT.search(rest) else None
        closed = closed or not rest[:1].isascii()
        is_word = start[1] in "aAI" and not closed  # the article, the pronoun
        if closed or (start[1].isupper() and (not is_word or REASON_WORD.match(rest))):
            inner = LETTER_THEN.match(text)
            if inner and reader.by_words(inner[4]) not in {None, letter}:
                return Reading(None, "letter_and_text_disagree")
            return Reading(letter)
        own = normalised(reader.options[LETTERS.index(letter)])
        if own and normalised(rest).startswith(own):
            return Reading(letter)
    found = reader.mentions(text)
    if found and not re.search(r"\w", _ARTICLES.sub("", text[: found[0][0]])):
        others = {letter for _, _, letter in found} - {found[0][2]}
        behind = _LETTER_BEHIND.match(text, found[0][1])
        if behind and reader.letter(behind[1]) != found[0][2]:
            return Reading(None, "letter_and_text_disagree")
        joined = re.match(r"\s*(?:,|/|\bor\b|\band\b)", text[found[0][1] :], re.I)
        adjacent = others and not text[found[0][1] : found[1][0]].strip()  # «top left»
        if others and (joined or adjacent):
            return Reading(None, "several_answers")
        return Reading(found[0][2]) if found[0][2] else Reading(None, "several_answers")
    return None


_REVERSE = re.compile(
    r"(?:\b(?:option|choice|answer|statement)\s+)?[(\[\"']*\b([A-Z])\b[)\]\"'.:]*"
    r"(?:\s*\([^)\n]{1,80}\)|\s*[\-–]\s*[^.,\n]{1,80}?|\s*,[^.,\n]{1,80},|(?<=[).:\]])\s*[^.,\n]{1,80}?)?"
    r"\s+(?:is|would\s+be|must\s+be|should\s+be|seems|looks|appears)\s+(?:clearly\s+|most\s+likely\s+|therefore\s+)?"
    r"(?:the\s+|my\s+)?(?:most\s+|more\s+)?"
    r"(?:correct|right|best|accurate|appropriate|true|likely|(?:final\s+)?answer)\b",
)


_BEFORE_LETTER = re.compile(
    r"(?:^|[^\w\s\"'(\[*]|\n|\b(?:and|so|that|think|believe|say|said|but|while|since|because|thus|hence|"
    r"therefore|clearly|only|then|guess|suggests|means|conclude|know|feel|the|option|choice|answer))[\s\"'(\[*]*$|[^\x00-\x7f]\s*$",
    re.I,
)


def _unnamed(text: str, match: re.Match[str]) -> bool:
    """Whether the letter stands for an option: «Plan A is best» names a plan."""
    before = text[max(0, match.start() - 120) : match.start()]
    named = re.match(r"[\"'(\[]*[A-Z]\b", match[0]) and not _BEFORE_LETTER.search(before)
    return not (named or doubted(before) or asked(text[match.end() :]))


_PRAISE = ("correct", "right", "best", "accurate", "appropriate", "true", "likely", "answer")


def called_correct(text: str, reader: OptionReader) -> Reading | None:
    """«Option B is correct», «(C) is the right answer»."""
    if not any(word in text for word in _PRAISE):
        return None
    letters = {
        match[1]
        for match in _REVERSE.finditer(text)
        if reader.letter(match[1]) and _unnamed(text, match)
    }
    if not letters:
        return None
    return Reading(letters.pop()) if len(letters) == 1 else Reading(None, "several_answers")
