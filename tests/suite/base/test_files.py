"""Where the cache lies: by the environment, and by the system's own custom without it. Files that
are whole or absent.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from suite.base.files import (
    ABANDONED_SECONDS,
    TEMPORARY,
    Folder,
    cache_folder,
    checked_name,
    file_hash,
    make_folder,
    whole,
    write_changed,
    write_whole,
)
from suite.errors import SuiteError, Unfinished
from suite.items.cache import ItemCache


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home, with nothing set."""
    for name in ("DOWNSCALE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    folder = Path("/somebody")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr("sys.platform", "linux")
    return folder


def test_each_system_has_its_own_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == home / ".cache" / "downscaling-suite"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == home / "Library" / "Caches" / "downscaling-suite"
    monkeypatch.setattr("sys.platform", "win32")
    assert cache_folder() == home / ".cache" / "downscaling-suite"
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert cache_folder() == Path("/local/downscaling-suite")


def test_what_a_person_sets_holds_everywhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setenv("XDG_CACHE_HOME", "~/xdg")
    assert cache_folder() == home / "xdg" / "downscaling-suite"
    monkeypatch.setenv("DOWNSCALE_CACHE", "~/own")
    assert cache_folder() == home / "own"
    assert ItemCache().folder == home / "own" / "items"


def test_make_folder_says_which_option_to_change(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b", "--out")
    make_folder(tmp_path / "a" / "b", "--out")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(SuiteError) as caught:
        make_folder(tmp_path / "file", "--figure", "run directory")
    assert str(caught.value) == (
        f"The run directory {tmp_path / 'file'} cannot be made (File exists); choose another "
        "--figure."
    )


@pytest.mark.parametrize("address", ["s3://bucket/runs", "https://me:w0rd@host/x", "hf:/x/y"])
def test_an_address_is_no_folder(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SuiteError, match=" is an address: give a folder of this machine with"):
        make_folder(Path(address), "--out", "run directory")
    assert list(tmp_path.iterdir()) == []


def test_file_hash_is_what_sha256sum_says(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # the example of FIPS 180-2, appendix B.1
    assert file_hash(tmp_path / "abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_write_whole_makes_the_folder_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "text.txt"
    write_whole(path, "é\n")
    assert path.read_bytes() == b"\xc3\xa9\n"
    write_whole(path, b"other")
    assert path.read_bytes() == b"other"
    assert list(path.parent.iterdir()) == [path]


def test_write_changed_leaves_a_file_that_holds_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a" / "text.txt"
    for text, kept in (("é", False), ("é", True), ("e", False)):
        if path.exists():
            os.utime(path, (0, 0))
        write_changed(path, text)
        assert path.read_text(encoding="utf-8") == text
        assert (path.stat().st_mtime == 0) == kept


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_whole_keeps_what_was_there_after_an_exception(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("before")

    def stopped() -> None:
        with whole(path) as temporary:
            temporary.write_text("half of")
            assert temporary.parent == tmp_path
            assert Folder(tmp_path).names("") == ["text.txt"]
            raise error

    with pytest.raises(type(error)):
        stopped()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_whole_says_where_there_is_no_room(tmp_path: Path) -> None:
    def full(where: str | None) -> None:
        with whole(tmp_path / "a" / "text.txt", where):
            raise OSError(errno.ENOSPC, "No space left on device")

    rest = "is full: free some space and run the same command again; all that was finished is kept."
    for where, named in ((None, tmp_path / "a"), ("the store", "the store")):
        with pytest.raises(Unfinished) as caught:
            full(where)
        assert str(caught.value) == f"The disk of {named} {rest}"
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, "a folder is there")


def left_by(code: str, folder: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that writes into `folder` and then does `code`, and its temporary file."""
    script = (
        "import os, signal, sys; from pathlib import Path; from suite.base.files import whole\n"
        f"with whole(Path({str(folder)!r}) / 'text.txt') as path:\n"
        f"    path.write_text('half of'); print(path, flush=True); {code}"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


@pytest.mark.slow
def test_what_a_killed_process_left_is_swept_at_once_and_what_a_live_one_writes_never(
    tmp_path: Path,
) -> None:
    live, writing = left_by("sys.stdin.read()", tmp_path)
    dead, left = left_by("os.kill(os.getpid(), signal.SIGKILL)", tmp_path)
    dead.communicate()
    os.utime(writing, (0, 0))  # it has written nothing for years
    assert left.exists()
    write_whole(tmp_path / "other.txt", "x")
    assert not left.exists()
    assert writing.exists()
    live.communicate("")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.txt", "text.txt"]


@pytest.mark.parametrize("name", ["elsewhere-1-5-abc", "1-abc", "elsewhere-1--abc", "x", ""])
def test_of_other_machines_what_is_old_by_the_clock_of_the_disk_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("time.time", lambda: 4e9)  # our clock is decades ahead
    now = (tmp_path / f"{TEMPORARY}{name}").parent.stat().st_mtime
    for folder, age in (("live", ABANDONED_SECONDS - 60), ("dead", ABANDONED_SECONDS + 60)):
        path = tmp_path / folder / f"{TEMPORARY}{name}"
        path.parent.mkdir()
        path.write_text("")
        os.utime(path, (now - age, now - age))
        write_whole(tmp_path / folder / "text.txt", "x")
        assert path.exists() == (folder == "live")


def test_errors_of_the_system_name_the_file_that_was_to_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_whole(tmp_path / "folder", "x")
    assert caught.value.filename == str(tmp_path / "folder")


@pytest.mark.parametrize("inside", ["text.txt", "inside/text.txt", "inside/deep/text.txt"])
def test_a_folder_that_is_a_file_is_a_sentence(tmp_path: Path, inside: str) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for use in (
        lambda: Folder(file).write(inside, b"x"),
        lambda: Folder(file).names(str(Path(inside).parent)),
    ):
        with pytest.raises(SuiteError) as caught:
            use()
        assert str(caught.value) == (
            f"{file} is a file where a folder is needed: remove or rename it."
        )


@pytest.mark.parametrize("name", ["micro", "0.6b", "Größe-2", "a" * 100, "-x", "颜色", "a..b"])
def test_a_name_may_become_part_of_a_files_name(name: str) -> None:
    assert checked_name(name, "study") == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "/x", "a/b", "a\\b", "a b", "a\n", "a\0", "a:b", "a" * 101, ".x", "~"],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="`study` is ") as caught:
        checked_name(name, "study")
    assert str(caught.value).endswith(
        ": a name is made of letters, digits, dots, dashes and underscores, begins with no dot and "
        "has 100 bytes at most"
    )


def test_a_folder_is_named_without_secrets() -> None:
    folder = Folder("memory://key:secret@place?token=secret")
    assert folder.name == "memory://place"
    folder.write("a/b", b"x")
    assert Folder(folder.address).read("a/b") == b"x"
    with pytest.raises(SuiteError) as caught:
        Folder("nowhere://key:se/cret@place?token=secret")
    assert "nowhere://place cannot be opened" in str(caught.value)
    assert "cret" not in str(caught.value)


LETTERS = ["हिन्दी", "Gro\u0308\u00dfe", "ไทย-2", "עִברִית", "0.6b_q4.K-M", "1.7B"]
"""Words of people; some letters are written with marks of their own."""


@pytest.mark.parametrize("name", LETTERS)
def test_letters_of_every_language_are_letters(name: str) -> None:
    assert checked_name(name, "study") == name


@pytest.mark.parametrize("name", ["a／b", "a⁄b", "a․․/b", "a\u202eb", "a\u200bb", "a\u2028b", "🦙"])
def test_what_only_looks_like_a_name_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="`study` is "):
        checked_name(name, "study")


@pytest.mark.parametrize("letter", ["a", "é", "颜", "𝒜"])
def test_a_file_can_have_every_name(letter: str, tmp_path: Path) -> None:
    """Systems count bytes: 255 of a file's name."""
    longest = 0
    for count in range(1, 101):
        try:
            name = checked_name(letter * count, "study")
        except ValueError:
            break
        longest = count
        write_whole(tmp_path / name / f"{name}.parquet", b"x")
    assert longest >= 20


SECRETS = {
    # an address, and what must be seen of it
    "s3://AKIA:w0rd@bucket/runs": "s3://bucket/runs",
    "S3://AKIA:w0rd@bucket/runs": "bucket/runs",
    "s3://bucket/runs?secret=w0rd": "s3://bucket/runs",
    "s3://bucket/runs#token=w0rd": "s3://bucket/runs",
    "simplecache::s3://AKIA:w0rd@bucket/runs": "s3://bucket/runs",
    "zip://in::https://me:w0rd@bucket/all.zip": "bucket/all.zip",
    "abfss://box@bucket.windows.net/runs?sv=1&sig=w0rd": "bucket.windows.net/runs",
    "ftp://me:p@ss:w0rd@bucket/runs": "ftp://bucket/runs",
    "s3://AKIA:pa#w0rd@bucket/runs": "s3://bucket/runs",
    "s3://AKIA:pa?w0rd@bucket/runs": "s3://bucket/runs",
    "sftp://me:w0rd@bucket:2222/runs": "sftp://bucket:2222/runs",
    "nowhere://me:w0rd@bucket/a?b=w0rd": "nowhere://bucket/a",
    "s3://me:w0rd@[fe80::1]:9000/bucket?b=w0rd": "s3://[fe80::1]:9000/bucket",
}  # fmt: skip


@pytest.mark.parametrize("address", SECRETS)
def test_no_secret_of_an_address_is_shown(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr("socket.getaddrinfo", refused)
    try:
        said = Folder(address).name
    except SuiteError as error:
        said = str(error)
    assert "w0rd" not in said
    assert SECRETS[address] in said


@pytest.mark.parametrize("name", ["me@host/runs", "what?/runs#1", "a::b/runs"])
def test_a_folder_with_signs_in_its_name_is_shown_whole(name: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path / name)
    assert folder.name == str(tmp_path / name)
    folder.write("x", b"1")
    assert (tmp_path / name / "x").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("two\nlines", False),
        ("C:", False),
        ("sub\\evil", False),
        ("~", False),
        ("a\u200bb", False),
        ("a\uff0fb", False),
        ("\u0301a", False),
        ("é" * 51, False),
        ("é" * 50, True),
        ("Übung-2_b.v1", True),
    ],
)
def test_a_name_is_letters_digits_dots_dashes_and_underscores(name: str, fine: bool) -> None:
    if fine:
        assert checked_name(name, "study") == name
    else:
        with pytest.raises(ValueError, match=r"`study` is .* a name is made of letters"):
            checked_name(name, "study")
