"""The engine: order, deduplication, deterministic batches, faults, two processes on one store."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import Speaker, Speakers, walk_in

from suite.engine.batches import NO_MEMORY, generate
from suite.engine.local import Loaded, run_walk
from suite.engine.progress import Bars, Lines, Silent, duration
from suite.engine.walk import Walk, groups_of, partition
from suite.errors import SuiteError
from suite.requests import Decoding, Generation, Message, OutOfMemory, Request


def run(walk: Walk, trouble: Any = None) -> Speakers:
    speakers = Speakers(walk, trouble)
    claims = walk.store.claims()
    try:
        run_walk(walk, Loaded(speakers), claims, Silent())
    finally:
        claims.close()
    return speakers


def texts(walk: Walk) -> dict[str, Any]:
    """Cell, task and place -> text or the reason for none, of a walk through the store."""
    for group in walk.groups:
        walk.requests(group)
    found = {}
    for task in walk.plan.tasks:
        for cell in task.cells:
            for n, place in enumerate(walk.places(cell.step, task.task)):
                generation = walk.generation(cell.step, place)
                text = generation.text or generation.error if generation else place.reason
                found[f"{cell.id} {task.task} {n}"] = text
    return found


def test_upstream_comes_first_and_models_are_loaded_once_or_twice(tmp_path: Path) -> None:
    walk = walk_in(tmp_path)
    seen: set[Any] = set()
    for group in groups_of(walk.plan):
        assert all(step.upstream is None or step.upstream in seen for step in group.steps)
        seen.update(group.steps)
    speakers = run(walk)
    loaded = [f"{role}-{spec.source[-1]}" for role, spec in (s.model for s in speakers.built)]
    # text-l writes the contents first; it comes back for the reasoning.
    assert sorted(loaded) == ["text-l", "text-l", "text-s", "vlm-l", "vlm-s"]


def test_a_run_asks_every_distinct_request_once_and_a_second_one_nothing(tmp_path: Path) -> None:
    walk = walk_in(tmp_path)
    speakers = run(walk)
    assert len(speakers.asked) == walk.plan.distinct == len(walk.distinct())
    again = walk_in(tmp_path, run="again")
    assert run(again).asked == []
    assert texts(again) == texts(walk)


def test_texts_that_coincide_are_asked_once(tmp_path: Path) -> None:
    cells = [{"method": "blind", "perception": "s"}]
    walk = walk_in(tmp_path, cells=cells, tasks=[{"task": "one"}])
    (items,) = walk.items.values()
    twice = tuple(item.__class__(**{**vars(item), "question": "Which?"}) for item in items.items)
    walk.items = {"one": items.__class__("one", twice, items.image_bytes)}
    speakers = run(walk)
    assert walk.plan.distinct == 6
    assert len(speakers.asked) == 1


def test_every_stage_reads_what_the_one_before_wrote(tmp_path: Path) -> None:
    walk = walk_in(tmp_path)
    run(walk)
    cell = next(cell for cell in walk.plan.cells if cell.id == "decoupled/P=s/R=l/think")
    instruct, perceive, reason = cell.step.chain
    for index in range(6):
        contents = walk.generation(instruct, walk.places(instruct, "one")[index])
        assert contents is not None
        asked = {r.item_id: r for r in walk_requests(walk, perceive)}[str(index)]
        assert contents.text in asked.messages[-1].text
        assert asked.messages[-1].images == walk.items["one"].items[index].images
        described = walk.generation(perceive, walk.places(perceive, "one")[index])
        assert described is not None
        requests = [r for r in walk_requests(walk, reason) if described.text in r.messages[-1].text]
        assert [r.item_id for r in requests] == [str(index)]
        assert requests[0].messages[-1].images == ()


def walk_requests(walk: Walk, step: Any) -> list[Request]:
    group = next(group for group in walk.groups if step in group.steps)
    return [request for request in walk.requests(group).values() if request.task == "one"]


def test_samples_differ_and_greedy_stages_are_shared(tmp_path: Path) -> None:
    cells = [{"method": "decoupled", "perception": "s", "reasoning": "s", "samples": 3}]
    walk = walk_in(tmp_path, cells=cells, tasks=[{"task": "one"}], count=2)
    speakers = run(walk)
    assert len(speakers.asked) == 2 + 2 + 6
    step = walk.plan.cells[0].step
    answers = [walk.generation(step, place) for place in walk.places(step, "one")]
    assert len({answer.text for answer in answers if answer}) == 6


REQUESTS = st.lists(
    st.tuples(st.text("ab", max_size=9), st.integers(0, 2)), min_size=1, max_size=40
).map(
    lambda rows: {
        f"{n:03d}": Request("t", str(n), (Message("user", text, ("i",) * images),), Decoding())
        for n, (text, images) in enumerate(rows)
    }
)


@given(REQUESTS, st.integers(1, 7), st.randoms())
def test_partition(requests: dict[str, Request], size: int, random: Any) -> None:
    batches = partition(requests, size)
    assert sorted(key for batch in batches for key in batch) == sorted(requests)
    assert max(map(len, batches)) <= size
    for batch in batches:
        assert len({len(requests[key].messages[0].images) for key in batch}) == 1
    lengths = [
        (len(requests[k].messages[0].images), len(requests[k].messages[0].text))
        for batch in batches
        for k in batch
    ]
    assert lengths == sorted(lengths, reverse=True)
    shuffled = list(requests)
    random.shuffle(shuffled)
    assert partition({key: requests[key] for key in shuffled}, size) == batches


# --- faults -----------------------------------------------------------------------------------


def requests_of(count: int) -> list[Request]:
    return [Request("t", str(n), (Message("user", str(n)),), Decoding()) for n in range(count)]


def answer(count: int, trouble: Any) -> tuple[list[Generation], Speaker]:
    speaker = Speaker(("text", None), {}, trouble=trouble)  # type: ignore[arg-type]
    return generate(speaker, requests_of(count), lambda name: b""), speaker


def test_out_of_memory_halves_the_batch_until_it_fits() -> None:
    def too_many(requests: Sequence[Request]) -> None:
        if len(requests) > 2:
            raise OutOfMemory("no room")

    found, speaker = answer(7, too_many)
    assert [len(call) for call in speaker.calls] == [7, 4, 2, 2, 3, 2, 1]
    undisturbed, _ = answer(7, lambda requests: None)
    assert found == undisturbed


def test_what_does_not_fit_alone_is_a_failure() -> None:
    def third_is_too_long(requests: Sequence[Request]) -> None:
        if any(request.item_id == "2" for request in requests):
            raise MemoryError

    found, _ = answer(4, third_is_too_long)
    assert [one.error for one in found] == [None, None, NO_MEMORY, None]


def test_an_exception_of_one_request_is_its_failure() -> None:
    def second_is_bad(requests: Sequence[Request]) -> None:
        if any(request.item_id == "1" for request in requests):
            raise ValueError("bad\nshape")

    found, speaker = answer(3, second_is_bad)
    assert [one.error for one in found] == [None, "ValueError: bad shape", None]
    assert [len(call) for call in speaker.calls] == [3, 1, 1, 1]


def test_a_wrong_setup_is_not_a_failure_of_requests() -> None:
    def offline(requests: Sequence[Request]) -> None:
        raise SuiteError("The endpoint does not answer.")

    with pytest.raises(SuiteError, match="The endpoint does not answer"):
        answer(3, offline)


def test_failures_go_down_the_chain_and_are_tried_again_by_the_next_run(tmp_path: Path) -> None:
    def blind_spot(requests: Sequence[Request]) -> None:
        for request in requests:
            if request.item_id == "3" and any(message.images for message in request.messages):
                raise OSError("cannot identify image file")

    walk = walk_in(tmp_path, run="one")
    run(walk, blind_spot)
    found = texts(walk)
    assert found["end_to_end/P=s one 3"] == "OSError: cannot identify image file"
    assert found["decoupled/P=s/R=l/direct two 3"] == (
        "perceive by vlm-s failed: OSError: cannot identify image file"
    )
    # Two end-to-end and two perceive requests per task failed; what followed was never asked:
    # 2 perceivers x 2 reasoners x (direct, think) x 2 tasks.
    assert walk.blocked() == 16
    mended = walk_in(tmp_path, run="two")
    speakers = run(mended)
    assert len(speakers.asked) == 8 + 16
    clean = tmp_path / "clean"
    clean.mkdir()
    undisturbed = walk_in(clean)
    run(undisturbed)
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
    claims = walk.store.claims()
    with pytest.raises(Stop):
        run_walk(walk, Loaded(first), claims, Silent())
    claims.close()
    second = run(walk_in(tmp_path, run="two"))
    clean = tmp_path / "clean"
    clean.mkdir()
    undisturbed = run(walk_in(clean))

    def batches(speakers: Speakers) -> list[list[Request]]:
        return [batch for speaker in speakers.built for batch in speaker.calls]

    assert batches(first)[:8] + batches(second) == batches(undisturbed)


def test_two_runs_on_one_store_do_not_repeat_each_other(tmp_path: Path) -> None:
    walks = [walk_in(tmp_path, run=name, count=40) for name in ("one", "two")]
    both: list[Speakers] = []
    barrier = threading.Barrier(2)

    def work(walk: Walk) -> None:
        barrier.wait()
        both.append(run(walk))

    threads = [threading.Thread(target=work, args=(walk,)) for walk in walks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = [len(speakers.asked) for speakers in both]
    assert sum(counts) == walks[0].plan.distinct
    assert min(counts) > 0
    assert texts(walks[0]) == texts(walks[1])


# --- progress ---------------------------------------------------------------------------------


def test_plain_lines_say_stage_number_rate_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("suite.engine.progress.time.monotonic", lambda: now[0])
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


def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that progress reads."""
    now = [100.0]
    monkeypatch.setattr("suite.engine.progress.time.monotonic", lambda: now[0])
    return now


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

    claims = walk.store.claims()
    run_walk(walk, Loaded(build), claims, Lines(stream))
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
