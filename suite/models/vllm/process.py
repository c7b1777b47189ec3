"""vLLM's own process: started with the Python that has it, asked over pipes, ended with its own.

In: a Python, the arguments of the engine and requests. Out: answers as they end. A process of its
own frees all memory at its end, and the Python may be another than the suite's, which need not be
installed there.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.errors import SuiteError, Unfinished, cut, one_line, public

CHILD = Path(__file__).with_name("child.py")
PYTHON = "DOWNSCALE_VLLM_PYTHON"
"""Environment variable: the Python with vLLM where a checkpoint's `engine` names none."""
PATIENCE = 20.0
"""Seconds that it may take to end."""
QUIET = {"VLLM_LOGGING_LEVEL": "ERROR", "VLLM_NO_USAGE_STATS": "1", "TQDM_DISABLE": "1"}
EMPTY = re.compile(r"EngineCore|WorkerProc|Engine core|background process|EngineDead")
"""What says that another process has said why."""
LONGEST = 400
"""Letters of vLLM's own words in a sentence."""


class Process:
    """A running vLLM."""

    def __init__(
        self, python: str | None, devices: Sequence[str] | None, settings: Mapping[str, Any]
    ) -> None:
        """Starts it and loads the model. devices: GPUs that it sees; None is all. SuiteError where
        vLLM is not there or cannot load the model."""
        self._python = _found(python or os.environ.get(PYTHON) or sys.executable)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        environment = {**QUIET, **os.environ}
        if devices is not None:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(devices)
        self._process = subprocess.Popen(
            [self._python, str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            start_new_session=True,  # Ctrl-C is the suite's, and all its processes end together
            encoding="utf-8",
        )
        self._answered = False
        try:
            self.send(settings)
            self.about = self.receive()
        except BaseException:
            self.close()
            raise

    def send(self, line: Mapping[str, Any]) -> None:
        """Sends a line, which is read at once."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # `receive` says why
            self._process.stdin.write(json.dumps(line) + "\n")
            self._process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """Waits for a line. Unfinished where vLLM has ended, SuiteError where it has not answered
        before: it would end again."""
        assert self._process.stdout is not None
        text = self._process.stdout.readline()
        line = json.loads(text) if text.endswith("\n") else {"fatal": ""}
        if "fatal" not in line:
            self._answered |= "ids" in line
            return dict(line)
        reason = self._reason(line["fatal"])
        if self._answered:
            raise Unfinished(
                f"vLLM has stopped ({reason}); run the same command again, all that was finished "
                "is kept."
            )
        if "No module named 'vllm'" in reason:
            raise SuiteError(
                f"{self._python} has no vLLM: install it with `pip install "
                '"downscaling-suite[vllm]"`, or name a Python that has it in the environment '
                f"variable {PYTHON} or with `engine: {{python: PATH}}`."
            )
        what = "answer with" if hasattr(self, "about") else "load"
        raise SuiteError(f"vLLM cannot {what} the model: {reason}.")

    def close(self) -> None:
        """Ends the process and all that it has started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def _reason(self, said: str) -> str:
        """Why it ended: what it says itself, or the process that has made it end."""
        if not said or EMPTY.search(said):
            self._log.seek(0)
            lines = self._log.read().decode(errors="replace").splitlines()
            errors = [found[0] for line in lines if (found := re.search(r"\w+Error: .+", line))]
            own = [line for line in errors if not EMPTY.search(line)]
            said = next(reversed(own), said) or f"exit code {self._process.poll()}"
        return cut(public(one_line(said.strip())), LONGEST).rstrip(".")


def _found(python: str) -> str:
    """The program of a Python; SuiteError where there is none."""
    found = shutil.which(python)
    if found is None:
        raise SuiteError(
            f"The Python for vLLM, {python}, is not there; correct `engine: {{python: PATH}}` or "
            f"the environment variable {PYTHON}."
        )
    return found
