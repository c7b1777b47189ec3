"""Deprecations of libraries are shown to nobody who runs a study, unless they asked for them.

In: a checkpoint whose own code warns at every step and logs through transformers, asked by real
processes. Out: what these print on stderr.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from suite.api import load_all_items, with_counts
from suite.engine.progress import Silent
from suite.engine.walk import Walk, fingerprints
from suite.engine.worker import Job
from suite.planning.plan import plan
from suite.store import Store
from tests.house import ROOT
from tests.suite.study_files import environment
from tests.suite.tiny_models import text_folder

OWN_CODE = """
import warnings
from transformers import Qwen3ForCausalLM
from transformers.utils import logging

class Loud(Qwen3ForCausalLM):
    def forward(self, *arguments, **settings):
        warnings.warn("an old argument", FutureWarning, stacklevel=2)
        logging.get_logger("transformers.models.loud").warning("an old name")
        return super().forward(*arguments, **settings)
"""
FAMILY = """
family: loud
prompts: micro
sizes: [{name: s, params: 1000, text: {path: ./text, trust_remote_code: true}}]
"""
STUDY = """
study: loud
family: loud.yaml
limit: 2
tasks: [{task: micro_ocr}]
cells: [{method: text_only, reasoning: s}]
decoding: {reason: {max_new_tokens: 2}}
"""
SAID = ("an old argument", "an old name")
ASKED = {"PYTHONWARNINGS": "default", "TRANSFORMERS_VERBOSITY": "warning"}


@pytest.fixture
def loud(tmp_path: Path) -> Path:
    """The study."""
    folder = text_folder(tmp_path / "text")
    settings = json.loads((folder / "config.json").read_text())
    settings["auto_map"] = {"AutoModelForCausalLM": "own.Loud"}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "own.py").write_text(OWN_CODE)
    (tmp_path / "loud.yaml").write_text(FAMILY)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "study.yaml"


def stderr_of(command: list[str], folder: Path, job: bytes = b"", **more: str) -> str:
    """What a command says on stderr, in an environment that asks for nothing but `more`."""
    known = {"HF_HOME": str(folder / "hf"), "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}
    env = {k: v for k, v in environment(folder).items() if k not in ASKED} | known | more
    done = subprocess.run(
        [sys.executable, *command], input=job, capture_output=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stderr.decode()


@pytest.mark.slow
@pytest.mark.parametrize("asked", [{}, ASKED])
def test_the_command_shows_deprecations_only_to_who_asks(loud: Path, asked: dict[str, str]) -> None:
    out = loud.parent / "out"
    said = stderr_of(["-m", "suite", "run", str(loud), "--out", str(out)], loud.parent, **asked)
    assert (out / "records.parquet").exists()
    assert [text in said for text in SAID] == [bool(asked)] * 2
    assert asked or "Warning" not in said


@pytest.mark.slow
@pytest.mark.parametrize("asked", [{}, ASKED])
def test_so_does_a_worker_process(
    loud: Path, asked: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", environment(loud.parent)["DOWNSCALE_CACHE"])
    planned = plan(loud)
    items = load_all_items(planned, Silent())
    store = Store(loud.parent / "store", run="worker")
    walk = Walk(
        with_counts(planned, items), items, planned.prompts, fingerprints(planned, "cpu"), store
    )
    job = replace(Job.of(walk, planned.prompts, 1), device="cpu")
    command = ["-m", "suite.engine.worker"]
    said = stderr_of(command, loud.parent, pickle.dumps(job), **asked)
    assert [text in said for text in SAID] == [bool(asked)] * 2
    assert list((loud.parent / "store").rglob("*.parquet"))  # it worked


def test_from_python_only_what_the_own_script_calls_is_shown(tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text(
        "import warnings\n"
        "def inner(): warnings.warn('called by a library', FutureWarning, stacklevel=2)\n"
        "def outer(): inner()\n"
    )
    script = "import suite, library; suite.load_study; library.outer(); {}"
    assert stderr_of(["-c", script.format("pass")], tmp_path) == ""
    said = stderr_of(["-c", script.format("library.inner()")], tmp_path)
    assert said == "<string>:1: FutureWarning: called by a library\n"
    said = stderr_of(["-W", "default", "-c", script.format("pass")], tmp_path)
    assert "library.py:3: FutureWarning: called by a library" in said
