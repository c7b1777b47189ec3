"""Holds the cells of a micro run against the committed ones: a change of any number is seen.

In: the JSON that `downscale run micro --json` printed, and results/micro_reference.json.
Out: a summary, a line per cell that differs, and exit code 1 when one differs by more than the
tolerance. `--write` makes the reference from the run instead.

    python tests/ci/compare_micro.py run.json results/micro_reference.json [--tolerance 0.02]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOLERANCE = 0.02
"""Accuracy. One item of 60 is 0.0167: one near tie that another processor decides otherwise passes,
two do not. Sampled cells are held to the same, since every sample is seeded."""
GREEDY = frozenset({"end_to_end", "blind"})
"""Methods whose answers are not sampled."""
KEY = ("cell", "task", "group")
KEPT = (*KEY, "method", "n", "accuracy", "unparsed", "failed")
REQUESTS = ("planned", "distinct", "generated", "cached", "failed", "coincided")


@dataclass(frozen=True)
class Difference:
    """One thing that is not as in the reference."""

    where: str
    what: str
    size: float
    """Absolute difference of accuracy; infinite where the two cannot be compared."""


def reference_of(summary: dict[str, Any]) -> dict[str, Any]:
    """What the reference keeps of a run: no folder, no clock, no intervals."""
    return {
        "study": summary["study"],
        "requests": {name: summary["requests"].get(name) for name in REQUESTS},
        "cells": [{name: entry.get(name) for name in KEPT} for entry in summary["cells"]],
    }


def wrong_requests(requests: dict[str, int]) -> list[str]:
    """What the counts of a run from an empty store must satisfy, and do not."""
    rules = {
        "nothing failed": requests["failed"] == 0,
        "nothing came from a store": requests["cached"] == 0,
        "every distinct request was generated once": requests["generated"] == requests["distinct"],
        "sharing saved requests": requests["distinct"] < requests["planned"],
    }
    return [f"not true: {rule} ({requests})" for rule, holds in rules.items() if not holds]


def differences(run: dict[str, Any], reference: dict[str, Any]) -> list[Difference]:
    """Everything in which a run differs from the reference, the largest first."""
    here, there = (_by_key(summary["cells"]) for summary in (run, reference))
    found = [
        Difference(_name(key), f"is only in the {side}", float("inf"))
        for keys, side in ((here.keys() - there, "run"), (there.keys() - here, "reference"))
        for key in keys
    ]
    for key in here.keys() & there.keys():
        found += _compare(key, here[key], there[key])
    return sorted(found, key=lambda d: (-d.size, d.where))


def _compare(
    key: tuple[Any, ...], mine: dict[str, Any], theirs: dict[str, Any]
) -> list[Difference]:
    kind = "greedy" if mine["method"] in GREEDY else "sampled"
    if mine["n"] != theirs["n"]:
        what = f"has {mine['n']} items, the reference {theirs['n']}"
        return [Difference(_name(key), what, float("inf"))]
    found = []
    for name in ("accuracy", "unparsed"):
        a, b = mine[name], theirs[name]
        if a == b:
            continue
        size = float("inf") if a is None or b is None else abs(a - b)
        found.append(Difference(_name(key), f"({kind}) {name} {a} instead of {b}", size))
    return found


def _by_key(cells: Sequence[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for entry in cells:
        key = tuple(entry[name] for name in KEY)
        if key in found:
            raise SystemExit(f"{_name(key)} stands twice in one file: its keys must be unique.")
        found[key] = entry
    return found


def _name(key: tuple[Any, ...]) -> str:
    return " · ".join(str(part) for part in key if part is not None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 as the reference, 1 not."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--tolerance", type=float, default=TOLERANCE)
    parser.add_argument("--write", action="store_true", help="make the reference from the run")
    given = parser.parse_args(arguments)
    run = json.loads(given.run.read_text(encoding="utf-8"))
    if given.write:
        text = json.dumps(reference_of(run), indent=1, ensure_ascii=False) + "\n"
        given.reference.write_text(text, encoding="utf-8")
        print(f"Wrote {given.reference}: {len(run['cells'])} cells x tasks x groups.")
        return 0
    reference = json.loads(given.reference.read_text(encoding="utf-8"))
    problems = wrong_requests(run["requests"])
    found = differences(run, reference)
    if run["study"] != reference["study"]:
        problems.append(f"the run is of {run['study']!r}, the reference of {reference['study']!r}")
    if run["requests"]["planned"] != reference["requests"]["planned"]:
        planned = reference["requests"]["planned"]
        problems.append(f"{run['requests']['planned']} requests planned instead of {planned}")
    if not run["cells"]:
        problems.append("the run has no cells")
    large = [difference for difference in found if difference.size > given.tolerance]
    for line in problems:
        print(f"WRONG  {line}")
    for difference in found:
        mark = "WRONG " if difference in large else "within"
        print(f"{mark} {difference.where}: {difference.what}")
    equal = len(run["cells"]) - len({difference.where for difference in found})
    print(
        f"{len(run['cells'])} cells x tasks x groups: {equal} equal, {len(found) - len(large)} "
        f"differences within {given.tolerance}, {len(large)} beyond it."
    )
    return 1 if problems or large else 0


if __name__ == "__main__":
    sys.exit(main())
