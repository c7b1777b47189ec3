"""The families whose records are stored: what is told of them is what their records give.

In: results/seeds. Out: a failure where records and tables are of different runs.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analyses.cells import cells
from suite.runs.pool import pool
from suite.runs.results import load_results

STORED = Path(__file__).parents[3] / "results" / "seeds"


@pytest.mark.slow
def test_stored_families_put_together_give_the_stored_table(tmp_path: Path) -> None:
    runs = sorted(path for path in STORED.iterdir() if path.name.isdigit())
    assert len(runs) > 1
    frame = load_results(pool(runs, tmp_path / "pooled"))
    assert sorted(frame["seed"].unique()) == [int(path.name) for path in runs]
    found, told = cells(frame), pd.read_csv(STORED / "tables" / "cells.csv")
    assert found["cell"].to_list() == told["cell"].to_list()
    for name in ("n", "accuracy", "low", "high"):
        assert found[name].to_list() == pytest.approx(told[name].to_list(), abs=1e-6), name


@pytest.mark.slow
def test_records_of_all_families_are_small() -> None:
    files = list(STORED.rglob("*.parquet"))
    assert sum(file.stat().st_size for file in files) < 10e6
