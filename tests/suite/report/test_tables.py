"""Tables and figures of a run directory: all are there, as computed, and made again when due.

In: a run of simulated records. Out: its CSV files and figures.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from analyses.cells import cells
from analyses.registry import ANALYSES, FIGURES, ROWS, load_rows
from suite.errors import SuiteError
from suite.report import figures, tables
from tests.analyses.simulate import simulate
from tests.suite.drawn_run import TEXT, TINY


def test_every_table_and_figure_is_there(drawn: Path) -> None:
    for name in ANALYSES:
        assert (drawn / "tables" / f"{name}.csv").stat().st_size > 0
    for name in FIGURES:
        for kind in (*figures.FORMATS, "csv"):
            assert (drawn / "figures" / f"{name}.{kind}").stat().st_size > 0
    assert (drawn / "figures" / "grid.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_tables_are_read_as_they_were_computed(drawn: Path) -> None:
    ours = cells(pd.read_parquet(drawn / "records.parquet"))
    read = tables.read(drawn, "cells")
    assert read["accuracy"].to_numpy() == pytest.approx(
        ours["accuracy"].to_numpy(), abs=1e-6, nan_ok=True
    )
    assert read["cell"].tolist() == ours["cell"].tolist()
    assert read["group"].notna().tolist() == ours["group"].notna().tolist()


def test_single_items_and_answers_stand_beside_the_tables(drawn: Path) -> None:
    frame = pd.read_parquet(drawn / "records.parquet")
    for name in ROWS:
        ours, read = load_rows(name)(frame), tables.read(drawn, name)
        assert read.columns.tolist() == ours.columns.tolist()
        assert len(read) == len(ours)
        if name == "methods_layout":  # of a study with one perceiver
            assert not len(ours)
            continue
        assert len(ours) > 0
        assert read["item_id"].tolist() == ours["item_id"].tolist()
    assert tables.read(drawn, "agreement_differing")["text"].iloc[0] == TEXT
    assert set(tables.read(drawn, "quanta_items")["emerges"]) <= {"xs", "s", "m", "l", "never"}


def test_sizes_that_look_like_numbers_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("size,estimate\n8,1\n,2\n06,\n")
    assert tables.read_csv(path)["size"].tolist()[::2] == ["8", "06"]


def test_nothing_is_made_again_while_records_are_unchanged(
    drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(tables, "load_analysis", fail)
    monkeypatch.setattr(figures, "save", fail)
    monkeypatch.setattr(tables, "load_rows", fail)
    assert len(tables.write(drawn)) == len(ANALYSES) + len(ROWS)
    assert len(figures.write(drawn)) == 4 * len(FIGURES)


def test_a_look_has_its_overview_alone_until_all_are_asked_for(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(drawn, folder)
    facts = json.loads((folder / "provenance.json").read_text())
    (folder / "provenance.json").write_text(json.dumps({**facts, "limit": 3}))
    frame = pd.read_parquet(folder / "records.parquet")
    frame.iloc[::2].to_parquet(folder / "records.parquet", index=False)

    def saved(figure: object, rows: pd.DataFrame, stem: Path) -> None:
        for kind in ("png", "svg", "pdf", "csv"):
            stem.with_suffix(f".{kind}").write_text(stem.name)

    plain = SimpleNamespace(select=lambda table: table, draw=lambda rows: None)
    monkeypatch.setattr(figures, "load_figure", lambda name: plain)
    monkeypatch.setattr(figures, "save", saved)
    monkeypatch.setattr(tables, "write", lambda folder, **_: [])
    assert len(figures.write(folder)) == 4
    there = {path.stem for path in (folder / "figures").iterdir()} - {".made-of"}
    assert there == {"overview"}, "the others would be of other records"
    assert len(figures.write(folder, tuple(FIGURES))) == 4 * len(FIGURES)
    monkeypatch.setattr(figures, "save", None)
    assert len(figures.write(folder)) == 4, "the overview is as it was"
    assert {path.stem for path in (folder / "figures").iterdir()} >= set(FIGURES)


def test_changed_records_are_noticed(drawn: Path, tmp_path: Path) -> None:
    frame = pd.read_parquet(drawn / "records.parquet")
    small = frame[frame["method"] == "end_to_end"]
    small.to_parquet(tmp_path / "records.parquet", index=False)
    tables.write(tmp_path)
    first = tables.read(tmp_path, "cells")
    small.assign(score=1.0).to_parquet(tmp_path / "records.parquet", index=False)
    tables.write(tmp_path)
    assert (tables.read(tmp_path, "cells")["accuracy"] == 1).all()
    assert not (first["accuracy"] == 1).all()


def test_missing_and_broken_records_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        tables.write(tmp_path)
    assert str(caught.value) == (
        f"There are no results in {tmp_path}: it has no records.parquet. Give the directory of a "
        "finished `downscale run`, such as runs/micro."
    )
    (tmp_path / "records.parquet").write_bytes(b"no parquet")
    with pytest.raises(
        SuiteError, match=r"records.parquet cannot be read \(.*run the study again,"
    ):
        tables.write(tmp_path)
    simulate(TINY).drop(columns="leak").to_parquet(tmp_path / "records.parquet", index=False)
    with pytest.raises(SuiteError, match=r"not of this version .*no column 'leak'.*run the study"):
        tables.write(tmp_path)
