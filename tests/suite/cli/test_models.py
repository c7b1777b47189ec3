"""`downscale models` and `downscale doctor`, as a person and a program see them."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from click.testing import CliRunner

from suite.cli import doctor, models
from suite.models.family import list_families, load_family
from suite.models.spec import ModelSpec
from suite.models.weights import weight_files
from tests.house import ROOT
from tests.suite.tiny_models import word_tokenizer


def test_models_lists_every_checkpoint_of_every_family() -> None:
    result = CliRunner().invoke(models.command, ["--json"])
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert {row["family"] for row in rows} == set(list_families())
    want = {
        (name, size.name, role)
        for name in list_families()
        for size in load_family(name).sizes
        for role in ("text", "vlm", *size.vlms)
        if role != "instruct" and (getattr(size, role, None) or size.vlms.get(role))
    }
    assert {(row["family"], row["size"], row["role"]) for row in rows} == want
    assert set(rows[0]) == {"family", "size", "params", "role", "source", "here"}


def test_models_of_one_file_shows_what_is_here(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "model.safetensors").write_bytes(b"x")
    (tmp_path / "there" / "tiny.gguf").write_bytes(b"x")
    family = tmp_path / "mine.yaml"
    family.write_text(
        "family: mine\nsizes:\n"
        "  - {name: a, params: 1500, text: ./there, vlm: ./absent}\n"
        "  - {name: b, params: 2.5e9, text: {path: there, gguf_file: tiny.gguf},"
        " vlm: {path: there, gguf_file: other.gguf}}\n"
    )
    result = CliRunner().invoke(models.command, [str(family), "--json"])
    assert [row["here"] for row in json.loads(result.stdout)] == [True, False, True, False]
    table = CliRunner().invoke(models.command, [str(family)])
    assert "1.5k" in table.stdout
    assert "2.5B" in table.stdout
    assert "2 of 4 checkpoints are not here" in table.stderr


def test_models_gives_the_tokens_that_nowait_leaves_out(tmp_path: Path) -> None:
    from suite.models.nowait import nowait_ids

    tokenizer = word_tokenizer()
    tokenizer.save_pretrained(tmp_path / "own")
    (row,) = json.loads(
        CliRunner().invoke(models.command, ["--nowait", str(tmp_path / "own"), "--json"]).stdout
    )
    assert [token["id"] for token in row["tokens"]] == list(nowait_ids(tokenizer))
    assert {token["text"] for token in row["tokens"]} == {"wait", "again"}
    result = CliRunner().invoke(models.command, ["--nowait", "micro"])
    assert result.stderr.count(" tokens.") == 1  # four sizes, one vocabulary
    result = CliRunner().invoke(models.command, ["--nowait", "nobody"], standalone_mode=False)
    assert "nobody" in str(result.exception)


def test_a_downloaded_hub_model_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert not weight_files(ModelSpec(repo="o/m"))
    folder = tmp_path / "models--o--m"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    assert not weight_files(ModelSpec(repo="o/m"))
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "snapshots" / "abc" / "model.safetensors").write_bytes(b"x")
    assert weight_files(ModelSpec(repo="o/m"))
    assert weight_files(ModelSpec(repo="o/m", revision="abc"))
    assert not weight_files(ModelSpec(repo="o/m", revision="v2"))


def test_models_imports_no_torch() -> None:
    code = (
        "import sys; from suite.cli import main\n"
        "try: main(['models', '--json'])\n"
        "except SystemExit: pass\n"
        "sys.exit(bool({'torch', 'transformers', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_doctor_names_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "shipped", lambda: doctor.Check("micro weights", "ok", "8 of 8"))
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "not" / "yet"))
    (tmp_path / "datasets.py").write_text("raise ImportError('what lies here is not imported')")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(doctor.command, ["--json"])
    assert result.exit_code == 0, result.stdout
    checks = {check["name"]: check for check in json.loads(result.stdout)}
    assert checks["python"]["state"] == "ok"
    assert {"torch", "transformers", "device", "memory", "disk"} <= set(checks)
    assert all(check["state"] in ("ok", "note") for check in checks.values())
    assert checks["downscaling-suite"]["found"] == importlib.metadata.version("downscaling-suite")
    assert checks["lmms-eval"]["found"] == importlib.metadata.version("lmms-eval")
    assert checks["cache"]["found"] == str(tmp_path / "not" / "yet")
    assert not (tmp_path / "not").exists()


def test_doctor_ends_with_1_and_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "NEEDED", ("torch", "no-such-distribution"))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(1, 1, 1000))
    monkeypatch.setattr(doctor, "shipped", lambda: doctor.Check("micro weights", "ok", "8 of 8"))
    monkeypatch.setattr(doctor, "lmms_eval", lambda: doctor.Check("lmms-eval", "ok", "0.7.3"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "file" / "cache"))
    result = CliRunner().invoke(doctor.command, [])
    assert result.exit_code == 1
    assert result.stderr.strip() == "Missing: no-such-distribution, disk, cache."
    assert doctor.cache() == doctor.Check(
        "cache",
        "missing",
        f"{tmp_path / 'file' / 'cache'} cannot be written",
        "set DOWNSCALE_CACHE to a folder that can be written",
    )


@pytest.mark.parametrize(
    "error", [RuntimeError("Could not determine home directory."), PermissionError(13, "denied")]
)
def test_doctor_says_where_there_is_no_home(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> Path:
        raise error

    monkeypatch.setattr(doctor, "cache_folder", refuse)
    assert doctor.cache() == doctor.Check(
        "cache",
        "missing",
        f"no folder: {error}",
        "set DOWNSCALE_CACHE to a folder that can be written",
    )


def test_doctor_says_where_nothing_temporary_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    check = doctor.lmms_eval()
    assert check.state == "missing"
    assert ", which cannot be tried: [Errno 2] No such file or directory: " in check.found
    assert check.remedy == "free some space, or set TMPDIR"


def test_doctor_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PATIENCE", 0.2)
    monkeypatch.setattr(doctor, "EVALUATE", "import time; time.sleep(60)")
    check = doctor.lmms_eval()
    assert check.state == "missing"
    assert check.found.endswith(", which has not started after 0.2 s")


@pytest.mark.parametrize(
    ("filelock", "remedy"),
    [
        (None, "pip install --force-reinstall lmms-eval"),
        ("4.0.0", 'pip install "filelock<4,>=3.20"'),
    ],
)
def test_doctor_starts_lmms_eval(tmp_path: Path, filelock: str | None, remedy: str) -> None:
    """A broken one shadows the installed one, and says itself that it is a newer filelock."""
    broken = tmp_path / "lmms_eval"
    broken.mkdir()
    (broken / "__init__.py").touch()
    (broken / "evaluator.py").write_text("def simple_evaluate(*a, **k):\n    import filelock._no\n")
    (broken / "tasks.py").write_text("TaskManager = dict\n")
    if filelock is not None:
        information = tmp_path / f"filelock-{filelock}.dist-info"
        information.mkdir()
        text = f"Metadata-Version: 2.1\nName: filelock\nVersion: {filelock}\n"
        (information / "METADATA").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "suite", "doctor", "--json"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "Missing: lmms-eval.\n")
    (check,) = [row for row in json.loads(done.stdout) if row["name"] == "lmms-eval"]
    cause = "ModuleNotFoundError: No module named 'filelock._no'"
    assert check == {
        "name": "lmms-eval",
        "state": "missing",
        "found": f"{importlib.metadata.version('lmms-eval')}, which does not start: {cause}",
        "remedy": remedy,
    }


def test_doctor_sees_missing_micro_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suite.models.weights.weight_files", lambda spec: [])
    check = doctor.shipped()
    assert (check.state, check.found) == ("missing", "0 of 16 checkpoints")
    assert check.remedy == "downscale train micro, or reinstall"
