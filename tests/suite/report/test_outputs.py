"""Baselines in a run's tables: only the study's own tasks, nothing where none were measured."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from suite.report.outputs import write_baselines


def planned(*tasks: str) -> Any:
    return SimpleNamespace(tasks=[SimpleNamespace(task=task) for task in tasks])


def test_baselines_of_the_studys_tasks_alone(tmp_path: Path) -> None:
    write_baselines(tmp_path, planned("micro_ocr", "micro_similarity"))
    table = pd.read_csv(tmp_path / "tables" / "baselines.csv")
    assert table["task"].tolist() == ["micro_ocr", "micro_similarity"]
    assert table["chance"].tolist() == [0.25, 0.5]
    assert (table["baseline"] >= table["chance"]).all()


def test_no_file_where_no_task_has_baselines(tmp_path: Path) -> None:
    write_baselines(tmp_path, planned("mmstar"))
    assert not (tmp_path / "tables").exists()
