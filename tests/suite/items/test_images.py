"""Images of items: kept as they are, unreadable without losing the item, read again when changed.

In: rows whose images are bytes or files beside them. Out: items with hashes of their images.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageColor

from suite.base.images import encoded
from suite.errors import DataError, SuiteError
from suite.items.item import image_hash
from suite.items.load import cached_items, load_items
from tests.suite.item_files import jsonl_row
from tests.suite.own_tasks import ROWS as OWN_ROWS
from tests.suite.own_tasks import write
from tests.tasks.files import jpeg, mmstar_row, png, write_parquet

TEXT = base64.b64encode(png((1, 2, 3))).decode()


def test_images_keep_their_bytes_and_others_become_png() -> None:
    assert encoded(jpeg((1, 1, 1))) == jpeg((1, 1, 1))
    assert encoded({"bytes": png((1, 1, 1)), "path": None}) == png((1, 1, 1))
    with pytest.raises(DataError, match="its 3 bytes are no image that Pillow reads"):
        encoded(b"abc")
    with pytest.raises(DataError, match="neither a path to an image nor base64"):
        encoded("hello?")


def test_an_image_of_another_format_stays_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    buffer = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(buffer, "WEBP", exif=exif)
    assert Image.open(io.BytesIO(encoded(buffer.getvalue()))).size == (20, 40)


NO_IMAGES: list[tuple[dict[str, Any], str]] = [
    (
        {"bytes": b"not an image at all", "path": None},
        "its 19 bytes are no image that Pillow reads.",
    ),
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
    rows = [mmstar_row(n) for n in range(3)]
    rows[1] = {**rows[1], "image": {"bytes": png((1, 1, 1), (100, 100)), "path": None}}
    path = write_parquet(tmp_path / "val.parquet", rows, "image")
    monkeypatch.setenv("DOWNSCALE_MAX_PIXELS", "1000")
    name = image_hash(png((1, 1, 1), (100, 100)))
    for _ in range(2):  # from the source, and from the cache
        items = load_items(task, data=str(path), cache_dir=tmp_path / "c")
        assert [len(item.images) for item in items.items] == [1, 1, 1]
        assert items.items[1].images == (name,)
        assert items.unreadable == {
            name: f"the image in row 1 of {path} cannot be read: its 100 x 100 pixels are more "
            "than the 1,000 that are decoded at once (DOWNSCALE_MAX_PIXELS allows more)."
        }
    monkeypatch.setenv("DOWNSCALE_MAX_PIXELS", "10000")
    assert load_items(task, data=str(path), cache_dir=tmp_path / "c").unreadable == {}


def test_a_file_that_comes_later_is_found(tmp_path: Path) -> None:
    path = tmp_path / "val.jsonl"
    path.write_text(jsonl_row(0, "late.png") + "\n")
    assert load_items("mmstar", data=str(path), cache_dir=tmp_path / "c").unreadable
    (tmp_path / "late.png").write_bytes(b"cut")
    (reason,) = load_items("mmstar", data=str(path), cache_dir=tmp_path / "c").unreadable.values()
    assert reason.endswith(
        f"cannot be read: the file {tmp_path / 'late.png'} cannot be opened as an image: its 3 "
        "bytes are no image that Pillow reads."
    )
    (tmp_path / "late.png").write_bytes(png((1, 2, 3)))
    items = load_items("mmstar", data=str(path), cache_dir=tmp_path / "c")
    assert items.unreadable == {}
    assert items.items[0].images == (image_hash(png((1, 2, 3))),)


@pytest.mark.parametrize("where", ["a file", "a folder", "elsewhere"])
def test_a_picture_painted_over_is_read_again(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows, sizes and times of the files stay as they were."""
    monkeypatch.setenv("DOWNSCALE_IMAGES", str(tmp_path))
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


@contextmanager
def server() -> Iterator[tuple[str, list[str]]]:
    """An address that serves a picture, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(png((1, 2, 3)))

        do_HEAD = do_GET

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/x.png", asked
        serving.shutdown()


def with_feature(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows whose column `image` is one to `datasets`; files that they name are not looked at."""
    return datasets.Dataset.from_list(rows).cast_column("image", datasets.Image()).data.table


@pytest.mark.parametrize(
    ("task", "plain"), [("mmstar", True), ("mmstar", False), ("lmms_eval/mmstar", False)]
)
def test_nothing_is_fetched(tmp_path: Path, task: str, plain: bool) -> None:
    with server() as (address, asked):
        rows = [mmstar_row(n) for n in range(3)]
        rows[0] = {**rows[0], "image": {"bytes": None, "path": address}}
        path = tmp_path / "val.parquet"
        table = pa.Table.from_pylist(rows) if plain else with_feature(rows)
        pq.write_table(table, path)
        items = load_items(task, data=str(path), cache_dir=tmp_path / "c")
    assert asked == []
    assert list(items.unreadable.values()) == [
        f"the image in row 0 of {path} cannot be read: the address {address!r} is not fetched; "
        "give the image or a file."
    ]


@pytest.mark.parametrize("task", ["mmstar", "lmms_eval/mmstar"])
@pytest.mark.parametrize("name", ["{outside}/own.png", "../outside/own.png", "link.png"])
def test_pictures_outside_the_data_are_left_alone(
    tmp_path: Path, task: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, rows = tmp_path / "outside", tmp_path / "rows"
    outside.mkdir()
    rows.mkdir()
    (outside / "own.png").write_bytes(png((9, 9, 9)))
    (rows / "link.png").symlink_to(outside / "own.png")
    name = name.format(outside=outside)
    data = rows / "val.parquet"
    stored = [{**mmstar_row(0), "image": {"bytes": None, "path": name}}, mmstar_row(1)]
    pq.write_table(with_feature(stored), data)
    for _ in range(2):
        items = load_items(task, data=str(data), cache_dir=tmp_path / "c")
        assert [*items.image_bytes.values()] == [png((1, 0, 0))]
        (reason,) = items.unreadable.values()
        assert reason.startswith(
            f"the image in row 0 of {data} cannot be read: the file {rows / name} lies outside "
            f"{rows}, the folder of the rows; "
        )
    monkeypatch.setenv("DOWNSCALE_IMAGES", str(outside))
    items = load_items(task, data=str(data), cache_dir=tmp_path / "c")
    assert items.unreadable == {}
    assert items.items[0].images == (image_hash(png((9, 9, 9))),)


LEADING_OUT = {
    "an address of a file": "file://{outside}/own.png",
    "up in the middle": "pictures/../../outside/own.png",
    "a link to a folder": "folder/own.png",
    "a home": "~/own.png",
    "a variable": "$HOME/own.png",
    "a folder whose name begins alike": "{rows}2/own.png",
    "the process's own folder": "/proc/self/cwd/../outside/own.png",
    "an empty place in the setting": "{outside}/own.png",
}


@pytest.mark.parametrize("name", LEADING_OUT)
def test_no_way_of_writing_leads_out_of_the_data(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, rows, alike = (tmp_path / folder for folder in ("outside", "rows", "rows2"))
    for folder in (outside, rows / "pictures", alike):
        folder.mkdir(parents=True)
    for folder in (outside, alike):
        (folder / "own.png").write_bytes(png((9, 9, 9)))
    (rows / "folder").symlink_to(outside, target_is_directory=True)
    monkeypatch.setenv("HOME", str(outside))
    monkeypatch.chdir(outside if "setting" in name else rows)
    if "setting" in name:
        monkeypatch.setenv("DOWNSCALE_IMAGES", f"{tmp_path / 'none'}:")
    text = LEADING_OUT[name].format(outside=outside, rows=rows)
    (rows / "val.jsonl").write_text(jsonl_row(0, text) + "\n" + jsonl_row(1, TEXT) + "\n")
    items = load_items("mmstar", data=str(rows / "val.jsonl"), cache_dir=tmp_path / "c")
    assert [*items.image_bytes.values()] == [png((1, 2, 3))]
    (reason,) = items.unreadable.values()
    assert "cannot be read: the " in reason


@pytest.mark.parametrize("name", ["pipe.png", "/dev/zero"])
def test_what_never_ends_is_no_file(tmp_path: Path, name: str) -> None:
    def stopped(*_: object) -> None:
        raise AssertionError("it is still read")

    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "val.jsonl").write_text(jsonl_row(0, name) + "\n")
    before = signal.signal(signal.SIGALRM, stopped)
    signal.alarm(3)
    try:
        items = load_items("mmstar", data=str(tmp_path / "val.jsonl"), cache_dir=tmp_path / "c")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert len(items.unreadable) == 1


def test_a_permission_that_is_withdrawn_holds_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "own.png").write_bytes(png((9, 9, 9)))
    data = tmp_path / "rows" / "val.jsonl"
    data.write_text(jsonl_row(0, "../own.png") + "\n")
    monkeypatch.setenv("DOWNSCALE_IMAGES", str(tmp_path))
    assert not load_items("mmstar", data=str(data), cache_dir=tmp_path / "c").unreadable
    monkeypatch.delenv("DOWNSCALE_IMAGES")
    assert load_items("mmstar", data=str(data), cache_dir=tmp_path / "c").unreadable


def test_the_second_of_two_pictures_stays_inside_too(mine: Path) -> None:
    (mine.parent / "own.png").write_bytes(png((9, 9, 9)))
    names = ["pictures/0.png", "../../own.png"], ["pictures/1.png"]
    write(mine, [{**row, "image": images} for row, images in zip(OWN_ROWS, names)])
    items = load_items("shapes")
    assert len(items.unreadable) == 1
    assert png((9, 9, 9)) not in items.image_bytes.values()


@pytest.mark.parametrize("name", ["{rows}/in.png", "{rows}/../rows/in.png", "./in.png"])
@pytest.mark.parametrize("linked", [False, True])
def test_what_lies_in_the_data_is_read(tmp_path: Path, name: str, linked: bool) -> None:
    """A folder of data may be a link itself, to a larger disk."""
    disk, rows = tmp_path / "disk", tmp_path / "rows"
    disk.mkdir()
    if linked:
        rows.symlink_to(disk, target_is_directory=True)
    else:
        rows.mkdir()
    (rows / "in.png").write_bytes(png((9, 9, 9)))
    (rows / "val.jsonl").write_text(jsonl_row(0, name.format(rows=rows)) + "\n")
    items = load_items("mmstar", data=str(rows / "val.jsonl"), cache_dir=tmp_path / "c")
    assert items.unreadable == {}


@pytest.mark.parametrize("whole", [False, True])
def test_a_snapshot_of_the_hub_is_read_wherever_it_lies(tmp_path: Path, whole: bool) -> None:
    """The Hub's cache has files as links to `blobs`, beside the folder of the snapshot."""
    home = tmp_path / "hub" / "datasets--owner--name"
    snapshot = home / "snapshots" / "0123456789abcdef"
    snapshot.mkdir(parents=True)
    (home / "blobs").mkdir()
    files = {"val.jsonl": (jsonl_row(0, "1.png") + "\n").encode(), "1.png": png((9, 9, 9))}
    for number, (name, content) in enumerate(files.items()):
        (home / "blobs" / str(number)).write_bytes(content)
        (snapshot / name).symlink_to(Path("../../blobs") / str(number))
    data = snapshot if whole else snapshot / "val.jsonl"
    assert load_items("mmstar", data=str(data), cache_dir=tmp_path / "c").unreadable == {}


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Where this process would have connected to."""
    wanted: list[object] = []

    def refused(*arguments: object, **_: object) -> None:
        wanted.append(arguments)
        raise OSError("no network here")

    monkeypatch.setattr("socket.getaddrinfo", refused)
    monkeypatch.setattr("socket.socket.connect", refused)
    return wanted


ADDRESS = "https://pictures.example/1.png"
FETCHED: dict[str, object] = {
    "plain": ADDRESS,
    "capitals": ADDRESS.upper(),
    "a blank before": f" {ADDRESS}",
    "a share": "//server/share/1.png",
    "Windows' share": "\\\\server\\share\\1.png",
    "the Hub": "hf://datasets/owner/name/1.png",
    "a bucket": "s3://bucket/1.png",
    "an archive elsewhere": "zip://1.png::https://pictures.example/all.zip",
    "a message's part": {"type": "image_url", "image_url": {"url": ADDRESS}},
    "one of several": [TEXT, {"url": ADDRESS}],
}


@pytest.mark.parametrize("name", FETCHED)
def test_no_way_of_writing_an_address_fetches(
    tmp_path: Path, name: str, connections: list[object]
) -> None:
    data = tmp_path / "val.jsonl"
    rows = [{**mmstar_row(n), "image": FETCHED[name]} for n in range(2)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    reasons: str | Iterable[str]
    try:
        reasons = load_items("mmstar", data=str(data), cache_dir=tmp_path / "c").unreadable.values()
    except SuiteError as error:
        reasons = [str(error)]
    assert connections == []
    assert reasons
    assert all("Unexpected" not in reason and "\n" not in reason for reason in reasons)


@pytest.mark.parametrize("kind", ["images", "other", "nested", "audio"])
@pytest.mark.parametrize("task", ["mmstar", "lmms_eval/mmstar"])
def test_no_column_of_media_is_fetched(
    tmp_path: Path, kind: str, task: str, connections: list[object]
) -> None:
    there = {"bytes": None, "path": ADDRESS}
    rows = [mmstar_row(n) for n in range(2)]
    feature: Any = datasets.Image()
    column, value = "image", there
    if kind == "images":
        value, feature = [there], datasets.List(datasets.Image())
    elif kind == "other":
        column = "second"
    elif kind == "nested":
        column, value, feature = "parts", {"deep": [there]}, {"deep": datasets.List(feature)}
    else:
        column, feature = "sound", datasets.Audio()
    rows = [{**row, column: value} for row in rows]
    table = datasets.Dataset.from_list(rows)
    features = table.features.copy()
    features[column] = feature
    if column != "image":
        features["image"] = datasets.Image()
    pq.write_table(table.cast(features).data.table, tmp_path / "val.parquet")
    data = {"data": str(tmp_path / "val.parquet"), "cache_dir": tmp_path / "c"}
    if (kind, task) == ("images", "mmstar"):
        with pytest.raises(SuiteError, match=r"^Row 0 of .*: an image is given as list; "):
            load_items(task, **data)
    else:
        # Which picture of a row lmms-eval's own code shows is not known: the row fails.
        fail = task.startswith("lmms_eval/") and kind != "audio"
        assert len(load_items(task, **data).unreadable) == (2 if fail else 0)
    assert connections == []


NAMES = ["a\0b.png", "a" * 300 + ".png", "a" * 300, "x" * 100_000 + ".png"]


@pytest.mark.parametrize("name", NAMES, ids=["nul", "long", "no suffix", "very long"])
def test_a_name_that_no_file_can_have_fails_its_row_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / "val.jsonl"
    path.write_text(jsonl_row(0, name) + "\n" + jsonl_row(1, TEXT) + "\n")
    items = load_items("mmstar", data=str(path), cache_dir=tmp_path / "c")
    (reason,) = items.unreadable.values()
    assert reason.startswith(f"the image in row 0 of {path} cannot be read: the ")
    assert len(reason) < 300 + len(str(path))
    assert items.image_bytes[items.items[1].images[0]] == png((1, 2, 3))


@pytest.mark.parametrize("task", ["mmstar", "lmms_eval/mmstar"])
def test_a_drawing_on_a_transparent_ground_reaches_the_item_on_white(
    tmp_path: Path, task: str
) -> None:
    drawing = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    drawing.paste("black", (0, 7, 20, 8))
    buffer = io.BytesIO()
    drawing.save(buffer, "PNG")
    rows = [{**mmstar_row(0), "image": {"bytes": buffer.getvalue(), "path": None}}]
    path = write_parquet(tmp_path / "val.parquet", rows, "image")
    items = load_items(task, data=str(path), cache_dir=tmp_path / "c")
    (data,) = items.image_bytes.values()
    with Image.open(io.BytesIO(data)) as image:
        assert [image.convert("RGB").getpixel((3, y)) for y in (6, 7)] == [(255,) * 3, (0,) * 3]
