"""Requests to small random models, with images that can and cannot be read, and their answers.

In: a generator and numbers of items. Out: generations, comparable between two calls.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from suite.requests import Decoding, Generation, Message, Request

GREEDY = Decoding(max_new_tokens=20)
SAMPLED = Decoding(max_new_tokens=6, temperature=0.7, top_p=0.8)
THINKING = Decoding(max_new_tokens=6, temperature=0.6, top_p=0.95, thinking=True, thinking_budget=9)


def picture(seed: int, width: int, height: int) -> bytes:
    """A PNG of random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


IMAGES = {
    "one": picture(1, 40, 30),
    "two": picture(2, 60, 60),
    "wide": picture(3, 100, 30),
    "broken": b"\x89PNG but no more",
    "cut": picture(4, 50, 50)[:200],
}


def request(
    index: int, decoding: Decoding = GREEDY, images: tuple[str, ...] = (), words: int | None = None
) -> Request:
    """One to four times the same words, or as many as are asked for."""
    count = 1 + index % 4 if words is None else words
    return Request("t", str(index), (Message("user", "what colour " * count, images),), decoding)


def ask(generator: Any, requests: Sequence[Request]) -> list[Generation]:
    """Answers of a generator that sees IMAGES."""
    return list(generator.generate(requests, IMAGES.__getitem__))


def said(generations: Sequence[Generation]) -> list[Generation]:
    """Without what may differ between two runs."""
    return [replace(one, seconds=0.0) for one in generations]
