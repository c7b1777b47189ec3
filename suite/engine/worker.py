"""A worker process of a run: works on the same walk over the same store as the process above it.

In: a pickled Job on stdin. Out: parts in the store; errors as one line on stderr and exit code 1.
Started by suite.engine.processes. It ends when nothing is left to do, or when its parent is gone.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from suite.base.deprecations import hide_deprecations
from suite.engine.claims import Claims
from suite.engine.local import CurrentModel, run_walk
from suite.engine.progress import Silent
from suite.engine.walk import Model, Walk
from suite.errors import reason_of
from suite.items.item import ItemSet
from suite.models.backends import backend_of, build_generator
from suite.planning.plan import Plan
from suite.planning.prompts import Prompts
from suite.requests import Generator
from suite.store import Store


@dataclass(frozen=True)
class Job:
    """All that a worker needs."""

    plan: Plan
    items: dict[str, ItemSet]
    prompts: Prompts
    fingerprints: dict[Model, dict[str, Any]]
    address: str
    run: str
    device: str
    threads: int | None
    """Threads of one worker; None leaves the library's own choice."""

    @staticmethod
    def of(walk: Walk, prompts: Prompts, threads: int | None) -> Job:
        """Gives the job of helping with a walk, on a device still to be named."""
        address, run = walk.store.address, walk.store.run
        items = dict(walk.items)
        return Job(walk.plan, items, prompts, walk.fingerprints, address, run, "", threads)

    def walk(self) -> Walk:
        """Gives the job's walk over its store."""
        store = Store(self.address, run=self.run)
        return Walk(self.plan, self.items, self.prompts, self.fingerprints, store)


def build(model: Model, device: str, threads: int | None) -> Generator:
    """Gives the generator of a model on a device."""
    role, spec = model
    if threads is not None and backend_of(spec).on_device:
        import torch

        torch.set_num_threads(threads)
    if device.startswith("cuda:") and backend_of(spec).on_device:
        import torch

        # Kernels that are not torch's own (Triton's) start on the current device, not the tensors'.
        torch.cuda.set_device(device)
    return build_generator(spec, role, device=device, dtype=spec.dtype, batch_size=spec.batch_size)


def work(job: Job, owner: str | None = None) -> None:
    """Runs a job to its end; `owner` names its claims."""
    walk = job.walk()
    loaded = CurrentModel(lambda model: build(model, job.device, job.threads))
    claims = Claims(walk.store.folder, owner=owner)
    try:
        run_walk(walk, loaded, claims, Silent())
    finally:
        claims.close()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def main() -> int:
    """Entry point of the process."""
    hide_deprecations(logger=True)
    parent = os.getppid()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    job: Job = pickle.load(sys.stdin.buffer)
    try:
        work(job)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        print(f"{type(error).__name__}: {reason_of(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
