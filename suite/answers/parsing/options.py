"""The options of one multiple-choice item, compiled so that they can be found in a text.

In: the options' texts. Out: an OptionReader that reads a piece of text as a letter, as an option's
own words, or as a letter with its words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from suite.answers.parsing.numbers import COUNTS, PLACES
from suite.answers.parsing.senses import as_written, meant
from suite.answers.parsing.text import normalised, without_markup
from suite.answers.parsing.variants import below_zero, canonical, variants
from suite.items.item import LETTERS


@dataclass(frozen=True)
class Reading:
    """What a rule says: a prediction, or None with the reason why the text cannot be read."""

    prediction: str | None
    reason: str | None = None
    """Stands in the `rule` column in place of the rule's name."""


_PREFIX = re.compile(
    r"^(?:correct\s*:\s*|(?:(?:so|thus|therefore|hence|finally|then|well|ok|okay|yes)\s*[,:]\s*)?"
    r"(?:(?:the|my)\s+)?(?:(?:final|correct|best|right)\s+)*"
    r"(?:answer|ans|option|choice|letter|response|output|prediction)s?\b\s*(?:is\b)?\s*(?:[:=.]|-(?!\s*\d))?\s*"
    r"(?:(?:option|choice|letter)\s+)?)",
    re.I,
)
_LETTER = re.compile(r"^[\s(\[{<\"']*([A-Za-z])[\s)\]}>\"']*[.,:;!)]*\s*$")
LETTER_THEN = re.compile(
    r"^[\s\"']*(?:[(\[{]\s*([A-Za-z])\s*[)\]}][.:,]?|([A-Za-z])\s*[).:\]]|([A-Z])\s*(?:,|;|[-–—=]+>?)(?=\s))"
    r"\s*(?=\S)(.*)$",
    re.S,
)
_BY_PLACE = re.compile(
    rf"(?:^|(?<=\s))(?:the\s+)?(?:(?P<place>{'|'.join([*PLACES, 'last'])})\s+"
    r"(?:option|choice|answer|alternative)|"
    r"(?:option|choice)\s*(?:number\s+|no\.\s*|#\s*)?"
    rf"(?P<number>[1-9]|{'|'.join(COUNTS[:8])}))[.!]?$",
    re.I,
)
_COUNTS = re.compile(rf"\d|\b(?:{'|'.join([*PLACES, *COUNTS, 'last'])})\b")
_LETTER_SPACE = re.compile(r"^[\"']*([A-Z])\s+(\S.*)$", re.S)
LETTER_LIST = re.compile(
    r"^[\s(\[]*[A-Z][)\].]?(?:\s*(?:,|/|&|\+|;|\||\n|\bor\b|\band\b)\s*|\s+)"
    r"(?:(?:,|/|&|or|and)\s*)?(?:[(\[]?[A-Z][)\].]?(?:\s*(?:,|/|&|;|\n|\bor\b|\band\b)\s*|\s*))+\s*[.!]?$"
)


class OptionReader:
    """The options of one item, with what is needed to find them in a text."""

    def __init__(self, options: tuple[str, ...]) -> None:
        self.options = options
        self.letters = LETTERS[: len(options)]
        self.by_text: dict[str, str] = {}
        self._spelt: dict[str, list[str]] = {}
        for letter, option in zip(self.letters, options, strict=True):
            key = normalised(without_markup(option))
            self._spelt.setdefault(key, []).extend(re.findall(r"\w+", option)[-1:])
            # A text that two options share names neither of them.
            self.by_text[key] = "" if key in self.by_text else letter
        self.by_text.pop("", None)
        self.below_zero = below_zero(options)
        self._variants: dict[str, str] | None = None
        words = [entry for entry in self.by_text.items() if not re.fullmatch(r"[a-z]", entry[0])]
        self._by_length = sorted(words, key=lambda entry: -len(entry[0]))

    def letter(self, letter: str) -> str | None:
        """The letter in upper case if an option has it."""
        upper = letter.upper()
        return upper if upper in self.letters else None

    def by_words(self, text: str) -> str | None:
        """Letter of the option whose text this is, but for case, edge punctuation and variants."""
        exact = self.by_text.get(normalised(text))
        if exact is not None or len(text) > 400:
            return exact or None
        if self._variants is None:
            self._variants = variants(self.options, self.letters)
        return self._variants.get(canonical(text)) or None

    def mentions(self, text: str) -> list[tuple[int, int, str]]:
        """(start, end, letter) of every option's text that stands in `text` as whole words.

        Of two that overlap the longer counts; the letter is "" for a text that options share. An
        option that is a single letter is no word to look for, and words with another sense than the
        option's are none of it: «us» is not «US».
        """
        lowered = text.casefold()
        found: list[tuple[int, int, str]] = []
        for words, letter in self._by_length:
            start = lowered.find(words)
            while start >= 0:
                end = start + len(words)
                free = all(end <= first or start >= last for first, last, _ in found)
                if free and _whole_word(lowered, start, end):
                    found.append((start, end, letter))
                start = lowered.find(words, end)
        return sorted(
            (start, end, letter)
            for start, end, letter in found
            if meant(lowered, start, end, self.by_text)
            and as_written(text, start, end, self._spelt.get(lowered[start:end], ()))
        )

    def segment(self, text: str) -> Reading | None:
        """Reads a piece of text that is an answer and nothing else; None when it is not."""
        text = text.strip()
        if (place := _BY_PLACE.search(text)) is not None:
            lead = text[: place.start()]
            if not lead or _PREFIX.fullmatch(lead):
                return self._by_place(place["place"], place["number"])
        if len(text) > 2:
            cue, text = text, _PREFIX.sub("", text, count=1)
            dashed = cue[: len(cue) - len(text)].rstrip().endswith("-")
            if dashed and self.below_zero and canonical(text)[:1].isdigit():
                return Reading(None, "dash_or_sign")
        if single := _LETTER.match(text):
            return self.given(single[1])
        if (letter := self.by_words(text)) is not None:
            return Reading(letter)
        if parts := LETTER_THEN.match(text):
            return self._letter_and_text(parts[1] or parts[2] or parts[3], parts[4])
        if (spaced := _LETTER_SPACE.match(text)) is not None and self.letter(spaced[1]):
            named = self.by_words(spaced[2])
            if named == spaced[1]:
                return Reading(named)
            if named and (spaced[1] not in "AI" or spaced[2].startswith("(")):
                return Reading(None, "letter_and_text_disagree")
        return None

    def _by_place(self, ordinal: str | None, number: str | None) -> Reading | None:
        """«The second option», «option 3»; where options count themselves, only if both agree."""
        count = len(self.options)
        if ordinal is None:
            place = int(canonical(number or "")) - 1
        else:
            place = count - 1 if ordinal.lower() == "last" else PLACES[ordinal.lower()]
        letter = self.letters[place] if place < count else None
        if any(_COUNTS.search(words) for words in self.by_text):
            named = self.by_words(number or ordinal or "")
            agreed = named is not None and named == letter
            return Reading(letter) if agreed else Reading(None, "several_answers")
        return Reading(letter) if letter else Reading(None, "no_such_option")

    def letter_and_letter(self, text: str) -> Reading | None:
        """«B. C», where the text of option B is the letter C."""
        parts = LETTER_THEN.match(text)
        letter = self.letter(parts[1] or parts[2] or parts[3]) if parts else None
        named = self.by_text.get(normalised(parts[4])) if parts else None
        if not letter or not named:
            return None
        return Reading(letter) if named == letter else Reading(None, "letter_and_text_disagree")

    def given(self, letter: str) -> Reading:
        known = self.letter(letter)
        return Reading(known) if known else Reading(None, "no_such_option")

    def _letter_and_text(self, letter: str, rest: str) -> Reading | None:
        known = self.letter(letter)
        if known is None:
            return None
        named = self.by_words(rest)
        if named is not None:
            return Reading(known) if named == known else Reading(None, "letter_and_text_disagree")
        own = normalised(self.options[LETTERS.index(known)])
        return Reading(known) if own and normalised(rest) == own else None


def _whole_word(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] is cut at word borders; «2» is no word of «2.5», «-2» or «12»."""
    before, after = text[:start][-2:], text[end : end + 2]
    if (before and (before[-1].isalnum() or before[-1] == "_")) and text[start].isalnum():
        return False
    if after and (after[0].isalnum() or after[0] == "_") and text[end - 1].isalnum():
        return False
    if re.match(r"'t\b", text[end : end + 3]):
        return False  # «can't» holds no «can»
    signed = text[start] == "-" and text[start + 1 : start + 2].isdigit()
    if signed and re.search(r"(?:[\w)\]]|(?:\d|[)\]]|\b\w)\s+)$", text[max(0, start - 20) : start]):
        return False  # «5 -3» is a difference, «1-3» a range
    if text[start].isdigit() and re.search(r"\d[.,:]$|(?:^|[^\w\s])[-+]$|^[-+.]$|\s[-+.]$", before):
        return False
    return not (text[end - 1].isdigit() and re.match(r"[.,:]\d", after))
