"""The local engine: generates what a plan still lacks, on this machine, into the store.

In: a Walk and a way to build generators. Out: a store in which every request of the plan is
answered or has failed in this run. Group by group: render, deduplicate, partition, claim a
batch, generate it, commit it whole. Several processes may do so over one store; each takes what no
other has claimed.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections import ChainMap, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from suite.base.images import Unreadable
from suite.engine.batches import FittingRows, as_they_end, partition
from suite.engine.claims import Claims
from suite.engine.progress import Progress, Tally
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
    """Builds generators and keeps the last one: one model in memory at a time.

    tell: is told the versions of other programs by which a model answers, once they are known.
    """

    def __init__(
        self, build: Build, tell: Callable[[dict[str, str]], None] = lambda versions: None
    ) -> None:
        self._build, self._tell = build, tell
        self._versions: dict[str, str] = {}
        self._model: Model | None = None
        self._generator: Generator | None = None

    def get(self, model: Model) -> Generator:
        """The generator of a model, loaded when another one was in use."""
        if self._generator is None or self._model != model:
            self.drop()
            self._generator, self._model = self._build(model), model
        return self._generator

    def answered(self) -> None:
        """Tells the versions of other programs where the model in memory names new ones."""
        found = self._versions | getattr(self._generator, "versions", {})
        if found != self._versions:
            self._versions = found
            self._tell(found)

    def drop(self) -> None:
        """Frees the model in memory."""
        if self._generator is not None:
            close = getattr(self._generator, "close", None)
            self._generator = None
            if close is not None:
                # What it generated is stored, or the error that it ended with is known.
                with contextlib.suppress(Exception):
                    close()


def missing(walk: Walk, group: StepGroup) -> bool:
    """Whether a group whose upstream is stored still lacks an answer."""
    shelf = walk.shelf(group)
    return any(not shelf.settled(key) for key in walk.requests(group))


def run_walk(
    walk: Walk, loaded: CurrentModel, claims: Claims, progress: Progress, note: Note | None = None
) -> None:
    """Runs every group of the walk until nothing is missing.

    What other processes have claimed holds up only the groups that read it: the others go on.
    """
    work = _Work(walk, loaded, claims, progress, image_loader(walk))
    reached: dict[StepGroup, _Open] = {}
    left = list(walk.groups)
    pause, idle_since, say_after = WAIT_SECONDS[0], time.monotonic(), SAY_SECONDS
    while left:
        held: list[StepGroup] = []
        worked = False
        for place, group in enumerate(left):
            if _reads_from(group, [*held, *left[place + 1 :]]):
                held.append(group)
                continue
            if group not in reached:
                reached[group] = _Open(group, walk.requests(group))
                if note is not None:
                    note(group, reached[group].requests)
            before = work.batches
            if not work.run(reached[group]):
                held.append(group)
            worked |= work.batches > before
        worked |= len(held) < len(left)
        left = held
        if worked:
            pause, idle_since, say_after = WAIT_SECONDS[0], time.monotonic(), SAY_SECONDS
            continue
        # What is left is in the hands of other processes: they commit it, or they die.
        if claims.holders and time.monotonic() - idle_since > say_after:
            rest = sum(work.unsettled(reached[group]) for group in left if group in reached)
            progress.say(f"Waiting for {rest:,} requests: {claims.holders[0].advice}.")
            say_after *= 2
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, WAIT_SECONDS[1])


def _reads_from(group: StepGroup, unfinished: Sequence[StepGroup]) -> bool:
    """Whether a group reads what an unfinished one writes."""
    above = {step.upstream for step in group.steps}
    return any(step in above for other in unfinished for step in other.steps)


def image_loader(walk: Walk) -> ImageLoader:
    """Finds the bytes of an image among the walk's items; Unreadable for one that is none."""
    found = ChainMap(*(items.image_bytes for items in walk.items.values()))
    unreadable = ChainMap(*(items.unreadable for items in walk.items.values()))

    def load(name: str) -> bytes:
        if name in unreadable:
            raise Unreadable(unreadable[name])
        return found[name]

    return load


@dataclass
class _Open:
    """A group that was reached."""

    group: StepGroup
    requests: dict[str, Request]
    queue: deque[list[str]] | None = None
    """Batches that were not seen answered; None before the first look."""
    others: int = 0
    """Rows of its generator that other groups asked for."""
    room: FittingRows = field(default_factory=FittingRows)


class _Work:
    """What all groups of a walk are worked on with."""

    def __init__(
        self,
        walk: Walk,
        loaded: CurrentModel,
        claims: Claims,
        progress: Progress,
        images: ImageLoader,
    ) -> None:
        self.walk, self.loaded, self.claims = walk, loaded, claims
        self.progress, self.images = progress, images
        self._tally = Tally(walk.most(), progress)
        self.batches = 0
        """Batches asked so far."""
        self._shown: _Open | None = None
        """The group that progress is told of."""

    def unsettled(self, open: _Open) -> int:
        """Requests of a group that nobody has answered."""
        shelf = self.walk.shelf(open.group)
        return sum(not shelf.settled(key) for key in open.requests)

    def run(self, open: _Open) -> bool:
        """Runs the batches of a group that nobody else has claimed; says whether none is left."""
        shelf, requests = self.walk.shelf(open.group), open.requests
        generator: Generator | None = None
        if open.queue is None:
            shelf.verify(requests)
            left = self.unsettled(open)
            self._tally.count(open.group, len(requests) - left, len(requests))
            if not left:
                return True
            open.others = len(shelf) - (len(requests) - left)
            generator = self._generator(open, len(requests) - left)
            size = int(getattr(generator, "batches_of", DEFAULT_BATCH))
            open.queue = deque(partition(requests, size))
        else:
            shelf.refresh()
            self._advance(open, len(shelf) - open.others)
        waiting: list[list[str]] = []
        while open.queue:
            batch = open.queue.popleft()
            keys = [key for key in batch if not shelf.settled(key)]
            if not keys:
                continue
            if not self.claims.take(keys):
                waiting.append(batch)
                continue
            if generator is None:  # others had all that was left, and some gave it up
                generator = self._generator(open, len(requests) - self.unsettled(open))
            # Somebody may have committed these between our last look and our claim.
            shelf.refresh()
            self._expect(generator, open, shelf)
            self._batch(generator, open, [key for key in keys if not shelf.settled(key)], shelf)
            self._advance(open, len(shelf) - open.others)
        open.queue.extend(waiting)
        self.claims.release()
        if not waiting:
            self._advance(open, len(requests))
            if self._shown is open:
                self.progress.end()
                self._shown = None
        return not waiting

    def _generator(self, open: _Open, settled: int) -> Generator:
        """Loads a group's model and tells progress of it."""
        group = open.group
        self._shown = open
        self.progress.begin(group.title, len(open.requests), settled)
        generator = self.loaded.get((group.role, group.spec))
        if self.walk.fingerprint(group) != self.walk.fingerprint(group) | generator.fingerprint:
            raise Unfinished(has_changed(f"Model {group.spec.source}"))
        self.progress.ready()
        return generator

    def _advance(self, open: _Open, done: int) -> None:
        done = min(len(open.requests), done)
        self._tally.count(open.group, done, len(open.requests))
        if self._shown is open:
            self.progress.advance(done)

    def _expect(self, generator: Generator, open: _Open, shelf: Shelf) -> None:
        """Tells a generator that reads ahead which batch comes next."""
        expect = getattr(generator, "expect", None)
        if open.queue and expect is not None:
            next_ones = [open.requests[key] for key in open.queue[0] if not shelf.settled(key)]
            expect(next_ones, self.images)

    def _batch(self, generator: Generator, open: _Open, keys: list[str], shelf: Shelf) -> None:
        """Generates a claimed batch and commits it."""
        self.batches += 1
        if keys:
            asked = [open.requests[key] for key in keys]
            left = iter(zip(keys, asked, strict=True))
            for answers in as_they_end(generator, asked, self.images, open.room):
                self.loaded.answered()
                rows = [Answered(*next(left), answer) for answer in answers]
                shelf.commit(rows, stage=open.group.stage, model=open.group.model)
                self._advance(open, len(shelf) - open.others)
            if shelf.crowded and self.claims.take([shelf.packing_key]):
                shelf.pack()
        for line in getattr(generator, "news", list)():
            self.progress.say(line)
