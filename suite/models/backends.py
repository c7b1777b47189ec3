"""Backends: who turns requests into text, a row each. To add one, add a file and its row.

In: a ModelSpec. Out: a Generator (suite.requests), or its fingerprint alone, which needs neither
torch nor the weights in memory, so that a finished study is recognised at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from suite.models.spec import ModelSpec, Role
from suite.requests import Generator


@dataclass(frozen=True)
class Backend:
    """A way to answer, and what the rest must know of it."""

    generator: str
    """`module:class`, imported when a model is loaded; its arguments are `build_generator`'s."""
    identity: str
    """`module:function` of (spec, role, dtype, device): the fingerprint, without torch."""
    on_device: bool
    """Whether it computes on this machine: then each device has a process, with its threads."""
    writes: bool
    """Whether it writes texts anew. Else they are there already: the same whatever the decoding and
    the sample, and each belongs to its item, so that two items with one question have two."""
    named_by: Mapping[str, str]
    """Key of a checkpoint in a family that says which it is -> words for it; one of them is given.
    """
    settings: tuple[str, ...] = ()
    """Further keys of a checkpoint, all fields of ModelSpec."""
    spreads: bool = False
    """Whether it uses every core of a CPU itself, however small the model."""


_CHECKPOINT = {"repo": "on the Hub", "path": "a folder"}
_LOADED = ("revision", "dtype", "batch_size", "trust_remote_code", "processor", "thinking")
"""How a checkpoint in Hugging Face layout is named, and its keys whoever loads it."""

BACKENDS: dict[str, Backend] = {
    "transformers": Backend(
        "suite.models.transformers.generator:TransformersGenerator",
        "suite.models.fingerprint:identity",
        on_device=True,
        writes=True,
        named_by=_CHECKPOINT,
        settings=(*_LOADED, "gguf_file", "chat_template", "device_map", "quantization"),
    ),
    "vllm": Backend(
        "suite.models.vllm.generator:VLLMGenerator",
        "suite.models.vllm.generator:vllm_identity",
        on_device=True,
        writes=True,
        named_by=_CHECKPOINT,
        settings=(*_LOADED, "engine"),
        spreads=True,
    ),
    "recorded": Backend(
        "suite.models.recorded:RecordedGenerator",
        "suite.models.recorded:recorded_identity",
        on_device=False,
        writes=False,
        named_by={"path": "a file of texts"},
    ),
    "endpoint": Backend(
        "suite.models.endpoint.generator:EndpointGenerator",
        "suite.models.endpoint.generator:endpoint_identity",
        on_device=False,
        writes=True,
        named_by={"model": "its name on the server"},
        settings=("url", "api_key_env", "concurrency", "thinking"),
    ),
    "lmms_eval": Backend(
        "suite.models.lmms_eval:LmmsEvalGenerator",
        "suite.models.lmms_eval:lmms_eval_identity",
        on_device=True,
        writes=True,
        named_by={"model": "its name in lmms-eval"},
        settings=("arguments", "batch_size"),
    ),
}


def backend_of(spec: ModelSpec) -> Backend:
    """Gives the row of a spec."""
    return BACKENDS[spec.generator]


def build_generator(
    spec: ModelSpec,
    role: Role,
    *,
    device: str = "auto",
    dtype: str = "auto",
    batch_size: int | None = None,
) -> Generator:
    """Loads the model of a spec.

    device: `auto` (CUDA, then MPS, then CPU) or a torch device name. dtype: `auto` (bfloat16 on
    CUDA, float32 elsewhere) or a torch dtype name; the spec's own setting holds where this says
    `auto`. batch_size: rows per batch; None takes the spec's, else one that fits model and memory.
    Raises SuiteError for a checkpoint that is missing or cannot be loaded.
    """
    build = _named(backend_of(spec).generator)
    return cast(Generator, build(spec, role, device=device, dtype=dtype, batch_size=batch_size))


def fingerprint(
    spec: ModelSpec, role: Role, dtype: str = "auto", *, device: str = "auto"
) -> dict[str, Any]:
    """Gives the identity of a spec's model: equal to `build_generator(...).fingerprint`, without
    loading.

    Raises SuiteError for a checkpoint that is not there.
    """
    return cast(dict[str, Any], _named(backend_of(spec).identity)(spec, role, dtype, device))


def _named(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
