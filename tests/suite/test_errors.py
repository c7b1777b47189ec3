"""Errors of one sentence: a wrong value is told with its place, a wrong word with the nearest."""

from __future__ import annotations

import pytest

from suite.errors import (
    LONGEST,
    SHOWN,
    SuiteError,
    nearest,
    one_line,
    public,
    reason_of,
    said_of,
    shown,
)


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
    many = nearest("zzz", [f"word{number}" for number in range(2000)] + ["x" * 10_000])
    assert many.endswith(" and 1,971 more)")
    assert len(nearest("y" * 100_000, ["x" * 10_000])) < 2 * SHOWN


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\nlines", "two lines"),
        ("\x1b[2Jcleared\x07", "\\x1b[2Jcleared\\x07"),
        ("turned \u202eround", "turned \\u202eround"),
        ("half \ud83d", "half \\ud83d"),
        ("a\u3000b", "a\u3000b"),
        ("👩\u200d🚀 عربي 颜色", "👩\u200d🚀 عربي 颜色"),
    ],
)
def test_a_message_is_one_plain_line(text: str, line: str) -> None:
    assert one_line(text) == line
    assert str(SuiteError(text)) == line


def test_a_message_keeps_its_two_ends() -> None:
    said = str(SuiteError(f"In a.yaml: `title` is {'x' * 100_000}: write a text."))
    assert len(said) == LONGEST
    assert said.startswith("In a.yaml: `title` is xxx")
    assert said.endswith("xxx: write a text.")


@pytest.mark.parametrize(
    "value",
    ["x" * 100_000, ["long"] * 5000, {"a": 10**300}, 10**5000, 16**6000],
    ids=["text", "list", "dict", "decimal", "hex"],
)
def test_a_value_is_quoted_in_short(value: object) -> None:
    assert len(shown(value)) <= SHOWN


def test_a_deep_value_is_quoted() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep) == "a list too large to show"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("\n\n  a bad\t shape.\n  layer 2\n"), "a bad shape"),
        (
            RuntimeError("Errors in loading:\n\tsize mismatch\n\tand more"),
            "Errors in loading: size mismatch",
        ),
        (OSError(), "OSError"),
        (ValueError("x" * 10_000), "x" * 131 + " … " + "x" * 66),
    ],
)
def test_a_library_says_one_line(error: Exception, said: str) -> None:
    assert reason_of(error) == said


@pytest.mark.parametrize(
    ("address", "said"),
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
def test_addresses_are_shown_without_their_secrets(address: str, said: str) -> None:
    assert public(address) == said
    assert str(SuiteError(f"The store {address} is gone.")) == f"The store {said} is gone."
    assert reason_of(OSError(f"no {address!r} there")) == f"no {said!r} there"
