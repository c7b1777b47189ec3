"""Scores an outside file of predictions with the suite's own parser.

In: an ItemSet and a CSV, JSONL, JSON or Parquet file with `index` or `item_id` and `prediction`.
Out: a ScoredFile: a row per item, the summary per category with intervals, and the rows that were
missing, duplicated or unknown. A missing answer is named and left out, never counted as wrong.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from suite.errors import SuiteError
from suite.items import Item, ItemSet
from suite.parse import parse
from suite.score import lmms_score, score

KEYS = ("item_id", "index")
TEXT = "prediction"


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
    return score_predictions(items, read_predictions(path), path)


def score_predictions(
    items: ItemSet, predictions: Sequence[tuple[str, str, str]], path: Path
) -> ScoredFile:
    """Scores (key column, key, text) triples. `path` is only named in errors."""
    by_key = _items_by_key(items.items, predictions[0][0] if predictions else KEYS[0])
    texts: dict[str, list[str]] = {}
    unknown = []
    for _, key, text in predictions:
        item = by_key.get(key)
        if item is None:
            unknown.append(key)
        else:
            texts.setdefault(item.item_id, []).append(text)
    if not texts:
        example = items.items[0].item_id if items.items else "none"
        raise SuiteError(
            f"No row of {path} belongs to an item of {items.task}: its keys are like "
            f"{predictions[0][1] if predictions else 'none'!r}, the items' are like {example!r}."
        )
    duplicates = tuple(item_id for item_id, found in texts.items() if len(found) > 1)
    agreed = {item_id: found[0] for item_id, found in texts.items() if len(set(found)) == 1}
    rows = tuple(
        _scored(item, agreed[item.item_id]) for item in items.items if item.item_id in agreed
    )
    missing = tuple(item.item_id for item in items.items if item.item_id not in texts)
    return ScoredFile(items.task, rows, missing, duplicates, tuple(dict.fromkeys(unknown)))


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


def _items_by_key(items: Sequence[Item], column: str) -> dict[str, Item]:
    """By item id; a column `index` is the item's number where the ids are no numbers."""
    if column == "index" and not all(item.item_id.lstrip("-").isdigit() for item in items):
        return {str(number): item for number, item in enumerate(items)}
    return {item.item_id: item for item in items}


# --- reading --------------------------------------------------------------------------------


def read_predictions(path: Path) -> list[tuple[str, str, str]]:
    """(key column, key, text) per row of a CSV, TSV, JSONL, JSON or Parquet file."""
    if not path.is_file():
        raise SuiteError(f"There is no file {path}: give a CSV, JSONL or Parquet of predictions.")
    try:
        rows = list(_rows(path))
    except (ValueError, OSError, csv.Error) as error:
        raise SuiteError(f"The predictions in {path} cannot be read: {error}") from error
    if not rows:
        raise SuiteError(f"{path} holds no predictions: it needs a row per item.")
    columns = list(rows[0])
    key = next((name for name in KEYS if name in columns), None)
    if key is None or TEXT not in columns:
        raise SuiteError(
            f"{path} has the columns {', '.join(map(str, columns))}: it needs `index` or "
            f"`item_id`, and `{TEXT}`."
        )
    return [(key, _key(row.get(key)), _text(row.get(TEXT))) for row in rows]


def _rows(path: Path) -> Iterable[Mapping[str, Any]]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    text = path.read_text(encoding="utf-8-sig")
    if suffix in {".csv", ".tsv"}:
        csv.field_size_limit(1 << 30)  # a model's reasoning may be longer than csv's default
        return csv.DictReader(
            text.splitlines(keepends=True), delimiter="\t" if suffix == ".tsv" else ","
        )
    if suffix == ".jsonl":
        return [_object(json.loads(line)) for line in text.splitlines() if line.strip()]
    if suffix == ".json":
        content = json.loads(text)
        if isinstance(content, dict):
            return [{"index": key, TEXT: value} for key, value in content.items()]
        return [_object(row) for row in content]
    raise ValueError(f"files that end in {suffix or 'nothing'} are not known; use .csv or .jsonl")


def _object(row: Any) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise ValueError(f"a row is {row!r} and not an object with `index` and `{TEXT}`")
    return row


def _key(value: Any) -> str:
    """A key as text; 3.0, which a table with a hole makes of 3, is 3."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return text.removesuffix(".0") if text.removesuffix(".0").isdigit() else text


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)  # NaN is unequal to itself


# --- the summary ----------------------------------------------------------------------------


def summary(scored: ScoredFile, *, draws: int = 2000, seed: int = 0) -> dict[str, Any]:
    """The JSON of `downscale score`.

    `mean` is the mean of the categories' accuracies where the task has categories, else of all
    items. Intervals are 95 %, by cluster bootstrap over images. `unparsed` is a share of the items.
    """
    rows = scored.rows
    names = list(dict.fromkeys(row.category for row in rows if row.category))
    groups = {name: [row for row in rows if row.category == name] for name in names}
    weights = {name: len(rows) / (len(names) * len(group)) for name, group in groups.items()}
    low, high = _interval(rows, [weights.get(row.category, 1.0) for row in rows], draws, seed)
    means = [fmean(row.score for row in group) for group in groups.values()]
    opinions = [row for row in rows if row.lmms_score is not None]
    return {
        "task": scored.task,
        "n": len(rows),
        "mean": fmean(means) if means else fmean(row.score for row in rows) if rows else None,
        "low": low,
        "high": high,
        "chance": fmean(row.chance for row in rows) if rows else None,
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
    from analyses.intervals import degenerate_interval, mean_interval

    clusters = [row.image_id for row in rows]
    values = {row.score for row in rows}
    if len(values) == 1:  # resampling would give an interval of no width
        return degenerate_interval(values.pop(), len(set(clusters)))
    scores = [row.score * weight for row, weight in zip(rows, weights, strict=True)]
    _, low, high = mean_interval(scores, clusters, draws, seed, bounds=(0.0, 1.0))
    return low, high
