"""How far a run is: its store counted against its plan.

In: a run directory, whose provenance.json names plan, generators and store. Out: per stage and
model the requests expected, answered and failed, and why they failed. A store may hold rows of
other studies too: only what this run has asked counts. No model is loaded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from suite import asked, provenance
from suite.claims import live_claims
from suite.errors import SuiteError
from suite.requests import SHORT
from suite.store import Shelf, Store, Stored


def status_of(folder: Path) -> dict[str, Any]:
    """Progress of a run as JSON-able values; SuiteError where no run was started."""
    facts = provenance.read(folder)
    try:
        return _status(folder, facts)
    except (KeyError, TypeError) as error:
        if facts and "plan" in facts:
            raise SuiteError(
                f"{folder / 'provenance.json'} is of another version of the suite (it lacks "
                f"{error}); run the study again with `--out {folder}`: what was generated is kept."
            ) from error
        raise SuiteError(
            f"There is no run in {folder}; `downscale run STUDY --out {folder}` starts one."
        ) from None


def _status(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    store = Store(facts["store"] or folder / "store")
    groups = asked.read(folder)
    rows: list[dict[str, Any]] = []
    failures: Counter[str] = Counter()
    for model in facts["models"]:
        expected: Counter[str] = Counter()
        for step in facts["plan"]["stages"]:
            if (step["model"], step["role"]) == (model["model"], model["role"]):
                expected[step["stage"]] += step["distinct"]
        own = None if groups is None else [g for g in groups if _of(g, model)]
        shelf = store.shelf(model["fingerprint"])
        stored: dict[str, list[Stored]] = {stage: [] for stage in expected}
        for stage, entry in _entries(shelf, own):
            stored.setdefault(stage, []).append(entry)
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
        "working": _working(store, groups),
        **{name: sum(row[name] for row in rows) for name in ("requests", "answered", "failed")},
        "stages": rows,
        "failures": [{"reason": text, "count": n} for text, n in failures.most_common()],
    }


def _working(store: Store, groups: list[asked.AskedGroup] | None) -> int:
    """Processes that are generating for this run, or for another that asks the same."""
    claims = live_claims(store.folder)
    if groups is None:
        return len(claims)
    own = {key for group in groups for key in group.keys}
    return sum(not own.isdisjoint(claim["keys"]) for claim in claims)


def _of(group: asked.AskedGroup, model: dict[str, Any]) -> bool:
    return (group.model, group.role) == (model["model"], model["role"])


def _entries(shelf: Shelf, own: list[asked.AskedGroup] | None) -> Iterable[tuple[str, Stored]]:
    """What a run has on a shelf, each once, with its stage; the whole shelf where it is not known
    what the run has asked (a run of an older version)."""
    if own is None:
        return [(entry.stage, entry) for _, entry in shelf.rows()]
    stages = {key: group.stage for group in reversed(own) for key in group.keys}
    return [(stages[key[:SHORT]], entry) for key, entry in shelf.rows() if key[:SHORT] in stages]
