"""Study files: what is accepted, and the one sentence that a mistake gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.errors import SuiteError
from suite.planning.plan import plan, with_options
from suite.planning.study import changed, list_studies, load_study, parse_study

MINIMAL = """
study: small
family: micro
tasks: [{task: micro_ocr}]
cells: [{method: end_to_end, perception: all}]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "small.yaml"
    path.write_text(text)
    return path


def error_of(folder: Path, text: str) -> str:
    path = write(folder, text)
    with pytest.raises(SuiteError) as caught:
        load_study(path)
    return str(caught.value).replace(str(path), "small.yaml")


def test_defaults_are_the_papers(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, MINIMAL))
    assert study.seed == 0
    assert study.samples == 1
    assert study.decoding.answer.decoding().greedy
    reason = study.decoding.reason.decoding()
    assert (reason.temperature, reason.top_p, reason.max_new_tokens) == (0.7, 0.8, 1024)
    think = study.decoding.think.decoding(thinking=True)
    assert (think.temperature, think.top_p, think.thinking_budget) == (0.6, 0.95, 4096)
    assert think.thinking


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "family: micro",
            "familly: micro",
            "In study file small.yaml: unknown key 'familly' (did you mean 'family'?).",
        ),
        (
            "{task: micro_ocr}",
            "{task: micro_ocr, domian: in_domain}",
            "In study file small.yaml: unknown key 'domian' in `tasks.0` (did you mean 'domain'?).",
        ),
        (
            "perception: all}",
            "perception: all, thinkin: true}",
            "In study file small.yaml: unknown key 'thinkin' in `cells.0` "
            "(did you mean 'thinking'?).",
        ),
        (
            "seed: 0",
            "decoding: {reason: {temprature: 1}}",
            "In study file small.yaml: unknown key 'temprature' in `decoding.reason` "
            "(did you mean 'temperature'?).",
        ),
        (
            "seed: 0",
            "decoding: {reasn: {temperature: 1}}",
            "In study file small.yaml: unknown key 'reasn' in `decoding` (did you mean 'reason'?).",
        ),
        (
            "method: end_to_end",
            "method: endtoend",
            "In study file small.yaml: `cells.0.method` is 'endtoend' "
            "(did you mean 'end_to_end'?).",
        ),
        (
            "[{task: micro_ocr}]",
            "[micro_ocr]",
            "In study file small.yaml: `tasks.0` is 'micro_ocr': it should be keys and values, "
            "such as {task: micro_ocr}.",
        ),
        (
            "seed: 0",
            "instruct: l",
            "In study file small.yaml: `instruct` is 'l': it should be keys and values, such as "
            "{size: l} or keys and values, such as {file: l}.",
        ),
        (
            "perception: all",
            "perception: 5",
            "In study file small.yaml: `cells.0.perception` is 5: it should be 'all' or a text, in "
            "quotes or a list, such as […].",
        ),
        (
            "[{task: micro_ocr}]",
            "micro_ocr",
            "In study file small.yaml: `tasks` is 'micro_ocr': it should be a list, such as "
            "[{task: micro_ocr}].",
        ),
        (
            "seed: 0",
            "title: 2001-01-01",
            "In study file small.yaml: `title` is 2001-01-01: it should be a text, in quotes.",
        ),
        (
            "seed: 0",
            f"limit: {2**31}",
            "In study file small.yaml: `limit` is 2147483648: it should be less than or equal to "
            "2147483647.",
        ),
        (
            "seed: 0",
            "seed: .inf",
            "In study file small.yaml: `seed` is inf: it should be a whole number.",
        ),
        (
            "seed: 0",
            "title: [" + "long, " * 20_000 + "]",
            "In study file small.yaml: `title` is ['long', 'long', 'long', 'long', 'long', 'long', "
            "'l … ', 'long', 'long', 'long']: it should be a text.",
        ),
        ("family: micro", "", "In study file small.yaml: `family` is missing."),
        (
            "seed: 0",
            "seed: zero",
            "In study file small.yaml: `seed` is 'zero': it should be a whole number.",
        ),
        (
            "seed: 0",
            "limit: 0",
            "In study file small.yaml: `limit` is 0: it should be greater than 0.",
        ),
        (
            "seed: 0",
            "data: {micro_ocrr: here}",
            "In study file small.yaml: `data` names 'micro_ocrr', which is no task "
            "(did you mean 'micro_ocr'?).",
        ),
        (
            "[{task: micro_ocr}]",
            "[{task: micro_ocr}, {task: micro_ocr}]",
            "In study file small.yaml: `tasks` names 'micro_ocr' twice.",
        ),
        (
            "seed: 0",
            "instruct: {fil: contents.json}",
            "In study file small.yaml: unknown key 'fil' in `instruct` (did you mean 'file'?).",
        ),
        (
            "study: small",
            "study: ../../escape/out",
            "In study file small.yaml: `study` is '../../escape/out': a name is made of letters, "
            "digits, dots, dashes and underscores, begins with no dot and has 100 bytes at most.",
        ),
        (
            "seed: 0",
            "path: x",
            "In study file small.yaml: unknown key 'path' (did you mean 'data'?).",
        ),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = MINIMAL + "seed: 0\n"
    assert old in text
    assert error_of(tmp_path, text.replace(old, new)) == message


def test_broken_yaml_names_the_file(tmp_path: Path) -> None:
    assert error_of(tmp_path, "study: [").startswith("Study file small.yaml cannot be read: ")


def test_unknown_study_names_the_nearest() -> None:
    with pytest.raises(SuiteError, match=r"^No study is called 'mikro' \(did you mean 'micro'\?\)"):
        load_study("mikro")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"nowhere\.yaml does not exist; check the path\."):
        load_study(tmp_path / "nowhere.yaml")


def test_paths_are_read_from_the_studys_folder(tmp_path: Path) -> None:
    text = MINIMAL.replace("family: micro", "family: mine.yaml") + (
        "prompts: words.yaml#short\n"
        "instruct: {file: contents.json}\n"
        "perceive: {xs: {file: seen.parquet}}\n"
        "data: {micro_ocr: ocr}\n"
        "store: s3://bucket/store\n"
    )
    study = load_study(write(tmp_path, text))
    assert study.family == str(tmp_path / "mine.yaml")
    assert study.prompts == f"{tmp_path}/words.yaml#short"
    assert study.instruct is not None
    assert study.instruct.model_dump() == {"file": str(tmp_path / "contents.json")}
    assert study.perceive["xs"].file == str(tmp_path / "seen.parquet")
    assert study.data == {"micro_ocr": str(tmp_path / "ocr")}
    assert study.store == "s3://bucket/store"


def test_a_study_cannot_be_changed(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, MINIMAL))
    with pytest.raises(ValueError, match="frozen"):
        study.seed = 1  # type: ignore[misc]


@pytest.mark.parametrize("name", list_studies())
def test_every_built_in_study_is_valid(name: str) -> None:
    assert load_study(name).study == name


def test_a_mapping_is_a_study_too() -> None:
    study = parse_study(
        {
            "study": "inline",
            "family": "micro",
            "tasks": [{"task": "micro_ocr"}],
            "cells": [{"method": "blind", "perception": "all"}],
        }
    )
    assert study.path is None
    assert study.cells[0].method == "blind"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (
            "[{method: end_to_end, perception: all}]",
            "[end_to_end]",
            ["`cells.0`", "{method: end_to_end}"],
        ),
        (
            "[{method: end_to_end, perception: all}]",
            "{method: end_to_end}",
            ["`cells`", "list", "[{method: "],
        ),
        ("[{task: micro_ocr}]", "{micro_ocr: 100}", ["`tasks`", "list", "[{task: "]),
        ("[{task: micro_ocr}]", "micro_ocr", ["`tasks`", "list", "[{task: micro_ocr}]"]),
        ("[{task: micro_ocr}]", "[{name: micro_ocr}]", ["'name' in `tasks.0`", "task"]),
        ("seed: 0", "limit: '20'", ["`limit` is '20'", "without quotes"]),
        ("seed: 0", "decoding: {temperature: 0.7}", ["'temperature'", "reason", "answer"]),
        (
            "seed: 0",
            "decoding: {reason: 0.7}",
            ["`decoding.reason`", "keys and values", "max_new_tokens"],
        ),
        ("seed: 0", "perceive: {xs: seen.parquet}", ["`perceive.xs`", "{file: seen.parquet}"]),
        ("seed: 0", "data: [micro_ocr=a.parquet]", ["`data`", "keys and values"]),
        ("seed: 0", "instruct: contents.json", ["`instruct`", "{file: contents.json}"]),
        (
            "perception: all",
            "perception: all, thinking: both",
            ["`cells.0.thinking`", "true or false"],
        ),
    ],
)
def test_a_value_of_another_form_is_told_what_to_write(
    tmp_path: Path, old: str, new: str, named: list[str]
) -> None:
    text = MINIMAL + "seed: 0\n"
    assert old in text
    said = error_of(tmp_path, text.replace(old, new))
    assert [words for words in named if words not in said] == [], said
    assert "instance of" not in said
    assert "valid" not in said, "a library's words"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("seed: 0", "limit: 010", ["line 6", "010"]),
        ("seed: 0", "seed: 1:30", ["line 6", "1:30"]),
        ("micro_ocr", "no", ["`tasks.0.task`", "text, in quotes"]),
        ("seed: 0", "decoding: {reason: {temperature: 0,7}}", ["line 6", "0,7", "a dot (0.7)"]),
        (
            "seed: 0",
            "decoding: {reason: {max_new_tokens: 1e3}}",
            ["`decoding.reason.max_new_tokens`", "a whole number: 1000 without quotes", "'1e3'"],
        ),
        (
            "micro_ocr}",
            "micro_ocr, methods: blind}",
            ["`tasks.0.methods`", "a list, such as [blind]"],
        ),
        ("study: small", "study: 2026-11-26", ["`study`", "text, in quotes"]),
        (
            "perception: all",
            "perception: [0.6]",
            ["`cells.0.perception.0` is 0.6", "a text, in quotes"],
        ),
        ("seed: 0", "samples: yes", ["`samples`", "whole number"]),
        ("seed: 0", "limit: -010", ["line 6", "-010"]),
    ],
)
def test_a_value_that_yaml_reads_as_another_is_told_what_to_write(
    tmp_path: Path, old: str, new: str, named: list[str]
) -> None:
    """YAML 1.1 has octal and sexagesimal numbers, dates, and words that are true or false."""
    said = error_of(tmp_path, (MINIMAL + "seed: 0\n").replace(old, new))
    assert [words for words in named if words not in said] == [], said
    assert "valid" not in said, "a library's words"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (
            "[{task: micro_ocr}]",
            "micro_ocr, micro_attribute",
            ["`tasks`", "a list, such as [{task: "],
        ),
        (
            "perception: all",
            "perception: all, thinking: think",
            ["`cells.0.thinking`", "true or false"],
        ),
        ("seed: 0", "data: micro_ocr=a.parquet", ["`data`", "keys and values"]),
        ("seed: 0", "title: yes", ["`title`", "a text, in quotes"]),
        ("method: end_to_end", "method: [end_to_end, blind]", ["`cells.0.method`", "a text"]),
        ("seed: 0", "limit: 5.0", ["`limit` is 5.0", "a whole number"]),
        ("seed: 0", "decoding: {reason: {top_p: 90%}}", ["`decoding.reason.top_p`", "a number"]),
        ("seed: 0", "decoding: {reason: {top_k: 1,000}}", ["line 6", "1,000", "thousands"]),
        ("family: micro", "family: {micro: all}", ["`family`", "a text"]),
        ("seed: 0", "instruct: {file: [a.json]}", ["`instruct.file", "a text"]),
    ],
)
def test_what_people_write_instead_is_told_with_what_to_write(
    tmp_path: Path, old: str, new: str, named: list[str]
) -> None:
    said = error_of(tmp_path, (MINIMAL + "seed: 0\n").replace(old, new))
    assert [words for words in named if words not in said] == [], said
    assert "micro_ocr, micro_attribute}" not in said
    assert "valid" not in said, "a library's words"


@pytest.mark.parametrize("row", ["think", "reason"])
def test_nowait_may_be_a_file_of_words(tmp_path: Path, row: str) -> None:
    (tmp_path / "words.txt").write_text("but\n17\n", encoding="utf-8")
    path = write(tmp_path, f"{MINIMAL}decoding: {{{row}: {{nowait: words.txt}}}}\n")
    study = load_study(path)
    assert getattr(study.decoding, row).decoding().nowait == (17, "but")
    assert study.decoding.answer.decoding().nowait is False
    (tmp_path / "words.txt").unlink()
    with pytest.raises(SuiteError, match=r"The NoWait list .*words\.txt cannot be read"):
        getattr(load_study(path).decoding, row).decoding()


def test_a_task_of_lmms_eval_goes_by_one_name_however_it_is_written(tmp_path: Path) -> None:
    text = """
study: s
family: micro
tasks: [{task: TASK}]
cells: [{method: end_to_end, perception: all}]
data: {DATA: rows.parquet}
"""
    ways = ("lmms:mmstar", "lmms_eval/mmstar")
    for task, data in ((a, b) for a in ways for b in ways):
        path = write(tmp_path, text.replace("TASK", task).replace("DATA", f"'{data}'"))
        study = load_study(path)
        assert [row.task for row in study.tasks] == ["lmms_eval/mmstar"]  # as in stored runs
        assert [*study.data] == ["lmms_eval/mmstar"]
        given = with_options(study, limit=None, data={"lmms:mmstar": "other"})
        assert given.data == {"lmms_eval/mmstar": "other"}
    both = text.replace("{task: TASK}", "{task: lmms:mmstar}, {task: lmms_eval/mmstar}")
    assert "`tasks` names 'lmms_eval/mmstar' twice" in error_of(tmp_path, both)


def test_settings_replace_values_by_dotted_key(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, MINIMAL))
    other = changed(
        study,
        {
            "seed": 2,
            "decoding.think.thinking_budget": 64,
            "tasks.0.limit": 3,
            "cells.0.perception": ["s"],
        },
    )
    assert (other.seed, other.tasks[0].limit, other.path) == (2, 3, study.path)
    assert other.decoding.think.decoding(thinking=True).thinking_budget == 64
    assert other.decoding.reason == study.decoding.reason
    assert plan(study, changes={"cells.0.perception": ["s"]}).cells[0].perception == "s"
    assert len(plan(study, changes={"cells.0.perception": ["s"]}).cells) == 1


@pytest.mark.parametrize("name", list_studies())
def test_a_study_without_changes_is_itself(name: str) -> None:
    study = load_study(name)
    assert changed(study, {"seed": study.seed}) == study


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("sead", 2, "In the study with sead: unknown key 'sead' (did you mean 'seed'?)."),
        (
            "tasks.1.limit",
            2,
            "The study has nothing at 'tasks.1.limit'; its YAML file shows its keys.",
        ),
        ("seed.a", 2, "The study has nothing at 'seed.a'; its YAML file shows its keys."),
        ("seed", "two", "In the study with seed: `seed` is 'two': it should be a whole number."),
    ],
)
def test_a_setting_that_is_wrong_is_a_sentence(
    tmp_path: Path, key: str, value: object, message: str
) -> None:
    study = changed(load_study(write(tmp_path, MINIMAL)), {"seed": 1})
    with pytest.raises(SuiteError) as caught:
        changed(study, {key: value})
    assert str(caught.value) == message
