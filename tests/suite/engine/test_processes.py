"""Processes and their devices: one that fails, one that dies, and which is the current one."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from suite.engine.batches import generate
from suite.engine.processes import Helpers, Layout, layout
from suite.engine.worker import Job, build
from suite.errors import Unfinished
from suite.models.backends import build_generator
from suite.models.spec import ModelSpec
from suite.models.transformers import generator as backend
from suite.requests import Decoding, Message, Request
from tests.suite.tiny_models import text_folder


def request(index: int) -> Request:
    return Request("t", str(index), (Message("user", "what colour"),), Decoding(max_new_tokens=2))


def no_image(name: str) -> bytes:
    raise KeyError(name)


def test_a_device_that_has_failed_stops_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = build_generator(ModelSpec(path=text_folder(tmp_path)), "text", device="cpu")

    def fail(*about: Any) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(backend, "decode", fail)
    (answer,) = generate(text, [request(0)], no_image)
    assert answer.error == "RuntimeError: CUDA error: device-side assert triggered"
    monkeypatch.setattr(backend, "device_lost", lambda device: True)
    with pytest.raises(Unfinished) as caught:
        generate(text, [request(0), request(1)], no_image)
    assert str(caught.value) == (
        "Device cpu has failed and answers nothing any more (CUDA error: device-side assert "
        "triggered); run the same command again, all that was finished is kept."
    )


@pytest.mark.parametrize(
    ("megabytes", "requests", "library", "want"),
    [
        (1, 100, 8, Layout(("cpu",), 1)),  # few requests: not worth a process
        (1, 5000, 8, Layout(("cpu", "cpu"), 1)),
        (60, 5000, 8, Layout(("cpu",), 2)),  # the library knows nothing of the quota
        (60, 5000, 1, Layout(("cpu",), None)),
    ],
)
def test_processes_and_threads_on_two_cores(
    megabytes: int,
    requests: int,
    library: int,
    want: Layout,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("suite.engine.processes.cores", lambda: 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: library)
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(megabytes * 10**6)
    group = SimpleNamespace(role="text", spec=ModelSpec(path=tmp_path))
    walk: Any = SimpleNamespace(
        groups=[group], plan=SimpleNamespace(distinct=requests), shelf=lambda group: ()
    )
    assert layout("cpu", walk, None) == want


def test_several_processes_share_the_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suite.engine.processes.cores", lambda: 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(60_000_000)
    group = SimpleNamespace(role="text", spec=ModelSpec(path=tmp_path))
    walk: Any = SimpleNamespace(groups=[group])
    assert layout("cpu", walk, 2) == Layout(("cpu", "cpu"), 2)


def test_what_a_lost_device_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(error: Exception) -> None:
        def ones(*about: Any, **settings: Any) -> None:
            raise error

        monkeypatch.setattr(torch, "ones", ones)

    refuse(RuntimeError("CUDA error"))
    assert backend.device_lost(torch.device("cuda"))
    assert not backend.device_lost(torch.device("cpu"))
    refuse(torch.OutOfMemoryError("full"))
    assert not backend.device_lost(torch.device("cuda"))


def test_a_worker_makes_its_device_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[str] = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr("suite.engine.worker.build_generator", lambda *about, **settings: None)
    for device in ("cpu", "cuda:1"):
        build(("text", ModelSpec(path=tmp_path)), device, None)
    build(("text", ModelSpec(path=tmp_path, generator="recorded")), "cuda:1", None)
    assert chosen == ["cuda:1"]


def test_a_worker_that_dies_at_once_does_not_stop_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    helpers = Helpers()
    items: Any = {"one": "x" * 10_000_000}  # more than a pipe holds
    nothing: Any = None
    helpers.start(Job(nothing, items, nothing, {}, "", "", "", None), ("cpu",))
    said: list[str] = []
    helpers.stop(said.append, patience=30.0)
    assert said == ["A worker process stopped early (exit code 1)."]
