"""The pages as a web application.

In: the runs, another run to hold them against, a token and a port. Out: a Starlette application
behind its `Guard`; every page is made of the words of its address alone. Files are served by their
item, or from this folder, never by a path that was asked for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from suite.errors import SuiteError, reason_of
from suite.view.guard import Guard
from suite.view.runs import Opened, Run, Runs
from suite.view.words import templates

FOLDER = Path(__file__).parent
STYLES = (
    FOLDER.parent / "report" / "templates" / "page.css",
    FOLDER.parent / "report" / "templates" / "explorer.css",
    FOLDER / "static" / "view.css",
)
"""The report's style sheets, and what a browser adds."""
FILES = {
    "htmx.min.js": "text/javascript",
    "view.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
WAIT = 0.3
"""Seconds in which a small run is read, so that its first page is the one that was asked for."""
FRESH = 4.0
"""Seconds for which it is not asked again how far a run is: its store is read for that."""
PICTURES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
"""First bytes of a picture that a browser is given -> its type."""


def application(runs: Runs, other: str, token: str, port: int, store: str | None = None) -> Guard:
    """Makes the application; `other`: name of the run that the runs are held against, or empty."""
    pages = _Pages(runs, other, store)
    routes = [
        Route("/", pages.home),
        Route("/numbers", pages.numbers),
        Route("/items", pages.items),
        Route("/item", pages.item),
        Route("/image", pages.image),
        Route("/state", pages.state),
        Route("/static/{name}", static),
    ]
    errors: Mapping[Any, Callable[..., Response]] = {
        SuiteError: pages.mistake,
        HTTPException: pages.mistake,
        Exception: pages.mistake,
    }
    return Guard(Starlette(routes=routes, exception_handlers=dict(errors)), token, port)


class _Waiting(Exception):
    """The records of a run are being read, or are not there yet."""

    def __init__(self, run: Run) -> None:
        self.run = run


class _Pages:
    """A method a page."""

    def __init__(self, runs: Runs, other: str, store: str | None) -> None:
        self._runs = runs
        self._other = other
        self._store = store
        self._changes: dict[tuple[int, int], Any] = {}
        self._states: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def home(self, request: Request) -> Response:
        """The runs; of a single one its numbers."""
        if self._runs.single:
            return RedirectResponse(self._first_address(), 303)
        from suite.view import pages

        rows = [pages.run_row(run) for run in self._runs.all()]
        return self._page("runs", rows=rows, source=str(self._runs.source), run=None)

    def _first_address(self) -> str:
        from suite.view.words import Query

        run = self._runs.all()[0]
        if self._other:
            first = next(run for run in self._runs.all() if run.name != self._other)
            return Query({"run": first.name, "other": self._other}).address("items")
        return Query({"run": run.name}).address("numbers")

    def numbers(self, request: Request) -> Response:
        """The accuracies of a run."""
        return self._of_run(request, "numbers", lambda pages, query, own: {
            "numbers": pages.numbers(query, own[0])
        })  # fmt: skip

    def items(self, request: Request) -> Response:
        """A list of items by filter."""
        return self._of_run(request, "items", lambda pages, query, own: {
            "list": pages.listed(query, own[0], own[2]),
            "choices": pages.choices(query, own[0], own[2]),
            "changes": own[2],
        })  # fmt: skip

    def item(self, request: Request) -> Response:
        """One item."""
        return self._of_run(request, "item", lambda pages, query, own: {
            "item": pages.item(query, own[0], own[2], own[1])
        })  # fmt: skip

    def _of_run(self, request: Request, name: str, made: Callable[..., dict[str, Any]]) -> Response:
        """A page of a run; while its records are read, one that says so and asks again."""
        query, run = self._asked(request)
        if any(not value for value in request.query_params.values()):
            # A form without scripts sends empty words too: an address to be sent holds none.
            return RedirectResponse(query.address(name), 303)
        shown = {"run": run, "query": query, "runs": [] if self._runs.single else self._runs.all()}
        try:
            own = self._opened(query, run)
            from suite.view import pages

            page = made(pages, query, own)
        except _Waiting as waiting:
            waits = waiting.run
            return self._page("waiting", 200, **shown, waits=waits, state=self._state(waits))
        except SuiteError as error:
            return self._page("mistake", 404, **shown, sentence=str(error))
        return self._page(name, 200, **shown, **page, state=self._state(run))

    def _asked(self, request: Request) -> tuple[Any, Run]:
        from suite.view.words import Query

        query = Query.of(request.query_params)
        return query, self._run(query.get("run"))

    def _run(self, name: str) -> Run:
        run = self._runs.get(name)
        if run is None:
            raise SuiteError("There is no such run here: the address is of another folder.")
        return run

    def _opened(self, query: Any, run: Run) -> tuple[Opened, Opened | None, Any]:
        """The run, the other that it is held against, and what changed."""
        own = _ready(run)
        if not query.get("other"):
            return own, None, None
        other = _ready(self._run(query.get("other")))
        key = (id(own.index), id(other.index))
        with self._lock:
            if key not in self._changes:
                from suite.runs.changes import changes

                kept = (own.index, other.index)  # alive: their ids are no others'
                self._changes = {key: (changes(*kept), kept)}
        return own, other, self._changes[key][0]

    def image(self, request: Request) -> Response:
        """An image of an item, by the number that it has there."""
        query, run = self._asked(request)
        opened = run.opened(WAIT)
        number = request.query_params.get("n", "")
        task, _, item_id = query.get("item").partition("/")
        if opened is None or not number.isdecimal() or task not in opened.index.values("task"):
            raise HTTPException(404)
        data = opened.explorer.image(task, item_id, int(number[:6]))
        kind = next((k for start, k in PICTURES.items() if (data or b"").startswith(start)), None)
        if data is None or kind is None:
            raise HTTPException(404)
        return Response(data, media_type=kind, headers={"cache-control": "private, max-age=3600"})

    def state(self, request: Request) -> Response:
        """How far a run is: asked for again and again while it goes on."""
        _, run = self._asked(request)
        return self._page("state", run=run, state=self._state(run))

    def _state(self, run: Run) -> dict[str, Any] | None:
        """How far a run is that goes on, or was some seconds ago; None for one that has ended."""
        if not run.going_on:
            return None
        known = self._states.get(run.name)
        if known is None or time.monotonic() - known[0] > FRESH:
            from suite.runs.status import status_of

            try:
                state = status_of(run.folder, self._store)
            except (SuiteError, OSError) as error:
                state = {"sentence": str(error)}
            known = self._states[run.name] = (time.monotonic(), state)
        return known[1]

    def mistake(self, request: Request, error: Exception) -> Response:
        """What cannot be shown, in a sentence."""
        status, said = 404, "There is no such page here."
        if isinstance(error, SuiteError):
            said = str(error)
        elif not isinstance(error, HTTPException):
            status, said = 500, f"Unexpected {type(error).__name__}: {reason_of(error)}."
        return self._page("mistake", status, run=None, sentence=said)

    def _page(self, name: str, status: int = 200, **values: Any) -> Response:
        page = templates().get_template(f"{name}.html.jinja")
        return HTMLResponse(page.render(values), status)


def _ready(run: Run) -> Opened:
    opened = run.opened(WAIT)
    if opened is None:
        raise _Waiting(run)
    return opened


def static(request: Request) -> Response:
    """A script or the style sheet."""
    name = request.path_params["name"]
    keep = {"cache-control": "private, max-age=3600"}
    if name == "view.css":
        text = "\n".join(path.read_text(encoding="utf-8") for path in STYLES)
        return Response(text, media_type="text/css", headers=keep)
    if name not in FILES:
        raise HTTPException(404)
    return Response((FOLDER / "static" / name).read_bytes(), media_type=FILES[name], headers=keep)
