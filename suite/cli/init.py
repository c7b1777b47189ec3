"""Write a commented study file to start from."""

from __future__ import annotations

from pathlib import Path

import click

from suite.cli.output import talk
from suite.errors import SuiteError


@click.command()
@click.argument("path", default="study.yaml", type=click.Path(dir_okay=False))
@click.option("--force", is_flag=True, help="Replace the file when it is there.")
def command(path: str, force: bool) -> None:
    """Write a study file to PATH (study.yaml), with every key explained."""
    from suite.study import FOLDER

    target = Path(path)
    if target.exists() and not force:
        raise SuiteError(f"{target} is there already; choose another name or add --force.")
    template = (FOLDER / "_template.yaml").read_text(encoding="utf-8")
    name = target.stem
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(template.replace("NAME", name, 1), encoding="utf-8")
    except OSError as error:
        raise SuiteError(f"{target} cannot be written ({error.strerror}).") from error
    talk(f"Wrote {target}: edit it, then `downscale plan {target}` and `downscale run {target}`.")
