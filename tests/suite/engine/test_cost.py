"""What a plan costs, by hand, from a store with known answers; unknown where none was measured."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from suite.cli import cli
from suite.engine.cost import expected
from suite.engine.walk import fingerprints
from suite.planning.cells import Step
from suite.planning.plan import Plan, plan
from suite.requests import Generation, Request
from suite.store import Answered, Store
from tests.suite.study_files import write_family

STUDY = """
study: cost
family: tiny.yaml
tasks: [{task: micro_ocr, limit: 3}]
cells:
  - {method: end_to_end, perception: s}
  - {method: text_only, reasoning: s, thinking: [false, true]}
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("cost")
    write_family(folder)
    (folder / "study.yaml").write_text(STUDY)
    return plan(folder / "study.yaml", counts={"micro_ocr": 3})


def fill(store: Store, planned: Plan, step: Step, *answers: Generation) -> None:
    identity = fingerprints(planned)[(step.role, step.spec)]
    request = Request("micro_ocr", "0", (), step.decoding)
    rows = [
        Answered(f"{step.stage}{step.decoding.thinking}{k}", request, answer)
        for k, answer in enumerate(answers)
    ]
    store.shelf(identity).commit(rows, stage=step.stage, model=step.model)


def test_costs_by_hand_and_unknown_until_all_is_measured(planned: Plan, tmp_path: Path) -> None:
    nothing = expected(planned, out=tmp_path)
    assert nothing.total("seconds") is None
    assert not (tmp_path / "store").exists(), "planning writes nothing"
    store = Store(tmp_path / "store", run="r")
    answer, direct, thinking = (count.step for count in planned.steps)
    fill(
        store,
        planned,
        answer,
        Generation("A", generated_tokens=2, seconds=0.5),
        Generation("B", generated_tokens=4, seconds=1.5),
        Generation(error="out of memory", seconds=9.0),
    )
    fill(store, planned, direct, Generation("A", generated_tokens=10, seconds=2.0))
    part = expected(planned, out=tmp_path)
    assert (part.known, part.total("tokens")) == (False, None)
    assert part.as_json()["stages"][0]["seconds_per_answer"] == 1.0
    fill(store, planned, thinking, Generation("A", "hm", generated_tokens=100, seconds=20.0))
    whole = expected(planned, store=str(tmp_path / "store"))
    # 3 items: 3 tokens and 1 s end to end; 10 and 2 direct; 100 and 20 thinking
    assert whole.total("tokens") == pytest.approx(3 * (3 + 10 + 100))
    assert whole.total("seconds") == pytest.approx(3 * (1 + 2 + 20))


def test_plan_says_how_to_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_family(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["plan", "study.yaml", "--json"])
    assert done.exit_code == 0, done.stderr
    content = json.loads(done.stdout)
    assert (content["expected"]["tokens"], content["expected"]["seconds"]) == (None, None)
    assert {"study", "requests", "cells", "tasks", "stages", "overall", "assumed"} <= set(content)
    told = CliRunner().invoke(cli, ["plan", "study.yaml"]).stderr
    assert "Expected tokens and time: unknown" in told
    assert "`downscale run study.yaml --limit 5` measures them" in told
    options = ["--out", "my runs/a", "--store", "shared"]
    told = CliRunner().invoke(cli, ["plan", "study.yaml", *options]).stderr
    measure = "downscale run study.yaml --out 'my runs/a' --store shared --limit 5"
    assert f"`{measure}` measures them" in told
    parsed = shlex.split(measure)
    assert CliRunner().invoke(cli, ["plan", *parsed[2:]]).exit_code == 0
