"""The published way to read an answer, beside the suite's own: what the paper's tables stand on.

In: a raw answer and its item. Out: a score in [0, 1] by the rules of the code that the study's
authors ran (FIRST for MMStar, LAST for VMCBench), None for a task that it did not score. Where that
code draws a random letter, the score is what the draw gives on average, 1/number of options.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from suite.errors import SuiteError
from suite.items.item import LETTERS, Item
from suite.items.tasks import get_task

LONG = 5
"""An answer of more words than this is searched for the options' texts."""


def published_score(item: Item, text: str, *, decoupled: bool) -> float | None:
    """Gives the published score of an answer.

    decoupled: whether it is a reasoner's to a description, of which the last line counts alone, and
    of that what follows «Answer:».
    """
    rule = _rule(item.task)
    if rule is None or not item.options:
        return None
    if decoupled:
        lines = text.strip().splitlines() or [""]
        text = lines[-1].rpartition("Answer:")[2]
    return rule(text, item)


def first_letter(text: str, item: Item) -> float:
    """MMStar's: the answer begins with the letter, in either case, whatever word it begins, or with
    it after one of three openings."""
    said, gold = text.strip().lower(), item.answer.lower()
    return float(
        said.startswith(tuple(f"{o}{gold}" for o in ("", "(", "option ", "the answer is ")))
    )


def last_named(text: str, item: Item) -> float:
    """VMCBench's: of letters in brackets or before a full stop, else of letters that stand alone,
    else, in a long answer, of the options' texts, the one that comes last."""
    said = text
    for mark in ",.!?;:'":
        said = said.strip(mark)
    said, low = f" {said} ", f" {said} ".lower()
    options = dict(zip(LETTERS, item.options, strict=False))
    # A letter before a full stop counts, but where several are named only brackets have a place.
    ways = [{n: said.rfind(f"({n})") for n in options if f"({n})" in said or f"{n}. " in said}]
    ways += [{n: said.rfind(f" {n} ") for n in options if f" {n} " in said}]
    if len(said.split()) > LONG:
        ways += [{n: low.rfind(o.lower()) for n, o in options.items() if o.lower() in low}]
    named = next((way for way in ways if way), None)
    if named is None:
        return 1.0 / len(options)
    return float(max(named, key=lambda letter: named[letter]) == item.answer)


RULES: dict[str, Callable[[str, Item], float]] = {
    "Lin-Chen/MMStar": first_letter,
    "suyc21/VMCBench": last_named,
}
"""Where a task's data come from -> its rule."""


@lru_cache(maxsize=512)
def _rule(task: str) -> Callable[[str, Item], float] | None:
    try:
        return RULES.get(get_task(task).source)
    except SuiteError:  # a task that is not installed here
        return None
