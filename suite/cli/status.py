"""Show how far a run is and what failed, from its store alone."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from suite.cli.options import json_option
from suite.cli.output import print_json, print_table, talk, talk_view

WATCH_SECONDS = 2.0
"""Between two looks of `--watch`, at least; more where a look takes long."""


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--store", help="The run's shared store, where its address has a password.")
@click.option("--watch", is_flag=True, help="Show it again and again until nothing works there.")
@json_option
def command(folder: str, store: str | None, watch: bool, as_json: bool) -> None:
    """Show progress and failures of the run in DIR, by stage and model. Loads no model.

    A stage can end below its number: requests with the same text are asked once.

    \b
    Examples:
      downscale status runs/micro
      downscale status runs/micro --watch
    """
    from suite.runs.status import status_of

    if watch and as_json:
        raise click.UsageError("--watch is for people; leave it or --json out.")
    try:
        while True:
            began = time.monotonic()
            status = status_of(Path(folder), store)
            if as_json:
                print_json(status)
                return
            if watch and sys.stdout.isatty():
                click.clear()
            _print(status, folder)
            if not watch or not (status["working"] or status["doing"]):
                return
            time.sleep(max(WATCH_SECONDS, 4 * (time.monotonic() - began)))
    except KeyboardInterrupt:
        if not watch:
            raise


def _print(status: dict[str, Any], folder: str) -> None:
    from suite.runs.words import asked

    names = ["stage", "model", "requests", "answered", "failed", "tokens", "seconds"]
    print_table(names, [[row[name] for name in names] for row in status["stages"]])
    for part in status["unreadable"]:
        talk(part)
    for failure in status["failures"]:
        talk(f"  {failure['count']:,} failed: {failure['reason']}")
    requests = f"{status['answered']:,} of at most {status['requests']:,} requests answered"
    if status["asked"]:
        requests = asked(status["asked"])
    talk(f"{status['study']}: {requests}, {status['failed']:,} failed; {_state(status)}.")
    if status["ended"]:
        talk(f"`downscale show {folder} --wrong` lists items to look at.")
        talk_view(folder)


def _state(status: dict[str, Any]) -> str:
    """What the run is at, with rate and time left; else how it ended."""
    doing, working = status["doing"], status["working"]
    if doing and doing["stage"]:
        counts = [f"{own['title']}: {_words(own)}" for own in doing.values() if own]
        return f"running, {'; '.join(counts)}"
    if working:
        return f"running, {working} process{'es' if working > 1 else ''} at work"
    if not status["ended"]:
        return "not finished, the same command goes on"
    if not status["drawn"]:
        return "answered, but not drawn to the end: the same command goes on"
    return f"finished {status['ended']}"


def _words(count: dict[str, Any]) -> str:
    from suite.engine.progress import words

    return words(count["done"], count["total"], count["rate"], count["left"])
