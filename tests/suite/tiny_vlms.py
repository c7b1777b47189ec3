"""Small random vision-language models of five real classes, each with its own processor.

In: a folder. Out: a standard Hugging Face folder in it. Nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers as tf

from tests.suite.tiny_models import TEMPLATE, TEXT, qwen3_config, word_tokenizer

TOWER: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
"""Sizes that the vision towers of the tests have."""


def _save(folder: Path, kind: Any, config: Any, processor: Any, connector: str) -> Path:
    """Saves a model of class `kind` with its processor, always the same random weights.

    The connector is made loud enough that images change the answers.
    """
    torch.manual_seed(0)
    model = kind(config)
    for name, parameter in model.named_parameters():
        if connector in name and parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.5)
    tokenizer = processor.tokenizer
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _siglip() -> Any:
    return tf.SiglipVisionConfig(
        **TOWER,
        image_size=24,
        patch_size=12,
        vision_use_head=False,
    )


def llava(folder: Path) -> Path:
    """LLaVA: SigLIP (24 px, patch 12: 4 tokens an image), two-layer connector, Qwen3."""
    tokenizer = word_tokenizer()
    config = tf.LlavaConfig(
        vision_config=_siglip(),
        text_config=qwen3_config(len(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=True,
    )
    processor = tf.LlavaProcessor(
        image_processor=tf.SiglipImageProcessor(size={"height": 24, "width": 24}),
        tokenizer=tokenizer,
        patch_size=12,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        chat_template=TEMPLATE,
    )
    return _save(
        folder, tf.LlavaForConditionalGeneration, config, processor, "multi_modal_projector"
    )


def llava_onevision(folder: Path) -> Path:
    """LLaVA-OneVision: any-resolution tiles, Qwen3 as language model."""
    tokenizer = word_tokenizer(video_token="<video>")
    ids = tokenizer.convert_tokens_to_ids
    pins = [[24, 24], [24, 48], [48, 24], [48, 48]]
    config = tf.LlavaOnevisionConfig(
        vision_config=_siglip(),
        text_config=qwen3_config(len(tokenizer)),
        image_token_id=ids("<image>"),
        video_token_id=ids("<video>"),
        image_grid_pinpoints=pins,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=True,
    )
    size = {"height": 24, "width": 24}
    processor = tf.LlavaOnevisionProcessor(
        image_processor=tf.LlavaOnevisionImageProcessor(size=size, image_grid_pinpoints=pins),
        video_processor=tf.LlavaOnevisionVideoProcessor(size=size),
        tokenizer=tokenizer,
        num_image_tokens=4,
        vision_feature_select_strategy="full",
        chat_template=TEMPLATE,
    )
    return _save(
        folder,
        tf.LlavaOnevisionForConditionalGeneration,
        config,
        processor,
        "multi_modal_projector",
    )


def qwen3_vl(folder: Path) -> Path:
    """Qwen3-VL: dynamic resolution, three-axis positions, deep visual features."""
    torch.manual_seed(0)
    marks = {
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "vision_start_token": "<|vision_start|>",
        "vision_end_token": "<|vision_end|>",
    }
    tokenizer = word_tokenizer(**marks)
    ids = tokenizer.convert_tokens_to_ids
    template = TEMPLATE.replace("<image>", "<|vision_start|><|image_pad|><|vision_end|>")
    text = {
        "vocab_size": len(tokenizer),
        **TEXT,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [4, 2, 2],
            "mrope_interleaved": True,
        },
    }
    vision = {
        "depth": 2,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_heads": 2,
        "patch_size": 8,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": 32,
        "num_position_embeddings": 16,
        "deepstack_visual_indexes": [0],
    }
    config = tf.Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )
    sizes = {"patch_size": 8, "merge_size": 2, "temporal_patch_size": 2}
    bounds = {"size": {"shortest_edge": 256, "longest_edge": 4096}}
    processor = tf.Qwen3VLProcessor(
        image_processor=tf.Qwen2VLImageProcessor(**sizes, **bounds),
        video_processor=tf.Qwen3VLVideoProcessor(**sizes),
        tokenizer=tokenizer,
        chat_template=template,
    )
    return _save(folder, tf.Qwen3VLForConditionalGeneration, config, processor, "merger")


def internvl(folder: Path) -> Path:
    """InternVL: tiles of 32 px, pixel shuffle, Qwen3 as language model."""
    tokenizer = word_tokenizer(
        image_token="<IMG_CONTEXT>",
        context_image_token="<IMG_CONTEXT>",
        start_image_token="<img>",
        end_image_token="</img>",
        video_token="<video>",
    )
    vision = {
        **TOWER,
        "image_size": [32, 32],
        "patch_size": [8, 8],
    }
    config = tf.InternVLConfig(
        vision_config=vision,
        text_config=qwen3_config(len(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
    )
    processor = tf.InternVLProcessor(
        image_processor=tf.GotOcr2ImageProcessor(
            size={"height": 32, "width": 32}, crop_to_patches=True, min_patches=1, max_patches=4
        ),
        video_processor=tf.InternVLVideoProcessor(size={"height": 32, "width": 32}),
        tokenizer=tokenizer,
        image_seq_length=4,
        chat_template=TEMPLATE.replace("<image>", "<IMG_CONTEXT>"),
    )
    return _save(
        folder, tf.InternVLForConditionalGeneration, config, processor, "multi_modal_projector"
    )


def gemma3(folder: Path) -> Path:
    """Gemma 3: images attend both ways, half of the layers see a sliding window."""
    tokenizer = word_tokenizer(
        image_token="<image_soft_token>", boi_token="<start_of_image>", eoi_token="<end_of_image>"
    )
    ids = tokenizer.convert_tokens_to_ids
    text = {
        "vocab_size": len(tokenizer),
        **TEXT,
        "sliding_window": 8,
        "layer_types": ["sliding_attention", "full_attention"],
    }
    config = tf.Gemma3Config(
        text_config=text,
        vision_config=_siglip().to_dict(),
        mm_tokens_per_image=4,
        boi_token_index=ids("<start_of_image>"),
        eoi_token_index=ids("<end_of_image>"),
        image_token_index=ids("<image_soft_token>"),
    )
    processor = tf.Gemma3Processor(
        image_processor=tf.Gemma3ImageProcessor(size={"height": 24, "width": 24}),
        tokenizer=tokenizer,
        image_seq_length=4,
        chat_template=TEMPLATE.replace("<image>", "<start_of_image>"),
    )
    return _save(
        folder, tf.Gemma3ForConditionalGeneration, config, processor, "multi_modal_projector"
    )


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
