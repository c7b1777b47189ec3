"""Runs of several seeds put together: what the one table says, and what is refused.

In: the study whose every text is known, run with two sets of texts as two families. Out: the table
of both, held against accuracies that were counted by hand.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import suite
from analyses.cells import cells
from analyses.seeds import seeds
from suite.cli import cli
from suite.errors import SuiteError
from suite.runs import provenance
from suite.runs.explorer import Explorer
from tests.suite.told_run import surround

OTHER = {"0": "A", "1": "B", "2": "C", "3": "C", "4": "C", "5": "C"}
"""Answers of the second family's s end to end. Gold: A B C A B C, so four are right;
of the first's, all C, two."""
SEES = "end_to_end/P=s"


def asked(home: Path, name: str, seed: int = 2, **more: Any) -> Path:
    """The study, run again into a folder of its own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("suite.report.outputs.draw", lambda *_: [])
        patched.setattr("suite.report.outputs.found", lambda _: {})
        suite.run(home / "study.yaml", out=home / name, workers=1, changes={"seed": seed}, **more)
    return home / name


@pytest.fixture
def home(told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the study with its run in `out`, and the second family's in `two`."""
    own = shutil.copytree(told, tmp_path / "home")
    surround(monkeypatch, own)
    (own / "vlm-s.json").write_text(json.dumps(OTHER))
    asked(own, "two")
    return own


def of_all(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of SEES on the whole task."""
    return table[(table["cell"] == SEES) & (table["task"] == "shapes") & table["group"].isna()]


def refused(*runs: Path, out: Path | None = None) -> str:
    with pytest.raises(SuiteError) as error:
        suite.pool(runs, out or runs[0].parent / "both")
    return str(error.value)


def test_a_mean_is_over_items_and_seeds(home: Path) -> None:
    heard: list[str] = []
    both = suite.pool([home / "out", home / "two"], home / "both", say=heard.append)
    frame = suite.load_results(both)
    own = frame[frame["cell"] == SEES]
    assert own.groupby("seed")["score"].sum().to_dict() == {0: 2.0, 2: 4.0}
    assert of_all(cells(frame))["accuracy"].item() == pytest.approx(3 / 6)
    found = of_all(seeds(frame)).set_index("quantity")["estimate"]
    assert found["seed_error"] == pytest.approx(1 / 6)  # s / sqrt(2), s^2 = 2 / 36
    assert heard == []
    facts = provenance.read(both)
    assert [(run["seed"], Path(run["dir"]).name) for run in facts["pooled"]] == [
        (0, "out"),
        (2, "two"),
    ]


def test_the_items_are_shown_and_the_ways_are_said_to_be_elsewhere(home: Path) -> None:
    both = suite.pool([home / "out", home / "two"], home / "both")
    shown = Explorer(both).item("0")
    assert shown["question"]
    assert len(shown["answers"]) == 12
    assert any(f"each of {home / 'out'}, {home / 'two'} shows" in line for line in shown["lacking"])


def test_what_only_some_runs_have_is_left_out_and_said(home: Path) -> None:
    few = asked(home, "few", only=["end_to_end/*"])
    heard: list[str] = []
    both = suite.pool([home / "out", few], home / "both", say=heard.append)
    assert set(pd.read_parquet(both / "records.parquet")["cell"]) == {SEES, "end_to_end/P=l"}
    assert heard == ["Left out: 4 cells that not every run has."]


def test_the_same_weights_are_said(home: Path) -> None:
    again = asked(home, "again", seed=3)
    heard: list[str] = []
    suite.pool([home / "two", again], home / "both", say=heard.append)
    assert [line.partition(":")[0] for line in heard] == ["All runs have the same weights"]


def test_what_was_asked_otherwise_is_refused(home: Path) -> None:
    out, two = home / "out", home / "two"
    told = (two / "provenance.json").read_text()
    facts = json.loads(told)
    facts["steps"][facts["cells"][SEES]]["decoding"] = {"max_new_tokens": 3}
    (two / "provenance.json").write_text(json.dumps(facts))
    assert refused(out, two).startswith(f"The cell {SEES} is not the same in {out} and {two}: it")
    (two / "provenance.json").write_text(told)
    text = (home / "prompts.yaml").read_text()
    (home / "prompts.yaml").write_text(text.replace("See:", "Watch:"))
    assert refused(home / "out", asked(home, "third")).startswith("The prompt set")


def test_other_items_are_refused(home: Path) -> None:
    fewer = asked(home, "fewer", limit=1)
    assert refused(home / "out", fewer).startswith("The task shapes is not the same")


def test_seeds_folders_and_runs_are_checked(home: Path) -> None:
    out, two = home / "out", home / "two"
    assert refused(out).startswith("Name at least two runs")
    same = asked(home, "same", seed=0)
    assert refused(out, same) == (
        f"{out} and {same} have the same seed, 0: run one of them with `--set seed=1`, into a "
        "folder of its own."
    )
    assert "would be replaced: give another `--out`." in refused(out, two, out=two)
    assert "would be replaced: give another `--out`." in refused(out, two, out=same)
    both = suite.pool([out, two], home / "both")
    assert suite.pool([two, out], home / "both") == both
    assert refused(both, two, out=home / "more").endswith("name these one by one.")
    assert "has not come to its end" in refused(out, home / "none", out=home / "more")


@pytest.mark.slow
def test_the_command_writes_the_report_of_all(home: Path) -> None:
    words = ["pool", str(home / "out"), str(home / "two"), "--out", str(home / "both")]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.stderr
    page = Path(done.stdout.strip())
    assert page == home / "both" / "report.html"
    assert "seed 0, 2" in page.read_text(encoding="utf-8")
    assert (home / "both" / "figures" / "seeds.png").is_file()
