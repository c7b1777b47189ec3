"""Files: the suite's own folder, the user's cache, and folders whose writes are whole or absent.

In: the environment; a path or an fsspec address such as s3://bucket/store. Out: names and bytes. On
a local disk a file is written under a temporary name and renamed; an object store's put is already
one atomic act. All in the cache can be made again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from unicodedata import category, normalize

from suite.base.machine import process_space, process_started
from suite.base.remote import Remote
from suite.errors import NO_ROOM, SuiteError, in_the_way, no_room, shown

PACKAGE = Path(__file__).resolve().parent.parent
"""The folder suite/, whose YAML files come with the code; `tasks` and `analyses` lie beside it."""
NAME = "downscaling-suite"
TEMPORARY = ".writing-"
LONGEST_NAME = 100
"""Bytes of UTF-8: systems have room for 255 in a file's name."""
ABANDONED_SECONDS = 3600.0
"""Age at which a temporary file of a process that cannot be asked for is a killed one's."""
_swept: set[Path] = set()
"""Folders in which this process has looked for them."""


def cache_folder() -> Path:
    """Gives DOWNSCALE_CACHE, else downscaling-suite in XDG_CACHE_HOME or the system's caches."""
    if explicit := os.environ.get("DOWNSCALE_CACHE"):
        return user_path(explicit)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return user_path(base) / NAME
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / NAME
    if sys.platform == "win32" and (base := os.environ.get("LOCALAPPDATA")):
        return Path(base) / NAME
    return Path.home() / ".cache" / NAME


def user_path(text: str | Path) -> Path:
    """Gives the path that a person wrote, `~` read as a home; SuiteError for a user who is none."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise SuiteError(f"{text} names the home of a user who is not here; check it.") from error


def checked_name(name: str, key: str) -> str:
    """Gives a name back that may become part of a file's name; ValueError, which calls it by `key`,
    for one that may not."""
    letters = "".join(letter for letter in name if category(letter)[0] != "M")  # marks on letters
    plain = re.fullmatch(r"[\w-][\w.-]*", letters) and letters[0] == name[0]
    if not plain or len(name.encode()) > LONGEST_NAME:
        raise ValueError(
            f"`{key}` is {shown(name)}: a name is made of letters, digits, dots, dashes and "
            f"underscores, begins with no dot and has {LONGEST_NAME} bytes at most"
        )
    return name


def on_any_disk(name: str) -> str:
    """Gives what two names have in common that some disk takes for one: it knows no capitals, or
    one way to write é."""
    return normalize("NFC", normalize("NFC", name).casefold())


def make_folder(folder: Path, option: str, name: str = "folder") -> None:
    """Makes a folder; SuiteError that calls it by `name` and tells to choose another `option`."""
    if re.match(r"[a-z][a-z0-9+.-]+:[/\\]", str(folder), re.IGNORECASE):  # C:/ is none
        raise SuiteError(
            f"The {name} {folder} is an address: give a folder of this machine with {option}."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SuiteError(
            f"The {name} {folder} cannot be made ({error.strerror}); choose another {option}."
        ) from error


def file_hash(path: Path) -> str:
    """Hashes a file: SHA-256 (hex)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def whole(path: Path, where: str | None = None) -> Iterator[Path]:
    """Gives a temporary name beside `path`; what was written there, a file or a folder, becomes
    `path` at the end.

    After an exception it is removed, and `path` is what it was. The folder is made, and what killed
    processes left in it is removed. Unfinished, which names `where` or the folder, when the disk
    has no room; other errors of the system name `path`.
    """
    temporary = path.parent / f"{_mark()}{uuid.uuid4().hex}"
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        yield temporary
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            _remove(temporary)
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise no_room(error, where or str(path.parent.absolute())) from error
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename = str(path)
        raise


def _mark() -> str:
    """Start of the names of this process's temporary files: where, which process, its start."""
    space = hashlib.sha256(process_space().encode()).hexdigest()[:12]
    return f"{TEMPORARY}{space}-{os.getpid()}-{process_started(os.getpid())}-"


def _sweep(folder: Path) -> None:
    """Removes, once a process, what dead writers left in a folder.

    Whether one of this machine lives is asked for; of another, or where the system does not tell,
    the file's age says it: by the clock of the disk that holds it, as machines' clocks differ.
    """
    if folder.absolute() in _swept:
        return
    _swept.add(folder.absolute())
    space, now = _mark().split("-")[1], None
    for path in folder.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):
            where, pid, started = [*path.name.removeprefix(TEMPORARY).split("-"), "", ""][:3]
            if where == space and started and pid.isdecimal():
                dead = process_started(int(pid)) != started
            else:
                now = now or _time_on(folder)
                written = max(file.stat().st_mtime for file in (path, *path.rglob("*")))
                dead = now - written > ABANDONED_SECONDS
            if dead:
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _time_on(folder: Path) -> float:
    """What the clock of a disk shows: when a file that is made now was changed."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime


def write_whole(path: Path, content: bytes | str, where: str | None = None) -> None:
    """Writes a file whole, or not at all, as `whole` does; text as UTF-8."""
    with whole(path, where) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_changed(path: Path, text: str) -> None:
    """Writes a text whole, unless the file holds it already: its time of change is kept then."""
    if not path.is_file() or path.read_bytes() != text.encode():
        write_whole(path, text)


class Folder:
    """Names and bytes under one address. Sub-folders are made when first written to."""

    def __init__(self, address: str | Path) -> None:
        self.address = str(address)
        """As the person gave it."""
        self._local: Path | None = None
        if "://" not in self.address:
            self._local = user_path(self.address)
        elif self.address.startswith("file://"):
            self._local = Path(self.address.removeprefix("file://"))
        else:
            self._remote = Remote(self.address)

    def __getstate__(self) -> dict[str, str]:
        return {"address": self.address}

    def __setstate__(self, state: dict[str, str]) -> None:
        self.__init__(state["address"])  # type: ignore[misc]  # a connection is not copied, it is opened again

    @property
    def name(self) -> str:
        """Whole address for messages, without what is secret in it."""
        return str(self._local.absolute()) if self._local is not None else self._remote.name

    @property
    def at_once(self) -> int:
        """Files that are best read at the same time: of a network more than of a disk."""
        return 4 if self._local is not None else 16

    def names(self, inside: str) -> list[str]:
        """Lists the files of a sub-folder, sorted, no temporary ones; none when it is not there."""
        if self._local is not None:
            try:
                found = os.listdir(self._local / inside)  # noqa: PTH208 - a scan per batch
            except FileNotFoundError:
                return []
            except OSError as error:
                if told := in_the_way(error):
                    raise told from error
                raise
        else:
            found = self._remote.names(inside)
        return sorted(name for name in found if not name.startswith("."))

    def stamp(self, inside: str) -> int | None:
        """What changes with the names of a sub-folder, and costs less than to list them; None where
        there is no such thing."""
        if self._local is None:
            return None
        try:
            # Opened, so that a network's disk asks its server and not its memory.
            folder = os.open(self._local / inside, os.O_RDONLY)
        except OSError:
            return None
        try:
            return os.fstat(folder).st_mtime_ns
        finally:
            os.close(folder)

    def read(self, name: str) -> bytes:
        """Reads a file; FileNotFoundError where it is gone."""
        if self._local is not None:
            return (self._local / name).read_bytes()
        return self._remote.read(name)

    def opened(self, name: str) -> contextlib.AbstractContextManager[IO[bytes]]:
        """Opens a file of which parts are read; FileNotFoundError where it is gone."""
        if self._local is not None:
            return (self._local / name).open("rb")
        return self._remote.opened(name)

    def write(self, name: str, content: bytes) -> None:
        """Writes a file whole, or not at all. Unfinished when the disk has no room."""
        if self._local is None:
            self._remote.write(name, content)
            return
        try:
            write_whole(self._local / name, content, self.name)
        except OSError as error:
            raise _explained(error, self.name) from error

    def remove(self, name: str) -> None:
        """Removes a file; nothing happens when it is gone already."""
        if self._local is None:
            self._remote.remove(name)
            return
        with contextlib.suppress(FileNotFoundError):
            (self._local / name).unlink()


def _explained(error: OSError, where: str) -> Exception:
    if error.errno in NO_ROOM:
        return no_room(error, where)
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return SuiteError(
            f"Cannot write to {where} ({error.strerror}): change its rights or choose another "
            "folder with --out or --store."
        )
    return in_the_way(error) or error
