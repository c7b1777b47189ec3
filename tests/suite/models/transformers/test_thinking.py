"""Thinking budget: markers of any tokenizer, forcing per row, where the answer's tokens count."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from suite.models.transformers.generator import split_thinking
from suite.models.transformers.loop import Rules, decode
from suite.models.transformers.thinking import (
    AnswerLimit,
    Markers,
    ThinkingBudget,
    opens_thinking,
    switch_of,
    thinking_markers,
    within,
)
from tests.suite.models.transformers.inside_generate import InsideGenerate
from tests.suite.tiny_models import (
    byte_level_tokenizer,
    qwen3_config,
    sentencepiece_tokenizer,
    word_tokenizer,
)

MARKS = Markers("<think>", "</think>", (5,), (6,))
EOS = 1


def test_markers_as_single_tokens_as_spelled_and_absent() -> None:
    words = word_tokenizer()
    vocabulary = words.get_vocab()
    found = thinking_markers(words)
    assert found is not None
    assert (found.start, found.end) == ((vocabulary["<think>"],), (vocabulary["</think>"],))
    assert thinking_markers(sentencepiece_tokenizer()) is None
    spelled = byte_level_tokenizer()
    assert thinking_markers(spelled) is None
    spelled.chat_template = "{{ messages[0].content.split('</think>')[-1] }}"
    found = thinking_markers(spelled)
    assert found is not None
    assert len(found.end) > 1
    assert spelled.decode(found.end) == "</think>"


CHANNELS = (
    ("<|channel>thought", "<channel|>", ["<|channel>", "<channel|>"]),
    (
        *("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
        ["<|channel|>", "<|message|>", "<|end|>", "<|start|>"],
    ),
)
"""Gemma 4's and GPT-OSS's thinking, and the marks of it that are tokens."""


@pytest.mark.parametrize(("start", "end", "marks"), CHANNELS, ids=["gemma4", "gpt_oss"])
def test_channels_are_markers_of_several_tokens(start: str, end: str, marks: list[str]) -> None:
    tokenizer = byte_level_tokenizer(more=marks)
    found = thinking_markers(tokenizer)
    assert found is not None
    assert found.pair == (start, end)
    assert [tokenizer.decode(ids) for ids in (found.start, found.end)] == [start, end]
    write = lambda text: tokenizer.encode(text, add_special_tokens=False)  # noqa: E731
    thinking, answer = split_thinking(write(f"{start}it is red{end}red"), found, False)
    assert (tokenizer.decode(thinking), tokenizer.decode(answer)) == ("it is red", "red")
    assert split_thinking(write("red"), found, False) == ([], write("red"))
    assert thinking_markers(byte_level_tokenizer(more=marks[1:])) is None


def test_an_answer_without_thinking_may_open_the_channel_of_answers() -> None:
    tokenizer = byte_level_tokenizer(more=CHANNELS[1][2])
    found = thinking_markers(tokenizer)
    assert found is not None
    ids = tokenizer.encode("<|channel|>final<|message|>red", add_special_tokens=False)
    _, answer = split_thinking(ids, found, False)
    assert tokenizer.decode(answer) == "red"


def test_a_family_names_the_marks() -> None:
    found = thinking_markers(word_tokenizer(), ("red", "blue"))
    assert found is not None
    assert found.pair == ("red", "blue")


@pytest.mark.parametrize(
    ("template", "on", "off"),
    [
        (
            "{% if enable_thinking %}x{% endif %}",
            {"enable_thinking": True},
            {"enable_thinking": False},
        ),
        (
            "{% if not thinking is defined %}{% set thinking = false %}{% endif %}{{ thinking }}",
            *({"thinking": True}, {"thinking": False}),
        ),
        ("{% if reasoning %}x{% endif %}", {"reasoning": True}, {"reasoning": False}),
        (
            "{{ reasoning_effort or 'medium' }}",
            *({"reasoning_effort": "high"}, {"reasoning_effort": "low"}),
        ),
        (
            "{% if reasoning_effort not in ['none', 'high'] %}x{% endif %}",
            *({"reasoning_effort": "high"}, {"reasoning_effort": "none"}),
        ),
        # Fields of a message, words and comments are no variables; nor is what the template sets.
        (
            "{# thinking #}{% for m in messages %}{{ m.thinking }} reasoning{% generation %}"
            "{% endgeneration %}{% endfor %}{% set thinking = 1 %}{{ thinking }}",
            *({"enable_thinking": True}, {"enable_thinking": False}),
        ),
        (
            "{{ thinking }}{{ enable_thinking }}{{ reasoning_effort }}",
            *({"enable_thinking": True}, {"enable_thinking": False}),
        ),
        ("{% broken", {"enable_thinking": True}, {"enable_thinking": False}),
    ],
)
def test_a_template_names_its_switch(template: str, on: object, off: object) -> None:
    switch = switch_of(template, {})
    assert (switch.told(True), switch.told(False)) == (on, off)
    assert switch_of(template, {"on": {"mode": 1}}).told(True) == {"mode": 1}
    assert switch_of(template, {"on": {"mode": 1}}).told(False) == {}


@pytest.mark.parametrize(
    ("prompt", "opened"),
    [
        ("a question", False),
        ("assistant <think>\n", True),
        ("assistant <think>\n\n</think>\n\n", False),
        ("<think>x</think> again <think>", True),
    ],
)
def test_whether_the_prompt_stands_inside_a_block(prompt: str, opened: bool) -> None:
    assert opens_thinking(prompt, MARKS) is opened


def drive(budget: ThinkingBudget, limit: AnswerLimit, wishes: list[list[int]]) -> list[list[int]]:
    """Feeds each row the tokens it wishes to write; returns what it wrote until it was ended."""
    ended = [False] * len(wishes)
    written: list[list[int]] = [[] for _ in wishes]
    step = 0
    while not all(ended):
        scores = torch.full((len(wishes), 10), -5.0)
        for row, wish in enumerate(wishes):
            scores[row, wish[min(step, len(wish) - 1)]] = 5.0
        tokens = budget.force(scores.argmax(-1), step)
        budget.observe(tokens, step + 1)
        over = limit.ended(step + 1) | (tokens == EOS)
        for row in range(len(wishes)):
            if not ended[row]:
                written[row].append(int(tokens[row]))
                ended[row] = bool(over[row])
        step += 1
    return written


def test_each_row_has_its_own_budget_and_its_own_answer() -> None:
    wishes = [
        [5, 7, 7, 7, 7, 7, 7, 7, 7],  # opens, never closes: cut after 3 thinking tokens
        [5, 7, 6, 8, 8, 8, 8, 8, 8],  # closes by itself, then answers for ever
        [8, 8, 8, 8, 8, 8, 8, 8, 8],  # may think but answers at once
        [5, 7, 7, 7, 7, 7, 7, 7, 7],  # thinking is off: marker and all count as the answer
        [7, 7, 7, 7, 7, 7, 7, 7, 7],  # its prompt opened the block: cut after 1 token
        [5, 7, 7, 6, 1, 8, 8, 8, 8],  # closes just in time and stops
    ]
    budget = ThinkingBudget(
        MARKS,
        thinking=[True, True, True, False, True, True],
        opened=[False, False, False, False, True, False],
        budget=[3, 3, 3, 3, 1, 3],
    )
    limit = AnswerLimit(budget, max_new_tokens=[2, 2, 2, 2, 2, 2], total=[50] * 6)
    assert drive(budget, limit, wishes) == [
        [5, 7, 7, 7, 6, 7, 7],
        [5, 7, 6, 8, 8],
        [8, 8],
        [5, 7],
        [7, 6, 7, 7],
        [5, 7, 7, 6, 1],
    ]
    assert budget.cut.tolist() == [True, False, False, False, True, False]


@given(
    st.lists(st.sampled_from([2, 3, 5, 6]), min_size=14, max_size=14),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 4)),
    st.integers(1, 4),
    st.sampled_from([MARKS, Markers("<think>", "</think>", (5, 2), (6, 3))]),
)
def test_what_another_has_written_is_cut_as_our_rules_would(
    wish: list[int], opened: bool, budget: int | None, answer: int, marks: Markers
) -> None:
    rule = ThinkingBudget(marks, [True], [opened], [budget])
    limit = AnswerLimit(rule, [answer], [12])
    (written,) = drive(rule, limit, [wish])
    whole = len(written) == 12  # it may have been ended by the total
    kept, cut = within([*written, 2, 2], marks, opened, answer, budget)
    assert (kept == len(written)) or (whole and kept > 12)
    forced = bool(rule.cut[0]) and not bool(rule.inside[0])
    assert whole or cut == forced


def test_an_end_of_several_tokens_is_forced_in_order() -> None:
    marks = Markers("<t>", "</t>", (5,), (6, 4, 2))
    budget = ThinkingBudget(marks, [True, True], [True, True], [2, None])
    limit = AnswerLimit(budget, [1, 1], [9, 5])
    assert drive(budget, limit, [[7] * 9, [7] * 9]) == [[7, 7, 6, 4, 2, 7], [7, 7, 7, 7, 7]]


def test_a_budget_of_zero_closes_at_once_and_a_second_block_is_answer() -> None:
    budget = ThinkingBudget(MARKS, [True], [True], [0])
    limit = AnswerLimit(budget, [4], [50])
    assert drive(budget, limit, [[7, 5, 7, 7, 7, 7, 7]]) == [[6, 5, 7, 7, 7]]


@pytest.fixture(scope="module")
def model() -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    model = Qwen3ForCausalLM(qwen3_config(40, tie_word_embeddings=False)).eval()
    model.generation_config.eos_token_id = EOS
    return model


def test_the_same_tokens_inside_generate_and_inside_the_loop(model: Qwen3ForCausalLM) -> None:
    torch.manual_seed(1)
    ids = torch.randint(8, 40, (6, 9))
    mask = torch.ones_like(ids)
    mask[1, :4] = 0
    budgets = [3, 5, None, 3, 0, 7]

    def rules() -> Rules:
        budget = ThinkingBudget(MARKS, [True] * 6, [True, True, False, True, True, True], budgets)
        return Rules([EOS], AnswerLimit(budget, [4, 3, 5, 6, 2, 1], [20] * 6), 20)

    rows = decode(model, {"input_ids": ids, "attention_mask": mask}, rules(), pad_id=0)
    inside = InsideGenerate(rules())
    want = model.generate(
        input_ids=ids,
        attention_mask=mask,
        do_sample=False,
        max_new_tokens=20,
        pad_token_id=0,
        logits_processor=[inside],
        stopping_criteria=[inside.ended],
    )[:, 9:]
    for row, tokens in enumerate(r.ids for r in rows):
        assert tokens == want[row, : len(tokens)].tolist()
        assert set(want[row, len(tokens) :].tolist()) <= {0}  # padding alone follows
    for row in (0, 1, 3, 4, 5):
        assert rows[row].ids[budgets[row]] == 6
        assert rows[row].cut


def spelling_tokenizer() -> Any:
    """Byte-level BPE whose template names the markers and whose vocabulary joins their ends with
    what stands beside them, as those of Llama 3 and Qwen2 do."""
    core = Tokenizer(models.BPE())
    words = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+"
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|im_end|>"],
    )
    core.train_from_iterator(["</div>\n\n<p>\nthink.</p>\n\nthink so"] * 50, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|im_end|>", chat_template="{{ m.split('</think>') }}"
    )


def test_spelled_markers_are_found_where_their_ends_are_joined_with_other_signs() -> None:
    tokenizer = spelling_tokenizer()
    markers = thinking_markers(tokenizer)
    assert markers is not None
    for text in ("<think>a</think>B", "<think>\na.</think>\n\nB"):
        ids = tokenizer.encode(text, add_special_tokens=False)
        thinking, answer = split_thinking(ids, markers, opened=False)
        assert tokenizer.decode(thinking).strip() == "a"
        assert tokenizer.decode(answer) == "B"
        budget = ThinkingBudget(markers, [True], [False], [50])
        inside = []
        for step, token in enumerate(ids, start=1):
            budget.observe(torch.tensor([token]), step)
            inside.append(bool(budget.inside[0]))
        assert inside == [False] * 2 + [True] * (len(ids) - 4) + [False] * 2
    assert "</" in tokenizer.get_vocab()
    assert ">ĊĊ" in tokenizer.get_vocab()
    ids = tokenizer.encode("<p>think</p>\n\nB", add_special_tokens=False)
    assert split_thinking(ids, markers, opened=False) == ([], ids)
