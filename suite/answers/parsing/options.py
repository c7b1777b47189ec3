"""The options of one multiple-choice item, and the reading of a piece of text that is an answer and
nothing else.

In: the options' texts; a piece of text. Out: a Reading when the piece is a letter, an option's own
words, a letter with its words, or an option's place; None when it is anything more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from suite.answers.parsing.languages import BECAUSE, OPTION
from suite.answers.parsing.values import (
    COUNTED,
    NTH,
    NUMBER_WORDS,
    ORDINALS,
    PLACES,
    normalised,
    quantity,
    same_quantity,
    squeezed,
)
from suite.items.item import LETTERS


@dataclass(frozen=True)
class Reading:
    """What was read: a prediction, or None with the reason why the text cannot be read."""

    prediction: str | None
    reason: str | None = None
    """Stands in the `rule` column in place of the rule's name."""


SEVERAL = Reading(None, "several_answers")
UNFINISHED = Reading(None, "unfinished_thinking")
DISAGREE = Reading(None, "letter_and_text_disagree")

_EDGE = "\"'*`“”‘’«» \t\r\n✓✔✅☑→➡️⇒"
_NAME = r"(?:(?:the|my)\s+)?(?:(?:final|correct|best|right)\s+)*(?:answer|ans|option|choice|letter)"
_PREFIX = re.compile(
    rf"(?:{_NAME}|{OPTION})(?:\b|_)\s*(?:(?:is\s*:?|:|=|\.)\s*|-(?!\s*\d)\s*)?(?:(?:option|choice|"
    rf"letter)\s+)?",
    re.I,
)
_NUMBERED = re.compile(r"^1[.)]\s+(?=[(\[]?[A-Z]\b)")
_LETTER = re.compile(r"[\s(\[{<\"'*]*([A-Za-z])[\s)\]}>\"'*]*[.,:;!]*")
LABEL = re.compile(
    r"\s*(?:[(\[{<]\s*([A-Za-z])\s*[)\]}>](?:[.:,]|\s?[-–—])?|([A-Za-z])\s*[).:\]]|"
    r"([A-Z])\s*(?:[,;=]|[-–—]+>?)(?=\s))\s*(?=\S)"
)
"""A letter with a mark behind it that parts it from what follows: «(B) », «B. », «B - »."""
CAPITAL = re.compile(r"(?<![\w'])([A-Z])(?![\w'])")
_BARE_LABEL = re.compile(r"([A-Z])\s+(?=\S)")
_LABEL_BEHIND = re.compile(r"(.+?)\s*[(\[](?:option\s+)?([A-Z])[)\]][.!]?", re.I | re.S)
_LIST = re.compile(
    r"[\s(\[\"']*[A-Z][)\].\"']*(?:\s*(?:,|/|&|\+|;|\||->|→|\bor\b|\band\b|\s)\s*(?:(?:or|"
    r"and)\s+)?[(\[\"']*[A-Z][)\].\"']*)+[\s.!)\]]*"
)
_PLACE = re.compile(
    rf"(?:the\s+)?(?:(?P<nth>{'|'.join([*PLACES, 'last'])})\s+(?:option|choice|answer|alternative)|"
    r"(?:option|choice)\s*(?:number\s+|no\.\s*|#\s*)?(?P<number>[1-9]|[a-z]+))[.!]?",
    re.I,
)
_DASH = re.compile(rf"[-–—]\s+(?=(?:\d|{'|'.join(NUMBER_WORDS)})\b)", re.I)
_ORDINAL = re.compile(rf"({'|'.join(PLACES)})(?:\s+(image|picture|photo|one))?")
_WITHIN = re.compile(
    r"(?:on|at|in|to)\s+(?:the|your|its|his|her)\s+(\w+)(?:[- ]hand)?(?:\s+side)?[.!]?", re.I
)
"""«on the left-hand side», «in the center»: the option's word in the phrase that it answers
with."""
_COUNTS = re.compile(rf"\d|\b(?:{'|'.join([*PLACES, *list(NUMBER_WORDS)[1:20], 'last'])})\b")
_ASIDE = re.compile(
    rf"(.+?)(?:\s\((?!(?:or|if|unless|maybe|perhaps|possibly|[A-Z])\s)[^()]{{1,200}}\)|,?\s(?:{BECAUSE}|not|rather\s+than|from\s+the|"
    r"in\s+(?:the|this)\s+(?:image|picture|photo))\b.*)[.!]?",
    re.I | re.S,
)
_NO_WORD = re.compile(r"[^\w%°$.-]+|\.(?!\d)")
_SYNONYMS = {"yes": ("yeah", "yep", "yup"), "no": ("nope", "nah"), "是": ("是的",), "否": ("不是",)}
_REPEATED = re.compile(r"(\S.{0,60}?)(?:[\s,.;|/]+\1)+[\s.,]*", re.S)
_OTHER_WORDS = {"arms", "customs", "glasses", "goods", "means", "news", "shorts", "spectacles"}
"""Plurals that are words of their own."""
_FRAME_WORD = re.compile(
    r"(?!(?:not|no|never|without|except|more|less|fewer|over|under|than|least|most|about|only|all|"
    r"none|some)$)[a-z]+"
)
"""A word that options may share without its loss changing what they say."""
LONGEST = 400
"""A piece of more characters is no answer by itself."""


class OptionReader:
    """The options of one item, with what is needed to read a piece of text as one of them."""

    def __init__(self, options: tuple[str, ...]) -> None:
        self.options = options
        self.letters = LETTERS[: len(options)]
        self._exact: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._quantities: dict[tuple[Fraction, str], str] = {}
        for letter, option in zip(self.letters, options, strict=True):
            _add(self._exact, option.strip(), letter)
            _add(self._words, normalised(option), letter)
            if (read := quantity(option)) is not None:
                _add(self._quantities, read, letter)
        self._variants = self._other_forms()
        self.below_zero = any(number < 0 for number, _ in self._quantities)
        self.names_letters = any(re.search(r"\b[B-HJ-Z]\b(?!')", option) for option in options)
        """Whether an option speaks of letters itself, as «Both A and B» does."""

    def letter(self, letter: str) -> str | None:
        """The letter in upper case if an option has it."""
        return upper if (upper := letter.upper()) in self.letters else None

    def is_letter(self, text: str) -> bool:
        """Whether a text is an option's letter alone, which outside of a label is never meant as
        the words of another option."""
        return len(plain := normalised(text)) == 1 and self.letter(plain) is not None

    def own_words(self, letter: str, text: str, start: int) -> int | None:
        """Where the words of an option end that stand at a place of a text; None if they do not."""
        words = self.options[self.letters.index(letter)].strip().rstrip(".").casefold()
        end = start + len(words)
        said = words and text[start:end].casefold() == words and not text[end : end + 1].isalnum()
        return end if said else None

    def given(self, letter: str) -> Reading:
        """The reading of a letter that is given as the answer."""
        known = self.letter(letter)
        return Reading(known) if known else Reading(None, "no_such_option")

    def by_words(self, text: str) -> str | None:
        """Letter of the option that says what this text says, in words or by number and unit."""
        if len(text) > LONGEST or not text.strip():
            return None
        for form, known in (
            (text.strip(), self._exact),
            (normalised(text), self._words),
            (squeezed(text), self._variants),
        ):
            if form in known:
                return known[form] or None
        if (within := _WITHIN.fullmatch(text.strip())) and not quantity(within[1]):
            return self._words.get(normalised(within[1])) or None
        return self._by_quantity(text)

    def _by_quantity(self, text: str) -> str | None:
        read = quantity(text)
        if read is None:
            return None
        fitting = {
            letter or "?"
            for own, letter in self._quantities.items()
            if same_quantity(own, read) and (own[1] or not read[1] or COUNTED.fullmatch(read[1]))
        }
        return fitting.pop().strip("?") or None if len(fitting) == 1 else None

    def mentioned(self, text: str) -> set[str]:
        """Letters of the options whose words stand somewhere in a piece of text."""
        words = _NO_WORD.sub(" ", f" {normalised(text)} ")
        found = set()
        for own, letter in sorted(self._words.items(), key=lambda entry: -len(entry[0])):
            if len(own) > 1 and (written := f" {_NO_WORD.sub(' ', own)} ") in words:
                words = words.replace(
                    written, " | "
                )  # what a longer option says, a shorter does not
                found.add(letter)
        return found

    def segment(self, text: str) -> Reading | None:
        """Reads a piece of text that is an answer and nothing else; None when it is not."""
        if len(text) > LONGEST:
            return None
        text = _NUMBERED.sub("", text.strip(_EDGE))
        if place := _PLACE.fullmatch(text):
            return self._by_place(place["nth"], place["number"])
        if (prefix := _PREFIX.match(text)) and prefix.end() < len(text):
            dashed = prefix[0].rstrip().endswith("-")
            text = ("- " if dashed else "") + text[prefix.end() :].strip(_EDGE)
        if dash := _DASH.match(text):
            if self.below_zero:
                return Reading(None, "dash_or_sign")
            text = text[dash.end() :]
        elif re.match(r"[-–—•]\s", text):
            text = text[1:].strip(_EDGE)
        single = _LETTER.fullmatch(text)
        if single and (self.letter(single[1]) or not self.by_words(single[1])):
            return self.given(single[1])
        if (letter := self.by_words(text)) is not None:
            return Reading(letter)
        if _LIST.fullmatch(text):
            return self._listed(text)
        for label in (LABEL.match(text), _BARE_LABEL.match(text)):
            if label and (letter := self.letter(next(filter(None, label.groups())))):
                words = text[label.end() :]
                own = normalised(self.options[self.letters.index(letter)])
                if own and normalised(words) == own:
                    return Reading(letter)  # another option may have the same words
                named = self.by_words(words)
                if named is not None:
                    article = label.re is _BARE_LABEL and letter in "AI"
                    return (
                        Reading(letter)
                        if named == letter
                        else Reading(named)
                        if article
                        else DISAGREE
                    )
        if behind := _LABEL_BEHIND.fullmatch(text):
            named, letter = self.by_words(behind[1]), self.letter(behind[2])
            if named and letter:
                return Reading(letter) if named == letter else DISAGREE
        if (repeated := _REPEATED.fullmatch(text)) and (letter := self.by_words(repeated[1])):
            return Reading(letter)
        aside = _ASIDE.fullmatch(text)
        if (
            aside
            and not self.is_letter(aside[1])
            and (letter := self.by_words(aside[1]))
            and (not self.mentioned(aside[0]) - {letter} or " not " in text or " rather " in text)
        ):
            return Reading(letter)
        return None

    def _listed(self, text: str) -> Reading:
        """Reads letters in a row: one again and again, several, or «B. C» where B's text is «C»."""
        label = LABEL.match(text)
        letter = self.letter(next(filter(None, label.groups()))) if label else None
        named = self._words.get(normalised(text[label.end() :])) if label else None
        if not letter or not named:
            given = set(re.findall(r"\b[A-Z]\b", text))
            return self.given(given.pop()) if len(given) == 1 else SEVERAL
        return Reading(letter) if named == letter else DISAGREE

    def _by_place(self, nth: str | None, number: str | None) -> Reading | None:
        """«The second option», «option 3»; where options count themselves, only if both agree."""
        if nth is not None:
            place = len(self.options) - 1 if nth.lower() == "last" else PLACES[nth.lower()]
        elif number is not None and number.isdigit():
            place = int(number) - 1
        elif number is not None and number.lower() in NUMBER_WORDS:
            place = NUMBER_WORDS[number.lower()] - 1
        else:
            return self.given(number) if number and len(number) == 1 else None
        letter = self.letters[place] if 0 <= place < len(self.options) else None
        if any(_COUNTS.search(words) for words in self._words):
            named = self.by_words(number or nth or "")
            return Reading(letter) if named and (named == letter or letter is None) else SEVERAL
        return Reading(letter) if letter else Reading(None, "no_such_option")

    def _other_forms(self) -> dict[str, str]:
        """Letter by other forms of an option that say the same; "" for a form of two options."""
        found: dict[str, str] = {}
        texts = [normalised(option) for option in self.options]
        for letter, option, text in zip(self.letters, self.options, texts, strict=True):
            _add(found, squeezed(option), letter)
            if re.fullmatch(r"[a-z]{2,}[a-rt-z]", text) and text + "s" not in _OTHER_WORDS:
                _add(found, text + "s", letter)
            for name in _SYNONYMS.get(text, ()):
                _add(found, name, letter)
        if set(texts) == {"true", "false"}:
            found |= {"not true": self._words["false"], "not false": self._words["true"]}
        for forms in (_unframed(texts), _ordinals(texts)):
            for letter, names in zip(self.letters, forms, strict=True):
                for name in names:
                    if len(name) > 1 and name not in self._words:
                        _add(found, squeezed(name), letter)
        return found


def _add(known: dict[Any, str], form: Any, letter: str) -> None:
    """Notes whose form this is; "" once two options share it."""
    known[form] = letter if known.get(form, letter) == letter else ""


def _ordinals(texts: list[str]) -> list[list[str]]:
    """«image 3» and «3rd image» for «the third image», where every option is such an ordinal."""
    matches = [match for text in texts if (match := _ORDINAL.fullmatch(text))]
    if len(matches) < len(texts):
        return [[] for _ in texts]
    names = []
    for match in matches:
        place, noun = PLACES[match[1]], match[2] if match[2] not in {None, "one"} else "image"
        pair = (ORDINALS[place], NTH[place])
        names.append([f"{noun} {place + 1}", *pair, *(f"{word} {noun}" for word in pair)])
    return names


def _unframed(texts: list[str]) -> list[list[str]]:
    """What is left of each option without the words that all begin or end with.

    «beneath the bed» says «The suitcase is beneath the bed.» where all begin «The suitcase is».
    """
    rows = [text.split() for text in texts]
    shortest = min(map(len, rows), default=0)
    first = _shared(rows, shortest)
    last = _shared([row[::-1] for row in rows], shortest - first)
    frame = rows[0][:first] + rows[0][len(rows[0]) - last :] if rows else []
    if len(rows) < 2 or not frame or not all(map(_FRAME_WORD.fullmatch, frame)):
        return [[] for _ in texts]
    cuts = ((first, last), (first, 0), (0, last))
    kept = [[row[start : len(row) - end] for start, end in cuts if start + end] for row in rows]
    return [
        [" ".join(words) for words in pieces if words and not words[0][0].isdigit()]
        for pieces in kept
    ]


def _shared(rows: list[list[str]], most: int) -> int:
    """How many first words all rows share, leaving at least one word of each."""
    count = 0
    while count < most - 1 and len({row[count] for row in rows}) == 1:
        count += 1
    return count
