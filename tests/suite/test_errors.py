"""Errors of one sentence: a wrong value is told with its place, a wrong word with the nearest."""

from __future__ import annotations

import pytest

from suite.errors import SuiteError, nearest, said_of


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
