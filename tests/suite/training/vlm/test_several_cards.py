"""A stage on two processes ends as on one: copies of the model, and shards of it after a stop.

On a CPU, where accelerate itself shards nothing: the sharded processes are told that they may.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from suite.training.vlm.recipe import load_real
from suite.training.vlm.run import RealRun
from tests.house import ROOT
from tests.suite.training.vlm import toys
from tests.suite.training.vlm.test_run import curve, said, weights

COPIES = "from suite.__main__ import main\nmain()\n"
SHARDS = """\
import accelerate.state as state
from accelerate.utils import DistributedType
made = state.AcceleratorState.__init__
def init(self, *given, fsdp_plugin=None, **settings):
    made(self, *given, fsdp_plugin=fsdp_plugin, **settings)
    if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin
state.AcceleratorState.__init__ = init
from suite.training.vlm import run
run.sharded = lambda: True
"""
STOP = """\
whole, calls = run.held_out_of, []
def stopping(*given):
    calls.append(1)
    if len(calls) == 2:
        raise SystemExit("stopped")
    return whole(*given)
run.held_out_of = stopping
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def on_two(folder: Path, script: str, toy: Path) -> int:
    """The exit code of a training on two processes."""
    driver = folder / "driver.py"
    driver.write_text(script)
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
             "--master-port", str(free_port()), str(driver), "train", str(folder / "toy.yaml"),
             "--folder", str(toy), "--out", str(folder / "out"), "--threads", "1"]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        words, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert "Traceback" not in ended.stdout
    print(ended.stderr[-3000:])
    return ended.returncode


@pytest.mark.slow
@pytest.mark.parametrize("sharded", [False, True])
def test_two_processes_train_as_one(toy: Path, tmp_path: Path, sharded: bool) -> None:
    path = toys.recipe_in(tmp_path, only=("vit",), init=None)
    recipe = load_real(str(path), toy)
    assert recipe is not None
    RealRun(recipe, tmp_path / "one", 0, said).train(["a"], recipe.stages)
    if sharded:
        assert on_two(tmp_path, SHARDS + STOP + COPIES, toy) != 0
        (kept,) = (tmp_path / "out" / "vit-a" / "checkpoints").glob("checkpoint-*")
        assert kept.name == "checkpoint-2"
        assert not (kept / "model.safetensors").exists()
    assert on_two(tmp_path, (SHARDS if sharded else "") + COPIES, toy) == 0
    one, two = (tmp_path / name / "vit-a" for name in ("one", "out"))
    first, second = weights(one), weights(two)
    assert set(first) == set(second)
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=5e-5, rtol=0)
    for before, after in zip(curve(one), curve(two), strict=True):
        assert before == pytest.approx(after, abs=2e-4)
