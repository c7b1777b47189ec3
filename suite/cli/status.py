"""Show how far a run is and what failed, from its store alone."""

from __future__ import annotations

from pathlib import Path

import click

from suite.cli.options import json_option
from suite.cli.output import print_json, print_table, talk, talk_view


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--store", help="The run's shared store, where its address has a password.")
@json_option
def command(folder: str, store: str | None, as_json: bool) -> None:
    """Show progress and failures of the run in DIR, by stage and model. Loads no model.

    A stage can end below its number: texts that coincide are asked once.
    """
    from suite.runs.status import status_of

    status = status_of(Path(folder), store)
    if as_json:
        print_json(status)
        return
    names = ["stage", "model", "requests", "answered", "failed", "tokens", "seconds"]
    print_table(names, [[row[name] for name in names] for row in status["stages"]])
    for part in status["unreadable"]:
        talk(part)
    for failure in status["failures"]:
        talk(f"  {failure['count']:,} failed: {failure['reason']}")
    working = status["working"]
    state = f"finished {status['ended']}" if status["ended"] else "not finished"
    if working:
        state = f"running, {working} process{'es' if working > 1 else ''} at work"
    talk(
        f"{status['study']}: {status['answered']:,} of at most {status['requests']:,} requests "
        f"answered, {status['failed']:,} failed; {state}."
    )
    if status["ended"]:
        talk(f"`downscale show {folder} --wrong` lists items to look at.")
        talk_view(folder)
