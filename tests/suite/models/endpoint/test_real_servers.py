"""Real servers on this machine, where they are installed, say what a model says here.

In: a server of tests/benchmarks/servers.py, which also makes results/endpoint/servers.csv.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks import servers


@pytest.mark.slow
@pytest.mark.parametrize("kind", servers.SERVERS)
def test_a_server_says_what_the_model_says_here(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not servers.found(kind):
        pytest.skip(f"{kind} is not installed: see tests/benchmarks/servers.py")
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    model = servers.model_of(kind)
    with servers.running(kind, model, tmp_path / "log.txt") as url:
        direct = servers.compare(kind, url, model, servers.DIRECT, 20)
        assert direct["failed"] == 0, direct["reason"]
        if kind == "llamacpp":  # quantised numbers are others
            return
        assert direct["equal"] == 20
        thinking = servers.compare(kind, url, model, servers.THINK, 20)
        assert (thinking["equal"], thinking["failed"]) == (20, 0), thinking["reason"]
        assert thinking["generated_tokens"] == thinking["own_tokens"]
