"""Steps of fixed shape give, token by token, what the loop with a growing cache gives.

In: small models of the true classes and the micro family's, on the CPU, where steps are called and
not recorded; on a GPU, where there is one, recorded. Out: the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import LlamaForCausalLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from suite.models.backends import build_generator
from suite.models.family import load_family
from suite.models.spec import ModelSpec
from suite.models.transformers import fixed as module
from suite.models.transformers.fixed import FixedSteps, Step, length_for, row_count
from suite.models.transformers.loading import for_cuda, fuse_norms, grouped_attention
from suite.models.transformers.loop import GeneratedRow, Rules, decode
from suite.models.transformers.nowait import NoWait
from suite.models.transformers.sampling import SeededSampler
from suite.models.transformers.thinking import AnswerLimit, Markers, ThinkingBudget
from tests.suite import tiny_vlms
from tests.suite.asking import GREEDY, SAMPLED, THINKING, ask, request, said
from tests.suite.models.transformers.test_loop import (
    batch,
    gemma,
    llama,
    mamba2,
    qwen3,
)  # fmt: skip

ROWS = 11


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lengths so near to one another that short rows pass several."""
    monkeypatch.setattr(module, "SHORTEST", 32)


MARKS = Markers("<t>", "</t>", (5,), (6, 4))
NEEDS_GPU = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device on this machine"
)


@pytest.mark.parametrize(
    ("live", "rows"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (64, 64), (65, 128)]
)
def test_rows_of_a_step(live: int, rows: int) -> None:
    assert row_count(live) == rows


@pytest.mark.parametrize(
    ("columns", "length"),
    [(1, 128), (128, 128), (129, 256), (1024, 1024), (1025, 1280), (1281, 1536), (9000, 10240)],
)
def test_columns_of_a_step(columns: int, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert length_for(columns) == length


def rules(kind: str, device: str = "cpu") -> Rules:
    """Rows that end at unlike steps, some by a token; `kind` says what else holds."""
    thinks = "think" in kind
    opened = [thinks and row % 3 > 0 for row in range(ROWS)]
    budgets = [(None, 0, 7, 20)[row % 4] for row in range(ROWS)]
    budget = ThinkingBudget(MARKS, [thinks] * ROWS, opened, budgets, device)
    answers, total = [2 + 5 * row for row in range(ROWS)], [60] * ROWS
    processors: list[Any] = []
    if "nowait" in kind:
        active = [row % 2 == 0 for row in range(ROWS)]
        processors.append(NoWait(range(20, 30), active, device))
    if "sampled" in kind:
        heat = [0.0 if row % 5 == 4 else 0.8 for row in range(ROWS)]
        top_k, top_p = [0, 9] * 6, [1.0, 0.9, 0.8] * 4
        given = (heat, top_k[:ROWS], top_p[:ROWS], range(ROWS))
        processors.append(SeededSampler(*given, device))
    limit = AnswerLimit(budget, answers, total)
    return Rules([1], limit, 60 if thinks else max(answers), processors)


def inputs(padded: bool = True, device: str = "cpu") -> dict[str, Any]:
    ids, mask = batch(ROWS)
    mask = mask if padded else torch.ones_like(mask)
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def both(model: Any, steps: FixedSteps, kind: str, padded: bool = True) -> list[GeneratedRow]:
    """The rows of the growing loop, which the steps must give too."""
    device = model.device.type
    want = decode(model, inputs(padded, device), rules(kind, device), 0)
    assert decode(model, inputs(padded, device), rules(kind, device), 0, steps) == want
    return want


KINDS = ("greedy", "sampled", "think", "sampled think", "sampled think nowait")


@pytest.mark.parametrize("build", [qwen3, llama])
@pytest.mark.parametrize("padded", [True, False])
def test_the_same_tokens_as_the_growing_loop(build: Any, padded: bool) -> None:
    torch.manual_seed(0)
    model = build().eval()
    steps = FixedSteps(model, record=False)
    longest = 0
    for kind in (*KINDS, *KINDS):  # a step of the same shape and kind serves again
        want = both(model, steps, kind, padded)
        assert steps.reason is None
        lengths = {len(row.ids) for row in want}
        assert len(lengths) > 4
        longest = max(longest, *lengths)
        assert any(row.cut for row in want) == ("think" in kind)
    assert longest + 13 > 64  # over two borders of lengths


def test_a_step_of_each_shape_and_kind_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = llama().eval()
    # As on a GPU, where memory for the whole of a batch is reserved with its first columns.
    monkeypatch.setattr(FixedSteps, "_reserved", lambda *_: 96)
    steps = FixedSteps(model, record=False)
    counts = []
    for kind in ("greedy", "greedy", "sampled", "greedy", "sampled"):
        both(model, steps, kind)
        counts.append(steps.recorded)
    assert counts[0] == counts[1] < counts[2] == counts[3] == counts[4]


class Waits(AssertionError):
    pass


class NoWaiting(TorchDispatchMode):
    """Refuses what would make the host wait for a GPU, or have a size that only it knows."""

    refused = ("_local_scalar_dense", "nonzero", "masked_select", "_unique", "is_nonzero", "item")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.partition(".")[0]
        if any(name.startswith(word) for word in self.refused):
            raise Waits(name)
        return func(*args, **(kwargs or {}))


def tensors_of(step: Step) -> list[torch.Tensor]:
    """All that a recording would read and write and that lives from step to step."""
    owners: list[Any] = [step.batch, step.rules.limit, step.rules.limit.budget]
    owners += step.rules.processors
    own = [getattr(o, name) for o in owners for name in (*o.per_row, *o.shared)]
    layers = [t for layer in step.cache.layers for t in (layer.keys, layer.values)]
    return [*own, *layers, step.column, step.at, step.out, step.mask]


def addresses(step: Step) -> list[int]:
    """Where they lie."""
    return [tensor.data_ptr() for tensor in tensors_of(step)]


@pytest.mark.parametrize("kind", ["greedy", "sampled think nowait"])
def test_nothing_in_a_step_waits_for_the_device_or_moves(kind: str, monkeypatch: Any) -> None:
    taken = []
    plain = Step.take_one

    def watched(step: Step) -> None:
        before = addresses(step)
        with NoWaiting():
            plain(step)
        assert addresses(step) == before
        taken.append(step)

    monkeypatch.setattr(Step, "take_one", watched)
    torch.manual_seed(0)
    model = qwen3().eval()
    steps = FixedSteps(model, record=False)
    both(model, steps, kind)
    assert steps.reason is None
    assert len(taken) > 50
    with pytest.raises(Waits), NoWaiting():
        bool(torch.ones(2).any())


class Untold(LlamaForCausalLM):
    """Its authors do not say that its steps can be recorded, as code of a checkpoint does not."""

    _can_compile_fullgraph = False


class Forgets(LlamaForCausalLM):
    """Sees every column where the mask is not that of the growing cache: a silent wrong number."""

    def forward(  # type: ignore[no-untyped-def]
        self, input_ids=None, attention_mask=None, position_ids=None, **rest
    ):
        if attention_mask is not None and attention_mask.dim() == 4:
            attention_mask = torch.zeros_like(attention_mask)
        rest |= {"attention_mask": attention_mask, "position_ids": position_ids}
        return super().forward(input_ids=input_ids, **rest)


def of_kind(kind: Any) -> Callable[[], Any]:
    return lambda: kind(llama().config)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (gemma, "its cache has windows, states or images"),
        (mamba2, "its cache has windows, states or images"),
        (of_kind(Untold), "its class does not say that its steps can have a fixed shape"),
        (of_kind(Forgets), "its scores move by"),
    ],
)
def test_a_model_that_cannot_goes_on_with_the_growing_loop(build: Any, reason: str) -> None:
    torch.manual_seed(0)
    model = build().eval()
    steps = FixedSteps(model, record=False)
    for kind in ("greedy", "sampled think"):
        both(model, steps, kind)
        assert steps.reason is not None
        assert steps.reason.startswith(reason)
    assert steps.recorded == 0


@pytest.mark.parametrize("good", [0, 1, 2])
def test_what_cannot_be_recorded_goes_on_where_it_was(
    good: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Step.__init__
    count = 0

    def fails(*given: Any) -> None:
        nonlocal count
        if count == good:
            raise RuntimeError("operation not permitted when stream is capturing\nmore of it")
        count += 1
        made(*given)

    monkeypatch.setattr(Step, "__init__", fails)
    torch.manual_seed(0)
    model = qwen3().eval()
    steps = FixedSteps(model, record=False)
    both(model, steps, "sampled think nowait")
    assert steps.reason is not None
    assert "stream is capturing" in steps.reason
    assert steps.recorded == good


def test_a_row_without_numbers_harms_no_other_and_no_later_one() -> None:
    torch.manual_seed(0)
    model = qwen3().eval()
    steps = FixedSteps(model, record=False)
    want = both(model, steps, "sampled")
    ill = want[5].ids[9]  # from its tenth token on this row has no numbers
    weight = model.get_input_embeddings().weight
    kept = weight[ill].clone()
    with torch.no_grad():
        weight[ill] = float("nan")
    found = both(model, steps, "sampled")
    assert not found[5].finite
    assert any(row.finite for row in found)
    with torch.no_grad():
        weight[ill] = kept
    assert both(model, steps, "sampled") == want


class Recording:
    """Stands in for CUDA's graphs on a CPU: what is called while it is recorded leaves no trace,
    and a replay calls it."""

    def __init__(self) -> None:
        self.step: Any = None
        self.replays = 0

    def replay(self) -> None:
        self.replays += 1
        assert self.step is not None
        self.step.take_one()


@pytest.mark.parametrize("failing", [None, 0, 1])
def test_a_recording_leaves_the_state_as_it_was(
    failing: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Recording] = []

    @contextmanager
    def graph(given: Any, pool: Any, stream: Any, capture_error_mode: str) -> Any:
        assert (pool, stream) == ("pool", side)
        before = [(t, t.clone()) for t in tensors_of(current[-1])]
        yield
        for tensor, value in before:
            tensor.copy_(value)
        if failing == len(made):
            raise RuntimeError("the stream is capturing")
        given.step = current[-1]
        made.append(given)

    current: list[Step] = []
    plain = Step.record
    monkeypatch.setattr(Step, "record", lambda s, *given: (current.append(s), plain(s, *given)))
    side: Any = type("Stream", (), {"wait_stream": lambda *_: None})()
    fakes = {
        "Stream": lambda: side, "current_stream": lambda: side, "set_stream": lambda _: None,
        "stream": lambda _: nullcontext(), "graph_pool_handle": lambda: "pool", "graph": graph,
        "CUDAGraph": Recording, "get_sync_debug_mode": lambda: 0,
        "set_sync_debug_mode": lambda _: None,
    }  # fmt: skip
    for name, fake in fakes.items():
        assert hasattr(torch.cuda, name)
        monkeypatch.setattr(torch.cuda, name, fake)
    torch.manual_seed(0)
    model = qwen3().eval()
    steps = FixedSteps(model, record=True)
    both(model, steps, "sampled think nowait")
    assert (steps.reason is None) == (failing is None)
    if failing is None:
        both(model, steps, "sampled think nowait")
    assert len(made) > 1 if failing is None else len(made) == failing
    assert all(recording.replays > 7 for recording in made[:1])


def held(generator: Any, requests: list[Any]) -> Any:
    """A generator's answers, which its steps must give too; its steps."""
    want = said(ask(generator, requests))
    assert generator._fixed is None  # on a CPU the product goes without
    generator._fixed = steps = FixedSteps(generator.loaded.model, record=False)
    try:
        decoded = decode
        generator._decode = lambda given, rules: decoded(
            generator.loaded.model, given, rules, generator.loaded.tokenizer.pad_token_id, steps
        )
        assert said(ask(generator, requests)) == want
        assert said(ask(generator, requests[::-1])) == want[::-1]
    finally:
        del generator._decode
        generator._fixed = None
    assert all(answer.error is None for answer in want)
    return steps


NOWAIT = replace(THINKING, nowait=True, max_new_tokens=12)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("llava", None), ("llava_onevision", None), ("qwen3_vl", None), ("internvl", None),
     ("gemma3", "its cache has windows, states or images")],
)  # fmt: skip
def test_vision_language_models(kind: str, reason: str | None, tmp_path: Path) -> None:
    folder = getattr(tiny_vlms, kind)(tmp_path)
    generator = build_generator(ModelSpec(path=folder), "vlm", device="cpu")
    shown: list[tuple[str, ...]] = [("one",), ("two",), ("wide",), (), (), ("one",), ("two",)]
    decodings = (GREEDY, SAMPLED, THINKING, NOWAIT)
    requests = [request(n, decodings[n % 4], images=shown[n % 7]) for n in range(14)]
    assert held(generator, requests).reason == reason


@pytest.mark.parametrize("role", ["text", "vlm"])
def test_the_micro_family(role: Any) -> None:
    size = load_family("micro").size("m")
    spec = size.text if role == "text" else size.vlm
    assert spec is not None
    generator = build_generator(spec, role, device="cpu")
    shown: tuple[str, ...] = ("one",) if role == "vlm" else ()
    decodings = [GREEDY, SAMPLED]
    if role == "text":
        decodings += [replace(THINKING, max_new_tokens=40, thinking_budget=30), NOWAIT]
    requests = [
        request(n, decodings[n % len(decodings)], images=shown, words=1 + 3 * n) for n in range(13)
    ]
    steps = held(generator, requests)
    assert steps.reason is None
    assert steps.recorded > 0


def test_one_line_says_that_a_model_goes_without(tmp_path: Path) -> None:
    generator: Any = build_generator(
        ModelSpec(path=tiny_vlms.gemma3(tmp_path)), "vlm", device="cpu"
    )
    assert generator.news() == []
    generator._fixed = FixedSteps(generator.loaded.model, record=False)
    generator._fixed.reason = "its cache has windows, states or images"
    assert generator.news() == [
        f"The steps of {generator.loaded.model.name_or_path} are not recorded for the GPU and take "
        "longer: its cache has windows, states or images."
    ]
    assert generator.news() == []


@pytest.mark.parametrize(("heads", "tokens"), [(2, 1), (4, 1), (8, 1), (2, 5), (8, 5)])
@pytest.mark.parametrize("masked", [None, "bool", "float"])
def test_grouped_attention_equals_attention_over_copied_keys(
    heads: int, tokens: int, masked: str | None
) -> None:
    torch.manual_seed(0)
    query = torch.randn(3, heads, tokens, 16)
    key, value = torch.randn(3, 2, 24, 16), torch.randn(3, 2, 24, 8)
    mask = None
    if masked is not None:
        mask = torch.rand(3, 1, tokens, 24) > 0.3
        mask[..., 0] = True
    wide = [t.repeat_interleave(heads // 2, 1) for t in (key, value)]
    weights = query @ wide[0].transpose(-1, -2) * 0.3
    if mask is not None:
        weights = weights.masked_fill(~mask, float("-inf"))
    want = (weights.softmax(-1) @ wide[1]).transpose(1, 2)
    if masked == "float":
        assert mask is not None
        mask = torch.zeros(mask.shape).masked_fill(~mask, float("-inf"))
    attention: Any = torch.nn.Module()
    attention.num_key_value_groups, attention.is_causal = heads // 2, False
    for forward in (grouped_attention, sdpa_attention_forward):
        got, _ = forward(attention, query, key, value, mask, scaling=0.3)
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("build", "norms"), [(qwen3, 9), (llama, 5), (gemma, 0)])
def test_a_model_set_up_for_cuda_computes_the_same(build: Any, norms: int) -> None:
    """Gemma's norm, which adds one to its weights, is another than torch's and stays."""
    torch.manual_seed(0)
    model = build().eval()
    for name, weight in model.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(weight, 1.0, 0.3)
    with torch.inference_mode():
        want = model(**inputs()).logits
        assert fuse_norms(model) == norms
        torch.testing.assert_close(model(**inputs()).logits, want, rtol=1e-4, atol=1e-4)
    before = torch.backends.cuda.cudnn_sdp_enabled()
    try:
        torch.backends.cuda.enable_cudnn_sdp(True)
        for_cuda(model)
        assert not torch.backends.cuda.cudnn_sdp_enabled()  # it makes a plan for each shape
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)


@pytest.mark.gpu
@NEEDS_GPU
@pytest.mark.parametrize("build", [qwen3, llama])
def test_recorded_steps_give_the_same_tokens(build: Any) -> None:
    torch.manual_seed(0)
    model = build().eval().to("cuda")
    for_cuda(model)
    steps = FixedSteps(model, record=True)
    for kind in (*KINDS, *KINDS):
        both(model, steps, kind)
        assert steps.reason is None
    assert all(step.graph is not None for step in steps._steps.values())


@pytest.mark.gpu
@NEEDS_GPU
def test_a_model_that_looks_at_its_numbers_is_not_recorded() -> None:
    torch.manual_seed(0)
    model = llama().eval().to("cuda")
    for_cuda(model)
    model.lm_head.register_forward_hook(lambda *given: given[2] if bool(given[2].any()) else None)
    steps = FixedSteps(model, record=True)
    both(model, steps, "sampled think")
    assert steps.reason is not None
    assert steps.recorded == 0
    both(model, steps, "greedy")  # and the device is still fit for work
