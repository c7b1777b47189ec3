"""Where the cache lies: by the environment, and by the system's own custom without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.base.files import cache_folder
from suite.items.cache import ItemCache


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home, with nothing set."""
    for name in ("DOWNSCALE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    folder = Path("/somebody")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr("sys.platform", "linux")
    return folder


def test_each_system_has_its_own_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == home / ".cache" / "downscaling-suite"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == home / "Library" / "Caches" / "downscaling-suite"
    monkeypatch.setattr("sys.platform", "win32")
    assert cache_folder() == home / ".cache" / "downscaling-suite"
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert cache_folder() == Path("/local/downscaling-suite")


def test_what_a_person_sets_holds_everywhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setenv("XDG_CACHE_HOME", "~/xdg")
    assert cache_folder() == home / "xdg" / "downscaling-suite"
    monkeypatch.setenv("DOWNSCALE_CACHE", "~/own")
    assert cache_folder() == home / "own"
    assert ItemCache().folder == home / "own" / "items"
