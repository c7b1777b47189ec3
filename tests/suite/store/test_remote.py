"""Stores behind a network: few requests, patience, clear ends; on file systems of the tests' own,
and on a real server of S3's protocol where one is installed."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from suite.base import remote
from suite.engine.claims import Claims
from suite.errors import SuiteError, Unfinished
from suite.store import Store, parts, shelf
from tests.suite.engine.test_kill import records, run_command, start, wait_for_a_stage
from tests.suite.study_files import environment, write_study
from tests.suite.test_store import FINGERPRINT, row
from tests.suite.world import finish, texts, walk_in


class Told(MemoryFileSystem):  # type: ignore[misc]
    """A file system in memory that notes what it is asked, and answers with errors as told."""

    protocol = "told"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    asked: ClassVar[Counter[str]] = Counter()
    trouble: ClassVar[Callable[[str], None]] = lambda what: None

    def _note(self, what: str) -> None:
        type(self).asked[what] += 1
        type(self).trouble(what)

    def ls(self, path: str, *more: Any, **options: Any) -> Any:
        self._note("list")
        return super().ls(path, *more, **options)

    def cat_file(self, path: str, *more: Any, **options: Any) -> Any:
        self._note("read")
        return super().cat_file(path, *more, **options)

    def pipe_file(self, path: str, value: bytes, *more: Any, **options: Any) -> None:
        self._note("write")
        super().pipe_file(path, value, *more, **options)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        self._note("folder")
        super().makedirs(path, exist_ok=exist_ok)

    def mv(self, *about: Any, **options: Any) -> None:
        pytest.fail("on an object store that is a copy and a delete")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Told]]:
    fsspec.register_implementation("told", Told, clobber=True)
    monkeypatch.setattr(remote, "PAUSES", (0.0, 0.0))
    Told.store.clear()
    Told.asked.clear()
    Told.trouble = lambda what: None
    yield Told
    Told.trouble = lambda what: None


def test_a_batch_costs_a_few_requests(told: type[Told], tmp_path: Path) -> None:
    """For each batch one listing of claims and one of parts, and one put of each."""
    walk = walk_in(tmp_path, count=24)
    walk.store = Store("told://store", run="run")
    asked = finish(walk)
    batches = sum(len(speaker.calls) for speaker in asked.built)
    shelves = len({speaker.fingerprint["weights"] for speaker in asked.built})
    assert batches > 20
    assert told.asked["list"] <= 2 * batches + shelves
    assert told.asked["write"] == 2 * batches
    assert told.asked["folder"] == shelves + 1  # once each, and the claims'
    assert told.asked["read"] == 0  # what this run has written last is at hand


def test_packing_keeps_a_listing_short(
    told: type[Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "calm").mkdir()
    calm = walk_in(tmp_path / "calm", count=24)
    finish(calm)
    monkeypatch.setattr(shelf, "PACK_FROM", 4)
    walk = walk_in(tmp_path, count=24)
    walk.store = Store("told://store", run="run")
    finish(walk)
    folders = Counter(name.rpartition("/")[0] for name in told.store if "/parts/" in name)
    assert any(parts.PACKED_MARK in name for name in told.store)
    assert max(folders.values()) <= 8
    assert texts(walk) == texts(calm)


class ClientError(Exception):
    """As botocore's: no OSError, the server's status inside."""

    def __init__(self, status: int) -> None:
        super().__init__(f"An error occurred ({status}) when calling the PutObject operation")
        self.response = {"Error": {"Code": "X"}, "ResponseMetadata": {"HTTPStatusCode": status}}


class ReadTimeoutError(Exception):
    pass


class HttpError(Exception):
    """As gcsfs's."""

    def __init__(self, code: int) -> None:
        super().__init__(f"status {code}")
        self.code = code


class NoCredentialsError(Exception):
    pass


PASSING = [
    ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    OSError(errno.EBUSY, "Please reduce your request rate."),
    TimeoutError("timed out"),
    ClientError(503),
    ClientError(429),
    HttpError(500),
    ReadTimeoutError("Read timeout on endpoint URL"),
]
LASTING = [
    ClientError(400),
    ClientError(403),
    HttpError(401),
    NoCredentialsError("Unable to locate credentials"),
    PermissionError(errno.EACCES, "Access Denied"),
    ValueError("Invalid bucket name"),
]


@pytest.mark.parametrize("what", ["list", "read", "write"])
@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_passes_is_tried_again(told: type[Told], error: Exception, what: str) -> None:
    left = [2]

    def trouble(asked: str) -> None:
        if asked == what and left[0]:
            left[0] -= 1
            raise error

    told.trouble = trouble
    Store("told://store").shelf(FINGERPRINT).commit([row("k")])
    found = Store("told://store").shelf(FINGERPRINT)
    assert found.settled("k")
    assert left == [0]
    left[0] = 2
    claims = Claims(Store("told://store").folder)
    assert claims.take(["k"])
    claims.close()


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_does_not_pass_in_time_is_one_sentence(told: type[Told], error: Exception) -> None:
    def trouble(asked: str) -> None:
        raise error

    told.trouble = trouble
    with pytest.raises(Unfinished) as caught:
        Store("told://store").shelf(FINGERPRINT)
    assert str(caught.value).startswith("The store told://store does not answer (")
    assert str(caught.value).endswith(
        "run the same command again when it does; all that was finished is kept."
    )
    assert told.asked["list"] == 3


@pytest.mark.parametrize("error", LASTING, ids=repr)
@pytest.mark.parametrize("what", ["list", "write"])
def test_what_no_patience_mends_is_one_sentence_at_once(
    told: type[Told], error: Exception, what: str
) -> None:
    def trouble(asked: str) -> None:
        if asked == what:
            raise error

    told.trouble = trouble
    with pytest.raises(SuiteError) as caught:
        Store("told://store").shelf(FINGERPRINT).commit([row("k")])
    assert type(caught.value) is SuiteError
    assert str(caught.value).startswith("The store told://store refuses (")
    assert "--store" in str(caught.value)
    assert told.asked[what] == 1


def test_no_error_shows_a_credential(told: type[Told], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")

    def trouble(asked: str) -> None:
        raise ValueError("signature of wJalrXUtnFEMI at https://me:pass@host/x?X-Amz-Token=abc")

    told.trouble = trouble
    with pytest.raises(SuiteError) as caught:
        Store("told://store").shelf(FINGERPRINT)
    for secret in ("wJalr", "pass", "abc"):
        assert secret not in str(caught.value)


# --- a real server ----------------------------------------------------------------------------

NEEDED = [name for name in ("moto", "flask", "s3fs") if find_spec(name) is None]
BUCKET = "downscale"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment of processes that use a server of this machine."""
    if NEEDED:
        pytest.skip(f"not installed: {', '.join(NEEDED)} (pip install 'moto[server]' s3fs)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "a-secret-of-theirs",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    log = (tmp_path_factory.mktemp("s3") / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=log, stderr=log
    )
    try:
        for _ in range(300):
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield settings
    finally:
        process.kill()
        process.wait()
        log.close()


@pytest.fixture
def address(server: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    s3fs = pytest.importorskip("s3fs")
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    if not system.exists(BUCKET):
        system.mkdir(BUCKET)
    return f"s3://{BUCKET}/{tmp_path.name}"


@pytest.mark.slow
def test_s3_keeps_packs_and_says_what_is_wrong(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "calm").mkdir()
    calm = walk_in(tmp_path / "calm", count=12)
    finish(calm)
    monkeypatch.setattr(shelf, "PACK_FROM", 4)
    walk = walk_in(tmp_path, count=12)
    walk.store = Store(address, run="run")
    finish(walk)
    again = walk_in(tmp_path, run="again", count=12)
    again.store = Store(address, run="again")
    assert finish(again).asked == []
    assert texts(again) == texts(calm)
    # An error of botocore's that is no OSError.
    with pytest.raises(SuiteError, match=r"^The store s3://No such bucket/x refuses"):
        Store("s3://No such bucket/x").shelf(FINGERPRINT).commit([row("k")])


@pytest.mark.slow
def test_a_run_on_s3_is_killed_and_goes_on_and_two_share_it(address: str, tmp_path: Path) -> None:
    study, env = write_study(tmp_path), environment(tmp_path)
    clean = start(*run_command(study, tmp_path / "clean", "--workers", "1"), env=env)
    err = clean.communicate(timeout=600)[1]
    assert clean.returncode == 0, err
    shared = ("--store", address, "--workers", "1")
    process = start(*run_command(study, tmp_path / "one", *shared), env=env)
    assert wait_for_a_stage(process)
    time.sleep(0.3)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    names = ("one", "two")
    both = [start(*run_command(study, tmp_path / name, *shared), env=env) for name in names]
    errors = [process.communicate(timeout=600)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    for name in names:
        pd.testing.assert_frame_equal(
            records(tmp_path / name), records(tmp_path / "clean"), check_exact=True
        )
        for path in (tmp_path / name).rglob("*"):
            assert not path.is_file() or b"a-secret-of-theirs" not in path.read_bytes()
