"""The tasks run under lmms-eval's own evaluator and command line, with its model that says A."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from suite.items.lmms_task import build_task, quiet
from suite.items.load import get_task, load_items
from tests.house import ROOT
from tests.tasks.files import mmstar_row, write_parquet


@pytest.mark.slow
def test_lmms_evals_command_line_runs_two_generated_tasks(tmp_path: Path) -> None:
    names = ["micro_ocr", "micro_similarity"]
    command = [sys.executable, "-m", "lmms_eval", "--model", "dummy", "--batch_size", "1"]
    command += ["--include_path", str(ROOT / "tasks"), "--limit", "20"]
    command += ["--tasks", ",".join(f"downscaling_{name}" for name in names)]
    command += ["--output_path", str(tmp_path / "out"), "--log_samples"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads(next((tmp_path / "out").rglob("*results.json")).read_text())["results"]
    for name in names:
        items = load_items(name, limit=20, cache_dir=tmp_path / "cache").items
        expected = sum(item.answer == "A" for item in items) / 20
        assert results[f"downscaling_{name}"]["accuracy,none"] == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore")  # lmms-eval's and its dependencies' own
def test_lmms_evals_evaluator_runs_mmstar_from_a_local_copy(tmp_path: Path) -> None:
    rows = [mmstar_row(0, "math", "A"), mmstar_row(1, "math", "B")]
    rows.append(mmstar_row(2, "coarse perception", "A"))
    path = write_parquet(tmp_path / "val.parquet", rows, "image")
    overrides = {
        "dataset_path": "parquet",
        "dataset_kwargs": {"data_files": {"val": str(path)}, "cache_dir": str(tmp_path / "hf")},
    }
    task = build_task(get_task("mmstar"), overrides, path)
    with quiet():
        from lmms_eval.evaluator import simple_evaluate
        from lmms_eval.tasks import TaskManager

        manager = TaskManager(include_path=str(ROOT / "tasks"), include_defaults=False)
        evaluated = simple_evaluate(
            model="dummy", tasks=[task], task_manager=manager, batch_size=1, bootstrap_iters=0
        )
    results = evaluated["results"]["downscaling_mmstar"]
    assert results["math,none"] == 0.5
    assert results["coarse perception,none"] == 1.0
    assert results["average,none"] == 0.75  # the mean of the categories, not of the rows
