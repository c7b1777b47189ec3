"""Items: what a benchmark asks, in one shape for every benchmark.

In: nothing. Out: Item and ItemSet, the hashes that name images and clusters, the letters of
options.
"""

from __future__ import annotations

import hashlib
import string
from dataclasses import dataclass, field

LETTERS = string.ascii_uppercase
"""What options are called, in order."""


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
    """How it is scored: `choice`, `exact`, `synonyms`, `iou`, `lmms`, or a name that
    suite/answers/score.py registers."""
    fillers: int = 0
    """How many of the options are fillers («nan») that stand in for options a question lacks."""
    doc: str = field(default="", repr=False)
    """The benchmark's own row without its media, as JSON: what lmms-eval's scorer is given."""
    row: int = field(default=0, repr=False)
    """Where the row stands in the benchmark's data, from 0: lmms-eval's `doc_id`."""

    subcategory: str = field(default="", repr=False)
    """The benchmark's own name of the part of the category, or empty."""

    @property
    def chance(self) -> float:
        """Accuracy of guessing: 1/number of options that are no fillers, 0 for open answers."""
        return 1.0 / (len(self.options) - self.fillers) if self.options else 0.0


@dataclass(frozen=True)
class ItemSet:
    """All items of a task with the bytes of their images."""

    task: str
    items: tuple[Item, ...]
    image_bytes: dict[str, bytes] = field(repr=False)
    """Content hash -> PNG or JPEG bytes, or what a row holds in place of them."""
    unreadable: dict[str, str] = field(default_factory=dict, repr=False)
    """Hash of an image that is none -> where it stands and why; requests that show it fail."""
    files: dict[str, str] = field(default_factory=dict, repr=False)
    """File that a row names as its image, from the folder of the rows -> SHA-256 of its content."""


def image_hash(data: bytes) -> str:
    """Gives the SHA-256 (hex) of an encoded image."""
    return hashlib.sha256(data).hexdigest()


def cluster_id(task: str, item_id: str, images: tuple[str, ...]) -> str:
    """Names an item's cluster: equal for equal images in equal order; its own when it has none."""
    text = "|".join(images) if images else f"{task}/{item_id}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def first_of_each_category(items: tuple[Item, ...], limit: int | None) -> tuple[Item, ...]:
    """Gives the first `limit` items of each category, in their order."""
    if limit is None:
        return items
    seen: dict[str, int] = {}
    kept = []
    for item in items:
        seen[item.category] = seen.get(item.category, 0) + 1
        if seen[item.category] <= limit:
            kept.append(item)
    return tuple(kept)
