"""Whether a model says in vLLM what it says in transformers here, and how long both take.

Run: python -m tests.benchmarks.vllm [text|vision ...], with vLLM in this Python or in the one that
DOWNSCALE_VLLM_PYTHON names. Out: results/vllm/engine.csv, a row per model and kind of request:
requests, how many texts were equal and failed, tokens, seconds and requests per second of both, the
first text that differs. Both have the same cores; loading is apart.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from suite.items.load import load_items
from suite.models.backends import build_generator
from suite.models.spec import ModelSpec, Role
from suite.planning.prompts import load_prompts
from suite.requests import Decoding, Generation, ImageLoader, Request
from tests.benchmarks.servers import DIRECT, MICRO, THINK, write

OUT = Path("results/vllm/engine.csv")
CUT = replace(THINK, thinking_budget=2)
"""Cuts the thinking of most."""
WAYS: dict[str, tuple[Role, str, dict[str, tuple[str, Decoding]]]] = {
    "text": (
        "text",
        "text-l",
        {
            "direct": ("reason", DIRECT),
            "thinking": ("reason", THINK),
            "thinking cut": ("reason", CUT),
            "NoWait": ("reason", replace(THINK, nowait=("A", "B"))),
        },
    ),
    "vision": (
        "vlm",
        "vlm-l",
        {
            "question": ("answer", DIRECT),
            "description": ("perceive", Decoding(max_new_tokens=160)),
        },
    ),
}
"""Kind -> role, checkpoint, and name of a way to ask -> template and decoding."""


def asked(template: str, decoding: Decoding, count: int) -> tuple[list[Request], ImageLoader]:
    """Questions of a drawn task, every fifth item: of all its categories."""
    items = load_items("micro_star", limit=None)
    prompts = load_prompts("micro")
    upstream = {"answer": None, "perceive": "the colour of each object."}
    requests = [
        Request(
            item.task,
            item.item_id,
            prompts.render(template, item, upstream.get(template, item.gold_description)),
            decoding,
        )
        for item in items.items[:: max(1, len(items.items) // count)][:count]
    ]
    return requests, items.image_bytes.__getitem__


def timed(
    made: Any, requests: Sequence[Request], images: ImageLoader
) -> tuple[list[Generation], float]:
    """What a backend says, and the seconds that it takes."""
    started = time.perf_counter()
    return list(made.generate(requests, images)), time.perf_counter() - started


def compared(
    here: tuple[list[Generation], float], there: tuple[list[Generation], float]
) -> dict[str, Any]:
    """A row: the local backend's answers beside vLLM's."""
    (ours, own_seconds), (theirs, seconds) = here, there
    differ = [
        (a, b)
        for a, b in zip(ours, theirs, strict=True)
        if (a.text, a.thinking, a.finish_reason) != (b.text, b.thinking, b.finish_reason)
    ]
    first = [f"{a.thinking}|{a.text}|{a.finish_reason} != {b.thinking}|{b.text}|{b.finish_reason}"
             for a, b in differ]  # fmt: skip
    return {
        "requests": len(ours),
        "equal": len(ours) - len(differ),
        "failed": sum(one.error is not None for one in theirs),
        "prompts_equal": sum(
            a.prompt_tokens == b.prompt_tokens for a, b in zip(ours, theirs, strict=True)
        ),
        "tokens": sum(one.generated_tokens for one in theirs),
        "own_tokens": sum(one.generated_tokens for one in ours),
        "seconds": round(seconds, 2),
        "own_seconds": round(own_seconds, 2),
        "per_second": round(len(ours) / seconds, 1),
        "own_per_second": round(len(ours) / own_seconds, 1),
        "first_difference": next(iter([*(b.error for _, b in differ if b.error), *first]), ""),
    }


def rows(kind: str, count: int, engine: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The rows of a kind: each way asked of both, one model in memory at a time."""
    role, name, ways = WAYS[kind]
    spec = ModelSpec(path=MICRO / name, engine=json.dumps(dict(engine or {})))
    answers: dict[str, list[tuple[list[Generation], float]]] = {way: [] for way in ways}
    for generator in ("transformers", "vllm"):
        started = time.perf_counter()
        made: Any = build_generator(
            replace(spec, generator=generator), role, device="cpu", dtype="float32"
        )
        print(f"{generator} has loaded {name} after {time.perf_counter() - started:.0f} s")
        try:
            first, images = asked(*next(iter(ways.values())), 1)
            list(made.generate(first, images))
            for way, (template, decoding) in ways.items():
                answers[way].append(timed(made, *asked(template, decoding, count)))
                print(f"{generator} {name} {way}: {answers[way][-1][1]:.1f} s", flush=True)
            version = getattr(getattr(made, "_process", None), "about", {}).get("version")
        finally:
            made.close()
    about = {"vllm": version, "model": name}
    return [about | {"way": way} | compared(*both) for way, both in answers.items()]


def main(kinds: Sequence[str]) -> None:
    """Compares and writes the table."""
    found = [row for kind in kinds or WAYS for row in rows(kind, 500)]
    for row in found:
        print(row)
    write(found, OUT, "model")


if __name__ == "__main__":
    main(sys.argv[1:])
