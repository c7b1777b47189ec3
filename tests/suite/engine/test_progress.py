"""Progress: lines for a log, bars for a terminal, rates without the time that loading takes.

In: steps of a clock that the tests move. Out: what is written.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from suite.engine.claims import Claims
from suite.engine.local import CurrentModel, run_walk
from suite.engine.progress import Bars, Lines, duration
from suite.requests import Request
from tests.suite.world import Speakers, walk_in


def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that progress reads."""
    now = [100.0]
    monkeypatch.setattr("suite.engine.progress.time.monotonic", lambda: now[0])
    return now


def test_plain_lines_say_stage_number_rate_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock(monkeypatch)
    stream = io.StringIO()
    lines = Lines(stream)
    lines.begin("reason text-l", 1000, 200)
    now[0] += 5
    lines.advance(300)  # too early for a line
    now[0] += 15
    lines.advance(600)
    now[0] += 20
    lines.advance(1000)
    lines.end()
    assert stream.getvalue().splitlines() == [
        "reason text-l: 1,000 requests, 200 of them stored",
        "reason text-l: 600 of 1,000, 20.0/s, 20.0 s left",
        "reason text-l: 1,000 of 1,000, 20.0/s, 0.0 s left",
        "reason text-l: done in 40.0 s, 20.0/s",
    ]


def test_loading_a_model_is_not_in_the_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that takes 40 s to load and 6 s for a batch of 4: 0.7/s from the first line on."""
    now = clock(monkeypatch)
    walk = walk_in(tmp_path, cells=[{"method": "end_to_end", "perception": "s"}])
    stream = io.StringIO()

    def work(requests: Sequence[Request]) -> None:
        now[0] += 6.0

    def build(model: Any) -> Any:
        now[0] += 40.0
        return Speakers(walk, work)(model)

    claims = Claims(walk.store.folder)
    run_walk(walk, CurrentModel(build), claims, Lines(stream))
    claims.close()
    assert stream.getvalue().splitlines() == [
        "answer vlm-s: 12 requests",
        "answer vlm-s: 8 of 12, 0.7/s, 6.0 s left",
        "answer vlm-s: done in 18.0 s, 0.7/s",
    ]


def test_the_bar_starts_when_the_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock(monkeypatch)
    bars = Bars()
    bars._bars.get_time = lambda: now[0]  # type: ignore[method-assign]
    bars.begin("answer s", 10, 2)
    now[0] += 40.0
    bars.ready()
    now[0] += 2.0
    bars.advance(6)
    (task,) = bars._bars.tasks
    assert (task.completed, task.total, task.fields["rate"]) == (6, 10, "2.0/s")
    assert task.elapsed == 2.0, "its own clock began again"
    bars.end()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(4.24, "4.2 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (59.99, "60.0 s")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
