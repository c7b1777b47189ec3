"""Run a study: what is missing is generated, then analysed, drawn and reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from suite.cli.options import all_option, json_option, open_option, study_options
from suite.cli.output import (
    counted,
    print_found,
    print_json,
    print_table,
    show_page,
    talk,
    talk_view,
)
from suite.errors import SuiteError

INTERRUPTED = "Interrupted: what was finished is in the store; the same command resumes there."


@click.command()
@study_options
@click.option("--device", default="auto", show_default=True, help="auto, cpu, mps, cuda or cuda:0.")
@click.option(
    "--workers", type=click.IntRange(min=1), help="Processes; decided by device if absent."
)
@click.option(
    "--ray", help="Ray cluster that generates: local, auto, HOST:PORT or ray://HOST:PORT."
)
@click.option("--actors", type=click.IntRange(1), help="Actors on it (as many as have room).")
@click.option("--gpus-per-actor", type=click.FloatRange(0), help="(One where there are any.)")
@click.option("--cpus-per-actor", type=click.IntRange(1), help="(One beside a GPU, else a node's.)")
@open_option
@all_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    study: str,
    out: str | None,
    store: str | None,
    chosen: dict[str, Any],
    device: str,
    workers: int | None,
    ray: str | None,
    actors: int | None,
    gpus_per_actor: float | None,
    cpus_per_actor: int | None,
    shown: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """Run STUDY, a built-in name or a YAML file.

    Only what the store lacks is generated, so a run that was stopped goes on where it was. Writes
    records.parquet, tables, figures, report.html and provenance.json. Exit code 1 when some request
    failed: the same command tries only those again.

    With --ray, actors on the nodes of a cluster generate, each batch by whoever is free; all of
    them must see the store and the checkpoints under the same names.

    \b
    Example:
      downscale run micro
      downscale run study.yaml --ray auto --gpus-per-actor 1 --store s3://bucket/store
    """
    from suite.api import run
    from suite.engine.cluster import Cluster
    from suite.engine.progress import progress_for_terminal

    if not ray and (actors, gpus_per_actor, cpus_per_actor) != (None, None, None):
        raise SuiteError("--actors and what an actor takes belong to --ray; add it.")
    try:
        result = run(
            study,
            out=out,
            store=store,
            device=device,
            workers=workers,
            ray=Cluster(ray, actors, gpus_per_actor, cpus_per_actor) if ray else None,
            progress=progress_for_terminal(),
            **chosen,
        )
    except KeyboardInterrupt:
        talk(INTERRUPTED)
        ctx.exit(130)
    if as_json:
        print_json(result.summary)
    else:
        _print_summary(result.summary, everything)
    _talk_about(result.summary, result.dir)
    for reason, count in list(result.failures.items())[:5]:
        talk(f"  {counted(count, 'row')}: {reason}")
    if not as_json:
        print_found(result.summary, str(result.dir / "report.html"))
    talk(show_hint(result.dir, result.summary["cells"]))
    talk_view(result.dir)
    if chosen["limit"] is not None:
        talk(f"A look has its overview drawn alone; `downscale figures {result.dir}` draws all.")
    if shown:
        show_page(result.dir / "report.html")
    if result.summary["requests"]["failed"] or result.failures:
        ctx.exit(1)


def show_hint(folder: Path, cells: Sequence[dict[str, Any]]) -> str:
    """Names the command that shows single items: those lost by perception where there is a grid.

    cells: with method, perception and reasoning.
    """
    pairs = [cell for cell in cells if cell["perception"] and cell["reasoning"]]
    sizes = [{cell[module] for cell in pairs} for module in ("perception", "reasoning")]
    which = "--blame perception" if all(len(own) > 1 for own in sizes) else "--wrong"
    return f"`downscale show {folder} {which}` lists items to look at, ITEM after it shows one."


def _print_summary(summary: dict[str, Any], everything: bool) -> None:
    names = ["cell", "task", "n", "accuracy", "low", "high", "unparsed"]
    whole = [entry for entry in summary["cells"] if entry["group"] is None]
    rows = [[entry[name] for name in names] for entry in whole]
    # Of many rows the grid and the sentences below are the summary.
    print_table(names, rows, everything=everything, coarser=[[]])


def _talk_about(summary: dict[str, Any], folder: Path) -> None:
    from suite.engine.progress import duration
    from suite.runs.words import asked

    requests = summary["requests"]
    talk(
        f"{asked(requests)}: {requests['generated']:,} generated, "
        f"{requests['cached']:,} from the store, {requests['failed']:,} failed."
    )

    talk(f"{summary['study']} took {duration(summary['seconds'])}: see {folder / 'report.html'}")
    if requests["failed"]:
        talk("Some requests failed; the same command tries only those again:")
