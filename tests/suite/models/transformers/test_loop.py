"""The decoding loop gives, token by token, what model.generate gives."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    Mamba2Config,
    Mamba2ForCausalLM,
    Qwen3ForCausalLM,
)
from transformers.cache_utils import DynamicLayer

from suite.models.transformers.kv_cache import (
    BufferedLayer,
    can_select,
    growing_cache,
    keep_rows,
)
from suite.models.transformers.loop import GeneratedRow, Rules, decode
from suite.models.transformers.sampling import SeededSampler
from suite.models.transformers.thinking import AnswerLimit, Markers, ThinkingBudget
from tests.suite.models.transformers.inside_generate import InsideGenerate
from tests.suite.tiny_models import qwen3_config

VOCABULARY = 50
NEW = 90  # more than the room a buffer starts with


def llama() -> Any:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            initializer_range=0.3,
            tie_word_embeddings=False,
        )
    )


def gemma() -> Any:
    return Gemma3ForCausalLM(
        Gemma3TextConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=16,
            sliding_window=8,
            layer_types=["sliding_attention", "full_attention"],
            initializer_range=0.3,
            tie_word_embeddings=False,
        )
    )


def qwen3() -> Any:
    return Qwen3ForCausalLM(qwen3_config(VOCABULARY, tie_word_embeddings=False))


def mamba2() -> Any:
    return Mamba2ForCausalLM(
        Mamba2Config(
            vocab_size=VOCABULARY,
            hidden_size=32,
            state_size=8,
            num_hidden_layers=2,
            num_heads=4,
            head_dim=16,
            n_groups=1,
            chunk_size=8,
            initializer_range=0.3,
            tie_word_embeddings=False,
        )
    )


class Older(LlamaForCausalLM):
    """A model whose code came with its checkpoint: it knows its cache by the old name, and what it
    does not know it takes and drops."""

    def forward(  # type: ignore[no-untyped-def]
        self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, **_
    ):
        takes = inspect.signature(LlamaForCausalLM.forward).parameters
        own = {"cache" if "cache" in takes else "past_key_values": past_key_values}
        return super().forward(
            input_ids, attention_mask=attention_mask, position_ids=position_ids, **own
        )


def batch(rows: int = 10) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    ids = torch.randint(2, VOCABULARY, (rows, 13))
    mask = torch.ones_like(ids)
    for row in range(rows):
        mask[row, : row % 7] = 0
        ids[row, : row % 7] = 0
    return ids, mask


def rules(rows: int, limits: list[int], end: list[int], *processors: Any) -> Rules:
    marks = Markers("", "", (), ())
    budget = ThinkingBudget(marks, [False] * rows, [False] * rows, [None] * rows)
    return Rules(end, AnswerLimit(budget, limits, limits), max(limits), processors)


@pytest.mark.filterwarnings("ignore:`past_key_values` is deprecated:FutureWarning")
def test_a_cache_goes_to_code_of_a_checkpoint_under_the_name_it_knows() -> None:
    torch.manual_seed(0)
    newer = llama().eval()
    older = Older(newer.config).eval()
    older.load_state_dict(newer.state_dict())
    ids, mask = batch()
    inputs = {"input_ids": ids, "attention_mask": mask}
    wanted, got = (
        decode(model, inputs, rules(10, [20] * 10, [VOCABULARY + 1]), 0) for model in (newer, older)
    )
    assert got == wanted
    assert len({token for row in got for token in row.ids}) > 5


@pytest.mark.parametrize("build", [qwen3, llama, gemma, mamba2])
@pytest.mark.parametrize("padded", [True, False])
def test_greedy_equals_generate(build: Any, padded: bool) -> None:
    torch.manual_seed(0)
    model = build().eval()
    ids, mask = batch()
    if not padded:
        mask = torch.ones_like(mask)
    free = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=30, do_sample=False, pad_token_id=0
    )[:, ids.shape[1] :]
    # A token that some rows reach and others do not.
    end = [int(min(free.unique(), key=lambda t: abs((free == t).any(1).float().mean() - 0.5)))]
    want = model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=NEW,
        do_sample=False,
        eos_token_id=end,
        pad_token_id=0,
    )[:, ids.shape[1] :]
    rows = decode(
        model, {"input_ids": ids, "attention_mask": mask}, rules(10, [NEW] * 10, end), pad_id=0
    )
    got = [row.ids for row in rows]
    lengths = {len(tokens) for tokens in got}
    assert len(lengths) > 1  # rows end at different steps, so some were dropped on the way
    for row, tokens in enumerate(got):
        assert tokens == want[row, : len(tokens)].tolist()
        assert len(tokens) == NEW or tokens[-1] == end[0]


def test_sampled_rows_equal_generate_with_the_same_sampler() -> None:
    torch.manual_seed(0)
    model = qwen3().eval()
    ids, mask = batch()

    def sampler() -> SeededSampler:
        return SeededSampler([0.7, 0.0] * 5, [0] * 10, [0.8] * 10, list(range(10)))

    limits = [3 + 4 * row for row in range(10)]
    rows = decode(
        model,
        {"input_ids": ids, "attention_mask": mask},
        rules(10, limits, [1], sampler()),
        pad_id=0,
    )
    got = [row.ids for row in rows]
    want = model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=max(limits),
        do_sample=False,
        eos_token_id=1,
        pad_token_id=0,
        logits_processor=[InsideGenerate(rules(10, limits, [1], sampler()))],
    )[:, ids.shape[1] :]
    for row, tokens in enumerate(got):
        assert tokens == want[row, : len(tokens)].tolist()
        assert len(tokens) == limits[row] or tokens[-1] == 1


def test_nothing_to_generate() -> None:
    ids, mask = batch(2)
    got = decode(qwen3(), {"input_ids": ids, "attention_mask": mask}, rules(2, [0, 0], [1]), 0)
    assert got == [GeneratedRow(), GeneratedRow()]


def test_buffered_layer_equals_concatenation() -> None:
    torch.manual_seed(0)
    layer = BufferedLayer()
    whole = torch.zeros(4, 2, 0, 3)
    for length in (5, 1, 1, 90, 1, 1):
        new = torch.randn(4, 2, length, 3)
        whole = torch.cat([whole, new], -2)
        keys, values = layer.update(new, -new)
        assert torch.equal(keys, whole)
        assert torch.equal(values, -whole)
    layer.batch_select_indices(torch.tensor([2, 0]))
    layer.crop(-3)
    new = torch.randn(2, 2, 1, 3)
    keys, values = layer.update(new, -new)
    assert torch.equal(keys, torch.cat([whole[[2, 0], :, :-3], new], -2))
    assert torch.equal(values, -keys)
    layer.reorder_cache(torch.tensor([1, 0]))
    layer.batch_repeat_interleave(2)
    assert torch.equal(layer.keys, keys[[1, 1, 0, 0]])
    layer.reset()
    assert layer.get_seq_length() == 0


OVERRIDDEN = [name for name in vars(BufferedLayer) if inspect.isfunction(vars(BufferedLayer)[name])]


def parameters(method: Any) -> list[Any]:
    """Names and defaults, and of `*args` and `**kwargs` only that they are there."""
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = inspect.signature(method).parameters.values()
    return [p.kind if p.kind in starred else (p.name, p.default) for p in found]


@pytest.mark.parametrize("name", [name for name in OVERRIDDEN if hasattr(DynamicLayer, name)])
def test_buffered_layer_takes_what_its_parent_takes(name: str) -> None:
    """transformers calls the layer, and its caches changed in almost every version."""
    assert parameters(getattr(BufferedLayer, name)) == parameters(getattr(DynamicLayer, name))


def test_buffered_layer_overrides_what_its_parent_has() -> None:
    """A method that the library renamed would be called by nobody."""
    assert [name for name in OVERRIDDEN if not hasattr(DynamicLayer, name)] == ["_grow"]


def test_sliding_layers_keep_their_class_and_rows_can_still_be_dropped() -> None:
    cache = growing_cache(gemma().config)
    assert [type(layer).__name__ for layer in cache.layers] == [
        "DynamicSlidingWindowLayer",
        "BufferedLayer",
    ]
    assert can_select(cache)


def test_rows_leave_a_cache_of_states_and_of_shared_keys() -> None:
    from transformers.cache_utils import DummyLayer, LinearAttentionLayer

    states = LinearAttentionLayer()
    states.update_conv_state(torch.arange(3.0)[:, None, None].repeat(1, 2, 4))
    attention = BufferedLayer()
    keys = torch.arange(3.0)[:, None, None, None].repeat(1, 1, 2, 4)
    attention.update(keys, keys)
    cache = SimpleNamespace(layers=[states, attention, DummyLayer()])
    assert can_select(cache)
    keep_rows(cache, torch.tensor([2, 0]))
    assert states.conv_states[0][:, 0, 0].tolist() == [2.0, 0.0]
    assert attention.keys is not None
    assert attention.keys[:, 0, 0, 0].tolist() == [2.0, 0.0]
