"""What goes wrong on the command line: each mistake is one sentence, with the right exit code.

In: the small study with a mistake, or a disk without room. Out: stderr and the exit code.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

import suite.cli
from suite.base.files import Folder
from suite.errors import LONGEST, Unfinished
from tests.suite.cli_study import call, changed, error

pytestmark = pytest.mark.usefixtures("tiny_environment")


def test_misspelt_command() -> None:
    result = call("rum")
    assert result.exit_code == 2
    assert "No command 'rum'; did you mean 'run'? `downscale --help` lists them." in result.stderr


def test_misspelt_key(tiny: Path, tmp_path: Path) -> None:
    path = changed(tiny, tmp_path, "limit:", "limt:")
    assert error("run", path) == (
        f"In study file {path}: unknown key 'limt' (did you mean 'limit'?)."
    )


def test_missing_checkpoint(tiny: Path, tmp_path: Path) -> None:
    family = (tiny / "tiny.yaml").read_text().replace("./", f"{tiny}/").replace("vlm-s", "gone")
    (tmp_path / "other.yaml").write_text(family)
    path = changed(tiny, tmp_path, str(tiny / "tiny.yaml"), "other.yaml")
    message = error("run", path, "--out", tmp_path / "out")
    assert message.startswith(f"Checkpoint folder {tiny}/gone does not exist")
    assert not (tmp_path / "out").exists()


def test_task_without_data(tiny: Path, tmp_path: Path) -> None:
    path = changed(tiny, tmp_path, "micro_ocr", "mmstar")
    message = error("run", path, "--out", tmp_path / "out", "--data", "mmstar=/nowhere")
    assert "/nowhere" in message
    assert "--data mmstar=PATH" in message


def test_unknown_task(tiny: Path, tmp_path: Path) -> None:
    path = changed(tiny, tmp_path, "micro_ocr", "micro_ocrr")
    assert "did you mean micro_ocr" in error("run", path, "--out", tmp_path / "out")


def test_bad_words(tiny: Path, tmp_path: Path) -> None:
    study = tiny / "study.yaml"
    assert error("run", study, "--data", "mmstar") == (
        "--data mmstar: write it as TASK=PATH, e.g. mmstar=mmstar.parquet."
    )
    assert "no cell has this id (did you mean 'end_to_end/P=s'?)" in error(
        "run", study, "--only", "end_to_end/P=x", "--out", tmp_path
    )


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_here_is_told_first(tiny: Path, tmp_path: Path, device: str) -> None:
    result = call("run", tiny / "study.yaml", "--out", tmp_path / "out", "--device", device)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: --device {device}: no ")
    assert not (tmp_path / "out").exists()


def test_a_run_directory_that_cannot_be_written(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suite.api.os.access", lambda path, mode: path != tmp_path)
    assert error("run", tiny / "study.yaml", "--out", tmp_path) == (
        f"The run directory {tmp_path} cannot be written; change its rights or "
        "choose another --out."
    )
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert error("run", tiny / "study.yaml", "--out", tmp_path / "file") == (
        f"The run directory {tmp_path / 'file'} cannot be made (File exists); choose another --out."
    )


def test_a_store_that_is_a_file(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert error("run", tiny / "study.yaml", "--out", tmp_path, "--store", tmp_path / "file") == (
        f"{tmp_path / 'file'} is a file where a folder is needed: remove or rename it."
    )


@pytest.mark.usefixtures("undrawn")
def test_full_disk(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Folder.write

    def full(self: Folder, name: str, content: bytes) -> None:
        if name.startswith("parts/"):
            raise Unfinished("The disk of here is full: free some space.")
        written(self, name, content)

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "write", full)
        result = call("run", tiny / "study.yaml", "--out", tmp_path / "out")
    assert result.exit_code == 1, "the input is right; the same command goes on"
    assert result.stderr.splitlines()[-1] == "Error: The disk of here is full: free some space."
    assert call("run", tiny / "study.yaml", "--out", tmp_path / "out").exit_code == 0


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (errno.ENOSPC, "The disk of runs/x/records.parquet is full: free some space"),
        (errno.EDQUOT, "The disk quota at runs/x/records.parquet is used up: free some space"),
        (
            errno.EFBIG,
            "A file at runs/x/records.parquet would grow beyond the size that this process may "
            "write (ulimit -f): raise the limit",
        ),
    ],
)
def test_no_room_outside_of_the_store(
    number: int, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number), "runs/x/records.parquet")

    monkeypatch.setattr("suite.api.run", full)
    result = call("run", "micro")
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {what} and run the same command again; all that was finished is kept.\n"
    )


def test_other_failures_of_the_disk_are_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object, **options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "runs/x")

    monkeypatch.setattr("suite.api.run", refused)
    assert error("run", "micro") == "runs/x is on a read-only disk: choose another folder."


def test_debug_shows_where(tmp_path: Path) -> None:
    plain, debug = call("status", tmp_path), call("status", tmp_path, "--debug")
    assert (plain.exit_code, debug.exit_code) == (2, 2)
    assert plain.stderr.startswith("Error: There is no run in")
    assert debug.stderr.startswith("Traceback (most recent call last):\n")
    assert debug.stderr.endswith(f"\n{plain.stderr}")


def test_a_warning_of_the_suites_own_is_a_sentence(tmp_path: Path) -> None:
    own = str(suite.cli.FOLDER.parent.parent / "analyses" / "figures" / "parts" / "fonts.py")
    assert suite.cli._own_as_a_line("No font has x.", UserWarning, own, 3) == "No font has x.\n"
    others = suite.cli._own_as_a_line("Old.", UserWarning, "library.py", 3, "")
    assert others == "library.py:3: UserWarning: Old.\n"


def test_what_a_person_typed_is_quoted_in_short(tmp_path: Path) -> None:
    for words in (("status", tmp_path, "--" + "x" * 100_000), ("y" * 100_000,)):
        result = call(*words)
        assert result.exit_code == 2
        assert len(result.stderr) < 2 * LONGEST


def test_a_name_that_no_file_can_have_is_a_sentence(tmp_path: Path) -> None:
    assert error("plan", "x" * 300 + ".yaml").endswith("(File name too long): check the path.")
    assert error("plan", "~nouser/a.yaml") == (
        "~nouser/a.yaml names the home of a user who is not here; check it."
    )
    assert error("plan", tmp_path) == f"Study file {tmp_path} does not exist; check the path."
    (tmp_path / "study.yaml").touch()
    assert error("status", tmp_path / "study.yaml").startswith("There is no run in ")
