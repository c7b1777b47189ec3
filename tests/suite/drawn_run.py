"""A finished run of simulated records, with tables, figures and the page.

In: a folder. Out: the run in it; texts and items hold what would break a careless page.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image

from suite.items.item import Item, ItemSet
from suite.report import page
from suite.runs import items as run_items
from tests.analyses.simulate import World, simulate

TINY = World(tasks=("ocr", "knowledge", "counting"), items=4, failed=0.02)
TEXT = "<script>alert(1)</script> A & B"


def png(size: tuple[int, int], noise: bool = False) -> bytes:
    """A picture; `noise` makes one that does not compress."""
    buffer = io.BytesIO()
    image = Image.effect_noise(size, 90).convert("RGB") if noise else Image.new("RGB", size, "red")
    image.save(buffer, "PNG")
    return buffer.getvalue()


PICTURES = {"small": png((40, 30)), "large": png((1600, 900), noise=True), "none": b"no image"}


def asked(
    folder: Path, names: Iterable[str], **_: object
) -> tuple[dict[str, ItemSet], dict[str, str]]:
    """What the item cache has: the items of `ocr`, with words that would break a careless page."""
    items = tuple(
        Item(
            task="ocr",
            item_id=item_id,
            question='What <script>alert("q")</script> & "quotes"?',
            options=("<b>one</b>", "two", "three", "four"),
            answer="A",
            category="",
            images=("small", "large", "none", "small", "small", "small"),
            image_id="i",
            gold_description='A "red" <square>',
        )
        for item_id in simulate(TINY)["item_id"].unique()
    )
    return {"ocr": ItemSet("ocr", items, PICTURES)}, {"knowledge": "The items are <gone>."}


def write_run(folder: Path) -> Path:
    """The finished run, in `folder`."""
    frame = simulate(TINY)
    frame["text"] = frame["text"].where(frame["text"].isna(), TEXT)
    # lmms-eval misses some right answers to `counting`, and reads one that the suite cannot.
    counting = frame.index[(frame["task"] == "counting") & (frame["score"] == 1)]
    frame.loc[counting[:40], "lmms_score"] = 0.0
    frame.loc[frame.index[~frame["parsed"] & ~frame["failed"]][:1], "lmms_score"] = 1.0
    frame.to_parquet(folder / "records.parquet", index=False)
    content = {
        "study": {"study": "tiny", "title": "Tiny <study>"},
        "family": {"name": "micro", "title": "Micro"},
        "seed": 0,
        "ended": "2026-01-02T03:04:05+00:00",
        "versions": {"python": "3.11"},
        "models": [{"model": "l", "role": "text", "fingerprint": {"weights": "a" * 64}}],
    }
    (folder / "provenance.json").write_text(json.dumps(content))
    (folder / "tables").mkdir()
    (folder / "tables" / "baselines.csv").write_text("task,guessing,n\nocr,0.31,4\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_items, "cached", asked)
        page.write(folder)
    return folder
