"""Whether a truncated image can be read does not depend on what was imported before."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from suite.base.images import Unreadable, encoded
from suite.errors import DataError
from suite.models.transformers.chat import BadRequest, _open
from tasks.pictures import shown


def truncated(kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(buffer, kind)
    return buffer.getvalue()[:-400]


@pytest.mark.parametrize("lenient", [True, False])
def test_a_truncated_image_is_unreadable(monkeypatch: pytest.MonkeyPatch, lenient: bool) -> None:
    """lmms-eval sets the flag when it is imported; a study whose items come from the cache never
    imports it."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    with pytest.raises(BadRequest, match=r"^Image cut cannot be read: "):
        _open(lambda name: truncated(), "cut", shown)
    with pytest.raises(DataError, match="cannot be read: "):
        encoded(truncated("TIFF"))
    assert lenient == ImageFile.LOAD_TRUNCATED_IMAGES, "the setting is given back"


def test_without_the_guard_pillow_fills_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    Image.open(io.BytesIO(truncated())).load()


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (9, 9, 3), np.uint8))
RED = Image.new("RGB", (4, 4), "red")


@pytest.mark.parametrize(
    ("kind", "mode"),
    [*(("PNG", mode) for mode in ("RGB", "L", "1", "P", "RGBA", "LA")),
     *(("JPEG", mode) for mode in ("RGB", "L", "CMYK"))],
)  # fmt: skip
def test_bytes_of_opaque_images_are_kept(kind: str, mode: str) -> None:
    """The hash of an image is part of the key of every answer to it."""
    data = saved(NOISE.convert(mode), kind)
    assert encoded(data) == data


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "1"])
def test_opaque_images_of_other_formats_are_encoded_as_ever(mode: str) -> None:
    image = NOISE.convert(mode)
    assert encoded(saved(image, "TIFF")) == saved(image) == encoded(image)


def test_what_is_transparent_or_deep_is_encoded_as_it_is_shown() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    white = Image.new("RGB", (4, 4), "white")
    assert encoded(saved(clear)) == encoded(saved(clear, "WEBP", lossless=True)) == saved(white)
    assert encoded(clear) == saved(white)
    assert encoded(saved(RED, transparency=(255, 0, 0))) == saved(white)
    assert encoded(saved(RED, transparency=(0, 255, 0))) == saved(RED, transparency=(0, 255, 0))
    deep = Image.new("I;16", (4, 4), 257 * 3)
    assert encoded(saved(deep)) == encoded(saved(deep, "TIFF")) == saved(Image.new("L", (4, 4), 3))


def test_an_image_of_too_many_pixels_is_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOWNSCALE_MAX_PIXELS", "80")
    for data in (saved(NOISE), saved(NOISE, "TIFF")):
        with pytest.raises(Unreadable, match=r"^its 9 x 9 pixels are more than the 80 that") as no:
            encoded(data)
        assert no.value.data == data
