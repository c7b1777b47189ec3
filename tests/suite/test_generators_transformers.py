"""The local backend on small random models of the true classes: equality, independence, faults."""

from __future__ import annotations

import io
import json
import pickle
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_vlms
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_models import text_folder

from suite.decoding.loop import decode
from suite.errors import SuiteError
from suite.families import ModelSpec
from suite.generators import build_generator, fingerprint
from suite.generators import transformers as backend
from suite.generators.chat import prompt, tensors
from suite.requests import Decoding, Generation, Message, OutOfMemory, Request

GREEDY = Decoding(max_new_tokens=20)
SAMPLED = Decoding(max_new_tokens=6, temperature=0.7, top_p=0.8)
THINKING = Decoding(max_new_tokens=6, temperature=0.6, top_p=0.95, thinking=True, thinking_budget=9)


def picture(seed: int, width: int, height: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


IMAGES = {
    "one": picture(1, 40, 30),
    "two": picture(2, 60, 60),
    "wide": picture(3, 100, 30),
    "broken": b"\x89PNG but no more",
    "cut": picture(4, 50, 50)[:200],
}


def request(
    index: int, decoding: Decoding = GREEDY, images: tuple[str, ...] = (), words: int | None = None
) -> Request:
    count = 1 + index % 4 if words is None else words
    return Request("t", str(index), (Message("user", "what colour " * count, images),), decoding)


def ask(generator: Any, requests: Sequence[Request]) -> list[Generation]:
    return list(generator.generate(requests, IMAGES.__getitem__))


def said(generations: Sequence[Generation]) -> list[Generation]:
    """Without what may differ between two runs."""
    return [replace(one, seconds=0.0) for one in generations]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = text_folder(tmp_path_factory.mktemp("text"), tie_word_embeddings=False)
    return build_generator(ModelSpec(path=folder), "text", device="cpu")


VLMS: dict[str, Callable[[Path], Path]] = {
    "llava": tiny_vlms.llava,
    "llava_onevision": tiny_vlms.llava_onevision,
    "qwen3_vl": tiny_vlms.qwen3_vl,
    "internvl": tiny_vlms.internvl,
    "gemma3": tiny_vlms.gemma3,
}


@pytest.fixture(scope="module", params=list(VLMS))
def vlm(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = VLMS[request.param](tmp_path_factory.mktemp(request.param))
    return build_generator(ModelSpec(path=folder), "vlm", device="cpu")


@pytest.mark.parametrize(
    "shown",
    [
        [("one",), ("two",), ("wide",), ("one",)],
        [("one", "two"), ("wide", "one")],
        [(), (), ()],
    ],
    ids=["one image", "two images", "blind"],
)
def test_vlm_tokens_equal_generate_with_left_padding(vlm: Any, shown: list[Any]) -> None:
    prompts = [
        prompt(vlm.loaded, request(index, images=images), IMAGES.__getitem__)
        for index, images in enumerate(shown)
    ]
    inputs = tensors(vlm.loaded, prompts)
    mask = inputs["attention_mask"]
    assert bool((mask == 0).any())
    assert bool(mask[:, -1].all())
    with torch.inference_mode():
        want = vlm.loaded.model.generate(**inputs, max_new_tokens=20, do_sample=False)
    want = want[:, mask.shape[1] :]
    inputs = tensors(vlm.loaded, prompts)
    rows = decode(vlm.loaded.model, inputs, vlm._rules(prompts, [400] * len(prompts)), pad_id=0)
    for row, expected in zip(rows, want.tolist(), strict=True):
        assert list(row.ids) == expected[: len(row.ids)]
        assert len(row.ids) == 20 or row.ids[-1] in vlm.loaded.end_ids


def test_what_is_shown_changes_what_is_said(vlm: Any) -> None:
    logits = []
    for images in (("one",), ("two",)):
        one = prompt(vlm.loaded, request(0, images=images), IMAGES.__getitem__)
        with torch.inference_mode():
            logits.append(vlm.loaded.model(**tensors(vlm.loaded, [one])).logits[0, -1])
    assert float((logits[0] - logits[1]).abs().max()) > 1e-3


def test_an_unreadable_image_fails_its_own_row_only(vlm: Any) -> None:
    images: list[tuple[str, ...]] = [("one",), ("broken",), ("two",), ("cut",), ("absent",)]
    asked = [request(n, images=shown) for n, shown in enumerate(images)]
    answers = ask(vlm, asked)
    assert [answer.error is None for answer in answers] == [True, False, True, False, False]
    assert answers[1].error == (
        f"{asked[1].task}, item {asked[1].item_id}: Image broken cannot be read: it is in no known "
        "format."
    )
    assert ": Image cut cannot be read: " in str(answers[3].error)
    assert ": Image absent cannot be read: " in str(answers[4].error)
    good = [request(0, images=("one",)), request(2, images=("two",))]
    assert said([answers[0], answers[2]]) == said(ask(vlm, good))


def test_rows_with_and_without_images_may_share_a_call(vlm: Any) -> None:
    mixed = [request(0, images=("one",)), request(1), request(2, images=("two",)), request(3)]
    answers = ask(vlm, mixed)
    assert said([answers[0], answers[2]]) == said(ask(vlm, [mixed[0], mixed[2]]))
    assert said([answers[1], answers[3]]) == said(ask(vlm, [mixed[1], mixed[3]]))


@pytest.mark.parametrize("decoding", [GREEDY, SAMPLED, THINKING], ids=["greedy", "plain", "think"])
def test_an_answer_does_not_depend_on_its_batch(text: Any, decoding: Decoding) -> None:
    requests = [request(n, decoding) for n in range(12)]
    together = said(ask(text, requests))
    assert said(ask(text, requests)) == together  # and not on when it is asked
    alone = [said(ask(text, [one]))[0] for one in requests]
    assert alone == together
    mixed = [request(n, (GREEDY, SAMPLED, THINKING)[n % 3]) for n in range(12)]
    answers = said(ask(text, mixed))
    for index in (n for n in range(12) if mixed[n].decoding == decoding):
        assert answers[index] == together[index]


def test_how_far_a_batch_moves_the_logits(text: Any) -> None:
    """Alone against left-padded in a batch: rounding of float32, five orders below the logits."""
    prompts = [
        prompt(text.loaded, request(n, words=1 + 5 * n), IMAGES.__getitem__) for n in range(6)
    ]
    with torch.inference_mode():
        batch = tensors(text.loaded, prompts)
        positions = (batch["attention_mask"].cumsum(-1) - 1).clamp(min=0)
        together = text.loaded.model(**batch, position_ids=positions).logits[:, -1]
        alone = torch.cat(
            [text.loaded.model(**tensors(text.loaded, [one])).logits[:, -1] for one in prompts]
        )
    assert float((together - alone).abs().max()) < 1e-5 * float(alone.abs().max()) * 10


def test_samples_differ_between_items_samples_and_seeds(text: Any) -> None:
    base = request(0, replace(SAMPLED, temperature=2.0, top_p=1.0))
    variants = [
        base,
        replace(base, sample=1),
        replace(base, item_id="9"),
        replace(base, study_seed=7),
    ]
    assert len({answer.text for answer in ask(text, variants)}) == 4


def test_thinking_is_cut_split_off_and_counted(tmp_path: Path) -> None:
    """A template that opens the block in the prompt, so that every row thinks from its start."""
    folder = text_folder(tmp_path / "m", tie_word_embeddings=False)
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text(
        template + "{% if enable_thinking %} <think>{% endif %}"
    )
    generator: Any = build_generator(ModelSpec(path=folder), "text", device="cpu")
    answers = ask(generator, [replace(request(n, THINKING), study_seed=n) for n in range(24)])
    ends = {answer.finish_reason for answer in answers}
    assert ends <= {"stop", "length", "budget"}
    by_itself = [answer for answer in answers if answer.generated_tokens < 9]
    cut = [answer for answer in answers if answer.generated_tokens >= 9 + 1]
    assert cut
    for answer in cut:
        assert answer.generated_tokens <= 9 + 1 + 6
        assert 0 < len(answer.thinking.split()) <= 9
        assert len(answer.text.split()) <= 6
        assert answer.finish_reason in ("budget", "length")
    assert "budget" not in {answer.finish_reason for answer in by_itself}
    unlimited = replace(THINKING, thinking_budget=None, max_new_tokens=1)
    (free,) = ask(generator, [request(0, unlimited)])
    assert free.prompt_tokens + free.generated_tokens <= 512


def test_thinking_needs_a_model_that_thinks(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "plain")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        file = folder / name
        file.write_text(file.read_text().replace("think>", "thunk>"))
    generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
    with pytest.raises(SuiteError, match="has no thinking mode that the suite knows"):
        ask(generator, [request(0, THINKING)])


@pytest.mark.parametrize(
    ("ids", "opened", "want"),
    [
        ([5, 8, 9, 6, 7], False, ([8, 9], [7])),
        ([8, 9, 6, 7], True, ([8, 9], [7])),
        ([7, 8], False, ([], [7, 8])),
        ([5, 8, 9], False, ([8, 9], [])),
        ([8, 9], True, ([8, 9], [])),
        ([5, 8, 6, 7, 5, 9, 6], False, ([8], [7, 5, 9, 6])),
        ([], False, ([], [])),
        ([6], True, ([], [])),
        ([6, 7], False, ([], [6, 7])),
        ([9, 5, 8, 6, 7], False, ([9, 8], [7])),
        ([5, 8, 6, 7], True, ([8], [7])),
    ],
)
def test_split_of_thinking_and_answer(ids: list[int], opened: bool, want: Any) -> None:
    markers = backend.Markers("<t>", "</t>", (5,), (6,))
    thinking, answer = backend.split_thinking(ids, markers, opened)
    assert (list(thinking), list(answer)) == want


def test_a_prompt_longer_than_the_context_is_its_own_failure(text: Any) -> None:
    long = request(0, words=300)
    answers = ask(text, [request(1), long, request(2)])
    assert answers[1].error == "The prompt has 607 tokens; the model reads at most 511."
    assert said([answers[0], answers[2]]) == said(ask(text, [request(1), request(2)]))
    near = ask(text, [request(0, Decoding(max_new_tokens=100), words=251)])[0]
    assert near.prompt_tokens + near.generated_tokens <= 512


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")]
)
def test_memory_errors_reach_the_engine(
    text: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    monkeypatch.setattr(backend, "decode", fail)
    with pytest.raises(OutOfMemory):
        ask(text, [request(0)])


def test_missing_and_foreign_checkpoints_are_one_sentence(tmp_path: Path) -> None:
    def message(spec: ModelSpec, role: Any = "text") -> str:
        with pytest.raises(SuiteError) as caught:
            build_generator(spec, role, device="cpu")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    absent = tmp_path / "absent"
    assert message(ModelSpec(path=absent)) == (
        f"Checkpoint folder {absent} does not exist; train or fetch the model, correct the path in "
        "the family file, or name a copy with --weights PATH."
    )
    folder = text_folder(tmp_path / "pickled")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    (folder / "model.safetensors").unlink()
    assert "has no .safetensors file" in message(ModelSpec(path=folder))
    text_folder(folder)
    (folder / "config.json").write_text("{}")
    assert "cannot be loaded" in message(ModelSpec(path=folder))
    shutil.rmtree(folder)
    text_folder(folder)
    assert message(ModelSpec(path=folder), "vlm") == (
        f"The vlm model {folder} is of the kind 'qwen3', which is no vision-language model; name "
        "another checkpoint in the family file."
    )
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert "lacks 1 weights of Qwen3ForCausalLM, such as model.layers.1.mlp.up_proj" in message(
        ModelSpec(path=folder)
    )
    with pytest.raises(SuiteError, match="Device cuda:77 cannot be used"):
        build_generator(ModelSpec(path=folder), "text", device="cuda:77")


def test_a_cut_file_of_weights_is_named(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "text")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(SuiteError) as caught:
        build_generator(ModelSpec(path=folder), "text", device="cpu")
    said = str(caught.value)
    assert said.startswith(
        f"The text model {folder} cannot be loaded: its file {weights} is cut or damaged ("
    )
    assert said.endswith("); copy or fetch it again, and run the same command.")


def test_a_misspelt_setting_of_the_processor_is_named(tmp_path: Path) -> None:
    def message(role: Any, folder: Path, **settings: Any) -> str:
        with pytest.raises(SuiteError) as caught:
            build_generator(
                ModelSpec(path=folder, processor=tuple(settings.items())), role, device="cpu"
            )
        return str(caught.value)

    seeing, reading = tiny_vlms.internvl(tmp_path / "vlm"), text_folder(tmp_path / "text")
    assert message("vlm", seeing, max_patchs=4) == (
        f"The family gives {seeing} the setting `processor: {{max_patchs: ...}}`, which "
        "InternVLProcessor does not have (did you mean 'max_patches'?)."
    )
    assert message("text", reading, max_patches=4) == (
        f"The family gives {reading} the setting `processor: {{max_patches: ...}}`, which a text "
        "model does not have (known: none)."
    )


def test_settings_of_the_processor_reach_the_images(tmp_path: Path) -> None:
    size = {"shortest_edge": 256, "longest_edge": 1024}
    folder = tiny_vlms.qwen3_vl(tmp_path / "vlm")
    tokens = []
    for settings in ((), (("size", size),)):
        spec = ModelSpec(path=folder, processor=settings)
        generator = build_generator(spec, "vlm", device="cpu")
        tokens.append(ask(generator, [request(0, images=("two",))])[0].prompt_tokens)
    # 60 x 60 pixels are rounded to 64 x 64, a token for 16 x 16; the setting halves each side
    assert tokens[0] - tokens[1] == 16 - 4


@pytest.mark.parametrize("name", ["qwen3_vl", "llava", "gemma3"])
def test_a_vision_language_model_reasons_without_images(name: str, tmp_path: Path) -> None:
    folder = VLMS[name](tmp_path / "vlm")
    reasoner: Any = build_generator(ModelSpec(path=folder), "text", device="cpu")
    seer = build_generator(ModelSpec(path=folder), "vlm", device="cpu")
    requests = [request(n, (GREEDY, THINKING)[n % 2]) for n in range(4)]
    answers = said(ask(reasoner, requests))
    assert all(answer.error is None and answer.generated_tokens for answer in answers)
    assert [one.prompt_tokens for one in answers] == [
        one.prompt_tokens for one in ask(seer, requests)
    ]
    assert answers[::2] == said(ask(seer, requests))[::2]  # greedy: the same model, asked the same
    assert reasoner.fingerprint["role"] == "text"


def test_code_in_a_repository_does_not_run(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "m")
    settings = json.loads((folder / "config.json").read_text())
    settings["model_type"] = "own_kind"
    settings["auto_map"] = {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(SuiteError, match="cannot be loaded"):
        build_generator(ModelSpec(path=folder), "text", device="cpu")
    assert not (tmp_path / "ran").exists()


def test_batch_size_comes_from_the_call_the_spec_or_the_model(text: Any, tmp_path: Path) -> None:
    spec = ModelSpec(path=text_folder(tmp_path / "m"), batch_size=3)
    assert text.batches_of == 128
    assert build_generator(spec, "text", device="cpu").batches_of == 3  # type: ignore[attr-defined]
    generator = build_generator(spec, "text", device="cpu", batch_size=2)
    assert generator.batches_of == 2  # type: ignore[attr-defined]
    requests = [request(n) for n in range(5)]
    assert [answer.text for answer in ask(generator, requests)] == [
        ask(generator, [one])[0].text for one in requests
    ]


def test_fingerprint_equals_the_one_found_without_loading(text: Any) -> None:
    spec = ModelSpec(path=Path(text.loaded.model.name_or_path))
    assert text.fingerprint == fingerprint(spec, "text", device="cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_a_gpu_answers_in_bfloat16_and_like_the_cpu_in_float32(tmp_path: Path) -> None:
    spec = ModelSpec(path=text_folder(tmp_path / "m", tie_word_embeddings=False))
    generator: Any = build_generator(spec, "text", device="cuda")
    assert generator.loaded.model.dtype == torch.bfloat16
    assert generator.fingerprint["dtype"] == "bfloat16"
    requests = [request(n, (GREEDY, SAMPLED, THINKING)[n % 3]) for n in range(12)]
    assert all(answer.error is None for answer in ask(generator, requests))
    exact = [
        said(ask(build_generator(replace(spec, dtype="float32"), "text", device=name), requests))
        for name in ("cuda", "cpu")
    ]
    assert exact[0] == exact[1]
