"""Thinking: cut at its budget, split from the answer, refused by a model that has no mode for it.

In: small random models with and without the mode, and rows of token ids. Out: the two texts.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from suite.errors import SuiteError
from suite.models.backends import build_generator
from suite.models.spec import ModelSpec
from suite.models.transformers import generator as backend
from tests.suite.asking import THINKING, ask, request
from tests.suite.tiny_models import text_folder


def test_thinking_is_cut_split_off_and_counted(tmp_path: Path) -> None:
    """A template that opens the block in the prompt, so that every row thinks from its start."""
    folder = text_folder(tmp_path / "m", tie_word_embeddings=False)
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text(
        template + "{% if enable_thinking %} <think>{% endif %}"
    )
    generator: Any = build_generator(ModelSpec(path=folder), "text", device="cpu")
    answers = ask(generator, [replace(request(n, THINKING), study_seed=n) for n in range(24)])
    ends = {answer.finish_reason for answer in answers}
    assert "budget" in ends
    assert ends <= {"stop", "length", "budget"}
    by_itself = [answer for answer in answers if answer.generated_tokens < 9]
    cut = [answer for answer in answers if answer.generated_tokens >= 9 + 1]
    assert cut
    for answer in cut:
        assert answer.generated_tokens <= 9 + 1 + 6
        assert 0 < len(answer.thinking.split()) <= 9
        assert len(answer.text.split()) <= 6
        # One that closed its block itself has room left to end by itself as well.
        assert answer.finish_reason != "stop" or len(answer.thinking.split()) < 9
    assert by_itself
    assert "budget" not in {answer.finish_reason for answer in by_itself}
    unlimited = replace(THINKING, thinking_budget=None, max_new_tokens=1)
    (free,) = ask(generator, [request(0, unlimited)])
    assert free.prompt_tokens + free.generated_tokens <= 512


def test_thinking_needs_a_model_that_thinks(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "plain")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        file = folder / name
        file.write_text(file.read_text().replace("think>", "thunk>"))
    generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
    with pytest.raises(SuiteError, match="has no thinking mode that the suite knows"):
        ask(generator, [request(0, THINKING)])


@pytest.mark.parametrize(
    ("ids", "opened", "want"),
    [
        ([5, 8, 9, 6, 7], False, ([8, 9], [7])),
        ([8, 9, 6, 7], True, ([8, 9], [7])),
        ([7, 8], False, ([], [7, 8])),
        ([5, 8, 9], False, ([8, 9], [])),
        ([8, 9], True, ([8, 9], [])),
        ([5, 8, 6, 7, 5, 9, 6], False, ([8], [7, 5, 9, 6])),
        ([], False, ([], [])),
        ([6], True, ([], [])),
        ([6, 7], False, ([], [6, 7])),
        ([9, 5, 8, 6, 7], False, ([9, 8], [7])),
        ([5, 8, 6, 7], True, ([8], [7])),
    ],
)
def test_split_of_thinking_and_answer(ids: list[int], opened: bool, want: Any) -> None:
    markers = backend.Markers("<t>", "</t>", (5,), (6,))
    thinking, answer = backend.split_thinking(ids, markers, opened)
    assert (list(thinking), list(answer)) == want
