"""`downscale run` where an image cannot be read: rows with a reason, the exit code, the next run.

In: the small study with spoilt images. Out: its records and what the command says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import suite
from tests.suite.cli_study import call
from tests.suite.study_files import SHORT_DECODING
from tests.tasks.files import mmstar_row, png, write_parquet

pytestmark = pytest.mark.usefixtures("tiny_environment")


@pytest.mark.usefixtures("undrawn")
def test_an_unreadable_image_is_a_row_and_exit_code_1(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from suite.items import load as items

    real = items.load_items

    def spoilt(task: str, **options: Any) -> items.ItemSet:
        found = real(task, **options)
        first = found.items[0].images[0]
        return items.ItemSet(task, found.items, {**found.image_bytes, first: b"no image"})

    arguments = ("run", tiny / "study.yaml", "--out", tmp_path / "out", "--json")
    with monkeypatch.context() as patched:
        patched.setattr(items, "load_items", spoilt)
        result = call(*arguments)
    assert result.exit_code == 1
    summary = json.loads(result.stdout)
    assert summary["requests"]["failed"] == 2
    frame = suite.load_results(tmp_path / "out")
    assert sorted(frame.loc[frame["failed"], "cell"]) == [
        "decoupled/P=s/R=l/direct",
        "decoupled/P=s/R=l/think",
        "end_to_end/P=s",
    ]
    assert frame.loc[frame["failed"], "score"].isna().all()
    assert frame.loc[frame["failed"], "reason"].str.contains("cannot be read").all()
    assert "the same command tries only those again" in result.stderr
    again = call(*arguments)
    assert again.exit_code == 0
    requests = json.loads(again.stdout)["requests"]
    assert requests["failed"] == 0
    assert requests["generated"] == requests["distinct"] - requests["cached"] <= 4


@pytest.mark.usefixtures("undrawn")
def test_rows_without_a_readable_image_are_records(tiny: Path, tmp_path: Path) -> None:
    rows = [mmstar_row(number, "math") for number in range(6)]
    for number, image in ((0, b"not an image at all"), (2, b"")):
        rows[number] = {**rows[number], "image": {"bytes": image, "path": None}}
    path = write_parquet(tmp_path / "val.parquet", rows, "image")
    study = tmp_path / "study.yaml"
    study.write_text(
        f"study: broken\nfamily: {tiny}/tiny.yaml\ntasks: [{{task: mmstar}}]\n"
        "cells:\n  - {method: end_to_end, perception: s}\n  - {method: blind, perception: s}\n"
        + SHORT_DECODING
    )
    result = call("run", study, "--data", f"mmstar={path}", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 1, result.stderr
    frame = suite.load_results(tmp_path / "out")
    assert len(frame) == 12
    failed = frame[frame["failed"]].set_index("item_id")
    assert set(failed["cell"]) == {"end_to_end/P=s"}
    assert failed["reason"].to_dict() == {
        "0": f"mmstar, item 0: the image in row 0 of {path} cannot be read: its 19 bytes are no "
        "image that Pillow reads.",
        "2": f"mmstar, item 2: the image in row 2 of {path} cannot be read: it is empty.",
    }


@pytest.mark.usefixtures("undrawn")
def test_a_row_of_too_many_pixels_fails_where_it_is_shown_alone(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [mmstar_row(number, "math") for number in range(3)]
    rows[1] = {**rows[1], "image": {"bytes": png((1, 1, 1), (100, 100)), "path": None}}
    path = write_parquet(tmp_path / "val.parquet", rows, "image")
    study = tmp_path / "study.yaml"
    study.write_text(
        f"study: large\nfamily: {tiny}/tiny.yaml\ntasks: [{{task: mmstar}}]\n"
        "cells:\n  - {method: end_to_end, perception: s}\n  - {method: blind, perception: s}\n"
        + SHORT_DECODING
    )
    arguments = ("run", study, "--data", f"mmstar={path}", "--out", tmp_path / "out", "--json")
    monkeypatch.setenv("DOWNSCALE_MAX_PIXELS", "9999")
    assert call(*arguments).exit_code == 1
    frame = suite.load_results(tmp_path / "out")
    assert frame[frame["failed"]][["cell", "item_id"]].to_numpy().tolist() == [
        ["end_to_end/P=s", "1"]
    ]
    monkeypatch.setenv("DOWNSCALE_MAX_PIXELS", "10000")
    again = call(*arguments)
    assert again.exit_code == 0, again.stderr
    assert json.loads(again.stdout)["requests"]["generated"] == 1
