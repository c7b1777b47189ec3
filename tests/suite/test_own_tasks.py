"""Tasks that a person writes: a YAML and rows alone, and what each mistake in them is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from study_files import SHORT_DECODING

import suite
from suite.cli.tasks import command as tasks_command
from suite.errors import SuiteError
from suite.items import get_task, image_hash, load_items
from suite.lmms_task import build_task, quiet
from suite.parse import parse
from suite.registry import list_tasks, unusable_tasks
from suite.score import lmms_score, score
from tests.tasks.files import png

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
COLOURS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (30, 60, 220)}
ROWS = [
    {
        "question": "What colour is the picture?",
        "options": list(COLOURS),
        "answer": "ABC"[index % 3],
        "image": f"pictures/{index}.png",
        "category": ("first", "second")[index // 3],
    }
    for index in range(6)
]


def documented(start: str) -> str:
    """The YAML of CONTRIBUTING that starts with `start`."""
    blocks = CONTRIBUTING.read_text(encoding="utf-8").split("```yaml\n")[1:]
    return next(block.split("```")[0] for block in blocks if block.startswith(start))


STUDY = documented("study: shapes")


def write(folder: Path, rows: list[dict[str, Any]] = ROWS, **metadata: Any) -> dict[str, Any]:
    """CONTRIBUTING's task with its rows and pictures; `metadata` changes keys, None removes one."""
    content: dict[str, Any] = yaml.load(
        documented("task: downscaling_shapes").replace("!function ", ""), Loader=yaml.SafeLoader
    )
    pictures = folder / "shapes" / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for index, colour in enumerate([*COLOURS.values()] * 2):
        (pictures / f"{index}.png").write_bytes(png(colour))
    (pictures.parent / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    content["metadata"] |= metadata
    save(folder, content)
    return content


def save(folder: Path, content: dict[str, Any]) -> None:
    """The task's YAML; what names a function is marked as one."""
    content = {**content, "metadata": drop_none(content["metadata"])}
    text = yaml.safe_dump(drop_none(content), sort_keys=False)
    text = text.replace(": tasks.rows.", ": !function tasks.rows.")
    (folder / "shapes" / "shapes.yaml").write_text(text.replace(": own.", ": !function own."))


def drop_none(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if value is not None}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOWNSCALE_TASKS", str(tmp_path / "mine"))
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "mine")
    return tmp_path / "mine"


def message(**arguments: Any) -> str:
    with pytest.raises(SuiteError) as caught:
        load_items("shapes", **arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_documented_task_is_read_without_python(folder: Path) -> None:
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


def test_the_documented_task_runs_end_to_end(folder: Path, tmp_path: Path) -> None:
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
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(folder / "shapes")  # where the rows' paths of images lead from
    task = build_task(get_task("shapes"), {})
    visuals = task.doc_to_visual(task.eval_docs[2])
    assert [image.getpixel((0, 0)) for image in visuals] == [COLOURS["blue"]]
    assert task.doc_to_text(task.eval_docs[0]).endswith(
        "Answer with the letter of the correct option."
    )
    with quiet():
        from lmms_eval.evaluator import simple_evaluate
        from lmms_eval.tasks import TaskManager

        manager = TaskManager(include_path=str(folder), include_defaults=False)
        evaluated = simple_evaluate(
            model="dummy", tasks=[task], task_manager=manager, batch_size=1, bootstrap_iters=0
        )
    results = evaluated["results"]["downscaling_shapes"]
    assert results["accuracy,none"] == pytest.approx(2 / 6)  # it says A


@pytest.mark.parametrize("place", ["shapes/pictures", "shapes/deeper/still", "beside"])
def test_a_picture_that_changes_is_noticed(folder: Path, place: str) -> None:
    """Also one that the task's own Python opens, beside the YAML or in what it depends on."""
    content = write(folder, depends=["../beside"])
    picture = folder / place / "own.PNG"
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(png(COLOURS["red"]))
    content["metadata"] |= {"item": None, "doc_to_item": "own.doc_to_item"}
    load_functions(folder, content)
    own = folder / "shapes" / "own.py"
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


def test_columns_of_other_names_and_several_of_them(folder: Path) -> None:
    rows = [
        {"q": "?", "A": "x", "B": "y", "C": None, "a": "B", "l": "pictures/0.png", "r": None}
        for _ in range(2)
    ]
    columns = {"question": "q", "options": ["A", "B", "C"], "answer": "a", "images": ["l", "r"]}
    content = write(folder, rows, item=columns, categories=None)
    load_functions(folder, content)
    items = load_items("shapes").items
    assert [item.options for item in items] == [("x", "y")] * 2
    assert [len(item.images) for item in items] == [1, 1]
    content["metadata"]["item"] = {**columns, "answer": "answr"}
    save(folder, content)
    clear()
    assert message(refresh=True) == (
        f"Row 0: `metadata.item.answer` in {folder / 'shapes' / 'shapes.yaml'} names the column "
        "'answr', which the data do not have (known: q, A, B, C, a, l, r)."
    )


def test_an_empty_option_before_another_shifts_no_letter(folder: Path) -> None:
    row = {"question": "?", "a": "red", "b": None, "c": "green", "d": "blue", "answer": "C"}
    columns = {"question": "question", "options": ["a", "b", "c", "d"], "answer": "answer"}
    full = {**row, "b": "white"}
    load_functions(folder, write(folder, [full, row], item=columns, categories=None))
    yaml_file = folder / "shapes" / "shapes.yaml"
    said = (
        "Row 1: `metadata.item.options` in {} names the column {!r}, where an option is empty "
        "before another: the letters of those after it would shift."
    )
    assert message() == said.format(yaml_file, "b")
    content = write(folder, [{**full, "d": None}], item=columns, categories=None)
    load_functions(folder, content)
    assert load_items("shapes").items[0].options == ("red", "white", "green")
    listed = {"question": "?", "answer": "A", "o": ["red", None, "green"]}
    columns = {"question": "question", "options": "o", "answer": "answer"}
    load_functions(folder, write(folder, [full | listed] * 2, item=columns, categories=None))
    clear()
    assert message() == said.format(yaml_file, "o").replace("Row 1", "Row 0")


def load_functions(folder: Path, content: dict[str, Any]) -> None:
    """Gives the task functions of its own, beside its YAML."""
    (folder / "shapes" / "own.py").write_text(
        "def doc_to_visual(doc): return []\n"
        "def doc_to_text(doc, lmms_eval_specific_kwargs=None): return '?'\n"
        "def doc_to_target(doc): return 'A'\n"
        "def process_results(doc, results): return {'accuracy': 1.0}\n"
        "def doc_to_item(doc):\n"
        "    return {**doc, 'images': [], 'item_id': doc.get('item_id', doc['question'])}\n"
        "def nothing(doc): return None\n"
    )
    for key in ("doc_to_visual", "doc_to_text", "doc_to_target", "process_results"):
        content[key] = f"own.{key}"
    save(folder, content)


def clear() -> None:
    from suite import registry

    registry._index.cache_clear()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {1: 2},
            "unknown key 1 in `metadata` (known: version, title, description, note, n, "
            "n_options, domain, metric, lmms_metric, source, fetch, categories, abbreviations, "
            "decoupled, recipe, depends, doc_to_item, item).",
        ),
        (
            {"categories": {"first": "three"}},
            "`metadata.categories` gives 'first' 'three' items: it must be a whole number, 0 or "
            "more.",
        ),
        ({"metrc": "choice"}, "unknown key 'metrc' in `metadata` (did you mean 'metric'?)."),
        ({"metric": "choise"}, "`metadata.metric` is 'choise' (did you mean 'choice'?)."),
        (
            {"domain": "outofdomain"},
            "`metadata.domain` is 'outofdomain' (did you mean 'out_of_domain'?).",
        ),
        ({"n": "many"}, "`metadata.n` must be a whole number, 0 or more, not 'many'."),
        ({"n_options": -1}, "`metadata.n_options` must be a whole number, 0 or more, not -1."),
        ({"decoupled": "no"}, "`metadata.decoupled` must be true or false, not 'no'."),
        (
            {"abbreviations": {"frist": "1"}},
            "`metadata.abbreviations` names 'frist', which is no category (did you mean 'first'?).",
        ),
        (
            {"item": None},
            "the metric `choice` needs `metadata.item`, which names the columns of question, "
            "options and answer, or `metadata.doc_to_item`; an open answer has `metric: exact`.",
        ),
        (
            {"item": {"question": "question", "answr": "answer"}},
            "unknown key 'answr' in `metadata.item` (did you mean 'answer'?).",
        ),
        (
            {"item": {"question": "question", "answer": "answer"}},
            "`metadata.item` lacks 'options': name its column.",
        ),
        (
            {"item": {"question": ["a", "b"], "answer": "answer"}},
            "`metadata.item.question` must be the name of a column.",
        ),
        (
            {"doc_to_item": "own.doc_to_item"},
            "give `metadata.doc_to_item` or `metadata.item`, not both.",
        ),
    ],
)
def test_a_mistake_in_the_metadata_is_one_sentence(
    folder: Path, changes: dict[str, Any], words: str
) -> None:
    content = write(folder)
    content["metadata"] |= changes
    save(folder, content)
    with pytest.raises(SuiteError) as caught:
        get_task("shapes")
    assert str(caught.value) == f"In the task file {folder / 'shapes' / 'shapes.yaml'}: {words}"


@pytest.mark.parametrize(
    "key", ["doc_to_visual", "doc_to_text", "doc_to_target", "process_results"]
)
def test_a_missing_function_is_named_with_one_to_use(folder: Path, key: str) -> None:
    content = write(folder)
    del content[key]
    save(folder, content)
    assert message() == (
        f"In the task file {folder / 'shapes' / 'shapes.yaml'}: `{key}` is missing, which "
        f"lmms-eval needs; name a function of your own, or `!function tasks.rows.{key}` where the "
        "columns have the names it knows."
    )


FOREIGN = {
    "listed": (
        "task: listed\nmetadata: [{version: 0.0}]\n",
        "In the task file {path}: `metadata` must hold keys and values.",
    ),
    "broken": (
        "task: [\n",
        "The task file {path} cannot be read: while parsing a flow node expected the node content, "
        "but found '<stream end>' in \"<unicode string>\", line 2, column 1: ^",
    ),
    "includes": (
        "task: includes\ninclude: 5\n",
        "In the task file {path}: `include` must be a file, or a list of them.",
    ),
    "mmstar": ("task: downscaling_mmstar\n", "Two files declare the task 'mmstar', "),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_mistake_in_one_task_stops_no_other(folder: Path, name: str) -> None:
    text, said = FOREIGN[name]
    path = folder / f"{name}.yaml"
    path.write_text(text)
    whole = {"shapes", "mmstar", "micro_star"} - {name}
    assert all(get_task(task).name == task for task in whole)
    assert whole < {task.name for task in list_tasks()}
    assert name not in {task.name for task in list_tasks()}
    with pytest.raises(SuiteError) as caught:
        get_task(name)
    assert str(caught.value).startswith(said.format(path=path))
    assert unusable_tasks() == {name: str(caught.value)}
    assert len(load_items("shapes").items) == len(ROWS), "lmms-eval reads the folder too"
    result = CliRunner().invoke(tasks_command, ["--json"], catch_exceptions=False)
    assert whole < {row["task"] for row in json.loads(result.stdout)}
    assert result.stderr.strip() == f"Left out: {caught.value}"


def test_every_task_of_the_suite_can_be_used(folder: Path) -> None:
    assert unusable_tasks() == {}


def test_keys_of_lmms_eval_are_its_own(folder: Path) -> None:
    content = write(folder)
    save(folder, {**content, "tag": "colours", "dataset_name": None})
    assert get_task("shapes").config["tag"] == "colours"


@pytest.mark.parametrize(
    ("dotted", "words"),
    [
        (
            "own.doc_to_itm",
            "names the function 'own.doc_to_itm', which {own} does not have (did you mean "
            "'doc_to_item'?).",
        ),
        (
            "own2.doc_to_item",
            "names the function 'own2.doc_to_item', and the Python module 'own2' cannot be "
            "imported (ModuleNotFoundError: No module named 'own2').",
        ),
    ],
)
def test_a_misnamed_function_is_named(folder: Path, dotted: str, words: str) -> None:
    content = write(folder, item=None, doc_to_item=dotted)
    load_functions(folder, content)
    expected = words.format(own=folder / "shapes" / "own.py")
    assert message() == f"A task in {folder / 'shapes'} {expected}"
    content["metadata"]["doc_to_item"] = "own.doc_to_item"
    save(folder, {**content, "doc_to_text": "own.doc_to_txt"})
    clear()
    assert "names the function 'own.doc_to_txt', which " in message()


def test_a_python_file_that_fails_is_named(folder: Path) -> None:
    content = write(folder, item=None, doc_to_item="own.doc_to_item")
    load_functions(folder, content)
    (folder / "shapes" / "own.py").write_text("import nothing_of_that_name\n")
    assert message() == (
        f"A task in {folder / 'shapes'} names the function 'own.doc_to_visual', and "
        f"{folder / 'shapes' / 'own.py'} cannot be imported (ModuleNotFoundError: No module named "
        "'nothing_of_that_name')."
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"categry": "first"},
            "doc_to_item of {path} gives the unknown key 'categry' (did you mean 'category'?).",
        ),
        ({"answer": None}, "the item that {path} makes has no 'answer'."),
        (
            {"category": "frist"},
            "the category 'frist' is none of those that {path} declares (did you mean 'first'?).",
        ),
        (
            {"options": []},
            "the metric of {path} is `choice`, and the item has no options to choose from.",
        ),
    ],
)
def test_a_mistake_in_an_item_is_one_sentence(
    folder: Path, row: dict[str, Any], words: str
) -> None:
    plain = {"question": "?", "options": ["x", "y"], "answer": "A", "category": "first"}
    rows = [plain | {"item_id": "0"}, plain | {"item_id": "1"} | row]
    content = write(folder, rows, item=None, doc_to_item="own.doc_to_item")
    load_functions(folder, content)
    text = (folder / "shapes" / "own.py").read_text()
    # a row that lacks a key is given none: what is empty in the data is absent here
    text = text.replace("{**doc,", "{**{k: v for k, v in doc.items() if v is not None},")
    (folder / "shapes" / "own.py").write_text(text)
    path = folder / "shapes" / "shapes.yaml"
    assert message() == f"Row 1: {words.format(path=path)}"


def test_images_that_nobody_gives_are_missed(folder: Path) -> None:
    content = write(folder, item=None, doc_to_item="own.doc_to_item")
    load_functions(folder, content)
    own = folder / "shapes" / "own.py"
    own.write_text(own.read_text().replace("'images': [], ", ""))
    rows = [{**row, "item_id": str(index)} for index, row in enumerate(ROWS)]
    for row in rows:
        del row["image"]
    (folder / "shapes" / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    content["doc_to_visual"] = None
    save(folder, content)
    assert message() == (
        f"Row 0: the item that {folder / 'shapes' / 'shapes.yaml'} makes has no 'images': give "
        "them, [] for a task without, or `doc_to_visual`."
    )


def test_a_function_that_gives_no_item_is_named(folder: Path) -> None:
    content = write(folder, item=None, doc_to_item="own.nothing")
    load_functions(folder, content)
    path = folder / "shapes" / "shapes.yaml"
    assert message() == f"Row 0: doc_to_item of {path} gives None, and not an item's keys."


def test_a_folder_of_tasks_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_TASKS", str(tmp_path / "nothing"))
    with pytest.raises(SuiteError) as caught:
        list_tasks()
    assert str(caught.value) == (
        f"DOWNSCALE_TASKS names {tmp_path / 'nothing'}, which is no folder; correct the variable "
        "or unset it."
    )
