"""What a run lives through: Ctrl-C at any moment, files that may not grow, one size, six sizes.

Real processes on random models of the true classes; every one ends in one sentence with the right
exit code, and the same command comes to the end afterwards.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.suite import cli_study
from tests.suite.study_files import environment, write_study

pytestmark = pytest.mark.slow

STUDY = cli_study.STUDY.replace("perception: s", "perception: all").replace(
    "reasoning: l", "reasoning: all"
)
INTERRUPTED = "Interrupted: what was finished is in the store; the same command resumes there."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with family and study."""
    return write_study(tmp_path_factory.mktemp("hostile"), study=STUDY).parent


def start(home: Path, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from suite.cli import main; main()", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
        **options,
    )


def finish(home: Path, study: Path, out: Path) -> dict[str, Any]:
    """Runs the study to its end and gives its summary."""
    process = start(home, "run", study, "--out", out, "--json")
    told = process.communicate(timeout=600)
    assert process.returncode == 0, told[1]
    summary: dict[str, Any] = json.loads(told[0])
    return summary


def last_line(text: str) -> str:
    assert "Traceback" not in text
    return text.splitlines()[-1]


def interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Presses Ctrl-C, and says what the process printed.

    Python drops an interrupt that falls into a finaliser (of a library's object that is collected
    just then) and says so on stderr: a person presses again, and so does this.
    """
    assert process.stderr is not None
    assert process.stdout is not None
    process.send_signal(signal.SIGINT)
    told: list[str] = []
    with process:  # closes its pipes
        for line in process.stderr:
            told.append(line)
            if line.startswith("KeyboardInterrupt") and any("Exception ignored" in t for t in told):
                told.clear()
                process.send_signal(signal.SIGINT)
        said = process.stdout.read()
    return said, "".join(told)


def test_ctrl_c_in_every_stage(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    moments = ("cells,", "instruct", "perceive", "reason", "Scoring", "Analysing", "Drawing")
    for moment in moments:
        process = start(
            home, "run", home / "study.yaml", "--out", out,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        assert process.stderr is not None
        assert any(moment in line for line in process.stderr), f"never came to {moment}"
        said, told = interrupted(process)
        assert (process.returncode, said) == (130, ""), f"{moment}: {told}"
        assert last_line(told) == INTERRUPTED
    assert finish(home, home / "study.yaml", out)["requests"]["failed"] == 0


def limited(size: int) -> Callable[[], None]:
    """Lets a process write no file larger than `size` bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("size", [1_000, 8_000, 30_000])
def test_files_that_may_not_grow(home: Path, tmp_path: Path, size: int) -> None:
    out = tmp_path / "out"
    out.mkdir()
    process = start(home, "run", home / "study.yaml", "--out", out, preexec_fn=limited(size))
    said, told = process.communicate(timeout=300)
    assert (process.returncode, said) == (1, ""), told
    line = last_line(told)
    assert line.startswith("Error: A file at ")
    assert "(ulimit -f): raise the limit" in line
    assert "run the same command" in line
    requests = finish(home, home / "study.yaml", out)["requests"]
    assert requests["failed"] == 0


@pytest.mark.parametrize("count", [1, 6])
def test_one_size_and_six(home: Path, tmp_path: Path, count: int) -> None:
    roles = ", ".join(
        f"{role}: {{path: {home}/{role}-s, batch_size: 4}}" for role in ("text", "vlm")
    )
    sizes = [f"  - {{name: n{n}, params: {10 ** (3 + n)}, {roles}}}" for n in range(count)]
    head = ["family: many", "prompts: micro", "sizes:"]
    (tmp_path / "many.yaml").write_text("\n".join([*head, *sizes]))
    study = tmp_path / "stüdy 目录.yaml"
    study.write_text(STUDY.replace("tiny.yaml", "many.yaml"), encoding="utf-8")
    summary = finish(home, study, tmp_path / "rün")
    frame = pd.read_parquet(tmp_path / "rün" / "records.parquet")
    assert frame["cell"].nunique() == count + 2 * count * count
    assert not frame["failed"].any()
    assert summary["requests"]["coincided"] > 0 or count == 1  # sizes share their weights here
    assert (tmp_path / "rün" / "report.html").is_file()
