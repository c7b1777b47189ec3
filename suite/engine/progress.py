"""Progress of a run: a bar of the stage under one of the whole on a terminal, a line that changes
in a notebook, plain lines elsewhere.

In: begin, advance and end of a group of requests. Out: text with the rate and the time left.
"""

from __future__ import annotations

import atexit
import html
import importlib
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
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

    def whole(self, done: int, total: int) -> None:
        """Of the run's requests so many are stored, of at most `total`."""

    def end(self) -> None:
        """The group is finished."""

    def close(self) -> None:
        """Nothing more comes: the work has ended, or was stopped in a group."""


def _nothing(*_: Any, **__: Any) -> None:
    """Says nothing."""


class Silent:
    """Says nothing: for notebooks' quiet runs, tests and the workers of another process."""

    say = begin = ready = advance = whole = end = close = staticmethod(_nothing)


QUIET: Progress = Silent()


class Tally:
    """Tells progress how many requests of a whole run are stored, as its groups are reached."""

    def __init__(self, most: Mapping[Any, int], progress: Progress) -> None:
        """most: group -> its requests where no two texts before it are the same."""
        self._counts = {group: (0, total) for group, total in most.items()}
        self._progress = progress

    def count(self, group: Any, done: int, total: int) -> None:
        """Of a group that was reached, `done` requests of `total` are stored."""
        self._counts[group] = done, total
        self._progress.whole(*map(sum, zip(*self._counts.values())))


@dataclass
class Count:
    """How far a stage, or a whole run, is since its clock began."""

    title: str
    total: int
    before: int
    """What was done before."""
    done: int
    unit: str = "requests"
    started: float = field(default_factory=lambda: time.monotonic())

    def restart(self) -> None:
        """Begins the clock again."""
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the clock began."""
        return max(time.monotonic() - self.started, 1e-9)

    @property
    def rate(self) -> float:
        """What is done in a second."""
        return (self.done - self.before) / self.seconds

    @property
    def left(self) -> float | None:
        """Seconds that the rest takes at this rate; None while there is no rate."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None

    def as_json(self) -> dict[str, Any]:
        """Gives what others read of it: rate a second, seconds left."""
        names = ("title", "done", "total", "unit", "rate", "left")
        return {name: getattr(self, name) for name in names}

    @property
    def words(self) -> str:
        """`600 of 1,000, 20.0/s, 20.0 s left`."""
        return words(self.done, self.total, self.rate, self.left)


class Counting:
    """Keeps what a run is at."""

    def __init__(self) -> None:
        self.stage: Count | None = None
        """What was begun and has not ended."""
        self.run: Count | None = None
        """The requests of the whole run, where there are more than those of a stage."""

    def begin(self, title: str, total: int, done: int, unit: str = "requests") -> None:
        """Begins a stage, and the run's clock with the first that asks."""
        self.stage = Count(title, total, done, done, unit)
        if self.run is not None and self.run.done == self.run.before:
            self.run.restart()

    def ready(self) -> None:
        """Starts the stage's clock: loading a model says nothing about its rate."""
        if self.stage is not None:
            self.stage.restart()

    def advance(self, done: int) -> None:
        """Moves the stage."""
        if self.stage is not None:
            self.stage.done = done

    def whole(self, done: int, total: int) -> None:
        """Moves the run."""
        if self.run is None:
            self.run = Count("whole run without drawing", total, done, done)
        elif self.stage is None:  # found in the store, so nothing of the rate
            self.run.before += done - self.run.done
        self.run.done, self.run.total = done, total

    def end(self) -> None:
        """Ends the stage."""
        self.stage = None

    def close(self) -> None:
        """Ends all of it."""
        self.stage = None

    @property
    def above(self) -> Count | None:
        """The run, while a stage of it asks."""
        if self.run is None or self.stage is None or self.stage.unit != "requests":
            return None
        return self.run if self.run.total > self.stage.total else None


class Lines(Counting):
    """Plain lines: one when a stage starts, one every ten seconds, one at its end."""

    def __init__(self, stream: Any = None) -> None:
        super().__init__()
        self._stream = stream if stream is not None else sys.stderr
        self._spoken = 0.0

    def say(self, message: str) -> None:
        """Prints the message."""
        print(message, file=self._stream, flush=True)

    def begin(self, title: str, total: int, done: int, unit: str = "requests") -> None:
        """Names the stage and what is left of it."""
        super().begin(title, total, done, unit)
        self._spoken = time.monotonic()
        stored = f", {done:,} of them stored" if done else ""
        self.say(f"{title}: {total:,} {unit}{stored}")

    def ready(self) -> None:
        """Starts the stage's clock."""
        super().ready()
        self._spoken = time.monotonic()

    def advance(self, done: int) -> None:
        """Prints rate and time left, of the whole run too, every ten seconds."""
        super().advance(done)
        if self.stage is None or time.monotonic() - self._spoken < LINE_SECONDS:
            return
        self._spoken = time.monotonic()
        above = f"; {self.above.title}: {self.above.words}" if self.above else ""
        self.say(f"{self.stage.title}: {self.stage.words}{above}")

    def end(self) -> None:
        """Says how long it took."""
        if self.stage is not None:
            took, rate = duration(self.stage.seconds), self.stage.rate
            self.say(f"{self.stage.title}: done in {took}, {rate:.1f}/s")
        super().end()


class Notebook(Counting):
    """One line of a notebook's cell, which changes."""

    def __init__(self) -> None:
        super().__init__()
        self._handle: Any = None
        self._shown = 0.0

    def say(self, message: str) -> None:
        """Prints the message."""
        print(message)

    def advance(self, done: int) -> None:
        """Shows stage and run, twice a second at most."""
        super().advance(done)
        if time.monotonic() - self._shown >= 0.5:
            self._show(*(count for count in (self.above, self.stage) if count))

    def end(self) -> None:
        """Takes the line away."""
        super().end()
        if self._handle is not None:
            self._show()

    def _show(self, *counts: Count) -> None:
        show = importlib.import_module("IPython.display")
        self._shown = time.monotonic()
        text = "<br>".join(
            f'<progress value="{count.done}" max="{count.total}"></progress> '
            f"{html.escape(f'{count.title}: {count.words}')}"
            for count in counts
        )
        if self._handle is None:
            self._handle = show.display(show.HTML(text), display_id=True)
        else:
            self._handle.update(show.HTML(text))


class Bars(Counting):
    """A bar of the stage on a terminal, under one of the whole run."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        super().__init__()
        self._console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
        )
        self._run: Any = None
        self._bar: Any = None
        atexit.register(self._bars.stop)  # whoever does not close it leaves the cursor as it was

    def say(self, message: str) -> None:
        """Prints the message above the bars."""
        self._console.print(message, markup=False, highlight=False)

    def begin(self, title: str, total: int, done: int, unit: str = "requests") -> None:
        """Adds the bars."""
        super().begin(title, total, done, unit)
        self._bars.start()
        if self.above:
            self._run = self._add(self.above)
        assert self.stage is not None
        self._bar = self._add(self.stage)

    def _add(self, count: Count) -> Any:
        name = f"{count.title:<28}"
        bar = self._bars.add_task(
            name, total=count.total, completed=count.done, rate="", left=_left(count)
        )
        self._bars.tasks[-1].start_time = self._bars.get_time() - (time.monotonic() - count.started)
        return bar

    def ready(self) -> None:
        """Starts the stage's clock."""
        super().ready()
        if self.stage is not None:
            self._bars.reset(self._bar, completed=self.stage.before)

    def advance(self, done: int) -> None:
        """Moves the bars."""
        super().advance(done)
        for bar, count in ((self._run, self.above), (self._bar, self.stage)):
            if bar is not None and count is not None:
                unit = "" if count.unit == "requests" else f" {count.unit}"
                self._bars.update(
                    bar,
                    total=count.total,
                    completed=count.done,
                    rate=f"{count.rate:.1f}{unit}/s",
                    left=_left(count),
                )

    def end(self) -> None:
        """Leaves the finished bar of the stage on the screen."""
        if self._run is not None:
            self._bars.remove_task(self._run)
            self._run = None
        self._bars.stop_task(self._bar)
        self._bars.stop()
        for task in self._bars.task_ids:
            self._bars.remove_task(task)
        super().end()

    def close(self) -> None:
        """Leaves the bars as they are, and the line below them to what is said next."""
        super().close()
        self._bars.stop()


def _left(count: Count) -> str:
    return "" if count.left is None else f"{duration(count.left)} left"


def progress_for_terminal() -> Progress:
    """Bars where stderr is a terminal, lines elsewhere."""
    return Bars() if sys.stderr.isatty() else Lines()


def progress_for_python() -> Progress:
    """A line in a notebook, nothing elsewhere."""
    shell = sys.modules.get("IPython")
    kernel = shell is not None and hasattr(shell.get_ipython(), "kernel")
    return Notebook() if kernel else Silent()


def words(done: int, total: int, rate: float, left: float | None) -> str:
    """Says how far something is: `600 of 1,000, 20.0/s, 20.0 s left`."""
    time_left = "" if left is None else f", {duration(left)} left"
    return f"{done:,} of {total:,}, {rate:.1f}/s{time_left}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: 4.2 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
