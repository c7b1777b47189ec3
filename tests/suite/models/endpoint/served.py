"""A small server of OpenAI's chat completions that answers as a test says: late, wrongly, partly,
twice, with 429 and with HTML.

In: a list of acts, one for each call, or one that answers by the body. Out: its address, and the
bodies and API keys that reached it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from suite.models.endpoint.generator import EndpointGenerator
from suite.models.spec import ModelSpec
from suite.requests import Decoding, Generation, Message, Request

USAGE = {"prompt_tokens": 7, "completion_tokens": 3}
Act = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers one connection by the acts of its server."""

    protocol_version = "HTTP/1.1"
    server: Served

    def do_GET(self) -> None:
        self.server.keys.append(self.headers.get("Authorization"))
        listed = self.server.listed
        if (told := self.server.told.get(self.path)) is not None:
            self.send(200, json.dumps(told).encode())
        elif isinstance(listed, int):
            self.send(listed, b"", "text/plain")
        else:
            self.send(200, json.dumps({"object": "list", "data": listed}).encode())

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.body: dict[str, Any] = json.loads(self.rfile.read(length))
        act = self.server.take(self)
        try:
            act(self)
        except OSError:  # the client has gone
            self.close_connection = True

    def send(
        self, status: int, content: bytes, kind: str = "application/json", **headers: str
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def events(self, *parts: Any, ended: bool = True) -> None:
        """A stream: values as JSON, texts as they are; `[DONE]` where it is ended."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for part in parts:
            text = part if isinstance(part, str) else f"data: {json.dumps(part)}\n\n"
            self.wfile.write(text.encode())
            self.wfile.flush()
        if ended:
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *about: Any) -> None:
        """Says nothing."""


class Served(ThreadingHTTPServer):
    """The server, and what reached it."""

    daemon_threads = True

    def __init__(self, acts: Sequence[Act] | Act, listed: Any) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.acts, self.listed = acts, listed
        self.told: dict[str, Any] = {}
        """What it says of itself, by path."""
        self.lock = threading.Lock()
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def take(self, handler: Handler) -> Act:
        with self.lock:
            self.bodies.append(handler.body)
            self.keys.append(handler.headers.get("Authorization"))
            if callable(self.acts):
                return self.acts
            return self.acts[min(len(self.bodies), len(self.acts)) - 1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that have gone."""


@contextmanager
def served(*acts: Act, by: Act | None = None, listed: Any = ()) -> Iterator[Served]:
    """A running server. The last act goes on; `by` answers every call."""
    server = Served(by or acts, listed)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def chunk(text: str | None = None, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """A chunk of a stream."""
    content = {} if text is None else {"content": text}
    return {"choices": [{"index": 0, "delta": {**content, **delta}, "finish_reason": finish}]}


def says(text: str, finish: str = "stop", **delta: Any) -> Act:
    """Streams a text in two chunks, its end and its usage; gives it whole where no stream is asked
    for."""

    def act(handler: Handler) -> None:
        if not handler.body["stream"]:
            whole({"content": text, **delta}, finish)(handler)
            return
        half = len(text) // 2
        handler.events(
            chunk("", role="assistant"),
            *([chunk(**delta)] if delta else []),
            *(chunk(part) for part in (text[:half], text[half:]) if part),
            chunk(finish=finish),
            {"choices": [], "usage": USAGE},
        )

    return act


def whole(message: Any, finish: str | None = "stop", **more: Any) -> Act:
    """Gives a completion without a stream."""
    choice = {"index": 0, "message": message, "finish_reason": finish}
    content = {"choices": [choice], "usage": USAGE, **more}
    return lambda handler: handler.send(200, json.dumps(content).encode())


def fails(status: int, content: Any = "", kind: str = "application/json", **headers: str) -> Act:
    """Answers with a status and an error."""
    data = content if isinstance(content, str) else json.dumps(content)
    return lambda handler: handler.send(status, data.encode(), kind, **headers)


def drops(handler: Handler) -> None:
    """Ends the connection without a word."""
    handler.close_connection = True
    handler.connection.close()


def request(
    text: str = "look", decoding: Decoding | None = None, item: str = "0", **more: Any
) -> Request:
    return Request("a", item, (Message("user", text),), decoding or Decoding(), **more)


THINK = Decoding(max_new_tokens=5, thinking=True, thinking_budget=10)


@contextmanager
def generator(server: Served, **keys: Any) -> Iterator[EndpointGenerator]:
    """The backend, asking a server for the model `m`."""
    made = EndpointGenerator(ModelSpec(**{"model": "m", "url": server.url, **keys}))
    try:
        yield made
    finally:
        made.close()


def no_image(name: str) -> bytes:
    raise KeyError(name)


def asked(
    *requests: Request, acts: Sequence[Act] = (), listed: Any = (), **keys: Any
) -> tuple[list[Generation], Served]:
    """What the backend makes of a server's acts, and the server."""
    with served(*acts, listed=listed) as server, generator(server, **keys) as made:
        return list(made.generate(requests or [request()], no_image)), server


def answer(*acts: Act, decoding: Decoding | None = None, **keys: Any) -> Generation:
    """What it makes of them for one request."""
    return asked(request(decoding=decoding), acts=acts, **keys)[0][0]
