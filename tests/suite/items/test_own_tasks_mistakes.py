"""What each mistake in a task of one's own is called: one sentence that names file, key and remedy.

In: the task that CONTRIBUTING shows, with a mistake. Out: the sentence.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from analyses.table.scores import IN_DOMAIN, OUT_OF_DOMAIN, SHARED
from suite.cli.tasks import command as tasks_command
from suite.errors import SuiteError
from suite.items.load import get_task, load_items
from suite.items.tasks import list_tasks, unusable_tasks
from tests.suite.own_tasks import (
    ROWS,
    clear,
    load_functions,
    message,
    save,
    write,
    write_file,
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {1: 2},
            "unknown key 1 in `metadata` (known: version, title, description, note, n, "
            "n_options, domain, metric, lmms_metric, source, fetch, categories, abbreviations, "
            "decoupled, recipe, depends, doc_to_item, made_rows, item).",
        ),
        (
            {"categories": {"first": "three"}},
            "`metadata.categories` gives 'first' 'three' items: it must be a whole number, 0 or "
            "more.",
        ),
        (
            {"depends": ["rows", 1]},
            "`metadata.depends` must be a list of files or folders, and 1 is no name of one.",
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
    mine: Path, changes: dict[str, Any], words: str
) -> None:
    content = write(mine)
    content["metadata"] |= changes
    save(mine, content)
    with pytest.raises(SuiteError) as caught:
        get_task("shapes")
    assert str(caught.value) == f"In the task file {mine / 'shapes' / 'shapes.yaml'}: {words}"


@pytest.mark.parametrize(
    "key", ["doc_to_visual", "doc_to_text", "doc_to_target", "process_results"]
)
def test_a_missing_function_is_named_with_one_to_use(mine: Path, key: str) -> None:
    content = write(mine)
    del content[key]
    save(mine, content)
    assert message() == (
        f"In the task file {mine / 'shapes' / 'shapes.yaml'}: `{key}` is missing, which "
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
        "Task file {path} cannot be read: line 2: expected the node content, but found "
        "'<stream end>'.",
    ),
    "itself": (
        "task: itself\ninclude: [shapes.yaml, itself.yaml]\n",
        "The task file {path} includes itself, or a file that includes it, or more than 10 files "
        "lie one in another.",
    ),
    "untrue": (
        "task: untrue\nmetadata: {decoupled: !!bool x}\n",
        "Task file {path} cannot be read: line 2: 'x' cannot be read as bool ('x').",
    ),
    "deep": (
        "task: deep\nmetadata: " + "[" * 1200 + "]" * 1200 + "\n",
        "Task file {path} cannot be read: line 2: brackets or keys nest deeper than 50 levels.",
    ),
    "bomb": (
        "task: bomb\na0: &a0 [x, x]\n"
        + "".join(f"a{k + 1}: &a{k + 1} [{', '.join([f'*a{k}'] * 9)}]\n" for k in range(9)),
        "Task file {path} cannot be read: line 7: its aliases (*name) stand for more than 100,000 "
        "values.",
    ),
    "endless": (
        "task: endless\nmetadata: &own {note: *own}\n",
        "Task file {path} cannot be read: line 2: its aliases (*name) stand for more than 100,000 "
        "values.",
    ),
    "large": (
        "task: large\n# " + "x" * 2_000_000,
        "Task file {path} cannot be read: it is larger than 250,000 bytes.",
    ),
    "twice": (
        "task: twice\nmetadata: {n: 1,\n  n: 2}\n",
        "Task file {path} cannot be read: the key 'n' stands twice, on lines 2 and 3; keep one "
        "of them.",
    ),
    "includes": (
        "task: includes\ninclude: 5\n",
        "In the task file {path}: `include` must be a file, or a list of them.",
    ),
    "mmstar": ("task: downscaling_mmstar\n", "Two files declare the task 'mmstar', "),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_mistake_in_one_task_stops_no_other(mine: Path, name: str) -> None:
    text, said = FOREIGN[name]
    path = mine / "shapes" / f"{name}.yaml"
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
def test_a_misnamed_function_is_named(mine: Path, dotted: str, words: str) -> None:
    content = write(mine, item=None, doc_to_item=dotted)
    load_functions(mine, content)
    expected = words.format(own=mine / "shapes" / "own.py")
    assert message() == f"A task in {mine / 'shapes'} {expected}"


def test_a_misnamed_function_of_lmms_eval_is_named(mine: Path) -> None:
    content = write(mine, item=None, doc_to_item="own.doc_to_item")
    load_functions(mine, content)
    save(mine, {**content, "doc_to_text": "own.doc_to_txt"})
    assert message() == (
        f"A task in {mine / 'shapes'} names the function 'own.doc_to_txt', which "
        f"{mine / 'shapes' / 'own.py'} does not have (did you mean 'doc_to_text'?)."
    )


def test_a_python_file_that_fails_is_named(mine: Path) -> None:
    content = write(mine, item=None, doc_to_item="own.doc_to_item")
    load_functions(mine, content)
    (mine / "shapes" / "own.py").write_text("import nothing_of_that_name\n")
    assert message() == (
        f"A task in {mine / 'shapes'} names the function 'own.doc_to_visual', and "
        f"{mine / 'shapes' / 'own.py'} cannot be imported (ModuleNotFoundError: No module named "
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
def test_a_mistake_in_an_item_is_one_sentence(mine: Path, row: dict[str, Any], words: str) -> None:
    plain = {"question": "?", "options": ["x", "y"], "answer": "A", "category": "first"}
    rows = [plain | {"item_id": "0"}, plain | {"item_id": "1"} | row]
    content = write(mine, rows, item=None, doc_to_item="own.doc_to_item")
    load_functions(mine, content)
    text = (mine / "shapes" / "own.py").read_text()
    # a row that lacks a key is given none: what is empty in the data is absent here
    text = text.replace("{**doc,", "{**{k: v for k, v in doc.items() if v is not None},")
    (mine / "shapes" / "own.py").write_text(text)
    path = mine / "shapes" / "shapes.yaml"
    assert message() == f"Row 1 of {path.with_name('rows.jsonl')}: {words.format(path=path)}"


def test_an_empty_option_before_another_shifts_no_letter(mine: Path) -> None:
    row = {"question": "?", "a": "red", "b": None, "c": "green", "d": "blue", "answer": "C"}
    columns = {"question": "question", "options": ["a", "b", "c", "d"], "answer": "answer"}
    full = {**row, "b": "white"}
    load_functions(mine, write(mine, [full, row], item=columns, categories=None))
    yaml_file = mine / "shapes" / "shapes.yaml"
    said = (
        "Row 1 of {}: `metadata.item.options` in {} names the column {!r}, where an option is "
        "empty before another: the letters of those after it would shift."
    )
    assert message() == said.format(yaml_file.with_name("rows.jsonl"), yaml_file, "b")
    content = write(mine, [{**full, "d": None}], item=columns, categories=None)
    load_functions(mine, content)
    assert load_items("shapes").items[0].options == ("red", "white", "green")
    listed = {"question": "?", "answer": "A", "o": ["red", None, "green"]}
    columns = {"question": "question", "options": "o", "answer": "answer"}
    load_functions(mine, write(mine, [full | listed] * 2, item=columns, categories=None))
    clear()
    assert message() == said.format(yaml_file.with_name("rows.jsonl"), yaml_file, "o").replace(
        "Row 1", "Row 0"
    )


HEADER = "id,q,A,B,C,D,key\n"
MAKES = "Row 0 of {file}: the item that {yaml} makes "


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "rows.csv",
            f"{HEADER}1,caf\u00e9?,x,y,,,A\n".encode("cp1252"),
            "The rows of shapes in {file} cannot be read: line 2 is not UTF-8 (byte 0xe9); save "
            "the file as UTF-8.",
        ),
        (
            "rows.csv",
            f"{HEADER}1,?,x,y,,,A\n2,a, b?,x,y,,,A\n",
            "The rows of shapes in {file} cannot be read: line 3 has 8 values and the header 7; a "
            "text that holds ',' needs quotes.",
        ),
        ("rows.csv", HEADER, "The rows of shapes in {file} cannot be read: it holds no rows."),
        ("rows.jsonl", "", "The rows of shapes in {file} cannot be read: it holds no rows."),
        (
            "rows.jsonl",
            '{"id": 1}\n{"id": 2, "q" "?"}\n',
            "The rows of shapes in {file} cannot be read: line 2, column 15: Expecting ':' "
            "delimiter.",
        ),
        (
            "rows.jsonl",
            '{"id": 1, "id": 2}\n',
            "The rows of shapes in {file} cannot be read: line 1: two of its keys are called 'id'; "
            "rename one.",
        ),
        (
            "rows.csv",
            b"PK\x03\x04",
            "The rows of shapes in {file} cannot be read: it is a ZIP archive; unpack it first.",
        ),
        (
            "rows.jsonl",
            '{"q": "?", "x": 1}\n\n{"q": "?", "x": [1]}\n',
            "The column 'x' of shapes is not of one kind (a number in line 1 of {file}, a list in "
            "line 3 of {file}): give every row the same.",
        ),
        (
            "rows.jsonl",
            f'{{"q": "?", "x": {"9" * 5000}}}',
            "The column 'x' of shapes in line 1 of {file} cannot be read: the number "
            f"{'9' * 51} … {'9' * 26} is too large; put it in quotes.",
        ),
        (
            "rows.parquet",
            b"",
            "The rows of shapes in {file} cannot be read: Parquet file size is 0 bytes.",
        ),
        ("rows.jsonl", "{}\n", "The rows of shapes in {file} cannot be read: it holds no rows."),
        (
            "rows.jsonl",
            '{"id": {}, "q": ["?"], "A": "x", "B": "y", "C": "z", "D": {"a": {}}, "key": "A"}',
            "Row 0 of {file}: `metadata.item.item_id` in {yaml} names the column 'id', where this "
            "row is empty: give it an id.",
        ),
        (
            "rows.jsonl",
            '{"id": [1], "q": "?", "A": "x", "B": "y", "C": "", "D": "", "key": "A"}',
            "Row 0 of {file}: in the item that {yaml} makes, 'item_id' holds ['1'], which is no "
            "text; write it as one.",
        ),
        (
            "rows.csv",
            f"{HEADER},?,x,y,,,A\n",
            "Row 0 of {file}: `metadata.item.item_id` in {yaml} names the column 'id', where this "
            "row is empty: give it an id.",
        ),
        (
            "rows.csv",
            f"{HEADER}1,?,x,,z,,A\n",
            "Row 0 of {file}: `metadata.item.options` in {yaml} names the column 'B', where an "
            "option is empty before another: the letters of those after it would shift.",
        ),
        (
            "rows.csv",
            f"{HEADER}1,?,x,,,,A\n",
            MAKES + "has 1 option to choose from ('x'): give two or more, as a list or a column "
            "each.",
        ),
        (
            "rows.csv",
            f"{HEADER}1,?,x,nan,nan,nan,A\n",
            MAKES
            + "has 1 option to choose from ('x', 'nan', 'nan', 'nan'): give two or more, as a "
            "list or a column each.",
        ),
        ("rows.csv", f"{HEADER}1,?,x,y,,,\n", MAKES + "has no 'answer'."),
        ("rows.csv", f"{HEADER}1,  ,x,y,,,A\n", MAKES + "has no 'question'."),
        (
            "rows.csv",
            f"{HEADER}1,?,x,y,,,C\n",
            "Item 1 of shapes has the answer 'C' and 2 options: the answer must be the letter of "
            "one of them.",
        ),
        (
            "rows.csv",
            f"{HEADER}1,?,x,y,,,A\n1,?,x,y,,,A\n",
            "Two rows of shapes have the id '1': each needs its own.",
        ),
        (
            "rows.parquet",
            pd.DataFrame([[1, "?", 1.0, 2.5, None, None, "A"]], columns=[*"iqABCDk"])
            .rename(columns={"i": "id", "k": "key"})
            .to_parquet(),
            "Row 0 of {file}: in the item that {yaml} makes, 'options' holds 1.0, which is no "
            "text; write it as one.",
        ),
    ],
)
def test_a_mistake_in_the_rows_is_one_sentence(
    mine: Path, name: str, content: str | bytes, said: str
) -> None:
    write_file(mine, name, content)
    folder = mine / "shapes"
    assert message() == said.format(file=folder / name, yaml=folder / "shapes.yaml")


def test_a_choice_of_more_than_there_are_letters_is_refused(mine: Path) -> None:
    item = {"question": "q", "options": "o", "answer": "key"}
    rows = [{"q": "?", "o": [f"{n} cm" for n in range(count)], "key": "A"} for count in (26, 27)]
    write_file(mine, "rows.jsonl", "\n".join(map(json.dumps, rows)), item)
    folder = mine / "shapes"
    assert message() == (
        f"Row 1 of {folder / 'rows.jsonl'}: the item that {folder / 'shapes.yaml'} makes has 27 "
        "options, and there are letters for 26: leave some out."
    )


@pytest.mark.parametrize("options", ["['red', 'green']", "red", ["red"], ["red", None, ""]])
def test_a_choice_of_one_is_refused(mine: Path, options: object) -> None:
    row = {"q": "?", "o": options, "key": "A"}
    item = {"question": "q", "options": "o", "answer": "key"}
    write_file(mine, "rows.jsonl", json.dumps(row), item)
    shown = options[0] if isinstance(options, list) else options
    assert message() == (
        f"Row 0 of {mine / 'shapes' / 'rows.jsonl'}: the item that "
        f"{mine / 'shapes' / 'shapes.yaml'} makes has 1 option to choose from "
        f"({shown!r}): give two or more, as a list or a column each."
    )


def test_a_split_without_a_file_is_named(mine: Path) -> None:
    content = write(mine)
    save(mine, {**content, "dataset_kwargs": {"data_files": {"train": "rows.jsonl"}}})
    path = mine / "shapes" / "shapes.yaml"
    assert message() == (
        f"In the task file {path}: the split of the items is 'test', and "
        "`dataset_kwargs.data_files` has files of train."
    )


@pytest.mark.parametrize(
    ("name", "what"),
    [("none.jsonl", "does not exist"), ("pictures", "is a folder and not a file")],
)
def test_a_file_of_rows_that_is_none_is_named(mine: Path, name: str, what: str) -> None:
    content = write(mine)
    save(mine, {**content, "dataset_kwargs": {"data_files": {"test": name}}})
    folder = mine / "shapes"
    assert message() == (
        f"The file {folder / name}, which {folder / 'shapes.yaml'} names as its data, {what}."
    )


def test_what_the_reader_of_rows_does_not_take_is_named(mine: Path) -> None:
    content = write_file(mine, "rows.csv", "id;q;A;B;C;D;key\n1;?;x;y;;;A\n")
    kwargs = content["dataset_kwargs"]
    save(mine, {**content, "dataset_kwargs": {**kwargs, "sep": ";"}})
    assert load_items("shapes").items[0].options == ("x", "y")
    save(mine, {**content, "dataset_kwargs": {**kwargs, "skiprows": 1}})
    clear()
    assert message().startswith(
        f"In the task file {mine / 'shapes' / 'shapes.yaml'}: `dataset_kwargs` has 'skiprows', "
        "which rows of csv do not take"
    )


def test_a_local_copy_that_is_no_table_is_named(mine: Path) -> None:
    write(mine)
    path = mine / "rows.zip"
    path.write_bytes(b"PK\x03\x04")
    assert message(data=str(path)) == (
        f"No data of shapes at {path}: it is a ZIP archive; unpack it first."
    )


def test_images_that_nobody_gives_are_missed(mine: Path) -> None:
    content = write(mine, item=None, doc_to_item="own.doc_to_item")
    load_functions(mine, content)
    own = mine / "shapes" / "own.py"
    own.write_text(own.read_text().replace("'images': [], ", ""))
    rows = [{**row, "item_id": str(index)} for index, row in enumerate(ROWS)]
    for row in rows:
        del row["image"]
    (mine / "shapes" / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    content["doc_to_visual"] = None
    save(mine, content)
    assert message() == (
        f"Row 0 of {mine / 'shapes' / 'rows.jsonl'}: the item that "
        f"{mine / 'shapes' / 'shapes.yaml'} makes has no 'images': give "
        "them, [] for a task without, or `doc_to_visual`."
    )


def test_a_function_that_gives_no_item_is_named(mine: Path) -> None:
    content = write(mine, item=None, doc_to_item="own.nothing")
    load_functions(mine, content)
    path = mine / "shapes" / "shapes.yaml"
    assert message() == (
        f"Row 0 of {path.with_name('rows.jsonl')}: doc_to_item of {path} gives None, and not an "
        "item's keys."
    )


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


@pytest.mark.parametrize("name", ["../../../evil", "downscaling_../evil", "/tmp/evil", "a b"])
def test_a_tasks_name_is_a_name(mine: Path, name: str) -> None:
    """Its items would be written outside the cache."""
    content = write(mine)
    save(mine, content | {"task": name})
    clear()
    with pytest.raises(SuiteError) as caught:
        get_task(name)
    assert str(caught.value) == (
        f"In the task file {mine / 'shapes' / 'shapes.yaml'}: `task` is {name!r}: a name is made "
        "of letters, digits, dots, dashes and underscores, begins with no dot and has 100 bytes at "
        "most."
    )


def _including_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_suffix(".fifo"))
    path.write_text(f"task: foreign\ninclude: {path.stem}.fifo\n")


GARBAGE: dict[str, Callable[[Path], object]] = {
    "a picture": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
    "a folder": lambda path: path.mkdir(),
    "a link to nothing": lambda path: path.symlink_to(path.parent / "gone.yaml"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a pipe": os.mkfifo,
    "two documents": lambda path: path.write_text("kind: Job\n---\nkind: Pod\n"),
    "a template": lambda path: path.write_text(
        "{{- if .Values.x }}\na: {{ .Values.y }}\n{{- end }}"
    ),
    "an include of a device": lambda path: path.write_text("task: foreign\ninclude: /dev/zero\n"),
    "an include of a pipe": _including_a_pipe,
    "a name that is empty": lambda path: path.write_text("task: downscaling_\n"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_whatever_lies_in_a_folder_of_tasks_stops_no_task(mine: Path, name: str) -> None:
    GARBAGE[name](mine / "shapes" / "foreign.yaml")
    with ended_after(5):
        assert get_task("shapes").name == "shapes"
        assert {"shapes", "mmstar"} < {task.name for task in list_tasks()}
        assert len(load_items("shapes").items) == len(ROWS), "lmms-eval reads the folder too"
    assert list(unusable_tasks()) in (["foreign"], [""])


@contextmanager
def ended_after(seconds: int) -> Iterator[None]:
    """Fails what waits for longer."""

    def late(number: int, frame: object) -> None:
        raise AssertionError(f"has not ended after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("text", ["import sys; sys.exit(0)", "raise SystemExit('bye')", "exit()"])
def test_a_function_s_file_that_leaves_python_is_named(mine: Path, text: str) -> None:
    content = write(mine, item=None, doc_to_item="own.doc_to_item")
    load_functions(mine, content)
    (mine / "shapes" / "own.py").write_text(text)
    assert "cannot be imported (SystemExit" in message()


def test_a_function_that_leaves_python_is_named(mine: Path) -> None:
    content = write(mine, item=None, doc_to_item="own.doc_to_item")
    load_functions(mine, content)
    own = mine / "shapes" / "own.py"
    text = own.read_text()
    own.write_text(text + "\n\ndef doc_to_item(doc):\n    raise SystemExit('no such row')\n")
    assert "no such row" in message()


@pytest.mark.parametrize("name", [IN_DOMAIN, OUT_OF_DOMAIN, SHARED])
def test_a_task_is_not_called_as_a_mean_over_tasks_is(mine: Path, name: str) -> None:
    path = mine / "shapes" / "shapes.yaml"
    path.write_text(path.read_text().replace("task: downscaling_shapes", f"task: {name}"))
    assert unusable_tasks() == {
        name: f"In the task file {path}: `task` is {name!r}, as the tables call a mean over tasks; "
        "give it another name."
    }


def test_a_large_file_of_another_program_is_passed_in_time(mine: Path) -> None:
    rows = "".join(f"  - {{name: n{n}, value: [1, 2, 3]}}\n" for n in range(20_000))
    (mine / "shapes" / "large.yaml").write_text(f"items:\n{rows}")
    with ended_after(10):
        assert get_task("shapes").name == "shapes"


FOREIGN_FILES: dict[str, bytes] = {
    "lists in lists": b"task: foreign\na:\n" + b"- " * 5000 + b"x\n",
    "a time of many parts": b"task: foreign\na: " + b"1:" * 50_000 + b"1\n",
    "a fraction of many parts": b"task: foreign\na: " + b"1:" * 50_000 + b"1.5\n",
    "a key that is a list": b"task: foreign\n? [a, b]\n: c\n",
    "a group of lmms-eval's": b"group: foreign\ntask: [shapes, mmstar]\n",
    "a task that is a mapping": b"task: {a: b}\n",
    "many anchors": b"task: foreign\n" + b"".join(b"k%d: &a%d x\n" % (n, n) for n in range(9000)),
}


@pytest.mark.parametrize("name", [*FOREIGN_FILES, "a name of other bytes", "a folder in itself"])
def test_a_foreign_file_fails_alone_and_in_time(mine: Path, name: str) -> None:
    if name in FOREIGN_FILES:
        (mine / "shapes" / "foreign.yaml").write_bytes(FOREIGN_FILES[name])
    elif name == "a folder in itself":
        (mine / "shapes" / "again").symlink_to(mine)
    else:
        Path(os.fsdecode(bytes(mine / "shapes") + b"/\xff.yaml")).write_text("task: foreign: x\n")
    importlib.import_module("lmms_eval.tasks")
    with ended_after(20):
        assert get_task("shapes").name == "shapes"
        assert {"shapes", "mmstar"} < {task.name for task in list_tasks()}
        assert len(load_items("shapes").items) == len(ROWS), "lmms-eval reads the folder too"
        result = CliRunner().invoke(tasks_command, ["--json"], catch_exceptions=False)
    assert "shapes" in {row["task"] for row in json.loads(result.stdout)}


def test_each_folder_has_functions_of_its_own(mine: Path) -> None:
    """Two people call their file own.py; a third's never ends, and nobody asks for its task."""
    rows = [
        {"question": str(n), "options": ["x", "y"], "answer": "A", "category": "first"}
        for n in range(6)
    ]
    content = write(mine, rows, item=None, doc_to_item="own.doc_to_item")
    load_functions(mine, content)
    text = (mine / "shapes" / "shapes.yaml").read_text()
    own = (mine / "shapes" / "own.py").read_text()
    for name, code in {
        "other": own.replace("{**doc,", "{**doc, 'question': 'Mine ' + doc['question'],")
        + "print('here I am')\n",
        "endless": "while True:\n    pass\n",
    }.items():
        (mine / name).mkdir()
        (mine / name / f"{name}.yaml").write_text(text.replace("downscaling_shapes", name))
        (mine / name / "rows.jsonl").write_text((mine / "shapes" / "rows.jsonl").read_text())
        (mine / name / "own.py").write_text(code)
    importlib.import_module("lmms_eval.tasks")
    with ended_after(20):
        result = CliRunner().invoke(tasks_command, ["--json"], catch_exceptions=False)
        assert {"shapes", "other"} < {row["task"] for row in json.loads(result.stdout)}
        asked = {
            name: {item.question for item in load_items(name).items} for name in ("other", "shapes")
        }
    numbers = {row["question"] for row in rows}
    assert asked == {"other": {f"Mine {number}" for number in numbers}, "shapes": numbers}
