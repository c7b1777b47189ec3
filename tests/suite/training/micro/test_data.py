"""Rows of tokens and their collators: deterministic, with the loss where it belongs."""

from __future__ import annotations

import random
from functools import partial

import numpy as np
import pytest
import torch

from suite.training.micro import data
from suite.training.micro.tokenizer import SPECIAL, Encoder
from suite.training.run import _text, _vision
from tasks.micro import draw, scene
from tasks.micro.scene import HELD_OUT, TRAIN, Scene, Thing, sample_scene


def test_row_i_is_always_the_same_and_no_other(encode: Encoder) -> None:
    streams = {
        "recall": lambda i: data.recall_row("recall", 0, i, encode),
        "other stage": lambda i: data.recall_row("held out", 0, i, encode),
        "other seed": lambda i: data.recall_row("recall", 1, i, encode),
        "text": lambda i: _text(encode, "language", 0, TRAIN, 0.5, i),
        **{
            taught: partial(_vision, encode, 36, taught, 0.3, None, taught, 0, TRAIN)
            for taught in ("instruct", "caption", "extract")
        },
    }
    seen: set[tuple[int, ...]] = set()
    for make in streams.values():
        rows = data.Rows(make, 8)
        assert len(rows) == 8
        for i in (7, 0, 3):  # in any order: a resumed run starts in the middle
            assert rows[i] == rows[i]
            seen.add(tuple(rows[i].ids))
    assert len(seen) == 3 * len(streams)


def test_rows_of_few_samples_come_again_in_order(encode: Encoder) -> None:
    rows = data.Rows(partial(data.recall_row, "recall", 0, encode=encode), 8, 3)
    assert len(rows) == 8
    assert [rows[i] for i in range(8)] == [rows[i % 3] for i in range(8)]
    assert len({tuple(rows[i].ids) for i in range(8)}) == 3


def test_a_step_s_rows_come_by_length_and_no_row_changes_its_step(encode: Encoder) -> None:
    rows = data.Rows(partial(_text, encode, "language", 0, TRAIN, 0.5), 22)
    ordered = data.ByLength(rows, 8)
    assert len(ordered) == 22
    for first in (16, 0, 8):  # in any order: a resumed run starts in the middle
        own = range(first, min(first + 8, 22))
        lengths = [len(ordered[i].ids) for i in own]
        assert lengths == sorted(lengths)
        assert len(set(lengths)) > 1
        assert sorted(ordered[i].ids for i in own) == sorted(rows[i].ids for i in own)


def test_recall_rows_ask_every_pair_in_both_directions(encode: Encoder) -> None:
    comma, mark = encode.ids[","], encode.ids["?"]
    sizes = set()
    for i in range(200):
        row = data.recall_row("recall", 0, i, encode)
        n = row.ids.index(mark) // 3
        sizes.add(n)
        shown = [row.ids[3 * k : 3 * k + 3] for k in range(n)]
        assert {separator for _, _, separator in shown} == {comma}
        partner = {a: b for k, v, _ in shown for a, b in ((k, v), (v, k))}
        assert len(partner) == 2 * n
        assert not set(partner) & {comma, mark, *range(len(SPECIAL))}
        asked = [row.ids[j : j + 3] for j in range(3 * n, len(row.ids), 3)]
        assert {m for m, _, _ in asked} == {mark}
        assert sorted(q for _, q, _ in asked) == sorted(partner)
        assert all(partner[q] == a for _, q, a in asked)
        # Only the answers are learned.
        assert [j for j, t in enumerate(row.targets) if t] == list(
            range(3 * n + 2, len(row.ids), 3)
        )
        assert row.spans == [("recall", False, 3 * n, len(row.ids))]
    assert sizes == set(range(3, 13))


def test_recall_covers_the_vocabulary(encode: Encoder) -> None:
    used = {t for i in range(400) for t in data.recall_row("recall", 0, i, encode).ids}
    assert used == set(encode.ids.values()) - set(range(len(SPECIAL)))


def test_token_collator_pads_right_and_learns_targets_alone() -> None:
    rows = [
        data.Row([5, 6, 7], [False, True, True], [("a", False, 1, 3)]),
        data.Row([8], [True], [("a", False, 0, 1)]),
    ]
    batch = data.TokenCollator(pad=0)(rows)
    assert set(batch) == {"input_ids", "labels"}
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch["labels"].tolist() == [[-100, 6, 7], [8, -100, -100]]
    assert all(t.dtype == torch.int64 for t in batch.values())


def test_token_collator_gives_the_pictures_of_all_rows_in_order(encode: Encoder) -> None:
    rows = [_vision(encode, 36, "instruct", 0.3, None, "vit", 0, TRAIN, i) for i in range(6)]
    batch = data.TokenCollator(pad=0)(rows)
    scenes = [s for r in rows for s in r.scenes]
    assert batch["pixel_values"].shape == (len(scenes), 3, 72, 72)
    assert batch["pixel_values"].dtype == torch.float32
    for picture, made in zip(batch["pixel_values"], scenes, strict=True):
        expected = draw.draw(made).astype(np.float64) / 127.5 - 1
        assert np.abs(picture.numpy().transpose(1, 2, 0) - expected).max() < 1e-6
    assert batch["pixel_values"].min() >= -1
    assert batch["pixel_values"].max() <= 1


@pytest.mark.parametrize("patches", [3, 6])
def test_probe_labels_by_hand(patches: int) -> None:
    thing = Thing("moon", "blue", "tiny", 7, 5, (2, 1), 0)  # middle-right
    made = Scene((thing,), "waves", "mint", "noisy", 9, "train")
    batch = data.ProbeCollator(patches)([made, made])
    labels = batch["labels"].reshape(2, patches, patches, len(data.FIELDS))
    assert batch["boxes"].shape == (2, patches**2, 4)
    per_cell = patches // 3
    for row in range(patches):
        for column in range(patches):
            cell = row // per_cell * 3 + column // per_cell
            told = dict(zip(data.FIELDS, labels[1, row, column].tolist(), strict=True))
            assert told["cell"] == cell
            assert scene.BACKGROUNDS[told["background"]] == "waves"
            assert scene.QUALITIES[told["quality"]] == "noisy"
            box = batch["boxes"].reshape(2, patches, patches, 4)[1, row, column]
            if cell != 5:
                assert (told["taken"], told["shape"], told["digit"]) == (0, -100, -100)
                assert (told["color"], told["size"]) == (-100, -100)
                assert not box.any()
                continue
            assert (told["taken"], told["digit"]) == (1, 7)
            assert scene.SHAPES[told["shape"]] == "moon"
            assert scene.COLORS[told["color"]] == "blue"
            assert scene.SIZES[told["size"]] == "tiny"
            assert (box * 72).tolist() == pytest.approx([50, 25, 58, 33])


def test_field_sizes_are_the_worlds() -> None:
    rng = random.Random(0)
    scenes = [sample_scene(rng, domain) for domain in (TRAIN, HELD_OUT) for _ in range(60)]
    labels = data.ProbeCollator(3)(scenes)["labels"].reshape(-1, len(data.FIELDS))
    assert (labels.max(0).values + 1).tolist() == list(data.FIELDS.values())


def test_encoder_stream_is_deterministic() -> None:
    stream = data.Scenes("encoder", 0, 5)
    assert len(stream) == 5
    assert stream[4] == data.Scenes("encoder", 0, 9)[4]
    assert stream[4] not in (stream[3], data.Scenes("encoder", 1, 5)[4])
    assert not stream[0].reserved
    assert data.Scenes("held out", 0, 5, HELD_OUT)[0].reserved


def test_recall_rows_do_not_depend_on_the_order_of_the_vocabulary(encode: Encoder) -> None:
    """`get_vocab` lists words in another order in every process; a resumed run needs the same."""
    turned = Encoder(dict(reversed(encode.ids.items())))
    assert data.recall_row("recall", 0, 0, turned) == data.recall_row("recall", 0, 0, encode)
