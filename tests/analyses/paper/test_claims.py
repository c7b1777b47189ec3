"""The published claims: by hand from the published tables, and from tables that say otherwise."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analyses.figures import extraction, methods
from analyses.paper import verdicts as recompute
from analyses.paper.asked import remedies, unpublished
from analyses.paper.claims import AVERAGES, EXTRACTION, FAMILIES, METHODS, TABLES
from analyses.paper.counterparts import (
    ABOVE_ZERO,
    ANALYSES,
    HARDLY,
    HOLDS_HERE,
    NEAR_ZERO,
    NOT_HERE,
    NOT_JUDGED,
    NOT_RUN,
    SOME_ABOVE_ZERO,
    UNTOLD,
    Counterpart,
    Source,
    beside,
    here_of,
)
from analyses.paper.verdicts import DIFFERS, HOLDS, NOT_DETERMINED, published
from analyses.registry import load_analysis
from tests.analyses.simulate import World, simulate
from tests.house import ROOT

FOLDER = ROOT / "results" / "paper"


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    return {name: pd.read_csv(FOLDER / f"{name}.csv") for name in TABLES}


def claim(table: pd.DataFrame, *words: str) -> pd.Series:
    """The only claim that has all words in it."""
    has = table["claim"].map(lambda text: all(word in text for word in words))
    assert has.sum() == 1, table.loc[has, "claim"].tolist()
    return table[has].iloc[0]


@pytest.mark.parametrize(
    ("words", "by_hand"),
    [
        (("0.6B/1.7B above LLaVA-OneVision-0.5B in-domain, relative",), 100 * (80.3 - 71.1) / 71.1),
        (("0.6B/1.7B above LLaVA-OneVision-0.5B on MMStar",), 100 * (46.6 - 39.0) / 39.0),
        (("Perception module", "PrismCaptioner-7B"), 7 / 0.6),
        (("Reasoning module", "PrismCaptioner-7B"), 70 / 1.7),
        (("Visual extraction", "0.6B, in-domain"), 5.2),
        (("Visual extraction", "0.6B, on MMStar"), 3.6),
        (("Visual extraction", "1.7B, in-domain"), 4.1),
        (("Visual extraction", "1.7B, on MMStar"), 4.6),
        (("0.6B/1.7B above Caption+Think", "in-domain"), 5.3),
        (("1.7B/4B above Caption+Think", "MMStar"), 3.6),
        (("0.6B/1.7B above every decoupled baseline, in-domain",), 80.3 - 78.3),
        (("1.7B/4B above every decoupled baseline, MMStar",), 52.6 - 45.7),
        (("from scratch", "above LLaVA-OneVision-0.5B in-domain"), 78.0 - 71.1),
        (("from scratch", "share of LLaVA-OneVision"), 100 * 0.382 / 8.8),
        (("from scratch", "less than LLaVA-OneVision"), 100 - 100 * 0.4 / 8.8),
        (("Average of SmolVLM", "in-domain"), (72.9 + 81.4 + 79.7 + 75.5 + 70.6 + 75.1) / 6),
    ],
)
def test_a_claim_by_hand(
    tables: dict[str, pd.DataFrame], words: tuple[str, ...], by_hand: float
) -> None:
    row = claim(published(tables), *words)
    assert row["recomputed"] == pytest.approx(by_hand)
    assert row["verdict"] == HOLDS
    assert row["low"] <= row["recomputed"] <= row["high"]


def test_every_claim_that_the_tables_determine_holds(tables: dict[str, pd.DataFrame]) -> None:
    found = published(tables)
    assert not (found["verdict"] == DIFFERS).any()
    assert found["claim"].is_unique
    known = found["verdict"] == HOLDS
    assert found.loc[known, ["recomputed", "computed_from"]].notna().all(axis=None)
    assert found.loc[~known, "recomputed"].isna().all()
    assert found.loc[~known, "note"].notna().all()
    assert (found["relation"] == "±0.1").sum() == 2 * len(tables[METHODS])


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (("Grounding",), 48.0),
        (("NIGHTS",), 38.0),
        (("In-domain drop", "perception"), 0.15),
        (("In-domain drop", "reasoning"), 0.11),
        (("InternVL2.5", "8B to 2B"), 4.33),
        (("Gemma3",), 5.26),
        (("inverted U",), math.nan),
    ],
)
def test_what_needs_unpublished_data_is_not_determined(
    tables: dict[str, pd.DataFrame], words: tuple[str, ...], number: float
) -> None:
    row = claim(published(tables), *words)
    assert row["verdict"] == NOT_DETERMINED
    assert row["published"] == pytest.approx(number, nan_ok=True)


def changed(
    tables: dict[str, pd.DataFrame], name: str, row: int, column: str, value: float
) -> pd.DataFrame:
    tables[name].loc[row, column] = value
    return published(tables)


def test_another_number_gives_another_claim(tables: dict[str, pd.DataFrame]) -> None:
    small = tables[METHODS].query("method == 'Extract+Think' and perception_b == 0.6").index[0]
    found = changed(tables, METHODS, small, "in_domain_avg", 75.0)
    row = claim(found, "above LLaVA-OneVision-0.5B in-domain, relative")
    assert row["recomputed"] == pytest.approx(100 * (75.0 / 71.1 - 1))
    assert row["verdict"] == DIFFERS
    # 75.0 is no better than Caption+Think's 75.0, worse than PrismCaptioner's 78.3, off its row.
    assert claim(found, "0.6B/1.7B above Caption", "in-domain")["verdict"] == DIFFERS
    beaten = claim(found, "0.6B/1.7B above every decoupled", "in-domain")
    assert (beaten["recomputed"], beaten["verdict"]) == (pytest.approx(-3.3), DIFFERS)
    assert claim(found, "Average of Extract+Think 0.6B", "in-domain")["verdict"] == DIFFERS
    assert (found["verdict"] == DIFFERS).sum() == 4


def test_one_entry_of_a_row_moves_its_average_alone(tables: dict[str, pd.DataFrame]) -> None:
    before = published(tables)
    after = changed(tables, METHODS, 0, "gqa", tables[METHODS].loc[0, "gqa"] + 1.2)
    moved = before["recomputed"].notna() & (before["recomputed"] != after["recomputed"])
    assert before.loc[moved, "claim"].tolist() == [
        "Average of LLaVA-OneVision 0.5B, end to end, in-domain"
    ]
    assert after.loc[moved, "recomputed"].iloc[0] == pytest.approx(71.0667 + 0.2, abs=1e-4)
    assert after.loc[moved, "verdict"].iloc[0] == DIFFERS


def test_more_data_changes_the_share_and_drops_the_finer_count(
    tables: dict[str, pd.DataFrame],
) -> None:
    scratch = tables[METHODS].query("visual_samples_m == 0.4").index
    found = changed(tables, METHODS, scratch, "visual_samples_m", 2.2)
    assert claim(found, "share of LLaVA")["recomputed"] == pytest.approx(25.0)
    assert claim(found, "less than LLaVA")["recomputed"] == pytest.approx(75.0)


def test_verdict_is_by_the_published_digits(tables: dict[str, pd.DataFrame]) -> None:
    caption = ("Visual extraction", "0.6B, in-domain")
    assert claim(changed(tables, EXTRACTION, 1, "in_domain", 82.84), *caption)["verdict"] == HOLDS
    assert claim(changed(tables, EXTRACTION, 1, "in_domain", 82.87), *caption)["verdict"] == DIFFERS


def test_the_range_is_what_rounding_leaves(tables: dict[str, pd.DataFrame]) -> None:
    row = claim(published(tables), "above LLaVA-OneVision-0.5B in-domain, relative")
    rng = np.random.default_rng(0)
    top, bottom = rng.uniform(80.25, 80.35, 4000), rng.uniform(71.05, 71.15, 4000)
    values = 100 * (top / bottom - 1)
    assert row["low"] <= values.min() < row["low"] + 0.02
    assert row["high"] - 0.02 < values.max() <= row["high"]


def test_a_row_or_number_that_is_not_there_leaves_a_claim_open(
    tables: dict[str, pd.DataFrame],
) -> None:
    table = tables[METHODS]
    tables[METHODS] = table[table["method"] != "LLaVA-OneVision"]
    row = claim(published(tables), "above LLaVA-OneVision-0.5B in-domain, relative")
    assert (row["verdict"], row["note"]) == (
        NOT_DETERMINED,
        "the table lacks in_domain_avg of LLaVA-OneVision 0.5B",
    )
    assert math.isnan(row["recomputed"])
    tables[METHODS] = table
    table.loc[0, "gqa"] = np.nan
    row = claim(published(tables), "Average of LLaVA", "in-domain")
    assert (row["verdict"], row["note"]) == (
        NOT_DETERMINED,
        "the table lacks gqa of LLaVA-OneVision 0.5B",
    )


def test_no_rows_at_all_determine_nothing(tables: dict[str, pd.DataFrame]) -> None:
    found = published({name: table.iloc[:0] for name, table in tables.items()})
    assert len(found)
    assert set(found["verdict"]) == {NOT_DETERMINED}


def test_a_missing_table_or_column_is_named(tables: dict[str, pd.DataFrame]) -> None:
    short = tables | {METHODS: tables[METHODS].drop(columns="gqa")}
    with pytest.raises(ValueError, match=r"^The published table table2 has no column 'gqa'\.$"):
        published(short)
    with pytest.raises(ValueError, match=f"^The published table {FAMILIES} is missing.$"):
        published({name: tables[name] for name in (METHODS, EXTRACTION)})
    words = tables | {METHODS: tables[METHODS].astype({"gqa": object}).replace(73.6, "much")}
    with pytest.raises(ValueError, match="'gqa' of the published table table2 holds something"):
        published(words)
    assert recompute.checked(tables, METHODS)["gqa"].dtype == np.float64


# Beside a run ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run() -> dict[str, pd.DataFrame]:
    world = World(tasks=("similarity", "knowledge", "ocr"), items=24, always=None)
    frame = simulate(world)
    return {name: load_analysis(name)(frame, draws=200) for name in ANALYSES}


def numbers(table: pd.DataFrame, *words: str) -> pd.DataFrame:
    return table[table["claim"].map(lambda text: all(word in text for word in words))]


def test_a_run_stands_beside_what_was_not_published(
    tables: dict[str, pd.DataFrame], run: dict[str, pd.DataFrame]
) -> None:
    found = beside(unpublished(tables), run)
    drops = run["degradation"].query(
        "quantity == 'relative_drop' and method == 'end_to_end' and task == 'grounding'"
    )
    row, plain = (row for _, row in numbers(found, "Grounding").iterrows())
    assert (row["here"], plain["here"]) == (NOT_JUDGED, HOLDS_HERE)
    assert plain["what"] == "drop of grounding from l to xs (micro)"
    assert row["estimate"] == pytest.approx(100 * drops["estimate"].iloc[0])
    assert row["what"] == "relative drop of grounding from l to xs (micro)"
    assert row["low"] < row["estimate"] < row["high"]
    grid = run["decoupling"].query(
        "quantity == 'reasoning_drop' and task == 'in_domain' and at_largest and not thinking"
    )
    row = numbers(found, "In-domain drop", "reasoning").iloc[0]
    assert row["estimate"] == pytest.approx(grid["estimate"].iloc[0])
    assert row["what"] == "reasoning drop of in_domain beside l (micro)"
    curve = numbers(found, "inverted U")
    test = run["thinking"].query(
        "quantity == 'inverted_u' and task == 'in_domain' and method == 'decoupled'"
    )
    test = test[test["reasoning"].notna()]
    assert set(curve["here"].iloc[:4]) == {NOT_JUDGED}  # four gains, then the sizes inside
    assert curve["estimate"].iloc[4:].tolist() == pytest.approx(test["estimate"].tolist())
    last = test.iloc[-1]
    assert curve["what"].iloc[-1] == (
        f"gain of {last['reasoning']} over that of both ends, in_domain (micro), "
        f"p = {last['p_holm']:.2g} (intersection-union, Holm)"
    )
    assert set(numbers(found, "Math")["what"]) == {"perception drop of star/math beside l (micro)"}
    slopes = numbers(found, "linearly")
    assert "slope, null structure (micro)" in set(slopes["what"])
    assert slopes["what"].str.startswith("slope, least squares").any()
    assert slopes.loc[slopes["here"] != NOT_JUDGED, "what"].tolist() == ["slope, bces hc3 (micro)"]


def test_a_run_without_a_counterpart_says_so(
    tables: dict[str, pd.DataFrame], run: dict[str, pd.DataFrame]
) -> None:
    found = beside(unpublished(tables), run)
    row = numbers(found, "Gemma3").iloc[0]
    assert math.isnan(row["estimate"])
    assert row["reason"] == (
        "the run has no perception drop of benchmarks out of domain, of a family named gemma3"
    )
    gemma = {name: table.assign(family="gemma3") for name, table in run.items()}
    row = numbers(beside(unpublished(tables), gemma), "Gemma3").iloc[0]
    assert row["estimate"] == pytest.approx(
        100 * numbers(found, "MMStar drop", "only perception")["estimate"].iloc[0]
    )
    empty = {name: table.iloc[:0] for name, table in run.items()}
    asked = [*unpublished(tables), *remedies(tables)]
    assert beside(asked, empty)["reason"].notna().all()
    assert set(here_of(asked, beside(asked, empty)).values()) == {NOT_RUN}
    row = numbers(beside(remedies(tables), run), "above Caption", "in-domain").iloc[0]
    assert row["here"] == NOT_RUN
    assert row["reason"] == "the run has no gain by extract_think of in_domain"


def falls(*ends: tuple[float, float]) -> pd.DataFrame:
    """A table of drops of micro_ocr, an interval a row."""
    rows = [{"low": low, "high": high, "estimate": (low + high) / 2} for low, high in ends]
    about = {"quantity": "drop", "method": "end_to_end", "task": "ocr", "group": None, "n": 9}
    return pd.DataFrame(rows).assign(
        **about, domain="in_domain", family="f", reason=None, p_holm=0.01
    )


@pytest.mark.parametrize(
    ("expects", "ends", "here"),
    [
        (ABOVE_ZERO, [(0.01, 0.2)], HOLDS_HERE),
        (ABOVE_ZERO, [(-0.01, 0.2)], UNTOLD),
        (ABOVE_ZERO, [(-0.2, -0.01)], NOT_HERE),
        (ABOVE_ZERO, [(np.nan, np.nan)], UNTOLD),
        (ABOVE_ZERO, [(0.01, 0.2), (0.02, 0.3)], HOLDS_HERE),
        (ABOVE_ZERO, [(0.01, 0.2), (-0.01, 0.3)], UNTOLD),
        (ABOVE_ZERO, [(0.01, 0.2), (-0.01, 0.3), (-0.3, -0.1)], NOT_HERE),
        (SOME_ABOVE_ZERO, [(0.01, 0.2), (-0.01, 0.3), (-0.3, -0.1)], HOLDS_HERE),
        (SOME_ABOVE_ZERO, [(-0.3, -0.1), (-0.3, 0.1)], UNTOLD),
        (SOME_ABOVE_ZERO, [(-0.3, -0.1), (-0.3, -0.1)], NOT_HERE),
        (NEAR_ZERO, [(-0.04, 0.04)], HOLDS_HERE),
        (NEAR_ZERO, [(0.01, 0.04)], HOLDS_HERE),
        (NEAR_ZERO, [(0.01, HARDLY + 0.01)], UNTOLD),
        (NEAR_ZERO, [(HARDLY + 0.01, 0.2)], NOT_HERE),
        (NEAR_ZERO, [(-0.2, -HARDLY - 0.01)], NOT_HERE),
        (NEAR_ZERO, [(np.nan, np.nan)], UNTOLD),
    ],
)
def test_a_claim_is_judged_by_its_intervals(
    expects: str, ends: list[tuple[float, float]], here: str
) -> None:
    claim = Counterpart("it falls", 5.0, "", Source("degradation", "drop", ("ocr",)), expects)
    found = beside([claim], {"degradation": falls(*ends)})
    assert here_of([claim], found) == {"it falls": here}
    assert len(found) == len(ends)


def test_one_of_several_sizes_counts_by_its_p_after_holm() -> None:
    source = Source("degradation", "drop", ("ocr",))
    claim = Counterpart("some size falls", np.nan, "", source, SOME_ABOVE_ZERO)
    table = falls((0.01, 0.2), (-0.2, 0.1))
    for p, here in ((0.049, HOLDS_HERE), (0.051, UNTOLD), (np.nan, UNTOLD)):
        found = beside([claim], {"degradation": table.assign(p_holm=p)})
        assert here_of([claim], found) == {"some size falls": here}


@pytest.mark.parametrize(
    ("floor", "here"), [(np.nan, HOLDS_HERE), (-0.3, HOLDS_HERE), (0.25, HOLDS_HERE), (0.3, UNTOLD)]
)
def test_a_slope_must_exceed_what_its_structure_gives(
    tables: dict[str, pd.DataFrame], run: dict[str, pd.DataFrame], floor: float, here: str
) -> None:
    (claim,) = (claim for claim in unpublished(tables) if claim.claim.endswith("linearly"))
    table = run["dependence"].copy()
    fitted = table["estimator"] == "bces_hc3"
    table.loc[fitted, ["low", "high"]] = 0.26, 0.9
    table.loc[(table["estimator"] == "null_structure"), "estimate"] = floor
    found = beside([claim], {"dependence": table})
    assert here_of([claim], found) == {claim.claim: here}
    other = pd.concat([table, table[~table["estimator"].str.startswith("null")].assign(family="f")])
    found = beside([claim], {"dependence": other.reset_index(drop=True)})
    judged = found[found["here"] != NOT_JUDGED]
    assert judged["here"].tolist() == [here, HOLDS_HERE], "each family has its own structure"
    table.loc[fitted, ["low", "high"]] = -0.9, -0.2
    found = beside([claim], {"dependence": table})
    assert here_of([claim], found) == {claim.claim: NOT_HERE}


def test_hardly_is_judged_in_shares_whatever_the_unit() -> None:
    source = Source("degradation", "drop", ("ocr",), unit="points")
    claim = Counterpart("it hardly falls", np.nan, "", source, NEAR_ZERO)
    found = beside([claim], {"degradation": falls((0.01, 0.04))})
    assert found[["low", "high"]].to_numpy().tolist() == [[1.0, 4.0]]
    assert found["here"].tolist() == [HOLDS_HERE]


def test_families_are_told_apart_and_rehearsals_are_nobodys(
    tables: dict[str, pd.DataFrame], run: dict[str, pd.DataFrame]
) -> None:
    def run_for(family: str) -> set[str]:
        named = {name: table.assign(family=family) for name, table in run.items()}
        found = beside(unpublished(tables), named)
        known = found[found["here"] != NOT_RUN]
        return {claim for claim in known["claim"] if claim.startswith("MMStar drop when perc")}

    (qwen,) = run_for("paper_vit")
    assert "qwen3" in qwen
    assert run_for("qwen3_vl") == run_for("internvl") == set()
    rehearsal = {name: table.assign(family="micro (rehearsal)") for name, table in run.items()}
    assert set(beside(unpublished(tables), rehearsal)["here"]) == {NOT_RUN}


def test_mmstar_is_asked_where_it_is(tables: dict[str, pd.DataFrame]) -> None:
    about = {"quantity": "gain", "method": "decoupled", "family": "f", "group": None, "n": 9}
    star = {"task": "my_star", "low": 0.1}
    rows = [star, {"task": "other", "low": -0.1}]
    table = pd.DataFrame(rows).assign(
        **about, domain="out_of_domain", average="items", reasoning="s", high=0.2, estimate=0.1,
        reason=None, p_holm=0.01,
    )  # fmt: skip
    (claim,) = (own for own in unpublished(tables) if own.claim.startswith("On MMStar"))
    assert beside([claim], {"thinking": table})["here"].tolist() == [HOLDS_HERE]
    alone = table[table["task"] == "other"]
    assert beside([claim], {"thinking": alone})["here"].tolist() == [UNTOLD]


def test_remedies_have_their_published_gain(tables: dict[str, pd.DataFrame]) -> None:
    gains = {claim.claim: claim.published for claim in remedies(tables)}
    extraction = gains["Visual extraction over captioning, perception 0.6B, in-domain"]
    assert extraction == pytest.approx(82.8 - 77.6)
    thinking = gains["Extract+Think 0.6B/1.7B above Caption+Think 0.6B/1.7B, MMStar"]
    assert thinking == pytest.approx(46.6 - 43.0)
    baseline = gains["Extract+Think 1.7B/4B above the decoupled baseline 1.7B/4B, in-domain"]
    assert baseline == pytest.approx(85.3 - 69.4)
    assert len(gains) == 10
    assert not np.isnan(list(gains.values())).any()
    told = set(published(tables)["claim"])
    assert len(told & set(gains)) == 4, "these stand in the tables by the same names"


def test_remedies_are_read_from_the_gains_of_methods(tables: dict[str, pd.DataFrame]) -> None:
    about = {"quantity": "gain", "family": "f", "group": None, "n": 9, "reason": None}
    common = {"task": "in_domain", "domain": "in_domain", "average": "tasks", "against": "caption"}
    pairing = {"method": "decoupled", "perceiver": "extract", "perception": "s"}
    rows = [
        pairing | {"reasoning": "l", "reasoning_params": 9.0, "thinking": False, "low": 0.01},
        pairing | {"reasoning": "l", "reasoning_params": 9.0, "thinking": True, "low": -0.3},
        pairing | {"reasoning": "s", "reasoning_params": 2.0, "thinking": False, "low": -0.3},
        pairing | {"method": "extract_think", "reasoning": "m", "thinking": True, "low": -0.02},
        pairing | {"perceiver": "other", "reasoning": "l", "thinking": False, "low": -0.3},
    ]
    table = pd.DataFrame(rows).assign(**about, **common, estimate=0.1, high=0.2)
    found = beside(remedies(tables), {"methods": table})
    known = found[found["here"] != NOT_RUN].set_index("claim")
    assert known["here"].to_dict() == {
        "Visual extraction over captioning, perception 0.6B, in-domain": HOLDS_HERE,
        "Extract+Think 0.6B/1.7B above Caption+Think 0.6B/1.7B, in-domain": UNTOLD,
    }
    assert known["low"].tolist() == [1.0, -2.0]
    assert known["what"].iloc[0] == "gain of extract over caption, decoupled s/l, in_domain (f)"


@pytest.mark.parametrize(
    "world",
    [
        World(tasks=("knowledge",), end_to_end_only=(), star=False, items=1),
        World(tasks=("knowledge", "similarity"), items=6, always=0.0),
        World(tasks=("ocr", "similarity"), items=6, failed=0.3, sizes=(("s", 1e6), ("l", 1e8))),
        World(tasks=("ocr",), items=5, sizes=tuple((f"k{k}", 10.0**k) for k in range(3, 9))),
    ],
    ids=["one item", "all wrong", "two sizes", "six sizes"],
)
def test_odd_studies_give_a_number_or_a_reason(
    tables: dict[str, pd.DataFrame], world: World
) -> None:
    frame = simulate(world)
    tables_of = {name: load_analysis(name)(frame, draws=100) for name in ANALYSES}
    asked = [*unpublished(tables), *remedies(tables)]
    found = beside(asked, tables_of)
    assert set(found["claim"]) == {claim.claim for claim in asked} == set(here_of(asked, found))
    assert (found["estimate"].notna() | found["reason"].notna()).all()


# The figure -----------------------------------------------------------------------------------


def test_the_methods_and_their_bars(tables: dict[str, pd.DataFrame]) -> None:
    rows = methods.select(tables[METHODS])
    assert len(rows) == 2 * len(tables[METHODS])
    prism = rows[(rows["method"] == "PrismCaptioner") & (rows["perception_b"] == 7)]
    assert prism["total_b"].tolist() == [77, 77]
    star = prism[prism["average"] == "MMStar"].iloc[0]
    shares = [0.667, 0.385, 0.615, 0.398, 0.267, 0.404]
    reach = 196 * math.sqrt(sum(p * (1 - p) / 250 for p in shares)) / 6
    assert (star["low"], star["high"]) == (
        pytest.approx(45.7 - reach),
        pytest.approx(45.7 + reach),
    )
    assert rows.loc[rows["average"] == "in-domain", ["low", "high"]].isna().all(axis=None)


def test_the_figure_marks_end_to_end_and_decoupled_apart(
    tables: dict[str, pd.DataFrame],
) -> None:
    figure = methods.draw(methods.select(tables[METHODS]))
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(methods.TITLES.values())
    assert not figure.legends
    for axes in figure.axes:
        named = {name for text in axes.texts for name in text.get_text().split(", ")}
        assert named == set(tables[METHODS]["method"])
        lines = [line for line in axes.lines if line.get_marker() in methods.MARKERS]
        assert len(lines) == 9  # Baseline is there in both setups
        assert sum(line.get_markerfacecolor() == "white" for line in lines) == 4
    assert len(set(AVERAGES)) == len(figure.axes)
    assert "250" not in methods.caption(methods.select(tables[METHODS]))


def test_a_table_without_systems_draws_the_reason(tables: dict[str, pd.DataFrame]) -> None:
    figure = methods.draw(methods.select(tables[METHODS].iloc[:0]))
    assert "Nothing to draw" in figure.texts[0].get_text()


def test_the_extraction_figure_writes_the_published_gains(
    tables: dict[str, pd.DataFrame],
) -> None:
    rows = extraction.select(tables[EXTRACTION])
    assert len(rows) == 2 * len(tables[EXTRACTION])
    star = rows[(rows["average"] == "mmstar") & (rows["accuracy"] == 44.0)].iloc[0]
    assert star["high"] - star["accuracy"] == pytest.approx(196 * math.sqrt(0.44 * 0.56 / 1500))
    assert rows.loc[rows["average"] == "in_domain", ["low", "high"]].isna().all(axis=None)
    figure = extraction.draw(rows)
    gains = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert gains == [["+5.2 points", "+4.1 points"], ["+3.6 points", "+4.6 points"]]
    assert "n = 1,500" in extraction.caption(rows)


def test_the_extraction_figure_of_one_training_has_no_gain(
    tables: dict[str, pd.DataFrame],
) -> None:
    table = tables[EXTRACTION]
    alone = extraction.select(table[table["perception_training"] == "captioning"])
    assert [len(axes.texts) for axes in extraction.draw(alone).axes] == [0, 0]
    nothing = extraction.draw(extraction.select(table.iloc[:0]))
    assert "Nothing to draw" in nothing.texts[0].get_text()
