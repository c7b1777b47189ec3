"""vLLM itself, where it is installed, says what a model says here.

In: the comparison of tests/benchmarks/vllm.py, which also makes results/vllm/engine.csv.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from suite.models.vllm.process import PYTHON
from tests.benchmarks import vllm as benchmark


@pytest.mark.slow
@pytest.mark.parametrize("kind", benchmark.WAYS)
def test_vllm_says_what_the_model_says_here(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_spec("vllm") is None and not os.environ.get(PYTHON):
        pytest.skip(f"vLLM is not installed, and {PYTHON} names no Python that has it")
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    for row in benchmark.rows(kind, 20):
        assert row["failed"] == 0, row["first_difference"]
        assert row["equal"] >= 19, row["first_difference"]
        assert row["prompts_equal"] == 20
