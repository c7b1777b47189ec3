"""NoWait: which tokens of a vocabulary carry self-reflection (arXiv:2511.17487).

In: any tokenizer and a rule: the words of the paper, or a list of words and ids of one's own. Out:
the ids that are never sampled, and what of the rule is part of a request's key. No torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from suite.errors import SuiteError, reason_of, shown
from suite.models.spec import ModelSpec
from suite.requests import NoWaitRule

WORDS = (
    "wait", "alternatively", "hmm", "but", "however", "alternative", "another", "check",
    "double-check", "oh", "maybe", "verify", "other", "again", "now", "ah", "anyway", "anyhow",
)  # fmt: skip

DECODED = "decoded"
"""The rule `true` in the key of a request to a tokenizer whose list it changed to look for words in
the text of an entry and not in its spelling."""

_LETTER = r"[^\W\d_]"
_SPACES = str.maketrans({"Ġ": " ", "Ċ": "\n", "▁": " "})


@lru_cache(maxsize=16)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    either = "|".join(re.escape(word) for word in words) or "(?!)"
    return re.compile(rf"(?<!{_LETTER})(?:{either})(?!{_LETTER})", re.IGNORECASE)


def carries(text: str, words: tuple[str, ...] = WORDS) -> bool:
    """Whether the text of a vocabulary entry holds one of `words` with no letter next to it.

    `Wait`, ` wait` and `.wait` do; `waiter`, ` waited` and `rebut` merely contain one. A text with
    a part of a character (U+FFFD) is none.
    """
    return "\ufffd" not in text and _pattern(words).search(text) is not None


def nowait_ids(tokenizer: Any, rule: NoWaitRule = True) -> tuple[int, ...]:
    """Gives the sorted ids of the entries that a rule takes out: those of its ids and those whose
    text carries one of its words, less the tokenizer's special ones.

    A `##` piece continues a word, so it is no word of its own and stays. SuiteError for an id that
    the vocabulary lacks, or that is special.
    """
    listed = rule if isinstance(rule, tuple) else WORDS
    words = tuple(entry for entry in listed if isinstance(entry, str))
    special = set(tokenizer.all_special_ids)
    vocabulary: Mapping[str, int] = tokenizer.get_vocab()
    found = {entry for entry in listed if isinstance(entry, int)}
    wrong = sorted(found & special | found - set(vocabulary.values()))
    if wrong:
        raise SuiteError(
            f"The NoWait list holds the id {wrong[0]}, which is no token to be left out of the "
            f"{len(vocabulary):,} of {tokenizer.name_or_path or 'the tokenizer'}; ids belong to "
            "one vocabulary, words to any."
        )
    texts = _texts(vocabulary, lambda entry: str(tokenizer.convert_tokens_to_string([entry])))
    found |= {number for number, text in texts if number not in special and carries(text, words)}
    return tuple(sorted(found))


def _texts(vocabulary: Mapping[str, int], decode: Any) -> Iterator[tuple[int, str]]:
    """Id and text of each entry that may be a word of its own."""
    for entry, number in vocabulary.items():
        if not entry.startswith("##"):
            yield number, decode(entry).removesuffix("</w>")


def read_list(path: Path) -> tuple[str | int, ...]:
    """Reads words and ids of a file: a JSON list, or one on each line. SuiteError for none."""
    try:
        text = path.read_text(encoding="utf-8")
        entries: Any = json.loads(text) if text.lstrip().startswith("[") else _lines(text)
    except (OSError, ValueError) as error:
        raise SuiteError(f"The NoWait list {path} cannot be read ({reason_of(error)}).") from error
    for entry in entries:
        if isinstance(entry, bool) or not isinstance(entry, (str, int)) or not str(entry).strip():
            raise SuiteError(
                f"The NoWait list {path} holds {shown(entry)}; its entries are words, or ids of "
                "tokens."
            )
    if not entries:
        raise SuiteError(
            f"The NoWait list {path} is empty; write a word or an id on each line, or remove "
            "`nowait`."
        )
    unique = {e if isinstance(e, int) else e.strip() for e in entries}
    return tuple(sorted(unique, key=lambda entry: (isinstance(entry, str), entry)))


def _lines(text: str) -> list[str | int]:
    lines = (line.strip() for line in text.splitlines())
    return [int(line) if line.isdecimal() else line for line in lines if line]


def rule_for(spec: ModelSpec, rule: NoWaitRule) -> NoWaitRule:
    """Gives the rule as the key of a request to this checkpoint has it.

    Requests under the rule `true` keep the key that they had while words were looked for in the
    spelling of an entry, where that can be seen to give the same list.
    """
    if rule is not True:
        return rule
    path = spec.path / "tokenizer.json" if spec.path is not None else None
    if path is None or spec.gguf_file is not None or not path.is_file():
        return DECODED
    return True if _spelled_as_read(path, path.stat().st_mtime_ns) else DECODED


@lru_cache(maxsize=64)
def _spelled_as_read(path: Path, _changed: int) -> bool:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # the library raises one kind for all; loading the model says it
        return False
    decoder = tokenizer.decoder
    entries: Iterable[str] = tokenizer.get_vocab()
    return all(
        carries(entry.translate(_SPACES).removesuffix("</w>"))
        == carries((decoder.decode([entry]) if decoder else entry).removesuffix("</w>"))
        for entry in entries
        if not entry.startswith("##")
    )
