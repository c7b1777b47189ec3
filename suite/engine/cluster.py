"""Ray: the walk of a run done by actors on the nodes of a cluster, over a store that all see.

In: a walk, and where a Ray cluster is. Out: a store in which every request of the walk is answered
or has failed. An actor is a worker (`suite.engine.worker`) with its share of processors: it takes
batches that no other has claimed and writes their answers to the store itself, so nothing but the
job goes through the driver. What a dead actor held is given up, and another takes its place.
"""

from __future__ import annotations

import importlib
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from suite.base.machine import cores
from suite.engine.claims import give_up
from suite.engine.local import Note
from suite.engine.processes import is_small, name_of
from suite.engine.progress import Progress, Tally
from suite.engine.walk import Walk
from suite.engine.worker import Job, work
from suite.errors import SuiteError, Unfinished, reason_of
from suite.planning.prompts import Prompts

LOCAL = "local"
"""In place of an address: a cluster of this machine alone, which ends with the run."""
LOOK_SECONDS = 0.5
"""Between two looks at the store and the actors."""
DEATHS = 3
"""Times as many deaths as there are actors, without an answer between, that end the run."""


@dataclass(frozen=True)
class Cluster:
    """Which cluster a run uses, and what each of its actors takes."""

    address: str
    """`local`, `auto`, `HOST:PORT` or `ray://HOST:PORT`."""
    actors: int | None = None
    """None: as many as the cluster has room for."""
    gpus: float | None = None
    """GPUs of an actor; None: one where the cluster has any."""
    cpus: float | None = None
    """CPUs of an actor; None: one beside a GPU or for small models, else a node's."""


class Hand:
    """What an actor does; made and called by Ray."""

    def about(self, device: str) -> dict[str, str]:
        """Says on which device of which node it works."""
        import socket

        return {"device": f"{device} of {socket.gethostname()}", "name": name_of(device)}

    def work(self, job: Job, owner: str, folder: str) -> None:
        """Works on the walk until nothing is missing; relative paths lead from `folder`."""
        from suite.base.deprecations import hide_deprecations

        hide_deprecations(logger=True)
        if Path(folder).is_dir():
            os.chdir(folder)
        work(job, owner)


@dataclass
class Pool:
    """A connection to a cluster."""

    asked: Cluster
    ray: Any
    nodes: list[dict[str, float]]
    """Resources of each living node."""
    gpus: float
    owned: bool
    """Whether it ends with the run."""
    _hands: dict[Any, tuple[Any, str]] = field(default_factory=dict)
    """Result to come -> its actor and the owner of its claims."""

    @property
    def device(self) -> str:
        """Kind of device that the actors have."""
        return "cuda" if self.gpus else "cpu"

    def generate(
        self,
        walk: Walk,
        prompts: Prompts,
        progress: Progress,
        note: Note,
        begun: Callable[[dict[str, Any]], None],
    ) -> None:
        """Has the actors generate what is missing; `begun` is told where they are."""
        watched = _watch(walk, progress, note)
        if next(watched, None) is None:
            return
        small = is_small(walk)
        cpus = self.asked.cpus or (1.0 if self.gpus or small else min(n["CPU"] for n in self.nodes))
        count = self._count(cpus)
        threads = None if self.gpus else (1 if small else max(1, int(cpus)))
        device = "cuda:0" if self.gpus else "cpu"
        job = self.ray.put(replace(Job.of(walk, prompts, threads), device=device))
        hand = self.ray.remote(Hand).options(num_cpus=cpus, num_gpus=self.gpus)
        told: list[Any] = []

        def start() -> None:
            actor, owner = hand.remote(), uuid.uuid4().hex
            told.append(actor.about.remote(device))
            self._hands[actor.work.remote(job, owner, str(Path.cwd()))] = (actor, owner)

        progress.say(f"Working with {count} actors on {len(self.nodes)} nodes")
        for _ in range(count):
            start()
        deaths, stored, waiting = 0, -1, True
        try:
            for answered in watched:
                if answered > stored:
                    deaths, stored = 0, answered
                waiting = waiting and not self._told(told[:count], count, threads, begun)
                for reason in self._died(walk):
                    deaths += 1
                    if deaths > DEATHS * count:
                        raise Unfinished(
                            f"{deaths} actors have died without an answer between, the last of "
                            f"them so: {reason}. What was finished is in the store."
                        )
                    progress.say(f"An actor died ({reason}); another takes its place.")
                    start()
        finally:
            if waiting:
                self._told(told[:count], 0, threads, begun)
            for actor, _ in self._hands.values():
                self.ray.kill(actor)
            self._hands = {}

    def close(self) -> None:
        """Ends the connection, and the cluster where it was made for the run."""
        if self.owned:
            self.ray.shutdown()

    def _count(self, cpus: float) -> int:
        room = [
            int(
                min([n.get("CPU", 0) / cpus, *([n.get("GPU", 0) / self.gpus] if self.gpus else [])])
            )
            for n in self.nodes
        ]
        if not sum(room):
            raise SuiteError(
                f"No node of the Ray cluster at {self.asked.address} has {cpus:g} CPUs and "
                f"{self.gpus:g} GPUs, which one actor takes; give fewer with --cpus-per-actor and "
                "--gpus-per-actor."
            )
        return min(self.asked.actors or sum(room), sum(room))

    def _told(
        self, told: list[Any], wanted: int, threads: int | None, begun: Callable[..., None]
    ) -> bool:
        """Passes on where actors are, once `wanted` of them or more have said it."""
        ready, _ = self.ray.wait(told, num_returns=len(told), timeout=0)
        if len(ready) < wanted:
            return False
        devices = []
        for one in ready:
            try:
                devices.append(self.ray.get(one))
            except self.ray.exceptions.RayError:
                continue  # it died, and is told of where its work is
        begun({"devices": devices, "processes": len(told), "threads": threads})
        return True

    def _died(self, walk: Walk) -> Iterator[str]:
        """Why actors died since the last look, if any did; gives up what they held."""
        if not self._hands:  # all have found that nothing is missing
            return
        done, _ = self.ray.wait(list(self._hands), timeout=LOOK_SECONDS)
        for one in done:
            _, owner = self._hands.pop(one)
            try:
                self.ray.get(one)
            except self.ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, SuiteError):  # the setup is wrong, on that node at least
                    raise error.cause from error
                reason = f"{type(error.cause).__name__}: {reason_of(error.cause)}"
            except self.ray.exceptions.RayError as error:
                reason = reason_of(error).partition("\n")[0]
            else:
                continue
            give_up(walk.store.folder, owner)
            yield reason


def connect(asked: Cluster, device: str) -> Pool:
    """Connects to the cluster; SuiteError where Ray is not installed or nothing answers.

    device: as for a run of this machine alone; `cpu` leaves the cluster's GPUs alone.
    """
    # Nothing is sent anywhere, and zero GPUs hide those that are there.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise SuiteError(
            "--ray needs the package ray: `pip install 'downscaling-suite[ray]'`."
        ) from error
    local: dict[str, Any] = {"num_cpus": cores(), "include_dashboard": False}
    owned = not ray.is_initialized()
    try:
        if owned:
            ray.init(
                address=asked.address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **(local if asked.address == LOCAL else {}),
            )
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise SuiteError(
            f"No Ray cluster answers at {asked.address} ({reason_of(error)}); start one with "
            "`ray start --head`, or write `--ray local`."
        ) from error
    known: list[dict[str, Any]] = ray.nodes()
    nodes = [node["Resources"] for node in known if node["Alive"]]
    here = max(node.get("GPU", 0.0) for node in nodes)
    gpus = asked.gpus if asked.gpus is not None else float(here > 0 and device != "cpu")
    return Pool(asked, ray, nodes, gpus, owned)


def _watch(walk: Walk, progress: Progress, note: Note) -> Iterator[int]:
    """Tells progress of what the store gets, group by group; yields the number of answers seen
    until nothing is missing."""
    seen, tally = 0, Tally(walk.most(), progress)
    for group in walk.groups:
        shelf, requests = walk.shelf(group), walk.requests(group)
        note(group, requests)
        settled = sum(shelf.settled(key) for key in requests)
        tally.count(group, settled, len(requests))
        if settled == len(requests):
            continue
        progress.begin(group.title, len(requests), settled)
        before = settled
        while settled < len(requests):
            yield seen + settled
            shelf.refresh()
            now = sum(shelf.settled(key) for key in requests)
            if now > settled:
                tally.count(group, now, len(requests))
                if settled == before:
                    progress.ready()  # its model is loaded on a node
                progress.advance(now)
            settled = now
        seen += settled
        progress.end()
