"""How much of a GPU the local engine uses: tokens per second, share of the floor, memory, micro.

Run: python -m tests.benchmarks.gpu [--baseline CHECKOUT] [--tiny] [--out FILE]
Out: results/benchmarks/gpu.csv, a row per loop and shape with the card's name; under 5 minutes.
Models have random weights of true sizes made on the card. The floor of a step is the time to read
weights and key/value cache once at the bandwidth that copying reaches on the same card. Each
measurement is a process of its own, so that none profits from another's plans. CHECKOUT is a folder
with the suite of another commit, such as `git archive 96cb927 suite tasks | tar x -C FOLDER` gives;
its loop then runs in the same command. `--tiny` rehearses on a CPU and writes nothing by itself.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "results/benchmarks/gpu.csv"
SHAPES: dict[str, dict[str, Any]] = {
    "0.6B": {
        "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28,
        "num_attention_heads": 16, "tie_word_embeddings": True,
    },
    "8B": {
        "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
        "num_attention_heads": 32, "tie_word_embeddings": False,
    },
    "tiny": {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 500,
        "tie_word_embeddings": True,
    },
}  # fmt: skip
"""Qwen3's."""
ROWS, PROMPT, THINKING, ANSWER = 64, 226, 384, 64
AIMS = {"times the baseline": 8.0, "share of the floor at 8B": 0.5, "seconds of micro": 60.0}
COLUMNS = (
    "card", "torch", "transformers", "commit", "model", "loop", "decoding", "rows", "prompt",
    "steps", "seconds", "ms_a_step", "tokens_per_second", "floor_ms", "share_of_floor",
    "first_call_more_seconds", "steps_recorded", "peak_gib", "memory_gib", "note",
)  # fmt: skip


def module(name: str) -> Any:
    """A module of decoding, in the room where this commit has it."""
    for room in ("suite.models.transformers", "suite.decoding"):
        try:
            return importlib.import_module(f"{room}.{name}")
        except ModuleNotFoundError:
            continue
    raise SystemExit(f"This checkout has no module {name} that decodes.")


def model_of(shape: str, device: str) -> Any:
    """A Qwen3 of random weights, made on the device."""
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    sizes = {"num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936} | SHAPES[shape]
    config = Qwen3Config(max_position_embeddings=40_960, **sizes)
    config.dtype = torch.bfloat16 if device == "cuda" else torch.float32
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(config.dtype)
    try:
        with torch.device(device):
            model = Qwen3ForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model.generation_config = GenerationConfig(eos_token_id=[1], pad_token_id=0)
    return model.eval()


def rules_of(
    decoding: str, rows: int, lengths: tuple[int, int], vocabulary: int, device: str
) -> Any:
    """Rules that let every row think and answer to the last token; random weights end no row."""
    thinking, loop = module("thinking"), module("loop")
    think, answer = lengths
    thinks = "thinking" in decoding
    marks = thinking.Markers("<think>", "</think>", (2,), (3,))
    flags = [thinks] * rows
    budget = thinking.ThinkingBudget(marks, flags, flags, [think] * rows, device)
    total = think + 1 + answer if thinks else answer
    limit = thinking.AnswerLimit(budget, [answer] * rows, [total] * rows)
    processors = []
    if "NoWait" in decoding:
        banned = range(10, min(vocabulary, 400))
        processors.append(module("nowait").NoWait(banned, [True] * rows, device))
    if "sampled" in decoding:
        given = ([0.6] * rows, [20] * rows, [0.95] * rows, list(range(rows)))
        if "top-k" not in decoding:
            given = (given[0], [0] * rows, *given[2:])
        processors.append(module("sampling").SeededSampler(*given, device))
    return loop.Rules([1], limit, total, processors)


def batch_of(rows: int, prompt: int, vocabulary: int, device: str) -> dict[str, torch.Tensor]:
    """Left-padded random prompts, the shortest of three quarters."""
    ids = torch.randint(5, vocabulary, (rows, prompt), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    for row in range(1, rows):
        mask[row, : row % max(1, prompt // 4)] = 0
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def wait(device: str) -> float:
    """The time when the device has done all."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def bandwidth(device: str) -> float:
    """Bytes a second, read and written, of the best of ten copies."""
    count = 1 << (31 if device == "cuda" else 25)
    source = torch.ones(count, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    times = []
    for _ in range(11):
        before = wait(device)
        target.copy_(source)
        times.append(wait(device) - before)
    return 2 * count / min(times[1:])


def floor_of(model: Any, rows: int, prompt: int, steps: int, speed: float) -> float:
    """Seconds a step at least: weights, and the cache at its mean length, read once."""
    config = model.config
    read = sum(p.numel() * p.element_size() for p in model.parameters())
    if not config.tie_word_embeddings:  # of the input table a step reads a row per row
        table = model.get_input_embeddings().weight
        read -= table.numel() * table.element_size()
    token = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    token *= next(model.parameters()).element_size()
    return (read + rows * (prompt + steps / 2) * token) / speed


def timed(job: dict[str, Any]) -> dict[str, Any]:
    """One loop at one shape: its first call, and for recorded steps a second one."""
    device, shape, decoding = job["device"], job["model"], job["decoding"]
    model = model_of(shape, device)
    fixed: tuple[Any, ...] = ()
    if job["loop"] != "baseline":
        importlib.import_module("suite.models.transformers.loading").for_cuda(model)
    if job["loop"] == "recorded":
        steps_of = module("fixed").FixedSteps
        fixed = (steps_of(model, record=device == "cuda"),)
    speed = bandwidth(device)
    size = model.config.vocab_size
    seconds = []
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for _ in range(2 if fixed else 1):
        batch = batch_of(job["rows"], job["prompt"], size, device)
        rules = rules_of(decoding, job["rows"], job["lengths"], size, device)
        before = wait(device)
        rows = module("loop").decode(model, batch, rules, 0, *fixed)
        seconds.append(wait(device) - before)
    steps, tokens = max(len(r.ids) for r in rows), sum(len(r.ids) for r in rows)
    least = floor_of(model, job["rows"], job["prompt"], steps, speed)
    found = {
        "steps": steps, "seconds": seconds[-1], "ms_a_step": 1e3 * seconds[-1] / steps,
        "tokens_per_second": tokens / seconds[-1], "floor_ms": 1e3 * least,
        "share_of_floor": least * steps / seconds[-1],
        "note": f"copies at {speed / 1e12:.2f} TB/s",
    }  # fmt: skip
    if fixed:
        found["first_call_more_seconds"] = seconds[0] - seconds[1]
        found["steps_recorded"] = fixed[0].recorded
        if fixed[0].reason is not None:
            found["note"] += f"; not recorded: {fixed[0].reason}"
    if job.get("profile"):
        with torch.profiler.profile() as profile:
            few = rules_of(decoding, job["rows"], (8, 8), size, device)
            module("loop").decode(model, batch, few, 0, *fixed)
        by = "cuda_time_total" if device == "cuda" else "cpu_time_total"
        print(profile.key_averages().table(sort_by=by, row_limit=25), file=sys.stderr)
    return found | memory(device)


def memory(device: str) -> dict[str, Any]:
    """Peak of what was allocated, and what the card has, in GiB."""
    if device != "cuda":
        return {}
    has = torch.cuda.get_device_properties(0).total_memory
    return {"peak_gib": torch.cuda.max_memory_allocated() / 2**30, "memory_gib": has / 2**30}


def chosen(job: dict[str, Any]) -> dict[str, Any]:
    """The batch that the suite chooses by itself, with the longest rows that its choice counts on:
    half of them prompt, half still to be written, for which memory is reserved."""
    from suite.models.transformers.generator import fitting_rows
    from suite.models.transformers.loading import Loaded, for_cuda

    device = job["device"]
    model = model_of(job["model"], device)
    for_cuda(model)
    params = sum(p.numel() for p in model.parameters())
    loaded = Loaded(model, None, None, torch.device(device), 40_960, (1,), params)
    rows = fitting_rows(loaded)
    fixed = module("fixed").FixedSteps(model, record=device == "cuda")
    size, half = model.config.vocab_size, job["prompt"]
    rules = rules_of("sampled, NoWait", rows, (0, 16), size, device)
    rules.total = half
    before = wait(device)
    found = module("loop").decode(model, batch_of(rows, half, size, device), rules, 0, fixed)
    seconds = wait(device) - before
    steps = max(len(row.ids) for row in found)
    return {"rows": rows, "steps": steps, "seconds": seconds} | memory(device)


def micro(job: dict[str, Any]) -> dict[str, Any]:
    """The whole micro study on the card, from a fresh directory."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "suite", "run", "micro", "--device", job["device"],
                   "--out", folder, *job["more"]]  # fmt: skip
        before = time.perf_counter()
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
            lines, code = done.stderr.strip().splitlines(), str(done.returncode)
        except subprocess.TimeoutExpired as error:
            lines, code = str(error.stderr or b"", "utf-8").strip().splitlines(), "after 150 s"
        seconds = time.perf_counter() - before
    stages = [re.search(r"done in (?:(\d+) min )?([\d.]+) s", line) for line in lines]
    asking = sum(60 * int(s[1] or 0) + float(s[2]) for s in stages if s is not None)
    note = f"{asking:.1f} s of it asking models"
    if code != "0":
        note = f"ended with {code}, {note}: {lines[-1] if lines else 'it said nothing'}"
    return {"seconds": seconds, "note": note}


def jobs_of(tiny: bool, device: str, baseline: bool, profile: bool) -> list[dict[str, Any]]:
    """What is measured, in order."""
    full = "sampled, top-p, NoWait, thinking"
    common = {"device": device, "rows": ROWS, "prompt": PROMPT, "lengths": (THINKING, ANSWER)}
    small, large = ("tiny", "tiny") if tiny else ("0.6B", "8B")
    if tiny:
        common |= {"rows": 5, "prompt": 20, "lengths": (24, 8)}
    wanted = [("baseline", small, full)] * baseline + [
        ("growing", small, full),
        ("recorded", small, full),
        ("recorded", large, full),
        ("recorded", large, "greedy, thinking"),
    ]
    jobs = [
        {"do": "timed", "loop": loop, "model": model, "decoding": decoding, "profile": profile}
        | common
        for loop, model, decoding in wanted
    ]
    jobs += [
        {"do": "chosen", "loop": "recorded", "model": model, "decoding": "batch that was chosen"}
        | common
        | {"prompt": 40 if tiny else 2048}
        for model in dict.fromkeys((small, large))
    ]
    more = ["--limit", "1", "--only", "text_only/*"] if tiny else []
    study = {"do": "micro", "loop": "recorded", "model": "micro", "decoding": "run micro"}
    return [*jobs, study | {"device": device, "more": more}]


def child(job: dict[str, Any], checkout: Path) -> dict[str, Any]:
    """What a job found, in a process of its own; its error as a note."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--job", json.dumps(job)],
        capture_output=True, text=True, cwd=checkout, env=environment, check=False,
    )  # fmt: skip
    if job.get("profile"):
        print(done.stderr, file=sys.stderr)
    if done.returncode != 0:
        return {"note": f"failed: {(done.stderr.strip().splitlines() or ['no word'])[-1]}"}
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def commit_of(checkout: Path) -> str:
    """The commit of a checkout; its folder's name where it is no repository."""
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    inside = (checkout / ".git").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=False) if inside else None
    return done.stdout.strip() if done and done.returncode == 0 else checkout.name


def verdicts(rows: list[dict[str, Any]]) -> list[str]:
    """A line per aim: reached, not reached, or not measured."""

    def value(column: str, **of: str) -> float | None:
        for row in rows:
            if all(row[k] == v for k, v in of.items()) and isinstance(row.get(column), float):
                return float(row[column])
        return None

    old = value("tokens_per_second", loop="baseline", model="0.6B")
    new = value("tokens_per_second", loop="recorded", model="0.6B")
    ended = [r for r in rows if r["model"] == "micro" and not r["note"].startswith("ended")]
    found = {
        "times the baseline": new / old if new and old else None,
        "share of the floor at 8B": value("share_of_floor", loop="recorded", model="8B"),
        "seconds of micro": ended[0].get("seconds") if ended else None,
    }
    lines = []
    for name, aim in AIMS.items():
        got = found[name]
        good = got is not None and (got <= aim if "seconds" in name else got >= aim)
        said = "not measured" if got is None else f"{got:.2f}, {'' if good else 'not '}reached"
        lines.append(f"{name}: {said} (aim {aim:g})")
    return lines


def main() -> None:
    """Measures everything, writes the table, says which aims are reached."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--baseline", type=Path, help="checkout of another commit")
    parser.add_argument("--tiny", action="store_true", help="tiny sizes, on a CPU too")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    parser.add_argument("--out", type=Path, help=f"table to write ({OUT.relative_to(ROOT)})")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        job = json.loads(given.job)
        print(json.dumps({"timed": timed, "chosen": chosen, "micro": micro}[job["do"]](job)))
        return
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not given.tiny:
        raise SystemExit("No CUDA device is here; --tiny rehearses on a CPU.")
    import transformers

    about = {
        "card": torch.cuda.get_device_name() if device == "cuda" else "CPU",
        "torch": torch.__version__, "transformers": transformers.__version__,
    }  # fmt: skip
    rows: list[dict[str, Any]] = []
    for job in jobs_of(given.tiny, device, given.baseline is not None, given.profile):
        checkout = given.baseline.resolve() if job["loop"] == "baseline" else ROOT
        row = about | {"commit": commit_of(checkout), "note": ""}
        row |= {name: job[name] for name in ("model", "loop", "decoding", "rows", "prompt")
                if name in job} | child(job, checkout)  # fmt: skip
        rows.append(row)
        shown = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}
        words = [f"{name} {shown[name]}" for name in COLUMNS[4:] if shown.get(name, "") != ""]
        print(", ".join(words), file=sys.stderr, flush=True)
    out = given.out or (None if given.tiny else OUT)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(
                {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in r.items()} for r in rows
            )
    print("\n".join(verdicts(rows)))


if __name__ == "__main__":
    main()
