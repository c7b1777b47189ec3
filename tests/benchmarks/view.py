"""How long `downscale view` takes on a run of millions of answers, and how much memory.

In: a run directory, whose records are tiled: each copy has items of its own, in the order that a
run writes. Out: results/benchmarks/view.csv, a row a step: seconds until the server answers, until
the index is made and opened, of each kind of filter and page over HTTP, and the most memory.

    python -m tests.benchmarks.view results/micro_run --answers 10000000
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from suite.runs.results import NAME, ROWS

OUT = Path(__file__).resolve().parents[2] / "results" / "benchmarks" / "view.csv"
FILTERS = {
    "items by task": {"task": "micro_relation"},
    "wrong in a cell": {"cell": "end_to_end/P=l", "mark": "wrong"},
    "not right in any pairing": {"cell": "decoupled/*", "mark": "not right"},
    "unread by a rule": {"mark": "unread", "rule": "nothing_found"},
    "blame": {"blame": "perception"},
    "solved from a size": {"solved": "m"},
    "text of the item": {"q": "relation-17"},
    "text of the answers": {"said": "left"},
}


def tile(source: Path, target: Path, answers: int) -> int:
    """Writes a run with about so many answers; gives how many."""
    table = pq.read_table(source / NAME)
    copies = -(-answers // len(table))
    schema = table.schema.remove_metadata()
    with pq.ParquetWriter(target / NAME, schema) as writer:
        blocks = table.select(["task", "cell"]).to_pandas().groupby(["task", "cell"], sort=False)
        for rows in blocks.indices.values():
            own = table.take(pa.array(rows)).combine_chunks()
            at = own.schema.get_field_index("item_id")
            parts = []
            for copy in range(copies):
                ids = own["item_id"].cast(pa.string())
                names = pc.binary_join_element_wise(f"copy-{copy}", ids, "-")
                parts.append(
                    own.set_column(at, schema.field(at), names.cast(schema.field(at).type))
                )
            writer.write_table(pa.concat_tables(parts).combine_chunks(), row_group_size=ROWS)
    return copies * len(table)


def memory(pid: int) -> float:
    """Most resident memory of a process so far, MB, mapped files included."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", text)[0]) / 1024


def measure(folder: Path) -> list[tuple[str, float]]:
    """Starts the server and asks it for pages; (what, seconds or MB)."""
    start = time.perf_counter()
    words = [sys.executable, "-m", "suite", "view", str(folder), "--no-browser", "--port", "0"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = server.stdout.readline().strip()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(url: str) -> str:
        return str(opener.open(url, timeout=600).read().decode())

    try:
        get(address)
        found = [("first page", time.perf_counter() - start)]
        base, run = address.partition("?")[0], folder.name
        while "data-indexing" in get(f"{base}items?run={run}"):
            time.sleep(0.1)
        found.append(("index ready", time.perf_counter() - start))
        pages = {
            name: f"{base}items?{urllib.parse.urlencode({'run': run, **words})}"
            for name, words in FILTERS.items()
        }
        pages["numbers"] = f"{base}numbers?run={run}"
        for name, page in pages.items():
            for turn in ("", ", again"):
                since = time.perf_counter()
                get(page)
                found.append((name + turn, time.perf_counter() - since))
        item = re.findall(r'href="/(item\?[^"]+)"', get(pages["blame"]))[0].replace("&amp;", "&")
        since = time.perf_counter()
        text = get(base + item)
        assert "Answers" in text
        found.append(("item", time.perf_counter() - since))
        found.append(("memory, MB", memory(server.pid)))
    finally:
        server.terminate()
        server.wait()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--answers", type=int, default=10_000_000)
    parser.add_argument("--tiled", type=Path, help="Where the tiled run is, or is to be.")
    own = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = own.tiled or Path(scratch) / "run"
        os.environ["DOWNSCALE_CACHE"] = f"{scratch}/cache"
        if not (folder / NAME).is_file():
            folder.mkdir(parents=True, exist_ok=True)
            tile(own.run, folder, own.answers)
        answers = pq.ParquetFile(folder / NAME).metadata.num_rows
        rows = [("first start", *row) for row in measure(folder)]
        rows += [("later start", *row) for row in measure(folder)]
    with OUT.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["answers", "start", "what", "seconds_or_mb"])
        writer.writerows([answers, when, what, f"{value:.3f}"] for when, what, value in rows)
    print(OUT.read_text())


if __name__ == "__main__":
    main()
