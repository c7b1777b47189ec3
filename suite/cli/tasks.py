"""List the tasks: size, domain, chance, categories and where the data come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from suite.cli.options import json_option, task_argument
from suite.cli.output import print_json, print_table, talk
from suite.errors import SuiteError, one_line

if TYPE_CHECKING:
    from suite.items.tasks import TaskInfo


@click.command()
@task_argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the tasks, or show one with its categories and first item. Sizes are as declared; a list
    reads no data.

    A chance of «–» differs between items. A task whose file has a mistake is left out of the list,
    with a sentence that says what it is. Further task folders are read from the environment
    variable DOWNSCALE_TASKS, and any task that lmms-eval brings is named lmms:NAME.

    \b
    Example:
      downscale tasks mmstar
    """
    from suite.items.tasks import get_task, list_tasks, unusable_tasks

    tasks = (get_task(name),) if name else list_tasks()
    for problem in () if name else unusable_tasks().values():
        talk(f"Left out: {problem}")
    rows = [_as_row(task) for task in tasks]
    item, reason = _item(tasks[0]) if name else (None, None)
    if as_json:
        print_json([row | {"item": item} for row in rows] if name else rows)
    elif name:
        about = {key: value for key, value in rows[0].items() if key != "categories"}
        print_table(["", name], [[key, value] for key, value in about.items()])
        if sizes := rows[0]["categories"]:
            print_table(["category", "n"], list(sizes.items()))
        if item:
            print_table(["", "first item"], [[key, _text(value)] for key, value in item.items()])
    else:
        columns = ["task", "n", "domain", "metric", "chance", "categories", "source"]
        print_table(columns, [[_text(row[column]) for column in columns] for row in rows])
    if reason:
        talk(reason)


def _item(task: TaskInfo) -> tuple[dict[str, Any] | None, str | None]:
    """The first item of a task, or why none is shown."""
    from suite.items.item import LETTERS
    from suite.items.load import is_here, load_items

    if not is_here(task):
        how = task.metadata.get("fetch") or f"--data {task.name}=PATH names a local copy"
        return None, f"No item is shown, the data are not on this machine: {how}"
    try:
        items = load_items(task.name, limit=1).items
    except SuiteError as error:
        return None, f"No item is shown: {error}"
    if not items:
        return None, "No item is shown: the data hold none."
    item = items[0]
    shown: dict[str, Any] = {"item_id": item.item_id, "category": item.category or None}
    options = [f"{letter}. {text}" for letter, text in zip(LETTERS, item.options)]
    shown |= {"images": len(item.images), "question": item.question, "options": options}
    return shown | {"answer": item.answer, "gold_description": item.gold_description}, None


def _as_row(task: TaskInfo) -> dict[str, Any]:
    return {
        "task": task.name,
        "title": task.title,
        "description": task.description,
        "n": task.n,
        "domain": task.domain,
        "metric": task.metric,
        "chance": task.chance,
        "categories": dict(zip(task.categories, task.category_sizes, strict=True)),
        "decoupled": task.decoupled,
        "source": task.source,
        "split": task.split,
        "lmms_eval_task": task.lmms_name,
        "file": str(task.path),
    }


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return "; ".join(map(one_line, value)) or None
    if isinstance(value, dict):
        return ", ".join(value) if len(value) <= 2 else f"{len(value)} categories"
    return value
