"""Words and signs with which a terminal, a browser and the report speak of items.

In: nothing, and nothing heavy is imported. Out: one vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SIGNS = {"right": "✓", "wrong": "✗", "unread": "?", "failed": "!"}
"""Mark of an answer -> its sign in a grid."""
STAGES = {"instruct": "Contents to observe", "perceive": "Descriptions"}
"""Stage -> what its texts are called."""
BLAMED = ("perception", "reasoning", "either", "both", "bottleneck")
"""Whose fault an item can be: the keys of `suite.runs.faults.BLAMES`."""
ENDS = {"length": "its tokens ran out", "budget": "its thinking was cut"}
"""How an answer ended, where that is worth a word."""
LEAK = "a text before it says more than it may"
MODES = {True: "After thinking", False: "Answering directly"}
FIELDS = {
    "q": "Item or question",
    "said": "In what models wrote",
    "change": "Changed",
    "task": "Task",
    "category": "Category",
    "cell": "Cell",
    "mark": "An answer is",
    "rule": "Read by rule",
    "blame": "Whose fault",
    "solved": "Solved from size",
}
"""What items are filtered by -> what a person reads."""


def sign(marks: Sequence[str]) -> str:
    """Gives the sign of a cell: how many are right where there are several answers."""
    if len(marks) > 1:
        return f"{marks.count('right')}/{len(marks)}"
    return SIGNS[marks[0]] if marks else "·"


def grid_name(own: Mapping[str, Any], all_of_them: Sequence[Mapping[str, Any]]) -> str:
    """Says how a grid reasons, and of whom it is where there are more."""
    apart = [n for n in ("family", "perceiver") if len({row[n] for row in all_of_them}) > 1]
    return ", ".join([MODES[bool(own["thinking"])], *(str(own[name]) for name in apart)])


def asked(requests: Mapping[str, int]) -> str:
    """Says how many requests a plan comes to, and after its run (`requests` of the summary) how
    many it came to: what was asked and what had the same text add up to the plan's."""
    if "coincided" not in requests:
        return (
            f"at most {_requests(requests['distinct'])} to ask, {requests['planned']:,} if every "
            "cell asked alone"
        )
    said = f"{_requests(requests['distinct'])} asked"
    if requests["coincided"]:
        said += f", {requests['coincided']:,} more had the same text"
    if requests.get("blocked"):
        said += f", {requests['blocked']:,} could not be asked because a stage before them failed"
    return said


def _requests(count: int) -> str:
    return f"{count:,} request{'' if count == 1 else 's'}"


def reading(answer: dict[str, object]) -> str:
    """Says what was read from an answer that did not fail, by which rule, and what it scores.

    answer: as `Explorer.item` gives it.
    """
    read = f"Read {answer['prediction']}" if answer["parsed"] else "Nothing was read"
    rule = f" by rule {answer['rule']}" if answer["rule"] else ""
    score = answer["score"]
    told = f", score {score:g}" if isinstance(score, (int, float)) else ""
    more = [ENDS.get(str(answer["finish_reason"])), LEAK if answer["leak"] else None]
    return f"{read}{rule}{told}{''.join(f'; {part}' for part in more if part)}."
