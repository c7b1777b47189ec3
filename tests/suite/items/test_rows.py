"""Files of rows as people have them: from Excel, R, pandas, the Hub and other benchmarks.

In: a file and the columns that an item is made of. Out: its items as they are written, or the one
sentence of a refusal, of which the words are given that it must hold.
"""

from __future__ import annotations

import datetime
import decimal
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from suite.errors import SuiteError
from suite.items.item import Item
from suite.items.load import get_task, load_items
from suite.items.rows import overrides_for
from tests.suite.own_tasks import COLUMNS, ROWS, load_functions, save, write, write_file

LISTED = {"item_id": "id", "question": "q", "options": "o", "answer": "key"}
OPEN = {"item_id": "id", "question": "q", "answer": "key"}
HEADER = "id,q,A,B,C,D,key\n"


def parquet(item: dict[str, Any] = COLUMNS, **columns: Any) -> tuple[Any, ...]:
    """A case over one Parquet row with the columns of `item`, some of them given."""
    row = {"id": "1", "q": "?", "A": "x", "B": "y", "C": "z", "D": "w", "key": "A"} | columns
    return "rows.parquet", pd.DataFrame([row]).to_parquet(), item


def jsonl(item: dict[str, Any] = COLUMNS, **columns: Any) -> tuple[Any, ...]:
    row = {"id": "1", "q": "?", "A": "x", "B": "y", "C": "z", "D": "w", "key": "A"} | columns
    return "rows.jsonl", json.dumps(row, ensure_ascii=False) + "\n", item


def table(*lines: str) -> tuple[Any, ...]:
    return "rows.csv", "\n".join([HEADER.strip(), *lines]) + "\n", COLUMNS


def check(found: tuple[Item, ...] | str, wanted: object) -> None:
    """Words of a refusal are a list; fields of items a tuple of dicts, in order."""
    if isinstance(wanted, list):
        assert isinstance(found, str), f"read as {found}"
        assert "\n" not in found
        assert all(word in found for word in wanted), found
    else:
        assert isinstance(wanted, tuple)
        assert not isinstance(found, str), found
        shown = [
            {key: getattr(item, key) for key in fields}
            for item, fields in zip(found, wanted, strict=True)
        ]
        assert shown == list(wanted)


def items(data: str | None = None) -> tuple[Item, ...] | str:
    """The items of the task, or the sentence of its refusal."""
    try:
        return load_items("shapes", data=data).items
    except SuiteError as error:
        return str(error)


AS_WRITTEN: dict[str, tuple[tuple[Any, ...], object]] = {
    "numbers with commas, zeros and signs": (
        table('1,?,"1,000",1000,+5,007,B', "2,?,-0,0,1e3,1E3,D"),
        ({"options": ("1,000", "1000", "+5", "007")}, {"options": ("-0", "0", "1e3", "1E3")}),
    ),
    "dates, and a formula of Excel": (
        table("1,?,03/04/2024,2024-03-04,=A1,'0012,A"),
        ({"options": ("03/04/2024", "2024-03-04", "=A1", "'0012")},),
    ),
    "true and false of JSON": (
        jsonl(LISTED, o=[True, False]),
        ({"options": ("true", "false")},),
    ),
    "ids beyond what a float holds": (
        (
            "rows.jsonl",
            '{"id": 9007199254740993, "q": "?", "o": ["x", "y"], "key": "A"}\n'
            '{"id": 9007199254740992, "q": "?", "o": ["x", "y"], "key": "A"}\n',
            LISTED,
        ),
        ({"item_id": "9007199254740993"}, {"item_id": "9007199254740992"}),
    ),
    "decimal numbers of Parquet keep their zero": (
        parquet(A=decimal.Decimal("1.10"), B=decimal.Decimal("1.1"), C=None, D=None),
        ["options", "no text"],
    ),
    "a day of Parquet": (parquet(A=datetime.date(2024, 3, 4)), ["options", "no text"]),
    "the answer is a place in the list, as on the Hub": (
        jsonl(LISTED, o=["x", "y"], key=1),
        ["answer '1'", "letter"],
    ),
    "line ends and backslashes in a cell": (
        table('1,"two\r\nlines",a\\nb,"c\td"," e",,A'),
        ({"question": "two\r\nlines", "options": ("a\\nb", "c\td", " e")},),
    ),
    "inches in a table with tabs": (
        (
            "rows.tsv",
            'id\tq\tA\tB\tC\tD\tkey\n1\tHow long is the 5" pipe?\t5"\t6\'\t\t\tA\n',
            COLUMNS,
        ),
        ({"question": 'How long is the 5" pipe?', "options": ('5"', "6'")},),
    ),
    "categories that look like numbers": (
        ("rows.csv", "id,q,A,B,c,key\n1,?,x,y,01,A\n2,?,x,y,1.0,A\n",
         {**OPEN, "options": ["A", "B"], "category": "c"}),
        ({"category": "01"}, {"category": "1.0"}),
    ),
}  # fmt: skip

NOTHING: dict[str, tuple[tuple[Any, ...], object]] = {
    "hard and wide spaces": (
        table("1,?,x,y,\u00a0,\u3000,A"),
        ({"options": ("x", "y"), "chance": 0.5},),
    ),
    "a space of no width": (
        table("1,?,x,y,z,\u200b,A"),
        ({"options": ("x", "y", "z"), "chance": 1 / 3},),
    ),
    "pandas' NA in texts of Parquet": (
        (
            "rows.parquet",
            pd.DataFrame(
                [["1", "?", "x", "y", pd.NA, pd.NA, "A"]], columns=HEADER.strip().split(",")
            )
            .astype("string")
            .to_parquet(),
            COLUMNS,
        ),
        ({"options": ("x", "y"), "chance": 0.5},),
    ),
    "a column of Parquet that is empty throughout": (
        parquet(C=float("nan"), D=float("nan")),
        ({"options": ("x", "y"), "chance": 0.5},),
    ),
    "a list of Parquet filled up with nothing": (
        parquet(LISTED, o=np.array(["x", "y", None, ""], dtype=object)),
        ({"options": ("x", "y"), "chance": 0.5},),
    ),
    "how pandas writes missing texts as texts": (
        table("1,?,x,y,<NA>,<NA>,A", "2,?,x,y,NaN,NaN,A"),
        ({"chance": 0.5}, {"chance": 0.5}),
    ),
    "a question that is not a number": (parquet(q=float("nan")), ["question", "Row 0"]),
    "an answer that is not a number": (parquet(key=float("nan")), ["answer", "Row 0"]),
    "no list of options at all": (jsonl(LISTED, o=None), ["options", "Row 0"]),
    "no description and no image": (
        jsonl({**COLUMNS, "images": "i", "gold_description": "g"}, i=None, g=float("nan")),
        ({"images": (), "gold_description": None},),
    ),
}

ONE_OPTION: dict[str, tuple[tuple[Any, ...], object]] = {
    "a list in JSON in a text": (jsonl(LISTED, o='["red", "green"]'), ["1 option", "list"]),
    "lines of one text": (jsonl(LISTED, o="A. red\nB. green"), ["1 option"]),
    "numpy's list in a CSV": (
        ("rows.csv", "id,q,o,key\n1,?,['red' 'green'],A\n", LISTED),
        ["1 option"],
    ),
    "options by letter": (jsonl(LISTED, o={"A": "red", "B": "green"}), ["1 option", "list"]),
    "texts and labels, as ARC has them": (
        parquet(LISTED, o={"text": ["red", "green"], "label": ["A", "B"]}),
        ["1 option", "list"],
    ),
    "a list of labelled texts": (
        jsonl(LISTED, o=[{"label": "A", "text": "red"}, {"label": "B", "text": "green"}]),
        ["options", "text"],
    ),
    "a list in a list": (jsonl(LISTED, o=[["red", "green"]]), ["1 option"]),
    "one of several columns": (
        jsonl({**COLUMNS, "options": ["A"]}, A="red or green"),
        ["1 option"],
    ),
    "a list of one in Parquet": (parquet(LISTED, o=["red"]), ["1 option"]),
    "one, and holes that pandas filled": (
        jsonl(LISTED, o=["red", "nan", "nan", "nan"]),
        ["1 option"],
    ),
}

FAULTY: dict[str, tuple[tuple[Any, ...], object]] = {
    "a comma at the end of a line": (
        ("rows.jsonl", '{"id": 1},\n{"id": 2}\n', COLUMNS),
        ["rows.jsonl", "line 1"],
    ),
    "a dict of Python": (
        ("rows.jsonl", "{'id': 1, 'q': '?'}\n", COLUMNS),
        ["rows.jsonl", "line 1", "double quotes"],
    ),
    "rows within an object": (
        ("rows.json", '{"version": "1.0", "data": [{"id": 1, "q": "?"}]}', COLUMNS),
        ["rows.json", "known: version, data"],
    ),
    "semicolons": (
        ("rows.csv", "id;q;A;B;C;D;key\n1;?;x;y;;;A\n", COLUMNS),
        ["rows.csv", "semicolons"],
    ),
    "a sheet of Excel under another name": (
        ("rows.jsonl", b"PK\x03\x04xl/workbook.xml", COLUMNS),
        ["rows.jsonl", "ZIP"],
    ),
    "a Parquet file that was cut": (
        ("rows.parquet", parquet()[1][:-40], COLUMNS),
        ["rows.parquet", "Parquet"],
    ),
    "a quote that is not closed": (table('1,"What,x,y,,,A', "2,?,x,y,,,A"), ["rows.csv", "line"]),
    "a column with a capital": (
        ("rows.csv", "id,Q,A,B,C,D,key\n1,?,x,y,,,A\n", COLUMNS),
        ["'q'", "known: id, Q", "rows.csv"],
    ),
    "columns that Excel numbered, without a header": (
        ("rows.csv", "1,What?,x,y,,,A\n2,Who?,x,y,,,A\n", COLUMNS),
        ["rows.csv", "two of its columns"],
    ),
    "a pointer of Git LFS": (
        ("rows.parquet", "version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", COLUMNS),
        ["rows.parquet", "Git LFS"],
    ),
}

ROW = '{"id": "%s", "q": "%s", "A": "x", "B": "y", "C": "z", "D": "w", "key": "A"}'


def lines(*questions: str, end: str = "\n", last: str = "\n") -> tuple[Any, ...]:
    made = end.join(ROW % (n, question) for n, question in enumerate(questions))
    return "rows.jsonl", made + last, COLUMNS


def asked(*questions: str) -> tuple[dict[str, str], ...]:
    return tuple({"item_id": str(n), "question": text} for n, text in enumerate(questions))


ONE_LINE: dict[str, tuple[tuple[Any, ...], object]] = {
    "separators of Unicode": (
        lines("a\u2028b\u2029c", "d\x85e"),
        asked("a\u2028b\u2029c", "d\x85e"),
    ),
    "separators of ASCII in a cell": (
        table("0,a\x1cb\x1dc\x1ed,x,y,,,A", "1,a\x0bb\x0cc,x,y,,,A"),
        asked("a\x1cb\x1dc\x1ed", "a\x0bb\x0cc"),
    ),
    "an end of line in quotes": (
        table('0,"a\n\nb",x,y,,,A', "1,c,x,y,,,A"),
        asked("a\n\nb", "c"),
    ),
    "Windows' ends, and none at the end": (lines("a", "b", end="\r\n", last=""), asked("a", "b")),
    "lines of spaces between": (lines("a", "b", end="\n \t\n\n"), asked("a", "b")),
    "a whole pair of surrogates": (lines("\\ud83d\\ude00", "b"), asked("\U0001f600", "b")),
    "a zero character": (lines("a\\u0000b", "c"), asked("a\x00b", "c")),
    "a line of two megabytes": (lines("a" * 2_000_000, "b"), asked("a" * 2_000_000, "b")),
    "two files with marks, one behind the other": (
        lines("a", "b", end="\n\ufeff"),
        asked("a", "b"),
    ),
    "an object over several lines": (
        ("rows.jsonl", json.dumps(json.loads(ROW % (0, "a")), indent=2) + "\n", COLUMNS),
        ["rows.jsonl", "line 1"],
    ),
}  # fmt: skip


SHOWN = {**COLUMNS, "images": "i"}
MORE_NOTHING: dict[str, tuple[tuple[Any, ...], object]] = {
    "marks that are not seen": (
        table("1,?,x,y,\ufeff,\u2060\u200e,A"),
        ({"options": ("x", "y"), "chance": 0.5},),
    ),
    "a list and an object without anything": (
        jsonl(C=[], D={}),
        ({"options": ("x", "y"), "chance": 0.5},),
    ),
    "zero and false are something": (
        jsonl(A=0, B=False, C=None, D=None),
        ({"options": ("0", "false"), "chance": 0.5},),
    ),
    "categories of pandas with a hole": (
        (
            "rows.parquet",
            pd.DataFrame([["1", "?", "x", "y", None, None, "A"], ["2", "?", *"xyzw", "D"]],
                         columns=HEADER.strip().split(",")).astype({"D": "category"}).to_parquet(),
            COLUMNS,
        ),
        ({"options": ("x", "y"), "chance": 0.5}, {"options": tuple("xyzw"), "chance": 0.25}),
    ),
    "no time at all": (
        parquet(C=pd.NaT, D=pd.NaT),
        ({"options": ("x", "y"), "chance": 0.5},),
    ),
    "quotes around nothing, with tabs": (
        ("rows.tsv", 'id\tq\tA\tB\tC\tD\tkey\n1\t?\tx\ty\t""\t" "\tA\n', COLUMNS),
        ({"options": ("x", "y"), "chance": 0.5},),
    ),
    "a question of no width": (table("1,\u200b,x,y,,,A"), ["question", "Row 0"]),
    "an answer of a hard space": (table("1,?,x,y,,,\u00a0"), ["answer", "Row 0"]),
    "an id of a hard space": (table("\u00a0,?,x,y,,,A"), ["item_id", "'id'", "Row 0"]),
    "a description of spaces": (
        jsonl({**COLUMNS, "gold_description": "g", "category": "c"}, g=" \u3000", c="\u200b"),
        ({"gold_description": None, "category": ""},),
    ),
    "an image of no bytes and no path": (
        jsonl(SHOWN, i={"bytes": None, "path": None}),
        ({"images": ()},),
    ),
    "images of which none is there": (jsonl(SHOWN, i=[None, "", " "]), ({"images": ()},)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        pytest.param(*row, id=name)
        for rows in (AS_WRITTEN, NOTHING, ONE_OPTION, FAULTY, ONE_LINE, MORE_NOTHING)
        for name, row in rows.items()
    ],
)
def test_rows_as_people_have_them(mine: Path, case: tuple[Any, ...], wanted: object) -> None:
    write_file(mine, *case)
    check(items(), wanted)


def write_set(folder: Path, rows: list[dict[str, Any]]) -> None:
    """What `datasets` leaves of a set that it saves to disk."""
    (folder / "test").mkdir(parents=True)
    (folder / "dataset_dict.json").write_text('{"splits": ["test"]}')
    (folder / "test" / "state.json").write_text("{}")
    table = pa.Table.from_pylist(rows)
    with (
        pa.OSFile(str(folder / "test" / "data-00000-of-00001.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, table.schema) as writer,
    ):
        writer.write_table(table)


SIX = tuple({"item_id": str(index)} for index in range(6))
PLACES: dict[str, tuple[dict[str, Any], object]] = {
    "a file without a split": ({"dataset_kwargs": {"data_files": "rows.jsonl"}}, SIX),
    "a list of files": (
        {"dataset_kwargs": {"data_files": ["rows.jsonl"]}},
        ["data_files", "a file per split"],
    ),
    "a pattern that fits no file": (
        {"dataset_kwargs": {"data_files": {"test": "*.ndjson"}}},
        ["*.ndjson", "shapes.yaml"],
    ),
    "a builder that is none": ({"dataset_path": "jsonl"}, ["'jsonl'", "did you mean 'json'"]),
    "rows of JSON, named as Parquet": ({"dataset_path": "parquet"}, ["rows.jsonl", "Parquet"]),
    "a folder that has another split alone": (
        {"dataset_path": "./other", "dataset_kwargs": None},
        ["'test'", "train", "other"],
    ),
    "a folder of pictures": (
        {"dataset_path": "./pictures", "dataset_kwargs": None},
        ["shapes/pictures", "known: image, label"],
    ),
    "a file as the data set": (
        {"dataset_path": "./rows.jsonl", "dataset_kwargs": None},
        ["rows.jsonl", "data_files"],
    ),
    "a folder that `datasets` saved": ({"dataset_path": "./saved", "dataset_kwargs": None}, SIX),
    "a folder in one that is there": (
        {"dataset_path": "other/none", "dataset_kwargs": None},
        ["other/none, which is not there"],
    ),
    "no split at all": ({"test_split": None}, ["shapes.yaml", "`test_split` is missing"]),
    "a list of settings": (
        {"dataset_kwargs": ["data_files"]},
        ["shapes.yaml", "`dataset_kwargs`", "keys and values"],
    ),
    "nothing as the data set": ({"dataset_path": None}, ["`dataset_path` is None"]),
    "a key that is misspelt": (
        {"dataset_kwargs": {"datafiles": {"test": "rows.jsonl"}}},
        ["datafiles", "data_files"],
    ),
    "a split by its short name": (
        {"test_split": "validation", "dataset_kwargs": {"data_files": {"val": "rows.jsonl"}}},
        ["'validation'", "files of val"],
    ),
    "a split with a capital": ({"test_split": "Test"}, ["'Test'", "files of test"]),
    "a part of a split": ({"test_split": "test[:3]"}, ["'test[:3]'", "files of test"]),
    "a split that is a number": ({"test_split": 1}, ["'1'", "files of test"]),
    "two files of a split": (
        {"dataset_kwargs": {"data_files": {"test": ["rows.jsonl", "other/train.jsonl"]}}},
        ["data_files", "a file per split"],
    ),
    "a pattern that fits": (
        {"dataset_kwargs": {"data_files": {"test": "*/*.jsonl"}}},
        ["*/*.jsonl", "shapes.yaml"],
    ),
    "a split of no file": (
        {"dataset_kwargs": {"data_files": {"test": None}}},
        ["shapes.yaml", "data_files"],
    ),
    "a split of an empty name": (
        {"dataset_kwargs": {"data_files": {"test": ""}}},
        ["shapes.yaml", "data_files"],
    ),
    "a subset of a folder that has none": (
        {"dataset_path": "./saved", "dataset_kwargs": None, "dataset_name": "english"},
        ["english"],
    ),
    "another split, saved by `datasets`": (
        {"dataset_path": "./saved", "dataset_kwargs": None, "test_split": "validation"},
        ["'validation'", "test"],
    ),
    "a pattern within a folder": (
        {"dataset_path": "./sets", "dataset_kwargs": {"data_files": {"test": "b/*.jsonl"}}},
        SIX,
    ),
    "a file that the folder does not have": (
        {"dataset_path": "./sets", "dataset_kwargs": {"data_files": {"test": "c/rows.jsonl"}}},
        ["c/rows.jsonl", "shapes.yaml", "not exist"],
    ),
    "a folder within that is not there": (
        {"dataset_path": "./sets", "dataset_kwargs": {"data_dir": "c"}},
        ["'c'", "data_dir"],
    ),
    "a folder within": ({"dataset_path": "./sets", "dataset_kwargs": {"data_dir": "b"}}, SIX),
    "a setting that a folder does not take": (
        {"dataset_path": "./sets", "dataset_kwargs": {"split": "test"}},
        ["'split'", "shapes.yaml"],
    ),
    "a set that `datasets` has worked on": (
        {"dataset_path": "./worked", "dataset_kwargs": {"load_from_disk": True}},
        SIX,
    ),
    "pictures of other splits": (
        {"dataset_path": "./taken", "dataset_kwargs": None},
        ["'test'", "train, val"],
    ),
    "a function that leaves no row": ({"process_docs": "own.none"}, ["process_docs", "no rows"]),
    "a function that asks for a column that is none": (
        {"process_docs": "own.misnamed"},
        ["shapes.yaml", "colour"],
    ),
    "a file that is empty": (
        {"dataset_path": "./blank", "dataset_kwargs": None},
        ["blank/test.jsonl", "no rows"],
    ),
    "several files of a split": (
        {
            "dataset_path": "./sets",
            "dataset_kwargs": {"data_files": {"test": ["a/rows.jsonl", "b/rows.jsonl"]}},
        },
        tuple({"item_id": str(index)} for index in range(11)),
    ),
    "two uploads of a split": (
        {"dataset_path": "./uploads", "dataset_kwargs": None},
        ["there twice", "-of-00001", "-of-00002"],
    ),
    "a subset that is a number": (
        {"dataset_path": "./sets", "dataset_kwargs": None, "dataset_name": 2},
        ["'2'", "dataset_name"],
    ),
    "a folder without a sign that it is one": (
        {"dataset_path": "sets", "dataset_kwargs": {"data_dir": "b"}},
        ["./sets"],
    ),
    "a link to rows that were moved": (
        {"dataset_kwargs": {"data_files": {"test": "gone.jsonl"}}},
        ["gone.jsonl", "shapes.yaml"],
    ),
}


def further(folder: Path, rows: list[dict[str, Any]]) -> None:
    """More places of rows and pictures, and functions that go through all rows."""
    files = {
        "sets/a/rows.jsonl": rows[:5], "sets/b/rows.jsonl": rows, "blank/test.jsonl": [],
        "uploads/test-00000-of-00001.jsonl": rows, "uploads/test-00000-of-00002.jsonl": rows[:3],
        "uploads/test-00001-of-00002.jsonl": rows[3:],
    }  # fmt: skip
    for name, held in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in held))
    write_set(folder / "worked", rows)
    data = folder / "worked" / "test" / "data-00000-of-00001.arrow"
    (data.parent / "cache-0123456789abcdef.arrow").write_bytes(data.read_bytes())
    for split in ("train", "val"):
        (folder / "taken" / split).mkdir(parents=True)
        (folder / "taken" / split / "0.png").write_bytes((folder / "pictures/0.png").read_bytes())
    (folder / "gone.jsonl").symlink_to(folder / "moved" / "rows.jsonl")
    with (folder / "own.py").open("a") as own:
        own.write("def none(docs): return docs.select([])\n")
        own.write("def misnamed(docs): return docs.filter(lambda doc: doc['colour'] == 'red')\n")


@pytest.mark.parametrize("case", PLACES)
def test_data_that_are_not_there_are_missed_by_their_cause(mine: Path, case: str) -> None:
    changes, wanted = PLACES[case]
    content = write(mine)
    load_functions(mine, content)
    (mine / "shapes" / "other").mkdir()
    rows = [{**row, "image": None} for row in ROWS]
    (mine / "shapes" / "other" / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    write_set(mine / "shapes" / "saved", rows)
    further(mine / "shapes", rows)
    save(mine, {**content, **changes})
    found = items()
    check(found, wanted)
    assert "download" not in found


def rows_read(place: Path) -> int | str:
    """How many rows are read of a copy, or the sentence of its refusal."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            found = overrides_for(get_task("shapes"), place, None, Path(scratch))
        except SuiteError as error:
            return str(error)
        (files,) = found["dataset_kwargs"]["data_files"].values()
        return sum(pq.read_metadata(file).num_rows for file in files)


def misread(mine: Path, copies: list[tuple[str, str, object]]) -> dict[tuple[str, str], object]:
    """What is read of copies with six rows in one file and five in another, where it is another
    number than is wanted, or no refusal that has the words."""
    row = json.dumps({**ROWS[0], "image": None}) + "\n"
    wrong: dict[tuple[str, str], object] = {}
    for number, (read, other, wanted) in enumerate(copies):
        place = mine / f"copy_{number}"
        for name, n in ((read, 6), (other, 5)):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(row * n)
        found = rows_read(place)
        words = isinstance(wanted, list) and isinstance(found, str)
        if found != wanted and not (words and all(word in found for word in wanted)):
            wrong[read, other] = found
    return wrong


SPLIT_COPIES: list[tuple[str, str, object]] = [
    ("mine_test.jsonl", "mine_train.jsonl", 6),
    ("TEST.jsonl", "train.jsonl", 6),
    ("test.jsonl", "test_hard.jsonl", 6),
    ("test/0.jsonl", "train/0.jsonl", 6),
    ("rows.jsonl", "train.jsonl", 6),
    ("mine_train.jsonl", "mine_val.jsonl", ["train, val", "'test'"]),
    ("data/test-00000-of-00001.jsonl", "data/train-00000-of-00001.jsonl", 6),
    ("latest.jsonl", "train.jsonl", ["train", "'test'"]),
    ("mine.test.jsonl", "mine.train.jsonl", 6),
    ("testTrain.jsonl", "dev.jsonl", ["'test'"]),
    ("train-00000-of-00001.jsonl", "train-00001-of-00001.jsonl", ["train", "'test'"]),
    ("test-00000-of-00003.jsonl", "test-00002-of-00003.jsonl", ["00001-of-00003"]),
    ("test/en/0.jsonl", "train/en/0.jsonl", 6),
    ("test-00000-of-00001.jsonl", "test_hard-00000-of-00001.jsonl", 6),
    ("testB-00000-of-00001.jsonl", "testC-00000-of-00001.jsonl", ["'test'", "testb, testc"]),
    ("test2017.jsonl", "val2017.jsonl", 6),
    ("animals.jsonl", "plants.jsonl", ["animals.jsonl, plants.jsonl", "'test'"]),
    ("test.jsonl", "test.json", 6),
    ("mine_test.jsonl", ".ipynb_checkpoints/mine_test-checkpoint.jsonl", 6),
    ("Test/0.JSONL", "Train/0.JSONL", 6),
    ("test.jsonl", "dataset_infos.json", 6),
    ("test-00000-of-00001.jsonl", "train-00001-of-00002.jsonl", 6),
    ("rows.jsonl", "old/rows_old.jsonl", 6),
    (
        "hard/rows_1.jsonl",
        "easy/rows_2.jsonl",
        ["'test'", "easy/rows_2.jsonl, hard/rows_1.jsonl"],
    ),
    ("dev_test.jsonl", "dev_train.jsonl", 6),
    ("v1/test.jsonl", "v2/test.jsonl", ["v1/test.jsonl, v2/test.jsonl", "'test'"]),
    ("test.jsonl", "backup/test.jsonl", ["backup/test.jsonl, test.jsonl"]),
    ("test.jsonl", "test (1).jsonl", 6),
    ("mine-test.jsonl", "mine-test-labels.csv", 6),
    ("mine_test.jsonl", "mine_test_old.jsonl", ["mine_test.jsonl, mine_test_old.jsonl"]),
    (
        "test-00000-of-00001.jsonl",
        "test-00000-of-00002.jsonl",
        ["there twice", "-of-00001", "-of-00002"],
    ),
    ("test/en/0.jsonl", "val/test.jsonl", ["'test'"]),
    ("testing/0.jsonl", "training/0.jsonl", ["'test'", "training, testing"]),
    ("rows/rows.jsonl", "test_images/notes.jsonl", 6),
    ("TEST-00000-of-00001.jsonl", "Train-00000-of-00001.jsonl", 6),
    ("my set/test set.jsonl", "my set/train set.jsonl", 6),
    ("test/part-0.jsonl", "test/part-1.jsonl", 11),
    ("shapes_test_1.jsonl", "shapes_test_2.jsonl", 11),
    ("shapes_test.jsonl", "circles_test.jsonl", ["circles_test.jsonl, shapes_test.jsonl"]),
    ("greatest.jsonl", "contest.jsonl", ["contest.jsonl, greatest.jsonl", "'test'"]),
    ("0000.jsonl", "0001.jsonl", 11),
    ("a/0000.jsonl", "b/0000.jsonl", ["a/0000.jsonl, b/0000.jsonl"]),
    ("new/rows.jsonl", "old/rows.jsonl", ["new/rows.jsonl, old/rows.jsonl"]),
    ("eval.jsonl", "training.jsonl", ["'test'", "training"]),
    ("test.csv.jsonl", "test.tsv", ["test.tsv"]),
    ("test.jsonl", "test.parquet", ["test.parquet"]),
    ("rows.jsonl", "v1/rows.jsonl", 6),
    ("a/rows.jsonl", "b/test.jsonl", 6),
    ("data/test/shapes/0.jsonl", "data/train/shapes/0.jsonl", 6),
    ("test.jsonl", "val/test.jsonl", ["test.jsonl, val/test.jsonl"]),
    ("test-v1.jsonl", "test-v2.jsonl", ["test-v1.jsonl, test-v2.jsonl"]),
    ("2023/test.jsonl", "2024/test.jsonl", ["2023/test.jsonl, 2024/test.jsonl"]),
    ("run_1/0.jsonl", "run_2/0.jsonl", ["run_1/0.jsonl, run_2/0.jsonl"]),
    ("held_out.jsonl", "train.jsonl", ["'test'", "train"]),
    ("test/0.jsonl", "test/0.csv", 6),
    ("test~/0.jsonl", "test/0.jsonl", 5),
    ("annotations/test.jsonl", "images/captions.json", 6),
    ("test_1.jsonl", "test_10.jsonl", ["test_1.jsonl, test_10.jsonl"]),
    ("test_2015.jsonl", "test_2017.jsonl", ["test_2015.jsonl, test_2017.jsonl"]),
    ("test.0.jsonl", "test.1.jsonl", ["test.0.jsonl, test.1.jsonl"]),
    ("test-(1).jsonl", "test-(2).jsonl", 11),
    ("test_03.jsonl", "train_03.jsonl", 6),
    ("test1/0.jsonl", "test2/0.jsonl", ["test1/0.jsonl, test2/0.jsonl"]),
    ("test/3.jsonl", "test/7.jsonl", 11),
    ("my.test.v1.0.jsonl", "my.test.v1.1.jsonl", ["my.test.v1.0", "my.test.v1.1"]),
    ("test_en_0.jsonl", "test_de_1.jsonl", ["test_de_1.jsonl, test_en_0.jsonl"]),
    ("01_train.jsonl", "02_test.jsonl", 5),
    ("test_20240101.jsonl", "test_20240102.jsonl", ["test_20240101.jsonl"]),
    ("a_test.jsonl", "sub/a_test.jsonl", ["a_test.jsonl, sub/a_test.jsonl"]),
    ("test_part_0.jsonl", "test_part_1.jsonl", 11),
    ("test_final.jsonl", "test_final_2.jsonl", ["test_final.jsonl, test_final_2.jsonl"]),
    ("0.jsonl", "notes.jsonl", ["0.jsonl, notes.jsonl"]),
    ("questions.jsonl", "answers.jsonl", ["answers.jsonl, questions.jsonl"]),
    ("shard-00000.jsonl", "shard-00001.jsonl", 11),
    ("test-00000.jsonl", "train-00000.jsonl", 6),
    ("test.jsonl", "test/0.jsonl", ["test.jsonl, test/0.jsonl"]),
    ("mmstar/test.jsonl", "mmstar/test_mini.jsonl", 6),
    ("Testing.jsonl", "tests.jsonl", ["'test'"]),
    ("seed_0_test.jsonl", "seed_1_test.jsonl", ["seed_0_test.jsonl, seed_1_test.jsonl"]),
    ("test_0.jsonl", "test/0.jsonl", 5),
    ("test-1.jsonl", "test-2.jsonl", 11),
    ("test-2.jsonl", "test-3.jsonl", ["test-2.jsonl, test-3.jsonl"]),
    ("data_1.jsonl", "DATA_2.jsonl", 11),
    ("test_0.json", "test_1.jsonl", 5),
    ("x/y/test.jsonl", "x/z/train.jsonl", 6),
    ("test_a/0.jsonl", "test_b/0.jsonl", ["test_a/0.jsonl, test_b/0.jsonl"]),
    ("test_0/a.jsonl", "test_1/a.jsonl", 11),
    ("test (copy).jsonl", "mytest.jsonl", 6),
    ("test_2_of_2.jsonl", "test_1_of_2.jsonl", ["test_1_of_2.jsonl, test_2_of_2.jsonl"]),
]

SUBSET_COPIES: list[tuple[str, str, object]] = [
    ("english/test.jsonl", "german/test.jsonl", 6),
    ("data/English/0.jsonl", "data/german/0.jsonl", 6),
    ("english-test.jsonl", "german-test.jsonl", 6),
    ("test.jsonl", "train.jsonl", 6),
    ("german/test.jsonl", "french/test.jsonl", ["'english'", "french, german"]),
    ("test_english.jsonl", "test_german.jsonl", 6),
    ("English/test/0.jsonl", "English_hard/test/0.jsonl", 6),
    ("test/english.jsonl", "test/german.jsonl", 6),
    ("nonenglish/test.jsonl", "german/test.jsonl", ["'english'", "german, nonenglish"]),
    ("english.jsonl", "german.jsonl", 6),
    ("english/test.jsonl", "english/train.jsonl", 6),
]


def test_a_copy_is_read_by_the_split_of_the_task(mine: Path) -> None:
    assert misread(mine, SPLIT_COPIES) == {}


def test_a_copy_is_read_by_the_subset_of_the_task(mine: Path) -> None:
    save(mine, {**write(mine), "dataset_name": "english"})
    assert misread(mine, SUBSET_COPIES) == {}


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ("'red'", ["1 option", "('red')"]),
        ("'[\\'red\\', \\'green\\']'", ["1 option"]),
        ("{'A': 'red', 'B': 'green'}", ["1 option", "'A': 'red'"]),
        ("{'red', 'green'}", ["1 option"]),  # in another order in another process
        ("b'red'", ["1 option"]),
        ("{'A': 'red', 'B': 'green'}.values()", ["1 option"]),
        ("(text for text in ('red', 'green'))", ["1 option"]),
        ("('red', 'green')", ("red", "green")),
        ("__import__('numpy').array(['red', 'green'])", ("red", "green")),
        ("__import__('numpy').array('red')", ["1 option"]),
        ("__import__('numpy').array([['red', 'green']])", ["option", "Row 0"]),
        ("__import__('numpy').array([1, 2])", ("1", "2")),
        ("[__import__('numpy').str_(text) for text in ('red', 'green')]", ("red", "green")),
        ("[1.0, 2.5]", ["no text"]),
        ("[True, False]", ("true", "false")),
        ("[b'red', b'green']", ["no text"]),
        ("['red', ['green', 'blue']]", ["no text"]),
        ("['red', 'green', None, '', float('nan')]", ("red", "green")),
        ("[None, 'red', 'green']", ["empty before another"]),
        ("['red', float('nan')]", ["1 option"]),
    ],
)
def test_options_of_a_function_are_a_list(mine: Path, options: str, wanted: object) -> None:
    load_functions(mine, write(mine, item=None, doc_to_item="own.doc_to_item"))
    with (mine / "shapes" / "own.py").open("a") as own:
        own.write(
            "def doc_to_item(doc):\n"
            "    return {'item_id': doc['image'], 'question': '?', 'answer': 'A', 'images': [],\n"
            f"            'category': 'first', 'options': {options}}}\n"
        )
    check(items(), ({"options": wanted},) * 6 if isinstance(wanted, tuple) else wanted)


NUMPY, PANDAS = "__import__('numpy')", "__import__('pandas')"
TWO = {"options": ("red", "green"), "chance": 0.5}
MADE: dict[str, tuple[str, object]] = {
    # what a function gives beside question, answer and category
    "a column of pandas with NA": (
        f"'options': {PANDAS}.Series(['red', 'green', {PANDAS}.NA])",
        TWO,
    ),
    "no time of pandas": (f"'options': ['red', 'green', {PANDAS}.NaT]", TWO),
    "no number of 32 bits": (f"'options': ['red', 'green', {NUMPY}.float32('nan')]", TWO),
    "an object of nothing at the end": ("'options': ['red', 'green', {}, {'text': None}]", TWO),
    "holes that became texts": (
        f"'options': list(map(str, {NUMPY}.array(['red', 'green', float('nan')], dtype=object)))",
        {"options": ("red", "green", "nan"), "chance": 0.5},
    ),
    "decimal numbers": ("'options': [__import__('decimal').Decimal('1.10'), 'x']", ["no text"]),
    "nanoseconds": (
        f"'options': {NUMPY}.array(['2024-01-01', '2024-01-02'], dtype='datetime64[ns]')",
        ["no text"],
    ),
    "truths of numpy": (f"'options': {NUMPY}.array([True, False])", ["no text"]),
    "letters with their texts": ("'options': [('A', 'red'), ('B', 'green')]", ["no text"]),
    "categories of pandas": (f"'options': {PANDAS}.Categorical(['red', 'green'])", TWO),
    "members of an Enum": (
        "'options': list(__import__('enum').Enum('C', {'R': 'red', 'G': 'green'}, type=str))",
        TWO,
    ),
    "half of a character": (
        "'options': ['red', 'green'], 'question': 'cut \\ud83d'",
        TWO | {"question": "cut \ufffd"},
    ),
    "more fillers than options": ("'options': ['red', 'green'], 'fillers': 5", ["0 options"]),
    "fewer fillers than none": ("'options': ['red', 'green'], 'fillers': -1", ["'-1'", "fillers"]),
    "fillers by a fraction": ("'options': ['red', 'green', 'x'], 'fillers': 0.5", ["fillers"]),
    "an id that is NA": (f"'options': ['red', 'green'], 'item_id': {PANDAS}.NA", TWO),
    "a category that is a number": (
        "'options': ['red', 'green'], 'category': 3.0",
        TWO | {"category": "3"},
    ),
    "an image that is nothing": (
        "'options': ['red', 'green'], 'images': ['', float('nan'), None]",
        TWO | {"images": ()},
    ),
    "a metric that is none": ("'options': ['red', 'green'], 'metric': 'choise'", ["choise"]),
    "an answer of numpy": (f"'options': ['red', 'green'], 'answer': {NUMPY}.str_('B')", TWO),
    "an answer by its place": ("'options': ['red', 'green'], 'answer': 0", ["answer", "letter"]),
    "a word that its dictionary lacks": (
        "'options': {'second': 1}[doc['category']]",
        ["Row 0", "KeyError: 'first'"],
    ),
    "a division by nothing": ("'options': 1 / 0", ["Row 0", "ZeroDivisionError", "shapes.yaml"]),
    "a column that is misspelt": ("'options': doc['optoins']", ["Row 0", "did you mean 'options'"]),
}


@pytest.mark.parametrize("case", MADE)
def test_what_a_function_gives_is_read_as_it_is_or_refused(mine: Path, case: str) -> None:
    made, wanted = MADE[case]
    load_functions(mine, write(mine, item=None, doc_to_item="own.doc_to_item", categories=None))
    with (mine / "shapes" / "own.py").open("a") as own:
        own.write(
            "def doc_to_item(doc):\n"
            "    return {'question': '?', 'answer': 'A', 'images': [], 'category': 'x',\n"
            f"            {made}}}\n"
        )
    check(items(), (wanted,) * 6 if isinstance(wanted, dict) else wanted)


@pytest.mark.parametrize(
    ("function", "gives", "wanted"),
    [
        ("doc_to_target", "2.0", ["'answer' holds 2.0", "no text"]),
        ("doc_to_target", "None", ["no 'answer'"]),
        ("doc_to_target", "2", ({"answer": "2"},) * 6),
        ("doc_to_target", "['two', '2']", ({"answer": "two"},) * 6),
        ("doc_to_target", "{'text': 'two'}", ["'answer' holds {'text': 'two'}"]),
        ("doc_to_text", "None", ["no 'question'"]),
        ("doc_to_text", "['Which', 'colour?']", ["'question' holds ['Which', 'colour?']"]),
        ("doc_to_text", "b'Which colour?'", ["'question' holds b'Which colour?'"]),
    ],
)
def test_an_open_question_is_the_text_of_its_functions(
    mine: Path, function: str, gives: str, wanted: object
) -> None:
    load_functions(mine, write(mine, item=None, metric="exact", categories=None))
    with (mine / "shapes" / "own.py").open("a") as own:
        own.write(f"def {function}(doc, lmms_eval_specific_kwargs=None): return {gives}\n")
    check(items(), wanted)
