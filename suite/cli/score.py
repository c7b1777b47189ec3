"""Score a file of predictions with the suite's parser: per category, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from suite.cli.options import bootstrap_options, json_option, task_argument
from suite.cli.output import print_json, print_table, talk
from suite.errors import SuiteError

if TYPE_CHECKING:
    from suite.answers.predictions import ScoredFile

NAMED = 10
"""How many missing or duplicate rows are named before the rest is only counted."""


@click.command()
@task_argument("task")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--data", multiple=True, metavar="TASK=PATH", help="Read a local copy of the task's data."
)
@click.option(
    "--rows",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="CSV",
    help="Write every row with what was read and the rule that read it.",
)
@bootstrap_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    task: str,
    file: Path,
    data: tuple[str, ...],
    rows: Path | None,
    draws: int,
    seed: int,
    as_json: bool,
) -> None:
    """Score FILE, predictions of TASK, as CSV, JSONL or Parquet.

    The file needs the columns `prediction` and `index` or `item_id`. An answer that cannot be read
    scores 0 and is counted as unparsed; an item without a prediction is named and left out: no row,
    null, no key, a blank cell of a table. In JSON "" is an answer, an empty one. Exit code 1 when
    rows are missing, duplicated or unknown.
    """
    from suite.answers.predictions import score_file, summary
    from suite.items.load import get_task, load_items

    name = get_task(task).name
    for read in (file, _path_of(name, data)):
        if rows is not None and read is not None and rows.resolve() == Path(read).resolve():
            raise SuiteError(
                f"--rows {rows} would be written over what is read; name another file."
            )
    scored = score_file(load_items(name, data=_path_of(name, data)), file)
    content = summary(scored, draws=draws, seed=seed)
    if rows is not None:
        _write_rows(scored, rows)
    if as_json:
        print_json(content)
    else:
        _print(content)
    _name("without a prediction, not scored", scored.missing)
    _name("in the file more than once, not scored where the texts differ", scored.duplicates)
    _name(f"no items of {name}, ignored", scored.unknown)
    if not scored.complete:
        ctx.exit(1)


def _path_of(task: str, data: Sequence[str]) -> str | None:
    from suite.cli.options import data_paths
    from suite.items.tasks import task_name

    paths = {task_name(name): path for name, path in data_paths(tuple(data)).items()}
    unused = [name for name in paths if name != task]
    if unused:
        raise click.UsageError(f"--data names {', '.join(unused)}, but the task is {task}.")
    return paths.get(task)


def _print(content: dict[str, Any]) -> None:
    columns = ["category", "n", "accuracy", "low", "high", "unparsed", "chance"]
    table = [
        [name, *(row[column] for column in columns[1:])]
        for name, row in content["categories"].items()
    ]
    names = ("n", "mean", "low", "high", "unparsed", "chance")
    label = "mean" if content["average"] == "categories" else "all"
    table.append([label, *(content[name] for name in names)])
    print_table(columns, table, title=content["task"])
    if content["lmms_mean"] is not None:
        talk(
            f"lmms-eval's own scorer gives {content['lmms_mean']:.3f} over all rows and differs on "
            f"{content['lmms_disagreements']:,} of {content['n']:,}."
        )


def _write_rows(scored: ScoredFile, path: Path) -> None:
    import pandas as pd

    from suite.answers.predictions import ScoredRow
    from suite.base.csv_files import write_csv

    columns = [column.name for column in fields(ScoredRow)]
    rows = [tuple(asdict(row).values()) for row in scored.rows]
    write_csv(path, pd.DataFrame(rows, columns=columns, dtype=object))


def _name(what: str, keys: Sequence[str]) -> None:
    if keys:
        shown = ", ".join(keys[:NAMED])
        more = f" and {len(keys) - NAMED:,} more" if len(keys) > NAMED else ""
        talk(f"{len(keys):,} {what}: {shown}{more}.")
