"""`downscale models` and `downscale doctor`, as a person and a program see them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from click.testing import CliRunner

from suite.cli import doctor, models
from suite.models.family import list_families, load_family


def test_models_lists_every_checkpoint_of_every_family() -> None:
    result = CliRunner().invoke(models.command, ["--json"])
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert {row["family"] for row in rows} == set(list_families())
    want = {
        (name, size.name, role)
        for name in list_families()
        for size in load_family(name).sizes
        for role in ("text", "vlm")
        if getattr(size, role) is not None
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


def test_a_downloaded_hub_model_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert not models.present(None, "o/m")
    folder = tmp_path / "models--o--m"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    assert not models.present(None, "o/m")
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "snapshots" / "abc" / "model.safetensors").write_bytes(b"x")
    assert models.present(None, "o/m")
    assert models.present(None, "o/m", "abc")
    assert not models.present(None, "o/m", "v2")


def test_models_imports_no_torch() -> None:
    code = (
        "import sys; from suite.cli import main\n"
        "try: main(['models', '--json'])\n"
        "except SystemExit: pass\n"
        "sys.exit(bool({'torch', 'transformers', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_doctor_names_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "shipped", lambda: doctor.Check("micro weights", "ok", "8 of 8"))
    result = CliRunner().invoke(doctor.command, ["--json"])
    assert result.exit_code == 0
    checks = {check["name"]: check for check in json.loads(result.stdout)}
    assert checks["python"]["state"] == "ok"
    assert {"torch", "transformers", "lmms-eval", "device", "memory", "disk"} <= set(checks)
    assert all(check["state"] in ("ok", "note") for check in checks.values())


def test_doctor_ends_with_1_and_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NEEDED", ("torch", "no-such-distribution"))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(1, 1, 1000))
    monkeypatch.setattr(doctor, "shipped", lambda: doctor.Check("micro weights", "ok", "8 of 8"))
    result = CliRunner().invoke(doctor.command, [])
    assert result.exit_code == 1
    assert result.stderr.strip() == "Missing: no-such-distribution, disk."


def test_doctor_sees_missing_micro_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suite.models.weights.present", lambda path, repo: False)
    check = doctor.shipped()
    assert (check.state, check.found) == ("missing", "0 of 8 checkpoints")
    assert check.remedy == "downscale train micro, or reinstall"
