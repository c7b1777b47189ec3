"""Thinking: cut at its budget, split from the answer, refused by a model that has no mode for it.

In: small random models with and without the mode, and rows of token ids. Out: the two texts.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from suite.errors import SuiteError
from suite.models.backends import build_generator, fingerprint
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


def switched(folder: Path, end: str, **thinking: Any) -> Any:
    """A model whose prompts end in `end`, and what the family says of its thinking."""
    template = folder / "chat_template.jinja"
    whole = template.read_text()
    template.write_text(
        whole[: whole.index("{% if enable_thinking is defined")] + end + "{% endif %}"
    )
    spec = ModelSpec(path=folder, thinking=json.dumps(thinking))
    return build_generator(spec, "text", device="cpu")


OPEN = " <think>"


@pytest.mark.parametrize(
    ("end", "thinking", "switches", "always"),
    [
        ("", {}, False, False),
        ("{% if enable_thinking %} <think>{% endif %}", {}, True, False),
        ("{% if reasoning_effort == 'high' %} <think>{% endif %}", {}, True, False),
        ("{% if mode == 'deep' %} <think>{% endif %}", {}, False, False),
        ("{% if mode == 'deep' %} <think>{% endif %}", {"on": {"mode": "deep"}}, True, False),
        (OPEN, {}, False, True),
        ("", {"always": True}, False, True),
    ],
)
def test_a_switch_that_switches_nothing_is_refused(
    tmp_path: Path, end: str, thinking: dict[str, Any], switches: bool, always: bool
) -> None:
    generator = switched(text_folder(tmp_path / "m"), end, **thinking)
    assert (generator.switched, generator.always) == (switches, always)
    if not (switches or always):
        with pytest.raises(SuiteError, match="asks the same with thinking and without it; set"):
            ask(generator, [request(0, THINKING)])
    ask(generator, [request(0)])
    told = " ".join(generator.news())
    assert ("thinks always" in told) is always
    assert generator.news() == []
    spec = ModelSpec(path=tmp_path / "m")
    assert (fingerprint(spec, "text") == generator.fingerprint) is (not thinking)


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
