"""How many processes a run uses, on which devices, and their start and end.

In: the device a person asked for and what there is to do. Out: worker processes over the same store
(suite.engine.worker). CUDA devices get one process each; small models on a CPU, which cannot use
more than one core each, get one per core.
"""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO, Any

from suite.base.machine import cores, processor
from suite.engine.claims import Claims
from suite.engine.local import CurrentModel, Note, run_walk
from suite.engine.progress import Progress
from suite.engine.walk import Model, StepGroup, Walk
from suite.engine.worker import Job, build
from suite.errors import SuiteError
from suite.models.backends import backend_of
from suite.planning.prompts import Prompts
from suite.requests import Generator

SMALL_BYTES = 50e6
"""Checkpoints up to this size run one process per core on a CPU."""
WORTH_REQUESTS = 2000
"""Requests from which a further process on a CPU earns its start."""
MOST_CPU_WORKERS = 8


@dataclass(frozen=True)
class Layout:
    """Which processes run: one per entry of `devices`, the first of them this one."""

    devices: tuple[str, ...]
    threads: int | None


def layout(device: str, walk: Walk, workers: int | None) -> Layout:
    """Gives the processes for a device (`auto`, `cpu`, `mps`, `cuda`, `cuda:1`, ...)."""
    found = _devices(device)
    if found[0] != "cpu":
        # A process has its device and those after it that its model needs.
        each = max(group.spec.gpus for group in walk.groups)
        found = found[: max(1, len(found) // each * each) : each]
        return Layout(found if workers is None else found[:workers], None)
    ours, small = cores(), is_small(walk)
    if workers is None:
        stored = sum(len(walk.shelf(group)) for group in _one_per_model(walk))
        worth = small and walk.plan.distinct - stored >= WORTH_REQUESTS
        workers = min(ours, MOST_CPU_WORKERS) if worth else 1
    # One thread for small models however many processes there are: more threads than that only
    # wait for each other, and the number of threads can change the last bit of a sum.
    threads = 1 if small else _threads(max(1, ours // workers))
    return Layout(("cpu",) * workers, threads)


def _threads(most: int) -> int | None:
    """The library's own choice (None), which knows of OMP_NUM_THREADS and of cores that share one
    core's units, but not of other processes and of a container's quota: at most `most`."""
    import torch

    return None if torch.get_num_threads() <= most else most


def about(found: Layout) -> dict[str, Any]:
    """What provenance says of a layout: devices by process with their names, processes, threads."""
    import torch

    names = {name: name_of(name) for name in found.devices}
    return {
        "devices": [{"device": device, "name": names[device]} for device in found.devices],
        "processes": len(found.devices),
        "threads": found.threads or torch.get_num_threads(),
    }


def name_of(device: str) -> str:
    """Names the hardware behind a device; the processor for cpu and mps."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return processor()


def _devices(device: str) -> tuple[str, ...]:
    import torch

    if device in ("auto", "cuda"):
        count = torch.cuda.device_count()
        if count:
            return tuple(f"cuda:{index}" for index in range(count))
        if device == "cuda":
            raise SuiteError("--device cuda: no CUDA device is here; `downscale doctor` says why.")
        return ("mps",) if torch.backends.mps.is_available() else ("cpu",)
    return (device,)


def _one_per_model(walk: Walk) -> list[StepGroup]:
    return list({(group.role, group.spec): group for group in walk.groups}.values())


def is_small(walk: Walk) -> bool:
    """Whether every checkpoint of a walk is too small to use more than one core."""
    return _largest(walk) <= SMALL_BYTES


def _largest(walk: Walk) -> float:
    """Bytes of the largest checkpoint of the walk; infinite where one is not a local folder, or its
    backend uses all cores for any."""
    largest = 0.0
    for group in walk.groups:
        if not backend_of(group.spec).on_device:
            continue
        path = group.spec.path
        if path is None or not path.exists() or backend_of(group.spec).spreads:
            return float("inf")
        files = path.glob("*") if path.is_dir() else [path]
        largest = max(largest, float(sum(file.stat().st_size for file in files)))
    return largest


class Helpers:
    """The further processes of a run; none until `start`."""

    def __init__(self) -> None:
        self._running: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []

    def start(self, job: Job, devices: tuple[str, ...]) -> None:
        """Starts one process per device."""
        for device in devices:
            errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `stop`
            process = subprocess.Popen(
                [sys.executable, "-m", "suite.engine.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            self._running.append((process, errors))
            assert process.stdin is not None
            # One that has died already is named in `stop`; the others do its share.
            with contextlib.suppress(BrokenPipeError):
                pickle.dump(replace(job, device=device), process.stdin)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()

    def stop(self, say: Callable[[str], None], *, patience: float) -> None:
        """Waits for the processes, ends those that take longer, and says which failed."""
        for process, errors in self._running:
            try:
                code = process.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                process.terminate()
                process.wait()
                code = 0
            errors.seek(0)
            last = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
            errors.close()
            if code not in (0, 130):
                say(f"A worker process stopped early ({last or f'exit code {code}'}).")
        self._running = []


def generate(
    walk: Walk,
    prompts: Prompts,
    device: str,
    workers: int | None,
    progress: Progress,
    note: Note,
    begun: Callable[[dict[str, Any]], None],
) -> None:
    """Generates what is missing; devices are looked for when the first model loads. `begun` is
    told which, before it loads, and the versions of other programs that answer."""
    helpers = Helpers()
    chosen: list[Layout] = []

    def build_here(model: Model) -> Generator:
        if not backend_of(model[1]).on_device:
            if not chosen:
                begun({"devices": [], "processes": 1})
            return build(model, "cpu", None)
        if not chosen:
            found = layout(device, walk, workers)
            chosen.append(found)
            begun(about(found))
            helpers.start(Job.of(walk, prompts, found.threads), found.devices[1:])
            if len(found.devices) > 1:
                progress.say(f"Working with {len(found.devices)} processes on {found.devices[0]}")
        return build(model, chosen[0].devices[0], chosen[0].threads)

    claims = Claims(walk.store.folder)
    loaded = CurrentModel(build_here, lambda found: begun({"versions": found}))
    patience = 0.0
    try:
        run_walk(walk, loaded, claims, progress, note)
        patience = 30.0
    finally:
        claims.close()
        loaded.drop()
        helpers.stop(progress.say, patience=patience)
