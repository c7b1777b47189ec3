"""What real checkpoints bring along: settings of generation, several templates, dates, positions.

In: small random models with such files. Out: what they are asked and what they answer.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from suite.models.backends import build_generator
from suite.models.spec import ModelSpec
from suite.models.transformers.chat import prompt
from suite.models.transformers.thinking import opens_thinking
from suite.requests import Decoding, Generation, Message, Request
from tests.suite import tiny_vlms
from tests.suite.tiny_models import text_folder, word_tokenizer

GREEDY = Decoding(max_new_tokens=20)


def request(index: int, words: int = 2, images: tuple[str, ...] = ()) -> Request:
    return Request("t", str(index), (Message("user", "what colour " * words, images),), GREEDY)


def no_image(name: str) -> bytes:
    raise KeyError(name)


def ask(generator: Any, requests: Sequence[Request]) -> list[Generation]:
    return [replace(one, seconds=0.0) for one in generator.generate(requests, no_image)]


def picture(width: int, height: int) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 255, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "settings",
    [
        {"cache_implementation": "static"},
        {"stop_strings": ["blue"]},
        {"num_return_sequences": 2, "do_sample": True},
        {"do_sample": True, "temperature": 0.6, "top_k": 20, "repetition_penalty": 1.5},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_the_decoding_of_a_checkpoint_does_not_reach_the_answers(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    folder = text_folder(tmp_path, tie_word_embeddings=False)
    asked = [request(n) for n in range(3)]
    want = ask(build_generator(ModelSpec(path=folder), "text", device="cpu"), asked)
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    got = ask(build_generator(ModelSpec(path=folder), "text", device="cpu"), asked)
    assert got == want
    assert all(answer.error is None for answer in got)


def test_a_photograph_is_shown_upright(tmp_path: Path) -> None:
    vlm = build_generator(ModelSpec(path=tiny_vlms.llava(tmp_path)), "vlm", device="cpu")
    upright = Image.open(io.BytesIO(picture(100, 30))).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    for name, notes in (("turned", exif.tobytes()), ("damaged", b"Exif\0\0MM\0*\0\0\0\x08\0\x01")):
        held = upright.rotate(90, expand=True) if name == "turned" else upright
        buffer = io.BytesIO()
        held.save(buffer, "PNG", exif=notes)
        shown = prompt(vlm.loaded, request(0, images=(name,)), {name: buffer.getvalue()}.get)
        assert np.array_equal(np.asarray(shown.images[0]), np.asarray(upright))


def test_of_several_chat_templates_the_default_one_is_asked(tmp_path: Path) -> None:
    folder = text_folder(tmp_path)
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tool_use.jinja").write_text("tools")
    generator: Any = build_generator(ModelSpec(path=folder), "text", device="cpu")
    loaded = generator.loaded
    assert isinstance(loaded.tokenizer.chat_template, dict)
    assert "what colour" in prompt(loaded, request(0), no_image).text


def test_a_template_that_tells_the_date_tells_the_same_every_day(tmp_path: Path) -> None:
    folder = text_folder(tmp_path)
    template = folder / "chat_template.jinja"
    template.write_text("{{ strftime_now('%d %b %Y') }}" + template.read_text())
    generator: Any = build_generator(ModelSpec(path=folder), "text", device="cpu")
    loaded = generator.loaded
    assert prompt(loaded, request(0), no_image).text.startswith("01 Jan 2025<|im_start|>")


@pytest.mark.parametrize("opened", [False, True])
def test_a_question_about_a_marker_opens_no_thinking(opened: bool, tmp_path: Path) -> None:
    folder = text_folder(tmp_path)
    template = folder / "chat_template.jinja"
    plain = template.read_text().replace(" <think> </think>", "")
    template.write_text(plain.replace(" assistant{%", " assistant <think>{%") if opened else plain)
    generator: Any = build_generator(ModelSpec(path=folder), "text", device="cpu")
    for words in ("what is <think> blue", "what </think> is <think>", "what is blue"):
        asked = Request("t", "0", (Message("user", words),), GREEDY)
        one = prompt(generator.loaded, asked, no_image)
        assert words in one.text
        assert opens_thinking(one.opening, generator.markers) is opened


def test_a_row_that_has_ended_at_the_last_position_waits_there(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = word_tokenizer()
    model = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=48,
            n_embd=32,
            n_layer=2,
            n_head=2,
            initializer_range=0.5,
            eos_token_id=1,
            bos_token_id=1,
        )
    )
    with torch.no_grad():
        model.transformer.wte.weight[1] = 0  # so that no row ends by itself
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    generator = build_generator(ModelSpec(path=tmp_path), "text", device="cpu")
    answers = ask(generator, [request(0, words=18), *(request(n) for n in range(1, 10))])
    assert answers[0].prompt_tokens + answers[0].generated_tokens == 48
    assert {answer.generated_tokens for answer in answers[1:]} == {20}
