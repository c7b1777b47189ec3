"""The server: one socket of this machine, a token, and the pages until Ctrl-C.

In: what to show. Out: an address to open, and nothing when it is stopped.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from importlib.util import find_spec

from suite.errors import SuiteError

HOST = "127.0.0.1"
PORT = 7357
"""The port without --port, or any free one where it is taken."""
NEEDED = ("starlette", "uvicorn")
MISSING = (
    "`downscale view` needs the packages starlette and uvicorn: "
    "`pip install 'downscaling-suite[view]'`."
)


def installed() -> bool:
    """Says whether the extra `view` is there, without importing it."""
    return all(find_spec(name) is not None for name in NEEDED)


def serve(
    source: str, other: str | None, port: int | None, store: str | None, say: Callable[[str], None]
) -> None:
    """Serves the runs until it is interrupted; `say` is told the address once it answers.

    port: None for PORT or a free one, 0 for a free one. Raises SuiteError where there is no run,
    the port is taken, or the extra is missing.
    """
    if not installed():
        raise SuiteError(MISSING)
    from suite.view.runs import Runs

    runs = Runs(source, store)
    held = ""
    if other is not None:
        if not runs.single:
            raise SuiteError(f"{source} is a folder of runs: give one of them to hold {other} to.")
        held = runs.add(other).name
    with bound(port) as listening:
        import uvicorn

        from suite.view.app import application

        own = int(listening.getsockname()[1])
        token = secrets.token_urlsafe(24)
        app = application(runs, held, token, own, store)
        if runs.single:
            for run in runs.all():
                run.opened()  # is read while the browser starts
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                lifespan="off",
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        say(f"http://{HOST}:{own}/?token={token}")
        server.run(sockets=[listening])


def bound(port: int | None) -> socket.socket:
    """Gives a socket of this machine alone that listens."""
    for own in (PORT, 0) if port is None else (port,):
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((HOST, own))
            found.listen(128)
            return found
        except OSError as error:
            found.close()
            reason = error.strerror
    raise SuiteError(f"Port {port} cannot be used ({reason}); choose another --port.")
