"""Ctrl-C: a sentence and exit code 130, in the middle of a run and while the command line loads.

In: processes that get the signal. Out: how they end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import suite
from tests.suite.study_files import environment

pytestmark = pytest.mark.usefixtures("tiny_environment")


def test_ctrl_c(tiny: Path, tmp_path: Path) -> None:
    code = "from suite.cli import main; main()"
    command = [sys.executable, "-c", code, "run", str(tiny / "study.yaml")]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(tiny),
        # Started by a shell in the background, this process ignores the signal, and so would it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "instruct" in line:
            break
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == (
        "Interrupted: what was finished is in the store; the same command resumes there."
    )
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("click", "Interrupted before anything began."),
        ("rich", "Interrupted: what was finished is stored, and the same command resumes there."),
    ],
)
def test_ctrl_c_while_it_is_loading(tmp_path: Path, module: str, said: str) -> None:
    """In the first import and in those of a command, whoever is first to import `module`."""
    (tmp_path / f"{module}.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "suite", "studies"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=Path(suite.__file__).parent.parent,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", said)


def test_the_console_script_starts_where_ctrl_c_is_caught() -> None:
    pyproject = Path(suite.__file__).parent.parent / "pyproject.toml"
    scripts = tomllib.loads(pyproject.read_text())["project"]["scripts"]
    assert scripts == {"downscale": "suite.__main__:main"}
