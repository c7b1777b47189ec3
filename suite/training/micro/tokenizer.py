"""The micro family's tokenizer: one token a word, with Qwen3's chat template and thinking switch.

In: the micro world's words. Out: a fast tokenizer that transformers saves as a standard folder,
and `Encoder`, the same mapping as a dictionary for the data stream (tested equal).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

PAD, UNK, START, END = "<pad>", "<unk>", "<|im_start|>", "<|im_end|>"
THINK, END_THINK = "<think>", "</think>"
IMAGE, VISION_START, VISION_END = "<image>", "<|vision_start|>", "<|vision_end|>"
SPECIAL = (PAD, UNK, START, END, THINK, END_THINK, IMAGE, VISION_START, VISION_END)
ROLES = ("system", "user", "assistant")
TOKEN = re.compile(r"<[^<>\s]+>|[\w-]+|[^\w\s]")

CHAT_TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.content is string %}
{{- message.content }}
{%- else %}
{%- for part in message.content %}
{%- if part.type == 'image' %}{{- '<|vision_start|><image><|vision_end|>' }}
{%- elif part.type == 'text' %}{{- part.text }}{%- endif %}
{%- endfor %}
{%- endif %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is not defined or not enable_thinking %}
{{- '<think>\\n\\n</think>\\n\\n' }}
{%- endif %}
{%- endif %}
"""
"""As Qwen3's: `enable_thinking=False` (and the default here) writes an empty thinking block."""


def words(texts: list[str]) -> list[str]:
    """Gives the distinct tokens of the texts, sorted."""
    return sorted({token for text in texts for token in TOKEN.findall(text)})


def build_tokenizer(vocabulary: list[str]) -> Any:
    """Makes a `PreTrainedTokenizerFast` with one token per word of the vocabulary."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = [*SPECIAL, *ROLES, *(w for w in vocabulary if w not in SPECIAL and w not in ROLES)]
    backend = Tokenizer(models.WordLevel({w: i for i, w in enumerate(names)}, unk_token=UNK))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(r"[\w-]+|[^\w\s]"), behavior="isolated"),
        ]
    )
    backend.decoder = decoders.Sequence(
        [decoders.WordPiece(prefix="##", cleanup=True), decoders.Replace(" :", ":")]
    )
    backend.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    make: Any = PreTrainedTokenizerFast
    tokenizer = make(
        tokenizer_object=backend,
        pad_token=PAD,
        unk_token=UNK,
        eos_token=END,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        extra_special_tokens={"image_token": IMAGE},
        model_max_length=1024,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


@dataclass(frozen=True)
class Encoder:
    """Words to ids without the tokenizers library: for the data stream, where speed counts."""

    ids: dict[str, int]

    def __call__(self, text: str) -> list[int]:
        """Token ids of a text; an unknown word raises KeyError, since the world is closed."""
        return [self.ids[token] for token in TOKEN.findall(text)]

    @property
    def size(self) -> int:
        """Number of tokens."""
        return len(self.ids)
