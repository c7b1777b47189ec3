"""Tries a checkpoint before a study does: loads it, asks it in words and shows it a picture.

In: a checkpoint of a family. Out: what is found of it as JSON-able values, or the sentence that
says what stands in the way. A study asks much longer; what is told here it meets at its start.
"""

from __future__ import annotations

import time
from difflib import SequenceMatcher
from io import BytesIO
from typing import Any

from suite.errors import SuiteError
from suite.models.backends import build_generator
from suite.models.spec import ModelSpec, Role
from suite.requests import Decoding, Generator, Message, OutOfMemory, Request

FIELDS = (
    *("class", "params", "bytes", "context", "seconds", "text", "image"),
    *("thinking", "nowait", "problem"),
)
"""Of a checkpoint that was tried: its class; parameters, all of them; bytes of its weights in
memory; tokens that it reads at most; seconds to load; what it answered in words and to a picture;
what the thinking switch changes in a prompt; number of tokens that NoWait leaves out; and what went
wrong. None where the backend does not tell."""
WORDS = "Name the colour of the sky on a clear day. Answer with one word."
PICTURE = "What is the colour of this picture? Answer with one word."
ANSWER = Decoding(max_new_tokens=24)


def tried(spec: ModelSpec, role: Role, *, device: str = "auto") -> dict[str, Any]:
    """Loads a checkpoint and asks it; FIELDS. What stops it is its `problem`, no error."""
    found: dict[str, Any] = dict.fromkeys(FIELDS)
    started = time.monotonic()
    model: Generator | None = None
    try:
        model = build_generator(spec, role, device=device)
        found["seconds"] = round(time.monotonic() - started, 3)
        found |= _about(model)
        found["text"] = _asked(model, Message("user", WORDS))
        if role == "vlm":
            found["image"] = _asked(model, Message("user", PICTURE, ("red",)))
    except (SuiteError, OutOfMemory) as error:
        found["problem"] = str(error) or "It does not fit into the memory of this machine."
    finally:
        close = getattr(model, "close", None)
        if close is not None:
            close()
        del model, close
    return found


def _asked(model: Generator, message: Message) -> str:
    """What a model answers; SuiteError where that fails."""
    request = Request("check", message.text, (message,), ANSWER)
    (answer,) = model.generate([request], lambda _: _red())
    if answer.error is not None:
        raise SuiteError(answer.error)
    return answer.text


def _red() -> bytes:
    from PIL import Image

    buffer = BytesIO()
    Image.new("RGB", (224, 160), (200, 30, 30)).save(buffer, "PNG")
    return buffer.getvalue()


def _about(model: Generator) -> dict[str, Any]:
    """What a model on this machine tells of itself; nothing of one behind a server."""
    loaded = getattr(model, "loaded", None)
    if loaded is None:
        return {}
    from suite.models.nowait import nowait_ids
    from suite.models.transformers.chat import both_ways

    held = [*loaded.model.parameters(), *loaded.model.buffers()]
    return {
        "class": type(loaded.model).__name__,
        "params": loaded.params,
        "bytes": sum(part.numel() * part.element_size() for part in held),
        "context": loaded.context,
        "thinking": _switch(model, both_ways(loaded)),
        "nowait": len(nowait_ids(loaded.tokenizer)),
    }


def _switch(model: Any, asked: tuple[str, str] | None) -> str:
    """What the thinking switch changes in a prompt, in words."""
    if model.markers is None:
        return "no thinking that the suite knows"
    if model.always:
        return "always thinks"
    if asked is None or not model.switched:
        return "asks the same with thinking and without it"
    on, off = asked
    parts = SequenceMatcher(None, on, off, autojunk=False).get_opcodes()
    changes = [(on[a:b], off[c:d]) for kind, a, b, c, d in parts if kind != "equal"]
    return "; ".join(f"{with_!r} in place of {without!r}" for with_, without in changes)
