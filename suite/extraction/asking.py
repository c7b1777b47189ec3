"""Asks the teacher for the texts of the rows, round by round, and the judge for verdicts.

In: rows, and who writes. Out: the rows with their texts. A row that some problem drops is asked no
further, so that nothing is spent on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from suite.extraction import checks, facts
from suite.extraction.checks import Problem
from suite.extraction.pictures import Pictures
from suite.extraction.rounds import Asked, Engine, Question
from suite.extraction.rows import OWN_SAMPLING, Row, Settings, sampled
from suite.extraction.teacher import Teacher
from suite.models.backends import backend_of
from suite.requests import Decoding, Generation


def ask(
    rows: Sequence[Row], engine: Engine, teacher: Teacher, settings: Settings, pictures: Pictures
) -> None:
    """Asks the teacher for all texts of the rows that nothing drops on the way."""
    _contents_and_statements(_alive(rows, settings), engine, teacher, settings)
    for attempt in range(1, settings.attempts):
        if not backend_of(teacher.models["statements"].spec).writes:
            break
        _again(_alive(rows, settings, "statements"), engine, teacher, settings, attempt)
    asked = [
        Question(row.id, row.statements(settings.whole), images=(row.image or "",))
        for row in _alive(rows, settings)
        if row.texts["statements"].error is None
    ]
    _ask(rows, engine, teacher, settings, pictures, ("description", "recount", asked))


def _alive(rows: Sequence[Row], settings: Settings, but: str = "") -> list[Row]:
    """Rows that no problem drops, known by now; the text of the stage `but` is not looked at."""
    drop = {*settings.drop, *checks.ALWAYS}
    return [
        row
        for row in rows
        if row.image and not any(p.kind in drop for p in row.problems(settings.longest, but))
    ]


Stage = tuple[str, str, Sequence[Question]]
"""Stage, template, and what is asked."""


def _ask(
    rows: Sequence[Row],
    engine: Engine,
    teacher: Teacher,
    settings: Settings,
    pictures: Pictures | None,
    *stages: Stage,
    decoding: Decoding | None = None,
    seed: int = 0,
) -> dict[str, dict[str, Generation]]:
    """Asks, and puts the texts into the rows; a text that a recorded teacher lacks is a failure."""
    by_id = {row.id: row for row in rows}
    found = engine.ask(
        *(
            Asked(
                stage,
                template,
                teacher.models[stage],
                decoding or settings.decoding(stage),
                [one for one in questions if teacher.knows(stage, one.id)],
                {} if pictures is None else pictures,
            )
            for stage, template, questions in stages
        ),
        seed=settings.seed + seed,
    )
    for stage, _, questions in stages:
        for one in questions:
            lacking = Generation(error=f"{teacher.name} has no text")
            answer = found[stage].setdefault(one.id, lacking)
            if one.id in by_id:
                by_id[one.id].texts[stage] = answer
    return found


def _contents_and_statements(
    rows: Sequence[Row], engine: Engine, teacher: Teacher, settings: Settings
) -> None:
    contents = [Question(row.id, question=row.conversation.questions) for row in rows]
    pairs = [Question(row.id, row.conversation.pair_text) for row in rows]
    stages: tuple[Stage, ...] = (
        ("contents", "instruct", contents),
        ("statements", "statements", pairs),
    )
    _ask(rows, engine, teacher, settings, None, *stages)


def _again(
    rows: Sequence[Row], engine: Engine, teacher: Teacher, settings: Settings, attempt: int
) -> None:
    """Asks once more for statements that are not as many as the pairs, or with which something
    else is wrong; what comes closer stays."""

    def faults(row: Row) -> tuple[int, int]:
        said, count = row.texts["statements"], len(row.conversation.pairs)
        lacking = abs(len(checks.statements_of(said.text, count)) - count)
        found = checks.of_texts(row.conversation, {"statements": said}, settings.longest)
        return len(found), lacking

    wrong = [row for row in rows if row.texts["statements"].error is None and any(faults(row))]
    before = {row.id: row.texts["statements"] for row in wrong}
    asked = [Question(row.id, row.conversation.pair_text) for row in wrong]
    other = sampled(settings.decoding("statements"), OWN_SAMPLING)
    stage = ("statements", "statements_again", asked)
    _ask(wrong, engine, teacher, settings, None, stage, decoding=other, seed=attempt)
    for row in wrong:
        now, still = row.texts["statements"], faults(row)
        row.texts["statements"] = before[row.id]
        if now.error is None and still < faults(row):
            row.texts["statements"] = now


def judge(rows: Sequence[Row], engine: Engine, who: Teacher, settings: Settings) -> dict[str, int]:
    """Asks for each statement whether its description holds it; counts the verdicts."""
    asked: dict[str, tuple[Row, int, str]] = {}
    for row in _alive(rows, settings):
        count = len(row.conversation.pairs)
        statements = checks.statements_of(row.texts["statements"].text, count)
        for number, statement in enumerate(statements, 1):
            asked[f"{row.id}/{number}"] = (row, number, statement)
    questions = [
        Question(id, row.texts["description"].text, statement)
        for id, (row, _, statement) in asked.items()
    ]
    greedy = replace(settings, sampling=None)
    found = _ask((), engine, who, greedy, None, ("judge", "entails", questions))
    verdicts = {"asked": len(asked), "yes": 0, "no": 0, "unread": 0, "failed": 0}
    for id, (row, number, statement) in asked.items():
        answer = found["judge"][id]
        said = (facts.words(answer.text) or ["unread"])[0]
        verdict = "failed" if answer.error else said if said in ("yes", "no") else "unread"
        verdicts[verdict] += 1
        if verdict == "no":
            detail = f"statement {number}, {statement!r}: the judge does not find it there"
            row.after.append(Problem(row.id, "missed_statement", detail))
    return verdicts
