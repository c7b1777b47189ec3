"""Compares texts by what they say: «15.0», «fifteen» and «15»; «\\dfrac{4}{5}» and «4/5»;
«60 degrees» and «60°».

In: a text that is an answer and nothing else. Out: its normal form, or its number and unit. Nothing
here looks for an answer inside a sentence.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

_UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
NUMBER_WORDS = {word: number for number, word in enumerate(_UNITS)} | {
    f"{ten}{mark}{unit}".strip(): 20 + 10 * place + value
    for place, ten in enumerate(_TENS)
    for value, unit in enumerate(["", *_UNITS[1:10]])
    for mark in ("-", " ")
    if value or mark == " "
}
ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"]
NTH = ["1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th"]
PLACES = {word: place for words in (ORDINALS, NTH) for place, word in enumerate(words)}

_UNIT_NAMES = {
    "°": "degree degrees deg", "%": "percent", "$": "dollar dollars usd", "€": "euro euros",
    "cm": "centimeter centimeters centimetre centimetres", "m": "meter meters metre metres",
    "mm": "millimeter millimeters", "km": "kilometer kilometers kilometre kilometres",
    "g": "gram grams", "kg": "kilogram kilograms", "s": "second seconds sec", "h": "hour hours",
    "min": "minute minutes", "in": "inch inches", "ft": "foot feet",
}  # fmt: skip
_UNIT = {name: unit for unit, names in _UNIT_NAMES.items() for name in names.split()}
_UNIT |= {"degrees celsius": "°c", "° celsius": "°c", "° c": "°c"}
_BASE = {
    "km": ("m", Fraction(1000)), "cm": ("m", Fraction(1, 100)), "mm": ("m", Fraction(1, 1000)),
    "kg": ("g", Fraction(1000)), "mg": ("g", Fraction(1, 1000)), "min": ("s", Fraction(60)),
    "h": ("s", Fraction(3600)), "ml": ("l", Fraction(1, 1000)),
}  # fmt: skip
"""Units of one kind, so that «500 g» and «0.5 kg» are equal."""
_SCALES = re.compile(r"\b(?:k|hundred|thousand|million|billion|trillion|dozen)\b")

_FRACTION = re.compile(r"\\[dtc]?frac\s*\{([^{}]{1,40})\}\s*\{([^{}]{1,40})\}")
_MATH = [
    (re.compile(r"\^\s*\{?\s*\\circ\s*\}?|\\degree\b|º|˚"), "°"),
    (re.compile(r"\\(?:left|right|displaystyle|[,;:! ])|~"), " "),
    (re.compile(r"\\([%$#&_])"), r"\1"),
    (re.compile(r"\\times\b"), "×"),
    (re.compile(r"\\cdot\b"), "·"),
    (re.compile(r"\\pi\b"), "π"),
    (re.compile(r"\\sqrt\s*(?:\{([^{}]{1,40})\}|(?=\d))"), r"√\1"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\Omega\b"), "Ω"),
    (re.compile(r"\\mu\b"), "μ"),
    (re.compile(r"([\^_])\{(\w)\}"), r"\1\2"),
]
_ARTICLE = re.compile(r"^(?:the|an|a)\s+(?=\S)")
_SPACE = re.compile(r"\s+")
_EDGE = re.compile(r"""(?:[\s"',;:!?()\[\]{}]|\.(?!\d))+""")
_OPERATOR = re.compile(r"\s*([-+*/=×·^√<>|,:])\s*")

_NUMBER = re.compile(
    r"(?P<sign>[-+]|minus\s+|negative\s+)?(?P<money>[$€£¥₹])?"
    r"(?P<number>(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,12})?|\d{1,6},\d{1,2}(?=\s?[a-z°%])|"
    r"\.\d{1,12}|[a-z]+(?:[- ][a-z]+)?)"
    r"(?:\s?/\s?(?P<under>\d{1,12}))?\s?(?P<unit>(?!(?:st|nd|rd|"
    r"th)$)[a-z°%μω²³$€][a-z0-9°%μ²³/·^]*|degrees? celsius|° c(?:elsius)?)?"
)


COUNTED = re.compile(
    r"[a-z]{2,}s|people|men|women|children|" + "|".join(map(re.escape, {*_UNIT.values()}))
)
"""What may stand behind a number that an option gives alone: a plural or a unit."""


def plain_math(text: str) -> str:
    r"""Rewrites LaTeX's commands for numbers as they are written without it: 4/5 for a fraction."""
    if any(sign in text for sign in "\\^_~{"):
        text = _FRACTION.sub(r"\1/\2", text)
        for pattern, plain in _MATH:
            text = pattern.sub(plain, text)
    return text.replace("$", "") if text.count("$") > 1 else text


def normalised(text: str) -> str:
    """Gives a text in lower case, one space between words, no punctuation or article around it."""
    text = unicodedata.normalize("NFKC", text).replace("−", "-").casefold()
    text = _SPACE.sub(" ", text).rstrip(" \"'.,;:!?()[]{}")
    return _ARTICLE.sub("", text[edge.end() :] if (edge := _EDGE.match(text)) else text)


def squeezed(text: str) -> str:
    """Gives the normal form of a text without LaTeX's commands and the spaces around operators."""
    return _OPERATOR.sub(r"\1", normalised(plain_math(text)))


def quantity(text: str) -> tuple[Fraction, str] | None:
    """Reads a text that is a number with or without a unit; None for any other text.

    A thousand, a million or a dozen is no unit, and no number here: «3 million» is not 3.
    """
    plain = normalised(plain_math(text)) if len(text) <= 80 else ""
    match = _NUMBER.fullmatch(plain)
    if match is None or _SCALES.search(plain):
        return None
    decimal = re.fullmatch(r"\d+,\d{1,2}", match["number"])
    written = match["number"].replace(",", "." if decimal else "")
    unit = match["unit"] or ""
    if written[0].isalpha():
        words = written.split(" ")
        if (
            written not in NUMBER_WORDS
            and words[0] in NUMBER_WORDS
            and len(words) == 2
            and not unit
        ):
            written, unit = words[0], words[1]
        if written not in NUMBER_WORDS:
            return None
        written = str(NUMBER_WORDS[written])
    number = Fraction(written)
    if match["under"]:
        if not int(match["under"]):
            return None
        number /= int(match["under"])
    if (match["sign"] or "").strip() in {"-", "minus", "negative"}:
        number = -number
    return number, _UNIT.get(unit, unit) or match["money"] or ""


def same_quantity(first: tuple[Fraction, str], second: tuple[Fraction, str]) -> bool:
    """Whether two quantities are equal: by number where a unit is missing, else by both."""
    if not first[1] or not second[1] or first[1] == second[1]:
        return first[0] == second[0]
    (unit, scale), (other, factor) = (
        _BASE.get(name, (name, Fraction(1))) for name in (first[1], second[1])
    )
    return unit == other and first[0] * scale == second[0] * factor
