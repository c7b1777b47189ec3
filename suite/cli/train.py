"""Train a model family by a recipe, stage by stage; resumes after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from suite.cli.output import json_option, print_json, talk


@click.command()
@click.argument("recipe")
@click.option("--out", type=click.Path(path_type=Path), help="Folder (checkpoints/RECIPE).")
@click.option("--size", "sizes", multiple=True, help="Only this size; may be given again.")
@click.option("--stage", "stages", multiple=True, help="Only this stage; may be given again.")
@click.option("--threads", type=int, help="CPU threads of the model (all).")
@click.option("--workers", type=int, default=0, show_default=True, help="Data loading processes.")
@json_option
def command(
    recipe: str,
    out: Path | None,
    sizes: tuple[str, ...],
    stages: tuple[str, ...],
    threads: int | None,
    workers: int,
    as_json: bool,
) -> None:
    """Train the family of RECIPE, a built-in name or a YAML file, and export its folders.

    Every stage keeps checkpoints and a learning curve under --out; the same command goes on where
    it was stopped. Sizes can be trained side by side by one command each.

    \b
    Example:
      downscale train micro --size s
    """
    from suite.errors import SuiteError
    from suite.training.recipe import load_recipe

    loaded = load_recipe(recipe)
    for name, known in (*((s, loaded.sizes) for s in sizes),
                        *((s, [x.name for x in loaded.stages]) for s in stages)):  # fmt: skip
        if name not in known:
            raise SuiteError(
                f"Recipe {loaded.recipe!r} has no {name!r}; it has {', '.join(known)}."
            )
    import torch
    from transformers.utils import logging

    from suite.training.export import export
    from suite.training.family import Family

    quiet: Any = logging.disable_progress_bar
    quiet()
    if threads:
        torch.set_num_threads(threads)
    folder = out or Path("checkpoints") / loaded.recipe
    family = Family(loaded, folder, workers, talk)
    chosen = list(sizes or loaded.sizes)
    family.train(chosen, list(stages or [s.name for s in loaded.stages]))
    written = export(family, chosen, folder / "export")
    if as_json:
        print_json({"recipe": loaded.recipe, "folders": [str(p) for p in written]})
        return
    for path in written:
        click.echo(str(path))
