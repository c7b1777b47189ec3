"""`downscale train`, killed and run again, ends with the weights of an undisturbed run."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RECIPE = """\
recipe: killed
seed: 3
encoder: {side: 72, patch: 24, width: 8, layers: 1}
sizes:
  a: {width: 16, layers: 1, heads: 2, head_dim: 8}
stages:
  - {name: encoder, kind: encoder, shared: true, steps: 30, batch: 4, rate: 1.0e-3, evaluate: 10}
  - {name: recall, kind: recall, steps: 30, batch: 4, rate: 1.0e-3, evaluate: 10, gate: 0.98,
     retries: [{seed: 4, scale: 0.5}]}
  - {name: text, kind: text, init: recall, steps: 30, batch: 4, rate: 1.0e-3, evaluate: 10,
     export: text}
  - {name: vit, kind: vision, init: text, steps: 30, batch: 4, rate: 1.0e-3, evaluate: 10,
     export: vlm}
"""
KILLED_IN = ("encoder-shared/attempt-0", "recall-a/attempt-1", "vit-a/attempt-0")
"""Attempts that a run is killed in, after their first point of the curve."""


def start(recipe: Path, out: Path) -> subprocess.Popen[str]:
    """A run in a process of its own, on one thread."""
    return subprocess.Popen(
        [sys.executable, "-c", "from suite.cli import main; main()", "train", str(recipe),
         "--out", str(out), "--threads", "1", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(run: subprocess.Popen[str]) -> list[Path]:
    """The exported folders of a run that ends well."""
    out, err = run.communicate(timeout=1200)
    assert run.returncode == 0, err[-3000:]
    return [Path(p) for p in json.loads(out)["folders"]]


def weights(folder: Path) -> dict[str, str]:
    """Content hashes of the models of all stages."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("model.safetensors"))
        if "checkpoints" not in p.parts
    }


def curve(folder: Path, attempt: str) -> list[dict[str, float]]:
    """The points of an attempt's curve, without seconds, and the loss of the step before."""
    path = folder / attempt / "curve.jsonl"
    if not path.exists():
        return []
    points = [json.loads(line) for line in path.read_text().splitlines()]
    return [{k: v for k, v in p.items() if k not in ("seconds", "loss")} for p in points]


@pytest.mark.slow
def test_killed_and_run_again_the_weights_are_equal_to_the_bit(tmp_path: Path) -> None:
    recipe = tmp_path / "killed.yaml"
    recipe.write_text(RECIPE)
    quiet, stormy = tmp_path / "quiet", tmp_path / "stormy"
    folders = finish(start(recipe, quiet))
    assert [p.name for p in folders] == ["text-a", "vlm-a"]
    for attempt in KILLED_IN:
        run = start(recipe, stormy)
        while not list((stormy / attempt).glob("checkpoints/checkpoint-*/trainer_state.json")):
            assert run.poll() is None, run.stderr.read() if run.stderr else ""
            time.sleep(0.02)
        os.kill(run.pid, signal.SIGKILL)
        run.communicate()
        assert run.returncode == -signal.SIGKILL
        assert not (stormy / attempt).parent.joinpath("done.json").exists()
    finish(start(recipe, stormy))
    assert weights(stormy) == weights(quiet)
    assert len(weights(quiet)) == 6
    for attempt in KILLED_IN:
        assert curve(stormy, attempt) == curve(quiet, attempt)
        assert [p["step"] for p in curve(stormy, attempt)] == [10, 20, 30]
