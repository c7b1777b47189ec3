"""What the tests of servers share: pauses that take no time and are noted."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("openai", reason="the extra endpoint is not installed")


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of every pause, of which none is made."""
    noted: list[float] = []

    async def pause(seconds: float) -> None:
        noted.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr("suite.models.endpoint.server.pause", pause)
    monkeypatch.setattr("suite.models.endpoint.server.random.uniform", lambda low, high: high)
    return noted
