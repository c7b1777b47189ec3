"""SIGKILL at random moments: nothing finished is lost, nothing finished is done twice.

The quick test kills a process whose generator is a hash; the slow ones kill `downscale run` itself
on random models of the true classes, and compare its records to the bit with an undisturbed run's.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from suite.runs.records import frame_of
from suite.store import Store
from tests.house import ROOT
from tests.suite.study_files import environment, write_study
from tests.suite.world import walk_in

CHILD = ("-m", "tests.suite.engine.kill_child")


def finished_keys(store: Path) -> Counter[str]:
    """How often each key was answered, over all parts of a store."""
    found: Counter[str] = Counter()
    for path in store.glob("parts/*/*.parquet"):
        table = pq.ParquetFile(path).read(["key", "error"])
        for key, error in zip(table["key"].to_pylist(), table["error"].to_pylist(), strict=True):
            found[key] += error is None
    return found


def start(*arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=env,
        start_new_session=True,
    )


def small_records(folder: Path) -> pd.DataFrame:
    walk = walk_in(folder, run="reader", count=24)
    for group in walk.groups:
        walk.requests(group)
    return frame_of(walk)


@pytest.mark.slow
def test_a_killed_engine_goes_on(tmp_path: Path) -> None:
    chance = random.Random(7)
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed.mkdir()
    killed.mkdir()
    clean = start(*CHILD, str(undisturbed), "0")
    assert clean.communicate(timeout=120)[0] == "started\ndone\n"
    for _ in range(6):
        child = start(*CHILD, str(killed), "0.01")
        assert child.stdout is not None
        assert child.stdout.readline() == "started\n"
        time.sleep(chance.uniform(0.0, 0.3))
        child.kill()
        child.communicate()
        assert max(finished_keys(killed / "store").values(), default=1) == 1
    last = start(*CHILD, str(killed), "0")
    out, err = last.communicate(timeout=120)
    assert (last.returncode, out) == (0, "started\ndone\n"), err
    assert finished_keys(killed / "store") == finished_keys(undisturbed / "store")
    pd.testing.assert_frame_equal(small_records(killed), small_records(undisturbed))


def run_command(study: Path, out: Path, *more: str) -> tuple[str, ...]:
    code = "from suite.cli import main; main()"
    return ("-c", code, "run", str(study), "--out", str(out), "--json", *more)


def records(out: Path) -> pd.DataFrame:
    """Everything but the clock."""
    return pd.read_parquet(out / "records.parquet").drop(columns="seconds")


def wait_for_a_stage(process: subprocess.Popen[str]) -> bool:
    """Reads stderr until a stage has begun; False when the process ends before."""
    assert process.stderr is not None
    return any(" requests" in line and "planned" not in line for line in process.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_killed_run_gives_the_records_of_an_undisturbed_one(tmp_path: Path, workers: str) -> None:
    chance = random.Random(3)
    study, env = write_study(tmp_path), environment(tmp_path)
    clean, killed = tmp_path / "clean", tmp_path / "killed"
    done = start(*run_command(study, clean, "--workers", "1"), env=env)
    out, err = done.communicate(timeout=600)
    assert done.returncode == 0, err
    kills = 0
    while kills < 20:
        process = start(*run_command(study, killed, "--workers", workers), env=env)
        running = wait_for_a_stage(process)
        time.sleep(chance.uniform(0.0, 0.4))
        running = running and process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert running, "the study is too small to be killed twenty times"
        kills += 1
        assert max(finished_keys(killed / "store").values(), default=1) == 1
    last = start(*run_command(study, killed, "--workers", workers), env=env)
    out, err = last.communicate(timeout=600)
    assert last.returncode == 0, err
    assert '"failed": 0' in out
    assert finished_keys(killed / "store") == finished_keys(clean / "store")
    pd.testing.assert_frame_equal(records(killed), records(clean), check_exact=True)


@pytest.mark.slow
def test_two_runs_at_once_share_the_work(tmp_path: Path) -> None:
    study, env = write_study(tmp_path), environment(tmp_path)
    shared = ("--store", str(tmp_path / "shared"), "--workers", "1")
    both = [start(*run_command(study, tmp_path / name, *shared), env=env) for name in "ab"]
    errors = [process.communicate(timeout=600)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert set(finished_keys(tmp_path / "shared").values()) == {1}
    pd.testing.assert_frame_equal(records(tmp_path / "a"), records(tmp_path / "b"))


def test_reading_a_store_while_it_is_written(tmp_path: Path) -> None:
    child = start(*CHILD, str(tmp_path), "0.002")
    said: list[Any] = []
    while child.poll() is None:
        Store(tmp_path / "store", say=said.append).shelf({"weights": "vlm-s"})
    child.communicate()
    assert said == []
