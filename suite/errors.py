"""The error a person sees: one sentence that says what, where and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SuiteError(Exception):
    """Bad input. The command line prints the message without a traceback and exits with 2."""


class DataError(SuiteError):
    """A task's data are missing or unreadable."""


def nearest(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the closest known word, else ` (known: ...)` with all of them."""
    words = list(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(words) or 'none'})"
