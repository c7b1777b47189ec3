"""How far a run is: its store counted against its plan.

In: a run directory, whose provenance.json names plan, generators and store. Out: per stage and
model the requests expected, answered and failed, and why they failed. No model is loaded.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from suite import provenance
from suite.claims import live_claims
from suite.errors import SuiteError
from suite.store import Store, Stored


def status_of(folder: Path) -> dict[str, Any]:
    """Progress of a run as JSON-able values; SuiteError where no run was started."""
    facts = provenance.read(folder)
    if "plan" not in facts:
        raise SuiteError(
            f"There is no run in {folder}; `downscale run STUDY --out {folder}` starts one."
        )
    store = Store(facts["store"] or folder / "store")
    rows: list[dict[str, Any]] = []
    failures: Counter[str] = Counter()
    for model in facts["models"]:
        shelf = store.shelf(model["fingerprint"])
        expected: Counter[str] = Counter()
        for step in facts["plan"]["stages"]:
            if (step["model"], step["role"]) == (model["model"], model["role"]):
                expected[step["stage"]] += step["distinct"]
        stored: dict[str, list[Stored]] = {stage: [] for stage in expected}
        for entry in shelf.rows():
            stored.setdefault(entry.stage, []).append(entry)
        for stage, entries in stored.items():
            failed = [e.generation.error for e in entries if e.generation.error is not None]
            failures.update(failed)
            rows.append(
                {
                    "stage": stage,
                    "model": model["model"],
                    "requests": expected[stage],
                    "answered": len(entries) - len(failed),
                    "failed": len(failed),
                    "tokens": sum(e.generation.generated_tokens for e in entries),
                    "seconds": sum(e.generation.seconds for e in entries),
                }
            )
    return {
        "study": facts["study"]["study"],
        "started": facts["started"],
        "ended": facts["ended"],
        "working": len(live_claims(store.folder)),
        **{name: sum(row[name] for row in rows) for name in ("requests", "answered", "failed")},
        "stages": rows,
        "failures": [{"reason": text, "count": n} for text, n in failures.most_common()],
    }
