"""Models of lmms-eval as a backend: what they are given, what is refused, what a key holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import suite
from suite.base.images import Unreadable
from suite.engine import batches
from suite.errors import SuiteError
from suite.models.backends import build_generator, fingerprint
from suite.models.family import load_family
from suite.models.spec import ModelSpec
from suite.requests import Decoding, Generation, Message, Request, request_key
from tests.suite import tiny_vlms
from tests.suite.models import lmms_models
from tests.tasks.files import png

RED = png((200, 0, 0), (4, 2))


@pytest.fixture(autouse=True, scope="module")
def _known() -> None:
    lmms_models.register()


def images(name: str) -> bytes:
    if name == "none":
        raise Unreadable("the image in row 3 is none")
    return RED


def of(folder: Path, text: str) -> ModelSpec:
    """The checkpoint of a family file with these keys."""
    path = folder / "family.yaml"
    path.write_text(
        f"family: f\nsizes: [{{name: a, params: 1, vlm: {{generator: lmms_eval, {text}}}}}]\n"
    )
    spec = load_family(path).sizes[0].vlm
    assert spec is not None
    return spec


def spec(model: str = "test_simple", behaviour: str = "") -> ModelSpec:
    return ModelSpec(generator="lmms_eval", model=model, arguments=f'{{"behaviour":"{behaviour}"}}')


def request(text: str = "look", *shown: str, system: str = "", **decoding: Any) -> Request:
    first = (Message("system", system),) if system else ()
    return Request("t", "7", (*first, Message("user", text, shown)), Decoding(**decoding))


def answers(built: Any, *requests: Request) -> list[Generation]:
    return batches.generate(built, requests, images)


def build(model: str = "test_simple", behaviour: str = "", **settings: Any) -> Any:
    return build_generator(spec(model, behaviour), "vlm", device="cpu", **settings)


def test_the_dummy_model_answers_and_says_that_it_looks_at_nothing() -> None:
    built: Any = build_generator(ModelSpec(generator="lmms_eval", model="dummy"), "text")
    found = answers(built, request("a"), request("b"))
    assert [(one.text, one.finish_reason, one.error) for one in found] == [("A", "", None)] * 2
    assert [line.partition(":")[0] for line in built.news()] == [
        "lmms-eval's model dummy does not look at `max_new_tokens`",
        "lmms-eval's model dummy does not look at `temperature`",
    ]
    answers(built, request("c"))
    assert built.news() == []


def test_a_simple_model_gets_one_text_and_images_as_they_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    built = build()
    seen, blind = answers(built, request("look", "x", "x"), request("think"))
    red = "RGB (4, 2) (200, 0, 0)"
    assert (seen.text, blind.text) == (f"{red} | {red} | look | cpu", "think | cpu")
    assert built.news() == []
    assert capsys.readouterr() == ("", "")


def test_a_chat_model_gets_the_conversation() -> None:
    (found,) = answers(build("test_chat"), request("look", "x", system="Be brief."))
    assert found.text == "system: Be brief. user: (4, 2) look"


@pytest.mark.parametrize(
    ("behaviour", "rows", "expected"),
    [
        ("counts", 1, Generation("q | cpu", "", "stop", 7, 3)),
        ("full", 1, Generation("q | cpu", "", "length", 7, 8)),
        ("full", 2, Generation("q | cpu", "", "", 7, 8)),  # padding is counted in a batch
        ("thinks", 1, Generation("q | cpu", "well", "")),
        ("never ends", 1, Generation("", "well, well", "length")),
        ("empty", 1, Generation(error="lmms-eval's model test_simple gave an empty answer.")),
        (
            "more",
            1,
            Generation(
                error="lmms-eval's model test_simple wrote 9 tokens where `max_new_tokens` "
                "allows 8."
            ),
        ),
    ],
)
def test_what_an_answer_is(behaviour: str, rows: int, expected: Generation) -> None:
    built = build(behaviour=behaviour, batch_size=rows)
    assert answers(built, request("q", max_new_tokens=8)) == [expected]


def test_what_fails_fails_alone() -> None:
    (lost,) = answers(build(behaviour="lost"), request())
    assert lost.error is not None
    assert "no server" in lost.error
    good, bad, unseen, last = answers(
        build(behaviour="breaks"),
        *(request("a"), request("bad"), request("b", "none"), request("c")),
    )
    assert (good.text, last.text) == ("a | cpu", "c | cpu")
    assert bad.error == "ValueError: a bad question"
    assert unseen.error == "t, item 7: the image in row 3 is none."


@pytest.mark.parametrize(
    ("behaviour", "asked", "words"),
    [
        ("", {"thinking": True, "thinking_budget": 9}, "have no switch for thinking and no budget"),
        ("", {"nowait": True}, "cannot do NoWait, which needs the model's vocabulary"),
        ("", {"temperature": 0.7}, "have no seed for each request: set `temperature: 0`"),
        ("caps", {"max_new_tokens": 5}, "sets `max_new_tokens` to 4 in place of 5"),
        ("samples", {}, "sets `do_sample` to True in place of False"),
    ],
)
def test_no_setting_is_dropped_without_a_word(
    behaviour: str, asked: dict[str, Any], words: str
) -> None:
    built = build(behaviour=behaviour)
    with pytest.raises(SuiteError) as caught:
        answers(built, request(**asked))
    assert words in str(caught.value)


def test_a_simple_model_is_given_no_system_message() -> None:
    with pytest.raises(SuiteError, match="takes one text, and the prompt has a message of the sys"):
        answers(build(), request(system="Be brief."))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (ModelSpec(generator="lmms_eval", model="test_simpel"), "did you mean 'test_simple'"),
        (
            ModelSpec(generator="lmms_eval", model="test_chat", arguments='{"depth":3}'),
            "'test_chat' cannot be loaded (TypeError: ",
        ),
    ],
)
def test_a_model_that_is_not_there_is_one_sentence(given: ModelSpec, words: str) -> None:
    with pytest.raises(SuiteError) as caught:
        build_generator(given, "vlm", device="cpu")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_holds_name_arguments_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(given: ModelSpec) -> str:
        return request_key(fingerprint(given, "vlm"), request())

    assert fingerprint(spec(), "vlm") == build().fingerprint
    first = key(spec())
    assert first != key(spec("test_chat"))
    assert first != key(spec(behaviour="thinks"))
    monkeypatch.setattr("suite.models.lmms_eval.version", lambda name: "0.0.1")
    assert first != key(spec())


def test_files_that_an_argument_names_are_known_by_content(tmp_path: Path) -> None:
    weights, prompt = tmp_path / "weights", tmp_path / "prompt.txt"
    weights.mkdir()
    (weights / "model.bin").write_bytes(b"one")
    (weights / "README.md").write_text("words")
    prompt.write_text("Be brief.")
    keys = "model: m, arguments: {pretrained: ./weights, system: ./prompt.txt, size: /no_think}"
    first = fingerprint(of(tmp_path, keys), "vlm")
    assert first["arguments"]["size"] == "/no_think"
    assert str(tmp_path) not in str(first)
    (weights / "README.md").write_text("other words")
    assert fingerprint(of(tmp_path, keys), "vlm") == first
    (weights / "model.bin").write_bytes(b"two")
    second = fingerprint(of(tmp_path, keys), "vlm")
    prompt.write_text("Be long.")
    assert len({str(first), str(second), str(fingerprint(of(tmp_path, keys), "vlm"))}) == 3
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in (weights, prompt):
        path.rename(moved / path.name)
    assert fingerprint(of(moved, keys), "vlm") != second
    prompt = moved / "prompt.txt"
    prompt.write_text("Be brief.")
    assert fingerprint(of(moved, keys), "vlm") == second
    prompt.unlink()
    with pytest.raises(SuiteError, match=r"`system` of the lmms-eval model 'm' names /.*prompt.tx"):
        fingerprint(of(moved, keys), "vlm")


def test_weights_of_the_hub_are_known_by_their_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    given = of(tmp_path, "model: m, arguments: {pretrained: owner/name}")
    with pytest.raises(SuiteError, match="is owner/name, which is not on this machine and which t"):
        fingerprint(given, "vlm")
    reference = tmp_path / "models--owner--name" / "refs" / "main"
    reference.parent.mkdir(parents=True)
    reference.write_text("a" * 40)
    assert fingerprint(given, "vlm")["commit"] == "a" * 40


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("arguments: {a: 1}", "give `model` (its name in lmms-eval)"),
        ("model: ''", "`model` is empty; give its name in lmms-eval."),
        ("model: m, dtype: float32", "`dtype` is no key of a checkpoint of the generator lmms_eva"),
        ("model: m, arguments: 3", "`arguments` is 3: it should be keys and values"),
        ("model: m, arguments: {1: 2}", "`arguments` must map names of settings to"),
    ],
)
def test_a_family_file_is_read_strictly(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SuiteError) as caught:
        of(tmp_path, text)
    assert words in str(caught.value)


@pytest.mark.slow
def test_a_real_class_answers_as_it_does_locally(tmp_path: Path) -> None:
    folder = tiny_vlms.internvl(tmp_path / "internvl")
    for path in folder.glob("chat_template.jinja"):  # lmms-eval's models have no switch
        switch = "{% if enable_thinking is defined and not enable_thinking %} <think> </think>"
        path.write_text(path.read_text().replace(switch + "{% endif %}", ""))
    local = build_generator(ModelSpec(path=folder, dtype="bfloat16"), "vlm", device="cpu")
    given = of(tmp_path, "model: internvl_hf, arguments: {pretrained: ./internvl, max_patches: 4}")
    there = build_generator(given, "vlm", device="cpu")
    wide = png((0, 90, 200), (90, 30))
    asked = [
        Request("t", str(n), (Message("user", text, shown),), Decoding(max_new_tokens=8))
        for n, (text, shown) in enumerate(
            [("what is it", ("x",)), ("which colour is the dog", ("y",)), ("the red dog", ())]
        )
    ]

    def look(name: str) -> bytes:
        return {"x": RED, "y": wide}[name]

    expected = [next(iter(local.generate([one], look))) for one in asked]
    found = [next(iter(there.generate([one], look))) for one in asked]
    assert [one.text for one in found] == [one.text for one in expected]
    assert len({one.text for one in found}) == 3
    assert [one.generated_tokens for one in found] == [8, 8, 8]


@pytest.mark.slow
def test_a_study_runs_through_and_goes_on_from_its_store(tmp_path: Path) -> None:
    of(
        tmp_path,
        "model: dummy, arguments: {response: C}}, text: {generator: lmms_eval, model: dummy",
    )
    (tmp_path / "study.yaml").write_text("""
study: s
family: family.yaml
prompts: default
limit: 2
tasks: [{task: micro_ocr}]
cells:
  - {method: end_to_end, perception: all}
  - {method: decoupled, perception: all, reasoning: all}
decoding: {reason: {max_new_tokens: 16}}
""")
    found = suite.run(tmp_path / "study.yaml", out=tmp_path / "run", device="cpu")
    assert found.failures == {}
    records = found.records.set_index("cell")
    assert {cell: {*rows["prediction"]} for cell, rows in records.groupby(level=0)} == {
        "end_to_end/P=a": {"C"},
        "decoupled/P=a/R=a/direct": {"A"},
    }
    again = suite.run(tmp_path / "study.yaml", out=tmp_path / "run", device="cpu")
    assert again.summary["requests"]["generated"] == 0
