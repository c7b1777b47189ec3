"""Show what a study would run: cells, requests, tokens, detectable difference."""

from __future__ import annotations

import click

from suite.cli.output import json_option, print_json, print_table, talk
from suite.cli.run import data_paths, study_options


@click.command()
@click.argument("study")
@study_options
@json_option
def command(
    study: str,
    limit: int | None,
    only: tuple[str, ...],
    data: tuple[str, ...],
    weights: str | None,
    as_json: bool,
) -> None:
    """Show the cells and requests of STUDY, a built-in name or a YAML file. Runs nothing.

    Planned is what all cells would ask if each asked alone; distinct is what is asked when they
    share. Tokens are an upper bound. Detectable is the paired difference found with 80 % power.
    """
    from suite.plan import plan

    planned = plan(study, limit=limit, only=only, data=data_paths(data), weights=weights)
    content = planned.as_json()
    if as_json:
        print_json(content)
        return
    _print(content, "cells", ["cell", "samples", "items", "requests"])
    _print(content, "tasks", ["task", "domain", "n", "cells", "detectable"])
    print_table(
        ["stage", "model", "planned", "distinct", "tokens at most"],
        [
            [
                f"{step['template']}{' thinking' if step['thinking'] else ''}",
                step["model"],
                *(step[name] for name in ("planned", "distinct", "most_tokens")),
            ]
            for step in content["stages"]
        ],
    )
    unknown = [task["task"] for task in content["tasks"] if task["n"] is None]
    if unknown:
        talk(f"Not counted, their size is known once their data are read: {', '.join(unknown)}.")
    planned_count, distinct = content["requests"]["planned"], content["requests"]["distinct"]
    saved = 1 - distinct / planned_count if planned_count else 0.0
    talk(
        f"{content['study']}: {len(content['cells'])} cells, {planned_count:,} requests planned, "
        f"{distinct:,} distinct ({saved:.0%} saved), "
        f"at most {sum(step['most_tokens'] for step in content['stages']):,} tokens."
    )


def _print(content: dict[str, list[dict[str, object]]], part: str, names: list[str]) -> None:
    print_table(names, [[row[name] for name in names] for row in content[part]])
