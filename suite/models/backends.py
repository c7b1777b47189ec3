"""Generators: what turns requests into text. One file per backend, found by name.

In: a ModelSpec of a family. Out: a Generator (suite.requests), or its fingerprint alone, which
needs neither torch nor the weights in memory, so that a finished study is recognised at once.
"""

from __future__ import annotations

from typing import Any, Literal

from suite.models.family import ModelSpec
from suite.requests import Generator

Role = Literal["text", "vlm"]


def build_generator(
    spec: ModelSpec,
    role: Role,
    *,
    device: str = "auto",
    dtype: str = "auto",
    batch_size: int | None = None,
) -> Generator:
    """Loads the model of a spec.

    role: `text` for a language model, `vlm` for one that also sees. device: `auto` (CUDA, then MPS,
    then CPU) or a torch device name. dtype: `auto` (bfloat16 on CUDA, float32 elsewhere) or a torch
    dtype name; the spec's own setting holds where this says `auto`. batch_size: rows per batch;
    None takes the spec's, else one that fits model and memory.
    Raises SuiteError for a checkpoint that is missing or cannot be loaded.
    """
    if spec.generator == "recorded":
        from suite.models.recorded import RecordedGenerator

        return RecordedGenerator(spec.source)
    from suite.models.transformers.generator import TransformersGenerator

    return TransformersGenerator(spec, role, device=device, dtype=dtype, batch_size=batch_size)


def fingerprint(
    spec: ModelSpec, role: Role, dtype: str = "auto", *, device: str = "auto"
) -> dict[str, Any]:
    """The identity of a spec's model: equal to `build_generator(...).fingerprint`, without loading.

    Raises SuiteError for a checkpoint that is not there.
    """
    from suite.models.fingerprint import identity, recorded_identity

    if spec.generator == "recorded":
        return recorded_identity(spec.source)
    return identity(spec, role, dtype, device)
