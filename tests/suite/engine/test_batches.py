"""Batches: the same for the same requests, halved without memory, a fault kept to its request.

In: requests and a generator that can misbehave. Out: batches, and one generation a request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.engine.batches import NO_MEMORY, FittingRows, as_they_end, generate, partition
from suite.errors import SuiteError
from suite.requests import Decoding, Generation, Message, OutOfMemory, Request
from tests.suite.world import Speaker

REQUESTS = st.lists(
    st.tuples(st.text("ab", max_size=9), st.integers(0, 2)), min_size=1, max_size=40
).map(
    lambda rows: {
        f"{n:03d}": Request("t", str(n), (Message("user", text, ("i",) * images),), Decoding())
        for n, (text, images) in enumerate(rows)
    }
)


@given(REQUESTS, st.integers(1, 7), st.randoms())
def test_partition(requests: dict[str, Request], size: int, random: Any) -> None:
    batches = partition(requests, size)
    assert sorted(key for batch in batches for key in batch) == sorted(requests)
    assert max(map(len, batches)) <= size
    for batch in batches:
        assert len({len(requests[key].messages[0].images) for key in batch}) == 1
    lengths = [
        (len(requests[k].messages[0].images), len(requests[k].messages[0].text))
        for batch in batches
        for k in batch
    ]
    assert lengths == sorted(lengths, reverse=True)
    shuffled = list(requests)
    random.shuffle(shuffled)
    assert partition({key: requests[key] for key in shuffled}, size) == batches


def requests_of(count: int) -> list[Request]:
    return [Request("t", str(n), (Message("user", str(n)),), Decoding()) for n in range(count)]


def answer(count: int, trouble: Any) -> tuple[list[Generation], Speaker]:
    speaker = Speaker(("text", None), {}, trouble=trouble)  # type: ignore[arg-type]
    return generate(speaker, requests_of(count), lambda name: b""), speaker


def test_out_of_memory_halves_the_batch_until_it_fits() -> None:
    def too_many(requests: Sequence[Request]) -> None:
        if len(requests) > 2:
            raise OutOfMemory("no room")

    found, speaker = answer(7, too_many)
    assert [len(call) for call in speaker.calls] == [7, 4, 2, 2, 2, 1]
    undisturbed, _ = answer(7, lambda requests: None)
    assert found == undisturbed


def calls_of(batches: int, size: int, fit: int) -> list[int]:
    """Rows of every call for equal batches where `fit` rows have room."""

    def too_many(requests: Sequence[Request]) -> None:
        if len(requests) > fit:
            raise OutOfMemory("no room")

    speaker = Speaker(("text", None), {}, trouble=too_many)  # type: ignore[arg-type]
    room = FittingRows()
    for _ in range(batches):
        assert len(generate(speaker, requests_of(size), lambda name: b"", room)) == size
    return [len(call) for call in speaker.calls]


def test_later_batches_start_with_the_rows_that_fitted() -> None:
    calls = calls_of(batches=6, size=8, fit=4)
    # Two halves a batch; after four of them twice as many are tried, then only after eight more.
    assert calls == [8, *[4] * 4, 8, *[4] * 8]


def test_more_rows_are_tried_again_after_an_outlier() -> None:
    long = {"0"}

    def first_is_huge(requests: Sequence[Request]) -> None:
        if len(requests) > 1 and any(request.item_id in long for request in requests):
            raise OutOfMemory("no room")

    speaker = Speaker(("text", None), {}, trouble=first_is_huge)  # type: ignore[arg-type]
    room = FittingRows()
    generate(speaker, requests_of(8), lambda name: b"", room)
    long.clear()
    for _ in range(6):
        generate(speaker, requests_of(8), lambda name: b"", room)
    calls = [len(call) for call in speaker.calls]
    assert calls[:4] == [8, 4, 2, 1]
    assert calls[-1] == 8  # the whole batch at once again


def test_what_does_not_fit_alone_is_a_failure() -> None:
    def third_is_too_long(requests: Sequence[Request]) -> None:
        if any(request.item_id == "2" for request in requests):
            raise MemoryError

    found, _ = answer(4, third_is_too_long)
    assert [one.error for one in found] == [None, None, NO_MEMORY, None]


def test_an_exception_of_one_request_is_its_failure() -> None:
    def second_is_bad(requests: Sequence[Request]) -> None:
        if any(request.item_id == "1" for request in requests):
            raise ValueError("a bad shape\n  in the second layer")

    found, speaker = answer(3, second_is_bad)
    assert [one.error for one in found] == [None, "ValueError: a bad shape", None]
    assert [len(call) for call in speaker.calls] == [3, 1, 1, 1]


def test_a_wrong_setup_is_not_a_failure_of_requests() -> None:
    def offline(requests: Sequence[Request]) -> None:
        raise SuiteError("The endpoint does not answer.")

    with pytest.raises(SuiteError, match="The endpoint does not answer"):
        answer(3, offline)


@pytest.mark.parametrize("says", [True, False])
def test_answers_are_kept_as_they_end_where_the_generator_says_so(
    says: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what follows a fault is asked again alone, what came before it is not."""
    monkeypatch.setattr("suite.engine.batches.KEEP_SECONDS", 0.0)
    asked: list[int] = []

    class Streams:
        as_they_end = says
        fingerprint: ClassVar[dict[str, Any]] = {}

        def generate(self, requests: Sequence[Request], images: Any) -> Iterator[Generation]:
            asked.append(len(requests))
            for request in requests:
                if request.item_id == "2":
                    raise RuntimeError("no")
                yield Generation(text=request.item_id)

    pieces = list(as_they_end(Streams(), requests_of(4), lambda name: b""))
    found = [answer.error or answer.text for piece in pieces for answer in piece]
    assert found == ["0", "1", "RuntimeError: no", "3"]
    assert list(map(len, pieces)) == ([1, 1, 1, 1] if says else [4])
    assert asked == ([4, 1, 1] if says else [4, 1, 1, 1, 1])
