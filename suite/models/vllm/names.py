"""The names of weights: a checkpoint as vLLM knows it.

In: a checkpoint folder. Out: the folder itself, or one in the cache with links to its files, whose
renamed weights are copied. No torch: a safetensors file is a header in JSON and numbers.

transformers 5.23 and later write a SigLIP or CLIP encoder without the level `vision_model` that its
class had before, and vLLM looks for it.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from suite.base.files import cache_folder, whole
from suite.base.json_values import json_hash, json_mapping, read_json
from suite.errors import SuiteError

TOWER = re.compile(r"((?:model\.)?vision_tower\.)(?!vision_model\.)")
KINDS = ("siglip_vision_model", "clip_vision_model")
HEADER = 100 << 20
"""Bytes that a safetensors header has at most, by its specification."""


def renamed(name: str) -> str:
    """Gives the name that vLLM looks for."""
    return TOWER.sub(r"\1vision_model.", name, count=1) if TOWER.match(name) else name


def with_known_names(folder: Path, known: Mapping[str, Any]) -> Path:
    """Gives a folder in which vLLM finds the weights. known: the checkpoint's fingerprint, for
    which a copy is made once."""
    vision = json_mapping(folder / "config.json").get("vision_config")
    if not isinstance(vision, dict) or vision.get("model_type") not in KINDS:
        return folder
    headers = {path: _header(path) for path in sorted(folder.glob("*.safetensors"))}
    touched = {p for p, (header, _) in headers.items() if any(renamed(n) != n for n in header)}
    made = cache_folder() / "vllm" / json_hash([known, str(folder.resolve()), TOWER.pattern])[:16]
    if not touched or made.is_dir():
        return made if touched else folder
    with whole(made) as new:
        new.mkdir()
        for path in sorted(folder.iterdir()):
            if path in touched:
                header, start = headers[path]
                _write(path, start, {renamed(n): e for n, e in header.items()}, new / path.name)
            elif path.name.endswith(".safetensors.index.json"):
                index = json_mapping(path)
                named = {renamed(n): part for n, part in dict(index["weight_map"]).items()}
                (new / path.name).write_text(json.dumps({**index, "weight_map": named}))
            else:
                (new / path.name).symlink_to(path.resolve())
    return made


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file, and where the numbers begin."""
    with path.open("rb") as file:
        start = file.read(8)
        size = struct.unpack("<Q", start)[0] if len(start) == 8 else HEADER + 1
        try:
            header = read_json(file.read(size)) if size <= HEADER else None
        except ValueError:
            header = None
    if not isinstance(header, dict):
        raise SuiteError(f"{path} is no safetensors file; copy or fetch it again.")
    return header, 8 + size


def _write(path: Path, start: int, header: dict[str, Any], target: Path) -> None:
    """A safetensors file with another header."""
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with target.open("wb") as sink, path.open("rb") as file:
        sink.write(struct.pack("<Q", len(text)) + text)
        file.seek(start)
        shutil.copyfileobj(file, sink, 1 << 20)
