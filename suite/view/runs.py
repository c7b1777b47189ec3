"""The runs that a browser is shown, and how far each is read.

In: a run directory, records, or a folder with runs in it. Out: `Runs`, by name; each run's index
is made in the background, so that a page is answered while millions of answers are still read, and
made again when the run has written other records.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.errors import SuiteError
from suite.runs import provenance

if TYPE_CHECKING:
    from suite.runs.explorer import Explorer
    from suite.runs.index import Index

RECORDS = "records.parquet"
DEEP = 4
"""Folders under the one that was named in which runs are looked for."""
MANY = 2000
"""Runs that are listed."""


@dataclass(frozen=True)
class Opened:
    """A run whose records are read."""

    explorer: Explorer
    index: Index


class Run:
    """One run."""

    def __init__(self, name: str, path: Path, store: str | None = None) -> None:
        self.name = name
        self.path = path
        """Directory, or records."""
        self._store = store
        self._lock = threading.Lock()
        self._of: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None
        self._opened: Opened | None = None
        self._error: Exception | None = None

    @property
    def folder(self) -> Path:
        """The directory, where provenance.json is."""
        return self.path if self.path.is_dir() else self.path.parent

    @property
    def records(self) -> Path:
        """The records, which may not be there yet."""
        return self.path / RECORDS if self.path.is_dir() else self.path

    @property
    def facts(self) -> dict[str, Any]:
        """What provenance.json says; nothing where there is none."""
        try:
            return provenance.read(self.folder)
        except SuiteError:
            return {}

    @property
    def going_on(self) -> bool:
        """Whether the run has begun and not ended."""
        facts = self.facts
        return bool(facts) and "ended" in facts and facts["ended"] is None

    def opened(self, wait: float = 0.0) -> Opened | None:
        """Gives the run as its records are now; None while they are read, or not yet there.

        wait: seconds to wait for them. Raises SuiteError for records that cannot be read.
        """
        try:
            about = self.records.stat()
        except OSError:
            return None
        stamp = (about.st_size, about.st_mtime_ns)
        with self._lock:
            if stamp != self._of:
                self._of, self._opened, self._error = stamp, None, None
                self._thread = threading.Thread(target=self._open, args=(stamp,), daemon=True)
                self._thread.start()
            thread = self._thread
        if thread is not None and wait:
            thread.join(wait)
        if self._error is not None:
            raise self._error
        return self._opened

    def _open(self, stamp: tuple[int, int]) -> None:
        from suite.runs.explorer import Explorer
        from suite.runs.index import Index

        try:
            explorer = Explorer(self.path, store=self._store)
            opened = Opened(explorer, Index.of(explorer.path))
        except Exception as error:  # told by whoever asks for the run
            if stamp == self._of:
                self._error = error
            return
        if stamp == self._of:
            self._opened = opened


class Runs:
    """The runs by name."""

    def __init__(self, source: str, store: str | None = None) -> None:
        """Raises SuiteError where `source` is neither a run nor a folder with one in it."""
        self.source = Path(source)
        self._store = store
        self._runs: dict[str, Run] = {}
        self.single = self.source.is_file() or _is_run(self.source)
        if self.single:
            name = (self.source if self.source.is_dir() else self.source.parent).resolve().name
            self._runs[name] = Run(name, self.source, store)
        elif not self.all():
            raise SuiteError(
                f"There is no run in {source}; `downscale run STUDY --out {source}` makes one."
            )

    def all(self) -> list[Run]:
        """Gives all of them as they are now, by name."""
        if not self.single:
            for path in _found(self.source, DEEP):
                name = path.relative_to(self.source).as_posix()
                if name not in self._runs and len(self._runs) < MANY:
                    self._runs[name] = Run(name, path, self._store)
        return [run for _, run in sorted(self._runs.items())]

    def add(self, source: str) -> Run:
        """Adds one more, under a name of its own."""
        own = Runs(source, self._store)
        if not own.single:
            raise SuiteError(f"{source} is no run: name a run directory to hold the first against.")
        [run] = own.all()
        while run.name in self._runs:
            run.name = f"{run.name} (other)"
        self._runs[run.name] = run
        return run

    def get(self, name: str) -> Run | None:
        """Gives the run of a name, the only one's without a name."""
        if not name:
            return next(iter(self._runs.values())) if self.single else None
        if name not in self._runs:
            self.all()
        return self._runs.get(name)


def _is_run(folder: Path) -> bool:
    return (folder / RECORDS).is_file() or (folder / "provenance.json").is_file()


def _found(folder: Path, deep: int) -> Iterator[Path]:
    """Folders of runs, none inside another."""
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entry.path for entry in entries if entry.is_dir())
    except OSError:
        return
    for path in map(Path, inside):
        if _is_run(path):
            yield path
        elif deep > 1 and not path.name.startswith("."):
            yield from _found(path, deep - 1)
