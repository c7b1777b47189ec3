"""Messages of a chat as servers and engines take them, images as addresses that hold them.

In: a Message and the bytes of its images. Out: a dict of OpenAI's chat completions.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from math import prod
from typing import Any

from suite.base.images import Unreadable
from suite.requests import ImageLoader, Message, Request
from tasks import pictures


class Unsendable(Exception):
    """A message cannot be sent; the text says why, without a capital and a full stop."""


def turn(message: Message, images: ImageLoader, request: Request) -> dict[str, Any]:
    """Gives a message in the protocol's words; Unsendable for an image that cannot be read."""
    if not message.images:
        return {"role": message.role, "content": message.text}
    try:
        urls = data_urls([images(name) for name in message.images])
    except (Unreadable, pictures.NoPicture, KeyError) as error:
        reason = "no item has one of its images" if isinstance(error, KeyError) else error
        where = f"{request.task}, item {request.item_id}"
        raise Unsendable(f"the images of {where} cannot be sent: {reason}") from None
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": u}} for u in urls]
    return {"role": message.role, "content": [*parts, {"type": "text", "text": message.text}]}


def data_urls(images: Sequence[bytes]) -> list[str]:
    """Gives images as addresses that hold them, with the pixels that a viewer shows, whatever the
    server's decoder makes of EXIF, alpha and 16 bits. NoPicture for none, or too many pixels."""
    count = sum(prod(pictures.opened(data, load=False).size) for data in images)
    if count > (most := pictures.max_pixels()):
        raise pictures.NoPicture(
            f"its {len(images)} images have {count:,} pixels, {pictures.too_many(most)}"
        )
    return [_data_url(data) for data in images]


def _data_url(data: bytes) -> str:
    picture, seen = pictures.opened(data), pictures.shown(data)
    kind = str(picture.format).lower()
    kept = kind in ("png", "jpeg") and picture.mode in ("L", "RGB")
    if not kept or picture.convert("RGB").tobytes() != seen.tobytes():
        buffer = io.BytesIO()
        seen.save(buffer, "PNG")
        data, kind = buffer.getvalue(), "png"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
