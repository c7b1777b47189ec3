"""Fingerprints: what a generator's answers depend on, as JSON, without loading the model.

In: a ModelSpec. Out: content hashes of the files of a local folder, or repository and resolved
commit of one on the Hub; with the role, the dtype and the processor's settings. No torch.
"""

from __future__ import annotations

import contextlib
import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from suite.base.files import cache_folder, file_hash, write_whole
from suite.base.machine import resolve_dtype
from suite.errors import SuiteError, Unfinished
from suite.models.spec import ModelSpec

FILES = (
    "*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json",
    "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt",
    "*.model", "chat_template*", "additional_chat_templates/*", "processor_config.json",
    "preprocessor_config.json", "*image_processor_config.json", "*.py",
)  # fmt: skip
"""Files of a folder that can change what its model says. A model card or a training log cannot."""

REMEMBER_FROM = 32 << 20
"""Files from this size have their hash remembered by path, size and time of change."""


def identity(
    spec: ModelSpec, role: str, dtype: str = "auto", device: str = "auto"
) -> dict[str, Any]:
    """Gives the fingerprint of a transformers model. SuiteError for a checkpoint that is not
    there."""
    if dtype == "auto":
        dtype = spec.dtype
    found: dict[str, Any] = {
        "generator": "transformers",
        "role": role,
        "dtype": resolve_dtype(dtype, device),
    }
    if spec.settings:
        found["processor"] = spec.settings
    if spec.path is not None:
        return found | {"files": _folder(spec.path, spec.gguf_file)}
    found |= {"repo": spec.repo, "commit": commit(spec)}
    return found if spec.gguf_file is None else found | {"gguf_file": spec.gguf_file}


def commit(spec: ModelSpec) -> str:
    """The commit that a Hub spec's revision stands for.

    Read from the local Hub cache where the repository has been downloaded, else asked of the Hub.
    """
    revision = spec.revision or "main"
    if re.fullmatch(r"[0-9a-f]{40}", revision):
        return revision
    from huggingface_hub import constants

    cached = Path(constants.HF_HUB_CACHE) / f"models--{str(spec.repo).replace('/', '--')}"
    reference = cached / "refs" / revision
    if reference.is_file():
        return reference.read_text(encoding="utf-8").strip()
    try:
        from huggingface_hub import HfApi

        sha = HfApi().model_info(str(spec.repo), revision=revision, timeout=10).sha
    except Exception as error:  # the client raises many kinds; all mean that it is out of reach
        raise SuiteError(_missing(spec, error)) from error
    if sha is None:
        raise SuiteError(_missing(spec, None))
    return sha


def _missing(spec: ModelSpec, error: Exception | None) -> str:
    reason = f" ({type(error).__name__})" if error is not None else ""
    return (
        f"Model {spec.repo} is not on this machine and the Hugging Face Hub does not give it"
        f"{reason}; fetch it with `hf download {spec.repo}`, or name a local copy with "
        "--weights PATH."
    )


def _folder(folder: Path, gguf_file: str | None) -> dict[str, str]:
    """Name -> SHA-256 of the files that matter."""
    if not folder.is_dir():
        raise SuiteError(
            f"Checkpoint folder {folder} does not exist; train or fetch the model, correct the "
            "path in the family file, or name a copy with --weights PATH."
        )
    if gguf_file is not None:
        if not (folder / gguf_file).is_file():
            raise SuiteError(f"Checkpoint folder {folder} has no file {gguf_file}; check its name.")
        return {gguf_file: content_hash(folder / gguf_file)}
    found = [*folder.iterdir(), *(folder / "additional_chat_templates").glob("*")]
    names = [path.relative_to(folder).as_posix() for path in found if path.is_file()]
    files = sorted(name for name in names if any(fnmatch(name, pattern) for pattern in FILES))
    for needed, what in (("config.json", "config.json"), ("*.safetensors", ".safetensors file")):
        if not any(fnmatch(name, needed) for name in files):
            raise SuiteError(
                f"Checkpoint folder {folder} has no {what}; it must be a Hugging Face folder with "
                "safetensors weights."
            )
    return {name: content_hash(folder / name) for name in files}


def content_hash(path: Path) -> str:
    """Gives the SHA-256 of a file's content; large files are read once as long as they do not
    change."""
    status = path.stat()
    if status.st_size < REMEMBER_FROM:
        return file_hash(path)
    memory = cache_folder() / "hashes.json"
    mark = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
    known = _read(memory)
    if mark not in known:
        known[mark] = file_hash(path)
        # A memory that cannot be kept costs time, nothing else.
        with contextlib.suppress(OSError, Unfinished):
            write_whole(memory, json.dumps({**_read(memory), mark: known[mark]}))
    return known[mark]


def _read(memory: Path) -> dict[str, str]:
    try:
        content = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(content) if isinstance(content, dict) else {}
