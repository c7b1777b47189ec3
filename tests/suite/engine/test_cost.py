"""What a plan costs, by hand, from a store with known answers; unknown where none was measured."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from huggingface_hub import constants

from suite.cli import cli
from suite.engine.cost import expected, missing, models_of
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


def test_models_and_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One checkpoint is here, 6 numbers in two files; one is on the Hub, one a folder that is not
    there; rows of one task are on the Hub, too."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "home"))
    here = tmp_path / "vlm-s"
    here.mkdir()
    for name, shape in (("a", [2, 2]), ("b", [2])):
        head = json.dumps({name: {"dtype": "F32", "shape": shape}, "__metadata__": {}}).encode()
        content = len(head).to_bytes(8, "little") + head + bytes(16)
        (here / f"{name}.safetensors").write_bytes(content)
    (tmp_path / "family.yaml").write_text(
        "family: f\nsizes:\n"
        "  - {name: s, params: 100, text: o/text, vlm: ./vlm-s}\n"
        "  - {name: l, params: 3.0e9, vision_params: 1.0e9, vlm: {repo: o/vlm, dtype: bfloat16}}\n"
        "  - {name: x, params: 4.0e9, vlm: ./gone}\n"
    )
    (tmp_path / "study.yaml").write_text(
        "study: needs\nfamily: family.yaml\ntasks: [{task: mmstar}, {task: micro_ocr}]\n"
        "cells: [{method: end_to_end, perception: all}]\n"
    )
    planned = plan(tmp_path / "study.yaml")
    rows = {row["model"]: row for row in models_of(planned, "cpu")}
    sizes = ("here", "estimated", "params", "memory", "download")
    assert {name: tuple(row[key] for key in sizes) for name, row in rows.items()} == {
        "vlm-s": (True, False, 6, 24, 0),
        "vlm-l": (False, True, 4e9, 8e9, 8e9),
        "vlm-x": (False, True, 4e9, 16e9, None),
    }
    about = ("kind", "name", "fetched", "fetch")
    assert [tuple(row[name] for name in about) for row in missing(planned)] == [
        ("checkpoint", "vlm-l", True, "hf download o/vlm"),
        ("checkpoint", "vlm-x", False, "--weights PATH"),
        ("data", "mmstar", True, "--data mmstar=PATH"),
    ]
    done = CliRunner().invoke(cli, ["plan", str(tmp_path / "study.yaml"), "--check"])
    assert done.exit_code == 1
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["vlm-l", "o/vlm", "no", "bfloat16", "~4", "G", "~8", "GB", "~8", "GB"] in lines


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
