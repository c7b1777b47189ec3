"""Claims: how processes that share a store keep from doing the same work twice.

In: the keys a process is about to generate. Out: whether it may. Each process has one small file
that lists what it is working on. A claim is written first and the others' files are read after, so
of two that start together at least one sees the other; whoever sees an overlap steps back. A dead
process's claim does not count: on this machine its process is gone, on another one its file has not
been renewed for STALE_SECONDS, by its own time or since it was first seen, as clocks differ.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from suite.base.files import Folder
from suite.base.machine import process_space, process_started, process_stopped
from suite.errors import SuiteError
from suite.requests import SHORT

BEAT_SECONDS = 20.0
STALE_SECONDS = 180.0
INSIDE = "claims"


@dataclass(frozen=True)
class Claim:
    """What a process says it is working on."""

    name: str
    """Name of its file."""
    machine: str
    """Where its number means something (`process_space`)."""
    pid: int
    started: str
    """When the process started (`process_started`)."""
    beat: float
    """When it was last renewed, by the clock of its own machine: seconds since 1970."""
    keys: frozenset[str]
    """First SHORT digits of each."""

    @classmethod
    def read(cls, name: str, content: bytes) -> Claim | None:
        """Reads a claim; None for a file that is none."""
        try:
            record = json.loads(content)
            machine, pid, started = record["machine"], record["pid"], record["started"]
            beat, keys = float(record["beat"]), frozenset(record["keys"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None
        texts = all(isinstance(text, str) for text in (machine, started, *keys))
        if not texts or type(pid) is not int or not math.isfinite(beat):
            return None
        return cls(name, machine, pid, started, beat, keys)

    @property
    def by_beat(self) -> bool:
        """Whether only its renewal tells if its process lives: it is on another machine, or this
        system does not say when a process started."""
        return self.machine != process_space() or not process_started(os.getpid())

    @property
    def alive(self) -> bool:
        """Whether the process still works on it."""
        if self.by_beat:
            return time.time() - self.beat < STALE_SECONDS
        return bool(self.started) and process_started(self.pid) == self.started

    @property
    def advice(self) -> str:
        """Names the process, and says what a person may do about it."""
        who = f"process {self.pid} on {self.machine.partition('/')[0]}"
        if self.by_beat:
            return (
                f"{who} holds them; if it is dead, they are taken over {STALE_SECONDS:.0f} s after "
                "its last sign of life"
            )
        if process_stopped(self.pid):
            return (
                f"{who}, which is stopped, holds them: `kill -CONT {self.pid}` lets it go on, "
                f"`kill -KILL {self.pid}` ends it and leaves them to this run"
            )
        return f"{who} holds them; `kill {self.pid}` ends it and leaves them to this run"


class Claims:
    """The claim of one worker on a store."""

    def __init__(
        self, folder: Folder, *, owner: str | None = None, beat_seconds: float = BEAT_SECONDS
    ) -> None:
        """`owner` names the claim, for one who may have to give it up (see `give_up`)."""
        self._folder = folder
        self._owner = owner or uuid.uuid4().hex
        self._keys: list[str] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._beat_seconds = beat_seconds
        self._beater: threading.Thread | None = None
        self._seen: dict[str, tuple[float, float]] = {}
        """Other machines' claims: owner -> its latest beat, and when we first saw that one."""
        self.holders: list[Claim] = []
        """Whose claims stood in the way when `take` was last refused."""

    def take(self, keys: Iterable[str]) -> bool:
        """Claims `keys` in place of what was claimed before; False when a live process has one."""
        mine = {key[:SHORT] for key in keys}
        with self._lock:
            self._keys = sorted(mine)
            self._write()
        self.holders = [other for other in self._others() if mine & other.keys]
        if self.holders:
            self.release()
            return False
        if self._beater is None:
            self._beater = threading.Thread(target=self._beat, daemon=True, name="claims")
            self._beater.start()
        return True

    def release(self) -> None:
        """Gives up what is claimed."""
        with self._lock:
            self._keys = []
            self._folder.remove(_name(self._owner))

    def close(self) -> None:
        """Gives up what is claimed and stops renewing. What cannot be removed now hides no error
        that the work ended with: the claim dies with this process."""
        self._closing.set()
        with contextlib.suppress(Exception):
            self.release()
        if self._beater is not None:
            self._beater.join()

    def _write(self) -> None:
        record = {**signature(), "keys": self._keys}
        self._folder.write(_name(self._owner), json.dumps(record).encode())

    def _beat(self) -> None:
        while not self._closing.wait(self._beat_seconds):
            # A missed beat is no reason to stop: the next one may work, and at worst some other
            # machine repeats this batch.
            with self._lock, contextlib.suppress(Exception):
                if self._keys:
                    self._write()

    def _others(self) -> list[Claim]:
        found = live_claims(self._folder, without=f"{self._owner}.json")
        return [claim for claim in found if not self._silent(claim)]

    def _silent(self, claim: Claim) -> bool:
        """Whether a claim that is judged by its beat has had the same one for STALE_SECONDS of our
        clock: a dead process whose clock was ahead would hold its keys until ours has caught up."""
        if not claim.by_beat:
            return False
        now = time.monotonic()
        known, since = self._seen.get(claim.name, (None, now))
        if known != claim.beat:
            since = now
        self._seen[claim.name] = (claim.beat, since)
        return now - since >= STALE_SECONDS


def _name(owner: str) -> str:
    return f"{INSIDE}/{owner}.json"


def give_up(folder: Folder, owner: str) -> None:
    """Removes the claim of a worker that is known to be dead, wherever it was."""
    folder.remove(_name(owner))


def signature() -> dict[str, Any]:
    """Gives what tells others that this process lives: the fields of a `Claim` but for its keys."""
    pid = os.getpid()
    who = {"machine": process_space(), "pid": pid, "started": process_started(pid)}
    return {**who, "beat": time.time()}


def live_claims(folder: Folder, without: str = "") -> list[Claim]:
    """Claims of live processes. Removes the files of those that died on this machine."""
    found = []
    for name in folder.names(INSIDE):
        if name == without:
            continue
        try:
            claim = Claim.read(name, folder.read(f"{INSIDE}/{name}"))
        except OSError:
            continue  # released while we looked
        if claim is None:
            continue
        if claim.alive:
            found.append(claim)
        elif claim.machine == process_space():
            # Whose folder it is may not be ours to write: a claim left there does no harm.
            with contextlib.suppress(OSError, SuiteError):
                folder.remove(f"{INSIDE}/{name}")
    return found
