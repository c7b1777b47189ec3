"""`downscale score` and `downscale tasks`, with the JSON that scripts rely on."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from suite.base.keyed_texts import read_texts
from suite.cli import cli
from suite.cli.score import command as score_command
from suite.cli.tasks import command as tasks_command
from suite.errors import SuiteError
from suite.items.load import load_items
from tests.tasks.files import SHARED, jpeg, mmstar_row, write_parquet

MATH = [mmstar_row(number, "math", "B") for number in range(4)]
COARSE = [mmstar_row(number, "coarse perception", "A") for number in range(4, 6)]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Four math and two coarse-perception items, as the argument of --data."""
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    return f"mmstar={write_parquet(tmp_path / 'val.parquet', [*MATH, *COARSE], 'image')}"


def write_csv(path: Path, rows: list[tuple[object, str]], key: str = "index") -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([key, "prediction"])
        writer.writerows(rows)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(score_command, list(arguments), catch_exceptions=False)


ANSWERS: list[tuple[object, str]] = [
    (0, "B"),
    (1, "The answer is **B**."),
    (2, "A"),
    (3, "I cannot tell."),
    (4, "(A) one"),
    (5, "one"),
]


def test_json_holds_each_category_and_the_mean_of_categories(data: str, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "answers.csv", ANSWERS)
    result = run("mmstar", str(file), "--data", data, "--json")
    assert result.exit_code == 0
    content = json.loads(result.stdout)
    assert (content["task"], content["n"]) == ("mmstar", 6)
    assert content["mean"] == pytest.approx((2 / 4 + 2 / 2) / 2)
    assert content["unparsed"] == pytest.approx(1 / 6)
    math = content["categories"]["math"]
    assert {"n", "accuracy", "low", "high", "unparsed"} <= set(math)
    assert (math["n"], math["accuracy"], math["unparsed"]) == (4, 0.5, 0.25)
    assert 0 <= math["low"] < 0.5 < math["high"] <= 1
    coarse = content["categories"]["coarse perception"]
    assert (coarse["n"], coarse["accuracy"], coarse["high"]) == (2, 1.0, 1.0)
    assert coarse["low"] < 1.0  # two right answers are no certainty


def test_table_and_second_opinion(data: str, tmp_path: Path) -> None:
    result = run("mmstar", str(write_csv(tmp_path / "answers.csv", ANSWERS)), "--data", data)
    assert result.exit_code == 0
    assert "coarse perception" in result.stdout
    assert "lmms-eval's own scorer gives" in result.stderr


def test_rows_name_the_rule(data: str, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "answers.csv", ANSWERS)
    out = tmp_path / "rows.csv"
    assert run("mmstar", str(file), "--data", data, "--rows", str(out)).exit_code == 0
    with out.open(newline="") as written:
        rows = {row["item_id"]: row for row in csv.DictReader(written)}
    assert len(rows) == 6
    assert (rows["1"]["prediction"], rows["1"]["rule"], rows["1"]["score"]) == ("B", "whole", "1.0")
    assert (rows["3"]["prediction"], rows["3"]["rule"]) == ("", "nothing_found")
    assert rows["3"]["text"] == "I cannot tell."


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".parquet"])
def test_formats_give_the_same(suffix: str, data: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(ANSWERS, columns=["index", "prediction"])
    path = tmp_path / f"answers{suffix}"
    if suffix in {".csv", ".tsv"}:
        frame.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    elif suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        path.write_text(json.dumps({str(key): text for key, text in ANSWERS}))
    content = json.loads(run("mmstar", str(path), "--data", data, "--json").stdout)
    assert (content["n"], content["mean"]) == (6, 0.75)


def test_item_id_as_the_key_in_any_order(data: str, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "answers.csv", ANSWERS[::-1], key="item_id")
    assert json.loads(run("mmstar", str(file), "--data", data, "--json").stdout)["mean"] == 0.75


def test_index_is_the_number_of_the_item_where_ids_are_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    rows = [
        {
            "image": {"bytes": jpeg((n, 0, 0)), "path": None},
            "name": f"thing {n}",
            "file": f"{n}.jpg",
        }
        for n in range(3)
    ]
    copy = write_parquet(tmp_path / "validation.parquet", rows, "image")
    items = load_items("imagenet", data=str(copy)).items
    assert items[1].item_id == "1.jpg"
    file = write_csv(tmp_path / "a.csv", [(n, item.answer) for n, item in enumerate(items)])
    content = json.loads(run("imagenet", str(file), "--data", f"imagenet={copy}", "--json").stdout)
    assert (content["n"], content["mean"], content["categories"]) == (3, 1.0, {})
    assert content["low"] < 1.0 == content["high"]


def test_missing_duplicate_and_unknown_rows_are_named(data: str, tmp_path: Path) -> None:
    rows = [*ANSWERS[1:], (1, "C"), (2, "A"), (99, "A")]
    file = write_csv(tmp_path / "answers.csv", rows)
    result = run("mmstar", str(file), "--data", data, "--json")
    assert result.exit_code == 1
    content = json.loads(result.stdout)
    assert (content["missing"], content["duplicates"], content["unknown"]) == (
        ["0"],
        ["1", "2"],
        ["99"],
    )
    assert content["n"] == 4  # 0 is missing, 1 has two texts; 2 twice the same
    assert "1 without a prediction, not scored: 0." in result.stderr
    assert "2 in the file more than once, not scored where the texts differ: 1, 2." in result.stderr
    assert "1 no items of mmstar, ignored: 99." in result.stderr


NOTHING = {
    "null.jsonl": '{"index": 2, "prediction": null}',
    "absent.jsonl": '{"index": 2}',
    "nan.jsonl": '{"index": 2, "prediction": NaN}',
    "null.json": '"2": null',
    "cell.csv": "2,",
    "blank.csv": '2," "',
    "quotes.tsv": '2\t""',
    "null.parquet": None,
}


@pytest.mark.parametrize("name", NOTHING)
def test_no_prediction_is_missing_and_not_wrong(data: str, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    given = [(n, text) for n, text in ANSWERS if n != 2]
    if path.suffix == ".parquet":
        rows = [*given, (2, None)]
        pd.DataFrame(rows, columns=["index", "prediction"]).to_parquet(path)
    elif path.suffix == ".json":
        pairs = [f'"{n}": {json.dumps(text)}' for n, text in given]
        path.write_text(f"{{{', '.join([*pairs, NOTHING[name] or ''])}}}")
    elif path.suffix == ".jsonl":
        lines = [json.dumps({"index": n, "prediction": text}) for n, text in given]
        path.write_text("\n".join([*lines, NOTHING[name] or ""]))
    else:
        separator = "\t" if path.suffix == ".tsv" else ","
        lines = [f"{n}{separator}{text}" for n, text in [("index", "prediction"), *given]]
        path.write_text("\n".join([*lines, NOTHING[name] or ""]))
    result = run("mmstar", str(path), "--data", data, "--json")
    content = json.loads(result.stdout)
    assert (content["missing"], content["n"], result.exit_code) == (["2"], 5, 1)
    assert content["categories"]["math"]["accuracy"] == pytest.approx(2 / 3)  # B, B, no letter
    assert "1 without a prediction, not scored: 2." in result.stderr


def test_an_empty_text_of_json_is_an_answer(data: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"index": n, "prediction": "" if n == 2 else text} for n, text in ANSWERS]
    path.write_text("\n".join(map(json.dumps, rows)))
    content = json.loads(run("mmstar", str(path), "--data", data, "--json").stdout)
    assert (content["missing"], content["n"]) == ([], 6)
    assert content["categories"]["math"]["accuracy"] == 0.5
    assert content["unparsed"] == pytest.approx(2 / 6)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "a.jsonl",
            '{"index": 0, "prediction": "A"}\n{}\n',
            "line 2 has neither `item_id` nor `index`",
        ),
        ("a.csv", "index,prediction\n0,A\n ,B\n", "line 3 has neither `item_id` nor `index`"),
        (
            "a.jsonl",
            '{"index": true, "prediction": "A"}\n',
            "line 1: its `index` is True and not a text or number",
        ),
        (
            "a.jsonl",
            '{"index": 0, "prediction": ["A"]}\n',
            "line 1: its `prediction` is ['A'] and not a text",
        ),
        ("a.csv", "index,prediction\n0,\n1,\n", "its `prediction` is empty in every row"),
        (
            "a.csv",
            "index,prediction,prediction\n0,A,B\n",
            "two of its columns are called 'prediction'; rename one",
        ),
        (
            "a.csv",
            "index,prediction\n0,Not B, so the answer is A\n",
            "line 2 has 3 values and the header 2; a text that holds ',' needs quotes",
        ),
        (
            "a.xls",
            "\u00d0\u00cf\u0011\u00e0",
            "it is an old Excel workbook (.xls); save its sheet as CSV UTF-8",
        ),
    ],
)
def test_a_row_that_is_none_is_named(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode("latin-1"))
    assert error(path) == f"The predictions in {path} cannot be read: {said}."


def test_a_folder_is_no_file_of_predictions(tmp_path: Path) -> None:
    assert error(tmp_path) == (
        f"The predictions in {tmp_path} cannot be read: it is a folder and not a file."
    )


def test_a_prediction_that_was_cut_within_a_character(data: str, tmp_path: Path) -> None:
    path, out = tmp_path / "a.jsonl", tmp_path / "rows.csv"
    path.write_text('{"index": 0, "prediction": "B \\ud83d"}\n')
    assert run("mmstar", str(path), "--data", data, "--rows", str(out)).exit_code == 1
    assert "B \ufffd" in out.read_text(encoding="utf-8")


def read_predictions(path: Path) -> list[tuple[str, str, str | None]]:
    """(key column, key, text) per row."""
    return [row[:3] for row in read_texts(path, "prediction", "predictions")]


def error(path: Path) -> str:
    with pytest.raises(SuiteError) as caught:
        read_texts(path, "prediction", "predictions")
    return str(caught.value)


def test_errors_of_the_file(tmp_path: Path) -> None:
    assert error(tmp_path / "none.csv") == (
        f"There is no file {tmp_path / 'none.csv'}: give a CSV, JSONL or Parquet of predictions."
    )
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("id,answer\n1,A\n")
    assert error(wrong) == (
        f"The predictions in {wrong} cannot be read: it has the columns id, answer, and needs "
        "`index` or `item_id`, and `prediction`."
    )
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    assert error(empty) == (
        f"The predictions in {empty} cannot be read: it holds no predictions, and needs a row per "
        "item."
    )
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"index": 1')
    assert error(broken).startswith(f"The predictions in {broken} cannot be read: ")
    other = tmp_path / "answers.docx"
    other.write_text("A")
    assert "files that end in .docx are not known" in error(other)


def test_a_broken_line_is_named_by_its_number_in_the_file(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    good = '{"index": 1, "prediction": "one\u2028two"}'
    broken.write_text(good + "\n\n{not json}\n", encoding="utf-8")
    assert error(broken) == (
        f"The predictions in {broken} cannot be read: line 3, column 2: Expecting property name "
        "enclosed in double quotes."
    )
    broken.write_text(f"{good}\n[1]\n", encoding="utf-8")
    assert error(broken) == (
        f"The predictions in {broken} cannot be read: line 2 is [1] and not an object with `index` "
        "and `prediction`."
    )
    broken.write_text(good + "\r\n" + good, encoding="utf-8")
    assert [text for *_, text in read_predictions(broken)] == ["one\u2028two"] * 2


@pytest.mark.parametrize(("suffix", "separator"), [(".csv", ","), (".tsv", "\t")])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_only_ends_of_lines_outside_of_quotes_end_a_row(
    tmp_path: Path, suffix: str, separator: str, end: str
) -> None:
    texts = [
        "one\u2028two",
        "a\x85b",
        "a\x0bb\x0cc",
        "two\r\nlines",
        "two\nlines",
        "a\x1c\x1d\x1eb",
    ]
    rows = [f'{number}{separator}"{text}"' for number, text in enumerate(texts)]
    rows.append(f"6{separator}bare\u2029text\x0cof one row")
    path = tmp_path / f"answers{suffix}"
    path.write_bytes(end.join([f"index{separator}prediction", *rows, ""]).encode())
    assert [text for *_, text in read_predictions(path)] == [
        *texts,
        "bare\u2029text\x0cof one row",
    ]


@pytest.mark.parametrize(
    ("content", "said"), [("5", "5"), ("null", "None"), ('"A"', "'A'"), ("true", "True")]
)
def test_json_that_holds_no_rows_is_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "answers.json"
    path.write_text(content)
    assert error(path) == (
        f"The predictions in {path} cannot be read: it holds {said} and neither an object nor a "
        "list of rows."
    )


def test_another_separator_is_hinted_at(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("index;prediction\n0;A\n")
    assert error(path) == (
        f"The predictions in {path} cannot be read: its header is one column, 'index;prediction'; "
        "its columns seem to be separated with semicolons: separate them with commas."
    )
    path.write_text("index\tprediction\n0\tA\n")
    assert error(path).endswith("; its columns seem to be separated with tabs: name it .tsv.")


def test_two_keys_that_disagree_are_refused(data: str, tmp_path: Path) -> None:
    file = tmp_path / "both.csv"
    file.write_text("index,item_id,prediction\n0,0,B\n1,2,B\n")
    with pytest.raises(SuiteError) as caught:
        run("mmstar", str(file), "--data", data)
    assert str(caught.value) == (
        f"{file} has both `item_id` and `index`, and in line 3 they name different items of mmstar "
        "(2 and 1): leave out the column that is wrong."
    )
    file.write_text("index,item_id,prediction\n0,0,B\n1,1,B\n")
    assert json.loads(run("mmstar", str(file), "--data", data, "--json").stdout)["n"] == 2


@pytest.mark.parametrize(("option", "value"), [("--draws", "99"), ("--seed", "-1")])
def test_the_bootstrap_has_the_limits_of_the_other_commands(
    data: str, tmp_path: Path, option: str, value: str
) -> None:
    file = write_csv(tmp_path / "answers.csv", ANSWERS)
    result = CliRunner().invoke(score_command, ["mmstar", str(file), "--data", data, option, value])
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr


def test_texts_that_look_like_missing_values_stay_texts(tmp_path: Path) -> None:
    rows: list[tuple[object, str]] = [(0, "NA"), (1, "nan"), (2, ""), (3, "None")]
    texts = [text for _, _, text in read_predictions(write_csv(tmp_path / "a.csv", rows))]
    assert texts == ["NA", "nan", None, "None"]


def test_a_file_of_another_task_is_an_error(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_csv(tmp_path / "answers.csv", [("ocr-7", "A")], key="item_id")
    with pytest.raises(SystemExit) as left:
        cli.main(["score", "mmstar", str(file), "--data", data])
    assert left.value.code == 2
    assert capsys.readouterr().err == (
        f"Error: No row of {file} belongs to an item of mmstar: its keys are like 'ocr-7', the "
        "items' are like '0'.\n"
    )


def test_data_of_another_task_is_refused(data: str, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "answers.csv", ANSWERS)
    result = run("mmstar", str(file), "--data", "gqa=somewhere")
    assert result.exit_code == 2
    assert "--data names gqa, but the task is mmstar." in result.stderr


QUESTIONS = SHARED / "mmstar_questions.parquet"


@pytest.mark.skipif(not QUESTIONS.exists(), reason=f"no real MMStar questions at {QUESTIONS}")
def test_the_real_questions_answered_in_many_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    frame = pd.read_parquet(QUESTIONS)
    forms = ["{}", "({})", "The answer is {}.", "**{}**", "Answer: {}\n\nBecause it is so."]
    texts = [forms[n % 5].format(a) for n, a in enumerate(frame["answer"])]
    texts[::10] = ["I cannot say." for _ in texts[::10]]
    path = tmp_path / "answers.jsonl"
    pd.DataFrame({"index": frame["index"], "prediction": texts}).to_json(
        path, orient="records", lines=True
    )
    content = json.loads(run("mmstar", str(path), "--data", f"mmstar={QUESTIONS}", "--json").stdout)
    assert content["n"] == 1500
    assert content["unparsed"] == pytest.approx(0.1)
    assert content["mean"] == pytest.approx(0.9)
    assert [row["n"] for row in content["categories"].values()] == [250] * 6
    assert content["low"] < 0.9 < content["high"]


def test_tasks_as_json() -> None:
    result = CliRunner().invoke(tasks_command, ["--json"], catch_exceptions=False)
    rows = {row["task"]: row for row in json.loads(result.stdout)}
    assert rows["mmstar"]["n"] == 1500
    assert next(iter(rows["mmstar"]["categories"])) == "coarse perception"
    assert rows["mmstar"]["chance"] is None  # differs between items
    assert rows["nights"]["chance"] == 0.5
    assert rows["gqa"]["source"] == "suyc21/VMCBench"


def test_tasks_as_a_table() -> None:
    result = CliRunner().invoke(tasks_command, [], catch_exceptions=False)
    assert "refcoco_plus" in result.stdout
    assert "out_of_domain" in result.stdout


@pytest.mark.parametrize("over", ["predictions", "data"])
def test_rows_are_not_written_over_what_is_read(data: str, tmp_path: Path, over: str) -> None:
    file = write_csv(tmp_path / "p.csv", [(n, "A") for n in range(6)])
    target = file if over == "predictions" else Path(data.partition("=")[2])
    before = target.read_bytes()
    with pytest.raises(SuiteError, match=f"--rows {target} would be written over"):
        run("mmstar", str(file), "--data", data, "--rows", str(target), "--draws", "100")
    assert target.read_bytes() == before
