"""A study through a server: failures are told and tried again, nothing is asked twice, and the API
key is nowhere in what a run leaves.

In: the command line and a small server. Out: a run directory, read whole.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from suite.base.json_values import canonical_json
from suite.models.endpoint import server as asking
from suite.runs import history
from tests.suite.cli_study import call, error
from tests.suite.models.endpoint.served import Act, Handler, chunk, drops, fails, says, served

KEY = "sk-secret-0123456789"
FAMILY = """
family: far
title: Models on a server
prompts: micro
sizes:
  - name: s
    params: 1.0e9
    text: {generator: endpoint, url: URL, model: owner/text-s, api_key_env: MY_KEY}
    vlm: {generator: endpoint, url: URL, model: vlm-s, api_key_env: MY_KEY, concurrency: 2}
  - {name: l, params: 2.0e9, text: {generator: endpoint, model: owner/text-l}}
"""
STUDY = """
study: far
family: far.yaml
limit: 3
tasks: [{task: micro_ocr}]
cells:
  - {method: end_to_end, perception: s}
  - {method: decoupled, perception: s, reasoning: [s, l], thinking: [false, true]}
decoding:
  think: {temperature: 0.6, thinking_budget: 8, max_new_tokens: 4}
"""


def write(folder: Path, url: str) -> Path:
    (folder / "far.yaml").write_text(FAMILY.replace("URL", url))
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


def answers(handler: Handler) -> None:
    """Thinks where it is told to; says the letter that its prompt decides."""
    body = handler.body
    letter = "ABC"[len(canonical_json(body["messages"])) % 3]
    thinks = body["chat_template_kwargs"]["enable_thinking"]
    says(f"<think>\nhm\n</think>\n\n{letter}" if thinks else letter)(handler)


FAULTS: tuple[Act, ...] = (
    says("x", "content_filter"),
    fails(400, {"error": {"message": f"no access for Bearer {KEY}"}}),
    lambda handler: handler.events(chunk("half"), ended=False),
    fails(500, f"<html>{KEY}</html>", "text/html"),
    drops,
    fails(200, {"choices": [], "key": KEY}),
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def environment(cache: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, value in {"MY_KEY": KEY, "DOWNSCALE_CACHE": cache}.items():
        monkeypatch.setenv(name, value)
    return dict(os.environ)


def holds_key(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if KEY.encode() in path.read_bytes()]


@pytest.mark.usefixtures("undrawn")
def test_what_a_server_fails_at_is_tried_again_and_its_key_is_nowhere(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, seen, asked = [True], dict[str, int](), Counter[str]()
    lock = threading.Lock()

    def act(handler: Handler) -> None:
        name = canonical_json([handler.body["model"], handler.body["messages"]])
        with lock:
            number = seen.setdefault(name, len(seen))
            asked[name] += 1
        if broken[0] and number % 4 == 3:
            FAULTS[number // 4 % len(FAULTS)](handler)
        else:
            answers(handler)

    monkeypatch.setattr(asking, "PAUSES", (0.001, 0.001))
    out = tmp_path / "run"
    said = ""
    listed = [
        {"id": name, "owned_by": "vllm"} for name in ("vlm-s", "owner/text-s", "owner/text-l")
    ]
    with served(by=act, listed=listed) as server:
        server.told["/version"] = {"version": "0.32.0"}
        study = write(tmp_path, server.url)
        assert "has no address" in error("run", study, "--out", tmp_path / "none")
        monkeypatch.setenv("DOWNSCALE_ENDPOINT", server.url)

        first = call("run", study, "--out", out, "--json")
        said += first.output
        assert first.exit_code == 1, first.output
        counts = json.loads(first.stdout)["requests"]
        assert counts["failed"] > 0
        assert "content filter has stopped the answer" in first.stderr
        assert holds_key(out) == []

        broken[0] = False
        before = Counter(asked)
        second = call("run", study, "--out", out, "--json")
        said += second.output
        assert second.exit_code == 0, second.output
        assert json.loads(second.stdout)["requests"]["failed"] == 0
        # Answers are not asked for again: only what had failed, and what stood behind it.
        again = {name for name in before if asked[name] > before[name]}
        assert 0 < len(again) <= counts["failed"]
        assert {key for body in server.bodies for key in body} >= {"seed", "max_tokens"}
        assert set(server.keys) == {f"Bearer {KEY}", "Bearer none"}
    # A finished study needs no server, no address and no key.
    monkeypatch.delenv("MY_KEY")
    monkeypatch.delenv("DOWNSCALE_ENDPOINT")
    third = call("run", study, "--out", out, "--json")
    said += third.output
    assert third.exit_code == 0, third.output
    assert json.loads(third.stdout)["requests"]["generated"] == 0
    facts = json.loads((out / "provenance.json").read_text())
    assert {"generator": "endpoint", "model": "vlm-s"} in [
        m["fingerprint"] for m in facts["models"]
    ]
    told = history.versions(facts)
    assert {told[f"server of {entry['id']}"] for entry in listed} == {"vllm 0.32.0"}
    assert "vllm" not in str(facts["versions"])  # of the command that asked nothing
    assert told["torch"] == facts["versions"]["torch"]
    assert holds_key(tmp_path) == []
    assert KEY not in said


def test_plan_and_models_ask_no_server(tmp_path: Path, environment: dict[str, str]) -> None:
    study = write(tmp_path, "http://127.0.0.1:9/v1")
    planned = call("plan", study, "--json")
    assert planned.exit_code == 0, planned.output
    assert {row["model"] for row in json.loads(planned.stdout)["stages"]} == {
        *("text-s", "vlm-s", "text-l"),
    }
    listed = call("models", tmp_path / "far.yaml", "--json")
    rows: list[dict[str, Any]] = json.loads(listed.stdout)
    assert [(row["source"], row["here"]) for row in rows] == [
        ("owner/text-s", False),
        ("vlm-s", False),
        ("owner/text-l", False),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on_and_ends_at_once(
    tmp_path: Path, environment: dict[str, str], how: signal.Signals
) -> None:
    hanging, stopped = threading.Event(), threading.Event()
    done = Counter[str]()

    def act(handler: Handler) -> None:
        name = canonical_json([handler.body["model"], handler.body["messages"]])
        if handler.body["model"] == "vlm-s" and not stopped.is_set():
            hanging.set()
            stopped.wait()
            return
        done[name] += 1
        answers(handler)

    with served(by=act) as server:
        study = write(tmp_path, server.url)
        command = [sys.executable, "-m", "suite", "run", str(study), "--out", str(tmp_path / "run")]
        settings = {**environment, "DOWNSCALE_ENDPOINT": server.url}
        run = subprocess.Popen(command, env=settings, stderr=subprocess.PIPE, text=True)
        assert hanging.wait(300)
        run.send_signal(how)
        said = run.communicate(timeout=300)[1]  # the server still says nothing
        assert run.returncode == (130 if how == signal.SIGINT else -how)
        stopped.set()
        before = Counter(done)
        again = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert before
    assert all(done[name] == count for name, count in before.items())
    assert KEY not in said + again.stderr + again.stdout
    assert (tmp_path / "run" / "report.html").is_file()
    assert holds_key(tmp_path) == []
