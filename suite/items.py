"""Items: what a benchmark asks, in one shape for every benchmark.

In: a task name (an lmms-eval task YAML) and optionally a local copy of its data.
Out: an ItemSet, cached as Parquet by the content of its source.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Item:
    """One question of a benchmark."""

    task: str
    item_id: str
    """Unique within the task, a string, stable between runs."""
    question: str
    """The question without its options."""
    options: tuple[str, ...]
    """The options' texts in order (A, B, ...); empty for an open answer."""
    answer: str
    """Gold answer: the option's letter when there are options, else the text."""
    category: str
    """The benchmark's own category name, or empty."""
    images: tuple[str, ...]
    """SHA-256 content hashes of the encoded images, in order; may be empty."""
    image_id: str
    """Cluster of the item: hash of its images; items that show the same images share it."""
    gold_description: str | None = None
    """What a perfect perceiver would say, where the benchmark knows it."""
    metric: str = "choice"
    """How it is scored: `choice`, `exact`, `iou`, or a name registered in suite/score.py."""

    @property
    def chance(self) -> float:
        """Accuracy of guessing: 1/number of options, 0 for open answers."""
        return 1.0 / len(self.options) if self.options else 0.0


@dataclass(frozen=True)
class ItemSet:
    """All items of a task with the bytes of their images."""

    task: str
    items: tuple[Item, ...]
    image_bytes: dict[str, bytes] = field(repr=False)
    """Content hash -> PNG or JPEG bytes."""
