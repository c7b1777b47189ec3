"""The explorer inside a report: its data hold every answer, end no script element and have a bound.

In: a run whose every text is known. Out: what the page embeds.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import suite
from suite.report import explorer, summary
from tests.suite.told_run import surround


@pytest.fixture
def run(told: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    surround(monkeypatch, told)
    return told / "out"


def embedded(run: Path, frame: pd.DataFrame) -> dict[str, Any]:
    return explorer.embedded(run, frame, summary.names_of(frame))


def data_of(run: Path) -> tuple[dict[str, Any], list[str]]:
    found = embedded(run, suite.load_results(run))
    return unpacked(found["data"]), found["lacking"]


def unpacked(data: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(data)))
    return found


def test_the_data_hold_every_answer_as_text_to_see(run: Path) -> None:
    data, lacking = data_of(run)
    assert lacking == []
    items = {item["id"]: item for item in data["items"]}
    assert list(items) == list("012345")
    texts = data["texts"]
    assert texts[items["0"]["question"]] == "What colour is the picture?"
    assert [texts[n] for n in items["0"]["options"]] == ["red", "green", "blue"]
    assert [texts[n] for n in items["0"]["contents"]] == ["the colour 0"]
    assert data["images"][items["0"]["images"][0]].startswith(
        ("data:image/png;base64,", "data:image/webp;base64,")
    )
    answers = {data["cells"][answer[0]]: answer for answer in items["2"]["answers"]}
    unread = answers["decoupled/P=l/R=s/direct"]
    assert data["marks"][unread[1]] == "unread"
    assert (unread[3], texts[unread[4]]) == (None, "No idea.")
    assert data["description"][unread[6]] == "l sees 2"
    assert texts[unread[7]].startswith("Nothing was read")
    assert texts[items["1"]["question"]].startswith(r"a \x1b]0;title\x07\x1b[31m red \u202edesr")
    assert items["1"]["fault"][0][1].startswith("Reasoning's fault")
    assert data["names"] == {"shapes": "shapes"}
    assert [item["leaks"] for item in items.values()] == [[]] * 6
    failed = next(a for a in items["5"]["answers"] if data["marks"][a[1]] == "failed")
    assert texts[failed[7]].startswith("Failed: ")


def test_the_data_end_no_element_and_the_script_has_its_hash(run: Path) -> None:
    frame = suite.load_results(run)
    frame.loc[frame["item_id"] == "0", "text"] = "</script><script>alert(1)</script><!--&\u2028"
    found = embedded(run, frame)
    assert re.fullmatch("[A-Za-z0-9+/=]+", found["data"]), "letters that no markup is made of"
    assert "</script><script>alert(1)</script><!--&" in unpacked(found["data"])["texts"]
    for name in ("page.js", "explorer.js"):
        script = explorer.script(name)
        digest = hashlib.sha256(script["text"].encode()).digest()
        assert script["hash"] == f"sha256-{base64.b64encode(digest).decode()}"
        assert "innerHTML" not in script["text"]
        assert "</script" not in script["text"]


def test_what_has_no_room_is_left_out_and_said(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = suite.load_results(run)
    whole, _ = data_of(run)
    least = explorer.packed(whole | {"thinking_text": [], "description": []})
    monkeypatch.setattr(explorer, "LARGEST", len(least))
    data, lacking = data_of(run)
    assert (data["thinking_text"], data["description"]) == ([], [])
    view = f"`downscale view {run}` shows them in a browser."
    assert lacking == [f"There was no room for the thinking and descriptions here: {view}"]
    monkeypatch.setattr(explorer, "LARGEST", 100)
    found = embedded(run, frame)
    assert (found["data"], found["lacking"]) == (
        None,
        [f"The items have no room on this page: {view}"],
    )
    monkeypatch.setattr(explorer, "ANSWERS", 35)
    found = embedded(run, frame)
    assert (found["data"], found["lacking"]) == (
        None,
        [f"The items are too many for this page: {view}"],
    )
