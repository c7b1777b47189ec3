"""The process that tests/suite/engine/test_kill.py kills: the small study with a slow generator.

In: a folder and the seconds a batch takes. Out: its store, and `done` on stdout at the end.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from suite.engine.claims import Claims
from suite.engine.local import CurrentModel, run_walk
from suite.engine.progress import Silent
from suite.requests import Request
from tests.suite.world import Speakers, walk_in


def main(folder: str, seconds: str) -> None:
    """Runs the study to its end."""

    def slowly(requests: Sequence[Request]) -> None:
        time.sleep(float(seconds))

    walk = walk_in(Path(folder), run=str(time.time_ns()), count=24)
    claims = Claims(walk.store.folder)
    print("started", flush=True)
    run_walk(walk, CurrentModel(Speakers(walk, slowly)), claims, Silent())
    claims.close()
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
