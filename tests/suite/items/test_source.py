"""Local copies of a benchmark's data in several formats, and copies that cannot be read.

In: Parquet and JSONL files, or none. Out: items, or one sentence that says what to do.
"""

from __future__ import annotations

import base64
from pathlib import Path

import datasets
import pandas as pd
import pytest

from suite.items.item import image_hash
from suite.items.load import load_items
from tests.suite.item_files import ROWS, jsonl_row, message
from tests.tasks.files import jpeg, png, vmcbench_row


def test_jsonl_with_paths_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    (folder / "pictures").mkdir(parents=True)
    (folder / "pictures" / "a.jpg").write_bytes(jpeg((1, 2, 3)))
    (folder / "val.jsonl").write_text(jsonl_row(0, "pictures/a.jpg") + "\n")
    for source in (folder / "val.jsonl", folder):
        items = load_items("mmstar", data=str(source), cache_dir=tmp_path / "cache")
        assert items.items[0].images == (image_hash(jpeg((1, 2, 3))),)


def test_jsonl_with_base64(tmp_path: Path) -> None:
    text = base64.b64encode(png((1, 2, 3))).decode()
    (tmp_path / "val.jsonl").write_text(jsonl_row(0, text) + "\n")
    items = load_items("mmstar", data=str(tmp_path / "val.jsonl"), cache_dir=tmp_path / "cache")
    assert items.items[0].images == (image_hash(png((1, 2, 3))),)


def test_parquet_of_pandas_without_image_features(tmp_path: Path) -> None:
    pd.DataFrame(ROWS).to_parquet(tmp_path / "val.parquet")
    items = load_items("mmstar", data=str(tmp_path / "val.parquet"), cache_dir=tmp_path / "cache")
    assert items.items[1].images == (image_hash(png((1, 0, 0))),)


def test_missing_path(tmp_path: Path) -> None:
    assert message("mmstar", cache=tmp_path, data=str(tmp_path / "none.parquet")) == (
        f"There is nothing at {tmp_path / 'none.parquet'}, given as the data of mmstar: pass a "
        "Parquet or JSONL file, or a folder of them, as --data mmstar=PATH."
    )


def test_folder_without_data(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert message("mmstar", cache=tmp_path, data=str(tmp_path / "empty")) == (
        f"No data of mmstar at {tmp_path / 'empty'}: it holds no file that ends in one of .arrow, "
        ".bmp, .csv, .gif, .jpeg, .jpg, .json, .jsonl, .parquet, .png, .tif, .tiff, .tsv, "
        ".webp."
    )


def test_missing_column(tmp_path: Path) -> None:
    path = tmp_path / "val.parquet"
    pd.DataFrame([{"index": 0, "question": "?"}]).to_parquet(path)
    text = message("mmstar", cache=tmp_path / "cache", data=str(path))
    assert text.startswith(f"The data of mmstar at {path} cannot be read as Lin-Chen/MMStar: ")


def test_file_that_is_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / "val.parquet"
    path.write_bytes(b"not a table")
    text = message("mmstar", cache=tmp_path / "cache", data=str(path))
    assert text == (
        f"The rows of mmstar in {path} cannot be read: it is no Parquet file; let its name end in "
        "what it is."
    )


def test_without_network_the_error_says_what_to_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    text = message("mmstar", cache=tmp_path)
    assert text.startswith(
        "Task mmstar needs the data set Lin-Chen/MMStar, which cannot be read here ("
    )
    assert text.endswith(
        "): where there is network, `hf download --repo-type dataset Lin-Chen/MMStar --local-dir "
        "mmstar` fetches it; then pass --data mmstar=FOLDER."
    )


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_only_an_empty_field_of_a_table_is_missing(tmp_path: Path, suffix: str) -> None:
    texts = [("None", "NA"), ("n/a", ""), ("null", "nan")]
    row = {**vmcbench_row(0, "GQA"), "image": base64.b64encode(png((1, 2, 3))).decode()}
    rows = [{**row, "index": n, "answer": "C", "C": c, "D": d} for n, (c, d) in enumerate(texts)]
    path = tmp_path / f"dev.{suffix}"
    pd.DataFrame(rows).to_csv(path, index=False, sep={"csv": ",", "tsv": "\t"}[suffix])
    items = load_items("gqa", data=str(path), cache_dir=tmp_path / "cache").items
    assert [item.options[2:] for item in items] == [("None", "NA"), ("n/a",), ("null", "nan")]
    assert [item.images for item in items] == [(image_hash(png((1, 2, 3))),)] * 3


def test_a_data_set_as_its_library_saves_it(tmp_path: Path) -> None:
    docs = datasets.Dataset.from_list(ROWS).cast_column("image", datasets.Image())
    datasets.DatasetDict({"train": docs.select([4]), "val": docs.select([1, 3])}).save_to_disk(
        str(tmp_path / "saved")
    )
    items = load_items("mmstar", data=str(tmp_path / "saved"), cache_dir=tmp_path / "cache")
    assert [item.item_id for item in items.items] == ["1", "3"]
    assert items.items[0].images == (image_hash(png((1, 0, 0))),)


def test_a_folder_with_a_name_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "copy" / "old.parquet").mkdir(parents=True)
    pd.DataFrame(ROWS[:1]).to_parquet(tmp_path / "copy" / "val.parquet")
    items = load_items("mmstar", data=str(tmp_path / "copy"), cache_dir=tmp_path / "cache")
    assert len(items.items) == 1
