"""The process that tests/suite/test_kill.py kills: the small study with a slow generator.

In: a folder and the seconds a batch takes. Out: its store, and `done` on stdout at the end.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from world import Speakers, walk_in

from suite.engine.local import Loaded, run_walk
from suite.engine.progress import Silent
from suite.requests import Request


def main(folder: str, seconds: str) -> None:
    """Runs the study to its end."""

    def slowly(requests: Sequence[Request]) -> None:
        time.sleep(float(seconds))

    walk = walk_in(Path(folder), run=str(time.time_ns()), count=24)
    claims = walk.store.claims()
    print("started", flush=True)
    run_walk(walk, Loaded(Speakers(walk, slowly)), claims, Silent())
    claims.close()
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
