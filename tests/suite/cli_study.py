"""The command line on a small study of random models: its YAML, calls, errors and changed copies.

In: words of a command. Out: click's result, or the one sentence of an error on stderr.
"""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from suite.cli import cli
from tests.suite.study_files import SHORT_DECODING

STUDY = (
    """
study: tiny
family: tiny.yaml
limit: 2
tasks: [{task: micro_ocr}]
cells:
  - {method: end_to_end, perception: s}
  - {method: decoupled, perception: s, reasoning: l, thinking: [false, true]}
"""
    + SHORT_DECODING
)


def call(*arguments: object) -> Result:
    """Runs the command line in this process."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def error(*arguments: object) -> str:
    """The sentence on stderr of a command that ends with code 2 and prints no data."""
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert "Traceback" not in result.stderr
    return last.removeprefix("Error: ")


def changed(tiny: Path, tmp_path: Path, old: str, new: str) -> Path:
    """The study with one text replaced, in another folder than its family."""
    text = (tiny / "study.yaml").read_text().replace("tiny.yaml", str(tiny / "tiny.yaml"))
    assert old in text
    path = tmp_path / "changed.yaml"
    path.write_text(text.replace(old, new))
    return path


GRID = {
    "title": "Accuracy <of pairings>",
    "reasoning": ["s", "l"],
    "rows": [
        {"perception": "s", "values": [0.25, 0.5]},
        {"perception": "l", "values": [0.75, None]},
    ],
}
"""The accuracies of a summary as `run` tells them."""
