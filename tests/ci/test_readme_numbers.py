"""The README's numbers are those of results/micro, and come from nowhere else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analyses.cells import cells
from tests.analyses.simulate import World, simulate
from tests.ci.readme_numbers import BEGIN, END, ROOT, SIZES, TABLE, main, numbers, with_numbers


def test_the_readme_holds_the_numbers_of_the_shipped_run() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    if not TABLE.is_file():
        assert BEGIN + END in readme, "numbers without a table that they come from"
        pytest.skip("results/micro holds no tables yet")
    assert readme == with_numbers(readme, numbers(pd.read_csv(TABLE, dtype=SIZES)))


def test_numbers_of_a_simulated_run(tmp_path: Path) -> None:
    world = World(sizes=(("10", 1e9), ("9", 1e8)), items=20, unparsed=0.0)
    table = cells(simulate(world), draws=100)
    path, readme = tmp_path / "cells.csv", tmp_path / "README.md"
    table.to_csv(path, index=False)
    readme.write_text(f"a\n{BEGIN}old\n{END}b\n", encoding="utf-8")
    main([str(readme), str(path)])
    main([str(readme), str(path)])  # writing again changes nothing
    text = readme.read_text(encoding="utf-8")
    assert text.startswith(f"a\n{BEGIN}In-domain accuracy (n = 120 items")
    assert text.endswith(f"{END}b\n")
    lines = text.splitlines()
    assert "| | 9 | 10 |" in lines  # by parameters, not by name
    macro = table[table["task"] == "in_domain_shared"].set_index("cell")
    a, b = macro.loc["end_to_end/P=9"], macro.loc["end_to_end/P=10"]
    row = " | ".join(f"{c['accuracy']:.2f} ({c['low']:.2f}–{c['high']:.2f})" for c in (a, b))
    assert f"| end to end | {row} |" in lines
    row = macro.loc["decoupled/P=9/R=10/think"]
    shown = next(line for line in lines if line.startswith("| this perception, reasoning 10 |"))
    assert f"| {row['accuracy']:.2f} (" in shown


def test_a_readme_without_marks_is_an_error() -> None:
    with pytest.raises(SystemExit, match="lost its marks"):
        with_numbers("nothing", "1")
