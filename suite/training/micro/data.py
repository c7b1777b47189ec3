"""Lessons as tensors: datasets by row index, and the collators of the four kinds of stage.

In: the micro world's lessons. Out: map-style datasets (row i is always the same, so that a
resumed run continues exactly) and batches for the recall, text, encoder and vision stages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from suite.training.micro.tokenizer import (
    END,
    END_THINK,
    IMAGE,
    SPECIAL,
    START,
    THINK,
    VISION_END,
    VISION_START,
    Encoder,
)
from tasks.micro import draw as drawing
from tasks.micro.lessons import Lesson, recall_pairs
from tasks.micro.scene import (
    BACKGROUNDS,
    CELLS,
    COLORS,
    QUALITIES,
    SHAPES,
    SIZES,
    TRAIN,
    Domain,
    Scene,
    sample_scene,
)

IGNORE = -100
FIELDS = {
    "taken": 2, "shape": len(SHAPES), "color": len(COLORS), "size": len(SIZES), "digit": 10,
    "background": len(BACKGROUNDS), "quality": len(QUALITIES), "cell": len(CELLS),
}  # fmt: skip
"""What the encoder's readers tell of each patch's cell, with the number of classes."""


@dataclass
class Row:
    """One row of tokens."""

    ids: list[int] = field(default_factory=list)
    targets: list[bool] = field(default_factory=list)
    """Whether the loss is taken on the token."""
    spans: list[tuple[str, bool, int, int]] = field(default_factory=list)
    """Turns: kind, thinking, first and last + 1 of its target tokens."""
    scenes: tuple[Scene, ...] = ()

    def add(self, ids: Sequence[int], target: bool) -> None:
        """Appends tokens."""
        self.ids.extend(ids)
        self.targets.extend([target] * len(ids))


def lesson_row(lesson: Lesson, encode: Encoder, image_tokens: int) -> Row:
    """Gives a lesson as the chat template writes it; loss on what the assistant says."""
    row = Row(scenes=lesson.scenes)
    picture = [
        encode.ids[VISION_START], *[encode.ids[IMAGE]] * image_tokens, encode.ids[VISION_END]
    ]  # fmt: skip
    for number, turn in enumerate(lesson.turns):
        row.add(encode(f"{START} user"), False)
        if number == 0:
            row.add(picture * len(lesson.scenes), False)
        row.add(encode(f"{turn.user} {END} {START} assistant"), False)
        start = len(row.ids)
        if turn.thinking is None:
            row.add(encode(f"{THINK} {END_THINK}"), False)
            start = len(row.ids)
            row.add(encode(f"{turn.answer} {END}"), True)
        else:
            row.add(encode(f"{THINK} {turn.thinking} {END_THINK} {turn.answer} {END}"), True)
        row.spans.append((turn.kind, turn.thinking is not None, start, len(row.ids)))
    return row


def recall_row(stage: str, seed: int, index: int, encode: Encoder) -> Row:
    """Gives random pairs `k v , k v ,`, then queries in both directions `? k v ? v k`; loss on
    answers.

    Associative recall over the whole vocabulary: the prelude without which reading a description
    stays on a plateau near chance. Without the separators a value is also followed by the next
    pair's key, and small models stop at one direction (accuracy 0.7).
    """
    comma, mark = encode.ids[","], encode.ids["?"]
    tokens = [i for i in range(len(SPECIAL), encode.size) if i not in (comma, mark)]
    pairs = [(tokens[a], tokens[b]) for a, b in recall_pairs(stage, seed, index, len(tokens))]
    row = Row()
    for key, value in pairs:
        row.add([key, value, comma], False)
    order = np.random.default_rng([seed, index]).permutation(2 * len(pairs))
    start = len(row.ids)
    for i in order:
        pair = pairs[i // 2]
        question, answer = pair if i % 2 == 0 else pair[::-1]
        row.add([mark, question], False)
        row.add([answer], True)
    row.spans.append(("recall", False, start, len(row.ids)))
    return row


class Rows(Dataset[Row]):
    """Row `index` of a stream, made on demand; of `samples` distinct rows, again and again."""

    def __init__(self, make: Callable[[int], Row], length: int, samples: int | None = None) -> None:
        self.make = make
        self.length = length
        self.samples = samples or length

    def __len__(self) -> int:
        """Number of rows."""
        return self.length

    def __getitem__(self, index: int) -> Row:
        """The row, the same every time."""
        return self.make(index % self.samples)


class ByLength(Dataset[Row]):
    """The same rows, each step's ordered by length: parts of a step then hold little padding."""

    def __init__(self, rows: Rows, batch: int) -> None:
        self.rows = rows
        self.batch = batch
        self._step = lru_cache(1)(self._ordered)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        """The row at a place of its step, the same every time."""
        step, place = divmod(index, self.batch)
        return self._step(step)[place]

    def _ordered(self, step: int) -> list[Row]:
        first = step * self.batch
        rows = [self.rows[i] for i in range(first, min(first + self.batch, len(self.rows)))]
        return sorted(rows, key=lambda row: len(row.ids))


@dataclass(frozen=True)
class TokenCollator:
    """Rows -> input_ids, labels (batch, length) and pixel_values.

    Padded on the right and without a mask: causal attention never looks there, and is cheaper so.
    """

    pad: int

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The batch; pixel_values (pictures, 3, side, side) only where rows have pictures."""
        length = max(len(r.ids) for r in rows)
        ids = np.full((len(rows), length), self.pad, dtype=np.int64)
        labels = np.full((len(rows), length), IGNORE, dtype=np.int64)
        for i, row in enumerate(rows):
            n = len(row.ids)
            ids[i, :n] = row.ids
            labels[i, :n] = np.where(row.targets, row.ids, IGNORE)
        batch: dict[str, Any] = {
            "input_ids": torch.from_numpy(ids),
            "labels": torch.from_numpy(labels),
        }
        scenes = [s for row in rows for s in row.scenes]
        if scenes:
            batch["pixel_values"] = pixels(scenes)
        return batch


def pixels(scenes: Sequence[Scene]) -> Tensor:
    """Gives pictures as the image processor gives them: (n, 3, side, side) in [-1, 1]."""
    stack = np.stack([drawing.draw(s) for s in scenes]).astype(np.float32)
    return torch.from_numpy((stack / 127.5 - 1).transpose(0, 3, 1, 2).copy())


class Scenes(Dataset[Scene]):
    """Scene `index` of the encoder's stream."""

    def __init__(self, stage: str, seed: int, length: int, domain: Domain = TRAIN) -> None:
        self.stage, self.seed, self.length, self.domain = stage, seed, length, domain

    def __len__(self) -> int:
        """Number of scenes."""
        return self.length

    def __getitem__(self, index: int) -> Scene:
        """The scene, the same every time."""
        import random

        return sample_scene(random.Random(f"{self.stage}/{self.seed}/{index}"), self.domain)


@dataclass(frozen=True)
class ProbeCollator:
    """Scenes -> pixel_values, labels (batch, patches, fields), boxes (batch, patches, 4)."""

    patches: int
    """Patches per side of the picture; a multiple of 3."""

    def __call__(self, scenes: Sequence[Scene]) -> dict[str, Tensor]:
        """The batch for `models.Probe`."""
        per_cell = self.patches // 3
        labels = np.full((len(scenes), 9, len(FIELDS)), IGNORE, dtype=np.int64)
        boxes = np.zeros((len(scenes), 9, 4), dtype=np.float32)
        for i, scene in enumerate(scenes):
            labels[i, :, 0] = 0
            labels[i, :, 5] = BACKGROUNDS.index(scene.background)
            labels[i, :, 6] = QUALITIES.index(scene.quality)
            labels[i, :, 7] = np.arange(9)
            for t in scene.things:
                labels[i, t.cell, :5] = (
                    1, SHAPES.index(t.shape), COLORS.index(t.color), SIZES.index(t.size), t.digit
                )  # fmt: skip
                boxes[i, t.cell] = np.asarray(drawing.box(t)) / 72
        row, column = np.divmod(np.arange(self.patches**2), self.patches)
        cells = (row // per_cell) * 3 + column // per_cell
        return {
            "pixel_values": pixels(scenes),
            "labels": torch.from_numpy(labels[:, cells]),
            "boxes": torch.from_numpy(boxes[:, cells]),
        }
