"""Messages -> the text and the tensors that a model reads.

In: requests and the bytes of their images. Out: the rendered chat prompt of each, decoded images,
and the batch of a tokenizer or processor, padded on the left.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, UnidentifiedImageError

from suite.errors import SuiteError
from suite.generators.loading import Loaded
from suite.image_bytes import Unreadable, whole_images_only
from suite.requests import ImageLoader, Message, Request


class BadRequest(Exception):
    """One request cannot be asked; the text says why. The others of its batch go on."""


@dataclass(frozen=True)
class Prompt:
    """One request as its model reads it."""

    request: Request
    text: str
    """After the chat template, with the model's image placeholders."""
    images: tuple[Image.Image, ...]


def prompt(loaded: Loaded, request: Request, images: ImageLoader) -> Prompt:
    """Renders one request. Raises BadRequest for an image that cannot be read."""
    names = [name for message in request.messages for name in message.images]
    try:
        pictures = tuple(_open(images, name) for name in names)
    except BadRequest as error:
        raise BadRequest(f"{request.task}, item {request.item_id}: {error}") from error
    if pictures and loaded.processor is None:
        raise BadRequest("The request shows images, and the model reads text alone.")
    conversation = [_turn(message, loaded.processor is not None) for message in request.messages]
    template = getattr(loaded.processor, "chat_template", None)
    if not isinstance(template, str):
        template = loaded.tokenizer.chat_template
    if not template:
        raise SuiteError(
            f"Model {loaded.model.name_or_path} has no chat template; add a chat_template.jinja to "
            "its folder."
        )
    text = loaded.tokenizer.apply_chat_template(
        conversation,
        chat_template=template,
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=request.decoding.thinking,
    )
    return Prompt(request, text, pictures)


def _turn(message: Message, sees: bool) -> dict[str, Any]:
    if not sees:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, str]] = [{"type": "image"} for _ in message.images]
    return {"role": message.role, "content": [*parts, {"type": "text", "text": message.text}]}


def _open(images: ImageLoader, name: str) -> Image.Image:
    try:
        with whole_images_only(), Image.open(io.BytesIO(images(name))) as picture:
            return picture.convert("RGB")
    except Unreadable as error:
        raise BadRequest(str(error)) from error
    except UnidentifiedImageError as error:  # its own text holds a memory address
        raise BadRequest(f"Image {name[:12]} cannot be read: it is in no known format.") from error
    except Exception as error:  # Pillow's decoders raise many kinds; each is this image's fault
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadRequest(f"Image {name[:12]} cannot be read: {reason.rstrip('.')}.") from error


def tensors(loaded: Loaded, prompts: Sequence[Prompt]) -> Any:
    """The batch on the model's device. All prompts of a batch show images, or none does."""
    settings = {
        "padding": True,
        "padding_side": "left",
        "add_special_tokens": False,  # the chat template has written them
        "return_tensors": "pt",
    }
    texts = [prompt.text for prompt in prompts]
    if any(prompt.images for prompt in prompts):
        batch = loaded.processor(
            text=texts, images=[list(prompt.images) for prompt in prompts], **settings
        )
        return batch.to(loaded.device, loaded.model.dtype)
    batch = loaded.tokenizer(texts, **settings)
    kept = {name: batch[name].to(loaded.device) for name in ("input_ids", "attention_mask")}
    return kept
