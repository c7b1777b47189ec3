"""The decoupled pipeline as lmms-eval's model: its answers, what it refuses, the real command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset
from lmms_eval.models.registry_v2 import ModelRegistryV2

from suite.errors import SuiteError
from suite.items.load import load_items
from suite.items.source import read_rows
from suite.items.tasks import get_task
from suite.plugins import lmms_eval_models
from suite.plugins.decoupled import Decoupled
from tasks.micro import task as micro
from tasks.pictures import opened
from tests.house import ROOT
from tests.tasks.files import png

ENTRY_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]


@pytest.fixture
def ocr() -> Dataset:
    """The first three rows of micro_ocr as lmms-eval has them."""
    return micro.generate([{"set": "ocr", "category": "", "n": 3}])


def pipeline(folder: Path, answers: Mapping[str, str], **more: Any) -> Decoupled:
    """A pipeline of recorded texts, the reasoner's by item id."""
    texts = {"contents": dict.fromkeys(answers, "a"), "seen": dict.fromkeys(answers, "b")}
    for name, rows in {**texts, "said": answers}.items():
        (folder / f"{name}.json").write_text(json.dumps(rows))
    (folder / "family.yaml").write_text("""
family: f
instruct: c
sizes:
  - {name: c, params: 1, text: {generator: recorded, path: contents.json}}
  - {name: s, params: 2, vlm: {generator: recorded, path: seen.json}}
  - {name: l, params: 3, text: {generator: recorded, path: said.json}}
""")
    given = {"perception": "s", "reasoning": "l"}
    given = {key: f"{folder / 'family.yaml'}:{size}" for key, size in given.items()}
    return Decoupled(**{**given, "store": str(folder / "store"), "device": "cpu", **more})


def instances(model: Decoupled, task: str, docs: Any, rows: list[int]) -> list[Any]:
    """What lmms-eval hands over for some rows of a task."""
    model.task_dict[task] = {"test": docs}
    return [
        SimpleNamespace(
            args=(f"Question {row}?", {}, micro.doc_to_visual, row, task, "test"),
            task_name=task,
            doc_id=row,
            repeats=1,
        )
        for row in rows
    ]


def test_items_of_the_suite_are_made_of_the_rows_that_lmms_eval_has_loaded(ocr: Dataset) -> None:
    made = read_rows(get_task("micro_ocr"), ocr.select([2, 0]), [2, 0], micro.doc_to_visual)
    known = load_items("micro_ocr", limit=3)
    assert made.items == (known.items[2], known.items[0])
    for name, data in made.image_bytes.items():
        assert data == known.image_bytes[name]


def test_an_answer_to_a_task_of_the_suite_is_what_the_suite_reads(
    tmp_path: Path, ocr: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _, third = load_items("micro_ocr", limit=3).items
    wrong = "abcd"["abcd".index(third.answer.lower()) - 1].upper()
    said = {
        first.item_id: f"Cannot be sure, but the answer is {first.answer}.",
        "ocr-1": "I can not tell.",  # lmms-eval's reading must not make a C of it
        third.item_id: f"Answer: {wrong}",
    }
    model = pipeline(tmp_path, said)
    asked = instances(model, "downscaling_micro_ocr", ocr, [2, 0, 1])
    found = model.generate_until(asked)
    assert found == [wrong, first.answer, ""]
    scores = [micro.process_results(ocr[row], [text]) for row, text in zip([2, 0, 1], found)]
    assert [score["accuracy"] for score in scores] == [0.0, 1.0, 0.0]
    assert "micro_ocr: 0.3333 (n = 3, 1 unread).\n" in capsys.readouterr().err


def test_an_answer_to_another_task_is_what_the_reasoner_states(tmp_path: Path) -> None:
    docs = [{"images": [opened(png((row, 0, 0)))]} for row in range(3)]
    model = pipeline(tmp_path, {"0": "Well.\nAnswer: B", "2": "A cat sits there"})
    assert model.generate_until(instances(model, "pets", docs, [2, 0])) == ["A cat sits there", "B"]
    with pytest.raises(
        SuiteError, match=r"1 of 2 answers to pets failed: .*has no text for item 1"
    ):
        model.generate_until(instances(model, "pets", docs, [0, 1]))


def test_perceiver_and_reasoner_may_be_of_two_families(tmp_path: Path) -> None:
    model = pipeline(tmp_path, {}, perception="micro:s", reasoning="micro:l")
    steps = model._cell.step.chain
    assert [step.model for step in steps] == ["text-micro-l", "vlm-micro-s", "text-micro-l"]
    model = pipeline(tmp_path, {}, perception="micro:s", instruct="micro:xs", thinking=True)
    steps = model._cell.step.chain
    assert [step.model for step in steps] == ["text-micro-xs", "vlm-micro-s", "said.json"]
    model = pipeline(
        tmp_path, {}, reasoning="micro:l", decoding='{"reason": {"max_new_tokens": 5}}'
    )
    assert model._cell.step.decoding.max_new_tokens == 5


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"perception": "micro"}, "perception=micro: write it as FAMILY:SIZE"),
        ({"reasoning": "micro:xl"}, "Family 'micro' has no size 'xl' (did you mean 'l'?"),
        ({"perceiver": "caption"}, "has no perceiver 'caption'"),
        ({"decoding": '{"reson": {}}'}, "unknown key 'reson' in `decoding` (did you mean 'reason'"),
        ({"decoding": "greedy"}, "`decoding` is no JSON"),
        ({"thinking": "maybe"}, "`cells.0.thinking`"),
        ({"prompts": "micor"}, "did you mean 'micro'"),
        ({"device": "gpu"}, "gpu"),
    ],
)
def test_a_wrong_argument_is_one_sentence(
    tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        pipeline(tmp_path, {}, **given)
    assert words in str(caught.value)


def test_what_it_cannot_do_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = pipeline(tmp_path, {})
    (one,) = instances(model, "pets", [{}], [0])
    one.repeats = 4
    with pytest.raises(SuiteError, match="answers once: leave --repeats out"):
        model.generate_until([one])
    with pytest.raises(SuiteError, match="gives texts and no likelihoods"):
        model.loglikelihood([])
    with pytest.raises(SuiteError, match="answers one round"):
        model.generate_until_multi_round([])
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SuiteError, match="start lmms-eval without accelerate or torchrun"):
        pipeline(tmp_path, {})


def test_the_entry_point_is_one_that_lmms_eval_takes() -> None:
    assert ENTRY_POINTS == {
        "lmms_eval.models": {"downscale_decoupled": "suite.plugins:lmms_eval_models"}
    }
    registry = ModelRegistryV2()
    for manifest in lmms_eval_models():
        registry.register_manifest(manifest)
    assert registry.get_model_class("downscale_decoupled") is Decoupled


@pytest.mark.slow
def test_lmms_evals_own_command_runs_the_pipeline(tmp_path: Path) -> None:
    about = tmp_path / "path" / "plugin-0.dist-info"  # as an installation leaves it
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 0\n")
    lines = [f"{name} = {place}" for name, place in ENTRY_POINTS["lmms_eval.models"].items()]
    (about / "entry_points.txt").write_text("\n".join(["[lmms_eval.models]", *lines]))
    command = [
        *(sys.executable, "-m", "lmms_eval", "--include_path", "tasks", "--limit", "4"),
        *("--tasks", "downscaling_micro_ocr", "--model", "downscale_decoupled"),
        *("--model_args", f"perception=micro:l,reasoning=micro:l,store={tmp_path / 'store'}"),
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(about.parent)]),
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    said = re.search(r"micro_ocr: (\d\.\d{4}) \(n = 4, \d unread\)\.", done.stderr)
    assert said is not None, done.stdout + done.stderr
    row = next(line for line in done.stdout.splitlines() if "|downscaling_micro_ocr|" in line)
    value = float(row.split("accuracy")[1].split("|")[2])
    assert value == pytest.approx(float(said[1]), abs=1e-4)
