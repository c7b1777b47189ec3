"""The notebooks run from top to bottom on the stored run, and show what they are stored with.

In: notebooks/*.ipynb and results/micro_run. Out: a failure with the cell that failed. When
the micro tasks or models have changed, the stored run and the outputs are made again by the command
that notebooks/store_run.py begins with; when code has, the outputs by its second one.
"""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

import suite
from analyses.columns import validate
from suite.base.files import file_hash
from tests.house import ROOT

RUN = ROOT / "results" / "micro_run"
SCRIPT = ROOT / "notebooks" / "store_run.py"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PLOTS = {"01": 2, "02": 4, "03": 3, "04": 1}
"""Notebook -> figures it shows; the third shows images of items as well."""
IMPORTS = ("pathlib", "IPython.display", "pandas", "suite", "analyses")
"""Modules that notebooks import from; of `suite` only the package, its public API."""


def cells(of: Path | nbformat.NotebookNode, kind: str = "code") -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(of, as_version=4) if isinstance(of, Path) else of
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def test_there_are_four() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == list(PLOTS)
    assert len(cells(NOTEBOOKS[0])) == 10


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_small_with_the_outputs_of_one_run(path: Path) -> None:
    assert path.stat().st_size < 400e3
    assert set(nbformat.read(path, as_version=4).metadata) == {"kernelspec", "language_info"}
    for number, cell in enumerate(cells(path), 1):
        assert cell.execution_count == number
        assert cell.metadata == {}
        assert len(cell.source.splitlines()) <= 16, cell.source
        for module in re.findall(r"^(?:from|import) ([\w.]+)", cell.source, re.MULTILINE):
            assert module.startswith(IMPORTS), module
            assert not module.startswith("suite."), f"{module} is not of the public API"
    texts = json.dumps(shown(cells(path)))
    assert not re.search(r"(?<![\w.<:/])/\w+/\w| at 0x", texts), "an absolute path"


def shown(code: list[nbformat.NotebookNode]) -> list[list[dict[str, Any]]]:
    """What each cell shows, without its pictures."""
    alike = [[json.loads(json.dumps(out)) for out in cell.outputs] for cell in code]
    for out in (out for outputs in alike for out in outputs):
        out.get("data", {}).pop("image/png", None)
    return alike


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_prose_holds_no_result(path: Path) -> None:
    """The family is trained again now and then; a figure in the prose would grow stale."""
    for cell in cells(path, "markdown"):
        assert not re.search(r"(?<![\w.])[-−+]?\d*\.\d+", cell.source), cell.source


# A kernel is a process of its own, with warnings and sockets of its own.
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_it_is_stored_with(path: Path) -> None:
    fresh = cells(runpy.run_path(str(SCRIPT))["executed"](path))
    stored = cells(path)
    again = "`python notebooks/store_run.py` stores what the notebooks show now"
    assert shown(fresh) == shown(stored), again
    for code in (fresh, stored):
        outputs = [out for cell in code for out in cell.outputs]
        assert not [out for out in outputs if out.get("name") == "stderr"]
        data = [out.data for out in outputs if "data" in out]
        plots = [own for own in data if "<Figure" in own.get("text/plain", "")]
        assert len(plots) == PLOTS[path.name[:2]]
        assert all("image/png" in own for own in plots)
        images = [own for own in data if "image/png" in own and own not in plots]
        assert (len(images) >= 3) == path.name.startswith("03")
        for table in (own["text/html"] for own in data if "text/html" in own):
            assert "<tbody>" in table
            assert table.count("<td") > 0, "an empty table"


def kept(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The records of a run that lacks something."""
    method, thinking = frame["method"], frame["thinking"].astype(bool)
    largest = [
        frame[module].isna() | (frame[module] == "l") for module in ("perception", "reasoning")
    ]
    if kind in set(method):
        return frame[method == kind]
    runs: dict[str, pd.DataFrame] = {
        "no decoupled cells": frame[method != "decoupled"],
        "no blind cells": frame[method != "blind"],
        "no thinking": frame[~thinking],
        "nothing but thinking": frame[thinking],
        "one size": frame[largest[0] & largest[1]],
        "one cell": frame[frame["cell"] == frame["cell"].iloc[0]],
        "one task": frame[frame["task"] == frame["task"].iloc[0]],
        "no answers": frame.assign(score=float("nan"), failed=True, reason="x", parsed=False),
        "one item": frame[frame["item_id"] == frame["item_id"].iloc[0]],
        "no categories": frame.assign(category=""),
        "all right": frame.assign(score=1.0),
        "all wrong": frame.assign(score=0.0),
        "end to end failed": frame.assign(
            score=frame["score"].mask(method == "end_to_end"), failed=method == "end_to_end"
        ),
        "the grid's diagonal": frame[
            (method != "decoupled") | (frame["perception"] == frame["reasoning"])
        ],
        "the grid's last row": frame[(method == "decoupled") & largest[0]],
        "other tasks in each method": frame[
            (frame["task"] == frame["task"].iloc[0]) == (method == "end_to_end")
        ],
        "out of domain": frame.assign(domain="out_of_domain"),
        "several samples": pd.concat(
            [frame.assign(sample=n, score=0.0 if n else frame["score"]) for n in range(3)]
        ),
    }
    return runs[kind]


KINDS = (
    *("end_to_end", "blind", "text_only", "decoupled", "oracle", "no decoupled cells"),
    *("no blind cells", "no thinking", "nothing but thinking", "one size", "one cell", "one task"),
    *("no answers", "one item", "no categories", "all right", "all wrong", "end to end failed"),
    *("the grid's diagonal", "the grid's last row", "other tasks in each method", "out of domain"),
    "several samples",
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_notebooks_run_on_a_run_that_lacks_something(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("IPython.display.display", lambda *shown: None)
    frame = suite.load_results(RUN)
    frame = kept(frame[frame.groupby(["cell", "task"]).cumcount() < 12], kind)
    assert len(frame)
    frame.to_parquet(tmp_path / "records.parquet", index=False)
    shutil.copy(RUN / "provenance.json", tmp_path)
    for path in NOTEBOOKS:
        names: dict[str, object] = {}
        for cell in cells(path):
            source = cell.source.replace("%matplotlib inline\n", "")
            source = source.replace("../results/micro_run", str(tmp_path))
            exec(compile(source, f"{path.name}, on {kind}", "exec"), names)


# The stored run -------------------------------------------------------------------------------


def test_the_stored_run_is_whole_and_small() -> None:
    frame = suite.load_results(RUN)
    validate(frame)
    assert {"end_to_end", "blind", "text_only", "decoupled", "oracle"} <= set(frame["method"])
    assert frame["study"].unique().tolist() == ["micro"]
    assert (RUN / "records.parquet").stat().st_size < 2e6


def test_a_run_is_stored_without_its_keys(tmp_path: Path) -> None:
    source = tmp_path / "run"
    source.mkdir()
    frame = suite.load_results(RUN).head(50).assign(key="k" * 64, upstream="u" * 64)
    frame.to_parquet(source / "records.parquet", index=False)
    models = [{"model": "s", "source": str(tmp_path / "weights-s")}, {"source": "owner/weights"}]
    facts = {
        "seed": 3,
        "study": {"study": "mine", "family": str(tmp_path / "weights" / "micro.yaml")},
        "models": models,
        "machine": {"of": "mine"},
        "items": {"t": {"digest": "d"}},
    }
    (source / "provenance.json").write_text(json.dumps(facts))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(source), "--to", str(tmp_path / "kept")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "records.parquet" in done.stdout
    kept = suite.load_results(tmp_path / "kept")
    keys = ["key", "upstream"]
    assert kept[keys].isna().all(axis=None)
    pd.testing.assert_frame_equal(
        kept.drop(columns=keys), frame.drop(columns=keys), check_dtype=False
    )
    known = json.loads((tmp_path / "kept" / "provenance.json").read_text())
    assert known.pop("records_sha256") == file_hash(tmp_path / "kept" / "records.parquet")
    assert known.pop("study") == {"study": "mine", "family": "micro.yaml"}
    assert [model["source"] for model in known.pop("models")] == ["weights-s", "owner/weights"]
    assert known == {"seed": 3, "items": {"t": {"digest": "d"}}}
