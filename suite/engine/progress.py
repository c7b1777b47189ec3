"""Progress of a run on stderr: a bar per stage on a terminal, plain lines elsewhere.

In: begin, advance and end of a group of requests. Out: text with the rate and the time left.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol

LINE_SECONDS = 10.0
"""Seconds between two plain lines of one stage."""


class Progress(Protocol):
    """What the engine tells about its work."""

    def say(self, message: str) -> None:
        """Says one line of text."""

    def begin(self, title: str, total: int, done: int, unit: str = "requests") -> None:
        """A group of `total` requests, or of another unit, starts, `done` of them stored before."""

    def ready(self) -> None:
        """The group's model is loaded: from here on its time counts."""

    def advance(self, done: int) -> None:
        """`done` requests of the group are stored now."""

    def end(self) -> None:
        """The group is finished."""


def _nothing(*_: Any, **__: Any) -> None:
    """Says nothing."""


class Silent:
    """Says nothing: for notebooks' quiet runs, tests and the workers of another process."""

    say = begin = ready = advance = end = staticmethod(_nothing)


class Lines:
    """Plain lines: one when a stage starts, one every ten seconds, one at its end."""

    def __init__(self, stream: Any = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._title = ""
        self._total = self._before = self._done = 0
        self._started = self._spoken = 0.0

    def say(self, message: str) -> None:
        """Prints the message."""
        print(message, file=self._stream, flush=True)

    def begin(self, title: str, total: int, done: int, unit: str = "requests") -> None:
        """Names the stage and what is left of it."""
        self._title, self._total, self._before, self._done = title, total, done, done
        self._started = self._spoken = time.monotonic()
        stored = f", {done:,} of them stored" if done else ""
        self.say(f"{title}: {total:,} {unit}{stored}")

    def ready(self) -> None:
        """Starts the clock: loading a model says nothing about its rate."""
        self._started = self._spoken = time.monotonic()

    def advance(self, done: int) -> None:
        """Prints rate and time left, every ten seconds."""
        self._done = done
        now = time.monotonic()
        if now - self._spoken < LINE_SECONDS:
            return
        self._spoken = now
        rate = (done - self._before) / max(now - self._started, 1e-9)
        left = f", {duration((self._total - done) / rate)} left" if rate > 0 else ""
        self.say(f"{self._title}: {done:,} of {self._total:,}, {rate:.1f}/s{left}")

    def end(self) -> None:
        """Says how long it took."""
        seconds = max(time.monotonic() - self._started, 1e-9)
        rate = (self._done - self._before) / seconds
        self.say(f"{self._title}: done in {duration(seconds)}, {rate:.1f}/s")


class Bars:
    """One bar per stage on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._bar: Any = None
        self._unit = ""
        self._before = 0
        self._started = 0.0

    def say(self, message: str) -> None:
        """Prints the message above the bars."""
        self._console.print(message, markup=False, highlight=False)

    def begin(self, title: str, total: int, done: int, unit: str = "requests") -> None:
        """Adds a bar."""
        self._bars.start()
        self._before, self._started = done, time.monotonic()
        self._unit = "" if unit == "requests" else f" {unit}"
        self._bar = self._bars.add_task(f"{title:<28}", total=total, completed=done, rate="")

    def ready(self) -> None:
        """Starts the bar's clock: loading a model says nothing about its rate."""
        self._started = time.monotonic()
        self._bars.reset(self._bar, completed=self._before)

    def advance(self, done: int) -> None:
        """Moves the bar."""
        rate = (done - self._before) / max(time.monotonic() - self._started, 1e-9)
        self._bars.update(self._bar, completed=done, rate=f"{rate:.1f}{self._unit}/s")

    def end(self) -> None:
        """Leaves the finished bar on the screen."""
        self._bars.stop_task(self._bar)
        self._bars.stop()
        for task in self._bars.task_ids:
            self._bars.remove_task(task)


def progress_for_terminal() -> Progress:
    """Bars where stderr is a terminal, lines elsewhere."""
    return Bars() if sys.stderr.isatty() else Lines()


def duration(seconds: float) -> str:
    """Seconds as a person says them: 4.2 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
