"""Tries the suite with what is installed and says what broke; the Python half of .ci/newest.

In: an environment with the newest versions, the checkout as working folder. Out: on stdout what
broke, the deprecations of libraries, and what differs from .ci/constraints.txt; exit code 1 when
something broke. With `--blame` each differing package is set back alone and what broke tried again.
It is also the plugin of pytest by which it sees failures and warnings.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tests.ci.bounds import KEPT

SEEN = "DOWNSCALE_NEWEST_SEEN"
"""Variable that names the file to which the plugin writes."""
FAILED = "FAILED "
ANNOUNCED = re.compile(r"(\S+\.py):\d+: (\w*(?:Deprecation|Future|User|Pandas\d*)Warning): (.*)")
"""A warning that may be a deprecation, as Python prints it: file, category, message."""
COLOUR = re.compile(r"\x1b\[[\d;]*m")
SHARED = "source .ci/environment && "
COMMANDS = {
    "downscale run micro --limit 3": 'downscale run micro --limit 3 --out "$scratch/micro"',
    "lmms-eval": "evaluate",
}
"""Name -> line of bash, to be run with what the scripts of .ci/ share."""


# The plugin. With pytest-xdist the first process hears all that the others saw.


def _write(line: str) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ and SEEN in os.environ:
        with Path(os.environ[SEEN]).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def pytest_warning_recorded(warning_message: Any) -> None:
    """A line as Python prints it."""
    about = (warning_message.category, warning_message.filename, warning_message.lineno)
    text = warnings.formatwarning(warning_message.message, *about, line="")
    _write(" ".join(text.split()))


def _failure(report: Any) -> None:
    if report.failed:
        told = re.search(r"^E +(.*)", str(report.longrepr), re.MULTILINE)
        _write(FAILED + json.dumps([report.nodeid, told[1] if told else ""]))


pytest_runtest_logreport = pytest_collectreport = _failure


# The report.


def read(lines: Iterable[str]) -> tuple[dict[str, str], Counter[str]]:
    """({test that failed: why}, deprecations) of what the plugin wrote or a command printed."""
    lines = list(lines)
    failures = dict(json.loads(line[len(FAILED) :]) for line in lines if line.startswith(FAILED))
    return failures, deprecations(lines)


def run_tests(names: Sequence[str] = ()) -> tuple[dict[str, str], Counter[str]]:
    """What `read` says of some tests, or of all fast ones."""
    with tempfile.TemporaryDirectory() as folder:
        seen = Path(folder) / "seen.txt"
        seen.touch()
        command = [sys.executable, "-m", "pytest", "-p", "tests.ci.newest"]
        command += names or ["-n", "auto"]
        done = subprocess.run(
            command, env={**os.environ, SEEN: str(seen)}, stdout=sys.stderr, check=False
        )
        failures, announced = read(seen.read_text(encoding="utf-8").splitlines())
    if done.returncode and not failures:
        failures["pytest"] = f"exit code {done.returncode}"
    return failures, announced


def run_command(name: str) -> tuple[dict[str, str], Counter[str]]:
    """The same of one of COMMANDS; its failure is its last line."""
    environment = {**os.environ, "PYTHONWARNINGS": "default"}
    with tempfile.TemporaryDirectory() as folder:
        environment |= {"DOWNSCALE_CACHE": folder, "HF_HOME": folder, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            ["bash", "-c", SHARED + COMMANDS[name]],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    lines = COLOUR.sub("", done.stdout).splitlines()
    print(done.stdout, file=sys.stderr)
    return ({name: lines[-1] if lines else ""} if done.returncode else {}), deprecations(lines)


def deprecations(lines: Iterable[str]) -> Counter[str]:
    """Deprecations among lines, without line numbers, with how often each was seen."""
    found: Counter[str] = Counter()
    for line in lines:
        match = ANNOUNCED.search(line)
        if match and (match[2] != "UserWarning" or "deprecat" in match[3]):
            file = match[1].rpartition("site-packages/")[2]
            found[f"{file}: {match[2]}: {match[3].strip()[:200]}"] += 1
    return found


def differing(frozen: str, constraints: str) -> dict[str, tuple[str, str]]:
    """Package -> (version of the constraints, version here), a dash where there is none."""
    held, here = (
        dict(line.split("==") for line in text.splitlines() if "==" in line and line[0] != "#")
        for text in (constraints, frozen)
    )
    return {
        name: (held.get(name, "-"), here.get(name, "-"))
        for name in sorted({**held, **here}, key=str.lower)
        if held.get(name) != here.get(name)
    }


def blame(broken: Sequence[str], packages: dict[str, tuple[str, str]]) -> list[str]:
    """A line per package that mends something when it alone is set back."""
    found = []
    for name, (old, new) in packages.items():
        if "-" in (old, new) or not _install(f"{name}=={old}"):
            continue
        still = set(run_tests([test for test in broken if test not in COMMANDS])[0])
        for command in set(broken) & set(COMMANDS):
            still |= set(run_command(command)[0])
        _install(f"{name}=={new}")
        if mended := [thing for thing in broken if thing not in still]:
            found.append(f"{name} {old} instead of {new} mends: {', '.join(mended)}")
    return found


def _install(requirement: str) -> bool:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", requirement]
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0


def frozen() -> str:
    """What is installed, as constraints."""
    command = ["bash", "-c", SHARED + "frozen"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def caps(requirements: Iterable[str]) -> list[str]:
    """Those of a distribution's requirements, extras apart, that hold a version back."""
    return [r for r in requirements if "extra ==" not in r and re.search(r"<|==|~=", r)]


def main(arguments: Sequence[str]) -> int:
    """Entry point of the script."""
    results = [run_tests(), *map(run_command, COMMANDS)]
    broken = {name: why for failures, _ in results for name, why in failures.items()}
    announced = sum((seen for _, seen in results), Counter[str]())
    packages = differing(frozen(), Path(".ci/constraints.txt").read_text(encoding="utf-8"))
    own = caps(importlib.metadata.requires("lmms-eval") or [])
    lines = [
        f"The newest versions on {date.today()}, Python {platform.python_version()} on "
        f"{platform.system()}: fast tests, {', '.join(COMMANDS)}",
        "",
        f"Held back by lmms-eval {importlib.metadata.version('lmms-eval')}: {', '.join(own)}",
        *(f"Held back for {other}: {name}, see pyproject.toml" for name, other in KEPT.items()),
        f"\nBroke: {len(broken) or 'nothing'}",
        *(f"  {name}: {why[:200]}" for name, why in broken.items()),
        f"\nDeprecations: {len(announced) or 'none'}",
        *(f"  {count:5} × {text}" for text, count in announced.most_common()),
        f"\nDiffers from .ci/constraints.txt: {len(packages) or 'nothing'}",
        *(f"  {name} {old} -> {new}" for name, (old, new) in packages.items()),
    ]
    if "--blame" in arguments:
        found = blame(list(broken), packages) if broken else []
        lines += ["\nSet back alone:", *(f"  {line}" for line in found or ["nothing mends"])]
    print("\n".join(lines).replace(str(Path.cwd()), ".").replace(sys.prefix, "ENVIRONMENT"))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
