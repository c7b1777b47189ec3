"""NoWait's banned ids on three kinds of tokenizer."""

from __future__ import annotations

import pytest
import torch

from suite.models.transformers.nowait import WORDS, NoWait, carries, nowait_ids
from tests.suite.tiny_models import byte_level_tokenizer, sentencepiece_tokenizer, word_tokenizer


@pytest.mark.parametrize(
    "token",
    [
        "wait",
        "Wait",
        "ĠWait",
        "▁wait",
        ".wait",
        "WAIT",
        "Ġbut",
        "But",
        ",but",
        "Ġdouble-check",
        "Hmm",
        "hmm,",
        "ĠNow",
        "ah",
        "Ah",
        "Ġother",
        "check:",
        "Ċwait",
        "wait</w>",
        "_wait",
        "again2",
    ],
)
def test_tokens_that_carry_reflection(token: str) -> None:
    assert carries(token)


@pytest.mark.parametrize(
    "token",
    [
        *[
            "waiter",
            "Ġwaiter",
            "waiting",
            "Ġbutter",
            "rebut",
            "Ġknow",
            "nowhere",
            "ohm",
            "Ġmother",
            "checkout",
            "Ġahead",
        ],
        *["éah", "anyways", "Ġthe", "Ġ", "##x", "verified"],
        "",
    ],
)
def test_tokens_that_merely_contain_a_word(token: str) -> None:
    assert not carries(token)


@pytest.mark.parametrize("build", [byte_level_tokenizer, sentencepiece_tokenizer])
def test_every_banned_token_reads_as_a_word_and_text_without_them_stays(build: object) -> None:
    tokenizer = build()  # type: ignore[operator]
    banned = set(nowait_ids(tokenizer))
    assert banned
    texts = {tokenizer.decode([n]).strip(" .,;!").lower() for n in banned}
    assert texts <= set(WORDS)
    assert "wait" in texts
    waiter = tokenizer.encode("waiter", add_special_tokens=False)
    assert len(waiter) > 1 or waiter[0] not in banned
    for text in ("wait", " wait", "Wait", " but"):
        pieces = tokenizer.encode(text, add_special_tokens=False)
        if len(pieces) == 1:
            assert pieces[0] in banned


def test_whole_words_and_special_tokens() -> None:
    tokenizer = word_tokenizer()
    assert tokenizer.convert_ids_to_tokens(list(nowait_ids(tokenizer))) == ["again", "wait"]
    tokenizer.add_special_tokens({"bos_token": "<|wait|>"})
    assert tokenizer.bos_token_id not in nowait_ids(tokenizer)


def test_only_the_rows_that_ask_for_it() -> None:
    rule = NoWait([1, 3], [True, False, True])
    scores = rule(torch.ones(3, 4), 0)
    assert torch.isinf(scores).tolist() == [
        [False, True, False, True],
        [False] * 4,
        [False, True, False, True],
    ]
    rule.select(torch.tensor([1, 2]))
    assert torch.isinf(rule(torch.ones(2, 4), 1)).any(-1).tolist() == [False, True]
