"""Cells and plan: ids, expansion, and requests counted by hand."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import suite
from analyses.stats.detectable import mcnemar_power
from suite.errors import SuiteError
from suite.items.tasks import get_task
from suite.models.family import load_family
from suite.planning.cells import expand
from suite.planning.plan import PlannedTask, plan
from suite.planning.study import Study, list_studies, load_study, parse_study

FAMILY = """
family: pair
instruct: l
sizes:
  - {name: s, params: 1000, text: ./text-s, vlm: ./vlm-s}
  - {name: l, params: 100000, text: ./text-l, vlm: ./vlm-l}
"""


@pytest.fixture
def family_file(tmp_path: Path) -> Path:
    path = tmp_path / "pair.yaml"
    path.write_text(FAMILY)
    return path


def study_of(family: Path, **changes: Any) -> Study:
    content: dict[str, Any] = {
        "study": "grid",
        "family": str(family),
        "tasks": [{"task": "one"}, {"task": "two", "methods": ["end_to_end"]}],
        "cells": [
            {"method": "end_to_end", "perception": "all"},
            {"method": "blind", "perception": "all"},
            {"method": "decoupled", "perception": "all", "reasoning": "all"},
        ],
    }
    return parse_study({**content, **changes})


def ids(study: Study, only: tuple[str, ...] = ()) -> list[str]:
    return [cell.id for cell in expand(study, load_family(study.family), only)]


def test_ids_and_their_order(family_file: Path) -> None:
    assert ids(study_of(family_file)) == [
        "end_to_end/P=s",
        "end_to_end/P=l",
        "blind/P=s",
        "blind/P=l",
        "decoupled/P=s/R=s/direct",
        "decoupled/P=s/R=l/direct",
        "decoupled/P=l/R=s/direct",
        "decoupled/P=l/R=l/direct",
    ]


def test_the_size_of_perception_is_that_of_the_language_model_or_of_both(tmp_path: Path) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text(FAMILY.replace("params: 1000,", "params: 1000, vision_params: 500,"))
    rows = [{"method": "decoupled", "perception": "s", "reasoning": "s"}]

    def sizes(**changes: Any) -> list[tuple[float | None, float | None]]:
        cells = expand(study_of(path, **changes), load_family(path))
        return [(cell.perception_params, cell.reasoning_params) for cell in cells]

    assert sizes(cells=rows) == [(1000, 1000)]
    assert sizes(cells=rows, params="total") == [(1500, 1000)]
    with pytest.raises(SuiteError) as caught:
        sizes(params="total")
    assert str(caught.value) == (
        "Study 'grid' has `params: total`, and size 'l' of family 'pair' has no `vision_params`; "
        "add them to the family file, or leave `params` out."
    )
    with pytest.raises(SuiteError, match="params"):
        sizes(params="both")


def test_perceivers_of_a_size_have_their_own_vision_encoders(tmp_path: Path) -> None:
    path = tmp_path / "towers.yaml"
    path.write_text(
        "family: towers\nsizes:\n- {name: s, params: 1000, text: o/t, "
        "vlms: {instruct: o/v, small: o/w}, vision_params: {instruct: 500, small: 200}}\n"
        "- {name: l, params: 2000, vlms: {instruct: o/x, small: o/y}, vision_params: 500}\n"
        "- {name: x, params: 3000, vlms: {small: o/z}, vision_params: {}}\n"
    )

    def sizes(perception: list[str]) -> list[float | None]:
        row = {"method": "end_to_end", "perceiver": ["small"], "perception": perception}
        if perception != ["x"]:
            row["perceiver"] = ["instruct", "small"]
        return [
            cell.perception_params
            for cell in expand(study_of(path, cells=[row], params="total"), load_family(path))
        ]

    assert sizes(["s", "l"]) == [1500, 2500, 1200, 2500]
    with pytest.raises(SuiteError, match="has no `vision_params` of its perceiver 'small'; add"):
        sizes(["x"])


def test_what_is_left_out_needs_no_models(family_file: Path) -> None:
    """Of a family that has only one of the study's sizes, its own cells are run."""
    rows = [
        {"method": "decoupled", "perception": ["s", "xl"], "reasoning": ["s", "xl"]},
        {"method": "end_to_end", "perceiver": "extract", "perception": "s"},
        {"method": "blind", "perceiver": "extract", "perception": "all"},
    ]
    study, family = study_of(family_file, cells=rows), load_family(family_file)
    one = ["decoupled/P=s/R=s/direct"]
    assert [cell.id for cell in expand(study, family, one)] == one
    with pytest.raises(SuiteError, match="has no size 'xl'"):
        expand(study, family, ["decoupled/*"])
    with pytest.raises(SuiteError, match="size 's' of family 'pair' has no perceiver 'extract'"):
        expand(study, family, ["end_to_end/*"])
    with pytest.raises(SuiteError, match="no size of family 'pair' has a perceiver 'extract'"):
        expand(study_of(family_file, cells=rows[2:]), family)
    with pytest.raises(SuiteError, match=r"blind/\*: no cell has this id"):
        expand(study, family, ["blind/*"])


def test_a_size_without_a_name_is_one_sentence(family_file: Path) -> None:
    rows = [{"method": "decoupled", "perception": "", "reasoning": "s"}]
    with pytest.raises(SuiteError, match="Family 'pair' has no size ''"):
        ids(study_of(family_file, cells=rows))


def test_only_does_not_pass_over_recorded_descriptions(family_file: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").touch()
    family = replace(
        load_family(family_file),
        sizes=tuple(
            replace(size, vlms={**size.vlms, "extract": size.vlms["instruct"]})
            for size in load_family(family_file).sizes
        ),
    )
    rows = [{"method": "extract_think", "perception": "s", "reasoning": "s"}]
    study = study_of(
        family_file, cells=rows, perceive={"s": {"file": str(tmp_path / "texts.jsonl")}}
    )
    for only in ([], ["extract_think/*"]):
        with pytest.raises(SuiteError, match="`perceive` is for the perceiver instruct, and the"):
            expand(study, family, only)


def test_thinking_and_lists_of_sizes(family_file: Path) -> None:
    rows = [
        {"method": "oracle", "reasoning": ["l"], "thinking": [False, True]},
        {"method": "text_only", "reasoning": "s", "thinking": True},
    ]
    study = study_of(family_file, cells=rows)
    assert ids(study) == ["oracle/R=l/direct", "oracle/R=l/think", "text_only/R=s/think"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (("blind/P=s",), ["blind/P=s"]),
        (("*/P=s",), ["end_to_end/P=s", "blind/P=s"]),
        (("decoupled/*/R=l/*",), ["decoupled/P=s/R=l/direct", "decoupled/P=l/R=l/direct"]),
        (("blind/P=s", "end_to_end/*"), ["end_to_end/P=s", "end_to_end/P=l", "blind/P=s"]),
    ],
)
def test_only(family_file: Path, pattern: tuple[str, ...], expected: list[str]) -> None:
    assert ids(study_of(family_file), pattern) == expected


def test_only_without_a_match_names_the_nearest(family_file: Path) -> None:
    with pytest.raises(
        SuiteError, match=r"^--only blind/P=x: no cell has this id \(did you mean 'blind/P=s'\?\)"
    ):
        ids(study_of(family_file), ("blind/P=x",))


def test_counts_by_hand(family_file: Path) -> None:
    found = plan(study_of(family_file), counts={"one": 10, "two": 3})
    # end_to_end: 2 cells x 13; blind: 2 x 10; decoupled: 4 cells x 10 items x 3 stages
    assert found.planned == 26 + 20 + 120
    # instruct once: 10; perceive once per perceiver: 20; reason in each of the 4 pairings: 40
    assert found.distinct == 26 + 20 + 10 + 20 + 40
    assert {cell.id: found.requests_of(cell) for cell in found.cells}["end_to_end/P=s"] == 13


def test_counts_with_samples_by_hand(family_file: Path) -> None:
    rows = [{"method": "decoupled", "perception": "all", "reasoning": "all", "samples": 5}]
    found = plan(study_of(family_file, cells=rows, tasks=[{"task": "one"}]), counts={"one": 10})
    # Instruct and perceive are greedy, one answer each; only reasoning is sampled.
    assert found.planned == 4 * 10 * (1 + 1 + 5)
    assert found.distinct == 10 + 20 + 4 * 10 * 5


def test_sampling_before_the_end_multiplies_what_follows(family_file: Path) -> None:
    study = study_of(
        family_file,
        tasks=[{"task": "one"}],
        cells=[{"method": "decoupled", "perception": "s", "reasoning": "s", "samples": 3}],
        decoding={"perceive": {"temperature": 1.0}, "reason": {"temperature": 0.0}},
    )
    cell = plan(study, counts={"one": 1}).cells[0]
    assert [step.samples for step in cell.step.chain] == [1, 3, 3]


def test_greedy_cells_have_one_sample(family_file: Path) -> None:
    found = plan(study_of(family_file, samples=7), counts={"one": 1, "two": 1})
    assert [cell.samples for cell in found.cells] == [1] * 4 + [7] * 4


def test_the_built_in_grid() -> None:
    tasks = {"one": 60, "two": 60}
    study = parse_study(
        {
            "study": "grid",
            "family": "micro",
            "tasks": [{"task": task} for task in tasks],
            "cells": [
                {
                    "method": "decoupled",
                    "perception": "all",
                    "reasoning": "all",
                    "thinking": [False, True],
                }
            ],
        }
    )
    found = plan(study, counts=tasks)
    assert len(found.cells) == 32
    assert found.planned == 32 * 120 * 3
    assert found.distinct == 120 + 4 * 120 + 32 * 120


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"method": "blind", "perception": "m"},
            r"Family 'pair' has no size 'm'",
        ),
        (
            {"method": "blind", "perception": "all", "reasoning": "all"},
            "it has no reasoning model; remove the key `reasoning`",
        ),
        (
            {"method": "decoupled", "perception": "all"},
            "give `reasoning`: all, a size, or a list of sizes",
        ),
    ],
)
def test_rows_that_the_family_cannot_do(
    family_file: Path, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(SuiteError, match=message):
        ids(study_of(family_file, cells=[row]))


def test_two_rows_with_one_cell(family_file: Path) -> None:
    rows = [{"method": "blind", "perception": size} for size in ("all", "s")]
    with pytest.raises(SuiteError, match="`cells` gives blind/P=s twice; keep one"):
        ids(study_of(family_file, cells=rows))


def test_one_familys_perceivers_with_anothers_reasoners(tmp_path: Path) -> None:
    (tmp_path / "mix.yaml").write_text(
        "family: mix\n"
        "sizes:\n"
        "  - {name: seer-7b, params: 7e9, vlm: owner/seer-7b}\n"
        "  - {name: mind-1b, params: 1e9, text: owner/mind-1b}\n"
        "  - {name: mind-8b, params: 8e9, text: owner/mind-8b}\n"
    )
    study = study_of(tmp_path / "mix.yaml")
    cells = expand(study, load_family(study.family))
    assert [cell.id for cell in cells] == [
        "end_to_end/P=seer-7b",
        "blind/P=seer-7b",
        "decoupled/P=seer-7b/R=mind-1b/direct",
        "decoupled/P=seer-7b/R=mind-8b/direct",
    ]
    assert [step.model for step in cells[2].step.chain] == [
        "text-mind-8b",  # the largest text model writes the contents to observe
        "vlm-seer-7b",
        "text-mind-1b",
    ]
    assert (cells[2].perception_params, cells[2].reasoning_params) == (7e9, 1e9)


def test_recorded_files_stand_for_models(family_file: Path) -> None:
    study = study_of(
        family_file,
        instruct={"file": "contents.json"},
        perceive={"s": {"file": "seen.parquet"}},
        cells=[
            {"method": "decoupled", "perception": "all", "reasoning": "s"},
            {"method": "end_to_end", "perception": "s"},
        ],
    )
    cells = {cell.id: cell for cell in expand(study, load_family(study.family))}
    models = [step.model for step in cells["decoupled/P=s/R=s/direct"].step.chain]
    assert models == ["contents.json", "seen.parquet", "text-s"]
    models = [step.model for step in cells["decoupled/P=l/R=s/direct"].step.chain]
    assert models == ["contents.json", "vlm-l", "text-s"]
    assert cells["end_to_end/P=s"].step.model == "vlm-s"  # it answers, it does not describe


def test_limit_replaces_every_limit_of_the_study(family_file: Path) -> None:
    study = study_of(family_file, tasks=[{"task": "one", "limit": 50}], limit=20)
    assert plan(study, counts={"one": 50}).tasks[0].limit == 50
    assert plan(study, limit=2, counts={"one": 2}).tasks[0].limit == 2
    with pytest.raises(SuiteError, match="--limit 0: give a positive number of items"):
        plan(study, limit=0, counts={"one": 2})


def test_data_for_an_unknown_task(family_file: Path) -> None:
    with pytest.raises(SuiteError, match=r"--data on=\.\.\.: study 'grid' has no such task"):
        plan(study_of(family_file), data={"on": "x"}, counts={})


def test_tasks_that_run_nothing_are_left_out(family_file: Path) -> None:
    found = plan(study_of(family_file), only=("blind/*",), counts={"one": 4, "two": 4})
    assert [task.task for task in found.tasks] == ["one"]
    with pytest.raises(SuiteError, match="no task runs any of the cells"):
        plan(
            study_of(family_file, tasks=[{"task": "one", "methods": ["oracle"]}]),
            counts={"one": 1},
        )


def test_json_shape(family_file: Path) -> None:
    content = plan(study_of(family_file), counts={"one": 10, "two": 3}).as_json()
    assert content["study"] == "grid"
    assert content["requests"] == {"planned": 166, "distinct": 116}
    assert len({row["cell"] for row in content["cells"]}) == len(content["cells"]) == 8
    assert sum(row["distinct"] for row in content["stages"]) == 116
    assert sum(row["requests"] for row in content["cells"]) == 166


def test_detectable_differences_by_hand(family_file: Path) -> None:
    found = plan(study_of(family_file), counts={"one": 300, "two": 300})
    # Independent items, discordance .5: the exact McNemar power is .8 there
    one = found.tasks[0].detectable
    assert one is not None
    assert mcnemar_power(300, one, 0.5) == pytest.approx(0.8, abs=1e-4)
    # the mean of two of one size is tested on all 600 items
    assert found.detectable is not None
    assert mcnemar_power(600, found.detectable, 0.5) == pytest.approx(0.8, abs=1e-4)
    # which z tests would see from 2.801585 * sqrt(.5 / 600) on
    assert found.detectable == pytest.approx(0.0808748, rel=0.03)
    content = found.as_json()
    assert content["overall"] == {"tasks": 2, "detectable": found.detectable}
    assert content["assumed"]["discordance"] == 0.5
    assert content["tasks"][0]["images"] is None


def test_images_of_several_items_make_the_detectable_difference_larger() -> None:
    alone = PlannedTask("one", "in_domain", 300, (), None, None, (1,) * 300)
    shared = PlannedTask("one", "in_domain", 300, (), None, None, (3,) * 100)
    # 1 + (3 - 1) * .5
    assert (alone.design_effect, shared.design_effect) == (1.0, 2.0)
    assert alone.detectable is not None
    assert shared.detectable is not None
    assert shared.detectable > 1.35 * alone.detectable
    assert PlannedTask("one", "in_domain", None, (), None, None).detectable is None
    assert (
        PlannedTask("one", "in_domain", 3, (), None, None).detectable is None
    )  # 3 items show nothing


def test_the_module_is_the_verb(family_file: Path) -> None:
    study = study_of(family_file)
    assert (
        suite.plan(study, counts={"one": 1, "two": 1}).distinct
        == plan(study, counts={"one": 1, "two": 1}).distinct
    )


@pytest.mark.parametrize(
    "module",
    [
        "suite",
        "suite.api",
        "suite.planning.plan",
        "suite.planning.study",
        "suite.store",
        "suite.cli.run",
    ],
)
def test_nothing_heavy_is_imported(module: str) -> None:
    heavy = ("torch", "transformers", "lmms_eval", "pandas")
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_task_keeps_the_domain_that_its_yaml_declares(family_file: Path) -> None:
    tasks = [
        {"task": "micro_star"},
        {"task": "micro_ocr"},
        {"task": "mmstar", "domain": "in_domain"},
        {"task": "nights", "domain": "out_of_domain"},
    ]
    found = plan(study_of(family_file, tasks=tasks))
    assert {task.task: task.domain for task in found.tasks} == {
        "micro_star": "out_of_domain",
        "micro_ocr": "in_domain",
        "mmstar": "in_domain",  # the study overrules what it names
        "nights": "out_of_domain",
    }


def test_a_task_that_is_not_there_is_named_whatever_its_domain(family_file: Path) -> None:
    for domain in ({}, {"domain": "in_domain"}):
        with pytest.raises(SuiteError, match="no task 'micro_stra': did you mean micro_star"):
            plan(study_of(family_file, tasks=[{"task": "micro_stra", **domain}]))


@pytest.mark.parametrize("name", list_studies())
def test_no_shipped_study_overrules_a_task(name: str) -> None:
    for row in load_study(name).tasks:
        assert row.domain in (None, get_task(row.task).domain)


def test_recorded_descriptions_of_a_size_that_is_not_there(family_file: Path) -> None:
    study = study_of(family_file, perceive={"xl": {"file": "texts.json"}})
    with pytest.raises(SuiteError) as caught:
        ids(study)
    assert str(caught.value) == (
        "In study 'grid': `perceive` names 'xl', which is no size of family 'pair' "
        "(did you mean 'l'?)."
    )


PERCEIVERS = """
family: pair
instruct: l
sizes:
  - name: s
    params: 1000
    text: ./text-s
    vlms: {instruct: ./vlm-s, caption: ./caption-s, extract: ./extract-s}
    samples: {extract: 382000}
  - {name: l, params: 100000, text: ./text-l, vlm: ./vlm-l, vlms: {caption: ./caption-l}}
"""


@pytest.fixture
def perceivers(tmp_path: Path) -> Path:
    path = tmp_path / "pair.yaml"
    path.write_text(PERCEIVERS)
    return path


def test_perceivers_are_named_by_the_row_or_by_the_method(perceivers: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"method": "decoupled", "perceiver": ["instruct", "caption"], "perception": "all"},
        {"method": "end_to_end", "perceiver": "extract", "perception": "all"},
        {"method": "caption_think", "perception": "s"},
        {"method": "extract_think", "perception": "s", "thinking": True},
        {"method": "prism", "perception": "l"},
    ]
    rows = [row if row["method"] == "end_to_end" else {**row, "reasoning": "l"} for row in rows]
    cells = expand(study_of(perceivers, cells=rows), load_family(perceivers))
    found = [(c.id, c.perceiver, c.thinking, c.step.chain[-2:][0].model) for c in cells]
    assert found == [
        ("decoupled/P=s/R=l/direct", "instruct", False, "vlm-s"),
        ("decoupled/P=l/R=l/direct", "instruct", False, "vlm-l"),
        ("decoupled/caption/P=s/R=l/direct", "caption", False, "caption-s"),
        ("decoupled/caption/P=l/R=l/direct", "caption", False, "caption-l"),
        ("end_to_end/extract/P=s", "extract", False, "extract-s"),
        ("caption_think/P=s/R=l/think", "caption", True, "caption-s"),
        ("extract_think/P=s/R=l/think", "extract", True, "extract-s"),
        ("prism/P=l/R=l/direct", "caption", False, "caption-l"),
    ]
    samples = {cell.id: cell.perception_samples for cell in cells if cell.perception_samples}
    assert samples == {"end_to_end/extract/P=s": 382_000, "extract_think/P=s/R=l/think": 382_000}


def test_a_named_method_and_a_decoupled_cell_of_its_perceiver_are_asked_once(
    perceivers: Path,
) -> None:
    pair = {"perception": "s", "reasoning": "l"}
    rows = [
        {"method": "decoupled", "perceiver": "extract", "thinking": [False, True], **pair},
        {"method": "extract_think", **pair},
    ]
    found = plan(study_of(perceivers, cells=rows, tasks=[{"task": "one"}]), counts={"one": 10})
    # three cells of instruct, perceive, reason; both with thinking are one step
    assert (found.planned, found.distinct) == (90, 40)
    assert [row["perceiver"] for row in found.as_json()["cells"]] == ["extract"] * 3


@pytest.mark.parametrize("beside", [[], ["end_to_end"], ["blind", "end_to_end"]])
def test_recorded_descriptions_that_no_cell_would_read_are_told(
    perceivers: Path, beside: list[str]
) -> None:
    """What answers itself reads none, so that a perceiver trained to answer is not enough."""
    rows = [{"method": method, "perception": "s"} for method in beside]
    rows.append({"method": "extract_think", "perception": "s", "reasoning": "l"})
    study = study_of(perceivers, cells=rows, perceive={"s": {"file": "seen.parquet"}})
    with pytest.raises(SuiteError, match="`perceive` is for the perceiver instruct, and the cells"):
        expand(study, load_family(perceivers))


def test_further_perceivers_change_nothing_of_what_was_asked(family_file: Path) -> None:
    study = study_of(family_file)
    before = expand(study, load_family(study.family))
    family_file.write_text(PERCEIVERS)
    after = expand(study, load_family(study.family))
    assert [(cell.id, cell.step) for cell in before] == [(cell.id, cell.step) for cell in after]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"method": "extract_think", "perception": ["s", "l"], "reasoning": "l"},
            "extract_think: size 'l' of family 'pair' has no perceiver 'extract'; add "
            "`vlms: {extract: ...}` to the family or remove the row.",
        ),
        (
            {"method": "extract_think_scratch", "perception": "all", "reasoning": "l"},
            "extract_think_scratch: no size of family 'pair' has a perceiver 'extract_scratch'; "
            "add `vlms: {extract_scratch: ...}` to the family or remove the row.",
        ),
        (
            {"method": "decoupled", "perceiver": "extrct", "perception": "s", "reasoning": "l"},
            "decoupled: size 's' of family 'pair' has no perceiver 'extrct' (did you mean "
            "'extract'?); add `vlms: {extrct: ...}` to the family or remove the row.",
        ),
        (
            {"method": "caption_think", "perceiver": "extract", "perception": "s"},
            'caption_think: its perceiver is "caption"; remove the key `perceiver`.',
        ),
        (
            {"method": "extract_think", "thinking": [False, True], "perception": "s"},
            "extract_think: its thinking is true; remove the key `thinking`.",
        ),
        (
            {"method": "prism", "thinking": True, "perception": "l", "reasoning": "l"},
            "prism: its thinking is false; remove the key `thinking`.",
        ),
        (
            {"method": "text_only", "perceiver": "extract", "reasoning": "l"},
            "text_only: it has no perception model; remove the key `perceiver`.",
        ),
        (
            {"method": "blind", "perceiver": ["caption", "caption"], "perception": "l"},
            "blind: `perceiver` is ['caption', 'caption']; give each value once.",
        ),
        (
            {"method": "blind", "perceiver": [], "perception": "l"},
            "blind: `perceiver` is []; give each value once.",
        ),
    ],
)
def test_perceivers_that_a_row_cannot_have(
    perceivers: Path, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        ids(study_of(perceivers, cells=[row]))
    assert str(caught.value) == f"In study 'grid', method {message}"


def test_recorded_descriptions_are_those_of_the_perceiver_instruct(perceivers: Path) -> None:
    seen = {"perceive": {"s": {"file": "seen.json"}}}
    pair = {"perception": "s", "reasoning": "l"}
    both = {"method": "decoupled", "perceiver": ["instruct", "extract"], **pair}
    cells = expand(study_of(perceivers, cells=[both], **seen), load_family(perceivers))
    assert [cell.step.chain[1].model for cell in cells] == ["seen.json", "extract-s"]
    with pytest.raises(SuiteError) as caught:
        ids(study_of(perceivers, cells=[{"method": "extract_think", **pair}], **seen))
    assert str(caught.value) == (
        "In study 'grid': `perceive` is for the perceiver instruct, and the cells of size 's' have "
        "extract; name its recorded texts in the family: `vlms: {NAME: {path: FILE, generator: "
        "recorded}}`."
    )


def test_a_checkpoint_with_two_names_goes_by_the_first(perceivers: Path) -> None:
    perceivers.write_text(PERCEIVERS.replace("./extract-s", "./caption-s"))
    row = {"method": "decoupled", "perceiver": ["extract", "caption"]}
    row |= {"perception": "s", "reasoning": "l"}
    found = plan(study_of(perceivers, cells=[row], tasks=[{"task": "one"}]), counts={"one": 1})
    assert list(found.models.values()) == ["text-l", "extract-s"]
    stages = [(stage["stage"], stage["model"]) for stage in found.as_json()["stages"]]
    assert stages == [("instruct", "text-l"), ("perceive", "extract-s"), ("reason", "text-l")]
