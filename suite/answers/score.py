"""Scores a parsed answer, and asks lmms-eval's own scorer for a second opinion.

In: a Parsed and its Item, or the raw text and the Item. Out: a score in [0, 1]. An answer that
could not be read scores 0, never chance. The second opinion is the task's own `process_results`,
run on the benchmark's row and the raw text; where the two disagree, a report can show the rows.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from suite.answers.parse import Parsed
from suite.answers.parsing.values import NUMBER_WORDS, normalised
from suite.errors import SuiteError
from suite.items.item import Item
from suite.items.tasks import get_task

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in the units of the gold box."""

IOU_THRESHOLD = 0.5
"""RefCOCO's acc@0.5: a box counts from this intersection over union with the gold box on."""

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
"""The comma in 1,234; that in 3,5 is another one."""
_NUMBER_WORDS = {word: str(number) for word, number in NUMBER_WORDS.items() if number <= 20}
"""Larger ones count only as they are written in the gold answer."""


def score(parsed: Parsed, item: Item) -> float:
    """Score of an answer in [0, 1]; 0 when it could not be read.

    Raises SuiteError for a metric that no scorer is registered for.
    """
    scorer = SCORERS.get(item.metric)
    if scorer is None:
        raise SuiteError(
            f"Item {item.item_id} of {item.task} has the metric {item.metric!r}; "
            f"suite/answers/score.py knows {', '.join(SCORERS)}."
        )
    if not parsed.parsed or parsed.prediction is None:
        return 0.0
    return scorer(parsed.prediction, item)


def choice_score(prediction: str, item: Item) -> float:
    """1 when the letter is the gold letter."""
    return float(prediction == item.answer)


def exact_score(prediction: str, item: Item) -> float:
    """1 when both texts are equal but for case, edge punctuation, articles and number words."""
    return float(_comparable(prediction) == _comparable(item.answer))


def synonyms_score(prediction: str, item: Item) -> float:
    """1 when the text is one of the gold names, which commas separate."""
    names = {_comparable(name) for name in item.answer.split(",")} | {_comparable(item.answer)}
    return float(_comparable(prediction) in names)


def iou_score(prediction: str, item: Item) -> float:
    """1 when the boxes' intersection over union is at least 0.5 (acc@0.5 of RefCOCO)."""
    value = iou(prediction, item)
    return float(not math.isnan(value) and value >= IOU_THRESHOLD)


def lmms_metric_score(prediction: str, item: Item) -> float:
    """lmms-eval's own score of the text, for tasks that only it knows how to score."""
    value = lmms_score(item, prediction)
    if value is None and lmms_score(item, item.answer) is None:
        raise SuiteError(
            f"lmms-eval gives no score for item {item.item_id} of {item.task}: its YAML needs "
            "process_results, and metadata.lmms_metric with the name of the score."
        )
    # Some scorers choke on a text (ROUGE on a lone full stop), while they score the gold answer.
    return min(1.0, max(0.0, value or 0.0))


SCORERS: dict[str, Callable[[str, Item], float]] = {
    "choice": choice_score,
    "exact": exact_score,
    "synonyms": synonyms_score,
    "iou": iou_score,
    "lmms": lmms_metric_score,
}
"""Metric name of an item -> its scorer. A task with another metric registers one here."""


def _comparable(text: str) -> str:
    plain = normalised(text)
    number = _GROUPED.sub("", plain)
    if _NUMBER.fullmatch(number):
        return format(float(number), ".15g")
    return _NUMBER_WORDS.get(plain, plain)


def iou(prediction: str | None, item: Item) -> float:
    """Gives the intersection over union of a predicted and the gold box, in [0, 1]; NaN without two
    boxes."""
    first, second = read_box(prediction), read_box(item.answer)
    if first is None or second is None:
        return math.nan
    return box_iou(first, second)


def read_box(text: str | None) -> Box | None:
    """Gives four numbers of a text as a box; None when there are not exactly four."""
    numbers = [float(number) for number in _NUMBER.findall(text or "")]
    return (numbers[0], numbers[1], numbers[2], numbers[3]) if len(numbers) == 4 else None


def box_iou(first: Box, second: Box) -> float:
    """|A and B| / |A or B| of two boxes (x0, y0, x1, y1); an empty or turned box has no area."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(0.0, width) * max(0.0, height)
    union = _area(first) + _area(second) - shared
    return shared / union if union > 0 and shared > 0 else 0.0


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


# --- lmms-eval's second opinion -------------------------------------------------------------


def lmms_score(item: Item, text: str) -> float | None:
    """What the task's own `process_results` gives for a raw answer; None where it gives nothing.

    Some of lmms-eval's scorers draw a random letter for an answer they cannot read; the draw is
    seeded by the item and the text, so that the second opinion is the same in every run.
    """
    scorer = _process_results(item.task)
    if scorer is None or not item.doc:
        return None
    function, metric = scorer
    doc = json.loads(item.doc)
    digest = hashlib.sha256(f"{item.task}|{item.item_id}|{text}".encode()).digest()
    state = random.getstate()
    random.seed(digest)
    try:
        return _value(function(doc, [text]), metric)
    except Exception:  # a scorer that chokes on a model's text has no opinion of it
        return None
    finally:
        random.setstate(state)


@lru_cache(maxsize=512)
def _process_results(task: str) -> tuple[Callable[..., Any], str | None] | None:
    try:
        info = get_task(task)
    except SuiteError:
        return None  # items of a task that is not installed here: stored results still load
    function = info.function("process_results")
    return (function, info.metadata.get("lmms_metric")) if function is not None else None


def _value(results: Mapping[str, Any], metric: str | None) -> float | None:
    """The score in a dict of process_results: a number, or a dict with a `score`."""
    value: Any = results.get(metric) if metric is not None else next(iter(results.values()), None)
    if isinstance(value, Mapping):
        value = value.get("score")
    value = value.item() if hasattr(value, "item") else value  # NumPy's and torch's numbers
    return float(value) if isinstance(value, (int, float)) and not math.isnan(value) else None
