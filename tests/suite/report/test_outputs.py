"""Baselines in a run's tables: only the study's own tasks, nothing where none were measured.

What is drawn is drawn once, and again where the records are others or a file is gone.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from suite.engine.progress import Silent
from suite.report import figures, outputs, page, tables


def planned(*tasks: str) -> Any:
    return SimpleNamespace(tasks=[SimpleNamespace(task=task) for task in tasks])


def test_baselines_of_the_studys_tasks_alone(tmp_path: Path) -> None:
    path = tmp_path / "baselines.csv"
    path.write_text(outputs.baselines(planned("micro_ocr", "micro_similarity")))
    table = tables.read_csv(path)
    assert table["task"].tolist() == ["micro_ocr", "micro_similarity"]
    assert table["chance"].tolist() == [0.25, 0.5]
    assert (table["baseline"] >= table["chance"]).all()


def test_nothing_where_no_task_has_baselines() -> None:
    assert outputs.baselines(planned("mmstar")) == ""


def test_draw_makes_again_what_is_of_other_records_or_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def stub(name: str, content: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        made.append(name)
        return path

    header = ",".join(outputs.CELL_FIELDS)
    rows = f"{header}\nc,blind,instruct,8,,False,a,,2,0.5,0.25,0.75,0,0\n{'c,' * 6}mean{',' * 7}\n"
    monkeypatch.setattr(tables, "write", lambda folder, **_: [stub("tables/cells.csv", rows)])
    monkeypatch.setattr(figures, "write", lambda folder, **_: [stub("figures/grid.svg", "")])
    monkeypatch.setattr(page, "write", lambda folder, **_: stub("report.html", ""))
    everything = ["tables/cells.csv", "figures/grid.svg", "report.html"]
    measured = ["task,baseline\na,0.3\n"]
    monkeypatch.setattr(outputs, "baselines", lambda planned: measured[-1])

    def drawn(records: str) -> list[str]:
        made.clear()
        (cell,) = outputs.draw(tmp_path, records, planned("a"), Silent())
        assert (cell["cell"], cell["perception"], cell["reasoning"]) == ("c", "8", None)
        assert (cell["n"], cell["low"], cell["group"]) == (2, 0.25, None)
        return list(made)

    assert drawn("1") == everything
    assert drawn("1") == []
    assert drawn("2") == everything
    for name in (*everything, "tables/baselines.csv", "cells.json", ".made-of"):
        path = tmp_path / name
        whole = path.read_bytes()
        for damaged in (None, b"", whole[: len(whole) // 2], whole + b" ", b"[]", b"\xff"):
            if damaged is None:
                path.unlink()
            else:
                path.write_bytes(damaged)
            assert (drawn("2") == everything) == (damaged != whole), (name, damaged)
            assert path.read_bytes() == whole
    assert drawn("2") == []
    stamp = (tmp_path / ".made-of").read_text().splitlines(keepends=True)
    (tmp_path / ".made-of").write_text("".join(stamp[:2]))
    assert drawn("2") == everything, "the stamp vouches for one file only"
    measured.append("")
    assert drawn("2") == everything, "the page shows the baselines"
    assert not (tmp_path / "tables" / "baselines.csv").exists()

    def stopped(folder: Path, **_: object) -> list[Path]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(figures, "write", stopped)
        with pytest.raises(KeyboardInterrupt):
            drawn("3")
    assert drawn("2") == everything, "the tables of 3 lie there"


def test_what_sizes_stand_for_is_noted_under_every_figure() -> None:
    tower = "The vision encoder changes with size too, or is not known to stay the same."
    total = "Parameters of perception: its language model and its vision encoder."
    assert figures.note({"family": {"name": "m"}, "study": {"params": "language"}}) == ""
    assert figures.note({}) == ""
    other = {"family": {"llm_only": False}}
    assert figures.note(other) == tower
    assert figures.note({**other, "study": {"params": "total"}}) == f"{tower} {total}"
