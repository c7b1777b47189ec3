"""A small random SigLIP and Qwen3, pictures, conversations and a recipe of every stage.

In: a folder. Out: all that `downscale train` needs of real sizes, in it. Nothing is downloaded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as tf
import yaml
from PIL import Image

from tests.suite.tiny_models import byte_level_tokenizer, qwen3_config

SIDE, PATCH = 28, 14
SHAPES = ((28, 28), (60, 30), (20, 90), (84, 84))
"""Width and height of the pictures; of the last, the bilinear branch makes fewer tokens."""
SAID = "What colour is the circle? It is red and blue. A green square, two lines: a red B there."


def tokenizer() -> Any:
    """Byte-level BPE with the marks of ChatML, as Qwen3 has them."""
    made: Any = byte_level_tokenizer(300, [SAID] * 20)
    made.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return made


def models_in(folder: Path) -> None:
    """Saves `text` (two layers) and `siglip` (three layers, of which a recipe keeps two)."""
    torch.manual_seed(0)
    words = tokenizer()
    text = tf.Qwen3ForCausalLM(
        qwen3_config(len(words) + 6, pad_token_id=words.pad_token_id, initializer_range=0.1)
    )
    text.generation_config.eos_token_id = words.eos_token_id
    text.save_pretrained(folder / "text")
    words.save_pretrained(folder / "text")
    vision = tf.SiglipVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2,
        image_size=SIDE, patch_size=PATCH,
    )  # fmt: skip
    tf.SiglipVisionModel(vision).save_pretrained(folder / "siglip")


def pictures_in(folder: Path) -> None:
    """Draws a picture of noise in each of SHAPES: `0.png` and so on."""
    folder.mkdir(parents=True)
    for number, (width, height) in enumerate(SHAPES):
        noise = np.random.default_rng(number).integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")


def turns(*texts: str) -> list[dict[str, str]]:
    """Human and gpt in turn."""
    return [{"from": ("human", "gpt")[i % 2], "value": text} for i, text in enumerate(texts)]


def captions(count: int) -> list[dict[str, Any]]:
    """Rows of a picture and a caption."""
    return [
        {"id": str(i), "image": f"{i % 4}.png",
         "conversations": turns("Describe.\n<image>", f"A red circle, line {i}.")}
        for i in range(count)
    ]  # fmt: skip


def talks(count: int) -> list[dict[str, Any]]:
    """Rows of one picture with two questions, of two pictures, and of none, in turn."""
    kinds: list[dict[str, Any]] = [
        {"image": "1.png",
         "conversations": turns("<image>\nWhat colour?", "It is red.", "And B?", "Blue.")},
        {"image": ["0.png", "2.png"],
         "conversations": turns("<image> <image>\nWhich is red?", "A")},
        {"conversations": turns("What is a square?", "Two lines and two lines.")},
        {"image": "3.png", "conversations": turns("What is at top? <image>", "A green square.")},
    ]  # fmt: skip
    return [{"id": i} | kinds[i % 4] for i in range(count)]


RECIPE: dict[str, Any] = {
    "recipe": "toy",
    "seed": 5,
    "vision": {"model": "./siglip", "layers": 2},
    "tiles": 3,
    "most_tiles": 4,
    "sizes": {"a": {"text": "./text"}},
}
STAGE: dict[str, Any] = {
    "steps": 4, "batch": 4, "per_device": 2, "context": 200, "held_out": 3, "evaluate": 2,
    "warmup": 0.25,
}  # fmt: skip
ALL = {"connector": 1.0e-2, "vision": 1.0e-3, "language": 5.0e-3}
STAGES: list[dict[str, Any]] = [
    {"name": "connector", "data": ["captions"], "rates": {"connector": 1.0e-2},
     "images": "square", "loss": "caption"},
    {"name": "vit", "init": "connector", "data": ["talks"], "rates": ALL, "loss": "marks"},
    {"name": "caption", "init": "vit", "data": ["captions"], "rates": ALL, "loss": "assistant"},
    {"name": "extract", "init": "caption", "data": ["talks", "captions"], "rates": ALL,
     "loss": "assistant"},
    {"name": "extract_scratch", "init": "connector", "data": ["talks"],
     "rates": {"connector": 1.0e-2, "language": 5.0e-3}, "loss": "assistant"},
]  # fmt: skip


def recipe_in(folder: Path, *, only: tuple[str, ...] = (), **changes: Any) -> Path:
    """Writes the recipe beside models, pictures and rows; `only` stages, each with `changes`."""
    stages = []
    for stage in STAGES:
        if not only or stage["name"] in only:
            data = [{"file": f"{name}.json", "images": "pictures"} for name in stage["data"]]
            stages.append(STAGE | stage | {"data": data} | changes)
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump(RECIPE | {"stages": stages}, sort_keys=False))
    return path


def all_in(folder: Path) -> Path:
    """Makes everything in a folder; returns the recipe's path."""
    models_in(folder)
    pictures_in(folder / "pictures")
    (folder / "captions.json").write_text(json.dumps(captions(24)))
    (folder / "talks.json").write_text(json.dumps(talks(24)))
    return recipe_in(folder)
