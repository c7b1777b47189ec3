"""The perfect perceiver: gold descriptions in place of a vision-language model.

In: items with `gold_description`. Out: Generations with those texts. What reasoning reaches on them
bounds what better perception could bring.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from suite.items import Item
from suite.requests import Generation, ImageLoader, Request, canonical_json


class OracleGenerator:
    """Answers each request with its item's gold description."""

    batches_of = 4096

    def __init__(self, items: Iterable[Item]) -> None:
        self._texts = {
            (item.task, item.item_id): item.gold_description
            for item in items
            if item.gold_description is not None
        }
        rows = sorted([task, item, text] for (task, item), text in self._texts.items())
        self._content = hashlib.sha256(canonical_json(rows).encode()).hexdigest()

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Hash of all descriptions."""
        return {"generator": "oracle", "content": self._content}

    def generate(self, requests: Sequence[Request], images: ImageLoader) -> Iterator[Generation]:
        """One Generation per request, in order; `error` where the benchmark has no description."""
        for request in requests:
            text = self._texts.get((request.task, request.item_id))
            if text is None:
                yield Generation(error=f"{request.task}/{request.item_id} has no gold description.")
            else:
                yield Generation(text=text, finish_reason="stop")
