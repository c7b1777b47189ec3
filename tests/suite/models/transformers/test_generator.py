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
from suite.requests import Decoding, Message, OutOfMemory
from tests.suite.asking import GREEDY, IMAGES, SAMPLED, THINKING, ask, request, said
from tests.suite.tiny_models import text_folder


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
