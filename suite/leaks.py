"""Leaks: upstream texts that say more than they may.

In: the contents to observe or a description, and the item. Out: whether it leaks. Contents to
observe must not hold an option or the answer; a description must not state an option's letter. A
description that holds the answer in words is no leak: to see it is the perceiver's task.
"""

from __future__ import annotations

import re
from functools import lru_cache

from suite.items import Item


def contents_leak(contents: str, item: Item) -> bool:
    """Whether contents to observe hold an option's text or, for an open item, the answer."""
    texts = item.options or (item.answer,)
    return _phrases(texts).search(contents) is not None


def letter_leak(description: str, item: Item) -> bool:
    """Whether a description states an option's letter: `(B)`, `option B`, `the answer is B`, or a
    line that starts with `B.` or `B)`."""
    return bool(item.options) and _letters(len(item.options)).search(description) is not None


@lru_cache(maxsize=65536)
def _phrases(texts: tuple[str, ...]) -> re.Pattern[str]:
    stripped = [text.strip().rstrip(".") for text in texts]
    words = "|".join(re.escape(text) for text in stripped if text) or r"(?!)"
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)


@lru_cache(maxsize=32)
def _letters(count: int) -> re.Pattern[str]:
    letter = f"[A-{chr(ord('A') + min(count, 26) - 1)}]"
    return re.compile(
        rf"\({letter}\)"
        rf"|\b(?i:options?|choices?|answers?)(?:\s+(?i:is|would be))?\s*:?\s*\(?{letter}\b"
        rf"|^\s*{letter}[.):](?=\s|$)",
        re.MULTILINE,
    )
