"""Train a model family by a recipe, stage by stage; resumes after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from suite.cli.options import json_option
from suite.cli.output import print_json, talk

if TYPE_CHECKING:
    from suite.training.recipe import Recipe
    from suite.training.vlm.recipe import RealRecipe

AnyRecipe = TypeVar("AnyRecipe", "Recipe", "RealRecipe")
CHECKPOINTS = Path("checkpoints")
"""Where the folder of a recipe is, without --out."""


@click.command()
@click.argument("recipe")
@click.option("--out", type=click.Path(path_type=Path), help="Folder (checkpoints/RECIPE).")
@click.option("--seed", type=click.IntRange(0), help="Seed of another family (the recipe's).")
@click.option("--size", "sizes", multiple=True, help="Only this size; may be given again.")
@click.option("--stage", "stages", multiple=True, help="Only this stage; may be given again.")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Stages trained at once, in processes.",
)
@click.option("--threads", type=int, help="CPU threads of a model (all, or a job's share).")
@click.option("--workers", type=int, default=0, show_default=True, help="Data loading processes.")
@click.option(
    "--compile/--no-compile",
    "compiled",
    default=False,
    help="Compile a model's layers first (needs a C++ compiler): an eighth quicker on a CPU.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Folder of the data and models of a recipe of real sizes (its own).",
)
@click.option("--export/--no-export", "exporting", default=True, help="Write the folders to ship.")
@json_option
def command(
    recipe: str,
    out: Path | None,
    seed: int | None,
    sizes: tuple[str, ...],
    stages: tuple[str, ...],
    jobs: int,
    threads: int | None,
    workers: int,
    compiled: bool,
    folder: Path | None,
    exporting: bool,
    as_json: bool,
) -> None:
    """Train the family of RECIPE, a built-in name or a YAML file, and export its folders.

    Every stage keeps checkpoints and a learning curve under --out; the same command goes on where
    it was stopped. With --jobs, sizes and stages that do not wait for each other are trained side
    by side. A recipe of real sizes runs on one card, or with torchrun on several.

    \b
    Example:
      downscale train micro --jobs 4
      downscale train micro --seed 2 --size s
      torchrun --nproc-per-node 8 -m suite train paper_family --size 0.6b --folder DATA
    """
    from suite.errors import SuiteError
    from suite.training.recipe import load_recipe
    from suite.training.vlm.recipe import load_real

    if real := load_real(recipe, folder):
        real, out = _seeded(real, seed, out, real.recipe)
        if compiled:
            raise SuiteError(f"Recipe {real.recipe!r} is not compiled; leave --compile out.")
        _train_real(real, out, sizes, stages, (jobs, threads, workers), as_json)
        return
    if folder:
        raise SuiteError(f"Recipe {recipe} draws its own data; leave --folder out.")
    loaded = load_recipe(recipe)
    for name, known in (*((s, loaded.sizes) for s in sizes),
                        *((s, [x.name for x in loaded.stages]) for s in stages)):  # fmt: skip
        if name not in known:
            raise SuiteError(
                f"Recipe {loaded.recipe!r} has no {name!r}; it has {', '.join(known)}."
            )
    loaded, folder = _seeded(loaded, seed, out, loaded.base or loaded.recipe)
    chosen = list(sizes or loaded.sizes)
    named = list(stages or [s.name for s in loaded.stages])
    if jobs > 1:
        more = ["--workers", str(workers), *(["--compile"] if compiled else [])]
        _side_by_side(recipe, loaded, chosen, named, folder, jobs, threads, more)
    import torch

    from suite.training.export import export
    from suite.training.run import TrainingRun

    _quiet()
    if threads:
        torch.set_num_threads(threads)
    family = TrainingRun(loaded, folder, workers, talk, compiled)
    family.train(chosen, named)
    written = export(family, chosen, folder / "export") if exporting else []
    if as_json:
        print_json({"recipe": loaded.recipe, "folders": [str(p) for p in written]})
        return
    for path in written:
        click.echo(str(path))


def _seeded(
    recipe: AnyRecipe, seed: int | None, out: Path | None, name: str
) -> tuple[AnyRecipe, Path]:
    """The recipe of the family of that seed, and its folder: one of another seed has its own."""
    if seed is not None and seed != recipe.seed:
        name = f"{name}-seed{seed}"
        recipe = recipe.model_copy(update={"seed": seed})
    return recipe, out or CHECKPOINTS / name


def _train_real(
    recipe: RealRecipe,
    out: Path,
    sizes: tuple[str, ...],
    stages: tuple[str, ...],
    share: tuple[int, int | None, int],
    as_json: bool,
) -> None:
    """Trains stages of real sizes one after another; stdout gets the model folders."""
    import torch

    from suite.errors import SuiteError
    from suite.training.vlm.recipe import chosen
    from suite.training.vlm.run import RealRun

    jobs, threads, workers = share
    if jobs > 1:
        raise SuiteError(
            f"Recipe {recipe.recipe!r} trains one stage at a time, on all cards: leave --jobs out, "
            "and start it with `torchrun --nproc-per-node CARDS -m suite train ...`."
        )
    _quiet()
    if threads:
        torch.set_num_threads(threads)
    run = RealRun(recipe, out, workers, talk)
    written = run.train(*chosen(recipe, sizes, stages))
    if as_json and run.first:
        print_json({"recipe": recipe.recipe, "folders": [str(path) for path in written]})
    for path in written if run.first and not as_json else ():
        click.echo(str(path))


def _quiet() -> None:
    """Keeps the library's own bars off stderr."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _side_by_side(
    recipe: str,
    loaded: Recipe,
    sizes: list[str],
    stages: list[str],
    folder: Path,
    jobs: int,
    threads: int | None,
    more: list[str],
) -> None:
    """Trains what is not finished in up to `jobs` processes, each with its share of the cores and
    the options `more`."""
    import os
    import subprocess

    from suite.base.machine import cores
    from suite.training.parallel import Task, command_of, tasks_of, train_side_by_side

    own = threads or max(1, cores() // jobs)

    def start(task: Task) -> subprocess.Popen[bytes]:
        line = command_of(recipe, loaded.seed, task, folder, own, more)
        return subprocess.Popen(line, env={**os.environ, "OMP_NUM_THREADS": str(own)})

    train_side_by_side(loaded, tasks_of(loaded, sizes, stages), folder, jobs, start)
