"""The report on extraction data: what was kept, what is wrong with the rest, samples to read.

In: what a run made. Out: report.json, and report.html with everything inside it. Both depend on
rows, settings and texts alone, so that a resumed run writes the same.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

from suite.base.files import write_changed
from suite.base.json_values import json_value
from suite.extraction import checks
from suite.extraction.dataset import REPORT, image_file
from suite.extraction.rows import Made, Row
from suite.extraction.teacher import STAGES

KEPT, EACH = 8, 2
"""Samples of rows that were kept, and of each kind of problem."""
LISTED = 500
"""Problems that the page lists; report.json has all."""


def write(made: Made) -> dict[str, Any]:
    """Writes report.json and report.html; gives what report.json holds."""
    content: dict[str, Any] = json_value(describe(made))
    write_changed(made.out / REPORT, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    write_changed(made.out / "report.html", _page(content, made))
    return content


def describe(made: Made) -> dict[str, Any]:
    """Gives the report: counts, problems, lengths in words of the rows kept, and samples.

    conversations: rows with an image, which are kept or dropped; pairs: of questions and answers in
    them. kinds: kind of problem -> rows that have it.
    """
    kept = [row for row in made.rows if row.kept]
    problems = [problem._asdict() for found in made.problems.values() for problem in found]
    by_row = {(id, p.kind) for id, found in made.problems.items() for p in found}
    kinds = Counter(kind for _, kind in by_row)
    return {
        "conversations": len(made.rows),
        "pairs": sum(len(row.conversation.pairs) for row in made.rows),
        "kept": len(kept),
        "dropped": len(made.rows) - len(kept),
        "skipped": {"without_image": made.source.without_image},
        "renamed": sum(row.conversation.repeats is not None for row in made.rows),
        "kinds": {kind: kinds[kind] for kind in checks.KINDS},
        "problems": problems,
        "lengths": {stage: _lengths(kept, stage) for stage in STAGES},
        "samples": [_sample(row, made) for row in _chosen(made)],
        "settings": made.settings.as_json(),
        "prompts": {"name": made.prompts.name, "digest": made.prompts.digest},
        **made.about,
    }


def _lengths(rows: Sequence[Row], stage: str) -> dict[str, float] | None:
    """Words of the texts of a stage; None where no row was kept."""
    counts = sorted(len(row.texts[stage].text.split()) for row in rows)
    if not counts:
        return None
    middle, mean = statistics.median(counts), statistics.fmean(counts)
    return {"min": counts[0], "median": middle, "mean": round(mean, 1), "max": counts[-1]}


def _chosen(made: Made) -> list[Row]:
    """Rows to read: some that were kept, and of each kind of problem, in a fixed pseudo-random
    order."""
    order = sorted(made.rows, key=lambda row: hashlib.sha256(row.id.encode()).hexdigest())
    clean = [row for row in order if row.kept and row.id not in made.problems]
    chosen = {row.id: row for row in clean[:KEPT]}
    for kind in checks.KINDS:
        ids = {id for id, found in made.problems.items() if any(p.kind == kind for p in found)}
        chosen |= {row.id: row for row in [row for row in order if row.id in ids][:EACH]}
    return list(chosen.values())


def _sample(row: Row, made: Made) -> dict[str, Any]:
    return {
        "id": row.id,
        "image": row.conversation.image,
        "kept": row.kept,
        "pairs": [list(pair) for pair in row.conversation.pairs],
        **{stage: row.texts[stage].text if stage in row.texts else None for stage in STAGES},
        "problems": [{"kind": p.kind, "detail": p.detail} for p in made.problems.get(row.id, ())],
    }


def _page(content: dict[str, Any], made: Made) -> str:
    from suite.report.item_cards import Album
    from suite.report.page import templates

    environment = templates("suite.extraction")
    album, rows = Album(), {row.id: row for row in made.rows}
    samples = []
    for sample in content["samples"]:
        row = rows[sample["id"]]
        data = image_file(row, made).read_bytes() if row.image else None
        samples.append({**sample, "source": data and album.address(data)})
    return environment.get_template("extraction.html.jinja").render(
        **{**content, "samples": samples, "problems": content["problems"][:LISTED]},
        listed=len(content["problems"]),
        meanings=checks.KINDS,
        stages=STAGES,
    )
