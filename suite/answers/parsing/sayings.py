"""What a sentence says of its subject in an option's own words: «The car is red.», «x = 3».

In: a sentence and an OptionReader. Out: the option's letter, or None. The words count only where
they are all that the sentence says: «There are more than two cats» does not say «two».
"""

from __future__ import annotations

import re

from suite.answers.parsing.languages import (
    ADVERB,
    CONCLUDES,
    CONDITION,
    DENIAL,
    NO_DOUBT,
    REASON,
    SUPPOSED,
)
from suite.answers.parsing.options import LONGEST, OptionReader
from suite.answers.parsing.values import normalised, quantity

_SEEN = r"(?:image|picture|photo)"
CONNECTS = re.compile(
    rf"(?:(?:{CONCLUDES}|{ADVERB}|(?:in|to)\s+conclu\w+|conclusion|in\s+(?:the|this)\s+{_SEEN}|"
    rf"well|ok(?:ay)?|"
    rf"and|but|now|(?:yes|no)(?=,)|{NO_DOUBT})\b\s*[,:]?\s*)+",
    re.I,
)
"""What may stand before the answer at the head of a sentence."""
_COPULA = re.compile(
    r"(?:\b(?:is|are|was|were|equals|looks|(?:appears|seems)(?:\s+to\s+be)?|(?:must|"
    r"should)\s+be|shows|depicts|"
    r"contains|es|está|son|est|sont|ist|sind|é|são|è|sono)\b|[是为]|'s\b|'re\b|=)\s*:?\s*"
    rf"(?:(?:{ADVERB}|about|approximately|around|exactly|also)\s+)?"
)
_VERB_LAST = re.compile(
    r"[은는이가]\s+(\S.{0,60}?)(?:입니다|이다|이에요|예요)$|は\s*(\S.{0,60}?)(?:です|だ|である)$|\s(\S+)\s+है$"
)
_EQUALS = re.compile(r"=\s*([^\s,;=]+)")
_COUNTED = re.compile(
    rf"(?:there\s+(?:is|are)|I\s+(?:can\s+)?(?:see|count)|{_SEEN}\s+(?:shows|"
    rf"contains))\s+(?:exactly\s+|only\s+)?"
    r"([a-z]+|\d{1,6})\s+([a-z]\w*(?:\s+[a-z]\w*){0,6})$",
    re.I,
)
_CUT = re.compile(
    rf"(?<=\w)(?:[,;]\s(?={REASON}\b|so\b|there|with\b)|\s+(?:{REASON}|that|in\s+the\s+{_SEEN})\b).*"
    r"|\s+(?:ones?|tall|long|wide|high|deep|old|away)$",
    re.S,
)
"""What may stand behind the words without adding to what they say."""
_IF = re.compile(rf"\b(?:{CONDITION}|would\b)|{SUPPOSED}", re.I)
WITHHELD = re.compile(
    rf"\b(?:{DENIAL}|{CONDITION}|or|may|might|could|cannot|either|used|thought|would|says?|said|reads|"
    r"question|wrong|incorrect|least|otherwise|alternatively|except|eliminat\w*|exclud\w*|rul(?:e|ed|ing)|"
    r"distractor|format|não|non|nicht|kein\w*|pas|не|нет|tidak|bukan)\b|n't\b|"
    rf"[不没非]|^\W*(?:were|had|should)\b|{SUPPOSED}",
    re.I,
)
"""A clause with one of these asserts nothing plainly."""


def in_words(sentence: str, reader: OptionReader) -> str | None:
    """Letter of the option whose words are all that a sentence says of its subject; else None."""
    piece = sentence.strip()
    if len(piece) > LONGEST or piece.endswith("?"):
        return None
    piece = re.sub(r"\b(is|are|was|were)n't\b", r"\1 not", piece.rstrip(".! "))
    piece = re.sub(rf"^{NO_DOUBT}\s*,?\s*(?:that\s+)?", "", piece, flags=re.I)
    aside = re.search(r"\s?\((?:option\s+)?([A-Z])\)$", piece)
    piece = piece[: aside.start()] if aside else piece
    found: set[str | None] = {
        letter
        for verb in [*_COPULA.finditer(piece)][-4:]
        if (letter := _behind(verb, piece, reader))
    }
    counted = _COUNTED.search(piece)
    if counted and quantity(counted[1]) and not any(map(reader.by_words, counted[2].split())):
        found |= {reader.by_words(counted[1])}
    head = re.match(r"(?:it|this|that)\s+", piece, re.I) or CONNECTS.match(piece)
    if head and not found:
        found |= {reader.by_words(piece[head.end() :])}
    if last := _VERB_LAST.search(piece):
        found |= {reader.by_words(next(filter(None, last.groups())))}
    found.discard(None)
    contrasted = re.search(r"\b(?:not|rather)\b|=", piece)
    if not found or (not contrasted and reader.mentioned(piece) - found):
        return None
    found |= {letter for value in _EQUALS.findall(piece) if (letter := reader.by_words(value))}
    if aside and reader.letter(aside[1]):
        found.add(aside[1])
    return found.pop() if len(found) == 1 else None


def _behind(verb: re.Match[str], piece: str, reader: OptionReader) -> str | None:
    """The option whose words stand behind a verb and end the clause; None where it is withheld."""
    before, rest = piece[: verb.start()], piece[verb.end() :]
    rest = rest if reader.by_words(rest) else _CUT.sub("", rest, count=1)
    clause = re.split(r"[,;]|\b(?:so|therefore|thus|hence|but)\b", before)[-1]
    dashed = re.match(r"[-–—]\s", rest)  # a dash or a sign
    sided = normalised(rest) in {"left", "right"}  # «that's right», «three are left»
    if dashed or sided or reader.is_letter(rest) or WITHHELD.search(clause) or _IF.search(before):
        return None
    letter = reader.by_words(rest)
    whole = reader.segment(rest) if letter is None and len(rest) > 3 else None
    return whole.prediction if whole else letter
