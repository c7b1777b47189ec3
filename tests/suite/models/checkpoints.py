"""What happens to the files of a checkpoint, as tests of its key and of its loading need it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from suite.requests import Decoding, Message, Request
from tests.suite.tiny_models import text_folder


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


def snapshot_of(cached: Path, sha: str) -> Path:
    """A repository as the Hub's client keeps it: links to files that their hashes name."""
    snapshot = text_folder(cached / "snapshots" / sha)
    (cached / "blobs").mkdir()
    for file in sorted(snapshot.iterdir()):
        content = file.read_bytes()
        header = b"blob %d\0" % len(content)
        blob = hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
        if file.suffix == ".safetensors":
            blob = hashlib.sha256(content).hexdigest()
        file.rename(cached / "blobs" / blob)
        file.symlink_to(Path("../../blobs") / blob)
    return snapshot
