"""Options that several commands share.

In: a command's function. Out: the function with the options; the values of `--data` as a mapping.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from suite.errors import SuiteError

Function = TypeVar("Function", bound=Callable[..., Any])


def study_options(function: Any) -> Any:
    """The options that `run` and `plan` share."""
    for option in (
        click.option("--weights", type=click.Path(), help="Checkpoints in place of the family's."),
        click.option(
            "--data", multiple=True, metavar="TASK=PATH", help="Local copy of a task's data."
        ),
        click.option(
            "--only", multiple=True, metavar="CELL", help="Keep cells with this id or glob."
        ),
        click.option("--limit", type=int, help="Items of each task, or of each of its categories."),
    ):
        function = option(function)
    return function


def data_paths(data: tuple[str, ...]) -> dict[str, str]:
    """TASK=PATH words as a mapping."""
    found = {}
    for word in data:
        task, equals, path = word.partition("=")
        if not equals or not task or not path:
            raise SuiteError(f"--data {word}: write it as TASK=PATH, e.g. mmstar=mmstar.parquet.")
        found[task] = path
    return found


def json_option(function: Function) -> Function:
    """Adds `--json`, which arrives as the argument `as_json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON on stdout, for programs."
    )(function)


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
