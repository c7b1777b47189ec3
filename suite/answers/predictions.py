"""Scores an outside file of predictions with the suite's own parser.

In: an ItemSet and a CSV, JSONL, JSON or Parquet file with `index` or `item_id` and `prediction`.
Out: a ScoredFile: a row per item, the summary per category with intervals, and the rows that were
missing, duplicated or unknown. A missing answer (no row, null, a blank cell of a table) is named
and left out, never counted as wrong; `""` in JSON is an answer that is empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from suite.answers.parse import parse
from suite.answers.score import lmms_score, score
from suite.base.keyed_texts import KEYS, ByKey, KeyedText, key_text, read_texts, whole_number
from suite.errors import SuiteError
from suite.items.item import Item, ItemSet
from suite.items.tasks import get_task


@dataclass(frozen=True)
class ScoredRow:
    """One scored prediction."""

    item_id: str
    category: str
    answer: str
    """The gold answer."""
    text: str
    """The prediction as it stands in the file."""
    prediction: str | None
    """What was read from it."""
    rule: str | None
    parsed: bool
    score: float
    lmms_score: float | None
    chance: float
    image_id: str


@dataclass(frozen=True)
class ScoredFile:
    """A file of predictions, scored."""

    task: str
    rows: tuple[ScoredRow, ...]
    missing: tuple[str, ...]
    """Ids of items without a prediction."""
    duplicates: tuple[str, ...]
    """Ids that occur more than once; where the texts differ, the item is not scored."""
    unknown: tuple[str, ...]
    """Keys of the file that are no item of the task."""

    @property
    def complete(self) -> bool:
        """Whether every item has exactly one prediction and nothing else is there."""
        return not (self.missing or self.duplicates or self.unknown)


def score_file(items: ItemSet, path: Path) -> ScoredFile:
    """Scores the predictions in a file; SuiteError when it cannot be read or fits no item."""
    return score_predictions(items, read_texts(path, "prediction", "predictions"), path)


def score_predictions(items: ItemSet, predictions: Sequence[KeyedText], path: Path) -> ScoredFile:
    """Scores predictions by their keys. `path` is only named in errors.

    SuiteError where none belongs to an item, and where the two keys of a row name different ones.
    """
    by_key = {column: _items_by_key(items.items, column) for column in KEYS}
    texts: dict[str, list[str]] = {}
    unknown = []
    for row in predictions:
        item = by_key[row.column].get(row.key)
        _check_keys(items.task, by_key, row, path)
        if item is None:
            unknown.append(row.key)
        else:
            texts.setdefault(item.item_id, []).extend([] if row.text is None else [row.text])
    if not texts:
        example = items.items[0].item_id if items.items else "none"
        raise SuiteError(
            f"No row of {path} belongs to an item of {items.task}: its keys are like "
            f"{predictions[0].key if predictions else 'none'!r}, the items' are like {example!r}."
        )
    duplicates = tuple(item_id for item_id, found in texts.items() if len(found) > 1)
    agreed = {item_id: found[0] for item_id, found in texts.items() if len(set(found)) == 1}
    rows = tuple(
        _scored(item, agreed[item.item_id]) for item in items.items if item.item_id in agreed
    )
    missing = tuple(item.item_id for item in items.items if not texts.get(item.item_id))
    return ScoredFile(items.task, rows, missing, duplicates, tuple(dict.fromkeys(unknown)))


def _check_keys(task: str, by_key: dict[str, ByKey[Item]], row: KeyedText, path: Path) -> None:
    """SuiteError where a row has both keys and they name different items."""
    keys = {name: key for name in KEYS if (key := key_text(row.cells.get(name))) is not None}
    if len({id(by_key[name].get(key)) for name, key in keys.items()}) > 1:
        raise SuiteError(
            f"{path} has both `item_id` and `index`, and in {row.place} they name different items "
            f"of {task} ({' and '.join(keys.values())}): leave out the column that is wrong."
        )


def _scored(item: Item, text: str) -> ScoredRow:
    parsed = parse(text, item)
    return ScoredRow(
        item_id=item.item_id,
        category=item.category,
        answer=item.answer,
        text=text,
        prediction=parsed.prediction,
        rule=parsed.rule,
        parsed=parsed.parsed,
        score=score(parsed, item),
        lmms_score=lmms_score(item, text),
        chance=item.chance,
        image_id=item.image_id,
    )


def _items_by_key(items: Sequence[Item], column: str) -> ByKey[Item]:
    """By item id; an `index`, as which a JSON object's keys are read, is rather the item's number
    where the ids are no numbers."""
    by_id = [(item.item_id, item) for item in items]
    words = not all(whole_number(key).lstrip("-").isdigit() for key, _ in by_id)
    if column == "index" and words:
        return ByKey([*by_id, *((str(number), item) for number, item in enumerate(items))])
    return ByKey(by_id)


# --- the summary ----------------------------------------------------------------------------


def summary(scored: ScoredFile, *, draws: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Gives the JSON of `downscale score`.

    `mean` and `chance` are over what `average` says, as in a run's table of cells: the categories
    of a task out of domain, else all items. Intervals are 95 %, by cluster bootstrap over images.
    `unparsed` is a share of the items.
    """
    rows = scored.rows
    names = list(dict.fromkeys(row.category for row in rows if row.category))
    groups = {name: [row for row in rows if row.category == name] for name in names}
    macro = bool(names) and get_task(scored.task).domain == "out_of_domain"
    counted = [row for row in rows if row.category] if macro else rows
    share = {name: len(counted) / (len(names) * len(group)) for name, group in groups.items()}
    weights = [share[row.category] if macro else 1.0 for row in counted]
    low, high = _interval(counted, weights, draws, seed)
    opinions = [row for row in rows if row.lmms_score is not None]
    return {
        "task": scored.task,
        "n": len(rows),
        "average": "categories" if macro else "items",
        "mean": fmean((row.score for row in counted), weights) if counted else None,
        "low": low,
        "high": high,
        "chance": fmean((row.chance for row in counted), weights) if counted else None,
        "unparsed": _share_unparsed(rows),
        "lmms_mean": fmean(row.lmms_score or 0.0 for row in opinions) if opinions else None,
        "lmms_disagreements": sum(row.lmms_score != row.score for row in opinions),
        "rules": dict(Counter(str(row.rule) for row in rows).most_common()),
        "missing": list(scored.missing),
        "duplicates": list(scored.duplicates),
        "unknown": list(scored.unknown),
        "categories": {name: _category(group, draws, seed) for name, group in groups.items()},
    }


def _category(rows: Sequence[ScoredRow], draws: int, seed: int) -> dict[str, Any]:
    low, high = _interval(rows, [1.0] * len(rows), draws, seed)
    return {
        "n": len(rows),
        "accuracy": fmean(row.score for row in rows),
        "low": low,
        "high": high,
        "unparsed": _share_unparsed(rows),
        "chance": fmean(row.chance for row in rows),
    }


def _share_unparsed(rows: Sequence[ScoredRow]) -> float | None:
    return fmean(not row.parsed for row in rows) if rows else None


def _interval(
    rows: Sequence[ScoredRow], weights: Sequence[float], draws: int, seed: int
) -> tuple[float | None, float | None]:
    """95 % interval of the weighted mean of scores, items of one image together."""
    if not rows:
        return None, None
    from analyses.stats.intervals import degenerate_interval, mean_interval

    clusters = [row.image_id for row in rows]
    values = {row.score for row in rows}
    if len(values) == 1:  # resampling would give an interval of no width
        return degenerate_interval(values.pop(), len(set(clusters)))
    scores = [row.score * weight for row, weight in zip(rows, weights, strict=True)]
    _, low, high = mean_interval(scores, clusters, draws, seed, bounds=(0.0, 1.0))
    return low, high
