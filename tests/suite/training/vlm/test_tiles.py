"""Tiles and tokens of an image, against transformers' processor and model."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from transformers import (
    LlavaOnevisionImageProcessorPil,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
)
from transformers.models.llava_onevision.modeling_llava_onevision import image_size_to_num_patches

from suite.training.vlm.tiles import Scheme
from tests.suite.training.vlm.toys import tokenizer

SCHEMES = (Scheme(384, 27), Scheme(28, 2, 3, 4), Scheme(336, 24, 2, 4))
SIDES = (1, 7, 28, 100, 336, 383, 384, 640, 1000, 1152, 3000)


def processor(scheme: Scheme) -> Any:
    """The library's, with the scheme's settings."""
    make: Any = LlavaOnevisionProcessor
    return make(
        image_processor=LlavaOnevisionImageProcessorPil(
            size={"height": scheme.side, "width": scheme.side},
            image_grid_pinpoints=scheme.pinpoints,
        ),
        video_processor=LlavaOnevisionVideoProcessor(),
        tokenizer=tokenizer(),
        num_image_tokens=scheme.base,
        vision_feature_select_strategy="full",
        vision_aspect_ratio=f"anyres_max_{scheme.most}",
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tokens_and_tiles_are_the_librarys(scheme: Scheme) -> None:
    theirs = processor(scheme)
    for width, height in product(SIDES, SIDES):
        if max(width, height) > 100 * min(width, height):
            continue  # so thin that the library itself divides by zero
        known = theirs._get_number_of_features(height, width, scheme.side, scheme.side)
        crops = image_size_to_num_patches((height, width), scheme.pinpoints, scheme.side)
        size = [(width, height)]
        assert (scheme.of(size, True), scheme.crops(size, True)) == ([known], crops), size
        assert known <= scheme.at_most(1, True)


def test_by_hand() -> None:
    scheme = Scheme(384, 27)
    # 640 x 480 fits into 2 x 2 tiles (768 x 768) at a scale of 1.2: 768 x 576 of it are filled.
    # 54 x 54 tokens, of whose rows int(480 x 54 / 640) = 40 hold the image: 7 above and 7 below.
    assert scheme.grid(640, 480) == (2, 2)
    assert scheme.tokens(640, 480) == 729 + 54 * 40 + 40 == 2929
    # 2304 x 2304: 6 x 6 tiles, 162 x 162 tokens are 4 times those of 9 tiles: ratio 2, 81 x 81.
    assert scheme.tokens(2304, 2304) == 729 + 81 * 81 + 81
    assert scheme.of([(9, 9), (500, 20)], True) == [730, 730]
    assert scheme.of([(500, 20)], False) == [729]
    assert scheme.at_most(3, True) == 2190
    assert scheme.pinpoints[:2] == [[384, 384], [384, 768]]
    assert len(scheme.pinpoints) == 36
