"""Tasks that a person writes: a YAML and rows alone, or with functions of their own.

In: the task that CONTRIBUTING shows, changed. Out: its items, read by suite and lmms-eval.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pandas as pd
import pytest

import suite
from suite.answers.parse import parse
from suite.answers.score import lmms_score, score
from suite.items.item import image_hash
from suite.items.lmms_task import build_task, quiet
from suite.items.load import get_task, load_items
from suite.items.rows import overrides_for
from suite.items.tasks import declared_n, unusable_tasks
from tests.suite.cli_study import call
from tests.suite.own_tasks import (
    COLOURS,
    COLUMNS,
    STUDY,
    clear,
    load_functions,
    message,
    save,
    write,
    write_file,
)
from tests.suite.study_files import SHORT_DECODING
from tests.tasks.files import png


def test_the_documented_task_is_read_without_python(mine: Path) -> None:
    info = get_task("shapes")
    assert (info.metric, info.domain, info.chance) == ("choice", "out_of_domain", 1 / 3)
    items = load_items("shapes").items
    assert [item.item_id for item in items] == [str(index) for index in range(6)]
    assert items[1].options == ("red", "green", "blue")
    assert [item.answer for item in items] == list("ABCABC")
    assert [item.category for item in items] == ["first"] * 3 + ["second"] * 3
    assert items[4].images == (image_hash(png(COLOURS["green"])),)
    assert [item.item_id for item in load_items("shapes", limit=1).items] == ["0", "3"]
    assert score(parse("(B) green", items[1]), items[1]) == 1.0
    assert lmms_score(items[1], "B") == 1.0
    (row,) = json.loads(call("tasks", "shapes", "--json").stdout)
    assert row["categories"] == {"first": 3, "second": 3}
    asked = {name: row["item"][name] for name in ("item_id", "images", "options", "answer")}
    options = ["A. red", "B. green", "C. blue"]
    assert asked == {"item_id": "0", "images": 1, "options": options, "answer": "A"}
    (mine / "shapes" / "rows.jsonl").unlink()
    clear()
    result = call("tasks", "shapes")
    assert result.exit_code == 0
    assert "No item is shown, the data are not on this machine: --data shapes=" in result.stderr
    assert lmms_score(items[1], "C") == 0.0


def test_the_documented_task_runs_end_to_end(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY + SHORT_DECODING)
    suite.run(tmp_path / "study.yaml", out=tmp_path / "run", only=["end_to_end/P=xs"])
    frame = suite.load_results(tmp_path / "run").sort_values("item_id")
    assert frame["item_id"].tolist() == [str(index) for index in range(6)]
    assert not frame["failed"].any()
    assert set(frame["domain"]) == {"out_of_domain"}
    assert frame["category"].tolist() == ["first"] * 3 + ["second"] * 3
    assert frame["score"].tolist() == (frame["prediction"] == list("ABCABC")).astype(float).tolist()


@pytest.mark.filterwarnings("ignore")  # lmms-eval's and its dependencies' own
def test_the_documented_task_runs_under_lmms_evals_own_evaluator(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(mine / "shapes")  # where the rows' paths of images lead from
    task = build_task(get_task("shapes"), {})
    visuals = task.doc_to_visual(task.eval_docs[2])
    assert [image.getpixel((0, 0)) for image in visuals] == [COLOURS["blue"]]
    assert task.doc_to_text(task.eval_docs[0]).endswith(
        "Answer with the letter of the correct option."
    )
    with quiet():
        from lmms_eval.evaluator import simple_evaluate
        from lmms_eval.tasks import TaskManager

        manager = TaskManager(include_path=str(mine), include_defaults=False)
        evaluated = simple_evaluate(
            model="dummy", tasks=[task], task_manager=manager, batch_size=1, bootstrap_iters=0
        )
    results = evaluated["results"]["downscaling_shapes"]
    assert results["accuracy,none"] == pytest.approx(2 / 6)  # it says A


@pytest.mark.parametrize("place", ["shapes/pictures", "shapes/deeper/still", "beside"])
def test_a_picture_that_changes_is_noticed(mine: Path, place: str) -> None:
    """Also one that the task's own Python opens, beside the YAML or in what it depends on."""
    content = write(mine, depends=["../beside"])
    picture = mine / place / "own.PNG"
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(png(COLOURS["red"]))
    content["metadata"] |= {"item": None, "doc_to_item": "own.doc_to_item"}
    load_functions(mine, content)
    own = mine / "shapes" / "own.py"
    own.write_text(
        own.read_text() + "def doc_to_item(doc):\n"
        "    from PIL import Image\n"
        f"    with Image.open({str(picture)!r}) as image:\n"
        "        image.load()\n"
        "    kept = {k: doc[k] for k in ('question', 'options', 'answer', 'category')}\n"
        "    return {**kept, 'item_id': doc['image'], 'images': [image]}\n"
    )
    before = load_items("shapes")
    assert load_items("shapes") == before
    picture.write_bytes(png(COLOURS["blue"]))
    assert load_items("shapes").items[0].images != before.items[0].images


AS_WRITTEN = {
    "rows.csv": (
        "id,q,A,B,C,D,key\n001,Which section?,1.1,1.10,2.0,3,B\n1,true?,TRUE,None,,,A\n"
        "2.0,2020-01-01,1e3, x ,,,B\n"
    ),
    "rows.tsv": (
        "id\tq\tA\tB\tC\tD\tkey\n001\tWhich section?\t1.1\t1.10\t2.0\t3\tB\n"
        "1\ttrue?\tTRUE\tNone\t \t\tA\n2.0\t2020-01-01\t1e3\t x \t\t\tB\n"
    ),
    "rows.jsonl": (
        '{"id": "001", "q": "Which section?", "A": 1.1, "B": 1.10, "C": 2.0, "D": 3, "key": "B"}\n'
        '{"id": 1, "q": "true?", "A": "TRUE", "B": "None", "C": "", "key": "A"}\n'
        '{"id": "2.0", "q": "2020-01-01", "A": 1e3, "B": " x ", "C": NaN, "D": null, "key": "B"}\n'
    ),
}


@pytest.mark.parametrize("name", AS_WRITTEN)
def test_what_stands_in_a_row_is_asked_as_it_is_written(mine: Path, name: str) -> None:
    write_file(mine, name, AS_WRITTEN[name])
    items = load_items("shapes").items
    assert [(item.item_id, item.question, item.options) for item in items] == [
        ("001", "Which section?", ("1.1", "1.10", "2.0", "3")),
        ("1", "true?", ("TRUE", "None")),
        ("2.0", "2020-01-01", ("1e3", " x ")),
    ]
    assert [item.chance for item in items] == [1 / 4, 1 / 2, 1 / 2]


def test_numbers_of_json_in_a_list_are_as_they_are_written(mine: Path) -> None:
    """Also to lmms-eval, which the suite hands the rows; and a number that no item is made of stays
    one, for functions that calculate."""
    row = '{"q": "?", "key": "B", "o": [1, %s], "n": %s}\n'
    rows = row % ("2.5", 2) + row % (2, 3)
    write_file(mine, "rows.jsonl", rows, {"question": "q", "options": "o", "answer": "key"})
    assert [item.options for item in load_items("shapes").items] == [("1", "2.5"), ("1", "2")]
    with tempfile.TemporaryDirectory() as scratch:
        info = get_task("shapes")
        docs = list(build_task(info, overrides_for(info, None, None, Path(scratch))).eval_docs)
    assert [(doc["o"], doc["n"]) for doc in docs] == [(["1", "2.5"], 2), (["1", "2"], 3)]


@pytest.mark.parametrize("nothing", [None, float("nan"), "", "  ", "\t\n"])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
def test_every_way_of_writing_nothing_is_empty(mine: Path, name: str, nothing: object) -> None:
    row = {"id": "a", "q": "?", "A": "red", "B": "blue", "C": nothing, "D": nothing, "key": "B",
           "c": nothing, "l": ["red", "blue", nothing]}  # fmt: skip
    for columns in ({**COLUMNS, "category": "c"}, {**COLUMNS, "options": "l"}):
        content = json.dumps(row).encode()
        if name == "rows.parquet":
            kept = row if isinstance(nothing, str) else {**row, "l": ["red", "blue", None]}
            content = pd.DataFrame([kept]).to_parquet()
        write_file(mine, name, content, columns)
        clear()
        (item,) = load_items("shapes", refresh=True).items
        assert (item.options, item.chance, item.category) == (("red", "blue"), 1 / 2, "")


def test_a_column_that_is_not_in_every_line_is_empty_there(mine: Path) -> None:
    row = '{"id": %s, "q": "?", "A": "x", "B": "y", "key": "A"%s}\n'
    write_file(mine, "rows.jsonl", row % (1, "") + row % (2, ', "C": "z", "D": "w"'))
    assert [len(item.options) for item in load_items("shapes").items] == [2, 4]


def test_fillers_of_pandas_are_shown_and_not_guessed(mine: Path) -> None:
    rows = "id,q,A,B,C,D,key\n1,?,x,y,nan,nan,A\n2,?,x,nan,y,z,A\n3,?,x,y,z,nan,D\n"
    write_file(mine, "rows.csv", rows)
    items = load_items("shapes").items
    assert [(len(item.options), item.chance) for item in items] == [
        (4, 1 / 2),
        (4, 1 / 4),
        (4, 1 / 4),
    ]


@pytest.mark.parametrize("cut", ["\\ud83d", "\\udc00", "\\ud83d\\ud83d"])
def test_one_line_is_one_item(mine: Path, cut: str) -> None:
    plain = '{"id": "%s", "q": "%s", "A": "x", "B": "y", "C": "z", "D": "w", "key": "A"}\n'
    write_file(
        mine, "rows.jsonl", plain % (1, "ok") + plain % (2, f"cut {cut}") + plain % (3, "ok")
    )
    items = load_items("shapes").items
    assert [item.item_id for item in items] == ["1", "2", "3"]
    assert set(items[1].question) == set("cut \ufffd")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_rows_in_a_marked_encoding_are_read(mine: Path, name: str, encoding: str) -> None:
    content = {
        "rows.csv": "id,q,A,B,C,D,key\r\n1,颜色,x,y,,,A\r\n",
        "rows.jsonl": '{"id": 1, "q": "颜色", "A": "x", "B": "y", "C": "", "D": "","key":"A"}\r\n',
    }[name]
    write_file(mine, name, content.encode(encoding))
    (item,) = load_items("shapes").items
    assert (item.item_id, item.question, item.answer) == ("1", "颜色", "A")


def test_a_folder_may_stand_in_place_of_a_data_set_of_the_hub(mine: Path) -> None:
    content = write_file(mine, "rows.jsonl", AS_WRITTEN["rows.jsonl"])
    (mine / "shapes" / "data" / "set").mkdir(parents=True)
    (mine / "shapes" / "rows.jsonl").rename(mine / "shapes" / "data" / "set" / "test.jsonl")
    for named in ("data/set", "./data/set", str(mine / "shapes" / "data" / "set")):
        save(mine, {**content, "dataset_path": named, "dataset_kwargs": None})
        clear()
        assert len(load_items("shapes", refresh=True).items) == 3
    save(mine, {**content, "dataset_path": "./data/sat", "dataset_kwargs": None})
    clear()
    assert message() == (
        f"In the task file {mine / 'shapes' / 'shapes.yaml'}: `dataset_path` names the folder "
        f"{mine / 'shapes' / 'data' / 'sat'}, which is not there."
    )


def test_columns_of_other_names_and_several_of_them(mine: Path) -> None:
    rows = [
        {"q": "?", "A": "x", "B": "y", "C": None, "a": "B", "l": "pictures/0.png", "r": None}
        for _ in range(2)
    ]
    columns = {"question": "q", "options": ["A", "B", "C"], "answer": "a", "images": ["l", "r"]}
    content = write(mine, rows, item=columns, categories=None)
    load_functions(mine, content)
    items = load_items("shapes").items
    assert [item.options for item in items] == [("x", "y")] * 2
    assert [len(item.images) for item in items] == [1, 1]
    content["metadata"]["item"] = {**columns, "answer": "answr"}
    save(mine, content)
    clear()
    assert message(refresh=True) == (
        f"Row 0 of {mine / 'shapes' / 'rows.jsonl'}: `metadata.item.answer` in "
        f"{mine / 'shapes' / 'shapes.yaml'} names the column "
        "'answr', which the data do not have (known: q, A, B, C, a, l, r)."
    )


def test_every_task_of_the_suite_can_be_used(mine: Path) -> None:
    assert unusable_tasks() == {}


def test_a_folder_may_be_named_twice(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(mine)
    monkeypatch.setenv("DOWNSCALE_TASKS", os.pathsep.join([str(mine), str(mine / "shapes")]))
    clear()
    assert get_task("shapes").path == mine / "shapes" / "shapes.yaml"
    assert unusable_tasks() == {}


def test_keys_of_lmms_eval_are_its_own(mine: Path) -> None:
    content = write(mine)
    save(mine, {**content, "tag": "colours", "dataset_name": None})
    assert get_task("shapes").config["tag"] == "colours"


def test_own_task_folder_needs_only_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine" / "capitals"
    folder.mkdir(parents=True)
    (folder / "capitals.yaml").write_text(
        "task: downscaling_capitals\n"
        "dataset_path: json\n"
        "dataset_kwargs: {data_files: {test: rows.jsonl}}\n"
        "test_split: test\n"
        "output_type: generate_until\n"
        "doc_to_text: !function capitals.doc_to_text\n"
        "doc_to_target: answer\n"
        "process_results: !function capitals.process_results\n"
        "metric_list: [{metric: accuracy, aggregation: mean, higher_is_better: true}]\n"
        "metadata: {n: 2, metric: exact, doc_to_item: capitals.doc_to_item}\n"
    )
    (folder / "capitals.py").write_text(
        "def doc_to_text(doc): return f'Capital of {doc[\"country\"]}?'\n"
        "def process_results(doc, results):\n"
        "    return {'accuracy': float(results[0] == doc['answer'])}\n"
        "def doc_to_item(doc):\n"
        "    return {'item_id': doc['country'], 'images': [], 'question': doc_to_text(doc),\n"
        "            'answer': doc['answer']}\n"
    )
    rows = [{"country": "Italy", "answer": "Rome"}, {"country": "Peru", "answer": "Lima"}]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setenv("DOWNSCALE_TASKS", str(tmp_path / "mine"))
    assert declared_n("capitals") == 2
    items = load_items("capitals", cache_dir=tmp_path / "cache").items
    assert [(item.question, item.answer) for item in items] == [
        ("Capital of Italy?", "Rome"),
        ("Capital of Peru?", "Lima"),
    ]
    assert (items[0].chance, items[0].metric, items[0].images) == (0.0, "exact", ())
    (folder / "rows.jsonl").write_text(json.dumps(rows[1]) + "\n")
    assert len(load_items("capitals", cache_dir=tmp_path / "cache").items) == 1
