"""run, plan, status, init, studies: a small study on random models, and what goes wrong.

Real processes where the process matters (imports, Ctrl-C), click's runner elsewhere.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from study_files import SHORT_DECODING, environment, write_family

import suite
from analyses.columns import NAMES, validate
from suite.cli import cli
from suite.errors import Unfinished
from suite.folder import Folder
from suite.study import load_study
from tests.tasks.files import mmstar_row, write_parquet

STUDY = (
    """
study: tiny
family: tiny.yaml
limit: 2
tasks: [{task: micro_ocr}]
cells:
  - {method: end_to_end, perception: s}
  - {method: decoupled, perception: s, reasoning: l, thinking: [false, true]}
"""
    + SHORT_DECODING
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with family and study; items are cached in it."""
    folder = tmp_path_factory.mktemp("study")
    write_family(folder)
    (folder / "study.yaml").write_text(STUDY)
    return folder


@pytest.fixture(autouse=True)
def _environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOWNSCALE_CACHE", "OMP_NUM_THREADS", "HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, environment(home)[name])


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out figures and report, which take most of a small run's time."""
    monkeypatch.setattr("suite.report.write_figures", lambda folder: [])
    monkeypatch.setattr("suite.report.write_report", lambda folder: folder)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def finished(home: Path) -> tuple[Path, dict[str, Any]]:
    """A run directory and what the run printed as JSON."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment(home).items():
            patched.setenv(name, value)
        result = call("run", home / "study.yaml", "--out", home / "out", "--json")
    assert result.exit_code == 0, result.stderr
    return home / "out", json.loads(result.stdout)


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


@pytest.mark.usefixtures("undrawn")
def test_a_killed_run_leaves_its_entry(home: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "suite", "run", str(home / "study.yaml"), "--out"]
    process = subprocess.Popen(
        [*command, str(tmp_path)], stderr=subprocess.PIPE, text=True, env=environment(home)
    )
    assert process.stderr is not None
    for line in process.stderr:
        if ": done in" in line:  # a model has answered
            break
    process.kill()
    process.communicate(timeout=60)
    (cut,) = json.loads((tmp_path / "provenance.json").read_text())["runs"]
    assert (cut["ended"], cut["requests"], cut["processes"]) == (None, None, 1)
    assert call("run", home / "study.yaml", "--out", tmp_path).exit_code == 0
    after = json.loads((tmp_path / "provenance.json").read_text())
    assert after["runs"][0] == cut
    assert after["runs"][1]["ended"] == after["ended"]
    assert len(after["runs"]) == 2


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_here_is_told_first(home: Path, tmp_path: Path, device: str) -> None:
    result = call("run", home / "study.yaml", "--out", tmp_path / "out", "--device", device)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: --device {device}: no ")
    assert not (tmp_path / "out").exists()


def test_a_finished_study_regenerates_nothing_and_needs_no_torch(
    home: Path, finished: tuple[Path, dict[str, Any]]
) -> None:
    out, summary = finished
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    code = (
        "import sys, json, suite;"
        f"r = suite.run({str(home / 'study.yaml')!r}, out={str(out)!r});"
        "heavy = ('torch', 'transformers', 'lmms_eval', 'matplotlib');"
        "print(json.dumps([r.summary, [m for m in heavy if m in sys.modules]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(home)
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
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert [path.name for path in after if after[path] != before.get(path)] == ["provenance.json"]


@pytest.mark.usefixtures("undrawn")
def test_another_study_over_a_shared_store_reuses_what_it_can(home: Path, tmp_path: Path) -> None:
    shared = ("--store", tmp_path / "store", "--json", "--only")
    run = ("run", home / "study.yaml", "--out")
    first = json.loads(call(*run, tmp_path / "a", *shared, "end_to_end/*").stdout)
    second = json.loads(call(*run, tmp_path / "b", *shared, "*").stdout)
    assert first["requests"]["generated"] == first["requests"]["distinct"] > 0
    assert second["requests"]["cached"] == first["requests"]["distinct"]
    assert not (tmp_path / "a" / "store").exists()


@pytest.mark.usefixtures("undrawn")
def test_status_counts_its_own_requests_on_a_shared_store(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    text = (home / "study.yaml").read_text().replace("tiny.yaml", str(home / "tiny.yaml"))
    other.write_text(text.replace("micro_ocr", "micro_counting").replace("limit: 2", "limit: 3"))
    summaries = {}
    for name, study in (("a", home / "study.yaml"), ("b", other)):
        shared = ("--out", tmp_path / name, "--store", tmp_path / "store", "--json")
        summaries[name] = json.loads(call("run", study, *shared).stdout)["requests"]
    for name, made in summaries.items():
        status = json.loads(call("status", tmp_path / name, "--json").stdout)
        assert status["answered"] == made["distinct"] == made["generated"] + made["cached"]
        assert all(row["answered"] <= row["requests"] for row in status["stages"])
    # A run that wrote down nothing, as before there was a shared count: the whole store.
    shutil.rmtree(tmp_path / "a" / "asked")
    status = json.loads(call("status", tmp_path / "a", "--json").stdout)
    assert status["answered"] == sum(made["distinct"] for made in summaries.values())


@pytest.mark.usefixtures("undrawn")
def test_status_of_another_plan_in_the_same_directory(home: Path, tmp_path: Path) -> None:
    run = ("run", home / "study.yaml", "--out", tmp_path / "out", "--json")
    whole = json.loads(call(*run).stdout)["requests"]
    part = json.loads(call(*run, "--only", "end_to_end/*").stdout)["requests"]
    assert part["distinct"] < whole["distinct"]
    status = json.loads(call("status", tmp_path / "out", "--json").stdout)
    assert (status["requests"], status["answered"]) == (2, part["distinct"])


def test_status_of_an_older_format(finished: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    facts = json.loads((finished[0] / "provenance.json").read_text())
    del facts["models"]
    path = tmp_path / "provenance.json"
    path.write_text(json.dumps(facts))
    assert error("status", tmp_path) == (
        f"{path} is of another version of the suite (it lacks 'models'); run the study again with "
        f"`--out {tmp_path}`: what was generated is kept."
    )


def test_status(finished: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    out, summary = finished
    result = call("status", out, "--json")
    status = json.loads(result.stdout)
    assert result.exit_code == 0
    assert status["answered"] == summary["requests"]["distinct"]
    assert (status["requests"], status["failed"], status["working"]) == (10, 0, 0)
    assert {(row["stage"], row["model"]) for row in status["stages"]} == {
        ("answer", "vlm-s"),
        ("instruct", "text-l"),
        ("perceive", "vlm-s"),
        ("reason", "text-l"),
    }
    result = call("status", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: There is no run in {tmp_path}; `downscale run STUDY --out {tmp_path}` "
        "starts one.\n"
    )


def test_plan(home: Path) -> None:
    result = call("plan", home / "study.yaml", "--json")
    content = json.loads(result.stdout)
    assert content["requests"] == {"planned": 14, "distinct": 10}
    assert [cell["requests"] for cell in content["cells"]] == [2, 6, 6]
    result = call("plan", home / "study.yaml", "--only", "end_to_end/P=s", "--limit", 1)
    assert result.exit_code == 0
    assert "1 cell, 1 request planned, 1 distinct (0% saved)" in result.stderr


def test_init_writes_a_study_that_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    assert call("init", path).exit_code == 0
    study = load_study(path)
    assert study.study == "mine"
    result = call("init", path)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {path} is there already; choose another name or add --force.\n"
    )
    # Uncommenting every setting gives a valid study too: the comments are no guesses.
    lines = path.read_text().splitlines()
    start = lines.index(next(line for line in lines if line.startswith("# decoding:")))
    block = [line.removeprefix("# ") for line in lines[start : start + 6]]
    path.write_text("\n".join([*lines[:start], *block]))
    assert load_study(path).decoding.think.thinking_budget == 4096


def test_init_prints_where_it_is_asked_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = call("init", "-")
    assert (printed.exit_code, printed.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
    assert json.loads(call("init", "-", "--json").stdout) == {
        "path": None,
        "study": "study",
        "text": printed.stdout,
    }
    written = call("init", "sub/mine.yaml", "--json")
    assert json.loads(written.stdout) == {"path": "sub/mine.yaml", "study": "mine"}
    own = Path("sub/mine.yaml").read_text()
    assert own == printed.stdout.replace("study: study", "study: mine", 1) != printed.stdout


def test_studies() -> None:
    rows = json.loads(call("studies", "--json").stdout)
    assert "micro" in {row["study"] for row in rows}


# --- what goes wrong --------------------------------------------------------------------------


def error(*arguments: object) -> str:
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert "Traceback" not in result.stderr
    return last.removeprefix("Error: ")


def changed(home: Path, tmp_path: Path, old: str, new: str) -> Path:
    text = (home / "study.yaml").read_text().replace("tiny.yaml", str(home / "tiny.yaml"))
    assert old in text
    path = tmp_path / "changed.yaml"
    path.write_text(text.replace(old, new))
    return path


def test_misspelt_key(home: Path, tmp_path: Path) -> None:
    path = changed(home, tmp_path, "limit:", "limt:")
    assert error("run", path) == (
        f"In study file {path}: unknown key 'limt' (did you mean 'limit'?)."
    )


def test_missing_checkpoint(home: Path, tmp_path: Path) -> None:
    family = (home / "tiny.yaml").read_text().replace("./", f"{home}/").replace("vlm-s", "gone")
    (tmp_path / "other.yaml").write_text(family)
    path = changed(home, tmp_path, str(home / "tiny.yaml"), "other.yaml")
    message = error("run", path, "--out", tmp_path / "out")
    assert message.startswith(f"Checkpoint folder {home}/gone does not exist")
    assert not (tmp_path / "out").exists()


def test_task_without_data(home: Path, tmp_path: Path) -> None:
    path = changed(home, tmp_path, "micro_ocr", "mmstar")
    message = error("run", path, "--out", tmp_path / "out", "--data", "mmstar=/nowhere")
    assert "/nowhere" in message
    assert "--data mmstar=PATH" in message


def test_unknown_task(home: Path, tmp_path: Path) -> None:
    path = changed(home, tmp_path, "micro_ocr", "micro_ocrr")
    assert "did you mean micro_ocr" in error("run", path, "--out", tmp_path / "out")


def test_bad_words(home: Path, tmp_path: Path) -> None:
    study = home / "study.yaml"
    assert error("run", study, "--data", "mmstar") == (
        "--data mmstar: write it as TASK=PATH, e.g. mmstar=mmstar.parquet."
    )
    assert "no cell has this id (did you mean 'end_to_end/P=s'?)" in error(
        "run", study, "--only", "end_to_end/P=x", "--out", tmp_path
    )


@pytest.mark.usefixtures("undrawn")
def test_full_disk(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Folder.write

    def full(self: Folder, name: str, content: bytes) -> None:
        if name.startswith("parts/"):
            raise Unfinished("The disk of here is full: free some space.")
        written(self, name, content)

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "write", full)
        result = call("run", home / "study.yaml", "--out", tmp_path / "out")
    assert result.exit_code == 1, "the input is right; the same command goes on"
    assert result.stderr.splitlines()[-1] == "Error: The disk of here is full: free some space."
    assert call("run", home / "study.yaml", "--out", tmp_path / "out").exit_code == 0


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (errno.ENOSPC, "The disk of runs/x/records.parquet is full: free some space"),
        (errno.EDQUOT, "The disk quota at runs/x/records.parquet is used up: free some space"),
        (
            errno.EFBIG,
            "A file at runs/x/records.parquet would grow beyond the size that this process may "
            "write (ulimit -f): raise the limit",
        ),
    ],
)
def test_no_room_outside_of_the_store(
    number: int, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number), "runs/x/records.parquet")

    monkeypatch.setattr("suite.api.run", full)
    result = call("run", "micro")
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {what} and run the same command again; all that was finished is kept.\n"
    )


def test_other_failures_of_the_disk_are_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object, **options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "runs/x")

    monkeypatch.setattr("suite.api.run", refused)
    assert error("run", "micro") == "runs/x is on a read-only disk: choose another folder."


def test_a_run_directory_that_cannot_be_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suite.api.os.access", lambda path, mode: path != tmp_path)
    assert error("run", home / "study.yaml", "--out", tmp_path) == (
        f"The run directory {tmp_path} cannot be written; change its rights or "
        "choose another --out."
    )
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert error("run", home / "study.yaml", "--out", tmp_path / "file") == (
        f"The run directory {tmp_path / 'file'} cannot be made (File exists); choose another --out."
    )


@pytest.mark.usefixtures("undrawn")
def test_cut_records_are_made_anew(home: Path, tmp_path: Path) -> None:
    run = ("run", home / "study.yaml", "--out", tmp_path / "out", "--only", "end_to_end/*")
    assert call(*run).exit_code == 0
    path = tmp_path / "out" / "records.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert "run the study again, which makes them anew" in error(
        "analyze", "cells", tmp_path / "out"
    )
    assert call(*run).exit_code == 0
    assert path.read_bytes() == whole


@pytest.mark.usefixtures("undrawn")
def test_a_store_in_memory_is_said_to_end(home: Path, tmp_path: Path) -> None:
    run = ("run", home / "study.yaml", "--out", tmp_path, "--only", "end_to_end/*")
    result = call(*run, "--store", f"memory://{tmp_path.name}")
    assert result.exit_code == 0
    assert f"memory://{tmp_path.name} ends with this process: nothing can resume." in result.stderr
    assert not (tmp_path / "store").exists()
    assert "Protocol not known: nowhere" in error(*run, "--store", "nowhere://x")


@pytest.mark.usefixtures("undrawn")
def test_an_unreadable_image_is_a_row_and_exit_code_1(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from suite import items

    real = items.load_items

    def spoilt(task: str, **options: Any) -> items.ItemSet:
        found = real(task, **options)
        first = found.items[0].images[0]
        return items.ItemSet(task, found.items, {**found.image_bytes, first: b"no image"})

    arguments = ("run", home / "study.yaml", "--out", tmp_path / "out", "--json")
    with monkeypatch.context() as patched:
        patched.setattr(items, "load_items", spoilt)
        result = call(*arguments)
    assert result.exit_code == 1
    summary = json.loads(result.stdout)
    assert summary["requests"]["failed"] == 2
    frame = suite.load_results(tmp_path / "out")
    assert sorted(frame.loc[frame["failed"], "cell"]) == [
        "decoupled/P=s/R=l/direct",
        "decoupled/P=s/R=l/think",
        "end_to_end/P=s",
    ]
    assert frame.loc[frame["failed"], "score"].isna().all()
    assert frame.loc[frame["failed"], "reason"].str.contains("cannot be read").all()
    assert "the same command tries only those again" in result.stderr
    again = call(*arguments)
    assert again.exit_code == 0
    requests = json.loads(again.stdout)["requests"]
    assert requests["failed"] == 0
    assert requests["generated"] == requests["distinct"] - requests["cached"] <= 4


@pytest.mark.usefixtures("undrawn")
def test_rows_without_a_readable_image_are_records(home: Path, tmp_path: Path) -> None:
    rows = [mmstar_row(number, "math") for number in range(6)]
    for number, image in ((0, b"not an image at all"), (2, b"")):
        rows[number] = {**rows[number], "image": {"bytes": image, "path": None}}
    path = write_parquet(tmp_path / "val.parquet", rows, "image")
    study = tmp_path / "study.yaml"
    study.write_text(
        f"study: broken\nfamily: {home}/tiny.yaml\ntasks: [{{task: mmstar}}]\n"
        "cells:\n  - {method: end_to_end, perception: s}\n  - {method: blind, perception: s}\n"
        + SHORT_DECODING
    )
    result = call("run", study, "--data", f"mmstar={path}", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 1, result.stderr
    frame = suite.load_results(tmp_path / "out")
    assert len(frame) == 12
    failed = frame[frame["failed"]].set_index("item_id")
    assert set(failed["cell"]) == {"end_to_end/P=s"}
    assert failed["reason"].to_dict() == {
        "0": f"mmstar, item 0: the image in row 0 of {path} cannot be read: its 19 bytes are no "
        "image.",
        "2": f"mmstar, item 2: the image in row 2 of {path} cannot be read: it is empty.",
    }


def test_ctrl_c(home: Path, tmp_path: Path) -> None:
    code = "from suite.cli import main; main()"
    command = [sys.executable, "-c", code, "run", str(home / "study.yaml")]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(home),
        # Started by a shell in the background, this process ignores the signal, and so would it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "instruct" in line:
            break
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == (
        "Interrupted: what was finished is in the store; the same command resumes there."
    )
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("click", "Interrupted before anything began."),
        ("rich", "Interrupted: what was finished is stored, and the same command resumes there."),
    ],
)
def test_ctrl_c_while_it_is_loading(tmp_path: Path, module: str, said: str) -> None:
    """In the first import and in those of a command, whoever is first to import `module`."""
    (tmp_path / f"{module}.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "suite", "studies"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=Path(suite.__file__).parent.parent,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", said)


def test_the_console_script_starts_where_ctrl_c_is_caught() -> None:
    pyproject = Path(suite.__file__).parent.parent / "pyproject.toml"
    scripts = tomllib.loads(pyproject.read_text())["project"]["scripts"]
    assert scripts == {"downscale": "suite.__main__:main"}


def test_help_lists_every_command_without_importing_anything_heavy() -> None:
    code = (
        "import sys; from suite.cli import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = ('torch', 'transformers', 'lmms_eval', 'pandas', 'pydantic', 'pyarrow', 'rich')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for name in ("run", "plan", "status", "init", "studies"):
        assert f"\n  {name} " in done.stdout


def test_misspelt_command() -> None:
    result = call("rum")
    assert result.exit_code == 2
    assert "No command 'rum'; did you mean 'run'? `downscale --help` lists them." in result.stderr


def test_debug_shows_where(tmp_path: Path) -> None:
    result = call("status", tmp_path, "--debug")
    assert result.exit_code == 2
    assert "There is no run in" in result.stderr
