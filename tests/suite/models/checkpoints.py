"""What happens to the files of a checkpoint, as tests of its key and of its loading need it."""

from __future__ import annotations

import os
from pathlib import Path

from suite.requests import Decoding, Message, Request


def request(item: str, task: str = "a") -> Request:
    return Request(task, item, (Message("user", "look"),), Decoding())


def no_image(name: str) -> bytes:
    raise KeyError(name)


CHANGED = (
    " has changed since this run began: run the same command again once nothing writes there; all "
    "that was finished before is kept."
)


def over(file: Path, content: bytes) -> None:
    """As an editor, rsync or a download puts a file in the place of another."""
    (file.parent / ".new").write_bytes(content)
    (file.parent / ".new").replace(file)


ALIKE = 1_700_000_000_000_000_000


def alike(file: Path, content: bytes) -> Path:
    """A file with the time of change of all others."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, ns=(ALIKE, ALIKE))
    return file
