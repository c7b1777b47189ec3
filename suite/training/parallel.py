"""Several stages of a family trained at once, each in a process of its own.

In: a recipe, the folder of the run, how many processes. Out: the same folders that one process
would write one after another: a stage of a size starts as soon as what it starts from is finished,
so that a size's reasoning and its visual tuning, and all sizes, go on side by side.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from suite.errors import SuiteError
from suite.training.recipe import DONE, SHARED, Recipe

PAUSE = 0.2
"""Seconds between two looks at the processes."""


@dataclass(frozen=True)
class Task:
    """One stage of one size."""

    stage: str
    size: str
    """A size of the recipe, or `shared`."""

    @property
    def folder(self) -> str:
        """Name of its folder under the run's."""
        return f"{self.stage}-{self.size}"


def tasks_of(recipe: Recipe, sizes: Sequence[str], stages: Sequence[str]) -> list[Task]:
    """Gives every stage of every size, the longest first where several could start, shared ones
    before.

    Longest: most weights times rows, so that the last stage to end is not one that waited.
    """

    def cost(task: Task) -> int:
        size, stage = recipe.sizes[task.size], recipe.stage(task.stage)
        return size.width**2 * size.layers * stage.steps * stage.batch

    chosen = [s for s in recipe.stages if s.name in stages]
    shared = [Task(s.name, SHARED) for s in chosen if s.shared]
    own = [Task(s.name, size) for size in sizes for s in chosen if not s.shared]
    return shared + sorted(own, key=cost, reverse=True)


def needs(recipe: Recipe, task: Task) -> list[Task]:
    """Says what must be finished before a task: its initial model, and a vision stage's encoder."""
    stage = recipe.stage(task.stage)
    before = [Task(stage.init, task.size)] if stage.init else []
    if stage.kind == "vision":
        before.append(Task(recipe.chain(stage)[0].name, SHARED))
    return before


def train_side_by_side(
    recipe: Recipe,
    tasks: Sequence[Task],
    out: Path,
    jobs: int,
    start: Callable[[Task], subprocess.Popen[bytes]],
) -> None:
    """Runs the unfinished tasks, at most `jobs` at once; `start` makes the process of one.

    Raises SuiteError when a process fails, after those beside it have ended, or when nothing that
    is left can start because a stage before it was neither finished nor asked for.
    """
    waiting = [t for t in tasks if not _finished(out, t)]
    running: dict[Task, subprocess.Popen[bytes]] = {}
    failed: list[tuple[Task, int]] = []
    try:
        while waiting or running:
            for task in [t for t, process in running.items() if process.poll() is not None]:
                code = running.pop(task).returncode
                if code or not _finished(out, task):
                    failed.append((task, code))
            ready = [t for t in waiting if all(_finished(out, n) for n in needs(recipe, t))]
            for task in [] if failed else ready[: jobs - len(running)]:
                waiting.remove(task)
                running[task] = start(task)
            if not running:
                _complain(recipe, out, waiting, failed)
                return
            time.sleep(PAUSE)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()


def _complain(
    recipe: Recipe, out: Path, waiting: Sequence[Task], failed: Sequence[tuple[Task, int]]
) -> None:
    if failed:
        task, code = failed[0]
        raise SuiteError(
            f"Stage {task.stage!r} of size {task.size!r} ended with exit code {code}; what it said "
            "stands above. Run the same command again to go on from its last checkpoint."
        )
    if waiting:
        task = waiting[0]
        missing = next(n for n in needs(recipe, task) if not _finished(out, n))
        raise SuiteError(
            f"Stage {task.stage!r} of size {task.size!r} starts from stage {missing.stage!r}, "
            f"which is not finished in {out}; run it first, or leave --stage out."
        )


def _finished(out: Path, task: Task) -> bool:
    return (out / task.folder / DONE).exists()


def command_of(
    recipe: str, seed: int, task: Task, out: Path, threads: int, more: Sequence[str]
) -> list[str]:
    """Gives the command line that trains one task; a shared stage needs no size."""
    size = [] if task.size == SHARED else ["--size", task.size]
    return [
        sys.executable, "-c", "from suite.cli import main; main()", "train", recipe,
        "--seed", str(seed), "--out", str(out), "--stage", task.stage, *size,
        "--threads", str(threads), "--no-export", *more,
    ]  # fmt: skip
