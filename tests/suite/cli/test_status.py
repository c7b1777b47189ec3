"""`downscale status`: what a store holds of a run's own requests, and directories without a run.

In: run directories of the small study. Out: the counts that the command prints as JSON.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from suite.engine.progress import Silent
from suite.runs.status import DOING, Doing
from tests.suite.cli_study import call, error

pytestmark = pytest.mark.usefixtures("tiny_environment")


def test_status(finished: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    out, summary = finished
    result = call("status", out, "--json")
    status = json.loads(result.stdout)
    assert result.exit_code == 0
    assert status["answered"] == summary["requests"]["distinct"]
    assert (status["requests"], status["failed"], status["working"]) == (10, 0, 0)
    assert {(row["stage"], row["model"]) for row in status["stages"]} == {
        ("answer", "vlm-s"),
        ("instruct", "text-l"),
        ("perceive", "vlm-s"),
        ("reason", "text-l"),
    }
    result = call("status", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: There is no run in {tmp_path}; `downscale run STUDY --out {tmp_path}` "
        "starts one.\n"
    )


@pytest.mark.usefixtures("undrawn")
def test_status_counts_its_own_requests_on_a_shared_store(tiny: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    text = (tiny / "study.yaml").read_text().replace("tiny.yaml", str(tiny / "tiny.yaml"))
    other.write_text(text.replace("micro_ocr", "micro_counting").replace("limit: 2", "limit: 3"))
    summaries = {}
    for name, study in (("a", tiny / "study.yaml"), ("b", other)):
        shared = ("--out", tmp_path / name, "--store", tmp_path / "store", "--json")
        summaries[name] = json.loads(call("run", study, *shared).stdout)["requests"]
    for name, made in summaries.items():
        status = json.loads(call("status", tmp_path / name, "--json").stdout)
        assert status["answered"] == made["distinct"] == made["generated"] + made["cached"]
        assert all(row["answered"] <= row["requests"] for row in status["stages"])
    shutil.rmtree(tmp_path / "a" / "asked")
    assert error("status", tmp_path / "a") == (
        f"{tmp_path / 'a'} does not say what its run has asked, and other studies may share the "
        f"store {tmp_path / 'store'}; run the study again with `--out {tmp_path / 'a'}`, which "
        "writes it."
    )


def test_status_says_what_a_living_run_is_at(
    finished: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out = shutil.copytree(finished[0], tmp_path / "out")
    asked = finished[1]["requests"]
    same = f", {asked['coincided']:,} more had the same text" if asked["coincided"] else ""
    said = f"tiny: {asked['distinct']:,} requests asked{same}, 0 failed; "
    assert f"{said}finished 2" in call("status", out).stderr
    doing = Doing(out, Silent())
    doing.begin("Drawing figures", 17, 0, "figures")
    doing._written -= 10
    doing.advance(5)
    told = json.loads(call("status", out, "--json").stdout)
    assert told["asked"] == asked
    assert (told["doing"]["run"], told["doing"]["stage"]["done"]) == (None, 5)
    assert f"{said}running, Drawing figures: 5 of 17, " in call("status", out).stderr
    of_the_dead = json.loads((out / DOING).read_text()) | {"started": "0"}
    (out / DOING).write_text(json.dumps(of_the_dead))
    (out / ".made-of").unlink()
    told = call("status", out, "--watch").stderr
    assert f"{said}answered, but not drawn to the end: the same command goes on." in told
    doing.close()
    assert not (out / DOING).exists()
    assert call("status", out, "--watch", "--json").exit_code == 2


def test_status_says_what_of_a_run_is_damaged(
    finished: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out = shutil.copytree(finished[0], tmp_path / "out")
    files = sorted((out / "asked").iterdir())
    whole = files[1].read_text()
    lines = whole.splitlines(keepends=True)
    for damaged in (
        "",
        "".join(lines[:-1]),
        whole.replace(lines[-1][:4], "0000"),
        whole.replace("-", "="),
        "5\n",
        "{}\n",
    ):
        files[1].write_text(damaged)
        assert error("status", out).startswith(f"What the run has asked is damaged in {out}/asked")
    files[1].unlink()
    assert error("status", out).startswith(f"What the run has asked is damaged in {out}/asked")
    files[1].write_text(whole)
    part = next((out / "store" / "parts").rglob("*.parquet"))
    part.write_bytes(b"")
    result = call("status", out)
    assert f"Ignoring {part}, which cannot be read (" in result.stderr


@pytest.mark.usefixtures("undrawn")
def test_status_of_another_plan_in_the_same_directory(tiny: Path, tmp_path: Path) -> None:
    run = ("run", tiny / "study.yaml", "--out", tmp_path / "out", "--json")
    whole = json.loads(call(*run).stdout)["requests"]
    part = json.loads(call(*run, "--only", "end_to_end/*").stdout)["requests"]
    assert part["distinct"] < whole["distinct"]
    status = json.loads(call("status", tmp_path / "out", "--json").stdout)
    assert (status["requests"], status["answered"]) == (2, part["distinct"])


def test_status_of_an_older_format(finished: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    facts = json.loads((finished[0] / "provenance.json").read_text())
    del facts["models"]
    path = tmp_path / "provenance.json"
    path.write_text(json.dumps(facts))
    assert error("status", tmp_path) == (
        f"{path} is of another version of the suite (it lacks 'models'); run the study again with "
        f"`--out {tmp_path}`: what was generated is kept."
    )


@pytest.mark.usefixtures("undrawn")
def test_a_secret_in_the_address_of_a_store_stands_nowhere(tiny: Path, tmp_path: Path) -> None:
    address = f"memory://key:pass/w0rd@{tmp_path.name}?token=w0rd"
    study = tmp_path / "study.yaml"
    text = (tiny / "study.yaml").read_text().replace("family: ", f"family: {tiny}/")
    study.write_text(f"{text}\nstore: {address}\n")
    out = tmp_path / "out"
    run = call("run", study, "--out", out, "--json", "--only", "end_to_end/*")
    said = run.stdout + run.stderr + call("plan", study, "--out", out, "--json").stdout
    assert json.loads(run.stdout)["requests"]["generated"] > 0
    assert f"memory://{tmp_path.name} ends with this process" in said
    assert "w0rd" not in said
    for path in [path for path in out.rglob("*") if path.is_file()]:
        assert b"w0rd" not in path.read_bytes(), path
    facts = json.loads((out / "provenance.json").read_text())
    assert facts["store"] == facts["study"]["store"] == f"memory://{tmp_path.name}"
    assert json.loads(call("status", out, "--json").stdout)["answered"] == 0
    whole = json.loads(call("status", out, "--store", address, "--json").stdout)
    assert whole["answered"] == json.loads(run.stdout)["requests"]["distinct"]
    assert json.loads(call("run", study, "--out", out, "--json").stdout)["requests"]["cached"] > 0
