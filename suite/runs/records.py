"""Records: one row per cell, item and sample, scored, with everything the analyses may know.

In: a walk whose requests are stored. Out: a DataFrame with exactly the columns of
`analyses.columns`. An answer that could not be read scores 0; an answer that is missing has no
score but a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from suite.answers.leaks import contents_leak, letter_leak
from suite.answers.published import published_score
from suite.engine.progress import QUIET, Progress
from suite.engine.walk import Place, Walk, position
from suite.items.item import Item
from suite.planning.cells import Cell, Step
from suite.planning.stages import STAGES
from suite.requests import Generation

if TYPE_CHECKING:
    import pandas as pd

    from suite.planning.plan import PlannedTask


@dataclass(frozen=True)
class Scored:
    """What was read from one text for one item, and what it scores."""

    prediction: str | None
    rule: str | None
    parsed: bool
    score: float
    lmms_score: float | None


class Reader:
    """Parses and scores answers; equal answers to one item are read once."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, str, str, bool], Scored] = {}

    def read(self, item: Item, text: str, cut: bool = False) -> Scored:
        """Gives the reading of an answer; `cut` says that its tokens ran out."""
        key = (item.task, item.item_id, text, cut)
        found = self._read.get(key)
        if found is None:
            from suite.answers.parse import parse
            from suite.answers.score import lmms_score, score

            parsed = parse(text, item, cut)
            found = Scored(
                parsed.prediction,
                parsed.rule,
                parsed.parsed,
                score(parsed, item),
                lmms_score(item, text),
            )
            self._read[key] = found
        return found


def frame_of(walk: Walk, progress: Progress = QUIET) -> pd.DataFrame:
    """Makes the tidy table of a walk that has passed every group."""
    import pandas as pd

    from analyses.columns import COLUMNS

    reader = Reader()
    columns: dict[str, list[Any]] = {column.name: [] for column in COLUMNS}
    pairs = [(task, cell) for task in walk.plan.tasks for cell in task.cells]
    progress.begin("Scoring the answers", len(pairs), 0, "cells of tasks")
    for done, (task, cell) in enumerate(pairs, 1):
        _add_cell(walk, task, cell, reader, columns)
        progress.advance(done)
    progress.end()
    kinds = {"bool": "bool", "int": "int64", "float": "float64", "string": "str"}
    return pd.DataFrame(
        {
            column.name: pd.Series(columns[column.name], dtype=kinds[column.dtype])
            for column in COLUMNS
        }
    )


def _add_cell(
    walk: Walk, task: PlannedTask, cell: Cell, reader: Reader, columns: dict[str, list[Any]]
) -> None:
    study = walk.plan.study
    items = walk.items[task.task].items
    shared = {
        "study": study.study,
        "cell": cell.id,
        "method": cell.method,
        "family": cell.family,
        "perceiver": cell.perceiver,
        "perception": cell.perception,
        "perception_params": cell.perception_params,
        "perception_samples": cell.perception_samples,
        "reasoning": cell.reasoning,
        "reasoning_params": cell.reasoning_params,
        "thinking": cell.thinking,
        "seed": study.seed,
        "task": task.task,
        "domain": task.domain,
    }
    count = len(items) * cell.samples
    for name, value in shared.items():
        columns[name] += [value] * count
    chain = cell.step.chain
    places = [walk.places(step, task.task) for step in chain]
    answers = [walk.generations(step, task.task) for step in chain]
    for index, item in enumerate(items):
        for sample in range(cell.samples):
            at = [position(step, index, sample) for step in chain]
            found = [answers[n][at[n]] for n in range(len(chain))]
            way = [places[n][at[n]] for n in range(len(chain))]
            for name, value in _row(item, sample, chain, found, way, reader).items():
                columns[name].append(value)


def _row(
    item: Item,
    sample: int,
    chain: tuple[Step, ...],
    generations: list[Generation | None],
    places: list[Place],
    reader: Reader,
) -> dict[str, Any]:
    """The columns that differ from row to row."""
    answer, place = generations[-1], places[-1]
    done = [g for g in generations if g is not None and g.error is None]
    whole = len(done) == len(chain)
    reason = None if whole else _reason(place, answer)
    reading = (
        reader.read(item, answer.text, answer.finish_reason == "length")
        if whole and answer is not None
        else None
    )
    return {
        "sample": sample,
        "category": item.category,
        "subcategory": item.subcategory,
        "item_id": item.item_id,
        "image_id": item.image_id,
        "n_options": len(item.options),
        "chance": item.chance,
        "answer": item.answer,
        "prediction": reading.prediction if reading else None,
        "text": answer.text if whole and answer else None,
        "thinking_text": answer.thinking if whole and answer else None,
        "rule": reading.rule if reading else None,
        "parsed": reading.parsed if reading else False,
        "score": reading.score if reading else None,
        "lmms_score": reading.lmms_score if reading else None,
        "published_score": published_score(
            item, answer.text, decoupled=STAGES[chain[-1].stage].reads is not None
        )
        if whole and answer
        else None,
        "failed": not whole,
        "reason": reason,
        "leak": _leaks(item, chain, generations),
        "finish_reason": answer.finish_reason if whole and answer else None,
        "prompt_tokens": sum(g.prompt_tokens for g in done) if whole else None,
        "generated_tokens": sum(g.generated_tokens for g in done) if whole else None,
        "seconds": sum(g.seconds for g in done) if whole else None,
        "description": _description(item, chain, generations),
        "key": place.key,
        "upstream": " ".join(p.key for p in places[:-1] if p.key is not None) or None,
    }


def _reason(place: Place, answer: Generation | None) -> str:
    if place.reason is not None:
        return place.reason
    return answer.error if answer and answer.error else "The answer was not generated."


def _description(
    item: Item, chain: tuple[Step, ...], generations: list[Generation | None]
) -> str | None:
    """What the answering stage read; None where it reads nothing but the item."""
    if STAGES[chain[-1].stage].reads is None:
        return None
    if chain[-1].gold:
        return item.gold_description
    before = generations[-2]
    return before.text if before is not None and before.error is None else None


def _leaks(item: Item, chain: tuple[Step, ...], generations: list[Generation | None]) -> bool:
    """Whether an upstream text of the row says more than it may."""
    for step, generation in zip(chain[:-1], generations[:-1]):
        if generation is None or generation.error is not None:
            continue
        leak = contents_leak if step.stage == "instruct" else letter_leak
        if leak(generation.text, item):
            return True
    return False
