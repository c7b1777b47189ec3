"""What a store costs as it grows: opening, a refresh, memory and packing, beside an earlier commit.

Run: python -m tests.benchmarks.store COMMIT [PARTS [ROWS]]
Out: results/benchmarks/store.csv, a row per state of the store and quantity with the figure of this
commit, of COMMIT (in a checkout of its own; empty where it has no such state) and their ratio.
Seconds are of one processor, in processes that run by turns; `bytes a row` is what the process
grew by.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

OUT = Path("results/benchmarks/store.csv")
PARTS, ROWS = 4_000, 1_000_000
ROUNDS = 2

MAKE = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from suite.requests import Decoding, Generation, Message, Request
from suite.store import Answered, Store
shelf = Store(sys.argv[2], run="r").shelf({"weights": "abc"})
for part in range(int(sys.argv[3])):
    rows = []
    for n in range(16):
        key = hashlib.sha256(f"{part} {n}".encode()).hexdigest()
        asked = Request("ocr", str(n), (Message("user", "q"),), Decoding())
        text = f"The answer is {key[:9]}. " * 12
        rows.append(Answered(key, asked, Generation(text, "", "stop", 300, 90, 0.5)))
    shelf.commit(rows, stage="answer", model="m")
"""
PACK = """
import json, os, sys, time
sys.path.insert(0, sys.argv[1])
from suite.store import Store
shelf = Store(sys.argv[2], run="p").shelf({"weights": "abc"})
begun = time.process_time()
shelf.pack()
print(json.dumps({"packing (s)": time.process_time() - begun}))
"""
LARGE = """
import hashlib, sys
import pyarrow as pa
sys.path.insert(0, sys.argv[1])
from suite.base.files import Folder
from suite.base.json_values import canonical_json, json_hash
from suite.store import parts
folder, made = Folder(sys.argv[2]), 0
generator = canonical_json({"weights": "abc"})
while made < int(sys.argv[3]):
    n = min(100_000, int(sys.argv[3]) - made)
    keys = [hashlib.sha256(str(made + at).encode()).hexdigest() for at in range(n)]
    values = {"key": keys, "task": ["ocr"] * n, "item_id": [str(at) for at in range(n)],
              "sample": [0] * n, "text": [f"The answer is {key[:9]}. " * 12 for key in keys],
              "thinking": [""] * n, "finish_reason": ["stop"] * n, "prompt_tokens": [300] * n,
              "generated_tokens": [90] * n, "seconds": [0.5] * n, "error": [None] * n,
              "run": ["r"] * n, "stage": ["answer"] * n, "model": ["m"] * n,
              "part": [f"{(made + at) // 16:032x}.parquet" for at in range(n)]}
    table = pa.table({**values, parts.SEAL: [b"0" * 16] * n}, schema=parts.PACKED)
    sealed = pa.array(parts._sealed(table), pa.binary(16))
    table = table.set_column(table.num_columns - 1, parts.PACKED.field(parts.SEAL), sealed)
    name, content = parts.packed(table, generator)
    folder.write(f"parts/{json_hash({'weights': 'abc'})[:16]}/{name}", content)
    made += n
"""
OPEN = """
import gc, hashlib, json, sys, time
sys.path.insert(0, sys.argv[1])
from suite.store import Store
import numpy, pyarrow.parquet
def grown():
    gc.collect()
    pyarrow.default_memory_pool().release_unused()
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024
Store(sys.argv[2] + "-none").shelf({"weights": "abc"})
before, begun = grown(), time.process_time()
shelf = Store(sys.argv[2], run="s").shelf({"weights": "abc"})
opened = time.process_time() - begun
said = {"opening (s)": opened, "memory (bytes a row)": (grown() - before) / max(len(shelf), 1)}
time.sleep(2.5)
shelf.refresh()
begun = time.process_time()
for _ in range(20):
    shelf.refresh()
said["a refresh (ms)"] = (time.process_time() - begun) / 20 * 1000
key = hashlib.sha256(b"5 5" if sys.argv[3] == "batches" else b"5").hexdigest()
begun = time.process_time()
assert shelf.get(key).generation.text.startswith("The answer is")
said["one answer (ms)"] = (time.process_time() - begun) * 1000
said["rows"] = len(shelf)
print(json.dumps(said))
"""


def call(code: str, tree: Path, *arguments: object) -> dict[str, float]:
    """Runs code on the suite of a tree; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tree), *map(str, arguments)],
        capture_output=True, text=True, check=True, cwd=tree,
    )  # fmt: skip
    return json.loads(done.stdout or "{}")  # type: ignore[no-any-return]


def opened(trees: dict[str, Path], store: Path, kind: str) -> dict[str, dict[str, float]]:
    """The least of some rounds, the trees by turns."""
    found: dict[str, dict[str, float]] = {}
    for _ in range(ROUNDS):
        for name, tree in trees.items():
            said = call(OPEN, tree, store, kind)
            known = found.setdefault(name, said)
            found[name] = {what: min(known[what], said[what]) for what in said}
    return found


def main(commit: str, parts: int = PARTS, rows: int = ROWS) -> None:
    """Measures both commits and writes the table."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        earlier = Path(scratch) / "earlier"
        add = ["git", "worktree", "add", "--detach", str(earlier), commit]
        subprocess.run(add, check=True, capture_output=True)
        try:
            trees = {"now": here, "before": earlier}
            store, large = Path(scratch) / "store", Path(scratch) / "large"
            call(MAKE, here, store, parts)
            states = {f"{parts:,} parts": opened(trees, store, "batches")}
            packing = call(PACK, here, store)
            packed = opened({"now": here}, store, "batches")
            states["the same, packed"] = {
                "now": {**packed["now"], **packing},
                "before": states[f"{parts:,} parts"]["before"],  # it could not but keep the parts
            }
            call(LARGE, here, large, rows)
            states[f"{rows:,} rows, packed"] = opened({"now": here}, large, "rows")
        finally:
            remove = ["git", "worktree", "remove", "--force", str(earlier)]
            subprocess.run(remove, check=True, capture_output=True)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    with OUT.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("store", "quantity", "now", "before", "before / now"))
        for state, sides in states.items():
            for what, value in sides["now"].items():
                other = sides.get("before", {}).get(what)
                ratio = f"{other / value:.3g}" if other and value else ""
                table.writerow(
                    (state, what, f"{value:.4g}", f"{other:.4g}" if other else "", ratio)
                )
    print(OUT.read_text())


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
