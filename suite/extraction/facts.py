"""What a sentence states that can be looked up in another text: strings, numbers, colours, words.

In: English texts (strings and numbers of any language). Out: what of one is not in the other.
Nothing here understands: «grey» and «gray», «2» and «two», «dogs» and «dog» are one, a synonym is
not seen.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache

from suite.answers.parsing.values import NUMBER_WORDS

_COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple violet", "pink", "brown", "black", "white",
    "grey gray", "gold golden", "silver silvery", "beige", "tan", "teal", "turquoise", "cyan",
    "magenta", "maroon", "navy", "crimson", "lavender", "khaki",
)  # fmt: skip
COLOURS = {word: line.split()[0] for line in _COLOURS for word in line.split()}
"""Colour word -> the colour."""
NEGATIONS = frozenset(
    ("no", "not", "none", "never", "nobody", "nothing", "neither", "nor", "without", "cannot")
)
_SMALL = """
a an the this that these those it its he his she her they their them there here is are was were be
been being do does did has have had can could will would shall should may might must of in on at by
to from with for and or but as into onto over under up down about which who whom whose what where
when why how than then so such very also just image picture photo photograph
"""
SMALL = frozenset(_SMALL.split())
"""Words that carry no content of their own."""
_ONE = frozenset(("a", "an", "one", "single", "1", "once"))
_TWO = frozenset(("two", "pair", "couple", "both", "double", "twice"))

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_NUMBER = re.compile(r"(?<![\w.,:/])[$€£]?(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?![\w:/]|[.,]\d)")
_CODE = re.compile(r"(?<!\w)(?=\w[\w:/.-]{0,40}\d)\w+(?:[:/.-]\w+)*(?!\w)")
_SHOUTED = re.compile(r"(?<![\w'])[A-Z][A-Z0-9&]{2,}(?!\w)")
_QUOTED = re.compile(
    r"\"([^\"\n]{1,200})\"|“([^”\n]{1,200})”|«([^»\n]{1,200})»|„([^“\n]{1,200})“"
    r"|(?<!\w)['‘]([^'’\n]{1,200})['’](?!\w)"
)


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """Gives the words of a text, in lower case, parts of compounds apart."""
    return tuple(word.replace("’", "'").removesuffix("'s") for word in _WORD.findall(plain(text)))


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Gives a text in lower case with one space between its words."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Gives a word without the endings that number and tense give it: `dogs`, `dog`; of a number
    its digits, of a colour its first name."""
    if word in NUMBER_WORDS:
        return str(NUMBER_WORDS[word])
    word = COLOURS.get(word, word)
    for end, rest in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(end) and len(word) - len(end) >= 3 and not word.endswith("ss"):
            word = word.removesuffix(end) + rest
            break
    # «running», «run»; «dining», «dine»
    return word[:-1] if len(word) > 3 and (word[-1] == word[-2] or word[-1] == "e") else word


def content(text: str) -> list[str]:
    """Gives the stems of the words of a text that carry content, each once."""
    return list(dict.fromkeys(stem(word) for word in words(text) if word not in SMALL))


def negated(text: str) -> bool:
    """Whether a text denies something."""
    return any(word in NEGATIONS or word.endswith("n't") for word in words(text))


def holds(text: str, phrase: str) -> bool:
    """Whether a text has a phrase, word for word, in any case."""
    wanted, inside = plain(phrase).strip(" .,;:!?"), plain(text)
    if not wanted.isascii():  # scripts without spaces between words
        return wanted in inside
    at = inside.find(wanted)
    while wanted and at >= 0:
        around = inside[max(0, at - 1) : at] + inside[at + len(wanted) : at + len(wanted) + 1]
        if not any(letter.isalnum() or letter == "_" for letter in around):
            return True
        at = inside.find(wanted, at + 1)
    return False


def numbers(text: str) -> dict[Fraction, str]:
    """Gives the numbers of a text, in digits or words below a hundred, and how they are written.
    «One» is left out: it stands for things as often as it counts."""
    found = {
        Fraction(match[1].replace(",", "") + (match[2] or "")): match[0]
        for match in _NUMBER.finditer(text)
    }
    named = words(text)
    for at, word in enumerate(named):
        both = f"{word} {named[at + 1]}" if at + 1 < len(named) else ""
        written = both if both in NUMBER_WORDS else word
        after_ten = at > 0 and f"{named[at - 1]} {word}" in NUMBER_WORDS
        if word != "one" and written in NUMBER_WORDS and not after_ten:
            found.setdefault(Fraction(NUMBER_WORDS[written]), written)
    return found


def counts(text: str, number: Fraction) -> bool:
    """Whether a text has a number, or says it otherwise: «a dog», «both», «no dogs»."""
    own = set(words(text))
    return (
        number in numbers(text)
        or (number == 1 and bool(own & _ONE))
        or (number == 2 and bool(own & _TWO))
        or (number == 0 and negated(text))
    )


def colours(text: str) -> set[str]:
    """Gives the colours of a text: `gray` is `grey`, `reddish` is `red`."""
    found = set()
    for word in set(words(text)):
        root = word.removesuffix("ish") if word.endswith("ish") else word.removesuffix("s")
        # «reddish» doubles a letter, «bluish» and «whitish» drop one
        forms = (word, root, f"{root}e") if root[-1:] != root[-2:-1] else (word, root, root[:-1])
        found |= {COLOURS[form] for form in forms if form in COLOURS}
    return found


def strings(text: str) -> list[str]:
    """Gives what a text quotes, writes in capitals, or spells with digits: `B52`, `10:30`."""
    quoted = [next(filter(None, match)) for match in _QUOTED.findall(text)]
    rest = _NUMBER.sub(" ", _QUOTED.sub(" ", text))
    coded = [match[0] for pattern in (_SHOUTED, _CODE) for match in pattern.finditer(rest)]
    return list(dict.fromkeys([*quoted, *coded]))


def missing(statement: str, text: str) -> list[str]:
    """Gives the strings, numbers and colours of a statement that a text lacks, as they are
    written. None of a denial: what is not so need not be spoken of."""
    if negated(statement):
        return []
    lacking = [repr(string) for string in strings(statement) if not _quotes(text, string)]
    unquoted = _QUOTED.sub(" ", statement)
    lacking += [how for number, how in numbers(unquoted).items() if not counts(text, number)]
    return [*lacking, *sorted(colours(unquoted) - colours(text))]


def _quotes(text: str, string: str) -> bool:
    """Whether a text has a string, or its words apart: «STOP» above «ALL WAY»."""
    return holds(text, string) or (" " in string and set(words(string)) <= set(words(text)))


def all_in(wanted: Iterable[str], text: str) -> bool:
    """Whether a text has every one of some stems."""
    return set(wanted) <= {stem(word) for word in words(text)}
