"""Other ways to write an option that say the same: «15.0», «fifteen», «5cm», «dogs», «image 3».

In: the options' texts, and a text that is an answer and nothing else. Out: the option's letter. A
form that two options could have names neither. These forms are tried only on a whole answer, never
looked for inside a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from suite.answers.parsing.denials import DENYING
from suite.answers.parsing.numbers import NTH, NUMBER_WORDS, ORDINALS, PLACES
from suite.answers.parsing.text import normalised

_NUMERAL = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d{1,12})(?:\.\d{1,9})?")
_MINUS = re.compile(r"^(?:(?:minus|negative)\s+(?=\w)|-(?=[a-z]))")
_UNIT_GAP = re.compile(r"(?<=\d)\s+(?=[a-z°%]+$)")
_ORDINAL_OPTION = re.compile(rf"({'|'.join(PLACES)})(?:\s+(image|picture|photo|one))?")
_NO_FRAME = {*DENYING} | {
    "without", "except", "more", "less", "fewer", "over", "under", "than", "least", "most", "about",
    "only", "all", "none", "some",
}  # fmt: skip
"""Words that change what an option says: what is left without them is another claim."""
_OTHER_WORDS = {"arms", "customs", "glasses", "goods", "means", "news", "shorts", "spectacles"}
"""Plurals that are words of their own."""


def canonical(text: str) -> str:
    """The normal form in which «fifteen», «15.0» and «15» are equal, and «5 cm» and «5cm»."""
    text = normalised(text)
    if minus := _MINUS.match(text):
        rest = canonical(text[minus.end() :])
        return f"-{rest}" if rest[0].isdigit() else text
    if text in NUMBER_WORDS:
        return str(NUMBER_WORDS[text])
    if _NUMERAL.fullmatch(text):
        whole, _, part = text.replace(",", "").lstrip("+").partition(".")
        part = part.rstrip("0")
        sign = "-" if whole.startswith("-") else ""
        return sign + (whole.lstrip("-").lstrip("0") or "0") + ("." + part if part else "")
    return _UNIT_GAP.sub("", text)


def below_zero(options: Iterable[str]) -> bool:
    """Whether an option is a negative number, so that a dash before a number may be its sign."""
    return any(re.match(r"-\d", canonical(option)) for option in options)


def variants(options: tuple[str, ...], letters: str) -> dict[str, str]:
    """Letter by normal form; "" for a form of two options."""
    found: dict[str, str] = {}

    def add(form: str, letter: str) -> None:
        if len(form) > 1 or form.isdigit():
            found[form] = letter if found.get(form, letter) == letter else ""

    texts = [normalised(option) for option in options]
    for letter, text in zip(letters, texts, strict=True):
        add(canonical(text), letter)
        if re.fullmatch(r"[a-z]{2,}[a-rt-z]", text) and text + "s" not in _OTHER_WORDS:
            add(text + "s", letter)
    for forms in (_unframed(texts), _ordinals(texts)):
        for letter, names in zip(letters, forms, strict=True):
            for name in names:
                add(canonical(name), letter)
    return found


def _ordinals(texts: list[str]) -> list[list[str]]:
    """«image 3» and «3rd image» for «the third image», where every option is such an ordinal."""
    matches = [_ORDINAL_OPTION.fullmatch(text) for text in texts]
    if not all(matches):
        return [[] for _ in texts]
    names = []
    for match in matches:
        assert match is not None
        place = PLACES[match[1]]
        noun = match[2] if match[2] not in {None, "one"} else "image"
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
    plain = all(word.isalpha() for word in frame) and not _NO_FRAME & set(frame)
    if len(rows) < 2 or not frame or not plain:
        return [[] for _ in texts]
    names = []
    for row in rows:
        cuts = {(first, len(row) - last), (first, len(row)), (0, len(row) - last)}
        kept = [row[begin:end] for begin, end in sorted(cuts) if 0 < end - begin < len(row)]
        names.append([" ".join(words) for words in kept if _claims_as_much(words, row, last)])
    return names


def _claims_as_much(words: list[str], row: list[str], last: int) -> bool:
    """A bare number stands for a number and its unit, «5» for «5 cm», and for nothing longer."""
    return not words[0][0].isdigit() or (words[0] == row[0] and last == 1)


def _shared(rows: list[list[str]], most: int) -> int:
    """How many first words all rows share, leaving at least one word of each."""
    count = 0
    while count < most - 1 and len({row[count] for row in rows}) == 1:
        count += 1
    return count
