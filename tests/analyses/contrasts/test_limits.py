"""Ends of estimates: by hand, against scipy, within their bounds, and why one is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analyses.contrasts.contrast import Contrast, contrast_table
from analyses.contrasts.limits import ALONE, EXACT, NO_DIVISOR, SAME_RATIO
from analyses.table.scores import scores_of
from tests.analyses.simulate import tidy

ACCURACY = Contrast("accuracy", {"l": 1.0})
DROP = Contrast("drop", {"l": 1.0, "s": -1.0})
RELATIVE = Contrast("relative", {"l": 1.0, "s": -1.0}, over={"l": 1.0})


def rows_of(
    small: list[float], large: list[float], task: str = "ocr", image: list[str] | None = None
) -> pd.DataFrame:
    both = {"s": small, "l": large}
    frame = tidy(*((c, task, "", str(k), y) for c in both for k, y in enumerate(both[c])))
    return frame if image is None else frame.assign(image_id=image * 2)


def found(
    frame: pd.DataFrame, contrast: Contrast, task: str = "ocr", draws: int = 300
) -> pd.Series:
    table = contrast_table(scores_of(frame), [contrast], [], draws=draws)
    rows = table[table["task"] == task]
    assert len(rows) == 1
    return rows.iloc[0]


def wald(values: list[float]) -> tuple[float, float]:
    """Ends of a t interval of these values."""
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return float(np.mean(values) - half), float(np.mean(values) + half)


def test_an_accuracy_near_the_ceiling_has_the_wider_of_two_intervals() -> None:
    # 59 of 60 right: resampling ends at about .95, one more right and one more wrong at .92
    scores = [0.0, *[1.0] * 59]
    own = found(rows_of(scores, scores), ACCURACY)
    low, _ = wald([*scores, 0.0, 1.0])
    assert (own["low"], own["high"]) == (pytest.approx(low), 1.0)
    # the mean of two such tasks: independent errors
    both = pd.concat([rows_of(scores, scores), rows_of(scores, scores, "count")])
    mean = found(both, ACCURACY, "in_domain")
    centre = np.mean([*scores, 0.0, 1.0])
    assert mean["low"] == pytest.approx(centre - (centre - low) / np.sqrt(2))


def test_one_loss_in_sixty_does_not_pin_the_interval_to_zero() -> None:
    # Bonett and Price: pseudo-changes of +1 and -1, centre 1/62, squares of the 62 changes about
    # it 3 - 1/62, half width t(61) sqrt((3 - 1/62) / (61 * 62)) = 1.99962 * .0280884
    frame = rows_of([0.0, *[1.0] * 59], [1.0] * 60)
    drop, mean = found(frame, DROP), found(frame, DROP, "in_domain")
    assert drop["estimate"] == pytest.approx(1 / 60)
    assert (drop["low"], drop["high"]) == pytest.approx((-0.040037, 0.072295), abs=2e-5)
    assert (mean["low"], mean["high"]) == (drop["low"], drop["high"])  # of one task the same


@pytest.mark.parametrize("contrast", [ACCURACY, DROP])
def test_where_all_images_agree_the_ends_are_the_exact_bound(contrast: Contrast) -> None:
    same = found(rows_of([1.0] * 20, [1.0] * 20), contrast)
    q = 1 - 0.025 ** (1 / 20)  # Clopper and Pearson
    # of a difference, changes of either sign may be unseen
    expected = (1 - q, 1.0) if contrast is ACCURACY else (-q, q)
    assert (same["low"], same["high"]) == pytest.approx(expected)
    assert same["reason"] == EXACT


def test_one_image_has_an_estimate_alone_and_so_has_a_mean_that_holds_it() -> None:
    single = rows_of([0.0, 0.0], [1.0, 0.0], "one", ["x", "x"])
    both = pd.concat([rows_of([0.0, 1.0, 0.0], [1.0, 1.0, 0.0]), single])
    for contrast in (DROP, RELATIVE):
        alone, mean = found(both, contrast, "one"), found(both, contrast, "in_domain")
        for row in (alone, mean):
            assert np.isnan(row[["low", "high", "se", "p"]].astype(float)).all()
        assert alone["reason"] == "one image: an interval needs at least two"
        assert mean["reason"] == ALONE
    # (1/3 + 1/2) / 2 over the mean accuracy (2/3 + 1/2) / 2
    assert found(both, RELATIVE, "in_domain")["estimate"] == pytest.approx(5 / 7)


@pytest.mark.parametrize(
    ("small", "large", "reason"),
    [
        ([0.0] * 4, [0.0] * 4, "the divisor is not above 0"),
        # without its one right item in (2/3)^3 = .30 of the draws
        ([0.0] * 3, [1.0, 0.0, 0.0], NO_DIVISOR),
        # everything is lost, whichever images are drawn
        ([0.0] * 40, [1.0] * 30 + [0.0] * 10, SAME_RATIO),
        ([0.5] * 9, [1.0] * 9, "every image gives the same value: resampling sees no spread"),
    ],
)
def test_ratios_without_an_interval_say_why(
    small: list[float], large: list[float], reason: str
) -> None:
    row = found(rows_of(small, large), RELATIVE)
    assert np.isnan(row[["low", "high", "se"]].astype(float)).all()
    assert row["reason"] == reason
    assert np.isnan(row["estimate"]) == (sum(large) == 0)


def test_error_of_a_ratio_is_that_of_the_delta_method() -> None:
    rng = np.random.default_rng(0)
    large = (rng.random(400) < 0.8).astype(float)
    small = large * (rng.random(400) < 0.6)
    row = found(rows_of(list(small), list(large)), RELATIVE, draws=4000)
    ratio = 1 - small.mean() / large.mean()
    error = stats.sem(large - small - ratio * large) / large.mean()
    assert row["se"] == pytest.approx(error, rel=0.05)
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.966 * error, rel=0.06)


SCORE = st.sampled_from([0.0, 0.5, 1.0])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(SCORE, SCORE, st.sampled_from("abcde")), min_size=1, max_size=12))
def test_ends_hold_the_estimate_and_stay_within_what_can_be(
    rows: list[tuple[float, float, str]],
) -> None:
    small, large, image = (list(part) for part in zip(*rows))
    for contrast, least in ((ACCURACY, 0.0), (DROP, -1.0)):
        row = found(rows_of(small, large, image=image), contrast, draws=50)
        if len(set(image)) < 2:
            assert np.isnan(row["low"])
            continue
        assert least <= row["low"] < row["high"] <= 1.0
        assert row["low"] - 1e-9 <= row["estimate"] <= row["high"] + 1e-9
