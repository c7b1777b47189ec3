"""Whether a model says through a server what it says here, and how long both take.

Run: python -m tests.benchmarks.servers [transformers|vllm|llamacpp ...]
Out: results/endpoint/servers.csv, a row per server and kind of request: its version, requests, how
many texts were equal and failed, seconds of both. A server is started on this machine, from an
environment that has it: this one, or those whose Python stands in SERVER_PYTHONS (`:` between).
llama.cpp's is `llama-server` on PATH, with a GGUF file in SERVER_GGUF. Processor time is shared, so
the seconds compare within a row.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from suite.base.files import PACKAGE
from suite.items.load import load_items
from suite.models.backends import build_generator
from suite.models.spec import ModelSpec
from suite.planning.prompts import load_prompts
from suite.requests import Decoding, Generation, ImageLoader, Request

OUT = Path("results/endpoint/servers.csv")
MICRO = PACKAGE / "families" / "micro"
PATIENCE = 600.0
"""Seconds for a server to start."""
DIRECT = Decoding(max_new_tokens=24)
THINK = Decoding(max_new_tokens=24, thinking=True, thinking_budget=160)
SHORT = Decoding(max_new_tokens=24, thinking=True, thinking_budget=6)
"""Cuts the thinking of most."""


@dataclass(frozen=True)
class Command:
    """How a server is started."""

    words: tuple[str, ...]
    """`{model}` and `{port}` are put in."""
    needs: tuple[str, ...] = ()
    """Modules of its Python."""
    thinks: bool = True
    """Whether the model that it is given can think."""


SERVERS = {
    "transformers": Command(
        (
            *("-m", "transformers.cli.transformers", "serve", "{model}", "--port", "{port}"),
            *("--device", "cpu", "--dtype", "float32"),
        ),
        ("transformers", "accelerate", "fastapi", "uvicorn"),
    ),
    "vllm": Command(
        (
            *("-m", "vllm.entrypoints.openai.api_server", "--model", "{model}", "--port", "{port}"),
            *("--dtype", "float32", "--enforce-eager", "--max-model-len", "512"),
            *("--gpu-memory-utilization", "0.1", "--reasoning-parser", "qwen3"),
            "--reasoning-config",
            '{{"reasoning_start_str": "<think>", "reasoning_end_str": "</think>"}}',
        ),
        ("vllm",),
    ),
    "llamacpp": Command(
        ("llama-server", "-m", "{model}", "--port", "{port}", "--jinja"), thinks=False
    ),
}


@cache
def found(kind: str) -> tuple[str, ...]:
    """The words that start a server; empty where it is not installed."""
    server = SERVERS[kind]
    if not server.needs:
        there = shutil.which(server.words[0]) and os.environ.get("SERVER_GGUF")
        return server.words if there else ()
    code = f"import importlib.util as i; assert all(map(i.find_spec, {server.needs}))"
    given = os.environ.get("SERVER_PYTHONS", "").split(os.pathsep)
    for python in (sys.executable, *filter(None, given)):
        if subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0:
            return (python, *server.words)
    return ()


def model_of(kind: str) -> Path:
    """What a server is given: a folder, or a GGUF file."""
    return Path(os.environ["SERVER_GGUF"]) if kind == "llamacpp" else MICRO / "text-s"


def version(kind: str) -> str:
    """The version of the package, or what the program says."""
    first = found(kind)[0]
    name = SERVERS[kind].needs[0] if SERVERS[kind].needs else ""
    code = "from importlib.metadata import version as v, packages_distributions as p; "
    code += f"print(v(p()[{name!r}][0]))"
    ask = [first, "-c", code] if name else [first, "--version"]
    done = subprocess.run(ask, capture_output=True, text=True, check=True)
    return (done.stdout or done.stderr).strip().splitlines()[0]


@contextmanager
def running(kind: str, model: Path, log: Path) -> Iterator[str]:
    """The address of a server that has started with a model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [word.format(model=model, port=port) for word in found(kind)]
    url = f"http://127.0.0.1:{port}/v1"
    with log.open("wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file, env={**os.environ, **OFFLINE})
    try:
        end = time.monotonic() + PATIENCE
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{kind} has not started: {log.read_text()[-500:]}")
            time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(60)


OFFLINE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def _answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{url}/models", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def questions(count: int, decoding: Decoding) -> tuple[list[Request], ImageLoader]:
    """Questions of a drawn task that are answered from the gold description."""
    items = load_items("micro_star", limit=None)
    prompts = load_prompts("micro")
    requests = [
        Request(
            item.task, item.item_id, prompts.render("reason", item, item.gold_description), decoding
        )
        for item in items.items[:count]
    ]
    return requests, items.image_bytes.__getitem__


def answers(
    spec: ModelSpec, requests: Sequence[Request], images: ImageLoader
) -> tuple[list[Generation], float]:
    """What a backend says, and the seconds that it takes; the first request is no part of them."""
    made: Any = build_generator(spec, "text", device="cpu", dtype="float32")
    try:
        list(made.generate(requests[:1], images))
        started = time.perf_counter()
        return list(made.generate(requests, images)), time.perf_counter() - started
    finally:
        made.close()


def compare(kind: str, url: str, model: Path, decoding: Decoding, count: int) -> dict[str, Any]:
    """Asks the server and the local backend the same."""
    requests, images = questions(count, decoding)
    local = ModelSpec(path=model)
    if model.suffix == ".gguf":
        local = ModelSpec(path=model.parent, gguf_file=model.name)
    far = ModelSpec(model=str(model), url=url, generator="endpoint", concurrency=4)
    theirs, seconds = answers(far, requests, images)
    ours, own_seconds = answers(local, requests, images)
    failed = [one.error for one in theirs if one.error is not None]
    same = sum(
        (a.text, a.thinking) == (b.text, b.thinking) and a.error is None
        for a, b in zip(theirs, ours, strict=True)
    )
    return {
        "requests": len(requests),
        "equal": same,
        "failed": len(failed),
        "generated_tokens": sum(one.generated_tokens for one in theirs),
        "own_tokens": sum(one.generated_tokens for one in ours),
        "seconds": round(seconds, 2),
        "own_seconds": round(own_seconds, 2),
        "reason": failed[0] if failed else "",
    }


def write(rows: Sequence[dict[str, Any]], out: Path, key: str) -> None:
    """Writes a table with these rows in place of those of the same `key`; its others stay."""
    before = pd.read_csv(out) if out.is_file() else pd.DataFrame(columns=[key])
    names = {row[key] for row in rows}
    kept = before[~before[key].isin(names)].to_dict("records")
    out.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([*kept, *rows]).to_csv(out, index=False)


def main(kinds: Sequence[str]) -> None:
    """Runs the servers that are installed."""
    rows = []
    for kind in kinds or SERVERS:
        if not found(kind):
            print(f"{kind} is not installed.")
            continue
        model = model_of(kind)
        ways = {"direct": DIRECT}
        if SERVERS[kind].thinks:
            ways |= {"thinking": THINK, "thinking cut": SHORT}
        with running(kind, model, Path(f"/tmp/{kind}.log")) as url:
            for way, decoding in ways.items():
                about = {"server": kind, "version": version(kind), "model": model.name, "way": way}
                rows.append(about | compare(kind, url, model, decoding, 200))
                print(rows[-1])
    write(rows, OUT, "server")


if __name__ == "__main__":
    main(sys.argv[1:])
