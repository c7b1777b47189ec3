"""Tiny random models of the true classes: each answers in a batch as alone and as `generate`.

In: every row of random.yaml and the language models that families name. Out: greedy tokens.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from suite.engine.batches import generate
from suite.errors import SuiteError
from suite.models.backends import build_generator
from suite.models.family import list_families, load_family
from suite.models.spec import ModelSpec
from suite.models.transformers import random
from suite.models.transformers.chat import prompt, tensors
from suite.models.transformers.generator import NO_MARKERS, split_thinking
from suite.requests import Decoding, Message, Request
from tasks.pictures import drawn

SIZES = {"a": (40, 30), "b": (90, 30), "c": (30, 100), "d": (40, 30)}
PICTURES = {name: drawn(number, size) for number, (name, size) in enumerate(SIZES.items())}
TEXTS = sorted(
    {own.kinds["text"] for name in list_families() for own in load_family(name).sizes if own.kinds}
    - {*random.rows()}
)
ONE_TILING = ("perception_lm",)
"""Kinds whose processor takes no two images of different numbers of tiles in one request."""


def asked(kind: str) -> list[Request]:
    """One picture of each shape, then none, then two, with texts of three lengths."""
    shown = [("a",), ("b",), ("c",), (), (), ()]
    shown += [] if kind in ONE_TILING else [("a", "b"), ("a", "c")]
    decoding = Decoding(max_new_tokens=20)
    return [
        Request(
            "t", str(n), (Message("user", "Which of these? " * (1 + 3 * (n % 3)), own),), decoding
        )
        for n, own in enumerate(shown)
        if kind in random.rows() or not own
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # transformers'
@pytest.mark.parametrize("kind", [*random.rows(), *TEXTS])
def test_a_kind_answers_in_a_batch_as_alone_and_as_generate(kind: str, tmp_path: Path) -> None:
    if kind == "smolvlm":
        pytest.importorskip("num2words")
    if kind == "llama4" and random.VERSION.startswith("5.24."):
        pytest.skip("transformers 5.24's class asks its text model for pictures and fails")
    random.save(tmp_path, kind, ends=16)
    spec = ModelSpec(path=tmp_path, batch_size=8, random_weights=True)
    generator: Any = build_generator(spec, "vlm" if kind in random.rows() else "text", device="cpu")
    requests = asked(kind)
    together = generate(generator, requests, PICTURES.__getitem__)
    assert [answer.error for answer in together] == [None] * len(requests)
    loaded = generator.loaded
    for request, answer in zip(requests, together, strict=True):
        (alone,) = generate(generator, [request], PICTURES.__getitem__)
        one = prompt(loaded, request, PICTURES.__getitem__)
        inputs = tensors(loaded, [one])
        with torch.inference_mode():
            ids = loaded.model.generate(**inputs, do_sample=False, max_new_tokens=20)
        wrote = ids[0, inputs["input_ids"].shape[1] :].tolist()
        words = wrote[:-1] if wrote[-1] in loaded.end_ids else wrote
        _, words = split_thinking(words, generator.markers or NO_MARKERS, False)  # it may open one
        text = loaded.tokenizer.decode(words, skip_special_tokens=True).strip()
        assert (answer.text, answer.generated_tokens) == (text, len(wrote))
        assert (alone.text, alone.generated_tokens) == (text, len(wrote))
    assert len({answer.text for answer in together}) > 1
    if kind in random.rows():  # it sees: another picture of the same size moves its scores
        (turn,) = requests[0].messages
        other = replace(requests[0], messages=(replace(turn, images=("d",)),))
        prompts = [prompt(loaded, one, PICTURES.__getitem__) for one in (requests[0], other)]
        with torch.inference_mode():
            scores = [loaded.model(**tensors(loaded, [one])).logits[0, -1] for one in prompts]
        assert not torch.equal(*scores)


def test_a_kind_that_nobody_knows_is_named_with_its_nearest(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"no kind of model 'qwen3_lv' can be made.*qwen3_vl"):
        random.save(tmp_path, "qwen3_lv")


def test_a_tokenizer_of_ones_own_keeps_its_numbers(tmp_path: Path) -> None:
    own = random.byte_level_tokenizer(("<extra>",))
    number = own.convert_tokens_to_ids("<extra>")
    random.save(tmp_path, "qwen3", tokenizer=own)
    read = random.read_tokenizer(tmp_path)
    assert read.convert_tokens_to_ids("<extra>") == number
    assert read.decode(read.encode("What is 37 – 5?")) == "What is 37 – 5?"
