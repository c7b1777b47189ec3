"""Whether a truncated image can be read does not depend on what was imported before."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageFile

from suite.base.images import encoded, whole_images_only
from suite.errors import DataError
from suite.models.transformers.chat import BadRequest, _open


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
        _open(lambda name: truncated(), "cut")
    with pytest.raises(DataError, match="cannot be read: "):
        encoded(truncated("TIFF"))
    assert lenient == ImageFile.LOAD_TRUNCATED_IMAGES, "the setting is given back"


def test_without_the_guard_pillow_fills_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    Image.open(io.BytesIO(truncated())).load()
    with whole_images_only(), pytest.raises(OSError):
        Image.open(io.BytesIO(truncated())).load()
