"""How a run was made, as the page tells it: when, by what, where, with which versions and models.

In: provenance.json of a run. Out: names and values as texts.
"""

from __future__ import annotations

from typing import Any

from suite.report.page_tables import CODE, LONG, TEXT, Table
from suite.runs import history, provenance
from suite.runs.words import asked


def groups(known: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Gives the provenance as names and values by what they tell: how the answers were made, the
    machine, the versions."""
    made = (history.generating(known) or [known])[-1]  # not by what drew it again
    machine = made.get("machine") or known.get("machine") or {}
    told = {"machine": machine, "versions": history.versions(known)}
    return {
        "Made": _making(known),
        **{
            name.capitalize(): [(str(k), str(v)) for k, v in values.items() if v is not None]
            for name, values in told.items()
        },
    }


def models(known: dict[str, Any]) -> Table | None:
    """Gives a row per model: where it came from, and what tells its weights apart."""
    rows = []
    for model in known.get("models") or []:
        source = " ".join(str(model[n]) for n in ("source", "revision") if model.get(n)) or None
        rows.append(
            [model.get("model"), model.get("role"), source, _digest(model.get("fingerprint"))]
        )
    columns = (("model", CODE), ("role", TEXT), ("from", LONG), ("fingerprint", LONG))
    return Table("Models", columns, rows) if rows else None


def _making(known: dict[str, Any]) -> list[tuple[str, str]]:
    """When, by which commit and on what the answers were generated, and when drawn again."""
    span = history.span(known)
    runs = history.generating(known)
    cut = "the last run did not come to its end"
    rows = [
        ("generated from", moment(span["started"])),
        ("generated until", moment(span["ended"]) or (runs and cut)),
        ("by commit", ", ".join(span["commits"])),
        ("requests", known.get("requests") and asked(known["requests"])),
        ("requests generated", _generated(runs)),
        ("requests of the study", _requests(known.get("requests") or {})),
        *_where(runs),
        ("seed", known.get("seed")),
        *(
            (f"seed {run['seed']}", f"{run['dir']}, by commit {run['commit']}")
            for run in known.get(provenance.POOLED) or ()
        ),
    ]
    redrawn = history.redrawn(known)
    if redrawn is not None:
        rows.append(("drawn again", f"{moment(redrawn['started'])}, by commit {redrawn['commit']}"))
    return [(name, str(value)) for name, value in rows if value not in (None, "", [])]


def moment(time: object) -> str:
    """Shows 2026-11-27T02:41:12+00:00 as `2026-11-27 02:41 UTC`; another text as it is, nothing for
    none."""
    text = str(time or "")
    day, _, hour = text.partition("T")
    return f"{day} {hour[:5]} UTC" if hour.endswith("+00:00") else text


def _requests(counts: dict[str, Any]) -> str:
    """How many requests the cells have, and how few were different."""
    if not {"planned", "distinct", "coincided"} <= set(counts):
        return ""
    planned, asked, same = (counts[name] for name in ("planned", "distinct", "coincided"))
    return f"{planned:,} by the cells one by one; {asked:,} asked, {same:,} more had the same text"


def _generated(runs: list[dict[str, Any]]) -> str:
    counts = [run["requests"]["generated"] for run in runs if run.get("requests")]
    lost = len(runs) - len(counts)
    text = f"{sum(counts):,} by {len(counts)} {'run' if len(counts) == 1 else 'runs'}"
    return f"{text}, more by {lost} that did not end" if lost else text if runs else ""


def _where(runs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Device, number format, processes and threads of the runs, each value once."""
    told: dict[str, list[Any]] = {
        "device": [history.devices(run) for run in runs],
        "number format": [", ".join(run.get("dtypes") or ()) for run in runs],
        "processes": [run.get("processes") for run in runs],
        "threads of each": [run.get("threads") for run in runs],
    }
    return [
        (name, "; ".join(dict.fromkeys(str(value) for value in values if value)))
        for name, values in told.items()
    ]


def _digest(fingerprint: object) -> str:
    """A fingerprint in one line: its values, hashes cut to twelve digits."""
    if not isinstance(fingerprint, dict):
        text = str(fingerprint)
        return text[:12] + "…" if len(text) > 40 else text
    parts = [(key, _digest(value)) for key, value in fingerprint.items() if value is not None]
    return ", ".join(text if key == "files" else f"{key} {text}" for key, text in parts)
