"""Ray: actors give the records that this machine alone gives, whoever dies; what is refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from suite.api import run
from suite.cli.run import command
from suite.engine.cluster import Cluster, Pool
from suite.engine.progress import Silent
from suite.errors import SuiteError

ORACLE = ("oracle/*",)
MEASURED = ["seconds"]
"""What two runs never have alike."""


def test_counts_of_processes_and_of_actors_do_not_mix() -> None:
    told = {
        ("--ray", "local", "--workers", "2"): "--workers counts processes of this machine alone; "
        "with --ray give --actors.",
        ("--actors", "2"): "--actors and what an actor takes belong to --ray; add it.",
        ("--gpus-per-actor", "0"): "--actors and what an actor takes belong to --ray; add it.",
    }
    for words, sentence in told.items():
        result = CliRunner().invoke(command, ["micro", *words])
        assert isinstance(result.exception, SuiteError)
        assert str(result.exception) == sentence


def test_without_ray_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SuiteError) as error:
        run("micro", out=tmp_path / "run", ray=Cluster("local"))
    assert str(error.value) == (
        "--ray needs the package ray: `pip install 'downscaling-suite[ray]'`."
    )


@pytest.mark.parametrize(
    ("asked", "gpus", "cpus", "count"),
    [
        (Cluster("a"), 0.0, 1.0, 11),
        (Cluster("a"), 0.0, 4.0, 2),
        (Cluster("a", actors=3), 0.0, 1.0, 3),
        (Cluster("a", actors=9), 0.0, 4.0, 2),
        (Cluster("a"), 1.0, 1.0, 2),
        (Cluster("a"), 0.5, 1.0, 4),
        (Cluster("a"), 0.5, 4.0, 2),
    ],
)
def test_as_many_actors_as_the_nodes_have_room_for(
    asked: Cluster, gpus: float, cpus: float, count: int
) -> None:
    """Nodes of 8, 2 and 1 CPUs, the first with two GPUs."""
    nodes = [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 2.0}, {"CPU": 1.0}]
    assert Pool(asked, None, nodes, gpus, False)._count(cpus) == count


def test_an_actor_that_no_node_can_hold_is_refused() -> None:
    nodes = [{"CPU": 8.0, "GPU": 1.0}, {"CPU": 16.0}]
    with pytest.raises(SuiteError) as error:
        Pool(Cluster("auto"), None, nodes, 1.0, False)._count(16.0)
    assert str(error.value) == (
        "No node of the Ray cluster at auto has 16 CPUs and 1 GPUs, which one actor takes; give "
        "fewer with --cpus-per-actor and --gpus-per-actor."
    )


@pytest.fixture
def three_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster of three nodes of one CPU, which tests may take away."""
    pytest.importorskip("ray", reason="ray is not installed: pip install 'downscaling-suite[ray]'")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.cluster_utils import Cluster as Simulated

    cluster = Simulated(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster
    ray.shutdown()
    cluster.shutdown()


class Removing(Silent):
    """Takes a node away once the first answers are there."""

    def __init__(self, cluster: Any) -> None:
        self.cluster, self.said = cluster, list[str]()
        self.left = list(cluster.worker_nodes)[:1]
        self.say = self.said.append  # type: ignore[assignment,method-assign]
        self.advance = self._advance  # type: ignore[assignment,method-assign]

    def _advance(self, done: int) -> None:
        if self.left:
            self.cluster.remove_node(self.left.pop())


def answers(folder: Path) -> pd.DataFrame:
    """All rows of a run's store, twice where they were generated twice."""
    parts = sorted((folder / "store").rglob("*.parquet"))
    return pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True)


@pytest.mark.slow
def test_three_nodes_of_which_one_is_lost_give_the_same_records(
    three_nodes: Any, tmp_path: Path
) -> None:
    removing = Removing(three_nodes)
    cluster = Cluster(three_nodes.address)
    spread = run(
        "micro", out=tmp_path / "ray", limit=10, only=ORACLE, ray=cluster, progress=removing
    )
    assert any(line.startswith("An actor died (") for line in removing.said), removing.said
    alone = run("micro", out=tmp_path / "alone", limit=10, only=ORACLE, workers=1)
    assert spread.summary["cells"] == alone.summary["cells"]
    pd.testing.assert_frame_equal(
        spread.records.drop(columns=MEASURED, errors="ignore"),
        alone.records.drop(columns=MEASURED, errors="ignore"),
    )
    rows = answers(tmp_path / "ray")
    assert len(rows) - rows["key"].nunique() <= 64  # the batch that was in flight
    assert rows["key"].nunique() == answers(tmp_path / "alone")["key"].nunique()
