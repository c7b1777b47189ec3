"""The local backend on small random models of the true classes: answers independent of their batch.

In: a text model's folder. Out: generations, and errors of single requests.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from suite.models.backends import build_generator, fingerprint
from suite.models.spec import ModelSpec
from suite.models.transformers import chat
from suite.models.transformers import generator as backend
from suite.models.transformers.chat import prompt, tensors
from suite.models.transformers.loop import decode
from suite.requests import Decoding, Generation, Message, OutOfMemory, Request
from tests.suite.asking import GREEDY, IMAGES, SAMPLED, THINKING, ask, request, said
from tests.suite.tiny_models import text_folder, word_tokenizer


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = text_folder(tmp_path_factory.mktemp("text"), tie_word_embeddings=False)
    return build_generator(ModelSpec(path=folder), "text", device="cpu")


@pytest.mark.parametrize("decoding", [GREEDY, SAMPLED, THINKING], ids=["greedy", "plain", "think"])
def test_an_answer_does_not_depend_on_its_batch(text: Any, decoding: Decoding) -> None:
    requests = [request(n, decoding) for n in range(12)]
    together = said(ask(text, requests))
    assert said(ask(text, requests)) == together  # and not on when it is asked
    alone = [said(ask(text, [one]))[0] for one in requests]
    assert alone == together
    mixed = [request(n, (GREEDY, SAMPLED, THINKING)[n % 3]) for n in range(12)]
    answers = said(ask(text, mixed))
    for index in (n for n in range(12) if mixed[n].decoding == decoding):
        assert answers[index] == together[index]


def test_how_far_a_batch_moves_the_logits(text: Any) -> None:
    """Alone against left-padded in a batch: rounding of float32, four orders below the logits."""
    prompts = [
        prompt(text.loaded, request(n, words=1 + 5 * n), IMAGES.__getitem__) for n in range(6)
    ]
    with torch.inference_mode():
        batch = tensors(text.loaded, prompts)
        positions = (batch["attention_mask"].cumsum(-1) - 1).clamp(min=0)
        together = text.loaded.model(**batch, position_ids=positions).logits[:, -1]
        alone = torch.cat(
            [text.loaded.model(**tensors(text.loaded, [one])).logits[:, -1] for one in prompts]
        )
    assert float((together - alone).abs().max()) < 1e-4 * float(alone.abs().max())


def test_samples_differ_between_items_samples_and_seeds(text: Any) -> None:
    decoding = replace(SAMPLED, temperature=2.0, top_p=1.0)
    prompts = [request(0, decoding, words=1 + n) for n in range(4)]  # a single text may be empty
    variants = [
        prompts,
        [replace(one, sample=1) for one in prompts],
        [replace(one, item_id="9") for one in prompts],
        [replace(one, study_seed=7) for one in prompts],
    ]
    found = [tuple(answer.text for answer in ask(text, variant)) for variant in variants]
    assert len(set(found)) == 4
    assert [answer.text for answer in ask(text, prompts)] == list(found[0])


def test_a_prompt_longer_than_the_context_is_its_own_failure(text: Any) -> None:
    long = request(0, words=300)
    answers = ask(text, [request(1), long, request(2)])
    assert answers[1].error == "The prompt has 607 tokens; the model reads at most 511."
    assert said([answers[0], answers[2]]) == said(ask(text, [request(1), request(2)]))
    near = ask(text, [request(0, Decoding(max_new_tokens=100), words=251)])[0]
    assert near.prompt_tokens + near.generated_tokens <= 512


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")]
)
def test_memory_errors_reach_the_engine(
    text: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    monkeypatch.setattr(backend, "decode", fail)
    with pytest.raises(OutOfMemory):
        ask(text, [request(0)])


def test_batch_size_comes_from_the_call_the_spec_or_the_model(text: Any, tmp_path: Path) -> None:
    spec = ModelSpec(path=text_folder(tmp_path / "m"), batch_size=3)
    assert text.batches_of == 128
    assert build_generator(spec, "text", device="cpu").batches_of == 3  # type: ignore[attr-defined]
    generator = build_generator(spec, "text", device="cpu", batch_size=2)
    assert generator.batches_of == 2  # type: ignore[attr-defined]
    requests = [request(n) for n in range(5)]
    assert [answer.text for answer in ask(generator, requests)] == [
        ask(generator, [one])[0].text for one in requests
    ]


def test_fingerprint_equals_the_one_found_without_loading(text: Any) -> None:
    spec = ModelSpec(path=Path(text.loaded.model.name_or_path))
    assert text.fingerprint == fingerprint(spec, "text", device="cpu")


def worded(index: int, text: str, decoding: Decoding = GREEDY) -> Request:
    return Request("t", str(index), (Message("user", text),), decoding)


def poisoned(folder: Path, name: str, row: str | int, value: float) -> Any:
    """A model of which one row of a weight, or that of a word, is no number."""
    generator: Any = build_generator(
        ModelSpec(path=text_folder(folder, tie_word_embeddings=False)), "text", device="cpu"
    )
    if isinstance(row, str):
        row = generator.loaded.tokenizer.convert_tokens_to_ids(row)
    with torch.no_grad():
        generator.loaded.model.get_parameter(name)[row] = value
    return generator


def no_numbers(generator: Any) -> str:
    return (
        f"The model {generator.loaded.model.name_or_path} computes no finite numbers (NaN or "
        "infinity): its weights are damaged, or its numbers too large for float32; copy or fetch "
        "it again, or set another `dtype` in the family file."
    )


@pytest.mark.parametrize("decoding", [GREEDY, SAMPLED, THINKING], ids=["greedy", "plain", "think"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["lm_head.weight", "model.layers.1.mlp.down_proj.weight"])
def test_a_model_that_computes_no_numbers_fails(
    tmp_path: Path, name: str, value: float, decoding: Decoding
) -> None:
    generator = poisoned(tmp_path, name, 5, value)
    requests = [request(n, decoding) for n in range(3)]
    want = [Generation(error=no_numbers(generator))]
    assert ask(generator, requests) == 3 * want
    assert ask(generator, requests[:1]) == want


def test_a_row_without_numbers_fails_alone(tmp_path: Path) -> None:
    generator = poisoned(tmp_path, "model.embed_tokens.weight", "red", float("nan"))
    requests = [worded(n, text) for n, text in enumerate(["what colour", "is red", "the circle"])]
    answers = said(ask(generator, requests))
    assert answers[1] == Generation(error=no_numbers(generator))
    assert answers[::2] == said(ask(generator, requests[::2]))
    assert [answer.error for answer in answers[::2]] == [None, None]


def test_numbers_that_end_at_a_later_token_fail_the_row(tmp_path: Path) -> None:
    text: Any = build_generator(
        ModelSpec(path=text_folder(tmp_path / "sound", tie_word_embeddings=False)),
        "text",
        device="cpu",
    )
    asked = [request(n) for n in range(4)]
    rows = decode(
        text.loaded.model,
        tensors(text.loaded, [prompt(text.loaded, one, IMAGES.__getitem__) for one in asked]),
        text._rules([prompt(text.loaded, one, IMAGES.__getitem__) for one in asked], [400] * 4),
        pad_id=0,
    )
    third = int(rows[0].ids[2])
    generator = poisoned(tmp_path / "ill", "model.embed_tokens.weight", third, float("nan"))
    want = [
        Generation(error=no_numbers(generator)) if third in row.ids[:-1] else answer
        for row, answer in zip(rows, said(ask(text, asked)), strict=True)
    ]
    assert said(ask(generator, asked)) == want
    assert want[0].error is not None


def test_tokens_that_a_model_rules_out_are_no_failure(text: Any) -> None:
    before = ask(text, [request(n) for n in range(3)])

    def rule_out(module: Any, given: Any, logits: torch.Tensor) -> torch.Tensor:
        return logits.index_fill(-1, torch.tensor([3, 4]), float("-inf"))

    hook = text.loaded.model.lm_head.register_forward_hook(rule_out)
    try:
        for decoding in (GREEDY, SAMPLED, THINKING):
            answers = ask(text, [request(n, decoding) for n in range(3)])
            assert [answer.error for answer in answers] == [None] * 3
    finally:
        hook.remove()
    assert said(ask(text, [request(n) for n in range(3)])) == said(before)


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model whose tokenizer was given two more words and an own padding since."""
    folder = text_folder(tmp_path_factory.mktemp("larger"))
    tokenizer = word_tokenizer()
    tokenizer.add_tokens(["purple", "mauve"])
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    tokenizer.save_pretrained(folder)
    return build_generator(ModelSpec(path=folder), "text", device="cpu")


def test_a_token_that_the_model_does_not_know_fails_its_request_alone(
    larger: Any, tmp_path: Path
) -> None:
    plain: Any = build_generator(ModelSpec(path=text_folder(tmp_path)), "text", device="cpu")
    count = len(plain.loaded.tokenizer)
    words = ["what is red", "what is the mauve", "a circle"]
    answers = said(ask(larger, [worded(n, text) for n, text in enumerate(words)]))
    assert answers[1] == Generation(
        error=f"The prompt holds token {count + 1} ('mauve'), and the model "
        f"{larger.loaded.model.name_or_path} knows {count} tokens, 0 to {count - 1}; give it the "
        "tokenizer and processor that it was trained with."
    )
    want = said(ask(plain, [worded(n, words[n]) for n in (0, 2)]))
    assert [answer.text for answer in answers[::2]] == [answer.text for answer in want]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_a_gpu_answers_in_bfloat16_and_like_the_cpu_in_float32(tmp_path: Path) -> None:
    spec = ModelSpec(path=text_folder(tmp_path / "m", tie_word_embeddings=False))
    generator: Any = build_generator(spec, "text", device="cuda")
    assert generator.loaded.model.dtype == torch.bfloat16
    assert generator.fingerprint["dtype"] == "bfloat16"
    requests = [request(n, (GREEDY, SAMPLED, THINKING)[n % 3]) for n in range(12)]
    assert all(answer.error is None for answer in ask(generator, requests))
    exact = [
        said(ask(build_generator(replace(spec, dtype="float32"), "text", device=name), requests))
        for name in ("cuda", "cpu")
    ]
    assert exact[0] == exact[1]


LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}BODY{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (LOOP.replace("BODY", ""), "has not ended after 0.05 s"),
        (LOOP.replace("BODY", "{{ range(9) | sum }}"), "has not ended after 0.05 s"),
        (LOOP.replace("BODY", "{{ 'x' * 9999 }}"), "writes more than 10,000,000 letters"),
        ("{{ 'x' * 20000000 }}", "writes more than 10,000,000 letters"),
    ],
)
def test_a_chat_template_without_end_is_a_failed_row(
    text: Any, monkeypatch: pytest.MonkeyPatch, template: str, said: str
) -> None:
    own = text.loaded.tokenizer.chat_template
    monkeypatch.setattr(chat, "SECONDS", 0.05 if "ended" in said else 10.0)
    monkeypatch.setattr(
        text.loaded.tokenizer,
        "chat_template",
        "{% if 'w9' in messages[0]['content'] %}" + template + "{% endif %}" + own,
    )
    model = text.loaded.model.name_or_path
    before = sys.gettrace()
    answers = ask(text, [request(0), replace(request(1), messages=(Message("user", "w9"),))])
    assert [answer.error for answer in answers] == [None, f"The chat template of {model} {said}."]
    assert sys.gettrace() is before
