"""Every study that comes with the suite is one that a person can plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from suite.cli.plan import command
from suite.items.load import list_tasks
from suite.models.family import load_family
from suite.planning.plan import plan
from suite.planning.prompts import load_prompts
from suite.planning.study import list_studies, load_study
from suite.requests import Decoding

REAL = ("paper", "qwen3_vl", "internvl", "gemma3", "llava_onevision")


@pytest.mark.parametrize("name", list_studies())
def test_a_shipped_study_names_what_exists(name: str) -> None:
    study = load_study(name)
    assert study.study == name
    family = load_family(study.family)
    load_prompts(study.prompts or family.prompts)
    known = {task.name for task in list_tasks()}
    assert {row.task for row in study.tasks} <= known
    content = plan(name).as_json()
    assert content["cells"]
    assert content["requests"]["distinct"] <= content["requests"]["planned"]


@pytest.mark.parametrize("name", REAL)
def test_real_studies_hold_the_papers_grid_and_its_decoding(name: str) -> None:
    study = load_study(name)
    family = load_family(study.family)
    seeing = [size for size in family.sizes if size.vlms]
    reading = [size for size in family.sizes if size.text is not None]
    decoupled = [cell for cell in plan(name).as_json()["cells"] if "decoupled" in cell["cell"]]
    thinking = 2 if any(row.thinking for row in study.cells) else 1
    perceivers = {kind for size in seeing for kind in size.vlms}
    assert len(decoupled) == len(seeing) * len(perceivers) * len(reading) * thinking
    table = study.decoding
    assert (table.reason.temperature, table.reason.top_p) == (0.7, 0.8)
    assert (table.think.temperature, table.think.top_p) == (0.6, 0.95)
    assert (table.think.thinking_budget, table.think.max_new_tokens) == (4096, 1024)
    assert table.answer.temperature == table.perceive.temperature == 0
    assert {row.task for row in study.tasks} >= {"mmstar", "gqa", "textvqa", "vizwiz"}


def test_the_paper_s_study_is_what_its_released_modules_allow() -> None:
    """The settings are the authors' code's: reasoning with top_k 20, NoWait where it thinks."""
    planned = plan("paper")
    sets = {"ocrvqa", "textvqa", "scienceqa", "vqav2", "gqa", "vizwiz", "nights", "mmstar"}
    assert {task.task for task in planned.tasks} == sets
    ids = {cell.id for cell in planned.cells}
    for kind in ("extract", "extract_scratch"):
        for sizes in ("P=0.6b/R=1.7b", "P=1.7b/R=4b"):
            assert {f"decoupled/{kind}/{sizes}/{way}" for way in ("direct", "think")} <= ids
    rows = {
        count.step.decoding.thinking: count.step.decoding
        for count in planned.steps
        if count.step.stage == "reason"
    }
    assert rows == {
        False: Decoding(1024, 0.7, 0.8, 20),
        True: Decoding(1024, 0.6, 0.95, 20, True, 4096, "decoded"),
    }
    specs = [c.step.spec for c in planned.steps if c.step.role == "vlm"]
    assert {(spec.dtype, spec.processor) for spec in specs} == {("float16", '{"backend":"pil"}')}
    assert planned.prompts.name == "paper"


def test_a_family_of_one_s_own_lists_what_is_missing(tmp_path: Path) -> None:
    for name in ("vlm-0.6b", "vlm-1.7b", "vlm-4b", "vlm-8b", "extract-8b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "model.safetensors").write_bytes(b"x")
    shown = []
    for more in ((), ("--weights", str(tmp_path))):
        result = CliRunner().invoke(command, ["paper_vit", "--json", *more])
        rows = json.loads(result.stdout)["missing"]
        folders = [row for row in rows if row["kind"] == "checkpoint" and row["fetch"][:2] == "--"]
        shown.append({row["model"] for row in folders})
    sizes = ("0.6b", "1.7b", "4b", "8b")
    want = {f"{kind}-{size}" for kind in ("vlm", "caption", "extract") for size in sizes}
    want |= {"extract_scratch-0.6b", "extract_scratch-1.7b"}
    assert shown[0] == want
    assert shown[0] - shown[1] == {f"vlm-{size}" for size in sizes} | {"extract-8b"}
    alone = {t.task: {c.method for c in t.cells} for t in plan("paper_vit").tasks}
    assert alone["imagenet"] == alone["refcoco"] == alone["raven"] == {"end_to_end", "blind"}
    assert {"decoupled", "caption_think", "extract_think"} < alone["nights"]
