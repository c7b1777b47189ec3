"""Errors of one sentence: a wrong value is told with its place, a wrong word with the nearest."""

from __future__ import annotations

import pytest

from suite.errors import SuiteError, nearest, public, reason_of, said_of


def test_said_of_names_the_place_of_a_value_error_alone() -> None:
    with pytest.raises(SuiteError) as caught, said_of("table.csv"):
        raise ValueError("no column n")
    assert str(caught.value) == "table.csv: no column n"
    with pytest.raises(KeyError), said_of("table.csv"):
        raise KeyError("n")


def test_nearest_is_one_word_or_all() -> None:
    assert nearest("famly", ("task", "family")) == " (did you mean 'family'?)"
    assert nearest("xyz", ("task", "family")) == " (known: task, family)"
    assert nearest("xyz", ()) == " (known: none)"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://key:secret@bucket/x", "s3://bucket/x"),
        ("s3://AKIA:se/cr+et=@bucket/x", "s3://bucket/x"),
        ("memory://user:sec@ret@x", "memory://x"),
        ("https://user:secret@h:8080/a", "https://h:8080/a"),
        ("https://secret@h/a", "https://h/a"),
        ("https://b.s3.amazonaws.com/x?X-Amz-Signature=secret", "https://b.s3.amazonaws.com/x"),
        ("https://h/x?a=1&token=secret", "https://h/x"),
        ("gs://b/x#access_token=secret", "gs://b/x"),
        ("simplecache::s3://key:secret@b/c", "simplecache::s3://b/c"),
        ("zip://a.zip::https://u:secret@h/x", "zip://a.zip::https://h/x"),
        ("/cwd/https:/u:secret@h/x", "/cwd/https:/h/x"),
        ("hdfs://host:9000/data@x", "hdfs://host:9000/data@x"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("/tmp/a@b:c", "/tmp/a@b:c"),
        ("C:/data/a@b", "C:/data/a@b"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
    ],
)
def test_addresses_are_shown_without_their_secrets(address: str, shown: str) -> None:
    assert public(address) == shown
    assert str(SuiteError(f"The store {address} is gone.")) == f"The store {shown} is gone."
    assert reason_of(OSError(f"no {address!r} there")) == f"no {shown!r} there"
