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
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from suite.base.files import Folder
from suite.requests import SHORT

BEAT_SECONDS = 20.0
STALE_SECONDS = 180.0
INSIDE = "claims"


class Claims:
    """The claim of one worker on a store."""

    def __init__(self, folder: Folder, *, beat_seconds: float = BEAT_SECONDS) -> None:
        self._folder = folder
        self._owner = uuid.uuid4().hex
        self._keys: list[str] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._beat_seconds = beat_seconds
        self._beater: threading.Thread | None = None
        self._seen: dict[str, tuple[float, float]] = {}
        """Other machines' claims: owner -> its latest beat, and when we first saw that one."""

    def take(self, keys: Iterable[str]) -> bool:
        """Claims `keys` in place of what was claimed before; False when a live process has one."""
        mine = {key[:SHORT] for key in keys}
        with self._lock:
            self._keys = sorted(mine)
            self._write()
        if any(mine.intersection(other["keys"]) for other in self._others()):
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
            self._folder.remove(self._name(self._owner))

    def close(self) -> None:
        """Gives up what is claimed and stops renewing."""
        self._closing.set()
        self.release()
        if self._beater is not None:
            self._beater.join()

    def _name(self, owner: str) -> str:
        return f"{INSIDE}/{owner}.json"

    def _write(self) -> None:
        record = {**_identity(), "beat": time.time(), "keys": self._keys}
        self._folder.write(self._name(self._owner), json.dumps(record).encode())

    def _beat(self) -> None:
        while not self._closing.wait(self._beat_seconds):
            # A missed beat is no reason to stop: the next one may work, and at worst some other
            # machine repeats this batch.
            with self._lock, contextlib.suppress(Exception):
                if self._keys:
                    self._write()

    def _others(self) -> list[dict[str, Any]]:
        found = live_claims(self._folder, without=f"{self._owner}.json")
        return [record for record in found if not self._silent(record)]

    def _silent(self, record: dict[str, Any]) -> bool:
        """Whether a claim that is judged by its beat has had the same one for STALE_SECONDS of our
        clock: a dead process whose clock was ahead would hold its keys until ours has caught up."""
        if not _by_beat(record):
            return False
        beat, now = float(record["beat"]), time.monotonic()
        known, since = self._seen.get(record["name"], (None, now))
        if known != beat:
            since = now
        self._seen[record["name"]] = (beat, since)
        return now - since >= STALE_SECONDS


def live_claims(folder: Folder, without: str = "") -> list[dict[str, Any]]:
    """Claims of live processes. Removes the files of those that died on this machine."""
    found = []
    for name in folder.names(INSIDE):
        if name == without:
            continue
        try:
            record = json.loads(folder.read(f"{INSIDE}/{name}"))
            keys, alive = record["keys"], is_alive(record)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # released while we looked, or no claim at all
        if alive:
            found.append({**record, "keys": keys, "name": name})
        elif record.get("machine") == _identity()["machine"]:
            # Whose folder it is may not be ours to write: a claim left there does no harm.
            with contextlib.suppress(OSError):
                folder.remove(f"{INSIDE}/{name}")
    return found


def is_alive(record: dict[str, Any]) -> bool:
    """Whether the process that wrote a claim still works on it."""
    if _by_beat(record):
        return time.time() - float(record["beat"]) < STALE_SECONDS
    try:
        os.kill(int(record["pid"]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's process: it is there
    # A process number is used again after a while; the starting time tells the two apart.
    return bool(_started(int(record["pid"])) == record["started"])


def _by_beat(record: dict[str, Any]) -> bool:
    """Whether only its renewal tells if a claim's process lives: it is on another machine, or this
    system does not say when a process started. On Windows asking would even interrupt it."""
    mine = _identity()
    return bool(record["machine"] != mine["machine"] or not mine["started"])


def _identity() -> dict[str, Any]:
    pid = os.getpid()
    return {"machine": _machine(), "pid": pid, "started": _started(pid)}


def _machine() -> str:
    """Where a process number means something: host, its boot, and the process namespace."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return "/".join(parts)


def _started(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty where the system does not tell, and
    `gone` for one that has ended but was not collected yet."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "gone" if fields[0] in "ZX" else fields[19]
