"""List the studies that come with the suite."""

from __future__ import annotations

import click

from suite.cli.options import json_option
from suite.cli.output import print_json, print_table


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the built-in studies; `downscale plan NAME` says what one would run."""
    from suite.planning.study import list_studies, load_study

    studies = [load_study(name) for name in list_studies()]
    rows = [
        {
            "study": study.study,
            "title": study.title,
            "family": study.family,
            "tasks": [row.task for row in study.tasks],
            "methods": list(dict.fromkeys(row.method for row in study.cells)),
        }
        for study in studies
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ["study", "title", "tasks", "methods"],
        [
            [row["study"], row["title"], len(row["tasks"]), ", ".join(row["methods"])]
            for row in rows
        ],
    )
