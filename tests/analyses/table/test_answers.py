"""Answers beside their scores: counts of samples and options, and the chance that all miss."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analyses.table.answers import Answers
from analyses.table.scores import scores_of
from tests.analyses.simulate import tidy


def answers_of(frame: pd.DataFrame) -> Answers:
    return Answers.of(frame, scores_of(frame))


def four_cells() -> pd.DataFrame:
    """Three items with four options in four cells, whose letters they name."""
    letters = {"w": "ABA", "x": "ABB", "y": "ACC", "z": "AC"}
    frame = tidy(*((cell, "ocr", "", str(k), 0.0) for cell in letters for k in range(3)))
    named = [letter for text in letters.values() for letter in (*text, None)[:3]]
    return frame.assign(prediction=named, answer="D", n_options=4)


def test_all_miss_counts_different_options_and_falls_back_on_chance() -> None:
    every = np.arange(4)
    # one, two and three different options named: the right one is among the others
    assert answers_of(four_cells()).all_miss(every) == pytest.approx([3 / 4, 2 / 4, 1 / 4])
    open_ended = four_cells().assign(answer="a red circle", chance=0.1)
    assert answers_of(open_ended).all_miss(every) == pytest.approx([0.9**4] * 3)
    beyond = four_cells().assign(n_options=3)  # D is no letter of three options
    assert answers_of(beyond).all_miss(every) == pytest.approx([0.75**4] * 3)


def test_counts_over_samples_by_hand() -> None:
    scores = (1.0, 0.0, 0.5, float("nan"))
    frame = tidy(*(("a", "ocr", "", "1", score) for score in scores))
    found = answers_of(frame.assign(prediction=["B", "A", "A", "A"], answer="B", n_options=2))
    assert (found.right[0, 0], found.count[0, 0], found.options.tolist()) == (1.5, 3, [2])
    assert not found.whole[0, 0]  # one is right in part
    assert [float(letter[0, 0]) for letter in found.named] == [2, 1]  # the failed one names none
    # of three answers two name A and one B
    assert found.all_miss(np.array([0])) == pytest.approx([(1 / 3 + 2 / 3) / 2])


def test_a_table_without_predictions_is_refused() -> None:
    with pytest.raises(ValueError, match="The table has no column 'prediction'; read it with"):
        answers_of(four_cells().drop(columns="prediction"))
