"""Checkpoints of the true classes with tiny random weights: a study's rehearsal without a download.

In: a kind of model as transformers names it (`qwen3_vl`) and a folder. Out: a standard Hugging Face
folder in it: model, the true processor with small pictures, a tokenizer and a chat template. What a
kind needs beyond small sizes is its row in random.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers.models.auto import (
    feature_extraction_auto,
    image_processing_auto,
    processing_auto,
    video_processing_auto,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from suite.base import yaml_files
from suite.errors import SuiteError, nearest
from suite.models.transformers.loading import quiet

FAST: Any = transformers.PreTrainedTokenizerFast
AUTO: dict[str, Any] = {
    "processor": vars(processing_auto)["PROCESSOR_MAPPING_NAMES"],
    "image_processor": vars(image_processing_auto)["IMAGE_PROCESSOR_MAPPING_NAMES"],
    "video_processor": vars(video_processing_auto)["VIDEO_PROCESSOR_MAPPING_NAMES"],
    "feature_extractor": vars(feature_extraction_auto)["FEATURE_EXTRACTOR_MAPPING_NAMES"],
}
"""Part of a processor -> kind -> name of its class, as transformers chooses it."""
ROWS = Path(__file__).with_suffix(".yaml")
VERSION = transformers.__version__

TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 1 << 15,
    "initializer_range": 0.3,
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 32,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 2,
    "sliding_window": 64,
}
"""Sizes of a language model, as far as its configuration has them."""
TOWER: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "depth": 2,
    "num_heads": 2,
}
"""Sizes of a vision encoder."""
CONNECTORS = (
    "multi_modal_projector",
    "merger",
    "connector",
    "projector",
    "embed_vision",
    "aligner",
)
"""Names of what leads from a tower to the language model. It is made loud enough that images change
the answers, and gates of one number, which training opens, are open."""
ENDS = 6
"""Every so many entries of the vocabulary one ends an answer. With fewer of them greedy answers go
round in circles without one, a thousand tokens long, and so are the prompts that read them."""

START = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for c in m.content %}{% if c.type == 'image' %}IMAGE{% else %}{{ c.text }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
)
"""Qwen's form of a conversation."""
WORDS = """What is in the image? Which of these colours, numbers, words and places does it show?
Answer with the letter of the correct option alone. Options: A. one B. two C. three D. four.
Describe everything that is needed to answer the question: The description of the picture says that
"""


@cache
def rows() -> Mapping[str, Mapping[str, Any]]:
    """Gives the rows of random.yaml by kind."""
    return yaml_files.mapping(yaml_files.read(ROWS, "table of kinds"), f"{ROWS}", None)


def save(
    folder: Path,
    kind: str,
    *,
    tokenizer: Any = None,
    thinks: Mapping[str, Any] = {},
    seed: int = 0,
    text: Mapping[str, Any] = {},
    chat: str | None = None,
    ends: int = ENDS,
) -> Path:
    """Saves a random model of a kind in a folder, with its processor where it sees, and gives the
    folder.

    tokenizer: one to be used in place of one that is built here. thinks: what a family says of
    its thinking (`ModelSpec.thinks`). text: settings of the language model. chat: a template in
    place of `template(thinks)`. ends: see ENDS.
    SuiteError for a kind that transformers or random.yaml does not know.
    """
    row = _row(kind)
    marks: dict[str, str] = dict(row.get("tokens", {}))
    tokenizer = _marked(byte_level_tokenizer() if tokenizer is None else tokenizer, marks)
    config = _config(kind, row, tokenizer, text)
    made = _model(config, seed)
    made.generation_config.eos_token_id = sorted({tokenizer.eos_token_id, *_ends(tokenizer, ends)})
    made.generation_config.pad_token_id = tokenizer.pad_token_id
    shown = str(row.get("shown", marks.get("image_token", "")))
    tokenizer.chat_template = (chat or template(thinks)).replace("IMAGE", shown)
    with quiet():
        made.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        if "image" in row:
            _processor(kind, row, tokenizer).save_pretrained(folder)
    return folder


def template(thinks: Mapping[str, Any] = {}) -> str:
    """Gives a chat template with a thinking switch, Qwen3.5's where `thinks` says nothing: it opens
    the block or writes an empty one. IMAGE stands for what a kind shows an image by."""
    start, end = thinks.get("open", "<think>"), thinks.get("close", "</think>")
    told = thinks.get("on", {"enable_thinking": True})
    on = " and ".join(f"{name} is defined and {name} == {value!r}" for name, value in told.items())
    on = "true" if thinks.get("always") else on
    opened = f"{{% if {on} %}}{start}\n{{% else %}}{start}\n\n{end}\n\n{{% endif %}}"
    return START + opened + "{% endif %}"


def _row(kind: str) -> Mapping[str, Any]:
    if kind in rows():
        return rows()[kind]
    if kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return {}
    known = [*rows(), *MODEL_FOR_CAUSAL_LM_MAPPING_NAMES]
    raise SuiteError(
        f"Random weights: no kind of model {kind!r} can be made{nearest(kind, known)}; name a "
        "checkpoint of a known one, or leave --random-weights out."
    )


def read_tokenizer(folder: Path) -> Any:
    """Reads the tokenizer of a checkpoint's folder."""
    with quiet():
        return transformers.AutoTokenizer.from_pretrained(folder)


def byte_level_tokenizer(
    more: Sequence[str] = (),
    *,
    entries: int = 512,
    corpus: Sequence[str] = (WORDS,) * 20,
    thinks: Sequence[str] = ("<think>", "</think>"),
) -> Any:
    """Builds a byte-level BPE of some entries, as Qwen's is one; it reads any text.

    more: further special tokens. thinks: marks of thinking that are one token each.
    """
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *more]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=entries, initial_alphabet=alphabet, special_tokens=special, show_progress=False
    )
    core.train_from_iterator(corpus, trainer)
    core.add_tokens(list(thinks))
    return FAST(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        bos_token="<|endoftext|>",
        padding_side="left",
    )


def _marked(tokenizer: Any, marks: Mapping[str, str]) -> Any:
    """A tokenizer with special tokens of images by role, those that it lacks as new ones."""
    ends = ("eos_token", "pad_token", "bos_token", "unk_token")
    return FAST(
        tokenizer_object=tokenizer.backend_tokenizer,
        padding_side="left",
        extra_special_tokens=dict(marks),
        **{name: getattr(tokenizer, name) for name in ends if getattr(tokenizer, name)},
    )


def _ends(tokenizer: Any, apart: int) -> Iterator[int]:
    kept = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    return (number for number in range(0, len(tokenizer), apart) if number not in kept)


def _config(kind: str, row: Mapping[str, Any], tokenizer: Any, text: Mapping[str, Any]) -> Any:
    """The configuration of a kind at small sizes, in the words of the tokenizer."""
    words = {
        **TEXT,
        "vocab_size": len(tokenizer),
        "vocab_size_per_layer_input": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": tokenizer.bos_token_id,
    }
    config = transformers.CONFIG_MAPPING[kind]
    marks = {f"{role}_id": mark for role, mark in row.get("tokens", {}).items()}
    given = _numbered(_small(config(), marks, row.get("config", {})), tokenizer)
    parts = getattr(config, "sub_configs", {})
    if "text_config" not in parts:
        given = {**_small(config(), words, given), **text}
    else:
        given["text_config"] = {**given.get("text_config", {}), **text}
    for name, sizes in (("text_config", words), ("vision_config", TOWER), ("audio_config", TOWER)):
        if name in parts and (name in given or name != "audio_config"):
            given[name] = _part(config, name, sizes, given.get(name, {}))
    return config(**given)


def _part(config: Any, name: str, sizes: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    if kind := given.get("model_type"):
        default = transformers.CONFIG_MAPPING[kind]()
    else:
        default = getattr(config(), name) or config.sub_configs[name]()
    return {**_small(default, sizes, given), "model_type": default.model_type}


def _small(default: Any, sizes: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    known = {*default.to_dict(), *default.attribute_map}
    kept = {key: value for key, value in sizes.items() if key in known}
    if getattr(default, "sliding_window", None) is None:
        kept.pop("sliding_window", None)
    return {**kept, **given}


def _numbered(given: Any, tokenizer: Any) -> Any:
    """The settings with a token's id wherever one is named `..._token_id` or so."""
    if not isinstance(given, Mapping):
        return given
    return {
        key: tokenizer.convert_tokens_to_ids(value)
        if isinstance(value, str) and key.endswith(("_id", "_index"))
        else _numbered(value, tokenizer)
        for key, value in given.items()
    }


def _model(config: Any, seed: int) -> Any:
    build: Any = transformers.AutoModelForMultimodalLM
    if type(config) not in build._model_mapping:
        build = transformers.AutoModelForCausalLM
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build.from_config(config)
        for name, parameter in model.named_parameters():
            if any(part in name for part in CONNECTORS) and parameter.ndim == 2:
                torch.nn.init.normal_(parameter, std=0.5)
            elif "timm_model" in name and parameter.ndim == 4:
                torch.nn.init.kaiming_normal_(parameter)  # its many convolutions fade a picture
            elif parameter.numel() == 1 and not parameter:
                torch.nn.init.ones_(parameter)  # a gate to what images say
    return model


def _processor(kind: str, row: Mapping[str, Any], tokenizer: Any) -> Any:
    """The true processor of a kind, its parts built from code with the settings of its row."""
    classes = row.get("classes", {})
    built: Any = getattr(transformers, classes.get("processor") or AUTO["processor"][kind])
    takes = built.get_attributes()
    parts: dict[str, Any] = {"tokenizer": tokenizer}
    for name in ("image_processor", "video_processor", "feature_extractor", "audio_processor"):
        if name not in takes:
            continue
        known = AUTO["feature_extractor" if name == "audio_processor" else name]
        found: Any = classes.get(name) or known[kind]
        found = found.get("torchvision") if isinstance(found, Mapping) else found
        parts[name] = getattr(transformers, found)(**row.get(name.partition("_")[0], {}))
    return built(**parts, **row.get("processor", {}), chat_template=tokenizer.chat_template)
