"""The parser against a corpus of answers with the reading that a careful person gives each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from suite.items import Item
from suite.parse import parse, rule_names

GROUPS = yaml.safe_load((Path(__file__).parent / "parse_corpus.yaml").read_text(encoding="utf-8"))


def item(options: tuple[str, ...] = (), metric: str = "choice") -> Item:
    answer = "A" if options else "x"
    return Item("t", "0", "What?", options, answer, "", (), "c", None, metric)


def cases() -> list[Any]:
    rows = []
    for number, group in enumerate(GROUPS):
        options = tuple(str(option) for option in group.get("options", ()))
        asked = item(options, group.get("metric", "choice"))
        for text, reading in group["answers"]:
            rows.append(pytest.param(asked, text, reading, id=f"{number}-{text[:40]!r}"))
    return rows


@pytest.mark.parametrize(("asked", "text", "reading"), cases())
def test_reads_what_a_careful_person_reads(asked: Item, text: str, reading: Any) -> None:
    found = parse(text, asked)
    assert found.prediction == reading, f"rule {found.rule}"
    assert found.parsed == (reading is not None)
    assert found.rule


def test_the_corpus_holds_at_least_150_different_answers() -> None:
    assert len({(str(g.get("options")), t) for g in GROUPS for t, _ in g["answers"]}) >= 150
