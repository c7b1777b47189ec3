"""Reading ahead: what was expected is read once, on another thread, and answers stay the same."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from suite.models.backends import build_generator
from suite.models.spec import ModelSpec
from suite.models.transformers.ahead import Ahead
from tests.suite import tiny_vlms
from tests.suite.asking import GREEDY, IMAGES, ask, request, said


class Reads:
    """What was read, and on which thread."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bool]] = []
        self.ahead: Ahead[str, str] = Ahead(self.read, threads=True)

    def read(self, asked: Sequence[str], images: Any) -> str:
        text = "".join(asked)
        self.seen.append((text, self.ahead.is_ahead()))
        if "!" in text:
            raise ValueError(text)
        return "".join(self.ahead.each(str.upper, asked))


def test_what_is_expected_is_read_once_and_on_another_thread() -> None:
    reads = Reads()
    reads.ahead.expect("ab", None)
    reads.ahead.expect("ab", None)
    assert reads.ahead.get("ab", None) == "AB"
    assert reads.ahead.get("cd", None) == "CD"
    assert reads.seen == [("ab", True), ("cd", False)]
    reads.ahead.close()
    assert not [t for t in threading.enumerate() if t.name.startswith(("read-ahead", "open-im"))]


def test_the_next_batch_is_read_while_one_that_nobody_expected_is_asked_for() -> None:
    reads = Reads()
    reads.ahead.expect("ab", None)
    assert reads.ahead.get("xy", None) == "XY"
    assert reads.ahead.get("ab", None) == "AB"
    assert sorted(reads.seen) == [("ab", True), ("xy", False)]
    reads.ahead.close()


def test_what_was_expected_and_not_asked_for_is_let_go() -> None:
    reads = Reads()
    for asked in ("ab", "cd", "ef"):
        reads.ahead.expect(asked, None)
    assert list(reads.ahead._waiting) == [("c", "d"), ("e", "f")]
    assert reads.ahead.get("ab", None) == "AB"
    assert ("ab", False) in reads.seen
    reads.ahead.close()


def test_what_reading_raises_is_raised_where_the_batch_is_asked_for() -> None:
    reads = Reads()
    reads.ahead.expect("a!", None)
    reads.ahead.expect("b", None)
    with pytest.raises(ValueError, match="a!"):
        reads.ahead.get("a!", None)
    assert reads.ahead.get("b", None) == "B"
    reads.ahead.close()


def test_without_threads_nothing_is_read_before_it_is_asked_for() -> None:
    read: list[str] = []
    ahead: Ahead[str, None] = Ahead(lambda asked, _: read.append("".join(asked)), threads=False)
    ahead.expect("ab", None)
    assert read == []
    ahead.get("ab", None)
    assert read == ["ab"]
    assert not ahead.is_ahead()
    ahead.close()


def test_a_generator_answers_alike_whether_it_reads_ahead_or_not(tmp_path: Path) -> None:
    spec = ModelSpec(path=tiny_vlms.llava(tmp_path / "m"), batch_size=3)
    generator: Any = build_generator(spec, "vlm", device="cpu")
    shown = [("one",), ("broken",), ("wide",), ("two",), (), ("one", "two"), ("one",)]
    requests = [request(n, GREEDY, images=images) for n, images in enumerate(shown)]
    want = said(ask(generator, requests))
    assert [answer.error is None for answer in want] == [True, False] + [True] * 5
    generator._ahead = ahead = Ahead(generator._read_in, threads=True)
    generator.expect(requests[6:], IMAGES.__getitem__)
    generator.expect([], IMAGES.__getitem__)
    assert len(ahead._waiting) == 1
    future = next(iter(ahead._waiting.values()))
    assert said(ask(generator, requests[:3])) == want[:3]  # as the engine asks: one batch before
    assert list(ahead._waiting.values()) == [future]
    assert said(ask(generator, requests)) == want
    assert ahead._waiting == {}
    batch = future.result().groups[0].batch
    assert sorted(batch) == ["attention_mask", "input_ids", "pixel_values"]
    generator.close()
