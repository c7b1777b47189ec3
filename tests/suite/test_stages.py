"""A stage of one's own: what its file declares reaches prompts, decoding, plan and run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import suite
import suite.stages
from suite.api import run
from suite.cells import METHODS, Link, Method
from suite.errors import SuiteError
from suite.items import Item
from suite.prompts import load_prompts
from suite.requests import Decoding
from suite.stages import Form, list_stages, load_stage, templates
from suite.status import status_of
from suite.study import parse_study

CONDENSE = '''"""Condense: a text model shortens a description. In: it. Out: a shorter one."""

from suite.requests import Decoding
from suite.stages import Form

TEMPLATES = {"condense": Form(("notes",), needs="notes")}
DECODING = Decoding(max_new_tokens=7)


def messages(prompts, template, item, upstream):
    return prompts.render(template, item, notes=upstream or "", with_images=False)
'''
OWN_PROMPTS = """
sets:
  own:
    base: micro
    version: 1
    templates: {condense: "{notes} Describe the picture."}
"""
ITEM = Item("t", "1", "Which?", (), "red", "", ("hash",), "h")


@pytest.fixture
def condense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage file `condense` and a method that passes through it."""
    folder = tmp_path / "stages"
    folder.mkdir()
    (folder / "condense.py").write_text(CONDENSE)
    monkeypatch.setattr(suite.stages, "__path__", [*suite.stages.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, "suite.stages.condense", raising=False)
    monkeypatch.setitem(METHODS, "condensed", Method("condensed", "through shorter notes", LINKS))


LINKS = (
    *METHODS["decoupled"].links[:2],
    Link("condense", "condense", "reasoning", "condense"),
    METHODS["decoupled"].links[2],
)


def study_with(method: str, prompts: Path | str | None, **decoding: dict[str, int]) -> suite.Study:
    row = {"method": method, "perception": "xs", "reasoning": "xs"}
    return parse_study(
        {
            "study": "own",
            "family": "micro",
            "prompts": None if prompts is None else str(prompts),
            "limit": 2,
            "tasks": [{"task": "micro_ocr"}],
            "cells": [row],
            "decoding": {name: {"max_new_tokens": 8} for name in ("instruct", "perceive", "reason")}
            | decoding,
        }
    )


def own_prompts(folder: Path) -> Path:
    path = folder / "own.yaml"
    path.write_text(OWN_PROMPTS)
    return path


def test_every_stage_declares_what_it_asks_and_how_it_decodes() -> None:
    assert list_stages() == ("answer", "instruct", "perceive", "reason")
    for name in list_stages():
        stage = load_stage(name)
        assert callable(stage.messages)
        assert stage.templates
    assert load_stage("perceive").decoding == Decoding()
    assert load_stage("reason").decoding == Decoding(temperature=0.7, top_p=0.8)
    with pytest.raises(SuiteError, match="No stage is called 'guess'; there are answer, instruct"):
        load_stage("guess")


def test_every_link_of_a_method_names_a_template_of_its_stage_and_a_decoding() -> None:
    for method in METHODS.values():
        for link in method.links:
            assert link.template in load_stage(link.stage).templates
            assert link.decoding in list_stages()


@pytest.mark.usefixtures("condense")
def test_the_flagship_study_plans_as_before_with_a_stage_that_its_prompts_do_not_know() -> None:
    assert "condense" in list_stages()
    assert "condense" not in dict(load_prompts("micro").templates)
    assert suite.plan("micro").cells


@pytest.mark.usefixtures("condense")
def test_a_stage_of_ones_own_runs(tmp_path: Path) -> None:
    study = study_with("condensed", own_prompts(tmp_path))
    (cell,) = suite.plan(study).cells
    steps = cell.step.chain
    assert [step.stage for step in steps] == ["instruct", "perceive", "condense", "reason"]
    assert steps[2].decoding == Decoding(max_new_tokens=7)  # as its file says

    done = run(study, out=tmp_path / "run", device="cpu", workers=1)
    assert done.failures == {}
    assert done.summary["requests"]["planned"] == 8
    assert list(done.records["method"]) == ["condensed"] * 2
    stages = {row["stage"]: row for row in status_of(tmp_path / "run")["stages"]}
    assert list(stages) == ["instruct", "perceive", "condense", "reason"]
    assert 0 < stages["condense"]["tokens"] <= 2 * 7


@pytest.mark.usefixtures("condense")
def test_a_study_decodes_a_new_stage_as_it_likes(tmp_path: Path) -> None:
    study = study_with("condensed", own_prompts(tmp_path), condense={"max_new_tokens": 3})
    (cell,) = suite.plan(study).cells
    assert cell.step.chain[2].decoding.max_new_tokens == 3
    with pytest.raises(
        SuiteError, match=r"unknown key 'condens' in `decoding` \(did you mean 'condense'\?\)"
    ):
        study_with("condensed", None, condens={"max_new_tokens": 3})


@pytest.mark.usefixtures("condense")
def test_a_template_is_missed_by_the_plan_that_asks_through_it_alone() -> None:
    assert suite.plan(study_with("decoupled", None)).cells
    with pytest.raises(SuiteError) as caught:
        suite.plan(study_with("condensed", None))
    assert str(caught.value) == (
        "Prompt set 'micro' has no template 'condense', which condensed/P=xs/R=xs/direct needs; "
        "add it to the set, or give the set a `base` that has it."
    )


def test_the_template_that_may_take_anothers_place_is_asked_for_too(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    words = "{instruct: '{question}', perceive: '{contents}', reason: '{description}'}"
    path.write_text(f"sets:\n  own:\n    version: 1\n    templates: {words}\n")
    with pytest.raises(SuiteError, match="'own' has no template 'describe', which decoupled/P=xs"):
        suite.plan(study_with("decoupled", path))


def test_the_plan_reads_the_prompts(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("sets:\n  own:\n    base: micro\n    version: 1\n    templates: {reson: x}\n")
    with pytest.raises(SuiteError, match=r"unknown key 'reson' \(did you mean 'reason'\?\)"):
        suite.plan(study_with("decoupled", path))


@pytest.mark.usefixtures("condense")
def test_a_text_that_a_stage_forgets_to_hand_over_is_named(tmp_path: Path) -> None:
    prompts = load_prompts(own_prompts(tmp_path))
    with pytest.raises(SuiteError, match="Template 'condense' of t/1 has no notes"):
        prompts.render("condense", ITEM, with_images=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CONDENSE.replace("DECODING =", "DECODE ="), "condense.py declares no `DECODING`; add it"),
        (
            CONDENSE.replace('{"condense": ', '{"reason": '),
            "Stage 'reason' declares template 'reason', which another stage has; rename it",
        ),
    ],
)
def test_a_stage_file_that_is_none_is_one_sentence(
    text: str, message: str, tmp_path: Path, condense: None
) -> None:
    (tmp_path / "stages" / "condense.py").write_text(text)
    with pytest.raises(SuiteError) as caught:
        templates()
    assert message in str(caught.value)


def test_a_form_shows_nothing_by_default() -> None:
    assert Form().fields == ()
