"""List the tasks: size, domain, chance, categories and where the data come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from suite.cli.options import json_option
from suite.cli.output import print_json, print_table, talk

if TYPE_CHECKING:
    from suite.items.tasks import TaskInfo


@click.command()
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the tasks, or show one. Sizes are as declared; no data are read.

    A chance of «–» differs between items. A task whose file has a mistake is left out of the list,
    with a sentence that says what it is. Further task folders are read from the environment
    variable DOWNSCALE_TASKS, and any task that lmms-eval brings is named lmms:NAME.
    """
    from suite.items.tasks import get_task, list_tasks, unusable_tasks

    tasks = (get_task(name),) if name else list_tasks()
    for problem in () if name else unusable_tasks().values():
        talk(f"Left out: {problem}")
    rows = [_as_row(task) for task in tasks]
    if as_json:
        print_json(rows)
    elif name:
        print_table(["", name], [[key, _text(value)] for key, value in rows[0].items()])
    else:
        columns = ["task", "n", "domain", "metric", "chance", "categories", "source"]
        print_table(columns, [[_text(row[column]) for column in columns] for row in rows])


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
    if isinstance(value, dict):
        return ", ".join(value) if len(value) <= 2 else f"{len(value)} categories"
    return value
