"""The page of what changed between two runs: hostile texts are shown, and nothing is fetched.

In: the run whose every text is known, and a copy in which one answer scores otherwise. Out: the
page that `downscale compare --html` writes.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from suite.base.files import file_hash
from tests.suite.cli_study import call, error
from tests.suite.told_run import surround


def test_a_page_has_what_changed_side_by_side(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    surround(monkeypatch, told)
    new = shutil.copytree(told / "out", tmp_path / "new")
    frame = pd.read_parquet(new / "records.parquet")
    one = (frame["cell"] == "end_to_end/P=l") & (frame["item_id"] == "1")
    assert frame.loc[one, "score"].tolist() == [0.0]
    frame.loc[one, "score"] = 1.0
    frame.to_parquet(new / "records.parquet", index=False)
    facts = json.loads((new / "provenance.json").read_text())
    facts["records_sha256"] = file_hash(new / "records.parquet")
    (new / "provenance.json").write_text(json.dumps(facts))
    page = tmp_path / "changed.html"
    said = call("compare", told / "out", new, "--draws", "100", "--html", page).stderr
    assert f"  {page}: 1 item that changed." in said
    text = page.read_text(encoding="utf-8")
    assert "1 of 1 items with an answer that scores otherwise" in text
    assert text.count("Gained: <code>end_to_end/P=l</code>") == 1
    assert "\x1b" not in text
    assert r"\x1b[31m red" in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) >= 4
    cut = error("compare", told / "out" / "records.parquet", new, "--html", page)
    assert cut.startswith("--html shows items of run directories, and ")
