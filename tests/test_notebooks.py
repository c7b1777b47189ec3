"""The notebooks run from top to bottom on the stored run, and are kept without outputs.

In: notebooks/*.ipynb and results/micro_run. Out: a failure with the cell that failed. When
the micro tasks or models have changed, the stored run is made again by the command that
notebooks/store_run.py begins with.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

import suite
from analyses.columns import validate
from tests.house import ROOT

RUN = ROOT / "results" / "micro_run"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PLOTS = {"01": 2, "02": 4, "03": 3, "04": 1}
"""Notebook -> figures it shows; the third shows images of items as well."""
IMPORTS = ("pathlib", "IPython.display", "pandas", "suite", "analyses")
"""Modules that notebooks import from; of `suite` only the package, its public API."""


def cells(path: Path, kind: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def test_there_are_four() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == list(PLOTS)
    assert len(cells(NOTEBOOKS[0], "code")) == 10


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    for cell in cells(path, "code"):
        assert cell.outputs == []
        assert cell.execution_count is None
        assert len(cell.source.splitlines()) <= 16, cell.source
        for module in re.findall(r"^(?:from|import) ([\w.]+)", cell.source, re.MULTILINE):
            assert module.startswith(IMPORTS), module
            assert not module.startswith("suite."), f"{module} is not of the public API"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_prose_holds_no_result(path: Path) -> None:
    """The family is trained again now and then; a figure in the prose would grow stale."""
    for cell in cells(path, "markdown"):
        assert not re.search(r"(?<![\w.])[-−+]?\d*\.\d+", cell.source), cell.source


# A kernel is a process of its own, with warnings and sockets of its own.
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path) -> None:
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": path.parent}})
    client.execute()
    outputs = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    loud = [out.text for out in outputs if out.output_type == "stream" and out.name == "stderr"]
    assert loud == []
    shown = [out.data for out in outputs if "data" in out]
    plots = [data for data in shown if "<Figure" in data.get("text/plain", "")]
    assert len(plots) == PLOTS[path.name[:2]]
    assert all("image/png" in data for data in plots)
    if path.name.startswith("03"):
        images = [data for data in shown if "image/png" in data and data not in plots]
        assert len(images) >= 3
    for table in (data["text/html"] for data in shown if "text/html" in data):
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
        for cell in cells(path, "code"):
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
        "models": models,
        "machine": {"of": "mine"},
        "items": {"t": {"digest": "d"}},
    }
    (source / "provenance.json").write_text(json.dumps(facts))
    script = ROOT / "notebooks" / "store_run.py"
    done = subprocess.run(
        [sys.executable, str(script), str(source), "--to", str(tmp_path / "kept")],
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
    assert [model["source"] for model in known.pop("models")] == ["weights-s", "owner/weights"]
    assert known == {"seed": 3, "items": {"t": {"digest": "d"}}}
