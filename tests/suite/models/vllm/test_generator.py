"""The vLLM backend without vLLM: its key, what it refuses, what it passes on, how it reads tokens.

In: a package `vllm` of a few lines that notes what it is given and says what it is told to, for the
process that the backend starts. Out: settings, Generations and sentences.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from suite.base.files import PACKAGE
from suite.errors import SuiteError, Unfinished
from suite.models.backends import build_generator, fingerprint
from suite.models.spec import ModelSpec
from suite.models.vllm import process
from suite.models.vllm.generator import OURS, UNCHANGING, VLLMGenerator, _visible
from suite.requests import Decoding, Generation, Message, Request, request_key, request_seed

SPEC = ModelSpec(path=PACKAGE / "families" / "micro" / "text-xs", generator="vllm")
"""Its tokens 3, 4 and 5 are <|im_end|>, <think> and </think>."""
FAKE = """
import json, os, sys
from types import SimpleNamespace as Some
__version__ = "0.1"
def note(**what):
    with open(os.environ["NOTED"], "a") as file:
        file.write(json.dumps(what, default=vars) + "\\n")
class SamplingParams:
    def __init__(self, **given): self.given = given
class Engine:
    def __init__(self, tokens):
        self.vllm_config = Some(scheduler_config=Some(max_num_seqs=2),
                                model_config=Some(max_model_len=tokens))
        self.running = []
    def step(self):
        name, said = self.running.pop()  # the last one ends first
        if said == "die":
            print("(EngineCore pid=7) RuntimeError: the card is gone.", file=sys.stderr, flush=True)
            raise RuntimeError("Engine core proc died. See root cause above.")
        *ids, finish = said.split()
        answer = Some(token_ids=list(map(int, ids)), finish_reason=finish)
        return [Some(request_id=name, finished=True, outputs=[answer], prompt_token_ids=[1] * 9)]
class LLM:
    def __init__(self, **given):
        note(loaded=given, sees=os.environ.get("CUDA_VISIBLE_DEVICES"), pid=os.getpid())
        if given["dtype"] == "float16":
            raise ValueError("There is no module or parameter named 'vision_tower.x' in Llava")
        self.llm_engine, self.count = Engine(given.get("max_model_len", 1024)), 0
    def enqueue_chat(self, messages, params, **given):
        note(asked=messages[0], sampling=params[0].given, **given)
        said = messages[0][-1]["content"]
        if said == "long":
            raise ValueError("The prompt is too long.")
        self.count += 1
        self.llm_engine.running.append((str(self.count), said))
        return [f"{self.count}-abc"]
"""


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `vllm` for the processes that start, and the file in which it notes things."""
    package = tmp_path / "packages" / "vllm"
    for name, text in {
        "__init__": FAKE,
        "engine/__init__": "",
        "engine/arg_utils": "class EngineArgs:\n    __dataclass_fields__ = "
        "{'max_model_len': 1, 'gpu_memory_utilization': 1, 'enforce_eager': 1, 'quantization': 1}",
        "config/__init__": "",
        "config/reasoning": "class ReasoningConfig:\n    def __init__(self, **given):\n"
        "        self.__dict__ = given",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setenv("NOTED", str(tmp_path / "noted"))
    return tmp_path / "noted"


@contextmanager
def serving(spec: ModelSpec = SPEC, **settings: Any) -> Iterator[VLLMGenerator]:
    made: Any = build_generator(spec, "text", device="cpu", **settings)
    try:
        yield made
    finally:
        made.close()


def lines(noted: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in noted.read_text().splitlines()]


def request(said: str, decoding: Decoding | None = None, item: str = "0") -> Request:
    return Request("t", item, (Message("user", said),), decoding or Decoding())


def answers(made: VLLMGenerator, *requests: Request) -> list[Generation]:
    return list(made.generate(requests, lambda name: b""))


def engine(**settings: Any) -> ModelSpec:
    return replace(SPEC, engine=json.dumps(settings))


def test_the_key_has_the_engine_and_what_can_change_an_answer() -> None:
    base = fingerprint(SPEC, "text", device="cpu")
    local = fingerprint(replace(SPEC, generator="transformers"), "text", device="cpu")
    assert base == local | {"generator": "vllm"}
    for name in UNCHANGING:
        assert fingerprint(engine(**{name: 1}), "text", device="cpu") == base
    for other in ({"quantization": "fp8"}, {"kv_cache_dtype": "fp8"}, {"hf_overrides": {"a": 1}}):
        assert fingerprint(engine(**other), "text", device="cpu") == base | {"engine": other}
    assert fingerprint(replace(SPEC, dtype="bfloat16"), "text", device="cpu") != base


@pytest.mark.parametrize("name", OURS)
def test_what_the_suite_sets_is_no_setting_of_the_engine(name: str) -> None:
    with pytest.raises(SuiteError, match=f"`engine` may not set `{name}`, which the suite does; "):
        fingerprint(engine(**{name: 1}), "text", device="cpu")


def test_settings_go_on_and_requests_come_back_in_order(noted: Path) -> None:
    sampled = Decoding(max_new_tokens=5, temperature=0.7, top_p=0.9, top_k=4)
    with serving(engine(max_model_len=64, gpu_memory_utilization=0.5)) as made:
        made._banned = {True: (70, 71), False: ()}  # the micro family has no word of NoWait
        first, sixth = request("50 173 3 stop", sampled), request("51 length", item="5")
        found = answers(made, first, *(request(f"{n} 3 stop") for n in (60, 61)), request("long"),
                        request("62 3 stop", Decoding(nowait=True)), sixth)  # fmt: skip
        texts = made._tokenizer.batch_decode([[50, 173], [60], [61], [62], [51]])
        seed = request_seed(request_key(made.fingerprint, first))
    assert made.versions == {"vllm": "0.1"}
    assert [one.text for one in found if one.error is None] == texts
    assert [one.finish_reason for one in found] == ["stop"] * 3 + ["", "stop", "length"]
    assert found[3].error == "The prompt is too long."
    assert (found[0].prompt_tokens, found[0].generated_tokens) == (9, 3)
    assert all(one.seconds > 0 for one in found if one.error is None)
    loaded, *asked = lines(noted)
    assert loaded["loaded"] == {
        "model": str(SPEC.path), "dtype": "float32", "trust_remote_code": False,
        "max_model_len": 64, "gpu_memory_utilization": 0.5, "enforce_eager": True,
        "reasoning_config": {"reasoning_start_str": "<think>", "reasoning_end_str": "</think>"},
    }  # fmt: skip
    assert asked[0] == {
        "asked": [{"role": "user", "content": "50 173 3 stop"}],
        "sampling": {"temperature": 0.7, "top_p": 0.9, "top_k": 4, "max_tokens": 5, "seed": seed,
                     "detokenize": False},
        "use_tqdm": False, "chat_template": None,
        "chat_template_kwargs": {"enable_thinking": False},
    }  # fmt: skip
    bias = next(one["sampling"].get("logit_bias") for one in asked if "62 3" in str(one["asked"]))
    assert bias == {"70": float("-inf"), "71": float("-inf")}


def test_thinking_is_read_and_held_to_its_budget(noted: Path) -> None:
    think = Decoding(max_new_tokens=2, thinking=True, thinking_budget=3)
    free = replace(think, thinking_budget=None)
    with serving() as made:
        found = answers(
            made,
            request("4 60 61 5 50 3 stop", think),  # two thoughts
            request("4 60 61 62 5 50 3 stop", think, "1"),  # three: its end was written for it
            request("4 60 5 50 51 52 53 length", think),  # an answer of four, where two may be
            request("4 60 61 62 63 length", free),  # the model's own length
        )
        words = made._tokenizer
    assert [one.thinking for one in found] == [
        words.decode(ids) for ids in ([60, 61], [60, 61, 62], [60], [60, 61, 62, 63])
    ]
    assert [one.text for one in found] == [words.decode(ids) for ids in ([50], [50], [50, 51], [])]
    assert [one.finish_reason for one in found] == ["stop", "budget", "length", "length"]
    assert [one.generated_tokens for one in found] == [6, 7, 5, 5]
    sampling = [one["sampling"] for one in lines(noted)[1:]]
    assert [one.get("thinking_token_budget") for one in sampling] == [3, 3, 3, None]
    assert [one["max_tokens"] for one in sampling] == [9, 9, 9, None]
    assert [one["chat_template_kwargs"] for one in lines(noted)[1:]] == [
        {"enable_thinking": True}
    ] * 4


def test_what_a_broken_batch_has_asked_answers_nothing_later(noted: Path) -> None:
    with serving() as made:
        broken = made.generate([request(f"{n} 3 stop") for n in (50, 51, 52)], lambda name: b"")
        next(broken)
        broken.close()  # two are still asked
        found = answers(made, request("60 3 stop"), request("61 3 abort"))
        assert found[0].text == made._tokenizer.decode([60])
        assert found[1].error == "vLLM has ended the answer otherwise: abort."


def test_an_answer_that_the_setting_of_a_length_cuts_is_a_failure(noted: Path) -> None:
    with serving(engine(max_model_len=12)) as made:
        short, long = answers(made, request("50 length"), request("50 51 52 length"))
    assert (short.error, short.finish_reason) == (None, "length")  # by max_new_tokens
    assert long.error == (
        "The answer has not ended within `max_model_len: 12` of `engine`, which is less than the "
        "model can read; give more."
    )


def test_what_ends_it_is_told_and_all_its_processes_end(noted: Path) -> None:
    with serving() as made:
        answers(made, request("50 3 stop"))
        with pytest.raises(Unfinished) as caught:
            answers(made, *[request("die")] * 3)
    assert str(caught.value) == (
        "vLLM has stopped (RuntimeError: the card is gone); run the same command again, all that "
        "was finished is kept."
    )
    with serving() as made, pytest.raises(SuiteError) as caught:
        answers(made, request("die"))
    assert str(caught.value) == (
        "vLLM cannot answer with the model: RuntimeError: the card is gone."
    )
    with serving() as made:
        pid = lines(noted)[-1]["pid"]
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            engine(max_modellen=3),
            "vLLM cannot load the model: ValueError: vLLM 0.1 has no setting 'max_modellen' (did "
            "you mean 'max_model_len'?).",
        ),
        (
            replace(SPEC, dtype="float16"),
            "vLLM cannot load the model: ValueError: There is no module or parameter named "
            "'vision_tower.x' in Llava.",
        ),
        (
            engine(python="/nowhere/python"),
            "The Python for vLLM, /nowhere/python, is not there; correct `engine: {python: PATH}` "
            "or the environment variable DOWNSCALE_VLLM_PYTHON.",
        ),
    ],
    ids=["setting", "weights", "python"],
)
def test_what_does_not_load_is_a_sentence(noted: Path, spec: ModelSpec, words: str) -> None:
    with pytest.raises(SuiteError) as caught, serving(spec):
        pass
    assert str(caught.value) == words


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_a_python_without_vllm_is_named() -> None:
    with pytest.raises(SuiteError) as caught, serving():
        pass
    assert str(caught.value).startswith(
        f'{sys.executable} has no vLLM: install it with `pip install "downscaling-suite[vllm]"`'
    )


def test_thinking_that_cannot_be_is_refused(noted: Path) -> None:
    think = Decoding(thinking=True, thinking_budget=4)
    with serving() as made:
        made._one_token = False
        with pytest.raises(SuiteError, match="in several tokens, and vLLM's thinking budget"):
            answers(made, request("3 stop", think))
        for ways, words in (((False, False), "asks the same with thinking and without it"),):
            made._ways = ways
            with pytest.raises(SuiteError, match=words):
                answers(made, request("3 stop", think))
        made._ways = (True, True)
        answers(made, request("3 stop"))
        assert ["thinks always" in line for line in made.news()] == [True]
        made._markers = None
        with pytest.raises(SuiteError, match="has no thinking mode that the suite knows"):
            answers(made, request("3 stop", think))


def test_thinking_is_switched_as_the_family_says(noted: Path) -> None:
    spec = replace(SPEC, thinking='{"on":{"enable_thinking":1},"off":{"enable_thinking":false}}')
    assert fingerprint(spec, "text", device="cpu") != fingerprint(SPEC, "text", device="cpu")
    with serving(spec) as made:
        answers(made, request("3 stop", Decoding(thinking=True)))
    assert lines(noted)[1]["chat_template_kwargs"] == {"enable_thinking": 1}


def test_it_ends_with_the_suite(noted: Path) -> None:
    """The end of its input is all that it is told where the suite was killed."""
    with serving() as made:
        pid = lines(noted)[-1]["pid"]
        assert made._process._process.stdin is not None
        made._process._process.stdin.close()
        made._process._process.wait(10)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_each_process_sees_its_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert _visible("cpu", 1) is _visible("cuda", 2) is None
    assert _visible("cuda:2", 2) == ["2", "3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")  # a cluster's share
    assert _visible("cuda:2", 2) == ["6", "7"]
    assert engine(tensor_parallel_size=4, pipeline_parallel_size=2).gpus == 8
    assert SPEC.gpus == 1


def test_waiting_is_short() -> None:
    """Nothing is asked of a process that has ended."""
    started = time.monotonic()
    with pytest.raises(SuiteError):
        process.Process(sys.executable, None, {"nothing": 1})
    assert time.monotonic() - started < process.PATIENCE
