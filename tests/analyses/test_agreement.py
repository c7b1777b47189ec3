"""Agreement of two scorers: against pandas and statsmodels, odd answers, what differs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from analyses.agreement import EXAMPLE, NO_SCORES, agreement, differing, kappa
from tests.analyses.simulate import World, simulate


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    world = World(
        tasks=("ocr", "counting"), items=16, per_image=2, methods=("end_to_end",), star=False
    )
    table = simulate(world)
    rng = np.random.default_rng(0)
    other = rng.random(len(table)) < 0.2
    table["lmms_score"] = np.where(other, 1 - table["score"], table["score"])
    table.loc[rng.random(len(table)) < 0.3, "rule"] = "named_option"
    table.loc[~table["parsed"], "rule"] = None
    return table


@pytest.fixture(scope="module")
def table(frame: pd.DataFrame) -> pd.DataFrame:
    return agreement(frame, draws=200)


def pick(table: pd.DataFrame, quantity: str, rule: str | None = None) -> pd.Series:
    rows = table[(table["quantity"] == quantity) & (table["task"] == "ocr")]
    rows = rows[rows["rule"].isna() if rule is None else rows["rule"] == rule]
    assert len(rows) == 1
    return rows.iloc[0]


def test_rates_against_pandas(frame: pd.DataFrame, table: pd.DataFrame) -> None:
    rows = frame[frame["task"] == "ocr"]
    same = rows["score"] == rows["lmms_score"]
    assert pick(table, "agree")["estimate"] == pytest.approx(same.mean())
    gap = (rows["score"] - rows["lmms_score"]).mean()
    assert pick(table, "difference")["estimate"] == pytest.approx(gap)
    assert pick(table, "agree")[["n", "answers", "clusters"]].tolist() == [16, 64, 8]
    of = rows["rule"] == "named_option"
    assert 0 < of.mean() < 1
    assert pick(table, "share", "named_option")["estimate"] == pytest.approx(of.mean())
    assert pick(table, "agree", "named_option")["estimate"] == pytest.approx(same[of].mean())
    own = (rows["score"] - rows["lmms_score"])[of].mean()
    assert pick(table, "difference", "named_option")["estimate"] == pytest.approx(own)


def test_kappa_is_statsmodels(frame: pd.DataFrame, table: pd.DataFrame) -> None:
    rows = frame[frame["task"] == "ocr"]
    counts = pd.crosstab(rows["score"], rows["lmms_score"]).to_numpy()
    found = pick(table, "kappa")
    assert found["estimate"] == pytest.approx(cohens_kappa(counts).kappa)
    assert found["low"] < found["estimate"] < found["high"]


def test_kappa_by_hand() -> None:
    # 10 answers: both right 4, both wrong 3, own only 2, other only 1. p_o = .7,
    # p_e = .6 * .5 + .4 * .5 = .5: kappa .4.
    found = kappa(np.array([0.7]), np.array([0.6]), np.array([0.5]))
    assert found == pytest.approx([0.4])
    assert np.isnan(kappa(np.ones(1), np.ones(1), np.ones(1))[0])


def test_scorers_that_never_differ(frame: pd.DataFrame) -> None:
    same = agreement(frame.assign(lmms_score=frame["score"]), draws=60)
    found = pick(same, "agree")
    assert found["estimate"] == 1.0
    assert found["low"] < 1.0  # the exact bound
    assert pick(same, "difference")["estimate"] == 0.0
    assert pick(same, "kappa")["estimate"] == pytest.approx(1.0)
    assert not len(differing(frame.assign(lmms_score=frame["score"])))


def test_everything_right_has_no_kappa(frame: pd.DataFrame) -> None:
    found = pick(agreement(frame.assign(score=1.0, lmms_score=1.0), draws=60), "kappa")
    assert np.isnan(found["estimate"])
    assert found["reason"].startswith("both scorers call every answer the same")


def test_graded_scores_have_no_kappa(frame: pd.DataFrame) -> None:
    half = frame.copy()
    half.loc[(half["task"] == "ocr") & (half["score"] == 1), "score"] = 0.5
    found = agreement(half, draws=60)
    assert pick(found, "kappa")["reason"].startswith("some score is neither 0 nor 1")
    assert (
        pick(found, "difference")["estimate"]
        < pick(agreement(frame, draws=60), "difference")["estimate"]
    )
    other = found[(found["quantity"] == "kappa") & (found["task"] == "counting")]
    assert other["estimate"].notna().all()


def test_only_answers_with_both_scores_count(frame: pd.DataFrame) -> None:
    holed = frame.copy()
    ocr = np.flatnonzero(holed["task"] == "ocr")
    holed.loc[ocr[:30], "lmms_score"] = np.nan
    holed.loc[ocr[30:34], "failed"] = True
    rows = holed.loc[ocr[34:]]
    per_item = (rows["score"] == rows["lmms_score"]).groupby(rows["item_id"]).mean()
    found = pick(agreement(holed, draws=60), "agree")
    assert found["estimate"] == pytest.approx(per_item.mean())
    assert found["answers"] == len(rows)


def test_no_second_score_has_a_reason(frame: pd.DataFrame) -> None:
    found = agreement(frame.assign(lmms_score=np.nan), draws=60)
    assert len(found)
    assert found["estimate"].isna().all()
    assert NO_SCORES in set(found["reason"])
    assert found["reason"].notna().all()
    assert not len(differing(frame.assign(lmms_score=np.nan)))
    assert not len(agreement(frame.iloc[:0], draws=60))


def test_differing_lists_texts_by_task_and_rule(frame: pd.DataFrame) -> None:
    found = differing(frame, limit=2)
    assert list(found.columns) == list(EXAMPLE)
    assert (found["score"] != found["lmms_score"]).all()
    assert found.groupby(["task", "rule"]).size().max() == 2
    assert set(found["rule"]) <= {"letter", "named_option", "unparsed"}
    everything = differing(frame, limit=1000)
    rows = frame[frame["score"] != frame["lmms_score"]]
    distinct = rows.drop_duplicates(["task", "item_id", "text", "score", "lmms_score"])
    assert len(everything) == len(differing(frame)) == len(distinct)
    assert everything["answers"].sum() == len(rows)
    assert everything["answers"].max() > 1
