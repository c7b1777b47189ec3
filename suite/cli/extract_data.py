"""Make training data for perception: conversations to statements to descriptions, checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from suite.cli.options import json_option
from suite.cli.output import counted, print_json, print_table, talk

NONE = "none"


@click.command()
@click.argument("conversations", type=click.Path(path_type=Path))
@click.option("--teacher", required=True, metavar="WHO", help="FAMILY:SIZE, recorded:FILE or gold.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the data.")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder that the paths of images lead from; that of CONVERSATIONS by default.",
)
@click.option("--judge", metavar="WHO", help="FAMILY:SIZE or recorded:FILE: checks descriptions.")
@click.option(
    "--as-authors",
    is_flag=True,
    help="As the study's authors: 512 x 512 pixels, the teacher's sampling, nothing dropped.",
)
@click.option(
    "--drop",
    multiple=True,
    metavar="KIND",
    help="Drop rows with this kind of problem; may be given again; all kinds by default. `none` "
    "drops only rows that lack image or text.",
)
@click.option("--longest", type=click.IntRange(1), help="Words of a description (500).")
@click.option("--prompts", metavar="SET", help="Prompt set or YAML file (extraction).")
@click.option("--limit", type=int, help="Only the first conversations that have an image.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of sampling.")
@click.option("--store", help="Shared store: a folder or an fsspec address (OUT/store).")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, mps, cuda or cuda:0.")
@click.option("--workers", type=click.IntRange(1), help="Processes; decided by device if absent.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    conversations: Path,
    teacher: str,
    out: Path,
    images: Path | None,
    judge: str | None,
    as_authors: bool,
    drop: tuple[str, ...],
    longest: int | None,
    prompts: str | None,
    limit: int | None,
    seed: int,
    store: str | None,
    device: str,
    workers: int | None,
    as_json: bool,
) -> None:
    """Make visual extraction data of CONVERSATIONS: LLaVA JSON, JSONL, Parquet, a data set folder.

    A teacher turns the questions of a conversation into contents to observe and its pairs into
    statements, and describes the image so that they are in it. Rows are checked; report.json and
    report.html say what is wrong with which. Writes train.json (LLaVA JSON) and data/ (the same as
    a Hugging Face data set). What was generated is kept: the same command goes on where it was
    stopped. Exit code 1 when teacher or judge failed on some rows: it tries those again.

    \b
    Examples:
      downscale extract-data micro --teacher gold --limit 20 --out data/micro
      downscale extract-data llava.json --images coco --teacher qwen3_vl:8b --out data/extract
    """
    from suite.engine.progress import duration, progress_for_terminal
    from suite.errors import SuiteError, nearest
    from suite.extraction.checks import KINDS
    from suite.extraction.rows import AS_AUTHORS, Settings
    from suite.extraction.run import extract_data

    for kind in drop:
        if kind not in (*KINDS, NONE):
            raise SuiteError(
                f"--drop {kind}: no kind of problem is called so{nearest(kind, KINDS)}."
            )
    if NONE in drop and len(drop) > 1:
        raise SuiteError("--drop none stands beside other kinds; give either.")
    settings = replace(AS_AUTHORS if as_authors else Settings(), seed=seed)
    settings = replace(settings, drop=drop if NONE not in drop else ()) if drop else settings
    settings = replace(settings, longest=longest) if longest else settings
    content = extract_data(
        conversations,
        teacher=teacher,
        out=out,
        images=images,
        judge=judge,
        settings=settings,
        prompts=prompts,
        store=store,
        limit=limit,
        device=device,
        workers=workers,
        progress=progress_for_terminal(),
    )
    short = {name: value for name, value in content.items() if name not in ("problems", "samples")}
    if as_json:
        print_json(short)
    else:
        _print(short, KINDS)
    talk(
        f"{counted(content['kept'], 'row')} kept, {content['dropped']:,} dropped in "
        f"{duration(content['seconds'])}: see {Path(content['dir']) / 'report.html'}"
    )
    if content["skipped"]["without_image"]:
        talk(f"{counted(content['skipped']['without_image'], 'row')} without an image left out.")
    if content["renamed"]:
        talk(f"{counted(content['renamed'], 'row')} with the id of an earlier one: it has #2, #3.")
    if limit is None and content["teacher"].get("unused"):
        talk(f"{counted(content['teacher']['unused'], 'recorded text')} of no conversation here.")
    if judged := content["judge"]:
        talk(
            f"Of {counted(judged['asked'], 'statement')} the judge found {judged['yes']:,} in the "
            f"descriptions and {judged['no']:,} not there (neither yes nor no: "
            f"{judged['unread']:,}, failed: {judged['failed']:,})."
        )
    if content["kinds"]["failed"]:
        first = next(p for p in content["problems"] if p["kind"] == "failed")
        talk(
            f"The teacher failed on some rows, first on {first['id']} ({first['detail']}); the "
            "same command tries only those again."
        )
    if content["kinds"]["failed"] or (judged and judged["failed"]):
        ctx.exit(1)


def _print(content: dict[str, Any], kinds: dict[str, str]) -> None:
    drop = content["settings"]["drop"]
    rows = [[kind, n, kind in drop, kinds[kind]] for kind, n in content["kinds"].items()]
    print_table(["problem", "rows", "drops", "meaning"], rows)
