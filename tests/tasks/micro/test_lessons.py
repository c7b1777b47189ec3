"""What a row of the lessons holds: forms of answers, by hand and by count."""

from __future__ import annotations

from collections import Counter

import pytest

from tasks.micro.lessons import FORMATS, Lesson, Turn, vision_lesson

ROWS = 1500


def form(turn: Turn) -> str:
    """The form of FORMATS that a turn is in."""
    if turn.kind == "grounding":
        return "box"
    if turn.kind in FORMATS:
        return turn.kind
    if turn.kind == "describe":
        return "description"
    return "word" if turn.kind.endswith("/open") else "choice"


def rows(formats: int | None) -> list[Lesson]:
    """Rows of a stage that teaches so many forms."""
    return [vision_lesson("vit", 0, i, formats=formats) for i in range(ROWS)]


@pytest.mark.parametrize("formats", [2, 4, 8])
def test_so_many_forms_are_taught_and_each_as_often(formats: int) -> None:
    lessons = [row for row in rows(formats) if len(row.scenes) == 1]
    counts = Counter(form(turn) for row in lessons for turn in row.turns)
    described = counts.pop("description")
    assert list(FORMATS[1:formats]) == sorted(counts, key=FORMATS.index)
    # Descriptions open the same share of the rows, 35 % of those that are no blind guess.
    assert described / len(lessons) == pytest.approx(0.35, abs=0.04)
    mean = sum(counts.values()) / len(counts)
    for name, count in counts.items():
        assert count == pytest.approx(mean, rel=0.15), name


def test_pictures_to_compare_are_asked_about_whatever_the_forms() -> None:
    """Their question has options, as the evaluation's: no other form is taught by the way."""
    for formats in (2, 8):
        several = [row for row in rows(formats) if len(row.scenes) > 1]
        kinds = {turn.kind for row in several for turn in row.turns}
        assert kinds == {"describe", "similarity", "difference"}


def test_answers_in_every_form_by_hand() -> None:
    row = next(r for r in rows(8) if {"names", "digits"} <= {t.kind for t in r.turns})
    (scene,) = row.scenes
    said = {t.kind: t.answer for t in row.turns}
    shapes = [t.shape for t in scene.things]
    assert said["names"] == ", ".join(shapes) + "."
    assert said["digits"] == ", ".join(f"{t.shape} {t.digit}" for t in scene.things) + "."
