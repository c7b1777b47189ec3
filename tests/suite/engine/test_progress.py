"""Progress: lines for a log, bars for a terminal, rates without the time that loading takes.

In: steps of a clock that the tests move. Out: what is written.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from suite.engine.claims import Claims
from suite.engine.local import CurrentModel, run_walk
from suite.engine.progress import Bars, Lines, Silent, Tally, duration, progress_for_python
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


def test_a_line_says_how_far_the_whole_run_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of 100 (stored), of at most 300, and of at most 600: texts before it are the same."""
    now = clock(monkeypatch)
    stream = io.StringIO()
    lines = Lines(stream)
    tally = Tally({"a": 100, "b": 300, "c": 600}, lines)
    tally.count("a", 100, 100)
    now[0] += 50  # reading what is stored says nothing of the rate
    tally.count("b", 20, 300)
    lines.begin("b", 300, 20)
    now[0] += 20
    tally.count("b", 120, 300)
    lines.advance(120)  # 100 in 20 s; of the run 220 of 1,000
    lines.end()
    tally.count("c", 0, 400)  # 200 have the same text as others
    lines.begin("c", 400, 0)
    now[0] += 20
    tally.count("c", 100, 400)
    lines.advance(100)
    parts = [line.split("; ") for line in stream.getvalue().splitlines() if ";" in line]
    assert parts == [
        [
            "b: 120 of 300, 5.0/s, 36.0 s left",
            "whole run without drawing: 220 of 1,000, 5.0/s, 2 min 36 s left",
        ],
        [
            "c: 100 of 400, 5.0/s, 1 min 00 s left",
            "whole run without drawing: 320 of 800, 5.0/s, 1 min 36 s left",
        ],
    ]


def test_the_bar_of_the_run_is_above_and_only_while_it_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = clock(monkeypatch)
    bars = Bars()
    bars._bars.get_time = lambda: now[0]  # type: ignore[method-assign]
    tally = Tally({"a": 10, "b": 30}, bars)
    tally.count("a", 0, 10)
    bars.begin("a", 10, 0)
    now[0] += 2
    tally.count("a", 4, 10)
    bars.advance(4)
    whole, stage = bars._bars.tasks
    assert (whole.completed, whole.total, whole.fields["left"]) == (4, 40, "18.0 s left")
    assert (stage.completed, stage.total, stage.fields["left"]) == (4, 10, "3.0 s left")
    bars.end()
    now[0] += 3
    bars.begin("b", 30, 0)
    whole, stage = bars._bars.tasks
    assert (whole.elapsed, stage.elapsed) == (5.0, 0.0)
    bars.close()
    assert not bars._bars.live.is_started, "an error has a line of its own"
    bars.begin("b", 30, 0)
    bars.end()
    assert bars._bars.tasks == []
    bars.begin("Drawing figures", 17, 0, "figures")
    now[0] += 10
    bars.advance(5)
    (only,) = bars._bars.tasks
    assert (only.fields["rate"], only.fields["left"]) == ("0.5 figures/s", "24.0 s left")
    bars.end()


def test_a_notebook_has_one_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock(monkeypatch)
    shown: list[str] = []

    class Handle:
        update = staticmethod(shown.append)

    def display(text: str, display_id: bool) -> Handle:
        shown.append(text)
        return Handle()

    page = SimpleNamespace(display=display, HTML=str)
    monkeypatch.setitem(sys.modules, "IPython.display", page)
    assert isinstance(progress_for_python(), Silent)
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    line = progress_for_python()
    line.begin("answer <s>", 10, 0)
    now[0] += 2
    line.advance(5)
    line.end()
    assert shown == [
        '<progress value="5" max="10"></progress> answer &lt;s&gt;: 5 of 10, 2.5/s, 2.0 s left',
        "",
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
