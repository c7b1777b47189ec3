"""Takes MMStar's questions apart: their options stand inside the question's text.

In: the text of a question. Out: the question without its options, the options, and in which of the
file's forms they were written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks.choice import LETTERS


@dataclass(frozen=True)
class ParsedQuestion:
    """A question of MMStar taken apart."""

    question: str
    options: tuple[str, ...]
    form: str
    """`inline` («Options: A: x, B: y»), `choices` («Choices:», a line each) or `lines`."""


_HINT = re.compile(r"\AHint: Please answer[^\n]*\n(?:Question: )?")
_INLINE = re.compile(r"\n\s*Options:\s*(?=A:)")
_CHOICES = re.compile(r"\n\s*Choices:\s*\n(?=\(A\))")
_LINES = re.compile(r"\n(?=\(A\))")


def parse_question(text: str) -> ParsedQuestion:
    """Takes the options out of a question's text.

    The hint on how to answer that MathVista's questions begin with goes too: it is part of a
    prompt, and asks for more than the option. Raises ValueError when no form matches.
    """
    for form, start in (("inline", _INLINE), ("choices", _CHOICES), ("lines", _LINES)):
        matches = list(start.finditer(text))
        if not matches:
            continue
        block = text[matches[-1].end() :]
        options = _inline(block) if form == "inline" else _per_line(block)
        if len(options) >= 2:
            question = _HINT.sub("", text[: matches[-1].start()]).strip()
            return ParsedQuestion(question, tuple(option.strip() for option in options), form)
    raise ValueError(f"no options are found in the question {text[:80]!r}")


def _inline(block: str) -> list[str]:
    """«A: x, B: y, C: z»: the letters in order, each behind a comma; an option may hold commas."""
    starts = []
    place = 0
    for letter in LETTERS:
        comma = "" if letter == "A" else r",\s?"
        mark = re.compile(rf"{comma}{letter}:\s?").search(block, place)
        if mark is None or (letter == "A" and mark.start() != 0):
            break
        starts.append((mark.start(), mark.end()))
        place = mark.end()
    ends = [start for start, _ in starts[1:]] + [len(block)]
    return [block[start:end] for (_, start), end in zip(starts, ends, strict=True)]


def _per_line(block: str) -> list[str]:
    """«(A) x», a line each, the letters in order; what follows the last one is no option."""
    options: list[str] = []
    for line in block.splitlines():
        if not line.startswith(f"({LETTERS[len(options)]})"):
            break
        options.append(line[3:])
    return options
