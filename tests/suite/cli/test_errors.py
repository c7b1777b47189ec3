"""What goes wrong on the command line: each mistake is one sentence, with the right exit code.

In: the small study with a mistake, or a disk without room. Out: stderr and the exit code.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

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


@pytest.mark.slow
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


STORES = {
    "as a mapping": "store: {url: 's3://AKIA:w0rd@bucket/x'}",
    "as a list": "store: ['s3://AKIA:w0rd@bucket/x']",
    "misspelt": "stor: s3://AKIA:w0rd@bucket/x",
    "broken YAML": "store: s3://AKIA:w0rd@bucket/x: y",
    "not a protocol": "store: s4://AKIA:w0rd@bucket/x",
}


@pytest.mark.parametrize("name", STORES)
def test_a_mistake_in_an_address_shows_no_secret(name: str, tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(
        "study: x\nfamily: micro\ntasks: [{task: micro_ocr}]\n"
        f"cells: [{{method: blind, perception: xs}}]\nlimit: 1\n{STORES[name]}\n"
    )
    said = call("run", study, "--out", tmp_path / "out")
    assert said.exit_code == 2, said.stderr
    assert "w0rd" not in said.stderr + said.stdout


SECRET = "https://me:w0rd@host/x"


@pytest.mark.parametrize(
    "words",
    [
        ("run", "micro", "--out", SECRET),
        ("plan", "micro", "--data", f"micro_ocr={SECRET}"),
        ("plan", SECRET),
        ("status", SECRET),
        ("score", "micro_ocr", SECRET),
        ("compare", SECRET, SECRET),
        ("run", "micro", "--weights", SECRET),
        ("paper", "--tables", SECRET),
    ],
    ids=lambda words: " ".join(words[:1] + words[-2:-1]),
)
def test_an_address_in_the_wrong_place_shows_no_secret(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = error(*words)
    assert "w0rd" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("repo", f"{SECRET}"),
        ("path", "s3://AKIA:w0rd@bucket/x"),
        ("revision", "main"),
    ],
)
def test_an_address_in_a_family_shows_no_secret(tmp_path: Path, key: str, value: str) -> None:
    rows = {"repo": "owner/name"} if key == "revision" else {}
    source = json.dumps({**rows, key: value, "token": "w0rd"} if rows else {key: value})
    (tmp_path / "family.yaml").write_text(
        f"family: f\nsizes: [{{name: s, params: 1, vlm: {source}}}]\n"
    )
    (tmp_path / "study.yaml").write_text(
        "study: x\nfamily: family.yaml\ntasks: [{task: micro_ocr}]\n"
        "cells: [{method: blind, perception: s}]\nlimit: 1\n"
    )
    assert "w0rd" not in error("run", tmp_path / "study.yaml", "--out", tmp_path / "out")


LED_OUT = {
    "a task of lmms-eval": ("tasks: [{task: micro_ocr}]", "tasks: [{task: lmms_eval/../../x}]"),
    "only its prefix": ("tasks: [{task: micro_ocr}]", "tasks: [{task: lmms_eval/}]"),
    "its folder": ("tasks: [{task: micro_ocr}]", "tasks: [{task: lmms_eval//etc/x}]"),
    "the study": ("study: x", "study: ..\\x"),
    "a study of one dot": ("study: x", "study: ."),
    "a prompt set": ("family: micro", "family: micro\nprompts: ../../x"),
    "a family": ("family: micro", "family: ../../micro"),
    "a task": ("tasks: [{task: micro_ocr}]", "tasks: [{task: ../micro_ocr}]"),
}


@pytest.mark.parametrize("name", LED_OUT)
def test_no_name_in_a_study_leads_out(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    monkeypatch.setenv("DOWNSCALE_CACHE", str(inside / "cache"))
    text = (
        "study: x\nfamily: micro\ntasks: [{task: micro_ocr}]\n"
        "cells: [{method: blind, perception: xs}]\nlimit: 1\n"
    )
    assert LED_OUT[name][0] in text
    (inside / "s.yaml").write_text(text.replace(*LED_OUT[name]))
    said = error("run", "s.yaml")
    assert "Unexpected" not in said
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [inside / "s.yaml"]


@pytest.mark.parametrize(
    "words",
    [
        ("run", "micro", "--data", "../../evil=x"),
        ("figures", "{run}", "../../x"),
        ("analyze", "../../x", "{run}"),
        ("train", "../../x"),
        ("train", "micro", "--size", "../../x"),
        ("train", "micro", "--stage", "../../x"),
        ("score", "../../evil", "x.csv"),
        ("tasks", "../../evil"),
    ],
    ids=" ".join,
)
def test_no_name_on_the_command_line_leads_out(
    words: tuple[str, ...],
    finished: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    said = error(*(word.format(run=finished[0]) for word in words))
    assert words[-1] in said or "../../" in said
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("option", sorted(suite.cli.TRIED))
def test_options_of_other_tools_name_what_does_it_here(tiny: Path, option: str) -> None:
    result = call("run", tiny / "study.yaml", option)
    assert result.exit_code == 2
    assert f"No such option {option}: {suite.cli.TRIED[option]}" in " ".join(result.stderr.split())


def test_settings_of_a_study_on_the_command_line(tiny: Path) -> None:
    study = tiny / "study.yaml"
    whole, cut = (
        json.loads(call("plan", study, "--json", *more).stdout)
        for more in ((), ("--set", "limit=1"))
    )
    assert cut["requests"]["distinct"] < whole["requests"]["distinct"]
    assert error("plan", study, "--set", "limit") == (
        "--set limit: write it as KEY=VALUE, e.g. seed=2."
    )
    assert error("plan", study, "--set", "seed=1", "--set", "seed=2") == (
        "--set names 'seed' twice; give it once."
    )
    assert "its value is no YAML" in error("plan", study, "--set", "seed=[1")


def test_plan_can_check_that_the_checkpoints_are_here(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("plan", tiny / "study.yaml", "--check").exit_code == 0
    family = (tiny / "tiny.yaml").read_text().replace("./", f"{tiny}/").replace("vlm-s", "gone")
    (tmp_path / "other.yaml").write_text(family)
    path = changed(tiny, tmp_path, str(tiny / "tiny.yaml"), "other.yaml")
    assert call("plan", path).exit_code == 0
    assert call("plan", path, "--check").exit_code == 1
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "other.yaml").write_text(family.replace(f"path: {tiny}/gone", "repo: owner/gone"))
    done = call("plan", path, "--check")  # a run fetches it
    assert done.exit_code == 0
    lines = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    assert ["checkpoint", "vlm-s", "owner/gone", "a run, or hf download owner/gone"] in lines
