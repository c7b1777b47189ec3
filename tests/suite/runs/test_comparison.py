"""downscale compare and suite.compare: cells, items, verdicts, files, exit codes; plan's costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import suite
from suite.cli import cli
from suite.errors import SuiteError
from tests.analyses.simulate import World, simulate

WORLD = World(
    sizes=(("s", 1e4), ("l", 1e6)),
    tasks=("ocr", "counting"),
    items=40,
    end_to_end_only=(),
    star=False,
    methods=("end_to_end", "blind"),
)
SMALL, LARGE = "end_to_end/P=s", "end_to_end/P=l"


def save(folder: Path, frame: pd.DataFrame, digest: str | None = None) -> Path:
    folder.mkdir(parents=True)
    frame.to_parquet(folder / "records.parquet")
    if digest is not None:
        items = {task: {"n": 40, "digest": digest} for task in WORLD.tasks}
        (folder / "provenance.json").write_text(json.dumps({"items": items}))
    return folder


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return simulate(WORLD)


@pytest.fixture(scope="module")
def run(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("runs") / "first", frame, "a")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments), "--draws", "200"])


def test_json_shape_and_exit_code(run: Path) -> None:
    done = call(f"{run}:{SMALL}", f"{run}:{LARGE}", "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["verdict"] == "better"
    assert {"difference", "low", "high", "p", "detectable"} <= set(found["overall"])
    assert [row["task"] for row in found["tasks"]] == ["ocr", "counting"]
    assert found["cells"] == [{"cell": SMALL, "candidate_cell": LARGE}]
    assert found["failed"] == {"baseline": 0, "candidate": 0}
    overall = found["overall"]
    mean = np.mean([row["difference"] for row in found["tasks"]])
    assert overall["difference"] == pytest.approx(mean)
    back = call(f"{run}:{LARGE}", f"{run}:{SMALL}", "--json")
    assert (back.exit_code, json.loads(back.stdout)["verdict"]) == (1, "worse")


def test_table_and_talk(run: Path) -> None:
    done = call(f"{run}:{SMALL}", f"{run}:{LARGE}")
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert [line[0] for line in lines[2:]] == [
        "overall",
        "in_domain",
        "all_items",
        "ocr",
        "counting",
    ]
    assert done.stderr.splitlines()[1].startswith("better: ")
    assert "(exact sign flip), margin 0.02" in done.stderr


def test_out_writes_tables_flips_and_the_forest_plot(run: Path, tmp_path: Path) -> None:
    done = call(f"{run}:{SMALL}", f"{run}:{LARGE}", "--out", tmp_path / "o", "--by", "category")
    assert done.exit_code == 0, done.stderr
    names = {path.name for path in (tmp_path / "o").iterdir()}
    assert names == {
        *("comparison.json", "comparison.csv", "flips.csv"),
        *(f"forest.{kind}" for kind in ("png", "svg", "pdf", "csv")),
    }
    flipped = pd.read_csv(tmp_path / "o" / "flips.csv")
    told = json.loads((tmp_path / "o" / "comparison.json").read_text())["overall"]
    assert (flipped["change"] > 0).sum() == told["gained"]
    assert (flipped["change"] < 0).sum() == told["lost"]
    assert pd.read_csv(tmp_path / "o" / "forest.csv")["margin"].eq(0.02).all()


def test_margin_decides(frame: pd.DataFrame) -> None:
    cell = frame[frame["cell"] == LARGE].copy()
    less = cell.copy()
    lost = less.index[less["score"] == 1.0][:3]
    less.loc[lost, "score"] = 0.0
    assert suite.compare(cell, less, margin=0.02, draws=200).verdict == "undecided"
    tolerant = suite.compare(cell, less, margin=0.2, draws=200)
    assert (tolerant.verdict, tolerant.passed) == ("not worse", True)
    with pytest.raises(SuiteError, match=r"--margin 1\.5: give a share of items from 0 up to 1"):
        suite.compare(cell, less, margin=1.5)


def test_the_same_cells_are_averaged_and_shown_one_by_one(run: Path, frame: pd.DataFrame) -> None:
    changed = frame.copy()
    changed.loc[changed["cell"] == SMALL, "score"] = 1.0
    found = suite.compare(run, changed, draws=200)
    assert found.cells["cell"].tolist() == [SMALL, LARGE, "blind/P=s", "blind/P=l"]
    whole = found.row("overall")["difference"]
    assert whole == pytest.approx(found.cells["difference"].mean())
    assert (found.cells["difference"] != 0).tolist() == [True, False, False, False]
    content = found.as_json()
    assert [row["cell"] for row in content["cells"]] == found.cells["cell"].tolist()
    assert "p_holm" in content["cells"][0]


def test_cells_that_fit(run: Path, frame: pd.DataFrame) -> None:
    def cells(baseline: Any, candidate: Any) -> list[tuple[str, str]]:
        pairs = suite.compare(baseline, candidate, draws=100).pairs.table
        both = pairs[["cell", "candidate_cell"]].drop_duplicates()
        return list(both.itertuples(index=False, name=None))

    one = frame[frame["cell"] == LARGE]
    assert cells(one, run) == [(LARGE, LARGE)]  # the same id on the other side
    assert cells(f"{run}:{SMALL}", one) == [(SMALL, LARGE)]  # one cell each
    assert cells(f"{run}:blind/*", run) == [(f"blind/P={s}",) * 2 for s in ("s", "l")]
    with pytest.raises(SuiteError) as error:
        suite.compare(f"{run}:end_to_end/*", f"{run}:blind/P=s")
    assert str(error.value) == (
        f"It is not clear which cells to compare: {run}:end_to_end/* has {SMALL}, {LARGE}; "
        f"{run}:blind/P=s has blind/P=s; name one on each side as DIR:CELL."
    )
    with pytest.raises(SuiteError, match=r"no cell 'end_to_end/P=m' \(did you mean 'end_to_end/P="):
        suite.compare(f"{run}:end_to_end/P=m", run)


def test_common_cells_are_compared_and_the_others_named(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    """Of the same records in both: nothing changed."""
    old = save(tmp_path / "old", frame[frame["cell"] != "blind/P=l"])
    new = save(tmp_path / "new", frame[frame["cell"] != SMALL])
    done = call(old, new)
    assert done.exit_code == 1, "so few items cannot show that it is not worse"
    said = [line for line in done.stderr.splitlines() if line.startswith(("  Noth", "  Left"))]
    assert said == [
        "  Nothing changed: every answer scores the same on both sides.",
        f"  Left out, 1 cell of the baseline alone: {SMALL}.",
        "  Left out, 1 cell of the candidate alone: blind/P=l.",
    ]
    found = json.loads(call(old, new, "--json").stdout)
    assert [row["cell"] for row in found["cells"]] == [LARGE, "blind/P=s"]
    assert found["changed"] == 0
    assert found["left_out"] == {"baseline": [SMALL], "candidate": ["blind/P=l"]}
    asked_for = json.loads(call(old, f"{new}:{LARGE}", "--json").stdout)
    assert asked_for["left_out"] == {"baseline": [], "candidate": []}


def test_items_that_differ_are_one_sentence(run: Path, frame: pd.DataFrame, tmp_path: Path) -> None:
    fewer = frame[~((frame["task"] == "counting") & (frame["item_id"] < "00002"))]
    other = save(tmp_path / "fewer", fewer)
    done = call(run, other)
    assert done.exit_code == 2
    assert done.stderr == (
        "Error: The items differ: 2 only the baseline has (counting/00000, counting/00001); run "
        "both on the same items, or compare only ocr with --task.\n"
    )
    kept = call(run, other, "--task", "ocr", "--json")
    assert [row["task"] for row in json.loads(kept.stdout)["tasks"]] == ["ocr"]
    unknown = call(run, other, "--task", "ocrr")
    assert f"{run} has no task 'ocrr' (did you mean 'ocr'?)." in unknown.stderr


def test_other_questions_under_the_same_ids(run: Path, frame: pd.DataFrame, tmp_path: Path) -> None:
    other = save(tmp_path / "other", frame, "b")
    with pytest.raises(SuiteError, match="The items of counting, ocr have the same ids, answers"):
        suite.compare(run, other)
    same = save(tmp_path / "same", frame, "a")
    assert suite.compare(f"{run}:{LARGE}", f"{same}:{LARGE}", draws=100).verdict == "undecided"


def test_dropped_pairs_are_told(run: Path, frame: pd.DataFrame) -> None:
    failed = frame[frame["cell"] == LARGE].copy()
    failed.loc[failed.index[:4], "score"] = np.nan
    found = suite.compare(f"{run}:{LARGE}", failed, draws=100)
    assert found.row("overall")["dropped"] == 4
    assert found.as_json()["failed"] == {"baseline": 0, "candidate": 4}


def test_a_path_with_a_colon_is_a_path(frame: pd.DataFrame, tmp_path: Path) -> None:
    odd = save(tmp_path / "a:b", frame[frame["cell"] == LARGE])
    assert suite.compare(odd, odd, draws=100).row("overall")["difference"] == 0.0
    with pytest.raises(SuiteError, match="There are no records at"):
        suite.compare(tmp_path / "nothing", odd)


def test_means_are_explained_below_the_table(run: Path) -> None:
    told = call(f"{run}:{SMALL}", f"{run}:{LARGE}").stderr
    assert told.splitlines()[0] == (
        "  overall: the mean over tasks, each counting the same; in_domain: the mean over its "
        "tasks alone; all_items: the mean over items, whatever their task."
    )


def test_what_cannot_be_compared_is_said_in_words(
    run: Path, frame: pd.DataFrame, tmp_path: Path
) -> None:
    failed = frame[frame["cell"] == LARGE].assign(score=np.nan)
    none = save(tmp_path / "none", failed)
    done = call(f"{run}:{LARGE}", none)
    assert done.exit_code == 1
    assert "nan" not in done.stdout + done.stderr
    assert (
        f"undecided: {none} - {run}:{LARGE} is unknown: no item was answered on both sides "
        "(80 missing), margin 0.02; 0 answers gained, 0 lost of 80." in done.stderr
    )
    first = frame["image_id"].iloc[0]
    few = frame[(frame["cell"] == LARGE)].copy()
    few.loc[(few["image_id"] != first) | (few["task"] != "ocr"), "score"] = np.nan
    told = call(f"{run}:{LARGE}", save(tmp_path / "few", few), "--task", "ocr").stderr
    assert "= +0.000 without an interval: one image: an interval needs at least two" in told
    assert "nan" not in told
