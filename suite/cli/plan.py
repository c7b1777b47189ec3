"""Show what a study would run: cells, requests, tokens, detectable difference."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from suite.cli.options import all_option, json_option, study_options
from suite.cli.output import counted, print_json, print_table, talk
from suite.errors import SuiteError

if TYPE_CHECKING:
    from suite.engine.cost import Expected

TABLES = {
    "cells": ("cell", "samples", "items", "requests"),
    "tasks": ("task", "domain", "n", "images", "cells", "detectable"),
}
"""Part of the plan -> its columns on the screen."""
SCALES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@click.command()
@study_options
@click.option(
    "--check", is_flag=True, help="End with code 1 where something is not here, nor on the Hub."
)
@click.option("--folder", type=click.Path(path_type=Path), help="Data and models of a recipe.")
@click.option("--size", "sizes", multiple=True, help="Only this size of a recipe.")
@click.option("--stage", "stages", multiple=True, help="Only this stage of a recipe.")
@click.option("--card", help="GPU that a recipe is planned for (h100).")
@click.option("--cards", type=click.IntRange(1), help="How many, with the weights sharded (1).")
@click.option("--mfu", type=click.FloatRange(0, 1, min_open=True), help="Share of its peak (0.35).")
@all_option
@json_option
def command(
    study: str,
    out: str | None,
    store: str | None,
    chosen: dict[str, Any],
    check: bool,
    everything: bool,
    as_json: bool,
    **recipe: Any,
) -> None:
    """Show the cells and requests of STUDY, a built-in name or a YAML file. Runs nothing.

    STUDY may be the recipe of a family of real sizes, where no study has its name: then it shows
    parameters, steps, tokens, memory and hours of each stage and size.

    Planned is what all cells would ask if each asked alone; distinct is what is asked at most when
    they share, as texts that are the same are asked once. Expected tokens and time are those of the
    answers that the same models gave before, in the run directory or store. Detectable is the
    paired difference found with 80 % power, where two systems differ on half of the items. Memory
    is that of a model's weights. Checkpoints and data sets that are not on this machine are listed;
    with --check the exit code is 1 where a run does not fetch one of them from the Hub.

    \b
    Example:
      downscale plan micro
      downscale plan study.yaml --check && downscale run study.yaml
      downscale plan paper_family --size 0.6b --card a100 --cards 8
    """
    from suite.training.vlm.recipe import names_recipe

    if names_recipe(study):
        _refuse(study, "recipe", {"out": out, "store": store, "check": check, **chosen})
        _plan_recipe(study, as_json=as_json, **recipe)
        return
    _refuse(study, "study", recipe)
    from suite.engine.cost import expected, missing, models_of
    from suite.models.fingerprint import check_format
    from suite.planning.plan import plan

    planned = plan(study, **chosen)
    for count in planned.steps:
        check_format(count.step.spec)
    costs = expected(planned, out=out, store=store)
    lacking = missing(planned)
    content = planned.as_json() | {"expected": costs.as_json(), "missing": lacking}
    content["models"] = models_of(planned)
    if as_json:
        print_json(content)
    else:
        _show(content, everything)
        _talk_about_cost(costs, study, out, store)
    if check and not all(row["fetched"] for row in lacking):
        click.get_current_context().exit(1)


def _show(content: dict[str, Any], everything: bool) -> None:
    """Prints the tables of a plan, of what it needs and of what is missing."""
    from suite.engine.progress import duration

    for part, names in TABLES.items():
        rows = [[row[name] for name in names] for row in content[part]]
        print_table(names, rows, everything=everything)
    names = ("stage", "model", "thinking")
    took = {tuple(row[n] for n in names): row for row in content["expected"]["stages"]}
    print_table(
        ["stage", "model", "planned", "distinct", "tokens at most", "time"],
        [
            [
                f"{step['template']}{' thinking' if step['thinking'] else ''}",
                step["model"],
                *(step[name] for name in ("planned", "distinct", "most_tokens")),
                _time(took[tuple(step[n] for n in names)], step["distinct"], duration),
            ]
            for step in content["stages"]
        ],
        everything=everything,
    )
    if models := content["models"]:
        print_table(
            ["model", "source", "here", "format", "parameters", "memory", "download"],
            [
                [
                    *(row["model"], row["source"], row["here"], row["dtype"]),
                    *(_size(row, "params", ""), _size(row, "memory"), _size(row, "download")),
                ]
                for row in models
            ],
            everything=everything,
        )
        talk(_about_models(models))
    if rows := content["missing"]:
        print_table(
            ["not here", "name", "source", "what brings it"],
            [[*(row[name] for name in ("kind", "name", "source")), _way(row)] for row in rows],
            everything=everything,
        )
    _talk(content)
    if any(row["kind"] == "checkpoint" for row in content["missing"]):
        talk("--weights names the folder that holds checkpoints, by role and size.")


def _way(row: dict[str, Any]) -> str:
    """What brings something here; a run itself where it can."""
    return f"a run, or {row['fetch']}" if row["fetched"] else str(row["fetch"])


def _time(row: dict[str, Any], distinct: int, duration: Callable[[float], str]) -> str | None:
    """How long a template of a stage takes where the stage was measured."""
    each = row["seconds_per_answer"]
    return None if each is None else duration(distinct * each)


def _about_models(models: list[dict[str, Any]]) -> str:
    """What the sizes are, and the sum of what is to be fetched."""
    said = ["  Memory is that of the weights alone, on this machine."]
    if any(row["estimated"] and row["params"] for row in models):
        said.append(
            "~: estimated by the parameters that the family says, maybe without a vision encoder's."
        )
    fetched = {row["source"]: row["download"] for row in models if row["download"]}
    if fetched:
        total = {"bytes": sum(fetched.values()), "estimated": True}
        said.append(f"To be fetched: {_size(total, 'bytes')} in all.")
    return " ".join(said)


def _size(row: dict[str, Any], name: str, unit: str = "B") -> str | None:
    """A number of parameters or bytes: `1.7 GB`, `~600 M`; None where it is unknown."""
    value = row[name]
    if not value:
        return None
    short = next((f"{value / n:.3g} {p}" for n, p in SCALES if value >= n), f"{value:.0f} ")
    return f"{'~' if row['estimated'] else ''}{short}{unit}".strip()


def _refuse(name: str, kind: str, options: dict[str, Any]) -> None:
    """SuiteError for an option that says nothing of a study, or of a recipe."""
    given = [key for key, value in options.items() if value]
    if given:
        option = {"sizes": "size", "stages": "stage"}.get(given[0], given[0])
        raise SuiteError(f"{name} is a {kind}, which has no --{option}; leave it out.")


def _plan_recipe(
    name: str,
    *,
    folder: Path | None,
    sizes: tuple[str, ...],
    stages: tuple[str, ...],
    card: str | None,
    cards: int | None,
    mfu: float | None,
    as_json: bool,
) -> None:
    """Parameters, steps, tokens, memory and hours of a recipe's stages."""
    from suite.training.vlm import plan
    from suite.training.vlm.recipe import chosen, load_real

    recipe = load_real(name, folder)
    if recipe is None:
        raise SuiteError(
            f"Recipe {name} makes a micro family, whose stages say their own steps; recipes of "
            "real sizes are planned."
        )
    content = plan.plan(
        recipe,
        *chosen(recipe, sizes, stages),
        card=card or "h100",
        cards=cards or 1,
        mfu=mfu or plan.MFU,
    )
    if as_json:
        print_json(content)
        return
    print_table(
        ["stage", "size", "trainable", "of", "rows", "steps", "tokens", "GB a card", "hours"],
        [
            [row["stage"], row["size"], row["trainable"], row["parameters"], row["rows"],
             row["steps"], row["tokens"], f"{row['memory_total'] / 1e9:.0f}"
             + ("" if row["fits"] else " (too much)"), f"{row['hours']:.1f}"]
            for row in content["stages"]
        ],
    )  # fmt: skip
    used = content["card"]
    total = sum(row["card_hours"] for row in content["stages"])
    guessed = dict.fromkeys(r["stage"] for r in content["stages"] if r["read_from"] == "recipe")
    talk(
        f"{used['cards']} x {used['name']}, {used['peak'] / 1e12:.0f} TFLOPS each (bfloat16), of "
        f"which {content['assumed']['mfu']:.0%} are reached: {total:,.0f} card hours. Memory is an "
        "estimate for rows of average length."
    )
    if guessed:
        talk(f"Not counted in data but taken from the recipe: the rows of {', '.join(guessed)}.")


def _talk(content: dict[str, Any]) -> None:
    """What is not known yet, the detectable difference of the mean, and the requests."""
    unknown = [task["task"] for task in content["tasks"] if task["n"] is None]
    if unknown:
        talk(f"Not counted, their size is known once their data are read: {', '.join(unknown)}.")
    found, assumed = content["overall"]["detectable"], content["assumed"]
    if found is not None:
        talk(
            f"Detectable in the mean over {counted(content['overall']['tasks'], 'task')}: "
            f"{found:.3f}, with "
            f"{assumed['power']:.0%} power, where two systems differ on {assumed['discordance']:g} "
            f"of the items and items of one image correlate by {assumed['correlation']:g}."
        )
    from suite.runs.words import asked

    talk(
        f"{content['study']}: {counted(len(content['cells']), 'cell')}, "
        f"{asked(content['requests'])}; "
        f"at most {sum(step['most_tokens'] for step in content['stages']):,} tokens."
    )


def _talk_about_cost(costs: Expected, study: str, out: str | None, store: str | None) -> None:
    """What was measured of the cost; else the command that measures it, as this one was typed."""
    from suite.engine.progress import duration

    tokens, seconds = costs.total("tokens"), costs.total("seconds")
    if tokens is not None and seconds is not None:
        talk(
            f"Expected: {tokens:,.0f} tokens, {duration(seconds)} of one process if nothing were "
            f"stored, by the answers in {costs.store}."
        )
        return
    words = ["downscale", "run", study]
    words += ["--out", out] if out is not None else []
    words += ["--store", store] if store is not None else []
    missing = sorted({stage.model for stage in costs.stages if stage.rate is None})
    known = [row["seconds"] for row in costs.as_json()["stages"] if row["seconds"] is not None]
    so_far = f"more than {duration(sum(known))}" if known else "unknown"
    talk(
        f"Expected tokens and time: {so_far}, {costs.store} holds no answers of "
        f"{', '.join(missing)}; `{shlex.join([*words, '--limit', '5'])}` measures them."
    )
