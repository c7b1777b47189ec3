"""The error a person sees: one sentence that says what, where and what to do."""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unicodedata import category

SHOWN, SAID, LONGEST = 80, 200, 1200
"""Letters of a quoted value, of a library's own words, and of a whole message."""
JOINERS = "\u200c\u200d"
"""Show nothing, and words of several scripts and emoji need them."""
MANY = 30
"""Known names that a message lists."""


def cut(text: str, most: int) -> str:
    """Gives a text of `most` letters: a longer one keeps its two ends."""
    ends = 2 * (most - 3) // 3
    return text if len(text) <= most else f"{text[:ends]} … {text[len(text) - (most - 3 - ends) :]}"


def one_line(text: str) -> str:
    """Gives a text in one line, in which what a terminal would obey (an escape, a turn of the
    writing's direction) is written out."""
    line = " ".join(text.splitlines())
    if line.isprintable():
        return line
    kept = (c.isprintable() or category(c) == "Zs" or c in JOINERS for c in line)
    return "".join(c if keep else repr(c)[1:-1] for c, keep in zip(line, kept))


def shown(value: object) -> str:
    """Gives a value as a message quotes it: as Python writes it, of SHOWN letters at most."""
    try:
        return cut(repr(value), SHOWN)
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets as deep
        return f"a {type(value).__name__} too large to show"


_ADDRESS = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.-]*:/{1,2})"
    r"(?:[^/\s]*@|[^/\s:@]+:(?!:|\d{1,5}/)\S*@)?"  # a password may hold a slash; a port is none
    r"(?P<place>(?:(?!::[\w+.-]+:[:/])[^\s'\"?#])*)"  # `::` begins another, or stands in IPv6
    r"(?:[?#][^\s'\"]+)?",
    re.IGNORECASE,
)


def public(text: str) -> str:
    """Gives a text with its addresses (s3://..., https://...) as others may see them: without user,
    password, query and fragment, in which keys and tokens stand."""
    return _ADDRESS.sub(r"\g<scheme>\g<place>", text)


def reason_of(error: BaseException) -> str:
    """Gives what a library says of an error: the first line that says something, without its full
    stop; the error's kind where it says nothing. Addresses are `public`."""
    lines = [said for line in str(error).splitlines() if (said := " ".join(line.split()))]
    first = lines[0] if lines else type(error).__name__
    if first.endswith(":") and len(lines) > 1:
        first = f"{first} {lines[1]}"
    return cut(public(first), SAID).rstrip(".")


class SuiteError(Exception):
    """Bad input. The command line prints the message without a traceback and exits with 2.

    The message is one line (`one_line`) of LONGEST letters at most, in which addresses are
    `public`.
    """

    def __init__(self, message: str) -> None:
        super().__init__(cut(one_line(public(message)), LONGEST))


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


def in_the_way(error: OSError) -> SuiteError | None:
    """What a person reads where a file lies in the place of a folder or the reverse; None for any
    other error."""
    path = Path(str(error.filename))
    if error.errno == errno.EISDIR:
        return SuiteError(f"{path} is a folder where a file is needed: remove or rename it.")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        file = next((place for place in (path, *path.parents) if place.is_file()), path)
        return SuiteError(f"{file} is a file where a folder is needed: remove or rename it.")
    return None


@contextmanager
def said_of(place: object) -> Iterator[None]:
    """Inside, a ValueError becomes a SuiteError that says of what it speaks."""
    try:
        yield
    except ValueError as error:
        raise SuiteError(f"{place}: {error}") from error


def nearest(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the closest known word, else ` (known: ...)` with all of them, of
    many the first."""
    words = list(known)
    close = difflib.get_close_matches(word[:SAID], words, n=1, cutoff=0.5)
    listed = ", ".join(cut(name, SHOWN) for name in words[:MANY]) or "none"
    rest = f" and {len(words) - MANY:,} more" if len(words) > MANY else ""
    return f" (did you mean {shown(close[0])}?)" if close else f" (known: {listed}{rest})"
