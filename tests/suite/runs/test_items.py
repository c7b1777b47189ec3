"""The items of a finished run: only those it asked, only from the cache unless one may wait."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from suite.items.item import Item, ItemSet
from suite.runs import items as run_items
from suite.runs import provenance

ITEM = Item("ocr", "0", "What?", ("a", "b"), "A", "", (), "0")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory whose provenance names one item of `ocr`."""
    facts = {
        "study": {"limit": 5, "tasks": [{"task": "ocr", "limit": None}]},
        "items": {"ocr": {"digest": provenance.items_digest([ITEM]), "data": "here"}},
    }
    (tmp_path / "provenance.json").write_text(json.dumps(facts))
    return tmp_path


def cache_gives(monkeypatch: pytest.MonkeyPatch, items: ItemSet | None) -> list[dict[str, object]]:
    """Stands for the cache; remembers what it was asked."""
    asked: list[dict[str, object]] = []

    def cached(task: str, **options: object) -> ItemSet | None:
        asked.append({"task": task, **options})
        return items

    monkeypatch.setattr(run_items, "cached_items", cached)
    return asked


def test_items_of_the_run(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = ItemSet("ocr", (ITEM,), {})
    asked = cache_gives(monkeypatch, own)
    assert run_items.cached(run, ["ocr"]) == ({"ocr": own}, {})
    assert asked == [{"task": "ocr", "data": "here", "limit": 5}]


def test_why_there_are_none(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_gives(monkeypatch, None)
    assert run_items.cached(run, ["ocr", "star"]) == (
        {},
        {
            "ocr": "The items of ocr are not in this machine's item cache; run the study again, "
            "then `downscale report`.",
            "star": f"The run in {run} does not say which items of star it asked; run it again.",
        },
    )
    other = Item("ocr", "0", "What else?", ("a", "b"), "A", "", (), "0")
    cache_gives(monkeypatch, ItemSet("ocr", (other,), {}))
    assert run_items.cached(run, ["ocr"])[1] == {
        "ocr": "The items of ocr have changed since the run: its code or data are others now."
    }
