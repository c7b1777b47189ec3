"""Rows of outside files: every format gives the same ones, a broken line is named by its number."""

from __future__ import annotations

import gzip
import json
import zipfile
from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from suite.base.keyed_texts import read_texts
from suite.base.row_files import Row, read_rows
from suite.errors import SuiteError

ROWS = [{"index": "007", "text": "one, two"}, {"index": "8", "text": 'l\u2028ines\n"quoted"'}]


@pytest.mark.parametrize(
    "name",
    ["a.csv", "a.CSV", "a.tsv", "a.jsonl", "a.ndjson", "a.json", "b.json", "c.json", "a.parquet"],
)
def test_read_rows_of_every_format(tmp_path: Path, name: str) -> None:
    path, frame = tmp_path / name, pd.DataFrame(ROWS)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif "js" in path.suffix:
        by_index = {row["index"]: row["text"] for row in ROWS}
        lines = [json.dumps(row, ensure_ascii=False) for row in ROWS]
        texts = {"a.json": json.dumps(ROWS), "b.json": json.dumps(by_index)}  # c.json is JSONL
        path.write_text("\ufeff" + texts.get(name, "\n\n".join(lines)), encoding="utf-8")
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    assert [row.cells for row in read_rows(path, "text")] == ROWS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json"])
def test_a_marked_encoding_is_read(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / name
    texts = {".jsonl": '{"index": "ä", "text": "颜色"}', ".json": '{"ä": "颜色"}'}
    separator = "\t" if path.suffix == ".tsv" else ","
    table = f"index{separator}text\r\nä{separator}颜色\r\n"
    path.write_bytes(texts.get(path.suffix, table).encode(encoding))
    (row,) = read_rows(path, "text")
    assert row.cells == {"index": "ä", "text": "颜色"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "index,text\n0,a\n1,caf\u00e9\n".encode("cp1252"),
            "line 3 is not UTF-8 (byte 0xe9); save the file as UTF-8",
        ),
        (
            "index,text\n0,a\n".encode("utf-16-le"),
            "line 1 holds a zero byte, so it is no text in UTF-8; save it as one",
        ),
        (b"\x1f\x8b\x08rest", "it is a gzip archive; unpack it first"),
        (b"PK\x03\x04rest", "it is a ZIP archive; unpack it first"),
        (
            b"\xd0\xcf\x11\xe0rest",
            "it is an old Excel workbook (.xls); save its sheet as CSV UTF-8",
        ),
        (b"PAR1rest", "it is a Parquet file; let its name end in .parquet"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_rows(path, "text")
    assert str(caught.value) == said


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv", "a.jsonl"])
def test_a_workbook_is_named_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(ValueError) as caught:
        read_rows(tmp_path / name, "text")
    assert str(caught.value) == "it is an Excel workbook (.xlsx); save its sheet as CSV UTF-8"


def test_numbers_are_kept_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    numbers = "[1, 2.50, 1.10, 1e3, -0.0, 12345678901234567890123, NaN]"
    path.write_text(f'{{"a": {numbers}, "b": true}}\n')
    (row,) = read_rows(path)
    assert row.cells["a"] == ["1", "2.50", "1.10", "1e3", "-0.0", "12345678901234567890123", None]
    assert row.cells["b"] is True


def test_rows_know_where_they_stand(tmp_path: Path) -> None:
    table, lines, listed = (tmp_path / name for name in ("a.csv", "a.jsonl", "a.json"))
    table.write_text('index,text\n\n0,"two\nlines"\n1,b\n')
    lines.write_text('{"index": 0}\n\n{"index": 1}\n')
    listed.write_text('[{"index": 0}, {"index": 1}]')
    assert [row.place for row in read_rows(table, "text")] == ["line 3", "line 5"]
    assert [row.place for row in read_rows(lines, "text")] == ["line 1", "line 3"]
    assert [row.place for row in read_rows(listed, "text")] == ["row 1", "row 2"]


def test_half_a_character_splits_no_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": ["cut \\ud83d"], "\\udc00": "\\ud83d\\ude00"}\n')
    assert read_rows(path) == [Row("line 1", {"text": ["cut \ufffd"], "\ufffd": "\U0001f600"})]


def test_read_rows_takes_a_list_of_texts_only_where_it_may(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('["zero", {"item_id": "x", "text": "one"}, 2]')
    with pytest.raises(
        ValueError, match=r"^row 1 is 'zero' and not an object with `index` and `t`$"
    ):
        read_rows(path, "t")
    assert [row.cells for row in read_rows(path, "text", bare=True)] == [
        {"index": 0, "text": "zero"},
        {"item_id": "x", "text": "one"},
        {"index": 2, "text": "2"},
    ]


@pytest.mark.parametrize("content", ["", "\n\n", "index,text\n", "\ufeff"])
def test_an_empty_table_has_no_rows(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    assert read_rows(path, "text") == []


def test_blank_lines_of_a_table_are_no_rows_and_blank_cells_hold_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\nindex,text\n\n0,\n  \n1,""\n2,  \n3,nan\n\n')
    rows = [row.cells for row in read_rows(path, "text")]
    assert [row["index"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["text"] for row in rows] == [None, None, None, "nan"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", '{"index": 1}\n\n{"index"\n', r"line 3, column 9: Expecting ':' delimiter"),
        (
            "a.jsonl",
            "{}\n[1]\n",
            r"line 2 is \[1\] and not an object with .*`text`",
        ),
        ("a.jsonl", '{"a": 1, "a": 2}', "line 1: two of its keys are called 'a'; rename one"),
        ("a.json", '{"1": "A", "1": "B"}', "two of its keys are called '1'; rename one"),
        ("a.jsonl", "[" * 3000, "line 1: its brackets are nested too deeply"),
        ("a.json", '{"1": "A",\n"2" "B"}', "line 2, column 5: Expecting ':' delimiter"),
        ("a.txt", "index,text", "files that end in .txt are not known; use .csv or .jsonl"),
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
        (
            "a.csv",
            "index,text,\n0,a,\n1,a,b\n",
            "line 3 has a value in a column whose header is empty; name it",
        ),
        ("a.csv", 'index,text\n0,"a" red\n', "line 2: ',' expected after '\"'"),
    ],
)
def test_what_cannot_be_read_says_where(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=f"^{said}$"):
        read_rows(path, "text")


def archive(*members: tuple[str, str]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, text in members:
            file.writestr(name, text)
    return buffer.getvalue()


def arrow() -> bytes:
    """What `datasets` leaves in a folder of `save_to_disk`."""
    sink = pa.BufferOutputStream()
    table = pa.table({"index": [0], "text": ["a"]})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "a.csv",
            archive(("mimetype", "application/vnd.oasis.opendocument.spreadsheet")),
            ["OpenDocument", "CSV"],
        ),
        (
            "a.csv",
            archive(("[Content_Types].xml", ""), ("word/document.xml", "")),
            ["Word", "CSV"],
        ),
        ("a.csv.gz", gzip.compress(b"index,text\n0,a\n", mtime=0), ["gzip", "unpack"]),
        ("a.jsonl", b"\x28\xb5\x2f\xfd\x04\x00\x01\x00\x00", ["Zstandard", "unpack"]),
        ("a.csv", b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", ["HTML"]),
        ("a.jsonl", POINTER.encode(), ["Git LFS", "git lfs pull"]),
        ("a.parquet", POINTER.encode(), ["Git LFS", "git lfs pull"]),
        ("a.parquet", arrow(), ["Arrow", "to_parquet"]),
        ("a.csv", b"SQLite format 3\x00\x10\x00\x01\x01", ["SQLite", "CSV"]),
        ("a.csv", b"\x80\x04\x95\x10\x00\x00\x00", ["no text", "CSV"]),  # a pickle
        ("a.jsonl", b"\x89PNG\r\n\x1a\n\x00\x00", ["no text", "JSON"]),
        ("a.csv", b"{\\rtf1\\ansi index,text\\\n0,a}\n", ["RTF", "CSV"]),
    ],
)
def test_a_file_of_another_kind_is_named_with_what_to_do(
    tmp_path: Path, name: str, content: bytes, words: list[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SuiteError) as caught:
        read_texts(path, "text", "texts")
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert str(caught.value).isprintable(), repr(str(caught.value))


def test_what_a_terminal_would_obey_is_not_printed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("index,\x1b[31mtext\x07\n0,a\n")
    with pytest.raises(SuiteError) as caught:
        read_texts(path, "text", "texts")
    assert str(caught.value).isprintable(), repr(str(caught.value))


def test_keys_within_a_value_may_differ_by_a_space(tmp_path: Path) -> None:
    """A list of tokens with their probabilities has "A" and " A"."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"index": 0, "text": "A", "tokens": {"A": -0.1, " A": -2.5}}\n')
    assert read_rows(path, "text")[0].cells["tokens"] == {"A": "-0.1", " A": "-2.5"}
