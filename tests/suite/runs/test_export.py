"""Exported samples: what lmms-eval's own readers make of them, and what the command says."""

from __future__ import annotations

import importlib
import json
import os
import unicodedata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from suite.cli import cli
from suite.errors import SuiteError
from suite.items.item import ItemSet
from suite.items.load import load_items
from suite.runs import provenance
from suite.runs.export import UNREAD, write
from tests.suite.frames import record

TASK = "micro_star"
DATE = "20260102_030405"


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> ItemSet:
    """Two items of each of the task's categories."""
    return load_items(TASK, limit=2, cache_dir=tmp_path_factory.mktemp("cache"))


def frame_of(items: ItemSet, samples: int = 1) -> pd.DataFrame:
    """Answers of two cells: right, wrong, unread and failed ones in turn, rows in disorder."""
    rows = []
    for cell in ("end_to_end/P=l", "decoupled/P=s/R=l/think"):
        for index, item in enumerate(items.items):
            for sample in range(samples):
                kind = (index + sample) % 4
                wrong = "B" if item.answer == "A" else "A"
                letter = (item.answer, wrong, None, None)[kind]
                rows.append(
                    record(
                        item,
                        cell=cell,
                        sample=sample,
                        text=None if kind == 3 else f"It is {letter}.",
                        prediction=letter,
                        parsed=letter is not None,
                        score=(1.0, 0.0, 0.0, None)[kind],
                        lmms_score=(1.0, 0.0, 0.0, None)[kind],
                        failed=kind == 3,
                        reason="The image cannot be read." if kind == 3 else None,
                        prompt_tokens=None if kind == 3 else 7.0,
                        generated_tokens=None if kind == 3 else 3.0,
                    )
                )
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def samples_of(path: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def test_rows_are_those_of_the_whole_data(items: ItemSet, tmp_path: Path) -> None:
    # Two of each of six categories, which follow one another, 500 each.
    assert [item.row for item in items.items] == [
        n for c in range(6) for n in (500 * c, 500 * c + 1)
    ]
    (one, _) = write(frame_of(items), {TASK: items}, tmp_path, DATE)
    assert [line["doc_id"] for line in samples_of(one.file)] == [item.row for item in items.items]


def test_two_tasks_of_one_name_have_a_file_each(
    items: ItemSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """lmms-eval's task and one's own copy of it are both called `mme` under lmms-eval."""
    monkeypatch.setattr("suite.runs.export.get_task", lambda _: SimpleNamespace(lmms_name="mme"))
    frames = [frame_of(items).assign(task=task) for task in ("lmms_eval/mme", "mme")]
    tasks = {"mme": items, "lmms_eval/mme": items}
    written = write(pd.concat(frames), tasks, tmp_path, DATE)
    assert [Path(one.file).name for one in written[:2]] == [
        f"{DATE}_samples_lmms_eval__mme.jsonl", f"{DATE}_samples_mme.jsonl",
    ]  # fmt: skip
    assert len({one.file for one in written}) == 4
    results = json.loads(Path(written[0].file).with_name(f"{DATE}_results.json").read_text())
    assert set(results["results"]) == {"mme", "lmms_eval__mme"}


def test_lmms_evals_baseline_reader_takes_them(items: ItemSet, tmp_path: Path) -> None:
    loader = importlib.import_module("lmms_eval.baselines.loader")
    frame = frame_of(items)
    for file in write(frame, {TASK: items}, tmp_path, DATE):
        scores, results = loader.load_baseline(file.file, f"downscaling_{TASK}")
        own = frame[(frame["cell"] == file.cell) & ~frame["failed"]].set_index("item_id")["score"]
        rows = {item.item_id: item.row for item in items.items}
        assert scores == {rows[name]: score for name, score in own.items()}
        assert results["results"][f"downscaling_{TASK}"]["score,none"] == own.mean()
        assert (file.samples, file.failed) == (12, 3)


def test_lmms_evals_efficiency_summary_takes_them(items: ItemSet, tmp_path: Path) -> None:
    module = importlib.import_module("lmms_eval.models.model_utils.efficiency_metrics")
    (one, _) = write(frame_of(items), {TASK: items}, tmp_path, DATE)
    summary = module.build_efficiency_summary({"samples": {TASK: samples_of(one.file)}})
    assert summary["overall"]["docs"] == 12
    assert summary["overall"]["docs_with_token_counts"] == 9
    assert summary["overall"]["total_output_tokens"] == 27
    assert summary["overall"]["total_correct_score"] == 3


@pytest.mark.filterwarnings("ignore")  # the library's own
def test_the_datasets_library_reads_them(items: ItemSet, tmp_path: Path) -> None:
    datasets = importlib.import_module("datasets")
    (one, _) = write(frame_of(items), {TASK: items}, tmp_path, DATE)
    table = datasets.load_dataset(
        "json", data_files=one.file, split="train", cache_dir=str(tmp_path / "hf")
    )
    assert len(table) == 12
    assert table[0]["downscale"]["cell"] == one.cell


def test_fields_are_those_that_lmms_evals_tracker_writes(items: ItemSet, tmp_path: Path) -> None:
    module = importlib.import_module("lmms_eval.loggers.evaluation_tracker")
    tracker = module.EvaluationTracker(output_path=str(tmp_path / "theirs"))
    tracker.general_config_tracker.model_name_sanitized = "model"
    tracker.date_id = DATE
    logged = {
        "doc_id": 0, "doc": {}, "target": "A", "arguments": ["What?"], "resps": [["It is A."]],
        "filtered_resps": ["A"], "token_counts": [{"output_tokens": 3}], "doc_hash": "0" * 64,
        "score": 1.0,
    }  # fmt: skip
    tracker.save_results_samples(TASK, [logged])
    (theirs,) = (tmp_path / "theirs" / "model").iterdir()
    (line,) = samples_of(theirs)
    (one, _) = write(frame_of(items), {TASK: items}, tmp_path / "ours", DATE)
    ours = samples_of(one.file)[0]
    assert Path(one.file).name == theirs.name.replace(TASK, f"downscaling_{TASK}")
    assert set(line) <= set(ours)
    assert {name: type(ours[name]) for name in line} == {n: type(v) for n, v in line.items()}


def test_unread_failed_and_several_answers(items: ItemSet, tmp_path: Path) -> None:
    (one, _) = write(frame_of(items), {TASK: items}, tmp_path / "one", DATE)
    right, wrong, unread, failed = samples_of(one.file)[:4]
    assert (right["score"], wrong["score"]) == (1.0, 0.0)
    assert right["filtered_resps"] == right["target"]
    assert (unread["filtered_resps"], unread["score"]) == (UNREAD, 0.0)
    assert (failed["resps"], failed["filtered_resps"], failed["score"]) == ([None], None, None)
    assert failed["downscale"]["reason"] == "The image cannot be read."
    (two, _) = write(frame_of(items, samples=2), {TASK: items}, tmp_path / "two", DATE)
    first, *_, last = samples_of(two.file)[:4]
    wrong_one = f"It is {'B' if first['target'] == 'A' else 'A'}."
    assert first["resps"] == [[f"It is {first['target']}."], [wrong_one]]
    assert first["score"] == 0.5  # right and wrong
    assert last["score"] == 1.0  # failed and right: the mean of what there is


@pytest.fixture
def run(items: ItemSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run directory with records and provenance, its items in the cache."""
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    load_items(TASK, limit=2)
    folder = tmp_path / "run"
    folder.mkdir()
    frame_of(items).to_parquet(folder / "records.parquet", index=False)
    facts = {
        "study": {"study": "s", "limit": 2, "tasks": [{"task": TASK, "limit": None}]},
        "items": {TASK: {"digest": provenance.items_digest(items.items), "data": None}},
        "runs": [{"ended": "2026-01-02T03:04:05+00:00"}],
    }
    (folder / "provenance.json").write_text(json.dumps(facts))
    return folder


def call(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["export", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_the_command(run: Path, tmp_path: Path) -> None:
    code, out, told = call(run)
    names = [f"{cell}/{DATE}_samples_downscaling_{TASK}.jsonl"
             for cell in ("end_to_end__P=l", "decoupled__P=s__R=l__think")]  # fmt: skip
    assert code == 0
    assert sorted(out.split()) == sorted(f"{run}/lmms_eval/{name}" for name in names)
    lacking, counts = told.splitlines()
    assert lacking.startswith("The run is of an older version of the suite, or its provenance.json")
    assert counts == "2 cells, 2 files, 24 samples, 6 of them without a score."
    code, out, _ = call(run, "--cell", "end_*", "--out", tmp_path / "o", "--json")
    assert (code, json.loads(out)) == (
        0,
        {
            "dir": str(tmp_path / "o"),
            "files": [
                {"cell": "end_to_end/P=l", "task": TASK, "file": f"{tmp_path}/o/{names[0]}",
                 "samples": 12, "failed": 3}
            ],
        },
    )  # fmt: skip
    assert len(list((tmp_path / "o").iterdir())) == 1


def test_what_goes_wrong_is_a_sentence(run: Path, tmp_path: Path) -> None:
    def error(*arguments: object) -> str:
        code, out, told = call(*arguments)
        assert (code, out) == (2, "")
        return told.strip()

    assert error(run, "--cell", "end_to_end/P=x") == (
        "Error: --cell end_to_end/P=x: no cell has this id (did you mean 'end_to_end/P=l'?)."
    )
    assert error(tmp_path / "no").startswith("Error: There are no records at ")
    (tmp_path / "file").touch()
    assert "is a file where a folder is needed" in error(run, "--out", tmp_path / "file" / "x")
    facts = json.loads((run / "provenance.json").read_text())
    facts["items"][TASK]["digest"] = "0"
    (run / "provenance.json").write_text(json.dumps(facts))
    assert error(run) == (
        f"Error: The items of {TASK} have changed since the run: its code or data are others now."
    )
    os.remove(run / "provenance.json")  # noqa: PTH107
    assert error(run) == (
        f"Error: The run in {run} does not say which items of {TASK} it asked; run it again."
    )


def test_an_item_that_the_data_lack(items: ItemSet, tmp_path: Path) -> None:
    frame = frame_of(items).assign(item_id="gone")
    with pytest.raises(SuiteError, match="Item gone of micro_star is in the records and not in"):
        write(frame, {TASK: items}, tmp_path, DATE)


def test_cells_whose_names_make_one_folder_have_a_file_each(items: ItemSet, tmp_path: Path) -> None:
    """A size may be called `s__R=l`."""
    frame = frame_of(items)
    cells = dict(zip(frame["cell"].unique(), ("decoupled/P=s/R=l", "decoupled/P=s__R=l")))
    written = write(frame.assign(cell=frame["cell"].map(cells)), {TASK: items}, tmp_path, DATE)
    assert len({one.file for one in written}) == 2
    assert all(len(samples_of(one.file)) == len(items.items) for one in written)


def test_tasks_whose_names_make_one_file_have_a_file_each(
    items: ItemSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "suite.runs.export.get_task",
        lambda name: SimpleNamespace(lmms_name=name.removeprefix("lmms_eval/")),
    )
    tasks = ("lmms_eval/mme", "mme", "lmms_eval__mme")
    frames = [frame_of(items).assign(task=task) for task in tasks]
    written = write(pd.concat(frames), dict.fromkeys(tasks, items), tmp_path, DATE)
    assert len({one.file for one in written}) == 6


@pytest.mark.parametrize(
    "cells", [("end_to_end/P=S", "end_to_end/P=s"), ("P=caf\u00e9", "P=cafe\u0301")]
)
def test_cells_whose_names_some_disk_takes_for_one_have_a_folder_each(
    items: ItemSet, tmp_path: Path, cells: tuple[str, str]
) -> None:
    frame = frame_of(items)
    named = dict(zip(frame["cell"].unique(), cells))
    written = write(frame.assign(cell=frame["cell"].map(named)), {TASK: items}, tmp_path, DATE)
    folders = {unicodedata.normalize("NFC", Path(one.file).parent.name.lower()) for one in written}
    assert len(folders) == 2
