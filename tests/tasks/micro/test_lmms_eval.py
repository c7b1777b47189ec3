"""The micro tasks under lmms-eval's own evaluator, with a model that reads the prompt alone."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tasks
from tasks.micro import sets

TASKS = Path(tasks.__file__).parent
NAMES = ("downscaling_micro_ocr", "downscaling_micro_star")
N = 12
"""Items of each category that the copied recipes draw."""


def first_option_share(name: str, n: int, limit: int | None = None) -> float:
    """Accuracy by hand of a model that always takes option A."""
    examples = sets.examples(name, n)[:limit]
    return sum(e.question.letter == "A" for e in examples) / len(examples)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A copy of the tasks whose recipes draw a few items."""
    folder = tmp_path / "tasks" / "micro"
    folder.mkdir(parents=True)
    for path in (TASKS / "micro").iterdir():
        if path.name in ("_default", "task.py", "micro_ocr.yaml", "micro_star.yaml"):
            shutil.copy(path, folder)
        elif path.name in ("ocr.jsonl", "star.jsonl"):
            rows = [{**json.loads(line), "n": N} for line in path.read_text().splitlines()]
            (folder / path.name).write_text("".join(json.dumps(r) + "\n" for r in rows))
    return tmp_path / "tasks"


def first_option_model() -> Any:
    """A registered lmms-eval model that answers with the word before `A` in the prompt."""
    model = importlib.import_module("lmms_eval.api.model")
    registry = importlib.import_module("lmms_eval.api.registry")

    class FirstOption(model.lmms):  # type: ignore[misc, name-defined]
        """Takes the first option; keeps the pictures that it was shown."""

        def __init__(self) -> None:
            super().__init__()
            self.sizes: list[tuple[int, int]] = []

        def generate_until(self, requests: list[Any]) -> list[str]:
            """The first option's word for each request."""
            replies = []
            for text, _, to_visual, index, task, split in (r.args for r in requests):
                pictures = to_visual(self.task_dict[task][split][index])
                self.sizes += [picture.size for picture in pictures]
                found = re.search(r"([\w-]+) A, ", text)
                assert found, text
                replies.append(found[1])
            return replies

        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            """Not asked by generation tasks."""
            raise NotImplementedError

        def generate_until_multi_round(self, requests: list[Any]) -> list[str]:
            """Not asked by generation tasks."""
            raise NotImplementedError

    registry.register_model("micro_first_option")(FirstOption)
    return FirstOption()


@pytest.mark.filterwarnings("ignore")  # lmms-eval's and its imports' own
def test_two_tasks_run_under_the_evaluator(small: Path) -> None:
    evaluator = importlib.import_module("lmms_eval.evaluator")
    manager = importlib.import_module("lmms_eval.tasks").TaskManager(
        include_path=str(small), include_defaults=False
    )
    model = first_option_model()
    results = evaluator.simple_evaluate(
        model, tasks=list(NAMES), task_manager=manager, batch_size=1, bootstrap_iters=0,
        log_samples=True, process_docs_parallel=1,
    )  # fmt: skip
    for name, count in zip(NAMES, (N, 6 * N), strict=True):
        measured = results["results"][name]["accuracy,none"]
        assert measured == pytest.approx(first_option_share(name.rsplit("_", 1)[1], N))
        assert len(results["samples"][name]) == count
    assert model.sizes == [(72, 72)] * (7 * N)


@pytest.mark.slow
def test_the_shipped_tasks_run_from_lmms_evals_command_line(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "lmms_eval", "--model", "dummy", "--model_args", "response=A",
        "--include_path", str(TASKS), "--tasks", ",".join(NAMES), "--batch_size", "1",
        "--limit", "8", "--output_path", str(tmp_path),
    ]  # fmt: skip
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    (report,) = tmp_path.rglob("*results.json")
    results = json.loads(report.read_text())["results"]
    assert results[NAMES[0]]["accuracy,none"] == pytest.approx(first_option_share("ocr", 8))
    star = first_option_share("star", 8, 8)  # all of the first category
    assert results[NAMES[1]]["accuracy,none"] == pytest.approx(star)
