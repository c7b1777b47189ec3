"""`downscale run STUDY --random-weights`: a study without its checkpoints and data.

In: the built-in study of the paper. Out: what a person sees, and the records.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from suite.errors import SuiteError
from suite.items.load import load_items
from suite.items.made import made_data
from suite.items.tasks import get_task, list_tasks
from suite.planning.plan import plan
from tests.house import ROOT
from tests.suite.study_files import environment

MAKE = [task.name for task in list_tasks() if task.metadata.get("made_rows")]


def test_weights_are_given_or_made(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="--random-weights replaces every checkpoint"):
        plan("micro", weights=tmp_path, random_weights=True)


def test_the_tasks_of_the_paper_make_rows() -> None:
    assert {"ocrvqa", "vizwiz", "mmstar", "nights", "imagenet", "refcoco"} <= {*MAKE}


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKE)
def test_made_rows_are_items_of_every_category(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path))
    task = get_task(name)
    items = load_items(name, data=str(made_data(task, 2)), limit=2)
    assert len(items.items) == 2 * max(1, len(task.categories))
    assert not items.unreadable
    assert all(item.images for item in items.items)


@pytest.mark.slow
def test_a_rehearsal_has_rows_for_every_cell_and_task(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "suite", "run", "paper", "--random-weights", "--limit", "1"]
    command += ["--only", "extract_think/*", "--only", "decoupled/extract/P=0.6b/R=0.6b/*"]
    done = subprocess.run(
        [*command, "--json", "--out", str(tmp_path / "run")],
        cwd=tmp_path, env={**environment(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Random weights:" in done.stderr
    told = json.loads(done.stdout)
    assert told["study"] == "paper_random_weights"
    assert told["requests"]["failed"] == 0
    records = pd.read_parquet(tmp_path / "run" / "records.parquet")
    assert set(records["family"]) == {"paper (random weights)"}
    assert not records["failed"].any()
    tasks = {"ocrvqa", "textvqa", "scienceqa", "vqav2", "gqa", "vizwiz", "mmstar", "nights"}
    for _, rows in records.groupby("cell"):
        assert set(rows["task"]) == tasks
    models = json.loads((tmp_path / "run" / "provenance.json").read_text())["models"]
    assert all(model["fingerprint"]["random_weights"] for model in models)
