"""Numbers in words: «twenty-one», «third», «3rd».

In: nothing. Out: the words of the numbers from 0 to 99 and of the first places, with their values.
"""

from __future__ import annotations

_UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"]
NTH = ["1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th"]
NUMBER_WORDS = {word: number for number, word in enumerate(_UNITS)} | {
    f"{ten}{mark}{unit}".strip(): 20 + 10 * place + value
    for place, ten in enumerate(_TENS)
    for value, unit in enumerate(["", *_UNITS[1:10]])
    for mark in ("-", " ")
    if value or mark == " "
}
COUNTS = tuple(_UNITS[1:])
PLACES = {word: place for words in (ORDINALS, NTH) for place, word in enumerate(words)}
