"""`downscale analyze`, `figures` and `report` on a run directory of simulated records.

In: words of a command. Out: exit code, stdout and stderr.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from analyses.registry import ANALYSES, FIGURES
from suite.cli import cli
from suite.report import figures


def invoke(*words: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of the command line."""
    result = CliRunner().invoke(cli, list(words))
    return result.exit_code, result.stdout, result.stderr


def test_analyze_prints_rows_as_json(drawn: Path) -> None:
    code, out, _ = invoke("analyze", "degradation", str(drawn), "--json", "--draws", "100")
    rows = json.loads(out)
    assert code == 0
    drop = [r for r in rows if r["quantity"] == "drop" and r["task"] == "ocr"]
    assert {r["method"] for r in drop} == {"end_to_end", "blind", "text_only", "oracle"}
    assert drop[0]["group"] is None


def test_analyze_prints_a_table_and_names_what_there_is(drawn: Path) -> None:
    code, out, _ = invoke("analyze", "cells", str(drawn), "--draws", "100")
    assert code == 0
    assert "decoupled/P=l/R=l/think" in out
    code, _, told = invoke("analyze", "degredation", str(drawn))
    assert code == 2
    assert "There is no analysis called degredation; there are cells, degradation," in told


def test_analyze_reads_the_tables_of_this_run(drawn: Path, tmp_path: Path) -> None:
    """They are what would be computed; with others of the records they are not read."""
    rows = {}
    for name in ("read", "computed", "damaged"):
        own = shutil.copytree(drawn, tmp_path / name)
        table = own / "tables" / "degradation.csv"
        if name == "computed":
            table.unlink()
        if name == "damaged":
            table.write_text(table.read_text().replace("drop", "rise"))
        code, out, _ = invoke("analyze", "degradation", str(own), "--json", "--quantity", "drop")
        assert code == 0
        rows[name] = json.loads(out)
    assert rows["damaged"] == rows["computed"]
    assert len(rows["read"]) == len(rows["computed"]) > 0
    for read, computed in zip(rows["read"], rows["computed"]):
        assert {k: v for k, v in read.items() if not isinstance(v, float)} == {
            k: v for k, v in computed.items() if not isinstance(v, float)
        }
        assert read["low"] == pytest.approx(computed["low"], rel=1e-5)


def test_analyze_chooses_rows(drawn: Path) -> None:
    code, out, _ = invoke(
        *("analyze", "cells", str(drawn), "--json"),
        *("--cell", "end_to_end/*", "--cell", "blind/P=l", "--task", "ocr"),
    )
    assert code == 0
    found = json.loads(out)
    assert {row["task"] for row in found} == {"ocr"}
    assert {row["cell"].split("/")[0] for row in found} == {"end_to_end", "blind"}
    code, _, told = invoke("analyze", "cells", str(drawn), "--task", "orc")
    assert (code, "--task orc: no task has this id (did you mean 'ocr'?)." in told) == (2, True)
    code, _, told = invoke("analyze", "degradation", str(drawn), "--cell", "*")
    assert "--cell: degradation has no cell to choose by; leave it out." in told


def test_analyze_says_which_argument_is_missing(drawn: Path) -> None:
    code, _, told = invoke("analyze", str(drawn))
    assert code == 2
    assert f"Missing argument 'NAME' before {drawn}: one of cells, degradation," in told
    code, _, told = invoke("analyze", "cells")
    assert code == 2
    assert "Missing argument 'DIR': the directory of a run, after cells." in told


@pytest.mark.slow
def test_some_figures_are_drawn_alone_and_leave_the_others_due(drawn: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    shutil.copy(drawn / "records.parquet", own)
    code, out, told = invoke("figures", str(own), "thinking")
    assert code == 0
    names = [f"thinking.{kind}" for kind in (*figures.FORMATS, "csv")]
    assert out.split() == [str(own / "figures" / name) for name in names]
    assert "4 files in" in told
    assert sorted(path.name for path in (own / "figures").iterdir()) == sorted(names)
    code, _, told = invoke("figures", str(own), "thinkin")
    assert code == 2
    assert "There is no figure called 'thinkin' (did you mean 'thinking'?)." in told


def test_help_lists_the_analyses_and_the_figures() -> None:
    for command, names in (("analyze", ANALYSES), ("figures", FIGURES)):
        code, out, _ = invoke(command, "--help")
        assert code == 0
        assert [name for name in names if f"\n    {name} " not in out] == []


def test_figures_and_report_print_their_files(drawn: Path, tmp_path: Path) -> None:
    own = shutil.copytree(drawn, tmp_path / "own")  # the page is written anew
    code, out, _ = invoke("figures", str(own))
    assert code == 0
    assert str(own / "figures" / "overview.svg") in out.split("\n")
    code, out, _ = invoke("report", str(own), "--json")
    assert (code, json.loads(out)) == (0, {"report": str(own / "report.html")})
