"""List model families: their sizes, roles, sources, and whether the weights are here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from suite.base.files import user_path
from suite.cli.options import family_argument, json_option
from suite.cli.output import cell_text, print_json, print_table, talk
from suite.errors import SuiteError, nearest
from suite.models.fingerprint import check_format
from suite.models.weights import weight_files


@click.command()
@family_argument("families", nargs=-1)
@click.option(
    "--nowait",
    metavar="NAME",
    help="The tokens that NoWait leaves out for a family, or for a folder with a tokenizer.",
)
@click.option("--check", is_flag=True, help="Load each checkpoint and ask it something.")
@click.option("--size", "sizes", multiple=True, help="Only this size, with --check.")
@click.option("--device", default="auto", show_default=True, help="Where it is loaded.")
@json_option
def command(
    families: tuple[str, ...],
    nowait: str | None,
    check: bool,
    sizes: tuple[str, ...],
    device: str,
    as_json: bool,
) -> None:
    """List the sizes of FAMILIES, built-in names or YAML files; all built-in ones by default.

    Params are those of the language model. Text models reason, VLMs see; further perceivers of a
    size (`vlms`) are listed by name. Here means that the weights are on this machine; others are
    fetched from the Hub when a study needs them, or answer from a server.

    With --check every checkpoint of FAMILIES is loaded, asked in words and shown a picture: class,
    parameters, memory, what the thinking switch changes, how many tokens NoWait leaves out. Exit
    code 1 when one of them fails.

    \b
    Example:
      downscale models
      downscale models my_family.yaml --check --size 0.6b
    """
    from suite.models.family import list_families, load_family

    if nowait is not None:
        _nowait(nowait, as_json)
        return
    if check:
        _check(families, sizes, device, as_json)
        return
    rows: list[dict[str, Any]] = []
    for name in families or list_families():
        family = load_family(name)
        for size in family.sizes:
            for role, _, spec in size.checkpoints:
                try:
                    check_format(spec)
                except SuiteError as error:
                    talk(f"{error}")
                rows.append(
                    {
                        "family": family.name,
                        "size": size.name,
                        "params": size.params,
                        "role": role,
                        "source": spec.source,
                        "here": bool(weight_files(spec)),
                    }
                )
    if as_json:
        print_json(rows)
        return
    names = ("family", "size", "params", "role", "source", "here")
    table = [[row[name] for name in names] for row in rows]
    print_table(names, [[*r[:2], _short(r[2]), *r[3:4], _shown(r[4]), r[5]] for r in table])
    absent = sum(not row["here"] for row in rows)
    if absent:
        talk(
            f"{absent} of {len(rows)} checkpoints are not here; those on the Hub are fetched when "
            "a study needs them, or by `hf download`."
        )


def _check(families: tuple[str, ...], sizes: tuple[str, ...], device: str, as_json: bool) -> None:
    """Tries the checkpoints of families one after the other, and ends with 1 where one fails."""
    from suite.models.check import tried
    from suite.models.family import load_family

    if not families:
        raise SuiteError("--check loads what it names: name a family, or the YAML file of one.")
    rows: list[dict[str, Any]] = []
    for family in map(load_family, families):
        known = [size.name for size in family.sizes]
        for name in sizes:
            if name not in known:
                raise SuiteError(
                    f"Family {family.name} has no size {name!r}{nearest(name, known)}."
                )
        for size in family.sizes:
            for name, role, spec in size.checkpoints if size.name in (sizes or known) else ():
                talk(f"{family.name} {size.name} {name}: {spec.source}")
                about = {"family": family.name, "size": size.name, "role": name}
                rows.append(about | {"source": spec.source} | tried(spec, role, device=device))
                if not as_json:
                    _tell(rows[-1])
    if as_json:
        print_json(rows)
    failed = sum(row["problem"] is not None for row in rows)
    if failed:
        talk(f"{failed} of {len(rows)} checkpoints failed.")
        click.get_current_context().exit(1)


def _tell(row: dict[str, Any]) -> None:
    """Prints what was found of a checkpoint, a line each."""
    for name in ("class", "params", "memory", "context", *list(row)[8:]):
        value = row["bytes"] if name == "memory" else row[name]
        if value is not None:
            if name == "memory":
                value = f"{value / 2**20:,.1f} MiB"
            click.echo(f"  {name:<9} {cell_text(value)}")


def _nowait(name: str, as_json: bool) -> None:
    """Ids and texts that NoWait leaves out, for the text models of each size; a list that a smaller
    size has already is not given twice."""
    from suite.models.family import load_family
    from suite.models.nowait import nowait_ids
    from suite.models.spec import ModelSpec
    from suite.models.transformers.loading import tokenizer_of

    if (user_path(name) / "tokenizer.json").is_file():
        specs = {name: ModelSpec(path=user_path(name))}
    else:
        sizes = load_family(name).sizes
        specs = {s.name: s.text for s in sizes if s.text and s.text.generator == "transformers"}
    if not specs:
        raise SuiteError(f"Family {name} has no text model on this machine; NoWait is for these.")
    rows: list[dict[str, Any]] = []
    for size, spec in specs.items():
        tokenizer = tokenizer_of(spec)
        ids = nowait_ids(tokenizer)
        tokens = [{"id": n, "text": tokenizer.decode([n])} for n in ids]
        if not any(row["tokens"] == tokens for row in rows):
            rows.append({"size": size, "source": spec.source, "tokens": tokens})
    if as_json:
        print_json(rows)
        return
    for row in rows:
        talk(f"{row['size']} ({row['source']}): {len(row['tokens'])} tokens.")
        print_table(["id", "text"], [[one["id"], repr(one["text"])] for one in row["tokens"]])


def _short(params: float) -> str:
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if params >= limit:
            return f"{params / limit:.3g}{unit}"
    return f"{params:.0f}"


def _shown(source: str) -> str:
    """A path relative to where the person stands, where that is shorter."""
    path = Path(source)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return source
