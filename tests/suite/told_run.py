"""A finished study whose every text is known, over the task that CONTRIBUTING shows.

In: a folder. Out: task, cache, study and run in it; some texts would break a careless page or
terminal. `surround` sets this process up for it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import suite
from tests.suite.own_tasks import ROWS, clear, write

HOSTILE = "a \x1b]0;title\x07\x1b[31m red \u202edesrever\u202c\r\nthing\x00"
SHOWN = (r"a \x1b]0;title\x07\x1b[31m red \u202edesrever\u202c", r"thing\x00")
"""Its lines as a terminal gets them."""
CONTENTS = {str(n): f"the colour {n}" for n in range(6)} | {"1": HOSTILE}
PERCEIVED = {
    "s": {str(n): f"s sees {n}" for n in range(6)},
    "l": {str(n): f"l sees {n}" for n in range(6)} | {"1": HOSTILE},
}
LOOKS = {"s": dict.fromkeys("012345", "C"), "l": dict.fromkeys("01235", "A") | {"4": "B"}}
"""Answers end to end. Gold: A B C A B C."""
SAYS = {
    "s": {"0": "A", "1": "A", "2": "No idea.", "3": "A", "4": "C"},  # none of 5: it fails
    "l": {"0": "A", "1": "The answer is B", "2": "C", "3": "B", "4": "C", "5": "C"},
}
PROMPTS = """
sets:
  plain:
    version: 1
    options: {each: "{letter}={text}", separator: " "}
    templates:
      answer: {choice: "See: {question} {options}", open: "See: {question}"}
      instruct: {choice: "List: {question}", open: "List: {question}"}
      perceive: {choice: "Find: {contents}", open: "Find: {contents}"}
      describe: {choice: "Look.", open: "Look."}
      reason:
        system: Be brief.
        choice: "Read: {description} {question} {options}"
        open: "Read: {description} {question}"
"""
FAMILY = """
family: told
prompts: prompts.yaml
sizes:
  - name: s
    params: 1000
    text: {generator: recorded, path: ./text-s.json}
    vlm: {generator: recorded, path: ./vlm-s.json}
  - name: l
    params: 9000
    text: {generator: recorded, path: ./text-l.json}
    vlm: {generator: recorded, path: ./vlm-l.json}
"""
STUDY = """
study: told
family: family.yaml
tasks: [{task: shapes}]
instruct: {file: contents.json}
perceive: {s: {file: perceived-s.json}, l: {file: perceived-l.json}}
cells:
  - {method: end_to_end, perception: all}
  - {method: decoupled, perception: all, reasoning: all, thinking: [false]}
"""


def write_home(folder: Path) -> Path:
    """A folder with task, cache, study, and the run in `out`."""
    texts = {"contents": CONTENTS}
    for size in "sl":
        texts |= {
            f"text-{size}": SAYS[size],
            f"vlm-{size}": LOOKS[size],
            f"perceived-{size}": PERCEIVED[size],
        }
    for name, content in texts.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    for name, content in (("prompts", PROMPTS), ("family", FAMILY), ("study", STUDY)):
        (folder / f"{name}.yaml").write_text(content)
    rows = [dict(row) for row in ROWS]
    rows[1]["question"] = HOSTILE
    with pytest.MonkeyPatch.context() as patched:
        surround(patched, folder)
        patched.setattr("suite.report.outputs.draw", lambda *_: [])
        patched.setattr("suite.report.outputs.found", lambda _: {})
        write(folder / "mine", rows)
        clear()
        result = suite.run(folder / "study.yaml", out=folder / "out", workers=1)
    assert result.summary["requests"]["failed"] == 2
    return folder


def surround(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("DOWNSCALE_TASKS", str(folder / "mine"))
    monkeypatch.setenv("DOWNSCALE_CACHE", str(folder / "cache"))
    clear()
