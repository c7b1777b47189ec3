"""The error a person sees: one sentence that says what, where and what to do."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class SuiteError(Exception):
    """Bad input. The command line prints the message without a traceback and exits with 2."""


class DataError(SuiteError):
    """A task's data are missing or unreadable."""


class Unfinished(SuiteError):
    """Not the input but the machine stopped the work, and the same command goes on with it once
    that is mended: exit code 1."""


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Reasons of the system for which a file may not grow."""


def no_room(error: OSError, where: str) -> Unfinished:
    """What a person reads of a write that failed for one of NO_ROOM."""
    what, remedy = {
        errno.EDQUOT: (f"The disk quota at {where} is used up", "free some space"),
        errno.EFBIG: (
            f"A file at {where} would grow beyond the size that this process may write (ulimit -f)",
            "raise the limit",
        ),
    }.get(error.errno or 0, (f"The disk of {where} is full", "free some space"))
    return Unfinished(
        f"{what}: {remedy} and run the same command again; all that was finished is kept."
    )


@contextmanager
def said_of(place: object) -> Iterator[None]:
    """Inside, a ValueError becomes a SuiteError that says of what it speaks."""
    try:
        yield
    except ValueError as error:
        raise SuiteError(f"{place}: {error}") from error


def nearest(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the closest known word, else ` (known: ...)` with all of them."""
    words = list(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(words) or 'none'})"
