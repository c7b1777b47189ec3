"""Small random models and tokenizers of the true classes, for the tests of decoding and generators.

In: a folder. Out: standard Hugging Face folders in it. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from suite.models.transformers import random

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


def word_tokenizer(**marks: str) -> PreTrainedTokenizerFast:
    """Whole words, with a Qwen3-like chat template that opens no thinking block by itself.

    marks: further special tokens by role, such as `image_token`.
    """
    marks = {"image_token": "<image>"} | marks
    words = [*SPECIAL, "<think>", "</think>", *WORDS, *marks.values()]
    vocabulary = {word: n for n, word in enumerate(dict.fromkeys(words))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        eos_token="<|im_end|>",
        unk_token="<unk>",
        padding_side="left",
        extra_special_tokens=marks,
    )
    tokenizer.chat_template = TEMPLATE.replace("<image>", marks["image_token"])
    return tokenizer


def byte_level_tokenizer(
    entries: int = 500, corpus: Sequence[str] = CORPUS, more: Sequence[str] = ()
) -> Any:
    """Byte-level BPE, as Qwen and SmolLM2 have it, without tokens that mark thinking; `more` are
    further special tokens."""
    return random.byte_level_tokenizer(more, entries=entries, corpus=corpus, thinks=())


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


TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 512,
    "initializer_range": 0.3,
}
"""Sizes that every language model of the tests has."""


def qwen3_config(vocabulary: int, **changes: Any) -> Any:
    """A two-layer Qwen3 text configuration."""
    from transformers import Qwen3Config

    settings: dict[str, Any] = {
        "vocab_size": vocabulary,
        "tie_word_embeddings": True,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": None,
    }
    return Qwen3Config(**(TEXT | settings | changes))


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
