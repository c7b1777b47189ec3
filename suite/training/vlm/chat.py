"""Conversations -> what a model is trained on: tokens, which of them bear loss, and pixels.

In: `Conversation`s and the processor. Out: the batch of a step. The format is ChatML, as the
template that the checkpoint is saved with writes it, so that a model is asked as it was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from suite.errors import SuiteError
from suite.models.transformers.onevision import END, MARK, START, SYSTEM
from suite.training.vlm.data import Conversation
from suite.training.vlm.recipe import Stage
from suite.training.vlm.tiles import Scheme
from tasks import pictures

IGNORE = -100


def pieces(row: Conversation, loss: str) -> list[tuple[str, bool]]:
    """Gives the parts of a row's text and whether the tokens of each bear loss.

    Parts are tokenized one by one, so that an answer begins where the prompt ends when the model
    is asked.
    """
    if loss == "caption":
        (_, mark), (_, caption) = row.turns
        return [(mark, False), (f"{caption}\n", True)]
    turns = row.turns if row.turns[0][0] == "system" else (("system", SYSTEM), *row.turns)
    found = []
    for role, text in turns:
        answers = role == "assistant"
        whole = answers and loss == "marks"
        found += [(f"{START}{role}\n", whole), (f"{text}{END}", answers), ("\n", whole)]
    return found


@dataclass(frozen=True)
class Collator:
    """Conversations -> input_ids, attention_mask, labels (rows, length), padded on the right, and
    pixel_values, image_sizes, batch_num_images of all images in them."""

    processor: Any
    stage: Stage
    scheme: Scheme

    def __call__(self, rows: Sequence[Conversation]) -> dict[str, Any]:
        """The batch. One without any image gets an empty one, of size 0 x 0, from which no token is
        made: every card must pass through the encoder, or those that do would wait for it."""
        opened = [[self._open(row, place) for place in row.images] for row in rows]
        coded = [self.encode(row, [i.size for i in images]) for row, images in zip(rows, opened)]
        length = max(len(ids) for ids, _ in coded)
        pad = self.processor.tokenizer.pad_token_id
        ids = np.full((len(rows), length), pad, dtype=np.int64)
        mask = np.zeros((len(rows), length), dtype=np.int64)
        labels = np.full((len(rows), length), IGNORE, dtype=np.int64)
        for i, (tokens, bears) in enumerate(coded):
            ids[i, : len(tokens)] = tokens
            mask[i, : len(tokens)] = 1
            labels[i, : len(tokens)] = np.where(bears, tokens, IGNORE)
        text = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        batch = {name: torch.from_numpy(values) for name, values in text.items()}
        return batch | self._pixels(opened)

    def encode(
        self, row: Conversation, sizes: list[tuple[int, int]]
    ) -> tuple[list[int], list[bool]]:
        """Gives the tokens of a row and which bear loss, cut to the stage's context.

        sizes: width and height of its images. Raises SuiteError where the cut leaves no loss.
        """
        tokenizer, loss = self.processor.tokenizer, self.stage.loss
        counts = iter(self.scheme.of(sizes, self.stage.images == "anyres"))
        ids: list[int] = []
        bears: list[bool] = []
        for text, answer in pieces(row, loss):
            for number, part in enumerate(text.split(MARK)):
                image = [self.processor.image_token_id] * next(counts) if number else []
                words = tokenizer(part, add_special_tokens=False)["input_ids"] if part else []
                ids += image + words
                bears += [False] * len(image) + [answer] * len(words)
        if loss == "marks":
            marks = set(tokenizer.convert_tokens_to_ids([START, END]))
            marks |= set(tokenizer("\n", add_special_tokens=False)["input_ids"])
            bears = [bear or token in marks for bear, token in zip(bears, ids)]
        bears[0] = False  # nothing stands before it from which it could be told
        ids, bears = ids[: self.stage.context], bears[: self.stage.context]
        if not any(bears):
            raise SuiteError(
                f"{row.place}: a context of {self.stage.context:,} tokens ends before the first "
                "one that bears loss; raise `context` or remove the row."
            )
        return ids, bears

    def _open(self, row: Conversation, place: Any) -> Image.Image:
        try:
            return pictures.shown(place.read_bytes())
        except (OSError, ValueError) as error:
            raise SuiteError(
                f"{row.place}: its image {place} cannot be read ({error}); mend or remove it."
            ) from error

    def _pixels(self, opened: list[list[Image.Image]]) -> dict[str, Any]:
        side = self.scheme.side
        tiled = self.stage.images == "anyres"
        if not tiled:  # one crop each, whatever its shape
            pressed = (i.resize((side, side), Image.Resampling.BICUBIC) for r in opened for i in r)
            opened = [[image] for image in pressed]
        shown = any(opened)
        read = self.processor.image_processor(
            images=[row for row in opened if row] if shown else [[Image.new("RGB", (side, side))]],
            input_data_format="channels_last",
            return_tensors="pt",
        )
        batch = dict(read) if shown else dict(read) | {"image_sizes": torch.zeros(1, 2).long()}
        if not tiled or not shown:
            batch["pixel_values"] = batch["pixel_values"][:, 0]
        return batch
