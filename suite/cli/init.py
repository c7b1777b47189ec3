"""Write a commented study file to start from."""

from __future__ import annotations

from pathlib import Path

import click
import yaml

from suite.base.files import checked_name
from suite.cli.options import json_option
from suite.cli.output import print_json, talk
from suite.errors import NO_ROOM, SuiteError

STDOUT = "-"


@click.command()
@click.argument("path", default="study.yaml", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--force", is_flag=True, help="Replace the file when it is there.")
@json_option
def command(path: str, force: bool, as_json: bool) -> None:
    """Write a study file to PATH (study.yaml), with every key explained.

    PATH `-` prints it on stdout. --json prints where it is and the name of its study; for `-` its
    text too.
    """
    from suite.planning.study import FOLDER

    target = Path("study.yaml" if path == STDOUT else path)
    try:
        checked_name(target.stem, "study")
    except ValueError as error:
        raise SuiteError(f"The file {target} names its study, and {error}.") from error
    template = (FOLDER / "_template.yaml").read_text(encoding="utf-8")
    name = yaml.safe_dump(target.stem, allow_unicode=True).splitlines()[0]  # 2026-11-26 in quotes
    text = template.replace("NAME", name, 1)
    if path == STDOUT:
        if as_json:
            print_json({"path": None, "study": target.stem, "text": text})
        else:
            click.echo(text, nl=False)
        return
    _write(target, text, force)
    if as_json:
        print_json({"path": str(target), "study": target.stem})
    talk(f"Wrote {target}: edit it, then `downscale plan {target}` and `downscale run {target}`.")


def _write(target: Path, text: str, force: bool) -> None:
    if target.exists() and not force:
        raise SuiteError(f"{target} is there already; choose another name or add --force.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        raise SuiteError(f"{target} cannot be written ({error.strerror}).") from error
