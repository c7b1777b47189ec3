"""Small random models and tokenizers of the true classes, for the tests of decoding and generators.

In: a folder. Out: standard Hugging Face folders in it. Nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

_SENTENCES = """
what colour is the circle square red blue green A B C D . , ? at top left right large small
look for describe a an on in of one two three four image user assistant system again wait
"""
WORDS = _SENTENCES.split()

TEMPLATE = (
    "{% for m in messages %}<|im_start|> {{ m.role }} "
    "{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for c in m.content %}{% if c.type == 'image' %}<image> {% else %}{{ c.text }}{% endif %}"
    "{% endfor %}{% endif %} <|im_end|> {% endfor %}"
    "{% if add_generation_prompt %}<|im_start|> assistant"
    "{% if enable_thinking is defined and not enable_thinking %} <think> </think>{% endif %}"
    "{% endif %}"
)

SPECIAL = ["<pad>", "<|im_end|>", "<|im_start|>", "<image>", "<unk>"]
CORPUS = [
    "Wait, the waiter waits. But however maybe another check; double-check again, now. Oh, ah!",
    "wait waiting Wait WAIT .wait alternatively butter checkout rebut know nowhere oh ohm maybe",
    "However, the other mother verifies. Verify! hmm anyway anyhow alternative Now.",
] * 20


def word_tokenizer() -> PreTrainedTokenizerFast:
    """Whole words, with a Qwen3-like chat template that opens no thinking block by itself."""
    vocabulary = {word: n for n, word in enumerate([*SPECIAL, "<think>", "</think>", *WORDS])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        eos_token="<|im_end|>",
        unk_token="<unk>",
        padding_side="left",
        extra_special_tokens={"image_token": "<image>"},
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def byte_level_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE, as Qwen and SmolLM2 have it."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>", "<|im_end|>"],
    )
    core.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )


def sentencepiece_tokenizer() -> PreTrainedTokenizerFast:
    """Unigram pieces with the SentencePiece space mark, as Llama 2 and Gemma have it."""
    core = Tokenizer(models.Unigram())
    core.normalizer = normalizers.NFKC()
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=220, special_tokens=["<unk>", "</s>", "<pad>"], unk_token="<unk>"
    )
    core.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="</s>", pad_token="<pad>")


def qwen3_config(vocabulary: int, **changes: Any) -> Any:
    """A two-layer Qwen3 text configuration."""
    from transformers import Qwen3Config

    settings: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
        "initializer_range": 0.3,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": None,
    }
    return Qwen3Config(**(settings | changes))


def text_folder(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """A saved Qwen3ForCausalLM with `word_tokenizer`."""
    from transformers import Qwen3ForCausalLM

    torch.manual_seed(seed)
    tokenizer = word_tokenizer()
    model = Qwen3ForCausalLM(qwen3_config(len(tokenizer), **changes))
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def llava_folder(folder: Path, seed: int = 0) -> Path:
    """A saved LlavaForConditionalGeneration: SigLIP (24 px, patch 12: 4 tokens) and Qwen3."""
    from transformers import (
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        SiglipImageProcessor,
        SiglipVisionConfig,
    )

    torch.manual_seed(seed)
    tokenizer = word_tokenizer()
    vision = SiglipVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=24,
        patch_size=12,
        vision_use_head=False,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=qwen3_config(len(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=True,
    )
    model = LlavaForConditionalGeneration(config)
    for parameter in model.model.multi_modal_projector.parameters():
        torch.nn.init.normal_(parameter, std=0.5)  # so that what is seen changes what is said
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor = LlavaProcessor(
        image_processor=SiglipImageProcessor(size={"height": 24, "width": 24}),
        tokenizer=tokenizer,
        patch_size=12,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        image_token="<image>",
        chat_template=TEMPLATE,
    )
    processor.save_pretrained(folder)
    return folder
