"""Who is answered: only who has the token, by this machine's own name, for what it shows itself.

In: requests, as a browser or an attacker sends them. Out: status, headers and pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")

from suite.errors import SuiteError
from suite.view.app import application
from suite.view.runs import Runs
from tests.suite.told_run import surround

HOST = "127.0.0.1:7357"
COOKIE = {"host": HOST, "cookie": "downscale-7357=secret"}


@pytest.fixture
def app(told: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    surround(monkeypatch, told)
    runs = Runs(str(told / "out"))
    [run] = runs.all()
    assert run.opened(60) is not None
    return application(runs, "", "secret", 7357)


def ask(
    app: Any, address: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    path, _, query = address.partition("?")
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
        "scheme": "http",
        "server": ("127.0.0.1", 7357),
        "root_path": "",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(m.get("body", b"") for m in sent[1:])


def test_the_token_lets_in_once_and_a_cookie_from_then_on(app: Any) -> None:
    status, headers, _ = ask(app, "/items?q=a%26b&token=secret", {"host": HOST})
    assert (status, headers["location"]) == (303, "/items?q=a%26b")
    assert headers["set-cookie"] == "downscale-7357=secret; HttpOnly; SameSite=Lax; Path=/"
    status, headers, body = ask(app, "/numbers", COOKIE)
    assert status == 200
    assert b"<h1>Numbers</h1>" in body
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("/numbers", {"host": HOST}),
        ("/static/view.css", {"host": HOST}),
        ("/numbers?token=wrong", {"host": HOST}),
        ("/numbers?token=", COOKIE),
        ("/numbers?token=s%C3%A9cret", {"host": HOST}),
        ("/numbers", COOKIE | {"cookie": "downscale-7357=wrong"}),
        ("/numbers", COOKIE | {"cookie": "downscale-1=secret"}),
        ("/numbers", COOKIE | {"cookie": "\x01=;;"}),
        ("/numbers", COOKIE | {"host": "evil.example:7357"}),
        ("/numbers", COOKIE | {"host": "127.0.0.1:1"}),
        ("/numbers", {"cookie": COOKIE["cookie"]}),
        ("/numbers", COOKIE | {"origin": "http://evil.example"}),
        ("/numbers", COOKIE | {"origin": "null"}),
        ("/numbers", COOKIE | {"origin": "http://127.0.0.1:1"}),
        ("/image?n=0", COOKIE | {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}),
        ("/numbers?token=secret", {"host": "evil.example"}),
    ],
)
def test_everyone_else_is_refused(app: Any, address: str, headers: dict[str, str]) -> None:
    status, sent, body = ask(app, address, headers)
    assert status == 403
    assert b"shapes" not in body
    assert "set-cookie" not in sent


def test_nothing_is_changed_by_a_request(app: Any) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask(app, "/numbers", COOKIE, method)[0] == 405


def test_a_redirect_stays_here(app: Any) -> None:
    for path in ("//evil.example/", "/\\evil.example"):
        headers = ask(app, f"{path}?token=secret", {"host": HOST})[1]
        assert headers["location"].startswith("/")
        assert not headers["location"].startswith(("//", "/\\"))


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/image?item=shapes/0&n=0", 200),
        ("/image?item=shapes/0&n=1", 404),
        ("/image?item=shapes/0&n=-1", 404),
        ("/image?item=shapes/9&n=0", 404),
        ("/image?item=../../etc/passwd&n=0", 404),
        ("/image?item=other/0&n=0", 404),
        ("/static/../app.py", 404),
        ("/static/..%2Fapp.py", 404),
        ("/static/view.py", 404),
        ("/items?run=../other", 404),
        ("/items?task=none", 404),
        ("/items?cell=none", 404),
        ("/items?mark=none", 404),
        ("/items?page=99999999999", 200),
        ("/items?page=x", 200),
        ("/item?item=shapes/99", 404),
        ("/item", 404),
        ("/items?q=%FF%00", 200),
        ("/none", 404),
    ],
)
def test_only_items_and_own_files_are_served(app: Any, address: str, status: int) -> None:
    found, headers, body = ask(app, address, COOKIE)
    assert found == status
    if address.startswith("/image") and status == 200:
        assert (headers["content-type"], body[:4]) == ("image/png", b"\x89PNG")
    else:
        assert b"Traceback" not in body


def test_an_address_without_scripts_loses_its_empty_words(app: Any) -> None:
    status, headers, _ = ask(app, "/items?run=out&task=&mark=wrong&q=", COOKIE)
    assert (status, headers["location"]) == (303, "/items?run=out&mark=wrong")


def test_a_list_and_what_leads_where(app: Any) -> None:
    body = ask(app, "/items?run=out&mark=failed", COOKIE)[2].decode()
    assert "<b>1</b> of 6 items" in body
    assert '<a class="row" href="/item?run=out&amp;mark=failed&amp;item=shapes%2F5">' in body
    body = ask(app, "/item?run=out&blame=reasoning&item=shapes%2F1", COOKIE)[2].decode()
    assert "1 of 2" in body
    assert "Reasoning&#39;s fault" in body
    assert 'rel="next" href="/item?run=out&amp;blame=reasoning&amp;item=shapes%2F2"' in body
    assert r"\u202edesrever\u202c" in body
    for hostile in ("\x1b", "\x07", "\u202e", "\x00"):
        assert hostile not in body


def test_runs_under_a_folder_and_what_is_none(told: Path, tmp_path: Path) -> None:
    runs = Runs(str(told))
    assert [run.name for run in runs.all()] == ["out"]
    app = application(runs, "", "secret", 7357)
    assert b'href="/numbers?run=out"' in ask(app, "/", COOKIE)[2]
    with pytest.raises(SuiteError, match="There is no run in"):
        Runs(str(tmp_path))


def test_a_run_that_goes_on_shows_how_far_it_is(told: Path, tmp_path: Path) -> None:
    import json

    facts = json.loads((told / "out" / "provenance.json").read_text())
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "provenance.json").write_text(json.dumps(facts | {"ended": None}))
    app = application(Runs(str(tmp_path / "new")), "", "secret", 7357)
    status, _, body = ask(app, "/items?run=new", COOKIE)
    assert status == 200
    assert b"No records yet" in body
    assert b"Still going on: 0 of at most" in body
    assert b'hx-get="/state?run=new"' in ask(app, "/state?run=new", COOKIE)[2]
