"""One item through every stage, and lists of items, of a study whose every text is known.

In: a run of recorded texts over the task that CONTRIBUTING shows. Out: what the explorer and
`downscale show` say of it, also where store, items or provenance are gone, and of older runs.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import suite
from analyses.columns import COLUMNS
from suite.cli import cli
from suite.errors import SuiteError
from suite.items.load import load_items
from suite.runs.explorer import Explorer, Filter
from suite.runs.export import export
from tests.house import ROOT
from tests.suite.frames import record
from tests.suite.told_run import SHOWN, surround


@pytest.fixture
def home(told: Path) -> Path:
    """A folder with task, cache, study, and the run in `out`."""
    return told


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run directory, which no test changes."""
    surround(monkeypatch, home)
    return home / "out"


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(run, tmp_path / "copy")


def show(*words: object) -> Result:
    return CliRunner().invoke(cli, ["show", *map(str, words)], color=True)


def asked(stage: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(m["role"], m["text"], len(m["images"])) for m in stage["messages"]]


def test_everything_about_one_item(run: Path) -> None:
    found = Explorer(run).item("0")
    assert (found["task"], found["category"], found["answer"]) == ("shapes", "first", "A")
    assert found["question"] == "What colour is the picture?"
    assert [tuple(o.values()) for o in found["options"]] == [
        ("A", "red", True),
        ("B", "green", False),
        ("C", "blue", False),
    ]
    [image] = found["images"]
    own = (run.parent / "mine" / "shapes" / "pictures" / "0.png").read_bytes()
    assert Path(image["path"]).read_bytes() == own
    assert found["lacking"] == []
    answers = {answer["cell"]: answer for answer in found["answers"]}
    assert list(answers) == [
        "end_to_end/P=s",
        "end_to_end/P=l",
        *(f"decoupled/P={p}/R={r}/direct" for p in "sl" for r in "sl"),
    ]
    [seen] = answers["end_to_end/P=s"]["stages"]
    question = "What colour is the picture? A=red B=green C=blue"
    assert asked(seen) == [("user", f"See: {question}", 1)]
    instruct, perceive, reason = answers["decoupled/P=l/R=s/direct"]["stages"]
    assert asked(instruct) == [("user", "List: What colour is the picture?", 0)]
    assert (instruct["model"], instruct["text"]) == ("contents.json", "the colour 0")
    assert asked(perceive) == [("user", "Find: the colour 0", 1)]
    assert (perceive["model"], perceive["text"]) == ("perceived-l.json", "l sees 0")
    assert asked(reason) == [
        ("system", "Be brief.", 0),
        ("user", f"Read: l sees 0 {question}", 0),
    ]
    answer = answers["decoupled/P=l/R=s/direct"]
    assert (answer["text"], answer["prediction"], answer["rule"]) == ("A", "A", "whole")
    assert (answer["score"], answer["mark"]) == (1.0, "right")


def test_records_lead_to_the_texts_before_an_answer(run: Path) -> None:
    frame = suite.load_results(run).set_index(["cell", "item_id"])
    assert frame.loc[("end_to_end/P=s", "0"), "upstream"] is None or pd.isna(
        frame.loc[("end_to_end/P=s", "0"), "upstream"]
    )
    keys = {p: frame.loc[(f"decoupled/P={p}/R=s/direct", "0"), "upstream"].split() for p in "sl"}
    assert keys["s"][0] == keys["l"][0]  # the contents, asked once
    assert keys["s"][1] != keys["l"][1]
    assert all(len(key) == 64 for own in keys.values() for key in own)


@pytest.mark.parametrize(
    ("item", "whose", "starts"),
    [
        ("0", None, "Nobody's fault: with s looking and s reasoning it is right already."),
        (
            "1",
            "reasoning",
            "Reasoning's fault: with s looking and s reasoning it is wrong; a larger reasoning (l) "
            "alone mends it, a larger perception (l) alone does not.",
        ),
        ("3", None, "Nobody's fault: with s looking and s reasoning it is right already."),
        ("4", "bottleneck", "Lost on the way: l answers it right end to end, and no pairing does."),
        (
            "5",
            None,
            "Nobody's fault can be told: an answer of the smallest or largest sizes is missing.",
        ),
    ],
)
def test_whose_fault_it_is(run: Path, item: str, whose: str | None, starts: str) -> None:
    [found] = Explorer(run).item(item)["blame"]
    assert (found["whose"], found["sentence"]) == (whose, starts)


CORNERS = ("P=s/R=s", "P=l/R=s", "P=s/R=l", "P=l/R=l")


@pytest.mark.parametrize(
    ("scores", "whose", "starts"),
    [
        ((0, 1, 0, 1), "perception", "Perception's fault: with s looking and s reasoning it is"),
        ((0, 0, 1, 1), "reasoning", "Reasoning's fault: "),
        ((0, 1, 1, 1), "either", "The fault of either: "),
        ((0, 0, 0, 1), "both", "The fault of both: "),
        ((0, 1, 0, 0), None, "No larger size mends it: with l looking and l reasoning it is wrong"),
        ((1, 0, 0, 0), None, "Nobody's fault: "),
        # lost in .5 of the draws; mended by perception in all of these
        ((0.5, 1, 0, 1), None, "By the ways to draw one answer of each cell, it is the fault of: "
         "perception 50%."),
    ],
)  # fmt: skip
def test_the_rule_is_that_of_the_attribution(
    scores: tuple[float, ...], whose: str | None, starts: str, tmp_path: Path, home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    surround(monkeypatch, home)
    path = tmp_path / "table.parquet"
    table(dict(zip(CORNERS, scores))).to_parquet(path)
    [found] = Explorer(path).item("0")["blame"]
    assert found["whose"] == whose
    assert found["sentence"].startswith(starts)
    listed = [n for n in ("perception", "reasoning", "either", "both", "bottleneck")
              if Explorer(path).items(Filter(blame=n))]  # fmt: skip
    assert listed == ([whose] if whose else [])


def table(scores: dict[str, float]) -> pd.DataFrame:
    """Records of one item of decoupled cells, by hand."""
    item = load_items("shapes").items[0]
    sizes = {"s": 1000.0, "l": 9000.0}
    return pd.DataFrame(
        [
            record(
                item,
                cell=f"decoupled/{name}/think",
                thinking=True,
                perceiver="instruct",
                perception=name[2],
                perception_params=sizes[name[2]],
                reasoning=name[-1],
                reasoning_params=sizes[name[-1]],
                score=float(score),
                parsed=True,
                prediction="A",
                text="A",
            )
            for name, score in scores.items()
        ]
    )


def test_the_grid_and_what_it_marks(run: Path) -> None:
    marks = {item: Explorer(run).item(item)["grids"][0]["marks"] for item in "0125"}
    assert marks["0"] == [[["right"], ["right"]], [["right"], ["right"]]]
    assert marks["1"] == [[["wrong"], ["right"]], [["wrong"], ["right"]]]
    assert marks["2"] == [[["unread"], ["right"]], [["unread"], ["right"]]]
    assert marks["5"] == [[["failed"], ["right"]], [["failed"], ["right"]]]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), {str(n): 6 for n in range(6)}),
        (("--wrong", "--cell", "end_to_end/P=l"), {"1": 1, "2": 1, "5": 1}),
        (("--wrong", "--cell", "decoupled/*"), {"1": 2, "2": 2, "3": 2, "4": 4}),
        (("--unparsed",), {"2": 2}),
        (("--wrong", "--cell", "decoupled/*", "--category", "second"), {"3": 2, "4": 4}),
        (("--blame", "reasoning"), {"1": 6, "2": 6}),
        (("--blame", "bottleneck"), {"4": 6}),
        (("--blame", "perception"), {}),
    ],
)
def test_lists_by_filter(run: Path, words: tuple[str, ...], found: dict[str, int]) -> None:
    rows = json.loads(show(run, *words, "--json").stdout)
    assert {row["item_id"]: row["answers"] for row in rows} == found


def test_flipped_against_another_run(run: Path, copy: Path, home: Path) -> None:
    frame = suite.load_results(run)
    at = (frame["cell"] == "end_to_end/P=l") & (frame["item_id"] == "1")
    frame.loc[at, "score"] = 1.0
    frame.to_parquet(copy / "other.parquet")
    rows = json.loads(show(run, "--flipped", copy / "other.parquet", "--json").stdout)
    assert [(row["item_id"], row["gained"], row["lost"]) for row in rows] == [("1", 0, 1)]
    other = show(run, "--flipped", copy / "other.parquet", "--cell", "end_to_end/P=s", "--json")
    assert json.loads(other.stdout) == []


def test_the_terminal_gets_nothing_that_it_would_obey(run: Path) -> None:
    result = show(run, "1", "--task", "shapes")
    assert result.exit_code == 0, result.output
    for line in SHOWN:
        assert line in result.stdout
    for hostile in ("\x1b]0", "\x07", "\u202e", "\x00", "\x1b[31m red", "\r"):
        assert hostile not in result.stdout
    assert "Contents to observe" in result.stdout
    assert "Reasoning's fault" in result.stdout
    assert "Read B by rule" in result.stdout


def test_a_list_says_how_many_and_what_comes_next(run: Path) -> None:
    result = show(run, "--wrong", "--cell", "end_to_end/P=l")
    assert result.stderr.splitlines()[:2] == [
        "3 items: shapes 3.",
        f"`downscale show {run} 1 --task shapes` shows the first.",
    ]
    assert show(run, "--blame", "perception").stderr == "No item is as asked for.\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("9",), "There is no item '9' of {run} (known: 0, 1, 2, 3, 4, 5)."),
        (("0", "--task", "shaps"), "{run} has no task 'shaps' (did you mean 'shapes'?)."),
        (
            ("--category", "frist"),
            "{run} has no category 'frist' (did you mean 'first'?).",
        ),
        (
            ("0", "--cell", "end_to_end/P=m"),
            "--cell end_to_end/P=m: no cell has this id (did you mean 'end_to_end/P=s'?).",
        ),
    ],
)
def test_mistakes_are_a_sentence(run: Path, words: tuple[str, ...], sentence: str) -> None:
    result = show(run, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"Error: {sentence.format(run=run)}\n"


def test_an_item_and_a_filter_are_not_given_together(run: Path) -> None:
    result = show(run, "0", "--wrong")
    assert result.exit_code == 2
    assert "--wrong chooses among items: leave it out, or ITEM." in result.stderr


def test_an_item_of_several_tasks_asks_for_the_task(run: Path, tmp_path: Path) -> None:
    frame = suite.load_results(run)
    both = pd.concat([frame, frame.assign(task="other")], ignore_index=True)
    both.to_parquet(tmp_path / "both.parquet")
    with pytest.raises(SuiteError) as caught:
        Explorer(tmp_path / "both.parquet").item("0")
    assert str(caught.value) == "Item '0' is in 2 tasks, shapes, other; name one with --task."
    assert Explorer(tmp_path / "both.parquet").item("0", task="other")["task"] == "other"


def no_store(folder: Path) -> None:
    shutil.rmtree(folder / "store")


def no_provenance(folder: Path) -> None:
    (folder / "provenance.json").unlink()


def older(folder: Path) -> None:
    """As a version without the keys of earlier texts has left it."""
    path = folder / "provenance.json"
    facts = json.loads(path.read_text())
    for name in ("steps", "cells", "records_sha256"):
        del facts[name]
    path.write_text(json.dumps(facts))
    frame = pd.read_parquet(folder / "records.parquet")
    frame.drop(columns=["upstream", "perceiver"]).to_parquet(folder / "records.parquet")


def circle(folder: Path) -> None:
    path = folder / "provenance.json"
    facts = json.loads(path.read_text())
    for number, step in enumerate(facts["steps"]):
        step["upstream"] = number
    path.write_text(json.dumps(facts))


def store_elsewhere(folder: Path) -> None:
    path = folder / "provenance.json"
    path.write_text(path.read_text().replace('"store": null', '"store": "nowhere://bucket"'))


def other_prompts(folder: Path) -> None:
    path = folder / "provenance.json"
    path.write_text(path.read_text().replace("Find: {contents}", "Seek: {contents}"))


@pytest.mark.parametrize(
    ("change", "sentence", "prompts", "contents"),
    [
        (
            no_store,
            "The run's store lacks 3 of the texts that came before these answers: they are left "
            "out, and so are the prompts that show them.",
            (True, False, True),
            None,
        ),
        (
            no_provenance,
            "The run is of an older version of the suite, or its provenance.json is not here: what "
            "it was asked at each stage, and the contents to observe, cannot be shown.",
            (False, False, False),
            None,
        ),
        (
            older,
            "The run is of an older version of the suite, or its provenance.json is not here: what "
            "it was asked at each stage, and the contents to observe, cannot be shown.",
            (False, False, False),
            None,
        ),
        (
            circle,
            "The run is of an older version of the suite, or its provenance.json is not here: what "
            "it was asked at each stage, and the contents to observe, cannot be shown.",
            (False, False, False),
            None,
        ),
        (
            store_elsewhere,
            "The run's store lacks 3 of the texts that came before these answers: they are left "
            "out, and so are the prompts that show them.",
            (True, False, True),
            None,
        ),
        (
            other_prompts,
            "The prompt of perceive that this version of the suite makes is not the one that the "
            "run has asked: it is left out.",
            (True, False, True),
            "the colour 0",
        ),
    ],
)
def test_what_cannot_be_shown_is_said(
    copy: Path,
    change: Callable[[Path], None],
    sentence: str,
    prompts: tuple[bool, ...],
    contents: str | None,
) -> None:
    change(copy)
    found = Explorer(copy).item("0")
    assert sentence.format(folder=copy) in found["lacking"]
    answer = next(a for a in found["answers"] if a["cell"] == "decoupled/P=l/R=s/direct")
    assert tuple(stage["messages"] is not None for stage in answer["stages"]) == prompts
    assert [stage["text"] for stage in answer["stages"]] == [contents, "l sees 0", "A"]
    assert found["grids"][0]["marks"] == [[["right"], ["right"]], [["right"], ["right"]]]
    assert show(copy, "0").exit_code == 0


def test_without_its_items_the_records_are_still_shown(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "empty"))
    found = Explorer(run).item("0")
    assert found["question"] is None
    assert found["lacking"] == [
        "Question, options, image and prompts cannot be shown: The items of shapes are not in this "
        "machine's item cache; run the study again, then `downscale report`."
    ]
    assert found["answers"][2]["stages"][0]["text"] == "the colour 0"


def test_a_committed_run_of_an_older_version() -> None:
    path = ROOT / "results" / "micro_run"
    found = Explorer(path).item("relation-17")
    assert found["task"] == "micro_relation"
    assert len(found["answers"]) == 56
    assert [len(grid["marks"]) for grid in found["grids"]] == [4, 4]
    assert len(found["blame"]) == 2
    with pytest.raises(SuiteError) as caught:
        Explorer(path).item("relatoin-17")
    assert "(did you mean 'relation-17'?)" in str(caught.value)


def test_the_export_has_the_ways(run: Path, tmp_path: Path) -> None:
    [file] = export(run, cells=["decoupled/P=l/R=s/direct"], out=tmp_path / "logs")
    lines = [json.loads(line) for line in Path(file.file).read_text().splitlines()]
    stages = lines[0]["downscale"]["stages"]
    assert [stage["text"] for stage in stages] == ["the colour 0", "l sees 0", "A"]
    assert stages[1]["messages"][0]["text"] == "Find: the colour 0"


def test_every_column_is_declared(run: Path) -> None:
    assert list(suite.load_results(run).columns) == [column.name for column in COLUMNS]
