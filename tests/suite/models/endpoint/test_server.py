"""A server that answers late, wrongly, partly, twice, with 429 and with HTML; its API key."""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from suite.errors import SuiteError, Unfinished
from suite.models.endpoint import server as asking
from suite.models.endpoint.server import PAUSES
from suite.requests import Generation
from tests.suite.models.endpoint.served import (
    Act,
    Handler,
    answer,
    asked,
    chunk,
    drops,
    fails,
    generator,
    no_image,
    request,
    says,
    served,
    whole,
)

KEY = "sk-secret-0123456789"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The keys of a checkpoint whose server wants an API key."""
    monkeypatch.setenv("MY_KEY", KEY)
    return {"api_key_env": "MY_KEY"}


def late(handler: Handler) -> None:
    time.sleep(0.5)
    says("late")(handler)


def half_a_stream(handler: Handler) -> None:
    """Ends in the middle of a chunk of HTTP."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    data = f"data: {json.dumps(chunk('half'))}\n\n".encode()
    handler.wfile.write(b"%x\r\n%s\r\nff\r\ndata" % (len(data), data))
    drops(handler)


def half_a_body(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    drops(handler)


PASSING: dict[str, Act] = {
    "busy": fails(429, {"error": {"message": "slow down"}}),
    "broken": fails(500, {"error": {"message": "oops"}}),
    "starting": fails(503, {"error": "loading the model"}),
    "a page of a proxy": fails(502, "<html><b>Bad Gateway</b></html>", "text/html"),
    "late": late,
    "gone": drops,
    "half a stream": half_a_stream,
    "half a body": half_a_body,
}


@pytest.mark.parametrize("name", PASSING)
def test_what_may_pass_is_asked_again(
    name: str, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "TIMEOUT", 0.2)
    made, server = asked(acts=[PASSING[name], PASSING[name], says("yes")])
    assert [one.text for one in made] == ["yes"]
    assert len(server.bodies) == 3
    assert pauses == [1.0, 2.0]
    assert all(body == server.bodies[0] for body in server.bodies)  # its seed too


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("busy", "answered 429: slow down"),
        ("starting", "answered 503: loading the model"),
        ("a page of a proxy", "answered 502"),
        ("late", "has said nothing for 0.2 seconds"),
        ("gone", "dropped the connection"),
    ],
)
def test_what_does_not_pass_is_a_failed_row(
    name: str, words: str, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "TIMEOUT", 0.2)
    monkeypatch.setattr(asking, "PAUSES", PAUSES[:3])
    made, server = asked(acts=[PASSING[name]])
    assert made == [Generation(error=f"The server at {server.url} {words} (asked 4 times).")]
    assert pauses == [1.0, 2.0, 4.0]


def test_pauses_grow() -> None:
    assert all(2 * short <= long for short, long in pairwise(PAUSES))


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (fails(200, "<!DOCTYPE html><html></html>", "text/html"), "answered with 'text/html' in"),
        (fails(200, "yes", "text/plain"), "answered with 'text/plain' in place of JSON"),
        (fails(200, '{"choices": [', "application/json"), "is no chat completion in JSON"),
        (fails(200, "[" * 100_000, "application/json"), "is no chat completion in JSON"),
        (fails(200, "[]", "application/json"), "is no chat completion in JSON"),
        (fails(200, {"choices": []}), "is empty: it has no choice"),
        (whole(None), "is empty (finish reason stop)"),
        (whole({"content": None}), "is empty (finish reason stop)"),
        (whole({"content": "x"}, None), "was cut off"),
        (lambda h: h.events(), "is empty: it has no choice"),
        (lambda h: h.events(chunk("half"), ended=False), "was cut off"),
        (lambda h: h.events(chunk("half")), "was cut off"),
        (says("half", "content_filter"), "content filter has stopped the answer"),
        (lambda h: h.events("data: {half\n\n"), "is no chat completion in JSON"),
        (lambda h: h.events("data: 42\n\n"), "is no chat completion in JSON"),
        (
            lambda h: h.events(chunk("half"), {"error": {"message": "engine died"}}),
            "broke off with an error: engine died",
        ),
        (
            lambda h: h.events(*[chunk("x", "stop")] * 2),
            "answered twice",
        ),
        (fails(400, {"error": {"message": "too long"}}), "refused the request (400: too long)"),
        (fails(422, {"detail": "n is 0"}), "refused the request (422: n is 0)"),
        (fails(413, "<html>", "text/html"), "refused the request (413)"),
    ],
)
def test_what_is_no_answer_fails_at_once(act: Act, words: str, pauses: list[float]) -> None:
    made, server = asked(acts=[act])
    assert made[0].error is not None
    assert words in made[0].error
    assert made[0].error[0].isupper()
    assert made[0].error.endswith(".")
    assert len(server.bodies) == 1
    assert pauses == []


def test_a_server_that_does_not_stream_answers_too() -> None:
    made = answer(whole({"role": "assistant", "content": " yes\n"}))
    assert (made.text, made.finish_reason, made.prompt_tokens, made.generated_tokens) == (
        *("yes", "stop"),
        *(7, 3),
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "0.5"}, 1.0),  # never sooner than our own pause
        ({"retry_after_ms": "2500"}, 2.5),
        ({"Retry_After": "soon"}, 1.0),
        ({"Retry_After": "-3"}, 1.0),
        ({"Retry_After": "nan"}, 1.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_server_says_how_long_to_wait(
    headers: dict[str, str], seconds: float, status: int, pauses: list[float]
) -> None:
    assert answer(fails(status, "", **headers), says("yes")).text == "yes"
    assert pauses[0] == seconds


def test_the_server_says_until_when_to_wait(pauses: list[float]) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert answer(fails(429, "", Retry_After=until), says("yes")).text == "yes"
    assert 85 < pauses[0] <= 90


def test_no_other_request_comes_before_the_time_that_the_server_named(
    pauses: list[float],
) -> None:
    made, _ = asked(
        *(request(str(number)) for number in range(2)),
        acts=[fails(429, "", Retry_After="30"), says("yes")],
        concurrency=1,
    )
    assert [one.text for one in made] == ["yes", "yes"]
    assert [round(seconds) for seconds in pauses] == [30, 30, 30]  # no time passes in this test


@pytest.mark.parametrize("wait", ["601", "inf", "86400"])
def test_who_asks_for_longer_than_a_run_waits_is_left_in_peace(
    wait: str, pauses: list[float]
) -> None:
    with served(fails(429, "", Retry_After=wait)) as server, generator(server) as made:
        (failed,) = made.generate([request()], no_image)
        assert failed.error is not None
        assert "answered 429 (asked once); run the same command again" not in failed.error
        assert "answered 429 (asked once)" in failed.error
        with pytest.raises(Unfinished, match="run the same command again once it answers"):
            list(made.generate([request()], no_image))
        assert len(server.bodies) == 1
    assert pauses == []


def test_a_server_that_has_gone_keeps_what_it_answered_and_stops_the_run() -> None:
    with served(says("yes"), drops) as server, generator(server, concurrency=1) as made:
        made.generate([], no_image)

        def gone(handler: Handler) -> None:
            server.listed = 503
            drops(handler)

        server.acts = [says("yes"), gone]
        answers = list(made.generate([request(str(n)) for n in range(4)], no_image))
        assert [one.text for one in answers] == ["yes", "", "", ""]
        assert all("dropped the connection (asked 8 times)" in str(a.error) for a in answers[1:])
        assert len(server.bodies) == 9  # the last two were not asked of a server that has gone
        with pytest.raises(Unfinished) as caught:
            list(made.generate([request()], no_image))
    assert str(caught.value) == (
        f"The server at {server.url} dropped the connection (asked 8 times); run the same command "
        "again once it answers, all that was finished is kept."
    )


def test_nobody_at_the_address(pauses: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        served() as server,
        generator(server, url=f"http://127.0.0.1:{port}/v1/") as made,
        pytest.raises(Unfinished) as caught,
    ):
        list(made.generate([request()], no_image))
    assert str(caught.value).startswith(
        f"The server at http://127.0.0.1:{port}/v1 cannot be reached (asked 8 times); run the same"
    )
    assert pauses == list(PAUSES)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_is_told_at_once(status: int, key: dict[str, str]) -> None:
    act = fails(status, {"error": {"message": f"Incorrect API key: {KEY}"}})
    with pytest.raises(SuiteError) as caught:
        answer(act, **key)
    assert f"refuses the API key ({status}: Incorrect API key: ***)" in str(caught.value)
    with pytest.raises(SuiteError, match="refuses the API key"):
        answer(says("yes"), listed=status)


def test_a_wrong_model_or_address_is_told_at_once() -> None:
    with pytest.raises(SuiteError) as caught:
        answer(fails(404, {"error": {"message": "The model `m` does not exist."}}))
    assert "has no model 'm', or its address is another" in str(caught.value)
    assert "(404: The model `m` does not exist.)" in str(caught.value)
    with pytest.raises(SuiteError) as caught:
        answer(says("yes"), listed=[{"id": "mm", "owned_by": "vllm"}])
    assert "does not serve 'm' (did you mean 'mm'?); correct `model`" in str(caught.value)


def test_others_do_not_hold_up_what_a_person_must_see() -> None:
    held = threading.Event()

    def act(handler: Handler) -> None:
        if handler.body["messages"][0]["content"] == "bad":
            fails(401)(handler)
        else:
            held.wait(20)
            says("yes")(handler)

    started = time.monotonic()
    with served(by=act) as server, generator(server) as made:
        with pytest.raises(SuiteError, match="refuses the API key"):
            list(made.generate([request("good"), request("bad")], no_image))
        held.set()
    assert time.monotonic() - started < 10


def test_so_many_at_once_and_in_their_order() -> None:
    lock, together, most = threading.Lock(), [0], [0]

    def act(handler: Handler) -> None:
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
        number = int(handler.body["messages"][0]["content"])
        time.sleep(0.02 * (5 - number % 5))
        with lock:
            together[0] -= 1
        says(f"answer {number}")(handler)

    with served(by=act) as server, generator(server, concurrency=3) as made:
        answers = list(made.generate([request(str(n)) for n in range(10)], no_image))
        assert made.batches_of == 12
    assert [one.text for one in answers] == [f"answer {n}" for n in range(10)]
    assert most == [3]
    assert len({one.seconds for one in answers}) == 1  # the batch's time over its rows


def test_the_key_is_sent_and_nobody_elses(
    key: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-server")
    for given, sent in ((key, KEY), ({}, "none")):
        _, server = asked(acts=[says("yes")], **given)
        assert server.keys == [f"Bearer {sent}"] * 2  # the list of models is asked for, too


@pytest.mark.parametrize(
    "act",
    [
        fails(400, {"error": {"message": f"no {KEY} here"}}),
        fails(400, f"plain words about {KEY} at http://u:{KEY}@host/x?key={KEY}", "text/plain"),
        fails(400, {"detail": [{"input": {"headers": f"Bearer {KEY}"}}]}),
        fails(500, {"error": KEY}),
        fails(200, "x", f"text/{KEY}"),
        lambda h: h.events({"error": {"message": f"bad {KEY}"}}),
        says("x", f"reason {KEY}"),
        says(f"your key is {KEY}!"),
        whole({"content": "x", "reasoning_content": KEY}),
    ],
)
def test_the_key_is_in_no_record(
    act: Act, key: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        made, _ = asked(request(), acts=[act], **key)
    assert made[0].error is not None
    assert KEY not in repr(made)
    assert KEY not in caplog.text


def test_no_log_tells_the_key(key: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert answer(fails(500), says("yes"), **key).text == "yes"
    assert "POST" in caplog.text
    assert KEY not in caplog.text


def test_a_short_key_may_be_a_word_of_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "EMPTY")
    assert answer(says("EMPTY"), api_key_env="MY_KEY").text == "EMPTY"


@pytest.mark.parametrize("value", [f"{KEY}\n", f" {KEY}", "sk-\u00fc", "a\0b", "a b", "\x1b[1m"])
def test_a_key_that_no_header_can_hold(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking.os, "environ", {**asking.os.environ, "MY_KEY": value})
    with pytest.raises(SuiteError) as caught:
        answer(api_key_env="MY_KEY")
    assert str(caught.value) == (
        "The environment variable 'MY_KEY' holds a space, a line break or a letter that no API key "
        "has."
    )


@pytest.mark.parametrize("value", [None, ""])
def test_a_key_that_is_not_there(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(SuiteError) as caught:
        answer(api_key_env="MY_KEY")
    assert str(caught.value) == (
        "The environment variable 'MY_KEY', which the family file names as `api_key_env`, is not "
        "set."
    )


def test_the_address_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(says("yes")) as server:
        monkeypatch.setenv(asking.ADDRESS, f"{server.url}/")
        with generator(server, url=None) as made:
            assert [one.text for one in made.generate([request()], no_image)] == ["yes"]
        monkeypatch.setenv(asking.ADDRESS, "localhost:8000")
        with pytest.raises(SuiteError) as caught, generator(server, url=None):
            pass
        assert str(caught.value) == (
            "The environment variable DOWNSCALE_ENDPOINT is no address of a server, such as "
            "http://localhost:8000/v1."
        )
        monkeypatch.delenv(asking.ADDRESS)
        with pytest.raises(SuiteError) as caught, generator(server, url=None):
            pass
        assert str(caught.value) == (
            "Model 'm' has no address: give `url` in the family file or the environment variable "
            "DOWNSCALE_ENDPOINT."
        )


def test_without_the_client_a_person_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(SuiteError) as caught:
        answer()
    assert str(caught.value) == (
        "Asking a server needs the package openai; install it with "
        '`pip install "downscaling-suite[endpoint]"`.'
    )


def test_nothing_of_it_is_loaded_before_it_is_needed() -> None:
    from tests.test_startup import loaded_after

    code = (
        "from suite.models.backends import fingerprint\n"
        "from suite.models.spec import ModelSpec\n"
        "fingerprint(ModelSpec(model='m', generator='endpoint'), 'text')"
    )
    assert loaded_after(code, ("openai", "torch", "httpx", "httpx2")) == []
