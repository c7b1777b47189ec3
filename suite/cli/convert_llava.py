"""Write released LLaVA-NeXT weights as a transformers folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from suite.cli.options import json_option
from suite.cli.output import counted, print_json, talk


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@json_option
def command(folder: Path, out: Path, as_json: bool) -> None:
    """Write the LLaVA-NeXT model in FOLDER as a transformers folder OUT, which must not be there.

    FOLDER is as LLaVA-NeXT's code writes it, with a Qwen3 (model type llava_qwen_3): config.json,
    tokenizer, and safetensors or pytorch_model.bin, in one file or several. OUT has its weights as
    they are, and the tiles, chat template and image preprocessing of that code; a family names it
    with `path:`, and --weights finds it by its name. A weight that is missing, of another shape or
    unknown is an error, and then, or when interrupted, OUT is not there.

    \b
    Example: one of the released perception modules
      hf download markendo/llava-extract-qwen3-0.6B --local-dir released
      downscale convert-llava released weights/extract-0.6b
      downscale run paper --weights weights
    """
    from suite.engine.progress import progress_for_terminal
    from suite.models.transformers.convert import convert

    progress = progress_for_terminal()

    def begin(size: int) -> Callable[[int], None]:
        progress.begin("weights", _megabytes(size), 0, "MB")
        progress.ready()
        return lambda done: progress.advance(_megabytes(done))

    made = convert(folder.expanduser(), out.expanduser(), begin)
    progress.end()
    if as_json:
        print_json({"source": str(folder)} | vars(made))
        return
    click.echo(str(made.folder))
    parts = ", ".join(f"{name} {count:,}" for name, count in made.parameters.items())
    talk(f"{counted(made.tensors, 'weight')} of {made.dtype}; parameters: {parts}.")
    if made.dropped:
        talk(f"Left out, as the model does not use them: {counted(len(made.dropped), 'weight')}.")


def _megabytes(size: int) -> int:
    return -(-size // 10**6)
