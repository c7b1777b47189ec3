"""`downscale run`: what it writes, what a second run finds, and what is left of a killed one.

In: the small study of conftest. Out: its run directory, and processes where the process matters.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import suite
from analyses.columns import NAMES, validate
from suite import api
from tests.suite.cli_study import GRID, STUDY, call, error
from tests.suite.study_files import environment

pytestmark = pytest.mark.usefixtures("tiny_environment")


def test_run_writes_everything(finished: tuple[Path, dict[str, Any]]) -> None:
    out, summary = finished
    for name in ("records.parquet", "report.html", "provenance.json", "tables/cells.csv"):
        assert (out / name).is_file()
    assert list((out / "figures").glob("*.png"))
    # end_to_end 2; instruct 2, perceive 2 and twice 2 answers from them; planned alone: 2 + 6 + 6
    requests = summary["requests"]
    assert requests["planned"] == 14
    assert requests["distinct"] + requests["coincided"] == 10
    assert (requests["generated"], requests["cached"]) == (requests["distinct"], 0)
    assert requests["failed"] == 0
    names = {"cell", "method", "perception", "reasoning", "thinking", "task", "group", "n"}
    names |= {"accuracy", "low", "high", "unparsed"}
    assert all(names <= set(entry) for entry in summary["cells"])
    whole = {e["cell"]: e for e in summary["cells"] if e["group"] is None}
    assert set(whole) == {
        "end_to_end/P=s",
        "decoupled/P=s/R=l/direct",
        "decoupled/P=s/R=l/think",
    }
    assert whole["end_to_end/P=s"]["reasoning"] is None
    assert {e["n"] for e in whole.values()} == {2}
    keys = [(e["cell"], e["task"], e["group"]) for e in summary["cells"]]
    assert len(set(keys)) == len(keys)


def test_a_result_prints_as_a_short_table() -> None:
    requests = {"planned": 30, "distinct": 20, "coincided": 4, "failed": 0}
    summary = {"study": "tiny", "requests": requests, "grid": GRID, "cells": []}
    result = api.Result(Path("out"), summary, {})
    assert repr(result).splitlines() == [
        "tiny in out: 20 requests asked, 4 more had the same text",
        "Accuracy <of pairings>",
        "               s     l",
        "perception            ",
        "s          0.250 0.500",
        "l          0.750     –",
    ]
    page = result._repr_html_()
    assert "<br>Accuracy &lt;of pairings&gt;</p><table" in page
    assert "<td>0.750</td>" in page
    row = {"cell": "blind/P=s", "task": "ocr", "group": None, "accuracy": 0.5}
    summary = {**summary, "grid": None, "cells": [row, {**row, "group": "part", "accuracy": 1.0}]}
    text = repr(api.Result(Path("out"), summary, {"broken": 3}))
    assert text.splitlines()[0].endswith("the same text, 3 rows failed")
    assert text.splitlines()[-1].split() == ["blind/P=s", "0.500"]


def test_a_run_says_what_was_found(finished: tuple[Path, dict[str, Any]]) -> None:
    """One size of each module: why there is no answer, and the one pairing that was run."""
    _, summary = finished
    assert summary["findings"][0]["sentence"] == (
        "Seeing or thinking is not answered: its pairings have 1 perception and 1 reasoning size, "
        "two of each are needed."
    )
    kinds = {row["kind"] for row in summary["findings"]}
    assert {"few_items", "one_seed"} <= kinds
    assert "look" not in kinds
    assert summary["grid"]["reasoning"] == ["l"]
    assert [row["perception"] for row in summary["grid"]["rows"]] == ["s"]


@pytest.mark.usefixtures("undrawn")
def test_a_limit_of_the_command_line_makes_a_run_a_look(tiny: Path, tmp_path: Path) -> None:
    run = ("run", tiny / "study.yaml", "--out", tmp_path / "out", "--store", tiny / "out" / "store")
    result = call(*run, "--limit", 1, "--only", "end_to_end/*")
    assert result.exit_code == 0, result.stderr
    last = [line for line in result.stdout.splitlines() if line]
    assert "A look: 1 item a task, nothing can be concluded." in last
    assert not any(line.startswith(("Seeing", "Whether")) for line in last)
    assert call(*run, "--only", "end_to_end/*").stdout.count("A look") == 0


@pytest.mark.usefixtures("undrawn")
def test_perceivers_are_told_apart_in_records_tables_and_summary(
    tiny: Path, tmp_path: Path
) -> None:
    family = (tiny / "tiny.yaml").read_text().replace("./", f"{tiny}/")
    first = "    params: 1000\n"
    more = f"    vlms: {{extract: {{path: {tiny}/vlm-l, batch_size: 4}}}}\n"
    more += "    samples: {extract: 7}\n"
    (tmp_path / "tiny.yaml").write_text(family.replace(first, first + more))
    pair = "perception: s, reasoning: l"
    cells = f"cells:\n  - {{method: extract_think, {pair}}}\n"
    cells += f"  - {{method: decoupled, perceiver: extract, {pair}, thinking: true}}\n"
    (tmp_path / "study.yaml").write_text(STUDY.replace("cells:\n", cells))
    result = call("run", tmp_path / "study.yaml", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    entries = json.loads(result.stdout)["cells"]
    keys = [(e["cell"], e["task"], e["group"]) for e in entries]
    assert len(set(keys)) == len(keys)
    wanted = {
        "extract_think/P=s/R=l/think": "extract",
        "decoupled/extract/P=s/R=l/think": "extract",
        "decoupled/P=s/R=l/think": "instruct",
        "decoupled/P=s/R=l/direct": "instruct",
        "end_to_end/P=s": "instruct",
    }
    assert {e["cell"]: e["perceiver"] for e in entries} == wanted
    frame = suite.load_results(tmp_path / "out")
    assert dict(zip(frame["cell"], frame["perceiver"])) == wanted
    extract = frame["perceiver"] == "extract"
    assert set(frame.loc[extract, "perception_samples"]) == {7.0}
    assert frame.loc[~extract, "perception_samples"].isna().all()
    texts = [frame.loc[frame["cell"] == cell, "description"].tolist() for cell in wanted]
    assert texts[0] == texts[1] != texts[2]  # one model's descriptions, and another's
    table = pd.read_csv(tmp_path / "out" / "tables" / "cells.csv")
    assert dict(zip(table["cell"], table["perceiver"])) == wanted
    rows = json.loads(call("status", tmp_path / "out", "--json").stdout)["stages"]
    assert {(row["stage"], row["model"]) for row in rows} >= {("perceive", "extract-s")}


def test_records_are_the_declared_table(finished: tuple[Path, dict[str, Any]]) -> None:
    frame = suite.load_results(finished[0])
    validate(frame)
    assert tuple(frame.columns) == NAMES
    assert len(frame) == 6
    assert not frame["failed"].any()
    assert frame.loc[frame["method"] == "decoupled", "description"].notna().all()
    assert frame.loc[frame["method"] == "end_to_end", "description"].isna().all()


def test_provenance(finished: tuple[Path, dict[str, Any]]) -> None:
    facts = json.loads((finished[0] / "provenance.json").read_text())
    assert facts["study"]["study"] == "tiny"
    assert facts["versions"]["torch"]
    assert facts["ended"] >= facts["started"]
    assert {model["model"] for model in facts["models"]} == {"vlm-s", "text-l"}
    assert all(model["fingerprint"]["files"] for model in facts["models"])
    (run,) = facts["runs"]
    assert (run["started"], run["ended"]) == (facts["started"], facts["ended"])
    assert run["requests"]["generated"] > 0
    assert run["device"] == "auto"
    assert [device["device"] for device in run["devices"]] == ["cpu"]
    assert all(device["name"] for device in run["devices"])
    assert (run["dtypes"], run["processes"], run["threads"]) == (["float32"], 1, 1)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_a_killed_run_leaves_its_entry(tiny: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "suite", "run", str(tiny / "study.yaml"), "--out"]
    process = subprocess.Popen(
        [*command, str(tmp_path)], stderr=subprocess.PIPE, text=True, env=environment(tiny)
    )
    assert process.stderr is not None
    for line in process.stderr:
        if ": done in" in line:  # a model has answered
            break
    process.kill()
    process.communicate(timeout=60)
    (cut,) = json.loads((tmp_path / "provenance.json").read_text())["runs"]
    assert (cut["ended"], cut["requests"], cut["processes"]) == (None, None, 1)
    assert call("run", tiny / "study.yaml", "--out", tmp_path).exit_code == 0
    after = json.loads((tmp_path / "provenance.json").read_text())
    assert after["runs"][0] == cut
    assert after["runs"][1]["ended"] == after["ended"]
    assert len(after["runs"]) == 2


def test_a_finished_study_regenerates_nothing_and_needs_no_torch(
    tiny: Path, finished: tuple[Path, dict[str, Any]]
) -> None:
    out, summary = finished
    before = {path: path.stat().st_mtime_ns for path in [out, *out.rglob("*")]}
    code = (
        "import sys, json, suite;"
        f"r = suite.run({str(tiny / 'study.yaml')!r}, out={str(out)!r});"
        "heavy = ('torch', 'transformers', 'lmms_eval', 'matplotlib');"
        "print(json.dumps([r.summary, [m for m in heavy if m in sys.modules]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(tiny)
    )
    assert done.returncode == 0, done.stderr
    again, heavy = json.loads(done.stdout)
    assert heavy == []
    assert again["cells"] == summary["cells"]
    assert again["requests"] == {
        **summary["requests"],
        "generated": 0,
        "cached": summary["requests"]["distinct"],
    }
    # Nothing is made, removed or written, in no folder: it may be on a disk for reading alone.
    assert {path: path.stat().st_mtime_ns for path in [out, *out.rglob("*")]} == before


@pytest.mark.usefixtures("undrawn")
def test_another_study_over_a_shared_store_reuses_what_it_can(tiny: Path, tmp_path: Path) -> None:
    shared = ("--store", tmp_path / "store", "--json", "--only")
    run = ("run", tiny / "study.yaml", "--out")
    first = json.loads(call(*run, tmp_path / "a", *shared, "end_to_end/*").stdout)
    second = json.loads(call(*run, tmp_path / "b", *shared, "*").stdout)
    assert first["requests"]["generated"] == first["requests"]["distinct"] > 0
    assert second["requests"]["cached"] == first["requests"]["distinct"]
    assert not (tmp_path / "a" / "store").exists()


@pytest.mark.usefixtures("undrawn")
def test_a_store_in_memory_is_said_to_end(tiny: Path, tmp_path: Path) -> None:
    run = ("run", tiny / "study.yaml", "--out", tmp_path, "--only", "end_to_end/*")
    result = call(*run, "--store", f"memory://{tmp_path.name}")
    assert result.exit_code == 0
    assert f"memory://{tmp_path.name} ends with this process: nothing can resume." in result.stderr
    assert not (tmp_path / "store").exists()
    assert "Protocol not known: nowhere" in error(*run, "--store", "nowhere://x")


@pytest.mark.usefixtures("undrawn")
def test_damaged_records_are_said_and_made_anew(tiny: Path, tmp_path: Path) -> None:
    run = ("run", tiny / "study.yaml", "--out", tmp_path / "out", "--only", "end_to_end/*")
    assert call(*run).exit_code == 0
    path = tmp_path / "out" / "records.parquet"
    whole = path.read_bytes()
    pd.read_parquet(path).assign(score=1.0).to_parquet(tmp_path / "other")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "foreign")
    for damaged in (
        whole[:8] + bytes(392) + whole[400:],
        whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
        whole[:100],
        b"",
        (tmp_path / "other").read_bytes(),
        (tmp_path / "foreign").read_bytes(),
    ):
        path.write_bytes(damaged)
        assert error("analyze", "cells", tmp_path / "out") == (
            f"The records {path} are not what the run has written: they were damaged or replaced; "
            "run the study again, which makes them anew from its store."
        )
        assert call(*run).exit_code == 0
        assert path.read_bytes() == whole
    path.unlink()
    assert call(*run).exit_code == 0
    assert path.read_bytes() == whole


@pytest.mark.slow
def test_every_file_of_a_run_that_was_deleted_or_damaged_is_made_again(
    tiny: Path, finished: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out = shutil.copytree(finished[0], tmp_path / "out")
    study = ("run", tiny / "study.yaml", "--out", out)
    assert call(*study).exit_code == 0
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    made = {path: path.read_bytes() for path in files if "store" not in path.parts}
    assert len(made) > 80
    for way in range(2):  # each file is deleted or cut in one round, edited in the other
        for number, path in enumerate(made):
            if path.name == "provenance.json":
                continue
            if number % 2 == way:
                path.write_bytes(made[path] + b" ")
            elif number % 4 < 2:
                path.unlink()
            else:
                path.write_bytes(made[path][: len(made[path]) // 2])
        assert call(*study).exit_code == 0
        changed = [path for path in made if path.read_bytes() != made[path]]
        # They say when it was drawn again.
        assert {path.name for path in changed} <= {"provenance.json", "report.html", ".made-of"}
        assert not [path for path in changed if path.parent != out]


@pytest.mark.slow
def test_a_file_in_the_place_of_a_folder_and_the_reverse_are_told(
    tiny: Path, finished: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out = shutil.copytree(finished[0], tmp_path / "out")
    study = ("run", tiny / "study.yaml", "--out", out)
    files = ("records.parquet", "report.html", "cells.json", ".made-of")
    files = (*files, "tables/cells.csv", "figures/grid.svg", "figures/grid.csv", "asked/000.txt")
    for name in (*files, "tables", "figures", "asked", "store", "store/parts"):
        place, aside = out / name, tmp_path / "aside"
        place.rename(aside)
        if name in files:
            place.mkdir()
            said = f"{place} is a folder where a file is needed: remove or rename it."
        else:
            place.write_text("")
            said = f"{place} is a file where a folder is needed: remove or rename it."
        assert error(*study) == said
        place.rmdir() if place.is_dir() else place.unlink()
        aside.rename(place)
        assert call(*study).exit_code == 0


@pytest.mark.usefixtures("undrawn")
def test_a_damaged_provenance_is_kept_aside_and_written_anew(tiny: Path, tmp_path: Path) -> None:
    run = ("run", tiny / "study.yaml", "--out", tmp_path, "--only", "end_to_end/*")
    assert call(*run).exit_code == 0
    path = tmp_path / "provenance.json"
    for number, damaged in enumerate(('{"runs": 5}', path.read_text()[:-40])):
        path.write_text(damaged)
        for command in (("status", tmp_path), ("analyze", "cells", tmp_path)):
            assert error(*command).startswith(f"{path} is damaged (")
        result = call(*run)
        assert result.exit_code == 0
        assert "The damaged one is kept as provenance.damaged.json" in result.stderr
        assert (tmp_path / "provenance.damaged.json").read_text() == damaged
        (only,) = json.loads(path.read_text())["runs"]
        assert only["requests"]["cached"] == 2, number


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("when", ["generate", "draw"])
@pytest.mark.parametrize("what", ["out", "shared"])
def test_a_folder_that_is_removed_while_a_run_works_is_told(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, when: str
) -> None:
    place: Any = api if when == "generate" else api.outputs
    work = getattr(place, when)

    def and_remove(*about: Any, **named: Any) -> Any:
        found = work(*about, **named)
        shutil.rmtree(tmp_path / what)
        return found

    run = ("run", tiny / "study.yaml", "--out", tmp_path / "out", "--store", tmp_path / "shared")
    with monkeypatch.context() as patched:
        patched.setattr(place, when, and_remove)
        result = call(*run, "--only", "end_to_end/*")
    if (what, when) == ("shared", "draw"):  # all that it held was read before
        assert result.exit_code == 0
        return
    assert result.exit_code == 1
    folder = "run directory" if what == "out" else "store"
    assert f"the {folder} {tmp_path / what}".lower() in result.stderr.splitlines()[-1].lower()
    assert "Run the same command again; " in result.stderr
    assert call(*run, "--only", "end_to_end/*").exit_code == 0


@pytest.mark.slow
def test_an_eye_without_numbers_fails_its_rows_and_is_asked_again_once_mended(
    tiny: Path, tmp_path: Path, undrawn: None
) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(tiny, tmp_path / "ill")
    weights = tmp_path / "ill" / "vlm-s" / "model.safetensors"
    sound, tensors = weights.read_bytes(), load_file(weights)
    next(w for n, w in tensors.items() if "vision_tower" in n).view(-1)[0] = float("nan")
    save_file(tensors, weights, metadata={"format": "pt"})
    arguments = ("run", tmp_path / "ill" / "study.yaml", "--out", tmp_path / "out", "--json")
    result = call(*arguments)
    assert result.exit_code == 1
    frame = suite.load_results(tmp_path / "out")
    assert frame["failed"].all()  # all that sees, and all that reads what was seen
    assert frame["score"].isna().all()
    assert "no finite numbers" in result.stderr
    assert {entry["accuracy"] for entry in json.loads(result.stdout)["cells"]} == {None}
    weights.write_bytes(sound)
    result = call(*arguments)
    assert result.exit_code == 0
    assert not suite.load_results(tmp_path / "out")["failed"].any()
