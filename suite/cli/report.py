"""Write the HTML report of a run."""

from __future__ import annotations

from pathlib import Path

import click

from suite.cli.options import json_option, open_option
from suite.cli.output import print_json, show_page, talk_view


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@open_option
@json_option
def command(folder: str, shown: bool, as_json: bool) -> None:
    """Write report.html of the run in DIR: one page that holds all it shows.

    \b
    Example:
      downscale report runs/micro
    """
    from suite.engine.progress import progress_for_terminal
    from suite.report.page import write

    path = write(Path(folder), progress=progress_for_terminal())
    if as_json:
        print_json({"report": str(path)})
    else:
        click.echo(str(path))
        talk_view(folder)
    if shown:
        show_page(path)
