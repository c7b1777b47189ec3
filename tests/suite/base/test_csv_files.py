"""CSVs that people open: no text is a formula there, and what is read is what was written.

In: tables with texts that a spreadsheet would obey. Out: their files, and the tables again.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from suite.base.csv_files import read_csv, write_csv

TEXTS = ["=1+1", "+1", "-1", "@a", "'=x", "''-", "'quoted'", "a=b", " =x", "", None]


def test_a_text_that_looks_like_a_formula_gets_an_apostrophe(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = {"text": TEXTS, "estimate": [-0.25] * len(TEXTS), "=head": [None] * len(TEXTS)}
    write_csv(path, pd.DataFrame(rows))
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    assert head == "text,estimate,'=head"
    wanted = ["'=1+1", "'+1", "'-1", "'@a", "''=x", "'''-", "'quoted'", "a=b", " =x", "", ""]
    assert lines == [f"{text},-0.25," for text in wanted]


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    category = pd.Series(["-a", "b"] * 5 + ["b"], dtype="category")
    table = pd.DataFrame(
        {
            "text": pd.Series(TEXTS, dtype=object),
            "size": pd.Series(["8", "-8"] * 5 + ["06"], dtype=object),
            "group": category,
            "p": [1 / 3] * len(TEXTS),
            "yes": [True, None] * 5 + [False],
        }
    )
    before = table.copy()
    write_csv(path, table, digits=6)
    pd.testing.assert_frame_equal(table, before)
    read = read_csv(path, ("text", "size"))
    assert read["text"].tolist()[:9] == TEXTS[:9]
    assert read["text"].isna().tolist() == [False] * 9 + [True, True]
    assert read["size"].tolist() == table["size"].tolist()
    assert read["group"].tolist() == category.tolist()
    assert read["p"].tolist() == [0.333333] * len(TEXTS)
    assert read["yes"].tolist()[-1] is False
