"""SIGKILL in the middle of a run, and Ctrl-C: the same command then gives the files of an
undisturbed run, and nothing that was finished is generated twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from suite.models.family import FOLDER
from tests.suite.engine.test_kill import finished_keys, start
from tests.suite.extraction.planted import row, write
from tests.suite.extraction.test_planted import photographs
from tests.suite.extraction.test_run import files
from tests.suite.study_files import environment

pytestmark = pytest.mark.slow

FAMILY = """
family: xs
prompts: micro
sizes: [{name: xs, params: 1e4, text: {path: TEXT, batch_size: 4}, vlm: {path: VLM, batch_size: 4}}]
"""


def start_command(out: Path, env: dict[str, str], *words: object) -> subprocess.Popen[str]:
    code = "from suite.cli import main; main()"
    return start("-c", code, "extract-data", *map(str, words), "--out", str(out), env=env)


def run(folder: Path, out: str, env: dict[str, str]) -> subprocess.Popen[str]:
    """Starts the run with the model."""
    words = ("micro", "--teacher", f"{folder / 'xs.yaml'}:xs", "--limit", "24", "--drop", "none")
    return start_command(folder / out, env, *words)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment of the runs, and their family beside them: a size of the micro family, a few
    rows at a time."""
    text = FAMILY.replace("TEXT", str(FOLDER / "micro" / "text-xs"))
    (tmp_path / "xs.yaml").write_text(text.replace("VLM", str(FOLDER / "micro" / "vlm-xs")))
    return environment(tmp_path)


@pytest.mark.parametrize("signals", [[signal.SIGKILL] * 3, [signal.SIGINT]])
def test_a_killed_run_gives_the_files_of_an_undisturbed_one(
    signals: list[int], tmp_path: Path, env: dict[str, str]
) -> None:
    chance = random.Random(5)
    clean = run(tmp_path, "clean", env)
    _, err = clean.communicate(timeout=300)
    assert clean.returncode == 0, err
    for sent in signals:
        process = run(tmp_path, "killed", env)
        assert process.stderr is not None
        assert any(" requests" in line and "images" not in line for line in process.stderr)
        time.sleep(chance.uniform(0.0, 0.5))
        assert process.poll() is None, "the run is too short to be killed"
        os.kill(process.pid, sent)
        process.communicate(timeout=60)
        assert process.returncode == (130 if sent == signal.SIGINT else -sent)
        assert max(finished_keys(tmp_path / "killed" / "store").values(), default=1) == 1
    last = run(tmp_path, "killed", env)
    _, err = last.communicate(timeout=300)
    assert last.returncode == 0, err
    assert files(tmp_path / "killed") == files(tmp_path / "clean")
    keys = finished_keys(tmp_path / "killed" / "store")
    assert keys == finished_keys(tmp_path / "clean" / "store")
    assert set(keys.values()) == {1}


def test_a_run_over_photographs_is_killed_at_each_of_its_steps(tmp_path: Path) -> None:
    rows, texts = [], {}
    for path in photographs():
        rows.append(row(path.stem, path.name, ("What is in the picture?", path.stem)))
        texts["contents", path.stem] = "the animal, its surroundings"
        texts["statements", path.stem] = f"In the picture is {path.stem}."
        texts["description", path.stem] = f"The photograph shows {path.stem}."
    texts["statements", rows[7]["id"]] = "There is something."
    given = write(tmp_path, rows, texts)
    env, images = environment(tmp_path), photographs()[0].parent
    words = (given["conversations"], "--images", images, "--teacher", given["teacher"])
    clean = start_command(tmp_path / "clean", env, *words)
    _, err = clean.communicate(timeout=300)
    assert clean.returncode == 0, err
    for step in ("check images:", "contents ", "statements ", "description ", "description "):
        process = start_command(tmp_path / "killed", env, *words)
        assert process.stderr is not None
        met = any(line.startswith(step) for line in process.stderr)
        process.kill()
        process.communicate(timeout=60)
        assert met or finished_keys(tmp_path / "killed" / "store")
    last = start_command(tmp_path / "killed", env, *words)
    _, err = last.communicate(timeout=300)
    assert last.returncode == 0, err
    assert files(tmp_path / "killed") == files(tmp_path / "clean")
    told = json.loads((tmp_path / "killed" / "report.json").read_text())
    assert [problem["kind"] for problem in told["problems"]] == ["lost_answer"]
    assert told["kept"] == len(rows) - 1
