"""The GPU's benchmark: its floor by hand, and what it says of the aims."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks.gpu import floor_of, jobs_of, model_of, verdicts


def test_the_floor_reads_weights_and_cache_once() -> None:
    model = model_of("tiny", "cpu")
    heads, groups, size = 4 * 16, 2 * 16, 64  # queries, keys, hidden
    layer = 2 * heads * size + 2 * groups * size + 3 * 64 * 128 + 2 * size + 2 * 16
    weights = 4 * (500 * size + 2 * layer + size)  # tied: one table, read for the scores
    cache = 4 * 5 * (20 + 30 / 2) * 2 * 2 * groups  # rows x mean length x layers x (key, value)
    assert floor_of(model, 5, 20, 30, speed=1000.0) == pytest.approx((weights + cache) / 1000)


def row(model: str, loop: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "loop": loop, "note": ""} | more


def test_aims_are_reached_not_reached_or_not_measured() -> None:
    rows = [
        row("0.6B", "baseline", tokens_per_second=900.0),
        row("0.6B", "recorded", tokens_per_second=8100.0),
        row("8B", "recorded", share_of_floor=0.4),
        row("micro", "recorded", seconds=30.0, note="ended with 1, 3.0 s of it asking models: x"),
    ]
    assert verdicts(rows) == [
        "times the baseline: 9.00, reached (aim 8)",
        "share of the floor at 8B: 0.40, not reached (aim 0.5)",
        "seconds of micro: not measured (aim 60)",
    ]
    assert verdicts(rows[1:2])[0] == "times the baseline: not measured (aim 8)"


def test_the_baseline_runs_before_the_loops_of_this_commit_and_alike() -> None:
    jobs = jobs_of(tiny=False, device="cuda", baseline=True, profile=False)
    first, second = jobs[0], jobs[1]
    assert (first["loop"], second["loop"]) == ("baseline", "growing")
    assert first | {"loop": "growing"} == second
    assert jobs_of(tiny=False, device="cuda", baseline=False, profile=False) == jobs[1:]
