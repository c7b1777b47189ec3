"""The history of a run directory: which commands generated its answers, when and on what.

In: what is known of a command when it starts, when its first model loads and when it ends. Out: the
entries of `runs` in provenance.json, and what `started`, `ended` and `commit` beside them mean. A
command that is killed leaves its entry with `ended: null`; one that only draws again leaves none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Facts = dict[str, Any]


def entry(facts: Facts, device: str, dtypes: Iterable[str]) -> Facts:
    """Gives the entry of a command that starts now.

    `device` is what the person asked for. `devices`, one per process, `threads` of each and
    `processes` are null until the first model is loaded (`begun`).
    """
    return {
        "started": facts["started"],
        "ended": None,
        "requests": None,
        "device": device,
        "devices": None,
        "dtypes": sorted(dtypes),
        "processes": None,
        "threads": None,
        **{name: facts[name] for name in ("versions", "commit", "machine")},
    }


def earlier(before: Facts) -> list[Facts]:
    """Gives the entries of earlier commands that asked a model: one that was killed before
    generated nothing."""
    runs = before.get("runs") or []
    return [run for run in runs if run.get("ended") or run.get("devices") is not None]


def closed(this: Facts, runs: Sequence[Facts], ended: str, requests: dict[str, int]) -> list[Facts]:
    """Gives the history after a command that came to its end.

    One that neither generated nor failed adds nothing, unless the one before it did not end or it
    is the first.
    """
    idle = not requests["generated"] and not requests["failed"]
    if idle and runs and runs[-1].get("ended"):
        return list(runs)
    return [*runs, {**this, "ended": ended, "requests": requests}]


def generating(facts: Facts) -> list[Facts]:
    """Gives the entries whose answers a directory holds: of those that generated something, or may
    have before they were killed; all of them where every answer came from a shared store."""
    runs = earlier(facts)
    asked = [run for run in runs if (run.get("requests") or {"generated": 1})["generated"]]
    return asked or runs


def versions(facts: Facts) -> Facts:
    """Gives the versions of the packages, and of other programs that answered, by the runs that
    generated; the last one's where several tell of the same."""
    found: Facts = {}
    for run in generating(facts):
        found |= run.get("versions") or {}
    return found or facts.get("versions") or {}


def span(facts: Facts) -> Facts:
    """Gives `started`, `ended` and `commits` of the runs that generated; those of the last command
    where the history is empty (a provenance.json of another version, or a run that has just
    begun).

    Where the last of them was killed, after its last answer, the command that found nothing left
    to generate ended the work.
    """
    runs = generating(facts) or [facts]
    last = (earlier(facts) or [facts])[-1]
    commits = dict.fromkeys(run["commit"] for run in runs if run.get("commit"))
    return {
        "started": runs[0].get("started"),
        "ended": runs[-1].get("ended") or last.get("ended"),
        "commits": list(commits),
    }


def redrawn(facts: Facts) -> Facts | None:
    """Says when and by which commit a directory was last drawn anew without asking a model."""
    runs = earlier(facts)
    if not runs or facts.get("started") in {run.get("started") for run in runs}:
        return None
    return {name: facts.get(name) for name in ("started", "ended", "commit")}


def devices(run: Facts) -> str:
    """Names the devices of an entry: `2 × cuda:0 (NVIDIA H100), ...`, or what was asked for."""
    found = run.get("devices")
    if not found:
        return str(run.get("device") or "unknown")
    words = [f"{d['device']} ({d['name']})" if d.get("name") else d["device"] for d in found]
    counted = {word: words.count(word) for word in words}
    return ", ".join(word if n == 1 else f"{n} × {word}" for word, n in counted.items())
