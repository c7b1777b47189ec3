"""One checkpoint of a family: where it is, and how to load it.

In: nothing. Out: ModelSpec, which families hold and backends load, and the roles of a model.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from suite.errors import SuiteError

Role = Literal["text", "vlm"]
"""`text`: a language model, or one that is shown no image; `vlm`: one that also sees."""
INSTRUCT = "instruct"
"""The perceiver that a size's `vlm` is: trained to answer. Others are trained to describe."""


def checkpoint(role: Role, perceiver: str | None) -> str:
    """Names a checkpoint of a size: `text`, `vlm`, or by its perceiver where that is another."""
    return role if perceiver in (None, INSTRUCT) else str(perceiver)


@dataclass(frozen=True)
class ModelSpec:
    """One checkpoint and how to load it. Exactly one of `repo`, `path` and `model` is set."""

    repo: str | None = None
    """Repository on the Hugging Face Hub, `owner/name`."""
    path: Path | None = None
    """Local folder in Hugging Face layout, or a file of texts for the recorded generator."""
    revision: str | None = None
    """Branch, tag or commit of `repo`; None is its main branch."""
    dtype: str = "auto"
    """`auto` is bfloat16 on CUDA and float32 elsewhere."""
    batch_size: int | None = None
    """Rows per batch; None lets model size and memory decide."""
    trust_remote_code: bool = False
    """Whether code inside the repository may run. Off unless the family says so."""
    gguf_file: str | None = None
    """Name of a GGUF file inside the folder or repository, in place of safetensors."""
    chat_template: Path | None = None
    """A file with the chat template, in place of the checkpoint's own."""
    device_map: str | None = None
    """How its layers are spread over all cards that are here, by accelerate; None is one card."""
    quantization: str | None = None
    """`4bit` or `8bit`: numbers that bitsandbytes makes of its weights; None leaves them."""
    generator: str = "transformers"
    """Who answers: a row of BACKENDS."""
    model: str | None = None
    """Name of a model on a server, or in lmms-eval."""
    url: str | None = None
    """Address of the server; None is that of the environment variable DOWNSCALE_ENDPOINT."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the server's API key; None is no key."""
    concurrency: int | None = None
    """Requests that the server gets at once; None lets the backend decide."""
    processor: str = "{}"
    """Settings of the processor in place of its own, by its own names, such as the pixels that
    Qwen's make of an image: `size: {shortest_edge: 65536, longest_edge: 1048576}`. As canonical
    JSON: specs are compared and looked up, and a setting may hold others."""
    engine: str = "{}"
    """Settings of an engine that serves the model here, by its own names, as canonical JSON."""
    arguments: str = "{}"
    """Arguments of a model of lmms-eval, as canonical JSON."""
    random_weights: bool = False
    """Whether `path` holds a tiny random model in the place of the checkpoint, for a rehearsal."""
    thinking: str = "{}"
    """How it is told to think and how it writes its thinking, where that is not seen from its chat
    template and vocabulary: `on` and `off`, variables of the template; `open` and `close`, the
    marks; `always: true` where nothing turns it off. As canonical JSON."""

    @property
    def given(self) -> dict[str, Any]:
        """`arguments`, read."""
        return dict(json.loads(self.arguments))

    @property
    def thinks(self) -> dict[str, Any]:
        """`thinking`, read."""
        return dict(json.loads(self.thinking))

    @property
    def settings(self) -> dict[str, Any]:
        """`processor`, read."""
        return dict(json.loads(self.processor))

    @property
    def engine_settings(self) -> dict[str, Any]:
        """`engine`, read."""
        return dict(json.loads(self.engine))

    @property
    def gpus(self) -> int:
        """GPUs that one copy of the model takes; more than there are where it takes all."""
        if self.device_map is not None:
            return sys.maxsize
        sizes = (
            self.engine_settings.get(f"{kind}_parallel_size") for kind in ("tensor", "pipeline")
        )
        return prod(size for size in sizes if isinstance(size, int) and size > 0)

    @property
    def source(self) -> str:
        """The path, repository, or name on a server or in lmms-eval, as a person would name it."""
        return str(self.path if self.path is not None else self.repo or self.model)


def checked_url(url: str, where: str) -> str:
    """Gives a server's address without a slash at its end. SuiteError for what is none, and for one
    with a user, password or query, which are not shown."""
    try:
        parts = urlsplit(url.strip())
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        known = False
    if not known or not url.isprintable() or any(c.isspace() for c in url.strip()):
        raise SuiteError(f"{where} is no address of a server, such as http://localhost:8000/v1.")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise SuiteError(
            f"{where} holds more than an address; keys are given by `api_key_env`, the name of an "
            "environment variable."
        )
    return url.strip().rstrip("/")
