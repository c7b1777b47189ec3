"""The engine: order, deduplication, what follows a failure or a stop, two runs on one store.

In: the small study of `world`, whose generator can misbehave. Out: what was asked and kept.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from suite.engine.claims import Claims
from suite.engine.local import CurrentModel, run_walk
from suite.engine.progress import Silent
from suite.engine.walk import Model, Walk, groups_of
from suite.errors import Unfinished
from suite.requests import Request
from tests.suite.world import Speaker, Speakers, finish, texts, walk_in


def test_upstream_comes_first_and_models_are_loaded_once_or_twice(tmp_path: Path) -> None:
    walk = walk_in(tmp_path)
    seen: set[Any] = set()
    for group in groups_of(walk.plan):
        assert all(step.upstream is None or step.upstream in seen for step in group.steps)
        seen.update(group.steps)
    speakers = finish(walk)
    loaded = [f"{role}-{spec.source[-1]}" for role, spec in (s.model for s in speakers.built)]
    # text-l writes the contents first; it comes back for the reasoning.
    assert sorted(loaded) == ["text-l", "text-l", "text-s", "vlm-l", "vlm-s"]


def test_a_run_asks_every_distinct_request_once_and_a_second_one_nothing(tmp_path: Path) -> None:
    walk = walk_in(tmp_path)
    speakers = finish(walk)
    assert len(speakers.asked) == walk.plan.distinct == len(walk.distinct())
    again = walk_in(tmp_path, run="again")
    assert finish(again).asked == []
    assert texts(again) == texts(walk)


def test_texts_that_coincide_are_asked_once(tmp_path: Path) -> None:
    cells = [{"method": "blind", "perception": "s"}]
    walk = walk_in(tmp_path, cells=cells, tasks=[{"task": "one"}])
    (items,) = walk.items.values()
    twice = tuple(item.__class__(**{**vars(item), "question": "Which?"}) for item in items.items)
    walk.items = {"one": items.__class__("one", twice, items.image_bytes)}
    speakers = finish(walk)
    assert walk.plan.distinct == 6
    assert len(speakers.asked) == 1


def test_every_stage_reads_what_the_one_before_wrote(tmp_path: Path) -> None:
    walk = walk_in(tmp_path)
    finish(walk)
    cell = next(cell for cell in walk.plan.cells if cell.id == "decoupled/P=s/R=l/think")
    instruct, perceive, reason = cell.step.chain
    for index in range(6):
        contents = walk.generations(instruct, "one")[index]
        assert contents is not None
        asked = {r.item_id: r for r in walk_requests(walk, perceive)}[str(index)]
        assert contents.text in asked.messages[-1].text
        assert asked.messages[-1].images == walk.items["one"].items[index].images
        described = walk.generations(perceive, "one")[index]
        assert described is not None
        requests = [r for r in walk_requests(walk, reason) if described.text in r.messages[-1].text]
        assert [r.item_id for r in requests] == [str(index)]
        assert requests[0].messages[-1].images == ()


def walk_requests(walk: Walk, step: Any) -> list[Request]:
    group = next(group for group in walk.groups if step in group.steps)
    return [request for request in walk.requests(group).values() if request.task == "one"]


class Listener(Speaker):
    """A generator that wants to know what comes next, and has something to say now and then."""

    def expect(self, requests: Sequence[Request], images: Any) -> None:
        self.calls.append(["expected", *requests])  # type: ignore[list-item]

    def news(self) -> list[str]:
        return ["It is slow."] if len(self.calls) == 2 else []


class Heard(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.say = self.lines.append  # type: ignore[assignment]


def test_a_generator_hears_which_batch_comes_next_and_its_news_are_told(tmp_path: Path) -> None:
    cells = [{"method": "end_to_end", "perception": "s"}]
    walk = walk_in(tmp_path, tasks=[{"task": "one"}], cells=cells, count=10)
    calls: list[list[Any]] = []
    heard = Heard()

    def build(model: Model) -> Speaker:
        return Listener(model, walk.fingerprints[model], calls=calls)

    run_walk(walk, CurrentModel(build), Claims(walk.store.folder), heard)
    assert [len(call) for call in calls] == [5, 4, 3, 4, 2]  # each before the one it follows
    assert calls[0] == ["expected", *calls[3]]
    assert calls[2] == ["expected", *calls[4]]
    assert heard.lines == ["It is slow."]


def test_nothing_is_asked_of_a_model_that_is_another_than_the_plan_named(tmp_path: Path) -> None:
    walk = walk_in(tmp_path)
    asked: list[list[Request]] = []

    def build(model: Model) -> Speaker:
        return Speaker(model, {"weights": "of today"}, calls=asked)

    with pytest.raises(Unfinished, match=r"^Model .* has changed since this run began: run the"):
        run_walk(walk, CurrentModel(build), Claims(walk.store.folder), Silent())
    assert asked == []


def test_samples_differ_and_greedy_stages_are_shared(tmp_path: Path) -> None:
    cells = [{"method": "decoupled", "perception": "s", "reasoning": "s", "samples": 3}]
    walk = walk_in(tmp_path, cells=cells, tasks=[{"task": "one"}], count=2)
    speakers = finish(walk)
    assert len(speakers.asked) == 2 + 2 + 6
    step = walk.plan.cells[0].step
    answers = walk.generations(step, "one")
    assert len({answer.text for answer in answers if answer}) == 6


def test_failures_go_down_the_chain_and_are_tried_again_by_the_next_run(tmp_path: Path) -> None:
    def blind_spot(requests: Sequence[Request]) -> None:
        for request in requests:
            if request.item_id == "3" and any(message.images for message in request.messages):
                raise OSError("cannot identify image file")

    walk = walk_in(tmp_path, run="one")
    finish(walk, blind_spot)
    found = texts(walk)
    assert found["end_to_end/P=s one 3"] == "OSError: cannot identify image file"
    assert found["decoupled/P=s/R=l/direct two 3"] == (
        "perceive by vlm-s failed: OSError: cannot identify image file"
    )
    # Two end-to-end and two perceive requests per task failed; what followed was never asked:
    # 2 perceivers x 2 reasoners x (direct, think) x 2 tasks.
    assert walk.blocked() == 16
    mended = walk_in(tmp_path, run="two")
    speakers = finish(mended)
    assert len(speakers.asked) == 8 + 16
    clean = tmp_path / "clean"
    clean.mkdir()
    undisturbed = walk_in(clean)
    finish(undisturbed)
    assert texts(mended) == texts(undisturbed)


def test_a_run_that_stops_goes_on_with_the_same_batches(tmp_path: Path) -> None:
    class Stop(BaseException):
        pass

    walk = walk_in(tmp_path, run="one")
    count = 0

    def stop_at_the_ninth(requests: Sequence[Request]) -> None:
        nonlocal count
        count += 1
        if count == 9:
            raise Stop

    first = Speakers(walk, stop_at_the_ninth)
    claims = Claims(walk.store.folder)
    with pytest.raises(Stop):
        run_walk(walk, CurrentModel(first), claims, Silent())
    claims.close()
    second = finish(walk_in(tmp_path, run="two"))
    clean = tmp_path / "clean"
    clean.mkdir()
    undisturbed = finish(walk_in(clean))

    def batches(speakers: Speakers) -> list[list[Request]]:
        return [batch for speaker in speakers.built for batch in speaker.calls]

    assert batches(first)[:8] + batches(second) == batches(undisturbed)


class Listening(Silent):
    """Hands on what is said."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say  # type: ignore[assignment,method-assign]


def test_a_run_that_waits_says_for_whom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suite.engine.local.SAY_SECONDS", 0.05)
    walk = walk_in(tmp_path)
    other = Claims(walk.store.folder)
    assert other.take(list(walk.requests(walk.groups[0]))[:1])
    said: list[str] = []

    def heard(message: str) -> None:
        said.append(message)
        if len(said) == 2:
            other.close()

    claims = Claims(walk.store.folder)
    run_walk(walk, CurrentModel(Speakers(walk)), claims, Listening(heard))
    claims.close()
    assert len(said) == 2
    assert said[0] == said[1]
    assert re.fullmatch(
        rf"Waiting for \d requests: process {os.getpid()} on .* holds them; `kill {os.getpid()}` "
        r"ends it and leaves them to this run\.",
        said[0],
    )


def test_what_another_process_holds_stops_only_what_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suite.engine.local.SAY_SECONDS", 0.05)
    walk = walk_in(tmp_path)
    first = walk.groups[0]
    reads = [g for g in walk.groups if any(s in first.steps for t in g.steps for s in t.chain)]
    free = [g for g in walk.groups if g not in reads]
    assert len(reads) > 1
    assert len(free) > 1
    other, speakers = Claims(walk.store.folder), Speakers(walk)
    assert other.take(walk.requests(first))
    reached: list[str] = []

    def heard(message: str) -> None:
        """Nothing is left to do but what is held."""
        assert reached == [g.title for g in walk.groups if g is first or g in free]
        asked = {key for g in free for key in walk.requests(g)}
        assert len(speakers.asked) == len(asked)
        other.close()

    claims = Claims(walk.store.folder)
    run_walk(
        walk, CurrentModel(speakers), claims, Listening(heard),
        lambda group, keys: reached.append(group.title),
    )  # fmt: skip
    claims.close()
    assert sorted(reached) == sorted(g.title for g in walk.groups)
    assert texts(walk) == texts(_finished(tmp_path / "alone"))


def _finished(folder: Path) -> Walk:
    folder.mkdir()
    walk = walk_in(folder)
    finish(walk)
    return walk


@pytest.mark.slow
def test_a_stopped_process_is_named_as_one(tmp_path: Path) -> None:
    walk = walk_in(tmp_path)
    keys = list(walk.requests(walk.groups[0]))[:1]
    code = (
        "import os, signal; from suite.base.files import Folder;"
        "from suite.engine.claims import Claims;"
        f"claims = Claims(Folder({str(tmp_path / 'store')!r})); assert claims.take({keys!r});"
        "os.kill(os.getpid(), signal.SIGSTOP); claims.close()"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    os.waitpid(process.pid, os.WUNTRACED)

    def heard(message: str) -> None:
        assert f"process {process.pid} on " in message
        assert message.endswith(
            f", which is stopped, holds them: `kill -CONT {process.pid}` lets it go on, "
            f"`kill -KILL {process.pid}` ends it and leaves them to this run."
        )
        process.kill()
        process.wait()

    claims = Claims(walk.store.folder)
    run_walk(walk, CurrentModel(Speakers(walk)), claims, Listening(heard))
    claims.close()
    assert process.returncode == -signal.SIGKILL


def test_a_model_that_cannot_be_let_go_hides_no_error(tmp_path: Path) -> None:
    class Stuck(Speaker):
        def close(self) -> None:
            raise RuntimeError("cannot be closed")

    walk = walk_in(tmp_path)
    loaded = CurrentModel(lambda model: Stuck(model, walk.fingerprints[model]))
    loaded.get((walk.groups[0].role, walk.groups[0].spec))
    loaded.drop()


@pytest.mark.slow
def test_two_runs_on_one_store_do_not_repeat_each_other(tmp_path: Path) -> None:
    walks = [walk_in(tmp_path, run=name, count=40) for name in ("one", "two")]
    both: list[Speakers] = []
    barrier = threading.Barrier(2)

    def work(walk: Walk) -> None:
        barrier.wait()
        both.append(finish(walk))

    threads = [threading.Thread(target=work, args=(walk,)) for walk in walks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = [len(speakers.asked) for speakers in both]
    assert sum(counts) == walks[0].plan.distinct
    assert min(counts) > 0
    assert texts(walks[0]) == texts(walks[1])
