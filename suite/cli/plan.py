"""Show what a study would run: cells, requests, tokens, detectable difference."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from suite.cli.options import json_option, study_options
from suite.cli.output import counted, print_json, print_table, talk
from suite.errors import SuiteError

if TYPE_CHECKING:
    from suite.engine.cost import Expected

TABLES = {
    "cells": ("cell", "samples", "items", "requests"),
    "tasks": ("task", "domain", "n", "images", "cells", "detectable"),
}
"""Part of the plan -> its columns on the screen."""


@click.command()
@study_options
@click.option("--check", is_flag=True, help="End with code 1 where a checkpoint is missing.")
@click.option("--folder", type=click.Path(path_type=Path), help="Data and models of a recipe.")
@click.option("--size", "sizes", multiple=True, help="Only this size of a recipe.")
@click.option("--stage", "stages", multiple=True, help="Only this stage of a recipe.")
@click.option("--card", help="GPU that a recipe is planned for (h100).")
@click.option("--cards", type=click.IntRange(1), help="How many, with the weights sharded (1).")
@click.option("--mfu", type=click.FloatRange(0, 1, min_open=True), help="Share of its peak (0.35).")
@json_option
def command(
    study: str,
    out: str | None,
    store: str | None,
    chosen: dict[str, Any],
    check: bool,
    as_json: bool,
    **recipe: Any,
) -> None:
    """Show the cells and requests of STUDY, a built-in name or a YAML file. Runs nothing.

    STUDY may be the recipe of a family of real sizes, where no study has its name: then it shows
    parameters, steps, tokens, memory and hours of each stage and size.

    Planned is what all cells would ask if each asked alone; distinct is what is asked when they
    share. Tokens at most is an upper bound; expected tokens and time are those of the answers that
    the same models gave before, in the run directory or store. Detectable is the paired difference
    found with 80 % power, where two systems differ on half of the items.

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
    from suite.engine.cost import expected
    from suite.models.fingerprint import check_format
    from suite.models.weights import present
    from suite.planning.plan import plan

    planned = plan(study, **chosen)
    for count in planned.steps:
        check_format(count.step.spec)
    costs = expected(planned, out=out, store=store)
    missing, remote = (
        [
            {"model": name, "source": spec.source}
            for (_, spec), name in planned.models.items()
            if (spec.repo is not None) == on_hub and spec.model is None
            and not present(spec.path, spec.repo, spec.revision, spec.gguf_file)
        ]
        for on_hub in (False, True)
    )  # fmt: skip
    content = planned.as_json() | {"expected": costs.as_json(), "missing": missing}
    content["on_the_hub"] = remote
    if as_json:
        print_json(content)
    else:
        _show(content)
        _talk_about_cost(costs, study, out, store)
    if check and missing:
        click.get_current_context().exit(1)


def _show(content: dict[str, Any]) -> None:
    """Prints the tables of a plan, and says what is missing."""
    for part, names in TABLES.items():
        print_table(names, [[row[name] for name in names] for row in content[part]])
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
    _talk(content)
    if missing := content["missing"]:
        talk(
            f"Missing on this machine, {counted(len(missing), 'checkpoint')}: "
            + ", ".join(f"{row['model']} ({row['source']})" for row in missing)
            + "; name the folder that holds them, by role and size, with --weights."
        )
    if remote := content["on_the_hub"]:
        talk(
            f"Not on this machine yet, {counted(len(remote), 'checkpoint')} of the Hugging Face "
            "Hub, which a run fetches, as `hf download` does: "
            + ", ".join(f"{row['model']} ({row['source']})" for row in remote)
            + "."
        )


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
    planned_count, distinct = content["requests"]["planned"], content["requests"]["distinct"]
    saved = 1 - distinct / planned_count if planned_count else 0.0
    talk(
        f"{content['study']}: {counted(len(content['cells']), 'cell')}, "
        f"{counted(planned_count, 'request')} planned, "
        f"{distinct:,} distinct ({saved:.0%} saved), "
        f"at most {sum(step['most_tokens'] for step in content['stages']):,} tokens."
    )


def _talk_about_cost(costs: Expected, study: str, out: str | None, store: str | None) -> None:
    """What was measured of the cost; else the command that measures it, as this one was typed."""
    tokens, seconds = costs.total("tokens"), costs.total("seconds")
    if tokens is not None and seconds is not None:
        from suite.engine.progress import duration

        talk(
            f"Expected: {tokens:,.0f} tokens, {duration(seconds)} of one process if nothing were "
            f"stored, by the answers in {costs.store}."
        )
        return
    words = ["downscale", "run", study]
    words += ["--out", out] if out is not None else []
    words += ["--store", store] if store is not None else []
    missing = sorted({stage.model for stage in costs.stages if stage.rate is None})
    talk(
        f"Expected tokens and time: unknown, {costs.store} holds no answers of "
        f"{', '.join(missing)}; `{shlex.join([*words, '--limit', '5'])}` measures them."
    )
