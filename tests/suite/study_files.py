"""A study that runs in seconds on random models of the true classes, written to a folder.

In: a folder. Out: the path of its YAML; models, items and cache lie beside it. No network.
"""

from __future__ import annotations

import os
from pathlib import Path

FAMILY = """
family: tiny
prompts: micro
instruct: l
sizes:
  - name: s
    params: 1000
    text: {path: ./text-s, batch_size: 4}
    vlm: {path: ./vlm-s, batch_size: 4}
  - name: l
    params: 9000
    text: {path: ./text-l, batch_size: 4}
    vlm: {path: ./vlm-l, batch_size: 4}
"""
STUDY = """
study: tiny
family: tiny.yaml
limit: LIMIT
tasks:
  - {task: micro_ocr, domain: in_domain}
  - {task: micro_star, domain: out_of_domain}
  - {task: micro_classification, methods: [end_to_end, blind]}
cells:
  - {method: end_to_end, perception: all}
  - {method: blind, perception: all}
  - {method: text_only, reasoning: all}
  - {method: decoupled, perception: all, reasoning: all, thinking: [false, true]}
  - {method: oracle, reasoning: l}
decoding:
  answer: {max_new_tokens: 6}
  instruct: {max_new_tokens: 6}
  perceive: {max_new_tokens: 12}
  reason: {temperature: 0.7, top_p: 0.8, max_new_tokens: 6}
  think: {temperature: 0.6, top_p: 0.95, thinking_budget: 8, max_new_tokens: 6}
"""
SHORT_DECODING = """
decoding:
  answer: {max_new_tokens: 4}
  instruct: {max_new_tokens: 4}
  perceive: {max_new_tokens: 8}
  reason: {temperature: 0.7, max_new_tokens: 4}
  think: {temperature: 0.6, thinking_budget: 4, max_new_tokens: 4}
"""
"""Answers of a few tokens, for studies that a test writes itself."""


def write_family(folder: Path) -> Path:
    """The family's YAML, with random weights beside it."""
    import safetensors.torch

    from tests.suite import tiny_models, tiny_vlms

    for seed, size in enumerate(("s", "l")):
        tiny_models.text_folder(folder / f"text-{size}", seed)
        weights = tiny_vlms.llava(folder / f"vlm-{size}") / "model.safetensors"
        if size == "l":  # another model, not the same one twice
            tensors = safetensors.torch.load_file(weights)
            changed = {name: tensor * 1.25 for name, tensor in tensors.items()}
            safetensors.torch.save_file(changed, weights, metadata={"format": "pt"})
    path = folder / "tiny.yaml"
    path.write_text(FAMILY)
    return path


def write_study(folder: Path, limit: int = 6, study: str = STUDY) -> Path:
    """The YAML of the study, or of one that a test has, with the family beside it."""
    write_family(folder)
    path = folder / "study.yaml"
    path.write_text(study.replace("LIMIT", str(limit)))
    return path


def environment(folder: Path) -> dict[str, str]:
    """The environment of a process: one thread, no network, the item cache in the folder."""
    return {
        **os.environ,
        "DOWNSCALE_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
