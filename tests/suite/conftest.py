"""What several test files share: the small study, runs of it and of simulated records, own tasks.

In: nothing. Out: folders in pytest's temporary directories. Tests read what is made once for
the session; those that change it take a copy. Heavy imports stand inside the fixtures.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.suite.study_files import environment, write_study


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the family and study called tiny; items are cached in it."""
    from tests.suite.cli_study import STUDY

    return write_study(tmp_path_factory.mktemp("study"), study=STUDY).parent


@pytest.fixture
def tiny_environment(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process as `environment` has it for others."""
    for name in ("DOWNSCALE_CACHE", "OMP_NUM_THREADS", "HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, environment(tiny)[name])


@pytest.fixture(scope="session")
def finished(tiny: Path) -> tuple[Path, dict[str, Any]]:
    """A run directory of the study called tiny, and what the run printed as JSON."""
    from tests.suite.cli_study import call

    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment(tiny).items():
            patched.setenv(name, value)
        result = call("run", tiny / "study.yaml", "--out", tiny / "out", "--json")
    assert result.exit_code == 0, result.stderr
    return tiny / "out", json.loads(result.stdout)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out figures and report, which take most of a small run's time."""
    monkeypatch.setattr("suite.report.figures.write", lambda folder, **_: [])
    monkeypatch.setattr("suite.report.page.write", lambda folder, **_: folder / "records.parquet")


def once(
    factory: pytest.TempPathFactory, worker: str, name: str, make: Callable[[Path], Path]
) -> Path:
    """Makes a folder once for all processes of `pytest -n`: the first does, the others wait."""
    root = factory.getbasetemp() if worker == "master" else factory.getbasetemp().parent
    done = root / f"{name}.done"
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            (root / name).mkdir()
            done.write_text(str(make(root / name)))
    return Path(done.read_text())


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A run directory of simulated records, with tables, figures and the page; no test changes
    it."""
    from tests.suite.drawn_run import write_run

    return once(tmp_path_factory, worker_id, "drawn", write_run)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The study whose every text is known, and its run in `out`; no test changes them."""
    from tests.suite.told_run import write_home

    return once(tmp_path_factory, worker_id, "told", write_home)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tasks of one's own, which holds the task that CONTRIBUTING shows."""
    from tests.suite.own_tasks import write

    monkeypatch.setenv("DOWNSCALE_TASKS", str(tmp_path / "mine"))
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "mine")
    return tmp_path / "mine"


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """Five rows of MMStar's schema."""
    from tests.suite.item_files import ROWS
    from tests.tasks.files import write_parquet

    return write_parquet(tmp_path / "data" / "val-0.parquet", ROWS, "image")
