"""Stages trained in several processes at once: the order, failures, and the same weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from suite.cli.train import command
from suite.errors import SuiteError
from suite.training.parallel import Task, needs, tasks_of, train_side_by_side
from suite.training.recipe import Recipe, load_recipe
from tests.suite.training.test_resume import weights

TWO = """\
recipe: two
seed: 3
encoder: {side: 72, patch: 24, width: 8, layers: 1}
sizes:
  a: {width: 16, layers: 1, heads: 2, head_dim: 8}
  b: {width: 32, layers: 1, heads: 2, head_dim: 8}
stages:
  - {name: encoder, kind: encoder, shared: true, steps: 2, batch: 2, rate: 1.0e-3, evaluate: 2}
  - {name: recall, kind: recall, steps: 2, batch: 2, rate: 1.0e-3, evaluate: 2}
  - {name: text, kind: text, init: recall, steps: 2, batch: 2, rate: 1.0e-3, evaluate: 2,
     export: text}
  - {name: vit, kind: vision, init: recall, steps: 2, batch: 2, rate: 1.0e-3, evaluate: 2,
     export: vlm}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two sizes, four stages; text and vit both start from recall."""
    path = tmp_path / "two.yaml"
    path.write_text(TWO)
    return path


@pytest.fixture
def recipe(path: Path) -> Recipe:
    """The same, read."""
    return load_recipe(str(path))


def all_tasks(recipe: Recipe) -> list[Task]:
    return tasks_of(recipe, list(recipe.sizes), [s.name for s in recipe.stages])


def pretend(out: Path, task: Task, code: str = "") -> subprocess.Popen[bytes]:
    """A process that writes the task's done.json, after the code given."""
    done = out / task.folder / "done.json"
    text = f"import pathlib, sys\n{code}\np = pathlib.Path({str(done)!r})\n"
    text += "p.parent.mkdir(parents=True, exist_ok=True)\np.write_text('{}')\n"
    return subprocess.Popen([sys.executable, "-S", "-c", text])


def test_the_shared_stage_stands_first_and_the_wider_size_before_the_other(recipe: Recipe) -> None:
    assert [t.folder for t in all_tasks(recipe)] == [
        "encoder-shared", "recall-b", "text-b", "vit-b", "recall-a", "text-a", "vit-a",
    ]  # fmt: skip
    assert needs(recipe, Task("vit", "a")) == [Task("recall", "a"), Task("encoder", "shared")]
    assert needs(recipe, Task("recall", "a")) == []


def test_the_longest_stage_stands_first(recipe: Recipe) -> None:
    longer = [s.model_copy(update={"steps": 6}) if s.name == "vit" else s for s in recipe.stages]
    of = recipe.model_copy(update={"stages": tuple(longer)})
    assert [t.folder for t in all_tasks(of)] == [
        "encoder-shared", "vit-b", "recall-b", "text-b", "vit-a", "recall-a", "text-a",
    ]  # fmt: skip


@pytest.mark.parametrize("jobs", [1, 3, 20])
def test_a_task_starts_when_what_it_needs_is_finished(
    recipe: Recipe, tmp_path: Path, jobs: int
) -> None:
    started: list[Task] = []
    alive: list[subprocess.Popen[bytes]] = []
    most = 0

    def start(task: Task) -> subprocess.Popen[bytes]:
        nonlocal most
        assert all((tmp_path / n.folder / "done.json").exists() for n in needs(recipe, task))
        started.append(task)
        alive.append(pretend(tmp_path, task))
        most = max(most, sum(p.poll() is None for p in alive))
        return alive[-1]

    train_side_by_side(recipe, all_tasks(recipe), tmp_path, jobs, start)
    assert sorted(t.folder for t in started) == sorted(t.folder for t in all_tasks(recipe))
    assert most <= jobs
    train_side_by_side(recipe, all_tasks(recipe), tmp_path, jobs, start)
    assert len(started) == 7  # nothing is left


def test_a_failure_stops_what_has_not_started_and_names_the_stage(
    recipe: Recipe, tmp_path: Path
) -> None:
    started: list[Task] = []

    def start(task: Task) -> subprocess.Popen[bytes]:
        started.append(task)
        return pretend(tmp_path, task, "sys.exit(3)" if task.size == "b" else "")

    with pytest.raises(SuiteError) as error:
        train_side_by_side(recipe, all_tasks(recipe), tmp_path, 2, start)
    assert str(error.value) == (
        "Stage 'recall' of size 'b' ended with exit code 3; what it said stands above. "
        "Run the same command again to go on from its last checkpoint."
    )
    assert Task("text", "b") not in started


def test_a_stage_without_its_start_says_what_to_run_first(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as error:
        train_side_by_side(recipe, [Task("text", "a")], tmp_path, 2, lambda t: pretend(tmp_path, t))
    assert str(error.value) == (
        "Stage 'text' of size 'a' starts from stage 'recall', which is not finished in "
        f"{tmp_path}; run it first, or leave --stage out."
    )


@pytest.mark.slow
def test_the_weights_are_those_of_one_process(path: Path, tmp_path: Path) -> None:
    for jobs in ("1", "3"):
        line = [str(path), "--out", str(tmp_path / jobs), "--jobs", jobs, "--threads", "1"]
        done = CliRunner().invoke(command, line, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        names = [Path(p).name for p in done.stdout.splitlines()]
        assert names == ["text-a", "text-b", "vlm-a", "vlm-b"]
    assert weights(tmp_path / "1") == weights(tmp_path / "3")
    made = [json.loads(p.read_text())["seed"] for p in (tmp_path / "3").glob("*/stage.json")]
    assert made == [3] * 7
    assert len(weights(tmp_path / "1")) == 11
