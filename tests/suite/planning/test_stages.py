"""A stage of one's own: what its row declares reaches prompts, decoding, plan and run."""

from __future__ import annotations

from pathlib import Path

import pytest

import suite
from analyses import columns
from analyses.table import sizes
from suite.api import run
from suite.errors import SuiteError
from suite.items.item import Item
from suite.models import spec
from suite.planning.methods import METHODS, Link, Method
from suite.planning.prompts import load_prompts
from suite.planning.stages import EXTRACTION, STAGES, Form, Stage, stage_of, templates
from suite.planning.study import parse_study
from suite.requests import Decoding
from suite.runs.status import status_of

CONDENSE = Stage(
    "condense",
    {"condense": Form(("notes",), needs="notes")},
    reads="notes",
    decoding=Decoding(max_new_tokens=7),
)
"""A text model shortens a description."""
OWN_PROMPTS = """
sets:
  own:
    base: micro
    version: 1
    templates: {condense: "{notes} Describe the picture."}
"""
ITEM = Item("t", "1", "Which?", (), "red", "", ("hash",), "h")


@pytest.fixture
def condense(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row `condense` among the stages and a method that passes through it."""
    monkeypatch.setitem(STAGES, "condense", CONDENSE)
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
    assert list(STAGES) == ["answer", "instruct", "perceive", "reason"]
    assert STAGES["perceive"].decoding == Decoding()
    assert STAGES["reason"].decoding == Decoding(temperature=0.7, top_p=0.8)
    assert [name for name, form in templates().items() if form.images] == [
        *("answer", "perceive", "describe", "recount")
    ]
    with pytest.raises(
        SuiteError, match=r"No prompt template is called 'reson' \(did you mean 'reason'\?\)"
    ):
        stage_of("reson")


def test_no_two_stages_declare_one_template_and_what_a_stage_reads_its_template_needs() -> None:
    stages = (*STAGES.values(), *EXTRACTION.values())
    declared = [name for stage in stages for name in stage.templates]
    assert sorted(declared) == sorted(templates())
    for stage in stages:
        for form in stage.templates.values():
            assert form.needs is None or form.needs in form.fields
            assert stage.reads not in form.fields or form.needs == stage.reads


def test_every_link_of_a_method_names_a_template_of_its_stage_and_a_decoding() -> None:
    for method in METHODS.values():
        for link in method.links:
            assert link.template in STAGES[link.stage].templates
            assert link.decoding in STAGES


@pytest.mark.usefixtures("condense")
def test_the_flagship_study_plans_as_before_with_a_stage_that_its_prompts_do_not_know() -> None:
    assert "condense" in STAGES
    assert "condense" not in dict(load_prompts("micro").templates)
    assert suite.plan("micro").cells


@pytest.mark.usefixtures("condense")
def test_a_stage_of_ones_own_runs(tmp_path: Path) -> None:
    study = study_with("condensed", own_prompts(tmp_path))
    (cell,) = suite.plan(study).cells
    steps = cell.step.chain
    assert [step.stage for step in steps] == ["instruct", "perceive", "condense", "reason"]
    assert steps[2].decoding == Decoding(max_new_tokens=7)  # as its row says

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
        prompts.render("condense", ITEM)


def test_a_form_shows_nothing_by_default() -> None:
    assert Form().fields == ()


def test_the_analyses_know_every_method_that_brings_its_perceiver() -> None:
    """They share nothing but columns with the runner: one that they do not know of would be left
    out of every pairing."""
    named = {name for name, method in METHODS.items() if method.perceiver is not None}
    assert named == set(sizes.NAMED)
    assert spec.INSTRUCT == columns.INSTRUCT
