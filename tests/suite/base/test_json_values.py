"""Values as JSON: what is no number becomes null, and equal values have one text and one hash."""

from __future__ import annotations

import numpy as np
import pandas as pd

from suite.base.json_values import canonical_json, json_hash, json_value, rows_of


def test_json_value_is_in_json_s_own_types() -> None:
    given = {1: np.float32(0.5), "nan": float("nan"), "all": (np.array([1, 2]), {True}, None, {3})}
    assert json_value(given) == {"1": 0.5, "nan": None, "all": [[1, 2], [True], None, [3]]}


def test_json_hash_is_of_the_canonical_text() -> None:
    assert canonical_json({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'
    assert json_hash({"b": 1, "a": 2}) == json_hash({"a": 2, "b": 1}) != json_hash({"a": 1, "b": 2})
    # printf '"abc"' | sha256sum
    assert json_hash("abc") == "6cc43f858fbb763301637b5af970e2a46b46f461f27e5a0f41e009c59b827b25"


def test_rows_of_a_frame_have_none_for_what_is_missing() -> None:
    frame = pd.DataFrame({"n": [1, 2], "x": [0.5, float("nan")], 3: [None, "text"]})
    assert rows_of(frame) == [{"n": 1, "x": 0.5, "3": None}, {"n": 2, "x": None, "3": "text"}]
    assert rows_of(frame[:0]) == []
