"""The summary of a scored file: over what its mean is, and which keys are an item's.

In: items and texts. Out: numbers by hand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.answers.predictions import score_file, score_predictions, summary
from suite.base.keyed_texts import KeyedText
from suite.items.item import Item, ItemSet
from suite.models.recorded import RecordedGenerator
from suite.models.spec import ModelSpec
from suite.requests import Decoding, Message, Request


def asked(item: str) -> Request:
    """What a recorded text may answer."""
    return Request("gqa", item, (Message("user", "?"),), Decoding())


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
    texts = [KeyedText("item_id", str(n), letter) for n, letter in enumerate(letters)]
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
        rows = [KeyedText("item_id", key, "A")]
        assert score_predictions(floated, rows, Path("x")).complete


def named(*ids: str) -> ItemSet:
    (item,) = items("gqa", "").items
    return ItemSet("gqa", tuple(Item(**{**vars(item), "item_id": name}) for name in ids), {})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "index,prediction\n3,A\n"),
        ("a.csv", "index,prediction\n3.0,A\n"),
        ("a.csv", "\ufeffitem_id,prediction\n 3 ,A\n"),
        ("a.jsonl", '{"index": 3, "prediction": "A"}'),
        ("a.jsonl", '{"item_id": 3.0, "prediction": "A"}'),
        ("a.jsonl", '\ufeff{"item_id": "3", "prediction": "A"}'),
        ("a.json", '{"3": "A"}'),
    ],
)
@pytest.mark.parametrize("item", ["3", "3.0", " 3"])
def test_three_is_one_item_however_it_is_written(
    tmp_path: Path, name: str, content: str, item: str
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert score_file(named(item), path).complete
    text = path.with_name(f"text{path.suffix}")
    text.write_text(content.replace("prediction", "text"), encoding="utf-8")
    (answer,) = RecordedGenerator(ModelSpec(path=text)).generate([asked(item)], {}.__getitem__)
    assert answer.text == "A"


def test_keys_that_differ_are_never_merged(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"item_id": "03", "prediction": "A"}\n{"item_id": 4, "prediction": "A"}')
    scored = score_file(named("3", "4"), path)
    assert (scored.missing, scored.unknown) == (("3",), ("03",))
    rows = [KeyedText("item_id", key, key) for key in ("2.0", "2", "1.10", "1.1")]
    found = score_predictions(named("2", "2.0", "1.1", "1.10"), rows, path).rows
    assert [(row.item_id, row.text) for row in found] == [
        (k, k) for k in ("2", "2.0", "1.1", "1.10")
    ]
    text = tmp_path / "texts.jsonl"
    text.write_text('{"item_id": "03", "text": "x"}\n{"item_id": "4", "text": null}\n')
    answers = RecordedGenerator(ModelSpec(path=text)).generate(
        [asked("3"), asked("4")], {}.__getitem__
    )
    assert [answer.error for answer in answers] == [
        f"{text} has no text for item 3.",
        f"{text} has no text for item 4.",
    ]


def test_the_keys_of_a_json_object_may_be_ids_that_are_words(tmp_path: Path) -> None:
    asked = items("gqa", "", "")
    named = [Item(**{**vars(item), "item_id": f"9/{item.item_id}"}) for item in asked.items]
    path = tmp_path / "answers.json"
    for texts in ('{"9/1": "A", "9/0": "B"}', '{"1": "A", "0": "B"}'):
        path.write_text(texts)
        rows = score_file(ItemSet("gqa", tuple(named), {}), path).rows
        assert [(row.item_id, row.prediction) for row in rows] == [("9/0", "B"), ("9/1", "A")]
