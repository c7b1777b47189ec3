"""Rows of outside files: every format gives the same ones, a broken line is named by its number."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from suite.base.row_files import read_rows

ROWS = [{"index": "007", "text": "one, two"}, {"index": "8", "text": 'l\u2028ines\n"quoted"'}]


@pytest.mark.parametrize(
    "name",
    ["a.csv", "a.CSV", "a.tsv", "a.txt", "a.jsonl", "a.ndjson", "a.json", "b.json", "a.parquet"],
)
def test_read_rows_of_every_format(tmp_path: Path, name: str) -> None:
    path, frame = tmp_path / name, pd.DataFrame(ROWS)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif "js" in path.suffix:
        by_index = {row["index"]: row["text"] for row in ROWS}
        lines = [json.dumps(row, ensure_ascii=False) for row in ROWS]
        texts = {"a.json": json.dumps(ROWS), "b.json": json.dumps(by_index)}
        path.write_text("\ufeff" + texts.get(name, "\n\n".join(lines)), encoding="utf-8")
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    assert read_rows(path, "text") == ROWS


def test_read_rows_takes_a_list_of_texts_only_where_it_may(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('["zero", {"item_id": "x", "text": "one"}, 2]')
    with pytest.raises(
        ValueError, match=r"^a row is 'zero' and not an object with `index` and `t`$"
    ):
        read_rows(path, "t")
    assert read_rows(path, "text", bare=True) == [
        {"index": 0, "text": "zero"},
        {"item_id": "x", "text": "one"},
        {"index": 2, "text": 2},
    ]


@pytest.mark.parametrize("content", ["", "\n\n", "index,text\n", "\ufeff"])
def test_an_empty_table_has_no_rows(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    assert read_rows(path, "text") == []


def test_blank_lines_of_a_table_are_no_rows_and_empty_texts_are_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\nindex,text\n\n0,\n  \n1,""\n\n')
    assert read_rows(path, "text") == [{"index": "0", "text": ""}, {"index": "1", "text": ""}]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", '{"index": 1}\n\n{"index"\n', r"line 3, column 9: Expecting ':' delimiter"),
        (
            "a.jsonl",
            "{}\n[1]\n",
            r"line 2: a row is \[1\] and not an object with .*`text`",
        ),
        ("a.json", "5", "it holds 5 and neither an object nor a list of rows"),
        ("a.csv", "index,text,text\n1,a,b\n", "two of its columns are called 'text'; rename one"),
        (
            "a.csv",
            "index,text\n0,a\n1\n",
            "line 3 has 1 values and the header 2; a text that holds ',' needs quotes",
        ),
        (
            "a.csv",
            "index,text\n0,Not B, so A\n",
            "line 2 has 3 values and the header 2; a text that holds ',' needs quotes",
        ),
        (
            "a.tsv",
            "index\ttext\n0\ta\tb\n",
            r"line 2 has 3 values and the header 2; a text that holds '\\t' needs quotes",
        ),
        ("a.csv", 'index,text\n0,"a red\n1,blue\n', "line 3: unexpected end of data"),
        ("a.csv", 'index,text\n0,"a" red\n', "line 2: ',' expected after '\"'"),
    ],
)
def test_what_cannot_be_read_says_where(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=f"^{said}$"):
        read_rows(path, "text")
