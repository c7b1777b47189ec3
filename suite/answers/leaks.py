"""Leaks: upstream texts that say more than they may.

In: the contents to observe or a description, and the item. Out: whether it leaks. Contents to
observe must not hold an option or the answer; a description must not state an option's letter. A
description that holds the answer in words is no leak: to see it is the perceiver's task.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from unicodedata import normalize

from suite.items.item import Item


def contents_leak(contents: str, item: Item) -> bool:
    """Whether contents to observe hold an option's text or, for an open item, the answer."""
    return bool(told_by_contents(contents, item))


def told_by_contents(contents: str, item: Item) -> list[str]:
    """Gives the words of contents to observe that are an option's or, for an open item, the
    answer's, as NFC writes them.

    What the question itself holds says nothing about its answer: «the circle» of «Which colour has
    the circle?» is no leak where an option is `Circle`.
    """
    texts = item.options or (item.answer,)
    if not item.options and item.metric == "synonyms":
        texts += tuple(item.answer.split(","))
    composed, question = normalize("NFC", contents), normalize("NFC", item.question)
    told = {" ".join(found.casefold().split()) for found in _found(texts, question)}
    return [f for f in _found(texts, composed) if " ".join(f.casefold().split()) not in told]


def _found(texts: tuple[str, ...], place: str) -> Iterator[str]:
    for pattern in _phrases(texts):
        yield from pattern.findall(place)


def letter_leak(description: str, item: Item) -> bool:
    """Whether a description states an option's letter: `(B)`, `option B`, `the answer is B`, or a
    line that starts with `B.` or `B)`."""
    return bool(told_by_description(description, item))


def told_by_description(description: str, item: Item) -> list[str]:
    """Gives the words of a description that state an option's letter."""
    if not item.options:
        return []
    return [found[0].strip() for found in _letters(len(item.options)).finditer(description)]


_NO_ARTICLE = r"(?!\s+(?!(?:and|or|to|is|in|on|at)\b)[a-z])"
"""After an A that names something: no word that it could be the article of."""


@lru_cache(maxsize=65536)
def _phrases(texts: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Of the texts of several characters, in any case and with any space between words, and of
    those of one, as they are written: where A is an option, «a chart» does not hold it."""
    stripped = [normalize("NFC", text).strip().rstrip(".") for text in texts]
    long = "|".join(r"\s+".join(map(re.escape, t.split())) for t in stripped if len(t) > 1)
    short = "|".join(
        re.escape(t) + (_NO_ARTICLE if t in "aA" else "") for t in stripped if len(t) == 1
    )
    return (
        re.compile(rf"(?<!\w)(?:{long or '(?!)'})(?!\w)", re.IGNORECASE),
        re.compile(rf"(?<!\w)(?:{short or '(?!)'})(?!\w)"),
    )


@lru_cache(maxsize=32)
def _letters(count: int) -> re.Pattern[str]:
    letter = f"[A-{chr(ord('A') + min(count, 26) - 1)}]"
    return re.compile(
        rf"\({letter}\)"
        rf"|\b(?i:options?|choices?|answers?)(?:\s+(?i:is|would be))?\s*:?\s*\(?{letter}\b"
        rf"|^\s*{letter}[.):](?=\s|$)",
        re.MULTILINE,
    )
