"""Whether the words of an option, found in a text, are meant as that option.

In: a text in lower case, the place of an option's words in it, and the words of all options. Out:
yes or no. Short words have other uses: «no idea» is no «no», «that's right» is no place, «the true
answer» is no «true», «greenish-blue» is no «blue», «page 12» is no «12». What is not meant is not
read; no such word is ever taken for the opposite of what it says.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from suite.answers.parsing.denials import denied
from suite.answers.parsing.numbers import NUMBER_WORDS
from suite.answers.parsing.variants import below_zero

_PUNCTUATED = r"\s*(?:$|[.,;:!()\]\"'\n]|[–—]|-\s)"
_GOES_ON = r"\s+(?:it|there|he|she|they|this|that|we|you|i|because|since|as)\b"
_OPENS = re.compile(
    r"(?:^|[.,;:!?\n>=(\[\"']|\s[-–—]|\b(?:so|thus|therefore|hence|then|is|be|was|but|answer|think|"
    r"believe|guess|definitely|clearly|probably))\s*[\"'(\[]*$"
)
_ANSWERED = re.compile(rf"(?:{_PUNCTUATED}|{_GOES_ON})")
_YES_ANSWERED = re.compile(r"(?!\s*/|\s+(?:or|and)\b|[-–]\w)")
_PREDICATE = re.compile(
    r"(?:\b(?:is|are|was|were|be|seems|sounds)|\w's)\s+"
    r"(?:(?:indeed|clearly|definitely|certainly|therefore|thus|probably|likely|also|actually|simply)\s+)*$"
)
_PREDICATED = re.compile(rf"(?:{_PUNCTUATED}|\s+(?:that|because|since|as|according|here)\b)")

_SIDE_BEFORE = re.compile(
    r"\b(?:on|to|at|in|towards?|from)\s+(?:the|its|his|her|their|my|your|our)\s+"
    r"(?:(?:far|upper|lower|immediate|top|bottom)\s+)?$|\b(?:facing|pointing|points|turns|turned|"
    r"turning|moves|moving)\s+(?:to\s+the\s+)?$"
)
_NO_SIDE_AFTER = re.compile(
    r"\s+(?:answer|option|choice|place|direction|order|way|track|time|size|spot|moment)\b"
)
_OF_WHAT = re.compile(r"[\s-]+(?:hand[\s-]+)?(?:of|side)\b")
_REMAINS = re.compile(r"\b(?:what(?:'s|\s+is)|all|nothing|anything|(?:that|there)\s+is)\s*$")

_AXES = (
    frozenset({"top", "bottom", "upper", "lower", "above", "below", "under", "over"}),
    frozenset({"front", "back", "behind"}),
    frozenset({"middle", "center", "centre"}),
)
_PLACE = "|".join(sorted(frozenset().union(*_AXES)))
_PLACE_BEFORE = re.compile(
    rf"\b({_PLACE})(?:\s*(?:,|/|-|–|\band\b|\bor\b|&)\s*|\s+)(?:(?:on|to|at)\s+)?(?:the\s+)?$"
)
_PLACE_AFTER = re.compile(
    rf"(?:\s*(?:,|/|-|–|\band\b|\bor\b|&)\s*(?:(?:on|to|at)\s+)?(?:the\s+)?({_PLACE})\b"
    r"|\s+(top|bottom|upper|lower)\b)"
)
_ABOVE_AFTER = re.compile(r"\s+(above|below|front|back|behind)\b")

_POINTS_AT_TEXT = re.compile(
    r"\b(?:the|see|as|shown|mentioned|described|listed|given|stated|seen|noted|image|picture|figure|"
    r"diagram|options?|text|from)\s*$"
)

_COLOURS = (
    "red|orange|yellow|green|blue|purple|violet|pink|brown|black|white|gr[ae]y|cyan|magenta|teal|"
    "turquoise|gold|golden|silver|beige|indigo|maroon"
)
_COLOUR = re.compile(rf"(?:{_COLOURS})")
_JOINED = r"(?:\s*/\s*|-|–|\s+(?:(?:and|or)\s+)?)"
_WORD_BEFORE = re.compile(rf"(\w+){_JOINED}$")
_COLOUR_AFTER = re.compile(rf"{_JOINED}({_COLOURS})\b")
_ADMIXTURE = re.compile(rf"(?:{_COLOURS}|redd|yellow|green|blu|brown|purpl|pink|blackish|whit)ish")

_PREPOSITIONS = {"in", "on", "at", "by", "up", "off", "out", "to", "of", "for", "from", "with"}
_VERBS = {"may", "might", "must", "will", "would", "can", "could", "should", "shall", "march"}
_FUNCTION_WORDS = _PREPOSITIONS | _VERBS | {
    "it", "its", "us", "who", "we", "he", "she", "me", "my", "you", "they", "them", "is", "am",
    "are", "was", "were", "be", "has", "had", "have", "do", "does", "did", "an", "the", "or", "so",
    "and", "but", "if", "as", "how", "why", "when", "what", "that", "this",
}  # fmt: skip
"""Words that most sentences hold, and that are also «IT», «WHO», «US», «May» and «Will»."""
_SUBJECT = re.compile(r"\b(?:i|you|we|he|she|it|they|one|this|that|there|who|which|people)\s+$")
_SWITCHED = re.compile(
    r"(?:^|[.,;:!?\n>=(\[\"']|\b(?:so|is|are|was|were|be|it's|turned|switched|set|stays?|left|clearly|"
    r"answer|probably|currently|still|both|not))\s*[\"'(\[]*$"
)

_NUMBERED = re.compile(
    r"\b(?:pages?|pictures?|images?|figures?|fig\.?|photos?|questions?|steps?|tables?|chapters?|"
    r"sections?|panels?|examples?|problems?|frames?|lines?|options?|choices?)\s*#?\s*$"
)
_TERM_BEFORE = re.compile(r"\d\s*[+*×÷/^−-]\s*$")
_TERM_AFTER = re.compile(r"\s*[+*×÷/^−-]\s*\d")
_MINUS_BEFORE = re.compile(r"\b(?:minus|negative)\s*[(\[]?\s*$|[-–—]\s*[(\[]?\s*$")
_SAID_MINUS = re.compile(r"\b(?:minus|negative)\s*$")
_BELOW_ZERO = re.compile(r"\s*(?:degrees?\s*)?(?:below|under)\s+(?:zero|0|freezing)\b")
_COMPOUND_AFTER = re.compile(r"[-–](?!(?:colou?red|painted|hand|handed|side|most)\b)\w")
_COMPOUND_BEFORE = re.compile(r"\w[-–]$")


def meant(text: str, start: int, end: int, options: Collection[str]) -> bool:
    """Whether the option's words at text[start:end] are meant as the option."""
    words, before, after = text[start:end], text[:start][-80:], text[end:][:80]
    if _COMPOUND_AFTER.match(after) or _COMPOUND_BEFORE.search(before):
        return False
    if (words[0].isdigit() or words in NUMBER_WORDS) and _negative(before, after, options):
        return False
    if words[0].isdigit():
        term = _TERM_BEFORE.search(before) or _TERM_AFTER.match(after)
        return not (_NUMBERED.search(before) or term)
    if words in _VERBS and _SUBJECT.search(before):
        return False
    if words in {"on", "off"} and {"on", "off"} <= set(options):
        return bool(_SWITCHED.search(before) and _ANSWERED.match(after))
    if words in {"yes", "no"}:
        return _polar(words, before, after)
    if words in {"right", "left"} and {"right", "left"} <= set(options):
        return _sided(words, before, after, options)
    if words in {"true", "false", "right", "wrong", "correct", "incorrect"}:
        return _true(before, after)
    if words in {"above", "below"}:
        opens_aside = not before.strip() and after.startswith(",")
        return not (_POINTS_AT_TEXT.search(before) or opens_aside)
    if _COLOUR.fullmatch(words):
        return not _mixed(words, before, after)
    return True


def _negative(before: str, after: str, options: Collection[str]) -> bool:
    """Whether a number bears a minus; a mere dash is one where an option is below zero."""
    sign = _MINUS_BEFORE if below_zero(options) else _SAID_MINUS
    return bool(sign.search(before) or _BELOW_ZERO.match(after))


def as_written(text: str, start: int, end: int, spellings: Collection[str]) -> bool:
    """Whether a word that sentences are made of has the capitals of the option that it spells.

    «May» at the head of a sentence has them whatever it means: there it counts only with a full
    stop or «is» behind it. «On» and «In» are places where they are not written «ON» and «IN».
    """
    word = text[start:end]
    lowered = word.casefold()
    if lowered not in _FUNCTION_WORDS or any(spelt.islower() for spelt in spellings):
        return True
    capitals = any(spelt.isupper() for spelt in spellings)
    if not capitals and lowered in _PREPOSITIONS:
        return True
    before, after = text[:start], text[end:]
    if re.search(r"\d\s*$", before):
        return True  # «5 am», «3 in»
    if word not in spellings or not any(map(str.islower, before + after)):
        return False
    head = re.search(r"(?:^|[.!?:\n])[\s\"'(]*$", before)
    named = re.match(_PUNCTUATED, after) or (lowered in _VERBS and re.match(r"\s+is\b", after))
    return bool(capitals or not head or named)


def _polar(words: str, before: str, after: str) -> bool:
    """«Yes» and «no» as answers; never the determiner of «no image»."""
    goes_on = _YES_ANSWERED if words == "yes" else _ANSWERED
    return bool(_OPENS.search(before) and goes_on.match(after)) and not denied(before)


def _true(before: str, after: str) -> bool:
    """«True» as the first word or as the predicate; never the adjective of «the true answer»."""
    opens = re.search(r"(?:^|[.:\n])\s*[\"'(]*$", before) and _ANSWERED.match(after)
    predicate = _PREDICATE.search(before) and _PREDICATED.match(after)
    return bool(opens or predicate) and not denied(before)


def _sided(words: str, before: str, after: str, options: Collection[str]) -> bool:
    """«Left» and «right» as places; never what is left over, nor what is right.

    «Top left» names two places, where both are options. Where only another word for «top» is one,
    «upper left» is neither of them.
    """
    if (place := _neighbour(words, before, after)) is not None:
        axis = next(words for words in _AXES if place in words)
        return place in options or not axis & set(options)
    if not before.strip("\"'( "):
        aside = words == "right" and re.match(r"\s*,", after)
        return not aside and bool(_ANSWERED.match(after) or _OF_WHAT.match(after))
    if _REMAINS.search(before):
        return False
    beside = _SIDE_BEFORE.search(before) and not _NO_SIDE_AFTER.match(after)
    return bool(_OF_WHAT.match(after) or beside)


def _neighbour(words: str, before: str, after: str) -> str | None:
    """The other place that stands beside a side, as in «top left», «left and top», «right, above».

    «Right above» has an adverb, and «above, right?» a question.
    """
    if words == "right" and re.match(r"\s*\?", after):
        return None
    found = _PLACE_BEFORE.search(before) or _PLACE_AFTER.match(after)
    if found is None and words == "left":
        found = _ABOVE_AFTER.match(after)
    return next(filter(None, found.groups())) if found else None


def _mixed(words: str, before: str, after: str) -> bool:
    """Whether a neighbour makes another colour of a colour: «yellowish green», «red-orange»."""
    first, then = _WORD_BEFORE.search(before), _COLOUR_AFTER.match(after)
    admixed = first is not None and (_COLOUR.fullmatch(first[1]) or _ADMIXTURE.fullmatch(first[1]))
    return bool((admixed and first and first[1] != words) or (then and then[1] != words))
