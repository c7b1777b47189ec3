"""Small random vision-language models of five real classes, each with its own processor.

In: a folder. Out: a standard Hugging Face folder in it. Nothing is downloaded.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers as tf

from suite.models.transformers import random
from tests.suite.tiny_models import TEMPLATE, TEXT, word_tokenizer

TOWER: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
"""Sizes that the vision towers of the tests have."""


def _made(kind: str, folder: Path, **text: Any) -> Path:
    """A model of a kind as a rehearsal has it, that reads whole words and ends where it says so."""
    return random.save(
        folder,
        kind,
        tokenizer=word_tokenizer(),
        chat=TEMPLATE.replace("<image>", "IMAGE"),
        text={"max_position_embeddings": TEXT["max_position_embeddings"], **text},
        ends=1 << 20,
    )


llava = partial(_made, "llava")
"""SigLIP (24 px, patch 12: 4 tokens an image), two-layer connector, Qwen3."""
llava_onevision = partial(_made, "llava_onevision")
"""Any-resolution tiles, Qwen3 as language model."""
qwen3_vl = partial(_made, "qwen3_vl")
"""Dynamic resolution, three-axis positions, deep visual features."""
internvl = partial(_made, "internvl")
"""Tiles of 32 px, pixel shuffle, Qwen3 as language model."""
gemma3 = partial(_made, "gemma3", sliding_window=8)
"""Images attend both ways, half of the layers see a sliding window."""


def llama4(folder: Path) -> Path:
    """Llama 4, of which transformers also makes a text model. For its text alone: no processor."""
    torch.manual_seed(0)
    tokenizer = word_tokenizer()
    vision = {
        **TOWER,
        "num_hidden_layers": 1,
        "image_size": 24,
        "patch_size": 12,
        "vision_output_dim": 16,
        "projector_input_dim": 16,
        "projector_output_dim": 16,
    }
    text = TEXT | {
        "vocab_size": len(tokenizer),
        "intermediate_size_mlp": 64,
        "num_local_experts": 2,
        "moe_layers": [],
        "pad_token_id": 0,
    }
    config = tf.Llama4Config(vision_config=vision, text_config=text)
    tf.Llama4ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
