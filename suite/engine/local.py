"""The local engine: generates what a plan still lacks, on this machine, into the store.

In: a Walk and a way to build generators. Out: a store in which every request of the plan is
answered or has failed in this run. Group by group: render, deduplicate, partition, claim a
batch, generate it, commit it whole. Several processes may do so over one store; each takes what no
other has claimed.
"""

from __future__ import annotations

import contextlib
import gc
import random
import time
from collections import ChainMap, deque
from collections.abc import Callable, Iterable
from typing import Any

from suite.base.images import Unreadable
from suite.engine.batches import FittingRows, generate, partition
from suite.engine.claims import Claims
from suite.engine.progress import Progress
from suite.engine.walk import Model, StepGroup, Walk
from suite.errors import Unfinished
from suite.models.fingerprint import has_changed
from suite.requests import Generator, ImageLoader, Request
from suite.store import Answered, Shelf

WAIT_SECONDS = (0.02, 0.5)
"""First and longest pause before looking again at batches that another process has claimed."""
SAY_SECONDS = 5.0
"""After so long without work a person is told who has it; again after twice as long, and so on."""
DEFAULT_BATCH = 16

Build = Callable[[Model], Generator]
Note = Callable[[StepGroup, Iterable[str]], None]
"""Is told the keys of each group that the engine reaches."""


class CurrentModel:
    """Builds generators and keeps the last one: one model in memory at a time."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._model: Model | None = None
        self._generator: Generator | None = None

    def get(self, model: Model) -> Generator:
        """The generator of a model, loaded when another one was in use."""
        if self._generator is None or self._model != model:
            self.drop()
            self._generator, self._model = self._build(model), model
        return self._generator

    def drop(self) -> None:
        """Frees the model in memory."""
        if self._generator is not None:
            close = getattr(self._generator, "close", None)
            self._generator = None
            if close is not None:
                # What it generated is stored, or the error that it ended with is known.
                with contextlib.suppress(Exception):
                    close()
            gc.collect()


def missing(walk: Walk, group: StepGroup) -> bool:
    """Whether a group whose upstream is stored still lacks an answer."""
    shelf = walk.shelf(group)
    return any(not shelf.settled(key) for key in walk.requests(group))


def run_walk(
    walk: Walk, loaded: CurrentModel, claims: Claims, progress: Progress, note: Note | None = None
) -> None:
    """Runs every group of the walk until nothing is missing."""
    images = image_loader(walk)
    for group in walk.groups:
        requests = walk.requests(group)
        if note is not None:
            note(group, requests)
        _run_group(walk, group, requests, loaded, claims, images, progress)


def image_loader(walk: Walk) -> ImageLoader:
    """Finds the bytes of an image among the walk's items; Unreadable for one that is none."""
    found = ChainMap(*(items.image_bytes for items in walk.items.values()))
    unreadable = ChainMap(*(items.unreadable for items in walk.items.values()))

    def load(name: str) -> bytes:
        if name in unreadable:
            raise Unreadable(unreadable[name])
        return found[name]

    return load


def _run_group(
    walk: Walk,
    group: StepGroup,
    requests: dict[str, Request],
    loaded: CurrentModel,
    claims: Claims,
    images: ImageLoader,
    progress: Progress,
) -> None:
    shelf = walk.shelf(group)
    settled = sum(shelf.settled(key) for key in requests)
    if settled == len(requests):
        return
    progress.begin(group.title, len(requests), settled)
    others = len(shelf) - settled  # rows of this generator that other groups asked for
    generator = loaded.get((group.role, group.spec))
    if walk.fingerprint(group) != walk.fingerprint(group) | generator.fingerprint:
        raise Unfinished(has_changed(f"Model {group.spec.source}"))
    progress.ready()
    about = {"stage": group.stage, "model": group.model}
    queue = deque(partition(requests, int(getattr(generator, "batches_of", DEFAULT_BATCH))))
    waiting: list[list[str]] = []
    room = FittingRows()
    pause = WAIT_SECONDS[0]
    idle_since, say_after = time.monotonic(), SAY_SECONDS
    while queue or waiting:
        if not queue:
            # What is left is in the hands of other processes: they commit it, or they die.
            if claims.holders and time.monotonic() - idle_since > say_after:
                left = sum(not shelf.settled(key) for batch in waiting for key in batch)
                progress.say(f"Waiting for {left:,} requests: {claims.holders[0].advice}.")
                say_after *= 2
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, WAIT_SECONDS[1])
            shelf.refresh()
            queue, waiting = deque(waiting), []
        batch = queue.popleft()
        keys = [key for key in batch if not shelf.settled(key)]
        if not keys:
            continue
        if not claims.take(keys):
            waiting.append(batch)
            continue
        pause = WAIT_SECONDS[0]
        # Somebody may have committed these between our last look and our claim.
        shelf.refresh()
        if queue and (expect := getattr(generator, "expect", None)) is not None:
            expect([requests[key] for key in queue[0] if not shelf.settled(key)], images)
        _run_batch(
            generator,
            requests,
            [key for key in keys if not shelf.settled(key)],
            shelf,
            images,
            about,
            room,
        )
        for line in getattr(generator, "news", list)():
            progress.say(line)
        idle_since, say_after = time.monotonic(), SAY_SECONDS
        progress.advance(min(len(requests), len(shelf) - others))
    claims.release()
    progress.advance(len(requests))
    progress.end()


def _run_batch(
    generator: Generator,
    requests: dict[str, Request],
    keys: list[str],
    shelf: Shelf,
    images: ImageLoader,
    about: dict[str, Any],
    room: FittingRows,
) -> None:
    if not keys:
        return
    answers = generate(generator, [requests[key] for key in keys], images, room)
    rows = [Answered(key, requests[key], answer) for key, answer in zip(keys, answers)]
    shelf.commit(rows, **about)
