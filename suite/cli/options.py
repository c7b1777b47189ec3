"""Options that several commands share.

In: a command's function. Out: the function with the options; the values of `--data` as a mapping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any, TypeVar

import click

from suite.errors import SuiteError, reason_of, shown

Function = TypeVar("Function", bound=Callable[..., Any])


def completing(names: Callable[[], Iterable[str]], files: bool = False) -> Callable[..., Any]:
    """Gives what a shell completes a word with: these names, else files where they may stand."""

    def complete(ctx: click.Context, parameter: click.Parameter, word: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name) for name in names() if name.startswith(word)]
        # First, as bash forgets what comes before the mark for files.
        return [CompletionItem(word, type="file"), *found] if files else found

    return complete


def _studies() -> Iterable[str]:
    from suite.planning.study import list_studies

    return list_studies()


def _families() -> Iterable[str]:
    from suite.models.family import list_families

    return list_families()


def _tasks() -> Iterable[str]:
    from suite.items.tasks import list_tasks

    return (task.name for task in list_tasks())


study_argument = partial(click.argument, shell_complete=completing(_studies, files=True))
family_argument = partial(click.argument, shell_complete=completing(_families, files=True))
task_argument = partial(click.argument, shell_complete=completing(_tasks))
task_option = partial(click.option, "--task", shell_complete=completing(_tasks))


def study_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds STUDY and the options that `run` and `plan` share. Those that say what is planned
    arrive as `chosen`, the arguments of `suite.plan`."""

    @wraps(function)
    def command(
        *words: Any,
        limit: int | None,
        only: tuple[str, ...],
        data: tuple[str, ...],
        weights: str | None,
        backend: str | None,
        random_weights: bool,
        settings: tuple[str, ...],
        **others: Any,
    ) -> Any:
        chosen: dict[str, Any] = {"limit": limit, "only": only, "data": data_paths(data)}
        chosen |= {"weights": weights, "backend": backend, "random_weights": random_weights}
        chosen["changes"] = changes_of(settings)
        return function(*words, chosen=chosen, **others)

    for option in (
        click.option("--backend", help="Who answers in place of transformers, such as vllm."),
        click.option(
            "--random-weights", is_flag=True, help="Rehearse: tiny random models of their classes."
        ),
        click.option("--weights", type=click.Path(), help="Checkpoints in place of the family's."),
        click.option(
            "--data", multiple=True, metavar="TASK=PATH", help="Local copy of a task's data."
        ),
        click.option(
            "--only", multiple=True, metavar="CELL", help="Keep cells with this id or glob."
        ),
        click.option("--limit", type=int, help="Items of each task, or of each of its categories."),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="Another value in the study, as decoding.think.max_new_tokens=64.",
        ),
        click.option("--store", help="Shared store: a folder or an fsspec address."),
        click.option("--out", type=click.Path(), help="Run directory; runs/STUDY by default."),
        study_argument("study"),
    ):
        command = option(command)
    return command


def data_paths(data: tuple[str, ...]) -> dict[str, str]:
    """Reads TASK=PATH words as a mapping."""
    found = {}
    for word in data:
        task, equals, path = word.partition("=")
        if not equals or not task or not path:
            raise SuiteError(f"--data {word}: write it as TASK=PATH, e.g. mmstar=mmstar.parquet.")
        if task in found:
            raise SuiteError(f"--data names {shown(task)} twice; give each task's data once.")
        found[task] = path
    return found


def changes_of(settings: tuple[str, ...]) -> dict[str, Any]:
    """Reads KEY=VALUE words as a mapping; a value is read as in a study's YAML."""
    found: dict[str, Any] = {}
    for word in settings:
        key, equals, text = word.partition("=")
        if not equals or not all(key.split(".")):
            raise SuiteError(f"--set {word}: write it as KEY=VALUE, e.g. seed=2.")
        if key in found:
            raise SuiteError(f"--set names {shown(key)} twice; give it once.")
        import yaml

        from suite.base.yaml_files import Loader

        try:
            found[key] = yaml.load(text, Loader)
        except yaml.YAMLError as error:
            raise SuiteError(f"--set {word}: its value is no YAML ({reason_of(error)}).") from None
    return found


def json_option(function: Function) -> Function:
    """Adds `--json`, which arrives as the argument `as_json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON on stdout, for programs."
    )(function)


def all_option(function: Function) -> Function:
    """Adds `--all`, which arrives as the argument `everything`."""
    return click.option("--all", "everything", is_flag=True, help="Every row, in a terminal too.")(
        function
    )


def open_option(function: Function) -> Function:
    """Adds `--open`, which arrives as the argument `shown`."""
    return click.option("--open", "shown", is_flag=True, help="Open the report in a browser.")(
        function
    )


def bootstrap_options(function: Function) -> Function:
    """Adds `--draws` and `--seed` of the bootstrap."""
    draws = click.option(
        "--draws",
        default=2000,
        show_default=True,
        type=click.IntRange(min=100),
        help="Bootstrap draws for the intervals.",
    )
    seed = click.option(
        "--seed",
        default=0,
        show_default=True,
        type=click.IntRange(min=0),
        help="Seed of the bootstrap.",
    )
    return draws(seed(function))
