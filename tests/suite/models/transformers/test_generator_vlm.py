"""Vision-language models of several classes, small and random: equality with `generate`, images.

In: model folders and images, some unreadable. Out: tokens, logits and generations.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as tf

from suite.errors import SuiteError
from suite.models.backends import build_generator
from suite.models.spec import ModelSpec
from suite.models.transformers.chat import prompt, tensors, together
from suite.models.transformers.loop import decode
from tests.suite import tiny_vlms
from tests.suite.asking import GREEDY, IMAGES, THINKING, ask, request, said

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
        f"{asked[1].task}, item {asked[1].item_id}: Image broken cannot be read: its 16 bytes are "
        "no image that Pillow reads."
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


def test_settings_of_the_processor_reach_the_images(tmp_path: Path) -> None:
    size = {"shortest_edge": 256, "longest_edge": 1024}
    folder = tiny_vlms.qwen3_vl(tmp_path / "vlm")
    tokens = []
    for settings in ({}, {"size": size}):
        spec = ModelSpec(path=folder, processor=json.dumps(settings))
        generator = build_generator(spec, "vlm", device="cpu")
        tokens.append(ask(generator, [request(0, images=("two",))])[0].prompt_tokens)
    # 60 x 60 pixels are rounded to 64 x 64, a token for 16 x 16; the setting halves each side
    assert tokens[0] - tokens[1] == 16 - 4


@pytest.mark.parametrize("name", ["llava", "llava_onevision"])  # the second reads videos too
def test_a_family_says_which_library_resizes_images(name: str, tmp_path: Path) -> None:
    folder = getattr(tiny_vlms, name)(tmp_path / "vlm")

    def built(backend: str) -> Any:
        spec = ModelSpec(path=folder, processor=json.dumps({"backend": backend}))
        return build_generator(spec, "vlm", device="cpu")

    assert built("pil").loaded.processor.image_processor.backend == "pil"
    with pytest.raises(
        SuiteError, match=r"`processor: \{backend: pillow\}`, and \w+ has its images"
    ):
        built("pillow")


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


def test_a_batch_is_decoded_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """`two` has 3,600 pixels and `one` 1,200; four times 3,600 are decoded at once."""
    monkeypatch.setenv("DOWNSCALE_MAX_PIXELS", "3600")
    names = [*["two"] * 4, "one", *["two"] * 4]
    asked = [request(n, images=(name,)) for n, name in enumerate(names)]
    parts = list(together(asked, IMAGES.__getitem__))
    assert [len(part) for part in parts] == [4, 4, 1]
    assert [one for part in parts for one in part] == asked
    broken = [request(n, images=("broken",)) for n in range(9)]
    assert list(together(broken, IMAGES.__getitem__)) == [broken], "`prompt` says why"


IMAGE_SETS: list[tuple[str, ...]] = [("one",), ("two",), ("wide", "one"), ("wide",)]


def test_images_of_too_many_pixels_fail_their_row_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vlm = build_generator(ModelSpec(path=tiny_vlms.llava(tmp_path)), "vlm", device="cpu")
    monkeypatch.setenv("DOWNSCALE_MAX_PIXELS", "3000")
    asked = [request(n, images=i) for n, i in enumerate(IMAGE_SETS)]
    answers = ask(vlm, asked)
    more = "more than the 3,000 that are decoded at once (DOWNSCALE_MAX_PIXELS allows more)."
    assert [answer.error for answer in answers] == [
        None,
        f"t, item 1: Image two cannot be read: its 60 x 60 pixels are {more}",
        f"t, item 2: its 2 images have 4,200 pixels, {more}",
        None,
    ]


def with_image_token_beyond(folder: Path) -> Any:
    """A model whose tokenizer was given a word for its images that the embedding does not have."""
    processor = tf.AutoProcessor.from_pretrained(folder)
    old, new = processor.tokenizer.image_token, "<picture>"
    processor.tokenizer.add_tokens([new], special_tokens=True)
    processor.tokenizer.image_token = new
    processor.chat_template = processor.chat_template.replace(old, new)
    processor.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    at = "image_token_id" if "image_token_id" in config else "image_token_index"
    config[at] = len(processor.tokenizer) - 1
    (folder / "config.json").write_text(json.dumps(config))
    return build_generator(ModelSpec(path=folder), "vlm", device="cpu")


def test_an_image_token_that_the_model_does_not_know_is_named(tmp_path: Path) -> None:
    generator = with_image_token_beyond(tiny_vlms.llava(tmp_path))
    count = int(generator.loaded.model.get_input_embeddings().num_embeddings)
    answers = ask(generator, [request(0, images=("one",)), request(1, images=("two",))])
    assert [answer.error for answer in answers] == 2 * [
        f"The prompt holds token {count} ('<picture>'), and the model "
        f"{generator.loaded.model.name_or_path} knows {count} tokens, 0 to {count - 1}; give it "
        "the tokenizer and processor that it was trained with."
    ]


def test_a_model_that_looks_up_no_image_token_may_have_one_beyond(tmp_path: Path) -> None:
    plain = build_generator(
        ModelSpec(path=tiny_vlms.gemma3(tmp_path / "plain")), "vlm", device="cpu"
    )
    beyond = with_image_token_beyond(tiny_vlms.gemma3(tmp_path / "beyond"))
    config = beyond.loaded.model.config
    assert config.image_token_id == config.text_config.vocab_size
    asked = [request(n, images=("one",)) for n in range(2)]
    assert said(ask(beyond, asked)) == said(ask(plain, asked))
