"""`downscale paper` and `suite.paper`: the shipped tables, other tables, a run beside them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import analyses
import suite
from suite.cli import cli
from suite.errors import SuiteError
from suite.report import paper as published
from tests.analyses.simulate import World, simulate
from tests.house import ROOT

FOLDER = ROOT / "results" / "paper"
DRAWN = ("extraction", "methods")


def downscale(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, ["paper", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    frame = simulate(World(tasks=("similarity", "knowledge"), items=10))
    frame.to_parquet(folder / "records.parquet", index=False)
    return folder


def test_json_has_a_row_per_claim() -> None:
    code, out, err = downscale("--json")
    rows = json.loads(out)
    assert code == 0
    assert {"claim", "published", "recomputed", "verdict"} <= set(rows[0])
    assert len({row["claim"] for row in rows}) == len(rows) == len(suite.paper())
    assert {row["verdict"] for row in rows} == {"holds", "not determined"}
    assert all("run" not in row for row in rows)
    assert err == ""


def test_the_screen_shows_every_claim_and_counts_verdicts() -> None:
    code, out, err = downscale()
    assert code == 0
    assert out.count("holds") == (suite.paper()["verdict"] == "holds").sum()
    assert "in words" in out
    assert err.startswith("49 holds, 16 not determined")


def test_other_tables_give_other_numbers(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "tables")
    path = tmp_path / "tables" / "table2.csv"
    text = path.read_text()
    assert ",74.7,71.1,63.2" in text
    path.write_text(text.replace(",74.7,71.1,63.2", ",74.7,73.0,63.2"))
    code, out, _ = downscale("--json", "--tables", tmp_path / "tables")
    found = {row["claim"]: row for row in json.loads(out)}
    row = found["Extract+Think 0.6B/1.7B above LLaVA-OneVision-0.5B in-domain, relative"]
    assert code == 0
    assert row["recomputed"] == pytest.approx(10.0)
    assert (row["published"], row["verdict"]) == (12.9, "differs")
    assert published.paper(FOLDER)["recomputed"].iloc[0] == pytest.approx(12.9395, abs=1e-4)


def test_a_run_stands_beside_the_claims(run: Path) -> None:
    code, out, _ = downscale(run, "--json")
    rows = json.loads(out)
    assert code == 0
    assert all(bool(row["run"]) == bool(row["here"]) for row in rows)
    here = {row["claim"].split(",")[0]: row["here"] for row in rows if row["here"]}
    assert here["Grounding falls end to end"] == "cannot be told"
    assert here["In-domain drop when only perception shrinks"] == "holds here"
    assert here["Visual extraction over captioning"] == "not run"
    (grounding,) = (row["run"] for row in rows if row["claim"].startswith("Grounding"))
    assert set(grounding[0]) == {"here", "what", "estimate", "low", "high", "n", "reason"}
    assert grounding[0]["n"] == 10
    code, out, _ = downscale(run)
    assert code == 0
    assert "This run beside the paper" in out
    assert "Does its direction hold in this run?" in out
    frame = suite.paper(run=run)
    assert set(suite.paper()["claim"]) < set(frame["claim"])
    here = frame.dropna(subset="here").groupby("claim")["here"].unique()
    assert {claim: verdict for claim, (verdict,) in here.items()} == {
        row["claim"]: row["here"] for row in rows if row["here"]
    }
    assert frame["run_estimate"].notna().any()
    assert not (run / "tables").exists(), "reading a run writes nothing into it"


def test_a_run_of_the_papers_family_stands_beside_its_table_of_methods(
    run: Path, tmp_path: Path
) -> None:
    frame = pd.read_parquet(run / "records.parquet")
    one = frame[frame["cell"] == frame.loc[frame["method"] == "decoupled", "cell"].iloc[0]]
    changes = {"family": "paper", "method": "extract_think", "perceiver": "extract", "task": "gqa"}
    sizes = {"perception_params": 0.6e9, "reasoning_params": 1.7e9, "published_score": 0.25}
    more = one.assign(**changes, **sizes, cell="extract_think/P=0.6b/R=1.7b/think")
    pd.concat([frame, more]).to_parquet(tmp_path / "records.parquet", index=False)
    code, out, _ = downscale(tmp_path, "--json")
    rows = {row["claim"]: row for row in json.loads(out)}
    assert code == 0
    row = rows["Table 2, Extract+Think 0.6B/1.7B, decoupled: gqa"]
    assert (row["published"], row["verdict"], row["recomputed"]) == (74.7, "beside a run", None)
    first, second = row["run"]
    assert first["what"].endswith("/think, as published")
    assert (first["estimate"], first["low"], first["high"]) == pytest.approx((25.0, 25.0, 25.0))
    assert second["estimate"] == pytest.approx(100 * more["score"].mean())
    code, out, _ = downscale(tmp_path)
    assert "This run beside the paper's table of methods" in out
    told = suite.paper(run=tmp_path).set_index("claim")
    assert row["claim"] in told.index


def test_a_run_is_read_from_its_tables_where_they_are_current(run: Path, tmp_path: Path) -> None:
    from suite.report import tables
    from suite.runs import freshness

    copy = shutil.copytree(run, tmp_path / "run")
    tables.write(copy)
    path = copy / "tables" / "degradation.csv"
    table = pd.read_csv(path)
    table.loc[table["quantity"] == "relative_drop", "estimate"] = 0.125
    table.to_csv(path, index=False)

    def told() -> float:
        _, frame = published.beside_run(published.paper(FOLDER), copy, FOLDER)
        return float(frame.loc[frame["claim"].str.startswith("Grounding"), "estimate"].iloc[0])

    assert told() == 20.0, "somebody has edited it"
    freshness.put(path.parent, freshness.digest_of(copy), path.parent.glob("*.csv"))
    assert told() == 12.5


def test_the_figures_are_written_with_their_rows(tmp_path: Path) -> None:
    code, out, err = downscale("--json", "--figure", tmp_path / "new")
    assert code == 0
    assert json.loads(out)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        f"{name}.{kind}" for name in DRAWN for kind in ("csv", "pdf", "png", "svg")
    ]
    for name in DRAWN:
        assert f"{name}.png" in err
        kept = pd.read_csv(FOLDER / f"{name}.csv")
        pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "new" / f"{name}.csv"), kept)


def test_a_missing_table_or_column_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as told:
        suite.paper(tmp_path)
    assert str(told.value) == (
        f"There is no table table2.csv in {tmp_path}; the published tables are table2.csv, "
        "figure5_visual_extraction.csv, table_a1_perception_downscaling.csv."
    )
    for path in FOLDER.glob("*.csv"):
        shutil.copy(path, tmp_path)
    table = pd.read_csv(tmp_path / "table2.csv")
    table.drop(columns="mmstar_avg").to_csv(tmp_path / "table2.csv", index=False)
    with pytest.raises(SuiteError) as told:
        suite.paper(tmp_path)
    assert str(told.value) == f"{tmp_path}: The published table table2 has no column 'mmstar_avg'."
    (tmp_path / "table2.csv").write_text("")
    with pytest.raises(SuiteError, match=r"^The table .*table2\.csv cannot be read \(No columns"):
        suite.paper(tmp_path)


def test_a_folder_without_records_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"has no records\.parquet"):
        suite.paper(run=tmp_path)


def test_the_packed_tables_are_the_ones_of_the_repository() -> None:
    """Links in analyses/paper bring results/paper into the wheel; there is one source."""
    packed = Path(str(analyses.__file__)).parent / "paper"
    names = sorted(path.name for path in packed.glob("*.csv"))
    assert names == sorted(f"{name}.csv" for name in published.read_tables(FOLDER))
    for name in names:
        assert (packed / name).resolve() == (FOLDER / name).resolve()


def test_an_installation_reads_the_packed_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert published.default_tables() == FOLDER
    installed = shutil.copytree(FOLDER, tmp_path / "analyses" / "paper")
    monkeypatch.setattr(analyses, "__file__", str(tmp_path / "analyses" / "__init__.py"))
    assert published.default_tables() == installed
