"""Put runs with different seeds together: tables, figures and report over items and seeds."""

from __future__ import annotations

import click

from suite.cli.options import json_option, open_option
from suite.cli.output import print_json, show_page, talk


@click.command()
@click.argument("runs", metavar="RUN RUN...", nargs=-1, type=click.Path())
@click.option("--out", type=click.Path(), required=True, help="Folder for the runs put together.")
@open_option
@json_option
def command(runs: tuple[str, ...], out: str, shown: bool, as_json: bool) -> None:
    """Put finished runs of one study, each with another seed, together in one directory.

    Its tables, figures and report resample both items and seeds: intervals then hold what training
    anew would change, and `analyze seeds` says where an accuracy of one more seed lies. Cells and
    tasks that only some runs have are left out; what was asked otherwise is refused.

    \b
    Example: two families, trained with their own seeds
      downscale train micro --seed 1 && downscale train micro --seed 2
      downscale run micro --weights checkpoints/micro/export --out runs/one
      downscale run micro --weights checkpoints/micro-seed2/export --set seed=2 --out runs/two
      downscale pool runs/one runs/two --out runs/both
    """
    from suite.engine.progress import progress_for_terminal
    from suite.report.page import write
    from suite.runs.pool import pool

    folder = pool(runs, out, say=talk)
    page = write(folder, progress=progress_for_terminal())
    if as_json:
        print_json({"dir": str(folder), "runs": list(runs), "report": str(page)})
    else:
        click.echo(str(page))
    if shown:
        show_page(page)
