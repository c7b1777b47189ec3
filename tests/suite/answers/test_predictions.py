"""The summary of a scored file: over what its mean is, and which keys are an item's.

In: items and texts. Out: numbers by hand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.answers.prediction_files import triples
from suite.answers.predictions import score_file, score_predictions, summary
from suite.items.item import Item, ItemSet


def items(task: str, *categories: str) -> ItemSet:
    """An item per category, right by A; the first two have four options, the others two."""
    made = (
        Item(
            task, str(n), "?", ("w", "x", "y", "z")[: 4 if n < 2 else 2], "A", category, (), str(n)
        )
        for n, category in enumerate(categories)
    )
    return ItemSet(task, tuple(made), {})


def summarised(asked: ItemSet, letters: str) -> dict[str, object]:
    texts = [("item_id", str(n), letter) for n, letter in enumerate(letters)]
    return summary(score_predictions(asked, texts, Path("x")), draws=200)


def test_the_mean_is_over_categories_out_of_domain_alone() -> None:
    categories = ("math", "math", "math", "logical reasoning")
    out = summarised(items("mmstar", *categories), "AABB")
    assert (out["average"], out["mean"]) == ("categories", pytest.approx((2 / 3 + 0) / 2))
    assert out["chance"] == pytest.approx(((1 / 4 + 1 / 4 + 1 / 2) / 3 + 1 / 2) / 2)
    within = summarised(items("gqa", *categories), "AABB")
    assert (within["average"], within["mean"]) == ("items", 0.5)
    assert within["chance"] == pytest.approx(3 / 8)


def test_mean_and_interval_are_of_the_same_items() -> None:
    # Those of no category count in none, as in the tables of a run.
    some = summarised(items("mmstar", "math", "", "math", ""), "BABA")
    alone = summarised(items("mmstar", "math", "math"), "BB")
    assert [some[name] for name in ("n", "mean", "low")] == [4, 0.0, 0.0]
    assert some["high"] == alone["high"]


def test_a_key_may_be_a_number_of_any_kind() -> None:
    asked = items("gqa", "")
    (item,) = asked.items
    floated = ItemSet("gqa", (Item(**{**vars(item), "item_id": "7.0"}),), {})  # beside a hole
    for key in ("7", "7.0"):
        rows = triples([{"item_id": key, "prediction": "A"}])
        assert score_predictions(floated, rows, Path("x")).complete


def test_the_keys_of_a_json_object_may_be_ids_that_are_words(tmp_path: Path) -> None:
    asked = items("gqa", "", "")
    named = [Item(**{**vars(item), "item_id": f"9/{item.item_id}"}) for item in asked.items]
    path = tmp_path / "answers.json"
    for texts in ('{"9/1": "A", "9/0": "B"}', '{"1": "A", "0": "B"}'):
        path.write_text(texts)
        rows = score_file(ItemSet("gqa", tuple(named), {}), path).rows
        assert [(row.item_id, row.prediction) for row in rows] == [("9/0", "B"), ("9/1", "A")]
