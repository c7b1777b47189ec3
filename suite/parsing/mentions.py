"""Answers that only mention an option: its letter in an explicit form, or its own words.

In: cleaned text and an OptionReader. Out: a Reading, or None. These rules come last, are bound to
short texts, and look for what negates, dismisses or declines. `other_letters` serves the rules that
read a leading letter.
"""

from __future__ import annotations

import re

from suite.parsing.options import OptionReader, Reading
from suite.parsing.statements import NEGATION
from suite.parsing.text import normalised

_LETTER_FORM = re.compile(
    r"(?<![\w'])(?:[(\[]([A-Z])[)\]]|(?:\b(?:[Oo]ption|[Cc]hoice|[Ll]etter)\s+[(\[\"']*)([A-Za-z])\b(?!'))"
)
_LINE_LETTER = re.compile(r"^[\s(\[]*([A-Z])[)\].:](?=\s)", re.M)
_DISMISSED = re.compile(
    r"\b(?:incorrect|wrong|not|false|unlikely|inaccurate|irrelevant|less|no|nor|eliminat\w*|rul\w+\s+out|"
    r"rather\s+than|instead\s+of)\b|n't\b",
    re.I,
)
_SENTENCES = re.compile(r"(?<=[.!?;])\s+(?=[^a-z])|\n+")


_INLINE_LETTER = re.compile(r"(?<=[\s,;])([A-Z])[.):]\s*(?=(\S[^\n]{0,120}))")


def other_letters(text: str, letter: str, reader: OptionReader) -> set[str]:
    """Letters of other options that a text holds, but for sentences that dismiss them."""
    first, *later = _SENTENCES.split(text)
    text = "\n".join([first, *(piece for piece in later if not _DISMISSED.search(piece))])
    forms = [
        match[1] or match[2]
        for match in _LETTER_FORM.finditer(text)
        if not _negated(text, match.start(), match.end())
    ]
    forms += _LINE_LETTER.findall(text)
    forms += re.findall(r"(?:\bor|\band|/|,)\s+[(\[]?([B-HJ-Z])\b(?!')", text[:60])
    for match in _INLINE_LETTER.finditer(text):
        known = reader.letter(match[1])
        own = normalised(reader.options[reader.letters.index(known)]) if known else ""
        if own and normalised(match[2]).startswith(own):  # «B. red C. green» names two
            forms.append(match[1])
    return {known for form in forms if (known := reader.letter(form))} - {letter}


_REFUSAL = re.compile(
    r"\b(?:i\s+(?:can(?:no|')t|am\s+(?:unable|not\s+able|not\s+sure)|don't\s+(?:know|see|have)|do\s+not\s+"
    r"(?:know|see|have)|'?m\s+(?:unable|not\s+able|not\s+sure))|i'm\s+(?:sorry|unable|not\s+(?:able|sure))|"
    r"sorry|apologi[sz]e|cannot\s+(?:be\s+)?(?:determin|answer|see|tell|view|identif|provid)\w*|"
    r"can't\s+(?:be\s+)?(?:determin|answer|see|tell|view|identif)\w*|"
    r"(?:unable|impossible|not\s+possible)\s+to\s+(?:determin|answer|see|say|tell|view|identif|provid|process|"
    r"assist|help|know)\w*|not\s+(?:enough|sufficient)|insufficient|none\s+of\s+(?:the|these)|no\s+image|"
    r"as\s+an\s+ai|not\s+clear\s+(?:if|whether|what|which|from)|no\s+(?:correct|answer|option))",
    re.I,
)


_REFUSAL_WORDS = (
    "not", "n't", "sorry", "apolog", "unable", "impossible", "insufficient", "none of", "no image",
    "as an ai", "no correct", "no answer", "no option",
)  # fmt: skip


def refusal(text: str, reader: OptionReader) -> Reading | None:
    """Declines to answer, unless an option says just that."""
    lowered = text.casefold()
    match = _REFUSAL.search(text) if any(word in lowered for word in _REFUSAL_WORDS) else None
    if match is None:
        return None
    for start, end, _ in reader.mentions(text):
        if start <= match.start() < end or match.start() <= start < match.end():
            return None
    return Reading(None, "refusal")


def sole_letter(text: str, reader: OptionReader) -> Reading | None:
    """One option's letter in an explicit form, «(C)» or «option C», that is not negated."""
    letters = set()
    named = {end: letter for _, end, letter in reader.mentions(text)} if len(text) <= 400 else {}
    for match in _LETTER_FORM.finditer(text):
        known = reader.letter(match[1] or match[2])
        if known and not _negated(text, match.start(), match.end()):
            letters.add(known)
            before = len(text[: match.start()].rstrip(" (["))
            if named.get(before, known) != known:
                return Reading(None, "letter_and_text_disagree")
    if not letters:
        return None
    return Reading(letters.pop()) if len(letters) == 1 else Reading(None, "several_answers")


_NEGATED_AFTER = re.compile(
    r"^[)\].\"']*\s+(?:is|are|was|does|can|could|would)(?:\s+(?:not|never|wrong|incorrect)|n't)\b|"
    r"^[)\].\"']*\s+(?:is|are)\s+(?:wrong|incorrect|false|not)\b",
    re.I,
)


def _negated(text: str, start: int, end: int) -> bool:
    return bool(NEGATION.search(text[max(0, start - 40) : start])) or bool(
        _NEGATED_AFTER.match(text[end : end + 40])
    )


def named_option(text: str, reader: OptionReader) -> Reading | None:
    """The text of exactly one option stands in a short answer, as whole words, not negated."""
    found = reader.mentions(text) if len(text) <= 400 else []
    named = [entry for entry in found if not _negated(text, entry[0], entry[1])]
    letters = {letter for _, _, letter in named}
    if not letters:
        return None
    if len(letters) > 1:
        first = named[0]
        opens = not text[: first[0]].strip("\"' ") and re.match(r"[,.;:!]", text[first[1] :])
        if opens and normalised(text[first[0] : first[1]]) in {"yes", "no", "true", "false"}:
            return Reading(first[2])
        return Reading(None, "several_answers")
    letter = letters.pop()
    return Reading(letter) if letter else Reading(None, "several_answers")
