"""Tasks that a person writes: a YAML and rows alone, or with functions of their own.

In: the task that CONTRIBUTING shows, changed. Out: its items, read by suite and lmms-eval.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import suite
from suite.answers.parse import parse
from suite.answers.score import lmms_score, score
from suite.items.item import image_hash
from suite.items.lmms_task import build_task, quiet
from suite.items.load import get_task, load_items
from suite.items.tasks import declared_n, unusable_tasks
from tests.suite.own_tasks import COLOURS, STUDY, clear, load_functions, message, save, write
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
        f"Row 0: `metadata.item.answer` in {mine / 'shapes' / 'shapes.yaml'} names the column "
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
