"""What takes a letter or an option's words back: denials, doubts, questions, contradictions.

In: a text and a place in it. Out: whether what stands there is denied, doubted, asked, dismissed,
or contradicted by the words that follow.
"""

from __future__ import annotations

import re

from suite.parsing.options import OptionReader
from suite.parsing.senses import clause_before

NEGATION = re.compile(
    r"(?:\bnot|n't|\bnever|\bneither|\bnor|\bno|\bwithout|\brather\s+than|\binstead\s+of|\bexcept|\bexcluding|\bno\s+longer)"
    r"\s+(?:be\s+|the\s+|an?\s+|option\s+|choice\s+|really\s+|simply\s+|just\s+)*[(\[\"']*$",
    re.I,
)
_NEGATED_AFTER = re.compile(
    r"^[)\].\"']*\s+(?:is|are|was|does|can|could|would)(?:\s+(?:not|never|wrong|incorrect)|n't)\b|"
    r"^[)\].\"']*\s+(?:is|are)\s+(?:wrong|incorrect|false|not)\b",
    re.I,
)
DISMISSED = re.compile(
    r"\b(?:incorrect|wrong|not|false|unlikely|inaccurate|irrelevant|less|no|nor|eliminat\w*|rul\w+\s+out|"
    r"rather\s+than|instead\s+of)\b|n't\b",
    re.I,
)
SENTENCES = re.compile(r"(?<=[.!?;])\s+(?=[^a-z])|\n+")
_DOUBT = re.compile(
    r"(?:\bnot|n't|\bnever|\bcannot)\s+(?:really\s+|actually\s+|entirely\s+)?(?:think|believe|say|know|"
    r"suppose|sure|certain|agree|clear|see|true)\b|"
    r"(?<!no )(?<!without )(?<!without a )\bdoubt\w*\b|"
    r"\bi\s+(?:first\s+|initially\s+)?thought\b|\bi\s+was\s+going\s+to\s+say\b|"
    r"\bwould\s+have\s+said\b|\b(?:if|whether|unless)\s+(?:(?:the|my|your)\s+)?(?:\w+\s+)?$",
    re.I,
)
_ASKED = re.compile(
    r"(?![^.!?\n]*,\s*(?:right|ok|no|(?:is|are|was|does)n't\s+\w+)\s*\?)[^.!?\n]*\?", re.I
)
_LONG = 300


def negated(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] is negated by the words right before or after it."""
    return bool(NEGATION.search(text[max(0, start - 40) : start])) or bool(
        _NEGATED_AFTER.match(text[end : end + 40])
    )


def doubted(before: str) -> bool:
    """Whether the clause that ends here says that its speaker does not hold what follows."""
    return bool(_DOUBT.search(clause_before(before[-120:])))


def asked(after: str) -> bool:
    """Whether the sentence that goes on here is a question."""
    return bool(_ASKED.match(after))


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
        if len(others) == 1 and not DISMISSED.search(sentence):
            return True
    return False
