"""The summary of a scored file: over what its mean is, and which keys are an item's.

In: items and texts. Out: numbers by hand.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from suite.answers.predictions import score_file, score_predictions, summary
from suite.base.keyed_texts import KeyedText
from suite.errors import SuiteError
from suite.items.item import Item, ItemSet
from suite.models.recorded import RecordedGenerator
from suite.models.spec import ModelSpec
from suite.requests import Decoding, Message, Request


def asked(item: str) -> Request:
    """What a recorded text may answer."""
    return Request("gqa", item, (Message("user", "?"),), Decoding())


def items(task: str, *categories: str) -> ItemSet:
    """An item per category, right by A; the first two have four options, the others two."""
    made = (
        Item(
            task, str(n), "?", ("w", "x", "y", "z")[: 4 if n < 2 else 2], "A", category, (), str(n)
        )
        for n, category in enumerate(categories)
    )
    return ItemSet(task, tuple(made), {})


def summarised(asked: ItemSet, letters: str) -> dict[str, object]:
    texts = [KeyedText("item_id", str(n), letter) for n, letter in enumerate(letters)]
    return summary(score_predictions(asked, texts, Path("x")), draws=200)


def test_the_mean_is_over_categories_out_of_domain_alone() -> None:
    categories = ("math", "math", "math", "logical reasoning")
    out = summarised(items("mmstar", *categories), "AABB")
    assert (out["average"], out["mean"]) == ("categories", pytest.approx((2 / 3 + 0) / 2))
    assert out["chance"] == pytest.approx(((1 / 4 + 1 / 4 + 1 / 2) / 3 + 1 / 2) / 2)
    within = summarised(items("gqa", *categories), "AABB")
    assert (within["average"], within["mean"]) == ("items", 0.5)
    assert within["chance"] == pytest.approx(3 / 8)


def test_mean_and_interval_are_of_the_same_items() -> None:
    # Those of no category count in none, as in the tables of a run.
    some = summarised(items("mmstar", "math", "", "math", ""), "BABA")
    alone = summarised(items("mmstar", "math", "math"), "BB")
    assert [some[name] for name in ("n", "mean", "low")] == [4, 0.0, 0.0]
    assert some["high"] == alone["high"]


def test_a_key_may_be_a_number_of_any_kind() -> None:
    asked = items("gqa", "")
    (item,) = asked.items
    floated = ItemSet("gqa", (Item(**{**vars(item), "item_id": "7.0"}),), {})  # beside a hole
    for key in ("7", "7.0"):
        rows = [KeyedText("item_id", key, "A")]
        assert score_predictions(floated, rows, Path("x")).complete


def named(*ids: str) -> ItemSet:
    (item,) = items("gqa", "").items
    return ItemSet("gqa", tuple(Item(**{**vars(item), "item_id": name}) for name in ids), {})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "index,prediction\n3,A\n"),
        ("a.csv", "index,prediction\n3.0,A\n"),
        ("a.csv", "\ufeffitem_id,prediction\n 3 ,A\n"),
        ("a.jsonl", '{"index": 3, "prediction": "A"}'),
        ("a.jsonl", '{"item_id": 3.0, "prediction": "A"}'),
        ("a.jsonl", '\ufeff{"item_id": "3", "prediction": "A"}'),
        ("a.json", '{"3": "A"}'),
    ],
)
@pytest.mark.parametrize("item", ["3", "3.0", " 3"])
def test_three_is_one_item_however_it_is_written(
    tmp_path: Path, name: str, content: str, item: str
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert score_file(named(item), path).complete
    text = path.with_name(f"text{path.suffix}")
    text.write_text(content.replace("prediction", "text"), encoding="utf-8")
    (answer,) = RecordedGenerator(ModelSpec(path=text)).generate([asked(item)], {}.__getitem__)
    assert answer.text == "A"


def test_keys_that_differ_are_never_merged(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"item_id": "03", "prediction": "A"}\n{"item_id": 4, "prediction": "A"}')
    scored = score_file(named("3", "4"), path)
    assert (scored.missing, scored.unknown) == (("3",), ("03",))
    rows = [KeyedText("item_id", key, key) for key in ("2.0", "2", "1.10", "1.1")]
    found = score_predictions(named("2", "2.0", "1.1", "1.10"), rows, path).rows
    assert [(row.item_id, row.text) for row in found] == [
        (k, k) for k in ("2", "2.0", "1.1", "1.10")
    ]
    text = tmp_path / "texts.jsonl"
    text.write_text('{"item_id": "03", "text": "x"}\n{"item_id": "4", "text": null}\n')
    answers = RecordedGenerator(ModelSpec(path=text)).generate(
        [asked("3"), asked("4")], {}.__getitem__
    )
    assert [answer.error for answer in answers] == [
        f"{text} has no text for item 3.",
        f"{text} has no text for item 4.",
    ]


def test_the_keys_of_a_json_object_may_be_ids_that_are_words(tmp_path: Path) -> None:
    asked = items("gqa", "", "")
    named = [Item(**{**vars(item), "item_id": f"9/{item.item_id}"}) for item in asked.items]
    path = tmp_path / "answers.json"
    for texts in ('{"9/1": "A", "9/0": "B"}', '{"1": "A", "0": "B"}'):
        path.write_text(texts)
        rows = score_file(ItemSet("gqa", tuple(named), {}), path).rows
        assert [(row.item_id, row.prediction) for row in rows] == [("9/0", "B"), ("9/1", "A")]


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def arrow(*columns: str) -> bytes:
    """A Parquet file of one row, whose columns may have one name; pandas writes no such file."""
    return whole(pa.Table.from_arrays([pa.array(["0"])] * len(columns), list(columns)))


def whole(table: pa.Table) -> bytes:
    buffer = BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def outcome(
    path: Path, content: str | bytes, *ids: str
) -> tuple[dict[str, str], tuple[str, ...]] | str:
    """What is scored of items by id, and which are missing; or the sentence of a refusal."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        scored = score_file(named(*(ids or "0123")), path)
    except SuiteError as error:
        return str(error)
    assert scored.complete == (not (scored.missing or scored.unknown or scored.duplicates))
    return {row.item_id: row.text for row in scored.rows}, (*scored.missing, *scored.unknown)


HOLED = pd.DataFrame({"index": [0, 1, 2, 3], "prediction": ["A", "B", None, "C"]})
FULL = {"0": "A", "1": "B", "3": "C"}
WITHOUT_TWO = (FULL, ("2",))

NO_PREDICTION: dict[str, tuple[str, str | bytes, object]] = {
    "a column of categories in Parquet": (
        "a.parquet",
        parquet(HOLED.astype({"prediction": "category"})),
        WITHOUT_TWO,
    ),
    "pandas' own texts in Parquet": (
        "a.parquet",
        parquet(HOLED.astype({"prediction": "string"})),
        WITHOUT_TWO,
    ),
    "a list of rows in JSON": ("a.json", HOLED.to_json(orient="records"), WITHOUT_TWO),
    "a hard space, from a web page": (
        "a.csv",
        "index,prediction\n0,A\n1,B\n2,\u00a0\n3,C\n",
        WITHOUT_TWO,
    ),
    "a space of no width": ("a.csv", "index,prediction\n0,A\n1,B\n2,\u200b\n3,C\n", WITHOUT_TWO),
    "an end of line in quotes": ("a.csv", 'index,prediction\n0,A\n1,B\n2,"\n"\n3,C\n', WITHOUT_TWO),
    "rows whose key is called otherwise": (
        "a.jsonl",
        '{"index": 0, "prediction": "A"}\n{"index": 1, "prediction": "B"}\n'
        '{"index": 2, "pred": "A"}\n{"index": 3, "prediction": "C"}\n',
        WITHOUT_TWO,
    ),
    "no text among several that were asked for": (
        "a.jsonl",
        '{"index": 0, "prediction": "A"}\n{"index": 2, "prediction": []}\n',
        ["line 2", "prediction", "[]"],
    ),
    "a row that was tried again and appended": (
        "a.jsonl",
        '{"index": 0, "prediction": "A"}\n{"index": 1, "prediction": "B"}\n'
        '{"index": 2, "prediction": null}\n{"index": 3, "prediction": "C"}\n'
        '{"index": 2, "prediction": "B"}\n',
        (FULL | {"2": "B"}, ()),
    ),
    "Excel leaves out the last separators": (
        "a.csv",
        "index,prediction\n0,A\n1,B\n2\n3,C\n",
        ["line 4", "1 value"],
    ),
}

FIELDS: dict[str, tuple[str, str | bytes, object]] = {
    "R's row names have no header": (
        "a.csv",
        '"index","prediction"\n"1",0,"A"\n"2",1,"B"\n',
        ["line 2", "3 values", "header 2"],
    ),
    "R's row names under a blank header": (
        "a.csv",
        '"","index","prediction"\n"1",0,"A"\n"2",1,"B"\n"4",3,"C"\n',
        WITHOUT_TWO,
    ),
    "empty columns to the right, as sheets export them": (
        "a.csv",
        "index,prediction,,\n0,A,,\n1,B,,\n3,C,,\n",
        WITHOUT_TWO,
    ),
    "a total below": ("a.csv", "index,prediction\n0,A\n1,B\nTotal: 2\n", ["line 4", "1 value"]),
    "after a text of three lines": (
        "a.csv",
        'index,prediction\n0,"A\nor\nB"\n1,B, because\n',
        ["line 5", "3 values"],
    ),
    "a text of two lines without quotes": (
        "a.csv",
        "index,prediction\n0,The answer\nis B\n1,A\n",
        ["line 3", "1 value"],
    ),
    "a quote that a backslash hides": (
        "a.csv",
        'index,prediction\n0,"say \\"A\\", or B"\n',
        ["line 2"],
    ),
    "semicolons, and a comma in a text": (
        "a.csv",
        "index;prediction\n0;A\n1;B, because of it\n",
        ["semicolons"],
    ),
    "R's write.csv2": (
        "a.csv",
        '"index";"prediction"\n0;"A"\n1;"B"\n',
        ["semicolons", "commas"],
    ),
    "commas in a file of tabs": ("a.tsv", "index,prediction\n0,A\n", ["commas: name it .csv"]),
    "rows whose cells were emptied": (
        "a.csv",
        "index,prediction\n0,A\n,\n1,B\n3,C\n,\n,,\n",
        WITHOUT_TWO,
    ),
    "Excel's line that names the separator": (
        "a.csv",
        "sep=,\nindex,prediction\n0,A\n1,B\n3,C\n",
        ["sep=", "remove that line"],
    ),
    "two objects in a line": (
        "a.jsonl",
        '{"index": 0, "prediction": "A"}{"index": 1, "prediction": "B"}\n',
        ["line 1"],
    ),
}

DOUBLED: dict[str, tuple[str, str | bytes, object]] = {
    "a space behind the second": (
        "a.csv",
        "index,prediction,prediction \n0,A,B\n",
        ["two", "'prediction'"],
    ),
    "a space before all but the first": (
        "a.csv",
        "index, prediction, prediction\n0, A, B\n",
        ["two", "prediction"],
    ),
    "in Parquet": ("a.parquet", arrow("index", "prediction", "prediction"), ["two", "prediction"]),
    "the key": ("a.csv", "index,index,prediction\n0,1,A\n", ["two", "'index'"]),
    "a column that nobody reads": (
        "a.tsv",
        "index\tprediction\tmodel\tmodel\n0\tA\tx\ty\n",
        ["two", "'model'"],
    ),
    "UTF-16, with quotes": (
        "a.csv",
        '"index","prediction","prediction"\n0,A,B\n'.encode("utf-16"),
        ["two", "'prediction'"],
    ),
    "one of the two is escaped": (
        "a.jsonl",
        '{"index": 0, "prediction": "A", "predict\\u0069on": "B"}\n',
        ["line 1", "two", "'prediction'"],
    ),
    "in a list of rows": (
        "a.json",
        '[{"index": 0, "prediction": "A"},\n {"index": 1, "prediction": "A", "prediction": "B"}]',
        ["two", "'prediction'"],
    ),
    "what pandas makes when it merges": (
        "a.csv",
        "index,prediction_x,prediction_y\n0,A,B\n",
        ["prediction_x, prediction_y", "needs"],
    ),
    "an item by two spellings of its id": (
        "a.json",
        '{"1": "A", "1.0": "B", "0": "A"}',
        "duplicates",
    ),
}


LINES = '{"index": 0, "prediction": "A"}\n{"index": 1, "prediction": "B"}\n'
LAST = '{"index": 3, "prediction": "C"}\n'
LARGE = pa.table(
    {"index": [0, 1, 2, 3], "prediction": pa.array(["A", "B", None, "C"], pa.large_string())}
)

MORE_WITHOUT: dict[str, tuple[str, str | bytes, object]] = {
    "not a number in an object by id": (
        "a.json",
        '{"0": "A", "1": "B", "2": NaN, "3": "C"}',
        WITHOUT_TWO,
    ),
    "an object by id without it, in a list": (
        "a.json",
        '[{"index": 0, "prediction": "A"}, {"index": 1, "prediction": "B"}, {"index": 2},'
        ' {"index": 3, "prediction": "C"}]',
        WITHOUT_TWO,
    ),
    "a column of nothing in Parquet": (
        "a.parquet",
        parquet(HOLED.assign(prediction=None)),
        ["empty in every row"],
    ),
    "large texts of Arrow": ("a.parquet", whole(LARGE), WITHOUT_TWO),
    "bytes of Parquet": (
        "a.parquet",
        parquet(HOLED.assign(prediction=[b"A", b"B", None, b"C"])),
        ["prediction", "text"],
    ),
    "a tab in a cell": ("a.csv", "index,prediction\n0,A\n1,B\n2,\t\n3,C\n", WITHOUT_TWO),
    "a row that was emptied at a second try": (
        "a.csv",
        "index,prediction\n0,A\n1,B\n2,B\n3,C\n2,\n",
        (FULL | {"2": "B"}, ()),
    ),
    "nothing twice": (
        "a.jsonl",
        LINES + '{"index": 2, "prediction": null}\n{"index": 2}\n' + LAST,
        WITHOUT_TWO,
    ),
    "a mark of order in a cell": (
        "a.csv",
        "index,prediction\n0,A\n1,B\n2,\ufeff\n3,C\n",
        WITHOUT_TWO,
    ),
    "characters that only join or part": (
        "a.tsv",
        "index\tprediction\n0\tA\n1\tB\n2\t\u2060\u00ad\u200e\n3\tC\n",
        WITHOUT_TWO,
    ),
    "a line of null": ("a.jsonl", LINES + "null\n" + LAST, ["line 3"]),
    "a list of nothing": (
        "a.jsonl",
        LINES + '{"index": 2, "prediction": [null]}\n' + LAST,
        ["line 3", "prediction"],
    ),
}

MORE_DOUBLED: dict[str, tuple[str, str | bytes, object]] = {
    "a hard space behind": (
        "a.csv",
        "index,prediction,prediction\u00a0\n0,A,B\n",
        ["two", "'prediction'"],
    ),
    "a mark of order before the second": (
        "a.csv",
        "index,prediction,\ufeffprediction\n0,A,B\n",
        ["two", "'prediction'"],
    ),
    "a space of no width behind": (
        "a.tsv",
        "index\tprediction\tprediction\u200b\n0\tA\tB\n",
        ["two", "'prediction'"],
    ),
    "one in quotes, one not": (
        "a.csv",
        '"index","prediction",prediction\n0,A,B\n',
        ["two", "'prediction'"],
    ),
    "three": ("a.csv", "prediction,index,prediction,prediction\nA,0,B,C\n", ["prediction"]),
    "within a value that nobody reads": (
        "a.jsonl",
        '{"index": 0, "prediction": "A", "meta": {"seed": 1, "seed": 2}}\n',
        ["line 1", "two", "'seed'"],
    ),
    "an id of which a digit is escaped": (
        "a.json",
        '{"0": "A", "\\u0030": "B"}',
        ["two", "'0'"],
    ),
    "a space in a key of JSON": (
        "a.jsonl",
        '{"index": 0, "prediction": "A", "prediction ": "B"}\n',
        ["two", "'prediction'"],
    ),
    "a space in a name of Parquet": (
        "a.parquet",
        arrow("index", "prediction", " prediction"),
        ["two", "'prediction'"],
    ),
    "the key with a hard space in Parquet": (
        "a.parquet",
        arrow("index", "index\u00a0", "prediction"),
        ["two", "'index'"],
    ),
    "a line end within a header": (
        "a.csv",
        'index,prediction,"prediction\n"\n0,A,B\n',
        ["two", "'prediction'"],
    ),
}

NESTED = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["seed", "seed"])
LAST_DOUBLED: dict[str, tuple[str, str | bytes, object]] = {
    "what pandas calls a second": (
        "a.csv",
        "index,prediction,prediction.1\n0,A,B\n",
        ["prediction.1", "'prediction'"],
    ),
    "what R calls a second key": ("a.tsv", "index\tindex.1\tprediction\n0\t1\tA\n", ["index.1"]),
    "what Polars calls a second": (
        "a.parquet",
        arrow("index", "prediction", "prediction_duplicated_0"),
        ["prediction_duplicated_0"],
    ),
    "numbers that belong to a name": (
        "a.csv",
        "index,gpt-4,gpt-4.1,prediction\n0,x,y,A\n1,x,y,B\n3,x,y,C\n",
        WITHOUT_TWO,
    ),
    "a hyphen that is not seen": (
        "a.csv",
        "index,prediction,predic\u00adtion\n0,A,B\n",
        ["two", "predic"],
    ),
    "an accent that is a letter of its own": (
        "a.jsonl",
        '{"index": 0, "prediction": "A", "mod\u00e8le": 1, "mode\u0300le": 2}\n',
        ["line 1", "two", "mod\u00e8le"],
    ),
    "two kinds of space within": (
        "a.csv",
        "index,prediction,asked by,asked\u00a0by\n0,A,x,y\n",
        ["two", "asked"],
    ),
    "a later line of ndjson": (
        "a.ndjson",
        LINES + '{"prediction": "C", "index": 3, "prediction": "D"}\n',
        ["line 3", "two", "'prediction'"],
    ),
    "within a value of Parquet": (
        "a.parquet",
        whole(pa.table({"index": ["0"], "prediction": ["A"], "meta": NESTED})),
        ["duplicate field names"],
    ),
    "ids that differ by a space": ("a.json", '{"1": "A", " 1": "B", "0": "A"}', "duplicates"),
    "the header again, where two files were joined": (
        "a.csv",
        "index,prediction\n0,A\nindex,prediction\n1,B\n",
        ({"0": "A", "1": "B"}, ("2", "3", "index")),
    ),
    "one with its space in every row": (
        "a.jsonl",
        LINES.replace("prediction", "prediction ") + LAST,
        WITHOUT_TWO,
    ),
}


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        pytest.param(*row, id=name)
        for rows in (NO_PREDICTION, FIELDS, DOUBLED, MORE_WITHOUT, MORE_DOUBLED, LAST_DOUBLED)
        for name, row in rows.items()
    ],
)
def test_files_as_people_have_them(
    tmp_path: Path, name: str, content: str | bytes, wanted: object
) -> None:
    found = outcome(tmp_path / name, content)
    if wanted == "duplicates":
        assert score_file(named("0", "1"), tmp_path / name).duplicates == ("1",)
    elif isinstance(wanted, list):
        assert isinstance(found, str), f"read as {found}"
        assert "\n" not in found
        assert all(word in found for word in (name, *wanted)), found
    else:
        assert found == wanted


def keyed(**columns: object) -> bytes:
    return whole(pa.table({**columns, "prediction": ["A"]}))


ONE_READING: dict[str, tuple[str, str | bytes, str, bool]] = {
    # a file, an item's id, and whether the file answers it
    "a power of ten": ("a.jsonl", '{"index": 1e5, "prediction": "A"}\n', "100000", False),
    "a power of ten as the key of an object": ("a.json", '{"1e5": "A"}', "100000", False),
    "beyond what a float holds": (
        "a.jsonl",
        '{"item_id": 9007199254740993, "prediction": "A"}\n',
        "9007199254740993",
        True,
    ),
    "beside what a float holds": (
        "a.jsonl",
        '{"item_id": 9007199254740993, "prediction": "A"}\n',
        "9007199254740992",
        False,
    ),
    "64 bits without a sign": (
        "a.parquet",
        keyed(item_id=pa.array([2**63 + 1], pa.uint64())),
        str(2**63 + 1),
        True,
    ),
    "decimal numbers of Parquet": (
        "a.parquet",
        keyed(index=pa.array([3], pa.decimal128(5, 0))),
        "3",
        True,
    ),
    "a hard space before": ("a.csv", "index,prediction\n\u00a03,A\n", "3", True),
    "the other key where one is empty": ("a.csv", "item_id,index,prediction\n,3,A\n", "3", True),
    "the other key where one is null": (
        "a.jsonl",
        '{"index": null, "item_id": 3, "prediction": "A"}\n',
        "3",
        True,
    ),
    "spaces around the names": ("a.csv", " index , prediction \n3,A\n", "3", True),
    "digits of another script": ("a.csv", "item_id,prediction\n\uff13,A\n", "3", False),
    "digits that an underscore parts": ("a.csv", "item_id,prediction\n1_0,A\n", "10", False),
    "a number that is none": ("a.csv", "item_id,prediction\nnan,A\n", "nan", True),
    "a number without bounds": ("a.csv", "item_id,prediction\n1e999,A\n", "1e999", True),
}


@pytest.mark.parametrize("case", ONE_READING)
def test_a_key_is_read_alike_by_score_and_by_recorded_texts(tmp_path: Path, case: str) -> None:
    name, content, item, answered = ONE_READING[case]
    found = outcome(tmp_path / name, content, item)
    assert isinstance(found, str) != answered, found  # a file that answers no item is refused
    if isinstance(found, tuple):
        assert found == ({item: "A"}, ())
    changed = tmp_path / f"text{Path(name).suffix}"
    if isinstance(content, bytes):
        table = pq.read_table(BytesIO(content))
        pq.write_table(table.rename_columns([table.column_names[0], "text"]), changed)
    else:
        changed.write_text(content.replace("prediction", "text"), encoding="utf-8")
    (answer,) = RecordedGenerator(ModelSpec(path=changed)).generate([asked(item)], {}.__getitem__)
    assert (answer.text == "A") == answered
