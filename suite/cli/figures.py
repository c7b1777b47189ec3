"""Draw the figures of a run again, with their CSVs."""

from __future__ import annotations

from pathlib import Path

import click

from analyses.registry import FIGURES
from suite.cli.options import json_option
from suite.cli.output import counted, print_json, talk

HELP = "\n".join(
    [
        "Draw the figures of the run in DIR as PNG, SVG and PDF, each with the CSV of what it",
        "shows: every one, or those of each NAME. Nothing is drawn again while records and code",
        "are unchanged.",
        "",
        "\b",
        "Figures:",
        *(f"  {name:<13} {spec.title}" for name, spec in FIGURES.items()),
        "",
        "\b",
        "Example:",
        "  downscale figures runs/micro",
        "  downscale figures runs/micro overview thinking",
    ]
)


@click.command(help=HELP)
@click.argument("folder", metavar="DIR", type=click.Path())
@click.argument("names", metavar="[NAME]...", nargs=-1)
@json_option
def command(folder: str, names: tuple[str, ...], as_json: bool) -> None:
    """Figures of a run, all or those named."""
    from suite.report.figures import write

    paths = write(Path(folder), names or tuple(FIGURES))
    if as_json:
        print_json([str(path) for path in paths])
        return
    for path in paths:
        click.echo(str(path))
    talk(f"{counted(len(paths), 'file')} in {Path(folder) / 'figures'}.")
