"""Items: caching, local copies in several formats, limits, and errors in one sentence."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image, ImageColor

from suite.errors import DataError, SuiteError
from suite.image_bytes import encoded
from suite.item_cache import ItemCache, source_key
from suite.items import Item, ItemSet, cached_items, cluster_id, image_hash, load_items
from suite.registry import declared_n, get_task
from tests.tasks.files import jpeg, mmstar_row, png, write_parquet

ROWS = [
    mmstar_row(0, "math"),
    mmstar_row(1, "math", "C"),
    mmstar_row(2, "logical reasoning"),
    mmstar_row(3, "math"),
    mmstar_row(4, "logical reasoning"),
]


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """Five rows of MMStar's schema."""
    return write_parquet(tmp_path / "data" / "val-0.parquet", ROWS, "image")


def test_reads_once_and_then_from_the_cache(parquet: Path, tmp_path: Path) -> None:
    first = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    stored = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.parquet")}
    again = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    assert again == first
    assert len(stored) == 1
    assert {path: path.stat().st_mtime_ns for path in stored} == stored


def test_the_cache_is_read_without_lmms_eval_or_torch(parquet: Path, tmp_path: Path) -> None:
    load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    code = (
        "import sys\n"
        "from suite.items import load_items, list_tasks, declared_n\n"
        f"copy, cache = {str(parquet)!r}, {str(tmp_path / 'cache')!r}\n"
        "items = load_items('mmstar', data=copy, cache_dir=cache)\n"
        "list_tasks(), declared_n('mmstar')\n"
        "from suite.score import lmms_score\n"
        "assert lmms_score(items.items[0], 'B') == 1.0\n"
        "heavy = {'torch', 'lmms_eval', 'datasets', 'transformers'} & set(sys.modules)\n"
        "print(len(items.items), sorted(heavy))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "5 []"


def test_other_content_under_the_same_name_is_read_again(parquet: Path, tmp_path: Path) -> None:
    load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    write_parquet(parquet, [mmstar_row(9)], "image")
    items = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    assert [item.item_id for item in items.items] == ["9"]


def test_limit_takes_the_first_of_each_category(parquet: Path, tmp_path: Path) -> None:
    limited = load_items("mmstar", data=str(parquet), limit=1, cache_dir=tmp_path / "a")
    assert [item.item_id for item in limited.items] == ["0", "2"]
    assert set(limited.image_bytes) == {name for item in limited.items for name in item.images}
    whole = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "b")
    from_whole = load_items("mmstar", data=str(parquet), limit=1, cache_dir=tmp_path / "b")
    assert from_whole == limited
    assert whole.items[0] == limited.items[0]
    assert len(list((tmp_path / "b").rglob("*.parquet"))) == 1  # no second copy for the limit


def test_a_larger_limit_serves_a_smaller_one(parquet: Path, tmp_path: Path) -> None:
    load_items("mmstar", data=str(parquet), limit=2, cache_dir=tmp_path)
    info = get_task("mmstar")
    found = ItemCache(tmp_path).read("mmstar", source_key(info, parquet.resolve()), 1)
    assert found is not None
    assert [item.item_id for item in found.items] == ["0", "2"]
    assert ItemCache(tmp_path).read("mmstar", source_key(info, parquet.resolve()), 3) is None


def test_a_broken_cache_file_is_read_again(parquet: Path, tmp_path: Path) -> None:
    first = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    for path in (tmp_path / "cache").rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:100])
    assert load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache") == first


def test_a_generated_task_draws_no_more_than_the_limit(tmp_path: Path) -> None:
    three = load_items("micro_counting", limit=3, cache_dir=tmp_path)
    two = load_items("micro_counting", limit=2, cache_dir=tmp_path / "other")
    assert len(three.items) == 3
    assert two.items == three.items[:2]
    assert all(item.gold_description and item.images for item in three.items)


def jsonl_row(index: int, image: str) -> str:
    return json.dumps({**mmstar_row(index), "image": image})


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


def message(*arguments: str, cache: Path, **extra: object) -> str:
    with pytest.raises(SuiteError) as caught:
        load_items(*arguments, cache_dir=cache, **extra)  # type: ignore[arg-type]
    return str(caught.value)


def test_missing_path(tmp_path: Path) -> None:
    assert message("mmstar", cache=tmp_path, data=str(tmp_path / "none.parquet")) == (
        f"There is nothing at {tmp_path / 'none.parquet'}, given as the data of mmstar: pass a "
        "Parquet or JSONL file, or a folder of them, as --data mmstar=PATH."
    )


def test_folder_without_data(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert message("mmstar", cache=tmp_path, data=str(tmp_path / "empty")) == (
        f"No data of mmstar at {tmp_path / 'empty'}: it holds no file that ends in one of .arrow, "
        ".bmp, .csv, .gif, .jpeg, .jpg, .json, .jsonl, .parquet, .png, .tsv, .webp."
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
    assert text.startswith(f"The data of mmstar at {path} cannot be read as Lin-Chen/MMStar: ")
    assert "RetryError" not in text


NO_IMAGES: list[tuple[dict[str, Any], str]] = [
    ({"bytes": b"not an image at all", "path": None}, "its 19 bytes are no image."),
    ({"bytes": b"", "path": None}, "it is empty."),
    ({"bytes": None, "path": "gone.png"}, "the file {folder}/gone.png is missing."),
]


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize(("stored", "what"), NO_IMAGES)
def test_an_unreadable_image_keeps_its_item(
    tmp_path: Path, stored: dict[str, Any], what: str, place: int
) -> None:
    rows = [mmstar_row(n) for n in range(4)]
    rows[place] = {**rows[place], "image": stored}
    path = tmp_path / "val.parquet"
    if stored["path"]:  # the library copies files that rows name, and so wants them there
        pd.DataFrame(rows).to_parquet(path)
    else:
        write_parquet(path, rows, "image")
    for _ in range(2):  # from the source, and from the cache where there may be one
        items = load_items("mmstar", data=str(path), cache_dir=tmp_path / "c")
        assert len(items.items) == 4
        (name,) = items.items[place].images
        assert items.unreadable == {
            name: f"the image in row {place} of {path} cannot be read: "
            + what.format(folder=tmp_path)
        }
        assert len({item.image_id for item in items.items}) == 4


@pytest.mark.parametrize("task", ["mmstar", "lmms_eval/mmstar"])
def test_an_image_too_large_to_decode_keeps_the_other_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    """Pillow's error for it is no OSError and no ValueError."""
    rows = [mmstar_row(n) for n in range(3)]
    rows[1] = {**rows[1], "image": {"bytes": png((1, 1, 1), (100, 100)), "path": None}}
    path = write_parquet(tmp_path / "val.parquet", rows, "image")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    items = load_items(task, data=str(path), cache_dir=tmp_path / "c")
    assert [len(item.images) for item in items.items] == [1, 1, 1]
    assert items.items[1].images == (image_hash(png((1, 1, 1), (100, 100))),)


def test_a_file_that_comes_later_is_found(tmp_path: Path) -> None:
    path = tmp_path / "val.jsonl"
    path.write_text(jsonl_row(0, "late.png") + "\n")
    assert load_items("mmstar", data=str(path), cache_dir=tmp_path / "c").unreadable
    (tmp_path / "late.png").write_bytes(b"cut")
    (reason,) = load_items("mmstar", data=str(path), cache_dir=tmp_path / "c").unreadable.values()
    assert reason.endswith(f"cannot be read: {tmp_path / 'late.png'}: its 3 bytes are no image.")
    (tmp_path / "late.png").write_bytes(png((1, 2, 3)))
    items = load_items("mmstar", data=str(path), cache_dir=tmp_path / "c")
    assert items.unreadable == {}
    assert items.items[0].images == (image_hash(png((1, 2, 3))),)


@pytest.mark.parametrize("where", ["a file", "a folder", "elsewhere"])
def test_a_picture_painted_over_is_read_again(tmp_path: Path, where: str) -> None:
    """Rows, sizes and times of the files stay as they were."""
    place = tmp_path / "data"
    (place / "pictures").mkdir(parents=True)
    picture = (tmp_path if where == "elsewhere" else place / "pictures") / "1.bmp"
    name = str(picture) if where == "elsewhere" else "pictures/1.bmp"
    (place / "val.jsonl").write_text(jsonl_row(0, name) + "\n")

    def shown(colour: str, limit: int | None = None, rows: Path = place) -> bool:
        data = rows if where == "a folder" else rows / "val.jsonl"
        items = load_items("mmstar", data=str(data), limit=limit, cache_dir=tmp_path / "c")
        (image,) = items.image_bytes.values()
        return Image.open(io.BytesIO(image)).getpixel((0, 0)) == ImageColor.getrgb(colour)

    Image.new("RGB", (4, 4), "red").save(picture)
    assert shown("red")
    assert shown("red", limit=1)
    before = picture.stat()
    Image.new("RGB", (4, 4), "blue").save(picture)
    os.utime(picture, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert picture.stat().st_size == before.st_size
    assert shown("blue", limit=1)
    assert shown("blue")
    if where == "elsewhere":
        return
    other = shutil.copytree(place, tmp_path / "other")
    Image.new("RGB", (4, 4), "lime").save(other / "pictures" / "1.bmp")
    assert shown("lime", rows=other), "the folder that is asked for counts"
    assert shown("blue")


def test_pictures_that_have_not_changed_come_from_the_cache(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png((1, 2, 3)))
    (tmp_path / "val.jsonl").write_text(jsonl_row(0, "a.png") + "\n")
    data, cache = str(tmp_path / "val.jsonl"), tmp_path / "c"
    first = load_items("mmstar", data=data, cache_dir=cache)
    assert first.files == {"a.png": image_hash(png((1, 2, 3)))}
    (tmp_path / "beside.png").write_bytes(png((9, 9, 9)))  # no row names it
    assert cached_items("mmstar", data=data, cache_dir=cache) == first
    (tmp_path / "a.png").unlink()
    assert cached_items("mmstar", data=data, cache_dir=cache) is None


def test_two_rows_with_one_id(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "val.parquet", [mmstar_row(1), mmstar_row(1)], "image")
    assert message("mmstar", cache=tmp_path / "c", data=str(path)) == (
        "Two rows of mmstar have the id '1': each needs its own."
    )


def test_answer_that_is_no_option(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "val.parquet", [mmstar_row(1, answer="E")], "image")
    assert message("mmstar", cache=tmp_path / "c", data=str(path)) == (
        "Item 1 of mmstar has the answer 'E' and 4 options: the answer must be the letter of one "
        "of them."
    )


def test_unknown_task_suggests_near_ones(tmp_path: Path) -> None:
    assert message("mmstr", cache=tmp_path).startswith(
        "There is no task 'mmstr': did you mean mmstar"
    )


def test_limit_of_nothing(tmp_path: Path) -> None:
    assert "limit=0 leaves no items of mmstar" in message("mmstar", cache=tmp_path, limit=0)


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


def test_own_task_folder_needs_only_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine" / "capitals"
    folder.mkdir(parents=True)
    (folder / "capitals.yaml").write_text(
        "task: downscaling_capitals\n"
        "dataset_path: json\n"
        "dataset_kwargs: {data_files: {test: rows.jsonl}}\n"
        "test_split: test\n"
        "output_type: generate_until\n"
        "doc_to_text: !function capitals.doc_to_text\n"
        "doc_to_target: answer\n"
        "process_results: !function capitals.process_results\n"
        "metric_list: [{metric: accuracy, aggregation: mean, higher_is_better: true}]\n"
        "metadata: {n: 2, metric: exact, doc_to_item: capitals.doc_to_item}\n"
    )
    (folder / "capitals.py").write_text(
        "def doc_to_text(doc): return f'Capital of {doc[\"country\"]}?'\n"
        "def process_results(doc, results):\n"
        "    return {'accuracy': float(results[0] == doc['answer'])}\n"
        "def doc_to_item(doc):\n"
        "    return {'item_id': doc['country'], 'images': [], 'question': doc_to_text(doc),\n"
        "            'answer': doc['answer']}\n"
    )
    rows = [{"country": "Italy", "answer": "Rome"}, {"country": "Peru", "answer": "Lima"}]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setenv("DOWNSCALE_TASKS", str(tmp_path / "mine"))
    assert declared_n("capitals") == 2
    items = load_items("capitals", cache_dir=tmp_path / "cache").items
    assert [(item.question, item.answer) for item in items] == [
        ("Capital of Italy?", "Rome"),
        ("Capital of Peru?", "Lima"),
    ]
    assert (items[0].chance, items[0].metric, items[0].images) == (0.0, "exact", ())
    (folder / "rows.jsonl").write_text(json.dumps(rows[1]) + "\n")
    assert len(load_items("capitals", cache_dir=tmp_path / "cache").items) == 1


def test_clusters() -> None:
    assert cluster_id("t", "1", ("a", "b")) == cluster_id("u", "2", ("a", "b"))
    assert cluster_id("t", "1", ("a", "b")) != cluster_id("t", "1", ("b", "a"))
    assert cluster_id("t", "1", ()) != cluster_id("t", "2", ())


def test_fillers_are_no_options_to_guess() -> None:
    item = Item("t", "0", "?", ("x", "y", "nan", "nan"), "A", "", (), "c", fillers=2)
    assert item.chance == 0.5


def test_images_keep_their_bytes_and_others_become_png() -> None:
    assert encoded(jpeg((1, 1, 1))) == jpeg((1, 1, 1))
    assert encoded({"bytes": png((1, 1, 1)), "path": None}) == png((1, 1, 1))
    with pytest.raises(DataError, match="its 3 bytes are no image"):
        encoded(b"abc")
    with pytest.raises(DataError, match="neither a path to an image nor base64"):
        encoded("hello?")


def test_an_unwritable_cache_does_not_stop_a_run(tmp_path: Path) -> None:
    (tmp_path / "items").write_text("a file where the folder should be")
    ItemCache(tmp_path).write(ItemSet("t", (), {}), "key", None)
    assert ItemCache(tmp_path).read("t", "key", None) is None


def test_items_know_their_row_in_the_data(parquet: Path, tmp_path: Path) -> None:
    whole = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "a")
    limited = load_items("mmstar", data=str(parquet), limit=1, cache_dir=tmp_path / "b")
    again = load_items("mmstar", data=str(parquet), limit=1, cache_dir=tmp_path / "b")
    assert [item.row for item in whole.items] == list(range(len(whole.items)))
    assert [item.row for item in limited.items] == [item.row for item in again.items] == [0, 2]
