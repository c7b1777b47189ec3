"""The index of a run: the same items as the explorer and the analyses say, of any order of rows.

In: a run whose every text is known, simulated runs, changed records. Out: what the index finds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import suite
from analyses import quanta
from analyses.table.scores import scores_of
from suite.errors import SuiteError
from suite.runs.changes import changes
from suite.runs.explorer import Explorer, Filter
from suite.runs.faults import BLAMES
from suite.runs.index import NEVER, NOT_RIGHT, Index, Wanted
from tests.analyses.simulate import World, simulate
from tests.suite.told_run import surround


@pytest.fixture
def run(told: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    surround(monkeypatch, told)
    return told / "out"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def index_of(frame: pd.DataFrame, path: Path, rows: int = 7) -> Index:
    frame.to_parquet(path, index=False, row_group_size=rows)
    return Index.of(path)


def ids(index: Index, **wanted: object) -> list[str]:
    numbers = index.find(Wanted(**wanted))  # type: ignore[arg-type]
    return [str(name) for name in index.items["item_id"].iloc[numbers]]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "012345"),
        ({"mark": "wrong", "cells": ("end_to_end/P=l",)}, "125"),
        ({"mark": "unread"}, "2"),
        ({"mark": "failed"}, "5"),
        ({"mark": NOT_RIGHT, "cells": ("decoupled/P=s/R=s/direct",)}, "124"),
        ({"category": "second"}, "345"),
        ({"blame": "reasoning"}, "12"),
        ({"blame": "bottleneck"}, "4"),
        ({"blame": "perception"}, ""),
        # End to end s says C, l says A but B of 4; gold is A B C A B C.
        ({"solved": "l"}, "034"),
        ({"solved": NEVER}, "125"),
        ({"text": "DESREVER"}, "1"),
        ({"text": "what colour"}, "02345"),
        ({"said": "l sees 3"}, "3"),
        ({"said": "no idea"}, "2"),
        ({"said": "no idea", "cells": ("end_to_end/P=l",)}, ""),
        ({"rule": "whole", "mark": "wrong", "cells": ("decoupled/P=s/R=l/direct",)}, "34"),
    ],
)
def test_items_by_filter(run: Path, wanted: dict[str, object], found: str) -> None:
    assert ids(Index.of(run / "records.parquet"), **wanted) == list(found)


def test_marks_and_rows_of_an_item(run: Path) -> None:
    index = Index.of(run / "records.parquet")
    marks = index.of_items([2])[2]
    assert {index.names[cell]: own for cell, own in marks.items()} == {
        "end_to_end/P=s": ["right"],
        "end_to_end/P=l": ["wrong"],
        "decoupled/P=s/R=s/direct": ["unread"],
        "decoupled/P=s/R=l/direct": ["right"],
        "decoupled/P=l/R=s/direct": ["unread"],
        "decoupled/P=l/R=l/direct": ["right"],
    }
    frame = suite.load_results(run)
    assert set(frame["item_id"].iloc[index.rows(2)]) == {"2"}
    there = Explorer(run).item("2", task="shapes", rows=index.rows(2).tolist())
    assert there == Explorer(run).item("2")


@pytest.mark.parametrize("samples", [1, 3])
def test_what_is_said_of_items_is_what_the_analyses_say(cache: Path, samples: int) -> None:
    world = World(tasks=("ocr", "counting"), items=12, star=False, failed=0.05, samples=samples)
    frame = simulate(world).sample(frac=1, random_state=1)  # rows in any order
    index = index_of(frame, cache / "records.parquet", rows=100)
    explorer = Explorer(cache / "records.parquet")
    for blame in BLAMES:
        rows = explorer.items(Filter(blame=blame))
        numbers = index.find(Wanted(blame=blame))
        own = set(zip(index.items["task"].iloc[numbers], index.items["item_id"].iloc[numbers]))
        there = {(row["task"], row["item_id"]) for row in rows}
        assert own <= there  # an item is listed by its first grid
        assert len(own) > 0 or not there
    scores = scores_of(frame)
    means = pd.DataFrame(scores.values, columns=scores.cells["cell"])
    means = means.groupby(scores.items["task"]).agg(["mean", "count"])
    for (cell, task), (value, count) in index.accuracy.items():
        assert value == pytest.approx(means.loc[task, (cell, "mean")], abs=1e-12)
        assert count == means.loc[task, (cell, "count")]
    table = quanta.items(frame)
    table = table[table["method"] == "end_to_end"].set_index(["task", "item_id"])["emerges"]
    solved = dict(zip(zip(index.items["task"], index.items["item_id"]), index.solved))
    assert {key: size for key, size in solved.items() if size} == table.to_dict()


def test_an_index_is_of_these_records_alone(run: Path, cache: Path) -> None:
    frame = suite.load_results(run)
    path = cache / "records.parquet"
    first = index_of(frame, path)
    again = index_of(frame.assign(score=np.where(frame["failed"], np.nan, 1.0)), path)
    assert ids(first, mark="wrong") == ["0", "1", "2", "3", "4", "5"]
    assert ids(again, mark="wrong") == []
    [kept] = (cache / "cache" / "view").iterdir()
    assert len(list(kept.iterdir())) == 1  # the earlier one is removed
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SuiteError, match="cannot be read"):
        Index.of(path)


def test_changes_between_two_runs(run: Path, cache: Path) -> None:
    frame = suite.load_results(run)
    ours = index_of(frame, cache / "ours.parquet")
    other = frame.copy()
    at = (other["cell"] == "end_to_end/P=l") & (other["item_id"] == "1")
    other.loc[at, "score"] = 1.0
    at = (other["cell"] == "end_to_end/P=s") & (other["item_id"] == "2")
    other.loc[at, "score"] = 0.0
    other = other[other["item_id"] != "5"]
    theirs = index_of(other, cache / "theirs.parquet")
    found = changes(ours, theirs)
    assert found.counts == {"gained": 1, "lost": 1, "items": 2}
    assert found.only == (1, 0)
    assert np.flatnonzero(found.kept("gained", ())).tolist() == [2]
    assert np.flatnonzero(found.kept("", ("end_to_end/P=l",))).tolist() == [1]
    assert found.pairs_of(1) == [
        {"cell": "end_to_end/P=l", "other": "end_to_end/P=l", "change": "lost"}
    ]
    with pytest.raises(SuiteError, match="The other run has not asked this item"):
        found.theirs(5)
    wrong = index_of(frame.assign(answer="C"), cache / "wrong.parquet")
    with pytest.raises(SuiteError, match="have another answer, such as shapes/0"):
        changes(ours, wrong)
