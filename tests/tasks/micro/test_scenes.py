"""What may be in a scene, and what training and evaluation keep apart."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.micro import draw, lessons, scene
from tasks.micro.scene import HELD_OUT, STAR, TRAIN, Domain, sample_scene

DOMAINS = {"train": TRAIN, "held_out": HELD_OUT, "star": STAR}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(DOMAINS)))
def test_a_scene_keeps_to_its_domain(seed: int, name: str) -> None:
    domain = DOMAINS[name]
    made = sample_scene(random.Random(seed), domain)
    low, high = domain.count
    assert low <= len(made.things) <= high
    assert len({t.shape for t in made.things}) == len(made.things)
    cells = [t.cell for t in made.things]
    assert cells == sorted(set(cells))
    assert made.background in domain.backgrounds
    assert made.sheets == domain.sheets
    assert made.reserved == domain.reserved
    pairs = [scene.held_out_pair(t.shape, t.color) for t in made.things]
    assert any(pairs) == domain.held_out_pairs
    for t in made.things:
        assert made.find(t.shape) is t
        assert made.at(t.cell) is t
        assert t.sheet < scene.SHEETS_PER_DIGIT[domain.sheets]
    assert sample_scene(random.Random(seed), domain) == made


def test_what_is_asked_for_is_kept() -> None:
    rng = random.Random(0)
    assert len(sample_scene(rng, TRAIN, count=4).things) == 4
    assert sample_scene(rng, HELD_OUT, quality="dim").quality == "dim"
    shapes = ("moon", "star", "bar")
    assert {t.shape for t in sample_scene(rng, TRAIN, shapes=shapes).things} == set(shapes)


def test_twelve_combinations_are_held_out_one_a_shape() -> None:
    pairs = [(s, c) for s in scene.SHAPES for c in scene.COLORS if scene.held_out_pair(s, c)]
    assert len(pairs) == 12
    assert {s for s, _ in pairs} == set(scene.SHAPES)
    assert {c for _, c in pairs} == set(scene.COLORS)


def test_one_scene_in_sixteen_is_reserved_whatever_its_order_and_drawing() -> None:
    rng = random.Random(1)
    anything = Domain("train", False, scene.BACKGROUNDS, False, (3, 6))
    proposed = [scene._propose(rng, anything, None, None, None) for _ in range(8000)]
    share = np.mean([s.reserved for s in proposed])
    assert share == pytest.approx(1 / 16, abs=4 * (15 / 16**2 / 8000) ** 0.5)
    for s in proposed[:50]:
        things = tuple(replace(t, sheet=0, shift=(0, 0)) for t in reversed(s.things))
        redrawn = replace(s, things=things, phase=0, tint="white", sheets="star")
        assert redrawn.reserved == s.reserved


def test_the_domains_handwriting_is_disjoint_and_real() -> None:
    from sklearn.datasets import load_digits

    data = load_digits()
    label = {}
    for image, digit in zip(data.images, data.target, strict=True):
        label.setdefault((image / 16).astype(np.float32).tobytes(), set()).add(int(digit))
    sheets = draw._handwriting()
    seen: dict[bytes, str] = {}
    for domain in DOMAINS:
        for digit in range(10):
            samples = sheets[domain][digit]
            assert samples.shape == (scene.SHEETS_PER_DIGIT[domain], 8, 8)
            for sample in samples:
                assert label[sample.tobytes()] == {digit}
                assert seen.setdefault(sample.tobytes(), domain) == domain
    assert Counter(seen.values()).keys() == DOMAINS.keys()


@pytest.mark.parametrize("kind", ["similarity", "difference"])
@pytest.mark.parametrize("domain", [TRAIN, HELD_OUT], ids=["train", "held_out"])
def test_compared_pictures_keep_to_their_domain(kind: str, domain: Domain) -> None:
    rng = random.Random(2)
    for _ in range(100):
        scenes, question = lessons.several(rng, kind, domain)
        assert question.kind == kind
        for s in scenes:
            assert s.reserved == domain.reserved
            assert s.sheets == domain.sheets
            assert s.background in domain.backgrounds
            assert not any(scene.held_out_pair(t.shape, t.color) for t in s.things)
