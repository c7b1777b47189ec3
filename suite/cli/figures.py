"""Draw the figures of a run again, with their CSVs."""

from __future__ import annotations

from pathlib import Path

import click

from analyses.registry import FIGURES
from suite.cli.options import all_option, completing, json_option
from suite.cli.output import counted, print_json, print_lines, talk

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
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completing(lambda: FIGURES))
@all_option
@json_option
def command(folder: str, names: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Figures of a run, all or those named."""
    from suite.engine.progress import progress_for_terminal
    from suite.report.figures import write

    paths = write(Path(folder), names or tuple(FIGURES), progress=progress_for_terminal())
    if as_json:
        print_json([str(path) for path in paths])
        return
    kinds: dict[Path, list[str]] = {}
    for path in paths:
        kinds.setdefault(path.with_suffix(""), []).append(path.suffix.removeprefix("."))
    figures = [f"{stem}.{{{','.join(own)}}}" for stem, own in kinds.items()]
    print_lines([str(path) for path in paths], everything, [figures])
    talk(f"{counted(len(paths), 'file')} in {Path(folder) / 'figures'}.")
