"""Keys: what they depend on, and that encoding what is shared once gives the same ones."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from suite.requests import KEY_FORMAT, Decoding, Message, Request, request_key, request_seed

TEXT = st.text(max_size=30)
MESSAGES = st.lists(
    st.builds(Message, st.sampled_from(["system", "user"]), TEXT, st.tuples(TEXT)), max_size=3
).map(tuple)
DECODINGS = st.builds(
    Decoding,
    max_new_tokens=st.integers(1, 9),
    temperature=st.sampled_from([0.0, 0.7]),
    thinking=st.booleans(),
    thinking_budget=st.none() | st.integers(1, 9),
)
REQUESTS = st.builds(Request, TEXT, TEXT, MESSAGES, DECODINGS, st.integers(0, 3), st.integers(0, 3))
FINGERPRINTS = st.dictionaries(TEXT, TEXT | st.integers(), max_size=3)


def whole_key(fingerprint: dict[str, Any], request: Request) -> str:
    """The key by one encoding of all that determines the answer."""
    content: dict[str, Any] = {
        "format": KEY_FORMAT,
        "generator": fingerprint,
        "decoding": asdict(request.decoding),
        "messages": [asdict(message) for message in request.messages],
    }
    if not request.decoding.greedy or fingerprint.get("per_item"):
        content["sampling"] = {
            "seed": request.study_seed,
            "task": request.task,
            "item": request.item_id,
            "sample": request.sample,
        }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@given(FINGERPRINTS, REQUESTS, st.booleans())
def test_a_key_is_the_hash_of_all_that_determines_the_answer(
    fingerprint: dict[str, object], request: Request, per: bool
) -> None:
    identity = {**fingerprint, "per_item": True} if per else fingerprint
    assert request_key(identity, request) == whole_key(identity, request)


BASE = Request("ocr", "1", (Message("user", "what?"),), Decoding(), 0, 0)


def test_greedy_requests_share_a_key_over_items_and_seeds() -> None:
    key = request_key({"weights": "a"}, BASE)
    assert request_key({"weights": "a"}, replace(BASE, item_id="2", study_seed=5)) == key
    assert request_key({"weights": "b"}, BASE) != key
    assert request_key({"weights": "a"}, replace(BASE, decoding=Decoding(max_new_tokens=5))) != key


def test_sampled_requests_are_of_one_item_sample_and_seed() -> None:
    sampled = replace(BASE, decoding=Decoding(temperature=0.7))
    variants = [
        sampled,
        replace(sampled, item_id="2"),
        replace(sampled, task="star"),
        replace(sampled, sample=1),
        replace(sampled, study_seed=1),
    ]
    assert len({request_key({}, variant) for variant in variants}) == 5


def test_recorded_texts_are_of_one_item() -> None:
    keys = {request_key({"per_item": True}, replace(BASE, item_id=i)) for i in ("1", "2")}
    assert len(keys) == 2


def test_seed_is_the_first_63_bits_of_the_key() -> None:
    assert request_seed("ff" * 32) == 2**63 - 1
    assert request_seed("00" * 7 + "03" + "ff" * 24) == 1
