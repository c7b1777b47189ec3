"""Who may ask: this machine's own browser, which has opened the address that was printed.

In: an ASGI application, a token, the port. Out: the application behind a guard. A page needs the
token, in the address once and in a cookie from then on; another Host (a name that was made to point
here) and another Origin are refused, and so is what other sites embed. Every answer forbids its
page all but its own files.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
CLOSED = "This page is closed: open the address that `downscale view` has printed.\n"
FOREIGN = "Asked from elsewhere: only this machine's own address is answered.\n"


class Guard:
    """See the module."""

    def __init__(self, app: App, token: str, port: int) -> None:
        self._app = app
        self._token = token.encode()
        self._cookie = f"downscale-{port}"  # cookies of a machine are of all its ports
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or refuses, one request."""
        if scope["type"] != "http":
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        if not self._own(headers):
            await _refuse(send, FOREIGN)
            return
        if scope["method"] not in ("GET", "HEAD"):
            await _refuse(send, FOREIGN, 405)
            return
        words = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in words if name == "token"]
        if given:
            if not self._right(given[0]):
                await _refuse(send, CLOSED)
                return
            rest = urlencode([word for word in words if word[0] != "token"])
            path = quote("/" + scope["path"].lstrip("/\\"))  # two slashes would name another host
            place = f"{path}?{rest}" if rest else path
            await _let_in(send, place, f"{self._cookie}={given[0]}; HttpOnly; SameSite=Lax; Path=/")
            return
        if not self._right(self._kept(headers.get("cookie", ""))):
            await _refuse(send, CLOSED)
            return
        await self._app(scope, receive, _with_headers(send))

    def _own(self, headers: dict[str, str]) -> bool:
        origin = headers.get("origin")
        embeds = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        return (
            headers.get("host") in self._hosts
            and (origin is None or origin in {f"http://{host}" for host in self._hosts})
            and (not embeds or headers.get("sec-fetch-mode") == "navigate")
        )

    def _right(self, token: str) -> bool:
        return secrets.compare_digest(token.encode(), self._token)

    def _kept(self, cookie: str) -> str:
        try:
            found = SimpleCookie(cookie).get(self._cookie)
        except CookieError:
            return ""
        return found.value if found is not None else ""


def _with_headers(send: Send) -> Send:
    async def told(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in message["headers"]}
            added = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in own]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return told


async def _refuse(send: Send, text: str, status: int = 403) -> None:
    await _answer(send, status, [("content-type", "text/plain; charset=utf-8")], text)


async def _let_in(send: Send, place: str, cookie: str) -> None:
    await _answer(send, 303, [("location", place), ("set-cookie", cookie)], "")


async def _answer(send: Send, status: int, headers: list[tuple[str, str]], text: str) -> None:
    rows = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    told = _with_headers(send)
    await told({"type": "http.response.start", "status": status, "headers": rows})
    await told({"type": "http.response.body", "body": text.encode()})
