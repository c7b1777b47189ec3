"""Draw the figures of a run again, with their CSVs."""

from __future__ import annotations

from pathlib import Path

import click

from suite.cli.output import json_option, print_json, talk


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@json_option
def command(folder: str, as_json: bool) -> None:
    """Draw every figure of the run in DIR as PNG, SVG and PDF, each with the CSV of what it shows.

    Nothing is drawn again while records and code are unchanged.

    \b
    Example:
      downscale figures runs/micro
    """
    from suite.report import write_figures

    paths = write_figures(Path(folder))
    if as_json:
        print_json([str(path) for path in paths])
        return
    for path in paths:
        click.echo(str(path))
    talk(f"{len(paths)} files in {Path(folder) / 'figures'}.")
