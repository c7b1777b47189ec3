"""Answers that only mention an option: its letter in an explicit form, or its own words.

In: cleaned text and an OptionReader. Out: a Reading, or None. These rules come last, are bound to
short texts, and look for what negates, dismisses or declines. `other_letters` and `contradicted`
serve the rules that read a leading letter or a statement.
"""

from __future__ import annotations

import re

from suite.answers.parsing.denials import (
    SENTENCES,
    any_of,
    asked,
    dismissed,
    doubted,
    negated,
    rejected_at_once,
)
from suite.answers.parsing.options import OptionReader, Reading
from suite.answers.parsing.text import normalised

_LETTER_FORM = re.compile(
    r"(?<![\w'])(?:[(\[]([A-Z])[)\]]|(?:\b(?:[Oo]ption|[Cc]hoice|[Ll]etter)\s+[(\[\"']*)([A-Za-z])\b(?!'))"
)
_LINE_LETTER = re.compile(r"^[\s(\[]*([A-Z])[)\].:](?=\s)", re.M)
_INLINE_LETTER = re.compile(r"(?<=[\s,;])([A-Z])[.):]\s*(?=(\S[^\n]{0,120}))")


def other_letters(text: str, letter: str, reader: OptionReader) -> set[str]:
    """Letters of other options that a text holds, but for sentences that dismiss them."""
    first, *later = SENTENCES.split(text)
    text = "\n".join([first, *(piece for piece in later if not dismissed(piece))])
    forms = [
        match[1] or match[2]
        for match in _LETTER_FORM.finditer(text)
        if not negated(text, match.start(), match.end())
    ]
    forms += _LINE_LETTER.findall(text)
    forms += re.findall(r"(?:\bor|\band|/|,)\s+[(\[]?([B-HJ-Z])\b(?!')", text[:60])
    for match in _INLINE_LETTER.finditer(text):
        known = reader.letter(match[1])
        own = normalised(reader.options[reader.letters.index(known)]) if known else ""
        if own and normalised(match[2]).startswith(own):  # «B. red C. green» names two
            forms.append(match[1])
    return {known for form in forms if (known := reader.letter(form))} - {letter}


_WORD = re.compile(r"[\w']+")


def rejected(letter: str, rest: str, reader: OptionReader) -> bool:
    """Whether the words behind an option's letter reject it; its own text does not: «B. No»."""
    own = normalised(reader.options[reader.letters.index(letter)])
    return rejected_at_once(rest) and _WORD.findall(own)[:1] != _WORD.findall(rest.lower())[:1]


_LONG = 300


def contradicted(letter: str, rest: str, reader: OptionReader) -> bool:
    """Whether what follows a letter names another option and never the letter's own.

    Only the first and the last sentence count, and only after a letter that a few words follow: a
    long explanation may well speak of what other options say.
    """
    if len(rest) > _LONG:
        return False
    named = {own for start, end, own in reader.mentions(rest) if not negated(rest, start, end)}
    if not named or letter in named:
        return False
    sentences = [piece for piece in SENTENCES.split(rest) if len(piece.strip()) > 3]
    for sentence in {*sentences[:1], *sentences[-1:]}:
        others = {own for _, _, own in reader.mentions(sentence)}
        if len(others) == 1 and not dismissed(sentence):
            return True
    return False


_FIND_OUT = r"(?:determin|answer|see|say|tell|view|identif|provid|process|assist|help|know)\w*"
_NOT_KNOWN = any_of("unknown", "unclear", "uncertain")
_REFUSAL = re.compile(
    any_of(
        "i (?:cannot|can't|(?:don't|do not) (?:know|see|have))",
        "(?:i'?m|i am|i 'm) (?:unable|not able|not sure)",
        rf"can(?:not|'t) (?:be )?{_FIND_OUT}",
        rf"(?:unable|impossible|not possible) to {_FIND_OUT}",
        rf"no way (?:of|to) {_FIND_OUT}",
        "no (?:image|idea|clue|information|correct|answer|option)s?",
        "sorry",
        "as an ai",
        r"apologi[sz]e\w*",
        "insufficient|not (?:enough|sufficient)",
        "none of (?:the|these)",
        "not clear (?:if|whether|what|which|from)",
        rf"(?:answer|option|choice|it|this) (?:(?:is|remains) )?{_NOT_KNOWN}",
    )
    + rf"|(?:^|[.?!;,]\s*){_NOT_KNOWN}",
    re.I,
)


def refusal(text: str, reader: OptionReader) -> Reading | None:
    """Declines to answer, unless an option says just that."""
    match = _REFUSAL.search(text)
    if match is None:
        return None
    for start, end, _ in reader.mentions(text):
        if start <= match.start() < end or match.start() <= start < match.end():
            return None
    return Reading(None, "refusal")


_GIVEN = re.compile(
    r"(?:^|[.,:;!?\n]|\b(?:is|be|choose|pick|select|so|thus|hence|therefore))\s*$", re.I
)
_ENDS = re.compile(r"[)\]\"']*\s*(?:$|[.,;!\n])|\s+(?:because|since|as)\b")
_NAME_OF = re.compile(
    r"\b(?:figure|fig\.?|point|panel|graph|plan|group|part|diagram|case|line|angle|vertex|sign|type|class|"
    r"section|circuit|box|cell|region|area|position|object|sample|curve|tube|container|team|block|step|"
    r"image|picture|node|label|labell?ed|marked|written|reads|says)s?\s*[\"']*$",
    re.I,
)


def sole_letter(text: str, reader: OptionReader) -> Reading | None:
    """One option's letter in an explicit form, «(C)» or «option C», that is not negated.

    «The letter C» may as well stand on a sign: it counts only as the whole of a statement.
    """
    letters, on_show = set(), False
    mentions = reader.mentions(text) if len(text) <= 400 else []
    named = {end: letter for _, end, letter in mentions}
    for match in _LETTER_FORM.finditer(text):
        known = reader.letter(match[1] or match[2])
        inside = any(start <= match.start() < end for start, end, _ in mentions)
        if not known or inside or negated(text, match.start(), match.end()):
            continue
        if rejected(known, text[match.end() :], reader):
            continue
        if not _as_answer(text, match):
            on_show = True
            continue
        letters.add(known)
        before = len(text[: match.start()].rstrip(" (["))
        if named.get(before, known) != known:
            return Reading(None, "letter_and_text_disagree")
    if not letters:
        return Reading(None, "letter_on_show") if on_show else None
    return Reading(letters.pop()) if len(letters) == 1 else Reading(None, "several_answers")


def _as_answer(text: str, match: re.Match[str]) -> bool:
    """Whether a letter is given as the answer, and is no name of a point or letter on a sign."""
    before = text[max(0, match.start() - 80) : match.start()].rstrip()
    before = re.sub(r"\b(?:the|a)$", "", before, flags=re.I)
    if match[0][:6].lower() == "letter":
        return bool(_GIVEN.search(before) and _ENDS.match(text, match.end()))
    return not (_NAME_OF.search(before) or doubted(before))


def named_option(text: str, reader: OptionReader) -> Reading | None:
    """The text of exactly one option stands in a short answer, as whole words, not negated.

    An option that is named again and again, «cross cross cross», is still that option; a scorer
    that compares the whole answer with the option's text, as lmms-eval's, gives it nothing.
    """
    found = reader.mentions(text) if len(text) <= 400 else []
    if any(asked(text[end:]) or doubted(text[:start]) for start, end, _ in found):
        return Reading(None, "question_or_doubt")
    named = [entry for entry in found if not negated(text, entry[0], entry[1])]
    letters = {letter for _, _, letter in named}
    if not letters:
        return None
    if len(letters) > 1:
        return Reading(None, "several_answers")
    letter = letters.pop()
    return Reading(letter) if letter else Reading(None, "several_answers")
