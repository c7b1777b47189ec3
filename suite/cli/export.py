"""Write a run's answers as lmms-eval's samples files."""

from __future__ import annotations

from pathlib import Path

import click

from suite.cli.options import all_option, json_option
from suite.cli.output import counted, print_json, print_lines, talk


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option(
    "--cell", "cells", multiple=True, metavar="ID", help="Only cells with this id or glob."
)
@click.option("--out", type=click.Path(), help="Where to write; DIR/lmms_eval by default.")
@all_option
@json_option
def command(
    folder: str, cells: tuple[str, ...], out: str | None, everything: bool, as_json: bool
) -> None:
    """Write the answers of the run in DIR as lmms-eval writes them with --log_samples.

    A folder per cell holds one JSONL per task (DATE_samples_TASK.jsonl, a line an item) and
    DATE_results.json, for whatever reads lmms-eval's logs. `doc_id` is the item's row in the
    benchmark's data; a failed answer has a null score.

    \b
    Example: hold an lmms-eval run of another model against a cell of this one
      downscale export runs/micro --cell end_to_end/P=l --out logs
      python -m lmms_eval ... --baseline logs/end_to_end__P=l/DATE_samples_TASK.jsonl
    """
    from suite.runs.export import export

    target = Path(out) if out else Path(folder) / "lmms_eval"
    files = export(folder, cells=cells, out=target, say=talk)
    if as_json:
        print_json({"dir": str(target), "files": [vars(file) for file in files]})
        return
    folders = list(dict.fromkeys(str(Path(file.file).parent) for file in files))
    print_lines([file.file for file in files], everything, [folders])
    failed = sum(file.failed for file in files)
    talk(
        f"{counted(len({file.cell for file in files}), 'cell')}, {counted(len(files), 'file')}, "
        f"{counted(sum(file.samples for file in files), 'sample')}, "
        f"{failed:,} of them without a score."
    )
