"""Reading ahead: what is asked next is made ready on threads while the model computes.

In: a function that makes a batch of requests ready. Out: its results, made before they are asked
for where somebody said that they would be. Decoding and scaling images takes a GPU's time else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from suite.base.machine import cores

MOST = 8
"""Most threads that decode images."""
KEPT = 2
"""Most batches that wait: the next part of what is asked for, and the first of what comes then."""

Asked = TypeVar("Asked")
Ready = TypeVar("Ready")
Made = TypeVar("Made")


class Ahead(Generic[Asked, Ready]):
    """Holds the batches that were read ahead. Without threads each is read when it is asked for."""

    def __init__(self, read: Callable[[Sequence[Asked], Any], Ready], threads: bool) -> None:
        """`read` makes ready a batch, given it and what finds its images."""
        self._read = read
        self.tokenizer = threading.Lock()
        """Held while a tokenizer is used, which is not made for two threads."""
        self._reader: ThreadPoolExecutor | None = None
        self._openers: ThreadPoolExecutor | None = None
        if threads:
            self._reader = ThreadPoolExecutor(1, "read-ahead", initializer=self._mark)
            self._openers = ThreadPoolExecutor(min(MOST, cores()), "open-images")
        self._here = threading.local()
        self._waiting: dict[tuple[Asked, ...], Future[Ready]] = {}

    def _mark(self) -> None:
        self._here.ahead = True

    def is_ahead(self) -> bool:
        """Whether the caller runs on the thread that reads ahead."""
        return getattr(self._here, "ahead", False)

    def expect(self, asked: Sequence[Asked], images: Any) -> None:
        """Says that a batch will be asked for. One that was not when KEPT others are expected is
        let go: another was asked for in its place."""
        if self._reader is None or tuple(asked) in self._waiting:
            return
        self._waiting[tuple(asked)] = self._reader.submit(self._read, asked, images)
        while len(self._waiting) > KEPT:
            self._waiting.pop(next(iter(self._waiting))).cancel()

    def get(self, asked: Sequence[Asked], images: Any) -> Ready:
        """Gives a batch, and raises what reading it has raised."""
        future = self._waiting.pop(tuple(asked), None)
        return self._read(asked, images) if future is None else future.result()

    def each(self, make: Callable[[Asked], Made], asked: Iterable[Asked]) -> Iterable[Made]:
        """Calls `make` for each of a batch, several at a time where there are threads."""
        return map(make, asked) if self._openers is None else self._openers.map(make, asked)

    def close(self) -> None:
        """Ends the threads; what was expected is not read any more."""
        for pool in (self._reader, self._openers):
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
        self._waiting.clear()
