"""A file system behind a network, asked through fsspec: patient, and clear when patience ends.

In: an address such as s3://bucket/store. Out: names and bytes. What passes (a dropped connection, a
server that is busy) is tried again after growing pauses; what does not is one SuiteError without
credentials, whatever kind of error the library behind the address raises.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, TypeVar

from suite.errors import NO_ROOM, SuiteError, Unfinished, no_room, public, reason_of

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between tries, each shortened by up to a half: many processes do not ask at once then."""
ABSENT = (FileNotFoundError, NotADirectoryError)
_PASSING = frozenset(
    getattr(errno, name)
    for name in ("EAGAIN", "EBUSY", "EIO", "EPIPE", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET",
                 "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ETIMEDOUT")
    if hasattr(errno, name)
)  # fmt: skip
_PASSING_STATUS = frozenset((408, 409, 425, 429))  # 409: two conditional writes at once
_PASSING_NAME = re.compile(r"Timeout|TimedOut|Connect|Disconnect|HTTPClientError|Throttl|SlowDown")
_SECRET_NAME = re.compile(r"key|secret|token|passw|credential|sas\b", re.IGNORECASE)

T = TypeVar("T")


class Remote:
    """A folder on such a file system. Every method may raise FileNotFoundError, Unfinished where it
    does not answer for long, and SuiteError for what no patience mends."""

    def __init__(self, address: str) -> None:
        from fsspec.core import url_to_fs

        self.name = public(address)
        """Address for messages, without what is secret in it."""
        try:
            self._system, root = url_to_fs(address)
        except Exception as error:  # each file system has its own kinds
            raise SuiteError(
                f"Store {address} cannot be opened: {reason_of(error)}. Install the package it "
                "names or give another --store."
            ) from error
        self._root = str(root).rstrip("/")
        self._made: set[str] = set()

    def names(self, inside: str) -> list[str]:
        """Lists a sub-folder: one request for each 1,000 names on an object store."""

        def ask() -> list[Any]:
            self._system.invalidate_cache()
            found: list[Any] = self._system.ls(f"{self._root}/{inside}", detail=False)
            return found

        try:
            entries = self._asked(ask)
        except ABSENT:
            return []
        return [str(entry).rstrip("/").rpartition("/")[2] for entry in entries]

    def read(self, name: str) -> bytes:
        """Reads a file."""
        content: bytes = self._asked(lambda: self._system.cat_file(f"{self._root}/{name}"))
        return content

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """Opens a file of which parts are read, each with a request of its own."""
        path = f"{self._root}/{name}"
        file = self._asked(lambda: self._system.open(path, "rb", cache_type="none"))
        with file:
            yield _Patient(file, self._asked)  # type: ignore[misc]  # has what pyarrow asks of a file

    def write(self, name: str, content: bytes) -> None:
        """Writes a file in one put under its final name: on an object store it is whole or absent,
        and a second try after an answer that was lost changes nothing."""
        path = f"{self._root}/{name}"
        parent = path.rpartition("/")[0]

        def put() -> None:
            if parent not in self._made:
                self._system.makedirs(parent, exist_ok=True)
                self._made.add(parent)
            self._system.pipe_file(path, content)

        try:
            self._asked(put)
        except FileNotFoundError as error:
            self._made.discard(parent)
            raise self._refused(error) from error

    def remove(self, name: str) -> None:
        """Removes a file; nothing happens when it is gone already."""
        with contextlib.suppress(FileNotFoundError):
            self._asked(lambda: self._system.rm_file(f"{self._root}/{name}"))

    def _asked(self, ask: Callable[[], T]) -> T:
        for pause in (*PAUSES, None):
            try:
                return ask()
            except ABSENT:
                raise
            except Exception as error:  # each file system has its own kinds
                if isinstance(error, OSError) and error.errno in NO_ROOM:
                    raise no_room(error, self.name) from error
                if not passing(error):
                    raise self._refused(error) from error
                if pause is None:
                    raise Unfinished(
                        f"The store {self.name} does not answer ({self._reason(error)}): run the "
                        "same command again when it does; all that was finished is kept."
                    ) from error
                time.sleep(pause * random.uniform(0.5, 1.0))
        raise AssertionError

    def _refused(self, error: BaseException) -> SuiteError:
        return SuiteError(
            f"The store {self.name} refuses ({self._reason(error)}): check that it is there, and "
            "that this user may read and write it, or give another --store."
        )

    def _reason(self, error: BaseException) -> str:
        reason = reason_of(error)
        options = getattr(self._system, "storage_options", {})
        for secret in {*_secrets(options), *_secrets(os.environ)}:
            reason = reason.replace(secret, "***")
        return reason


class _Patient:
    """A file whose reads are tried again like every other request."""

    def __init__(self, file: IO[bytes], asked: Callable[[Callable[[], Any]], Any]) -> None:
        self._file, self._asked = file, asked
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        at = self._file.tell()

        def ask() -> bytes:
            self._file.seek(at)
            return self._file.read(size)

        content: bytes = self._asked(ask)
        return content

    def seek(self, to: int, whence: int = 0) -> int:
        return self._file.seek(to, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


def passing(error: BaseException) -> bool:
    """Whether an error may be gone at the next try: by the server's status, the system's number, or
    the name of its class (botocore's and aiohttp's have no common ancestor)."""
    if (status := _status(error)) is not None:
        return status >= 500 or status in _PASSING_STATUS
    if isinstance(error, PermissionError | FileExistsError | IsADirectoryError):
        return False
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _PASSING
    return any(_PASSING_NAME.search(kind.__name__) for kind in type(error).__mro__)


def _status(error: BaseException) -> int | None:
    """HTTP status in an error of botocore, gcsfs, aiohttp or azure."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        response = response.get("ResponseMetadata")
        found = response.get("HTTPStatusCode") if isinstance(response, Mapping) else None
        return found if isinstance(found, int) else None
    for name in ("status", "status_code", "code"):
        found = getattr(error, name, None)
        text = str(found) if isinstance(found, int | str) else ""
        if re.fullmatch(r"[1-5]\d\d", text):
            return int(text)
    return None


def _secrets(options: Mapping[str, Any]) -> Iterator[str]:
    """Values that nobody else may see: those whose name says so."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _secrets(value)
        elif isinstance(value, str) and len(value) >= 4 and _SECRET_NAME.search(str(name)):
            yield value
