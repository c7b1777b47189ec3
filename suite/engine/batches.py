"""One batch through one generator: out-of-memory is halved, a bad request fails alone.

In: a generator, the requests of a batch and the room that earlier batches left. Out: one Generation
per request, in order; a failure is a Generation with `error`. What a person must see (bad setup,
Ctrl-C) is raised.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from suite.errors import SuiteError, reason_of
from suite.requests import Generation, Generator, ImageLoader, OutOfMemory, Request

KEEP_SECONDS = 20.0
"""How long what has ended waits for others to be kept with."""
NO_MEMORY = "The request does not fit in memory, even alone."


class FittingRows:
    """How many rows fit, learned from the batches that did not. A batch is known not to fit only
    after much of it was generated, so the next ones start with as many rows as did; after some
    that fitted twice as many are tried, as the longest requests come first."""

    def __init__(self, patience: int = 4) -> None:
        self.rows: int | None = None
        """Most rows to try at once; None while every batch has fitted."""
        self._patience = patience
        self._fitted = 0
        self._trying_more = False

    def fitted(self, rows: int) -> None:
        """Notes that so many rows went through."""
        if self.rows is None or rows < self.rows:
            return
        self._trying_more = False
        self._fitted += 1
        if self._fitted == self._patience:
            self.rows, self._fitted, self._trying_more = 2 * self.rows, 0, True

    def too_many(self, rows: int) -> None:
        """Notes that so many rows did not fit: half of them are next."""
        if self._trying_more:
            self._patience *= 2  # no need to ask again as soon
        self.rows, self._fitted, self._trying_more = (rows + 1) // 2, 0, False


def generate(
    generator: Generator,
    requests: Sequence[Request],
    images: ImageLoader,
    room: FittingRows | None = None,
) -> list[Generation]:
    """Answers `requests`, in order."""
    return [answer for some in _pieces(generator, requests, images, room) for answer in some]


def as_they_end(
    generator: Generator,
    requests: Sequence[Request],
    images: ImageLoader,
    room: FittingRows | None = None,
) -> Iterator[list[Generation]]:
    """Yields the answers, in order: all together, or of a generator that says `as_they_end` those
    that have ended every KEEP_SECONDS."""
    if getattr(generator, "as_they_end", False):
        yield from _pieces(generator, requests, images, room)
    else:
        yield generate(generator, requests, images, room)


def _pieces(
    generator: Generator,
    requests: Sequence[Request],
    images: ImageLoader,
    room: FittingRows | None,
) -> Iterator[list[Generation]]:
    room, done = room or FittingRows(), 0
    while done < len(requests):
        rest = requests[done:]
        for piece in _some(generator, rest[: room.rows or len(rest)], images, room):
            done += len(piece)
            yield piece


def _some(
    generator: Generator, part: Sequence[Request], images: ImageLoader, room: FittingRows
) -> Iterator[list[Generation]]:
    """Answers to `part`, or to its first ones when it did not fit; then there is less room."""
    done = 0
    try:
        for piece in _attempt(generator, part, images):
            done += len(piece)
            yield piece
    except (OutOfMemory, MemoryError):
        if len(part) == 1:
            yield [Generation(error=NO_MEMORY)]
        else:
            room.too_many(len(part))
        return
    except SuiteError:
        raise  # the setup is wrong, not this request
    except Exception as error:
        if len(part) == 1:
            yield [Generation(error=_sentence(error))]
            return
    else:
        room.fitted(len(part))
        return
    # Outside the handler: while it runs, the exception keeps the failed batch's tensors alive.
    for one in part[done:]:
        yield from _some(generator, [one], images, room)


def _attempt(
    generator: Generator, requests: Sequence[Request], images: ImageLoader
) -> Iterator[list[Generation]]:
    pieces = bool(getattr(generator, "as_they_end", False))
    answers: list[Generation] = []
    count, since = 0, time.monotonic()
    for answer in generator.generate(requests, images):
        answers.append(answer)
        count += 1
        if pieces and time.monotonic() - since >= KEEP_SECONDS:
            yield answers
            answers, since = [], time.monotonic()
    if count != len(requests):
        raise RuntimeError(f"{count} answers to {len(requests)} requests")
    if answers:
        yield answers


def _sentence(error: Exception) -> str:
    kind, reason = type(error).__name__, reason_of(error)
    return kind if reason == kind else f"{kind}: {reason}"


def sort_key(request: Request, key: str) -> tuple[int, int, str]:
    """Order in which requests are batched: alike in images and length; ties by key, so that the
    partition is the same in every run."""
    images = sum(len(message.images) for message in request.messages)
    return (-images, -sum(len(message.text) for message in request.messages), key)


def partition(requests: Mapping[str, Request], size: int) -> list[list[str]]:
    """Splits a group's keys into batches of at most `size`, longest first.

    Depends on the requests alone, not on what is stored already: a resumed run meets the same
    batches. Requests with different numbers of images are not mixed.
    """
    ordered: Sequence[str] = sorted(requests, key=lambda key: sort_key(requests[key], key))
    batches: list[list[str]] = []
    images: int | None = None
    for key in ordered:
        count = -sort_key(requests[key], key)[0]
        if not batches or len(batches[-1]) >= size or count != images:
            batches.append([])
        batches[-1].append(key)
        images = count
    return batches
