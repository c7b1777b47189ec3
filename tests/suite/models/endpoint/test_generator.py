"""What a server is asked: parameters, seeds, images, thinking and its budget; what is refused."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from suite.base.images import Unreadable
from suite.errors import SuiteError
from suite.models.backends import BACKENDS, build_generator, fingerprint
from suite.models.spec import ModelSpec
from suite.requests import Decoding, Generation, Message, Request, request_key
from tasks.pictures import shown
from tests.suite.models.endpoint.served import (
    THINK,
    USAGE,
    Act,
    answer,
    asked,
    chunk,
    fails,
    generator,
    no_image,
    request,
    says,
    served,
)
from tests.tasks.files import png

VLLM = [{"id": "m", "owned_by": "vllm"}]
SERVE = [{"id": "m", "owned_by": "local", "status": {"value": "unloaded"}}]
SAMPLED = Decoding(temperature=0.7, top_p=0.8)


def sent(decoding: Decoding, listed: Any = (), **more: Any) -> dict[str, Any]:
    """The body of the one call that a request takes."""
    _, server = asked(request(decoding=decoding, **more), acts=[says("yes")], listed=listed)
    (body,) = server.bodies
    return body


PLAIN = {
    "model": "m",
    "messages": [{"role": "user", "content": "look"}],
    "stream": True,
    "stream_options": {"include_usage": True},
    "chat_template_kwargs": {"enable_thinking": False},
    "temperature": 0.0,
    "top_p": 1.0,
    "max_tokens": 1024,
}


@pytest.mark.parametrize(
    ("listed", "own"),
    [
        ([], {}),
        (404, {}),
        ([{"id": "m", "owned_by": "openai"}], {}),
        (VLLM, {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}),
        (
            [{"id": "m", "owned_by": "sglang"}],
            {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0},
        ),
        (
            [{"id": "m", "owned_by": "llamacpp"}],
            {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0},
        ),
        (SERVE, {"frequency_penalty": 0.0, "stream": False}),
        ([SERVE[0] | {"id": "other"}], {"frequency_penalty": 0.0, "stream": False}),
    ],
)
def test_a_server_adds_no_taste_of_its_own(listed: Any, own: dict[str, Any]) -> None:
    body = PLAIN | own
    if not body["stream"]:
        del body["stream_options"]
    assert sent(Decoding(), listed) == body


def test_sampling_is_sent_with_a_seed_of_the_request() -> None:
    body = sent(replace(SAMPLED, top_k=20), VLLM)
    assert (body["temperature"], body["top_p"], body["top_k"]) == (0.7, 0.8, 20)
    known = endpoint_key(request(decoding=replace(SAMPLED, top_k=20)))
    assert body["seed"] == (int(known[:16], 16) >> 1) % 2**31


def endpoint_key(one: Request) -> str:
    return request_key({"generator": "endpoint", "model": "m"}, one)


def test_each_request_has_its_own_seed_and_the_same_in_every_run() -> None:
    requests = [
        request(decoding=SAMPLED, item=item, sample=sample, study_seed=seed)
        for item in "01"
        for sample in range(2)
        for seed in range(2)
    ]
    seeds = []
    for order in (requests, requests[::-1]):
        made, server = asked(*order, acts=[says("yes")], concurrency=1)
        assert len(made) == 8
        seeds.append([body["seed"] for body in server.bodies])
    assert len(set(seeds[0])) == 8
    assert seeds[0] == seeds[1][::-1]
    assert all(0 <= seed < 2**31 for seed in seeds[0])
    assert "seed" not in sent(Decoding())


@pytest.mark.parametrize(
    ("decoding", "listed", "words"),
    [
        (Decoding(nowait=True), VLLM, "cannot do NoWait, which needs the model's vocabulary"),
        (replace(THINK, nowait=True), [], "cannot do NoWait"),
        (replace(THINK, thinking_budget=None), VLLM, "thinks within a budget alone: give"),
        (replace(SAMPLED, top_k=20), [], "is not known to obey `top_k`: remove it"),
        (SAMPLED, SERVE, "(transformers serve) has no seed for each request: set"),
    ],
)
def test_what_a_server_cannot_do_is_refused(decoding: Decoding, listed: Any, words: str) -> None:
    with served(says("yes")) as server, generator(server) as made:
        server.listed = listed
        with pytest.raises(SuiteError) as caught:
            list(made.generate([request(), request(decoding=decoding)], no_image))
        assert server.bodies == []
    assert str(caught.value).startswith(f"Model 'm' is asked through a server, which {words}")
    assert str(caught.value).endswith("or use the generator transformers.")


@pytest.mark.parametrize("name", ["chat_template_kwargs", "stream_options"])
@pytest.mark.parametrize("status", [400, 422])
def test_what_a_server_refuses_by_name_is_left_out_where_its_answers_show_it(
    name: str, status: int
) -> None:
    refusal = fails(status, {"error": {"message": f"Unrecognized request argument: {name}"}})
    acts = [refusal, says("yes"), says("yes")]
    with served(*acts) as server, generator(server, concurrency=1) as backend:
        made = list(backend.generate([request(), request("again")], no_image))
        said = f"The server at {server.url} refuses `{name}`: it is asked without."
        assert (backend.news(), backend.news()) == ([said], [])
    assert [one.text for one in made] == ["yes", "yes"]
    assert [name in body for body in server.bodies] == [True, False, False]
    assert server.bodies[1]["stream"] is (name == "chat_template_kwargs")  # tokens are counted then


def test_what_cannot_be_left_out_is_a_failure() -> None:
    refusal = fails(400, {"error": {"message": "Unsupported parameter: temperature"}})
    made, server = asked(acts=[refusal])
    assert made[0].error == (
        "The server refused the request (400: Unsupported parameter: temperature)."
    )
    assert len(server.bodies) == 1


THOUGHT = Generation("B", "a", "stop", 7, 3)


@pytest.mark.parametrize(
    "act",
    [
        says("\n\nB\n", reasoning_content="\na\n"),
        says("B", reasoning="a"),
        says("<think>\na\n</think>\n\nB"),
        says("a</think>B"),
    ],
)
@pytest.mark.parametrize("listed", [[], VLLM])
def test_thinking_is_told_from_the_answer(act: Act, listed: Any) -> None:
    made, server = asked(request(decoding=THINK), acts=[act], listed=listed)
    assert replace(made[0], seconds=0.0) == THOUGHT
    (body,) = server.bodies
    assert body["chat_template_kwargs"] == {"enable_thinking": True}


def test_the_budget_is_the_servers_own_parameter_where_it_has_one() -> None:
    def usage(tokens: int) -> dict[str, Any]:
        details = {"completion_tokens_details": {"reasoning_tokens": tokens}}
        return {"choices": [], "usage": USAGE | details}

    for tokens, finish in ((9, "stop"), (10, "budget"), (0, "stop")):
        parts = (chunk(reasoning="a"), chunk("B", "stop"), usage(tokens))
        made, server = asked(
            request(decoding=THINK), acts=[lambda h, p=parts: h.events(*p)], listed=VLLM
        )
        assert replace(made[0], seconds=0.0) == replace(THOUGHT, finish_reason=finish)
        (body,) = server.bodies
        assert (body["thinking_token_budget"], body["max_tokens"]) == (10, 15)
        assert body["skip_special_tokens"] is False
    assert "thinking_token_budget" not in sent(Decoding(), VLLM)


def test_a_parameter_that_does_not_end_the_thinking_is_a_failure() -> None:
    act = says("", "length", reasoning="a " * 15)
    assert answer(act, decoding=THINK, listed=VLLM).error == (
        "The server has not ended the thinking after its 10 tokens."
    )


def test_an_answer_that_is_too_long_is_cut_as_anywhere() -> None:
    made = answer(says("B and", "length", reasoning="a"), decoding=THINK, listed=VLLM)
    assert (made.text, made.thinking, made.finish_reason) == ("B and", "a", "length")


@pytest.mark.parametrize(
    ("first", "so_far", "second", "made"),
    [
        (
            says("<think>a a", "length"),
            "<think>a a</think>",
            says("\n\nB"),
            Generation("B", "a a", "budget", 7, 6),
        ),
        (
            says("", "length", reasoning="\na a"),
            "<think>\na a</think>",
            says("B and", "length"),
            Generation("B and", "a a", "length", 7, 6),
        ),
        (  # the thinking has ended within its budget, the answer has not
            says("<think>a</think>B an", "length"),
            "<think>a</think>B an",
            says("d C"),
            Generation("B and C", "a", "stop", 7, 6),
        ),
    ],
)
def test_the_budget_by_two_calls(first: Act, so_far: str, second: Act, made: Generation) -> None:
    decoding = replace(THINK, temperature=0.6)
    answers, server = asked(request(decoding=decoding), acts=[first, second])
    assert replace(answers[0], seconds=0.0) == made
    one, two = server.bodies
    assert (one["max_tokens"], two["max_tokens"]) == (10, 5)
    assert two["messages"] == [*one["messages"], {"role": "assistant", "content": so_far}]
    assert (two["continue_final_message"], two["add_generation_prompt"]) == (True, False)
    assert "continue_final_message" not in one
    assert one["seed"] == two["seed"]


def test_a_budget_that_the_server_refuses_is_kept_by_two_calls() -> None:
    said = "thinking_token_budget is set but reasoning_config is not configured."
    acts = [
        fails(400, {"error": {"message": said}}),
        says("<think>a", "length"),
        says("B"),
        says("<think>a</think>C"),
    ]
    thinking = [request(decoding=THINK), request("again", decoding=THINK)]
    made, server = asked(*thinking, acts=acts, listed=VLLM, concurrency=1)
    assert [(one.text, one.finish_reason) for one in made] == [("B", "budget"), ("C", "stop")]
    assert [body["max_tokens"] for body in server.bodies] == [15, 10, 5, 10]


def test_a_server_that_cannot_go_on_is_not_asked_to() -> None:
    acts = [says("", "length", reasoning_content="a")]
    made, server = asked(request(decoding=THINK), acts=acts, listed=SERVE)
    assert made[0].error == (
        "Thinking and answer have not ended within the budget of 10 tokens, and the server "
        "(transformers serve) does not go on from there; give more."
    )
    assert len(server.bodies) == 1


@pytest.mark.parametrize("second", [says("<think>b</think>B"), says("B", reasoning="b")])
def test_a_server_that_does_not_go_on_is_a_failure(second: Act) -> None:
    assert answer(says("<think>a", "length"), second, decoding=THINK).error == (
        "The server began to think anew where it should have gone on to answer."
    )


def test_a_failed_second_call_is_a_failure() -> None:
    made = answer(says("<think>a", "length"), says("half", "content_filter"), decoding=THINK)
    assert made == Generation(error="The server's content filter has stopped the answer.")


def pictured(data: bytes, text: str = "look") -> tuple[Generation, list[dict[str, Any]]]:
    """An answer about an image, and the content that was sent."""
    one = Request("a", "7", (Message("user", text, ("hash",)),), Decoding())
    with served(says("yes")) as server, generator(server) as made:
        (found,) = made.generate([one], {"hash": data}.__getitem__)
    return found, server.bodies[0]["messages"][0]["content"] if server.bodies else []


def encoded(image: Image.Image, kind: str, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def turned() -> bytes:
    """A photograph that a camera noted as lying on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(Image.linear_gradient("L").resize((8, 4)).convert("RGB"), "JPEG", exif=exif)


IMAGES = {
    "png": (png((220, 30, 30)), True),
    "jpeg": (encoded(Image.new("RGB", (5, 3), "green"), "JPEG"), True),
    "turned": (turned(), False),
    "transparent": (encoded(Image.new("RGBA", (4, 4), (9, 9, 9, 0)), "PNG"), False),
    "palette": (encoded(Image.new("P", (4, 4), 3), "PNG"), False),
    "webp": (encoded(Image.new("RGB", (4, 4), "blue"), "WEBP", lossless=True), False),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_sent_as_a_viewer_shows_it(name: str) -> None:
    data, kept = IMAGES[name]
    made, content = pictured(data)
    assert made.text == "yes"
    assert [part["type"] for part in content] == ["image_url", "text"]
    head, _, letters = content[0]["image_url"]["url"].partition(";base64,")
    got = base64.b64decode(letters)
    image = Image.open(io.BytesIO(got))
    assert head == f"data:image/{str(image.format).lower()}"
    assert (got == data) is kept
    assert image.getexif().get(0x0112, 1) == 1
    assert image.mode in ("RGB", "L")
    assert image.convert("RGB").tobytes() == shown(data).tobytes()
    assert content[1] == {"type": "text", "text": "look"}


def test_an_image_that_cannot_be_read_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    made, content = pictured(png((1, 2, 3))[:40])
    assert str(made.error).startswith("The images of a, item 7 cannot be sent: its")
    assert content == []
    monkeypatch.setenv("DOWNSCALE_MAX_PIXELS", "10")
    assert "pixels" in str(pictured(png((1, 2, 3)))[0].error)

    def unreadable(name: str) -> bytes:
        raise Unreadable("the file x.png is missing")

    one = Request("a", "7", (Message("user", "look", ("hash",)),), Decoding())
    with served(says("yes")) as server, generator(server) as backend:
        for images, words in ((no_image, "no item has"), (unreadable, "x.png is missing")):
            answers = list(backend.generate([one, request()], images))
            assert words in str(answers[0].error)
            assert answers[1].text == "yes"


HOSTILE = (
    *("a b", "m\n\x1b[2J", "\u202egnp", '"};--', "../../etc/passwd", "https://u:p@h/x?k=1"),
    *("{m}", "%s", "\U0001f600", "m" * 5000, "null", "-1"),
)


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_of_a_model_is_asked_for_as_it_is(name: str) -> None:
    made, server = asked(acts=[says("yes")], model=name)
    assert made[0].text == "yes"
    assert server.bodies[0]["model"] == name
    with pytest.raises(SuiteError) as caught:
        asked(acts=[fails(404)], model=name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_the_key_knows_the_model_and_nothing_of_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = ModelSpec(model="m", generator="endpoint")
    known = fingerprint(spec, "text")
    assert known == {"generator": "endpoint", "model": "m"}
    monkeypatch.setenv("K", "secret")
    others = {"url": "http://h/v1", "api_key_env": "K", "concurrency": 3}
    for role in ("text", "vlm"):
        assert fingerprint(replace(spec, **others), role) == known  # type: ignore[arg-type]
    assert fingerprint(replace(spec, model="n"), "text") != known
    made: Any = build_generator(replace(spec, **others), "text", device="cpu")  # type: ignore[arg-type]
    assert (made.fingerprint, made.concurrency) == (known, 3)
    made.close()
    assert not BACKENDS["endpoint"].on_device


@pytest.mark.parametrize(
    ("by", "told", "versions"),
    [
        ("vllm", {"/version": {"version": "0.32.0"}}, {"server of m": "vllm 0.32.0"}),
        ("llamacpp", {"/props": {"build_info": "b7-1a"}}, {"server of m": "llamacpp b7-1a"}),
        ("vllm", {"/version": {"version": 3}}, {}),
        ("vllm", {"/version": {"version": "0.32.0 of me"}}, {}),
        ("vllm", {"/version": ["0.32.0"]}, {}),
        ("vllm", {}, {}),
        ("somebody", {"/version": {"version": "0.32.0"}}, {}),
    ],
)
def test_a_server_tells_its_version(
    by: str, told: dict[str, Any], versions: dict[str, str]
) -> None:
    with served(says("A"), listed=[{"id": "m", "owned_by": by}]) as server:
        server.told = told
        with generator(server) as made:
            known = dict(made.fingerprint)
            assert made.versions == {}
            assert [one.text for one in made.generate([request()], no_image)] == ["A"]
            assert (made.versions, made.fingerprint) == (versions, known)


def test_it_works_where_an_event_loop_runs_already() -> None:
    import asyncio

    async def notebook() -> str:
        return answer(says("yes")).text

    assert asyncio.run(notebook()) == "yes"
