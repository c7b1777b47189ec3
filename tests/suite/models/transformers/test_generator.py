"""The local backend on small random models of the true classes: answers independent of their batch.

In: a text model's folder. Out: generations, and errors of single requests.
"""

from __future__ import annotations

import json
import sys
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from suite.engine.batches import generate
from suite.engine.local import CurrentModel
from suite.engine.walk import Model
from suite.errors import SuiteError
from suite.models.backends import build_generator, fingerprint
from suite.models.spec import ModelSpec
from suite.models.transformers import chat
from suite.models.transformers import generator as backend
from suite.models.transformers.chat import prompt, tensors
from suite.models.transformers.loading import fuse_norms
from suite.models.transformers.loop import decode
from suite.requests import Decoding, Generation, Message, OutOfMemory, Request
from tests.suite import tiny_vlms
from tests.suite.asking import GREEDY, IMAGES, SAMPLED, THINKING, ask, request, said
from tests.suite.tiny_models import TEXT, text_folder, word_tokenizer


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = text_folder(tmp_path_factory.mktemp("text"), tie_word_embeddings=False)
    return build_generator(ModelSpec(path=folder), "text", device="cpu")


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
    """Alone against left-padded in a batch: rounding of float32, four orders below the logits."""
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
    assert float((together - alone).abs().max()) < 1e-4 * float(alone.abs().max())


def test_samples_differ_between_items_samples_and_seeds(text: Any) -> None:
    decoding = replace(SAMPLED, temperature=2.0, top_p=1.0)
    prompts = [request(0, decoding, words=1 + n) for n in range(4)]  # a single text may be empty
    variants = [
        prompts,
        [replace(one, sample=1) for one in prompts],
        [replace(one, item_id="9") for one in prompts],
        [replace(one, study_seed=7) for one in prompts],
    ]
    found = [tuple(answer.text for answer in ask(text, variant)) for variant in variants]
    assert len(set(found)) == 4
    assert [answer.text for answer in ask(text, prompts)] == list(found[0])


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


@pytest.mark.parametrize(
    ("room", "taken", "rows", "fit"),
    [
        (100, 10, 4, 32),
        (80, 10, 4, 32),
        (79, 10, 4, 16),
        (5, 10, 1, 1),
        (-3, 10, 1, 1),
        (9e9, 1, 1, 256),
    ],
)
def test_rows_that_fit_are_a_power_of_two(room: float, taken: float, rows: int, fit: int) -> None:
    assert backend.rows_within(room, taken, rows) == fit


@pytest.mark.parametrize(
    ("peak", "given", "want"), [(800, None, 128), (960, None, 4), (960, 128, 128)]
)
def test_batches_are_smaller_after_one_that_filled_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peak: int, given: int | None, want: int
) -> None:
    """Of 1,000 MiB a batch may fill 900, with weights of next to nothing: eight rows took 960."""
    spec = ModelSpec(path=text_folder(tmp_path))
    generator: Any = build_generator(spec, "text", device="cpu", batch_size=given)
    generator._fixed = backend.FixedSteps(generator.loaded.model, record=False)
    card = type("Card", (), {"total_memory": 1000 << 20})
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: peak << 20)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    requests = [request(n) for n in range(8)]
    answers = ask(generator, requests)
    assert generator.batches_of == want
    assert [answer.text for answer in ask(generator, requests)] == [a.text for a in answers]


def test_a_model_leaves_memory_before_the_next_one_comes(tmp_path: Path) -> None:
    folder, models = text_folder(tmp_path), []

    def build(model: Model) -> Any:
        assert [own() for own in models] == [None] * len(models)
        generator: Any = build_generator(model[1], model[0], device="cpu")
        assert fuse_norms(generator.loaded.model) > 0  # as on a GPU: a module that holds itself
        models.append(weakref.ref(generator.loaded.model))
        return generator

    held = CurrentModel(build)
    for size in (1, 2):
        generator = held.get(("text", ModelSpec(path=folder, batch_size=size)))
        assert [answer.error for answer in ask(generator, [request(0, SAMPLED)])] == [None]
        del generator
    held.drop()
    assert [own() for own in models] == [None, None]


def test_fingerprint_equals_the_one_found_without_loading(text: Any) -> None:
    spec = ModelSpec(path=Path(text.loaded.model.name_or_path))
    assert text.fingerprint == fingerprint(spec, "text", device="cpu")


def worded(index: int, text: str, decoding: Decoding = GREEDY) -> Request:
    return Request("t", str(index), (Message("user", text),), decoding)


def poisoned(folder: Path, name: str, row: str | int, value: float) -> Any:
    """A model of which one row of a weight, or that of a word, is no number."""
    generator: Any = build_generator(
        ModelSpec(path=text_folder(folder, tie_word_embeddings=False)), "text", device="cpu"
    )
    if isinstance(row, str):
        row = generator.loaded.tokenizer.convert_tokens_to_ids(row)
    with torch.no_grad():
        generator.loaded.model.get_parameter(name)[row] = value
    return generator


def no_numbers(generator: Any) -> str:
    return (
        f"The model {generator.loaded.model.name_or_path} computes no finite numbers (NaN or "
        "infinity), or one for all tokens: its weights are damaged, or its numbers too large for "
        "float32; copy or fetch it again, or set another `dtype` in the family file."
    )


@pytest.mark.parametrize("decoding", [GREEDY, SAMPLED, THINKING], ids=["greedy", "plain", "think"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["lm_head.weight", "model.layers.1.mlp.down_proj.weight"])
def test_a_model_that_computes_no_numbers_fails(
    tmp_path: Path, name: str, value: float, decoding: Decoding
) -> None:
    generator = poisoned(tmp_path, name, 5, value)
    requests = [request(n, decoding) for n in range(3)]
    want = [Generation(error=no_numbers(generator))]
    assert ask(generator, requests) == 3 * want
    assert ask(generator, requests[:1]) == want


def test_a_row_without_numbers_fails_alone(tmp_path: Path) -> None:
    generator = poisoned(tmp_path, "model.embed_tokens.weight", "red", float("nan"))
    requests = [worded(n, text) for n, text in enumerate(["what colour", "is red", "the circle"])]
    answers = said(ask(generator, requests))
    assert answers[1] == Generation(error=no_numbers(generator))
    assert answers[::2] == said(ask(generator, requests[::2]))
    assert [answer.error for answer in answers[::2]] == [None, None]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_row_is_not_failed_by_the_padding_beside_it(tmp_path: Path, value: float) -> None:
    """The token of padding, which no prompt holds, has no numbers."""
    folder = text_folder(tmp_path / "m", tie_word_embeddings=False)
    with_weights(folder, filled(value, "embed_tokens"))
    generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
    asked = [request(n, GREEDY, words=1 + 4 * n) for n in range(3)]
    together = said(ask(generator, asked))
    assert together == [said(ask(generator, [one]))[0] for one in asked]
    assert [answer.error for answer in together] == [None] * 3


def test_numbers_that_end_at_a_later_token_fail_the_row(tmp_path: Path) -> None:
    text: Any = build_generator(
        ModelSpec(path=text_folder(tmp_path / "sound", tie_word_embeddings=False)),
        "text",
        device="cpu",
    )
    asked = [request(n) for n in range(4)]
    rows = decode(
        text.loaded.model,
        tensors(text.loaded, [prompt(text.loaded, one, IMAGES.__getitem__) for one in asked]),
        text._rules([prompt(text.loaded, one, IMAGES.__getitem__) for one in asked], [400] * 4),
        pad_id=0,
    )
    third = int(rows[0].ids[2])
    generator = poisoned(tmp_path / "ill", "model.embed_tokens.weight", third, float("nan"))
    want = [
        Generation(error=no_numbers(generator)) if third in row.ids[:-1] else answer
        for row, answer in zip(rows, said(ask(text, asked)), strict=True)
    ]
    assert said(ask(generator, asked)) == want
    assert want[0].error is not None


def test_tokens_that_a_model_rules_out_are_no_failure(text: Any) -> None:
    before = ask(text, [request(n) for n in range(3)])

    def rule_out(module: Any, given: Any, logits: torch.Tensor) -> torch.Tensor:
        return logits.index_fill(-1, torch.tensor([3, 4]), float("-inf"))

    hook = text.loaded.model.lm_head.register_forward_hook(rule_out)
    try:
        for decoding in (GREEDY, SAMPLED, THINKING):
            answers = ask(text, [request(n, decoding) for n in range(3)])
            assert [answer.error for answer in answers] == [None] * 3
    finally:
        hook.remove()
    assert said(ask(text, [request(n) for n in range(3)])) == said(before)


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model whose tokenizer was given two more words and an own padding since."""
    folder = text_folder(tmp_path_factory.mktemp("larger"))
    tokenizer = word_tokenizer()
    tokenizer.add_tokens(["purple", "mauve"])
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    tokenizer.save_pretrained(folder)
    return build_generator(ModelSpec(path=folder), "text", device="cpu")


def test_a_token_that_the_model_does_not_know_fails_its_request_alone(
    larger: Any, tmp_path: Path
) -> None:
    plain: Any = build_generator(ModelSpec(path=text_folder(tmp_path)), "text", device="cpu")
    count = len(plain.loaded.tokenizer)
    words = ["what is red", "what is the mauve", "a circle"]
    answers = said(ask(larger, [worded(n, text) for n, text in enumerate(words)]))
    assert answers[1] == Generation(
        error=f"The prompt holds token {count + 1} ('mauve'), and the model "
        f"{larger.loaded.model.name_or_path} knows {count} tokens, 0 to {count - 1}; give it the "
        "tokenizer and processor that it was trained with."
    )
    want = said(ask(plain, [worded(n, words[n]) for n in (0, 2)]))
    assert [answer.text for answer in answers[::2]] == [answer.text for answer in want]


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


LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}BODY{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (LOOP.replace("BODY", ""), "has not ended after 0.05 s"),
        (LOOP.replace("BODY", "{{ range(9) | sum }}"), "has not ended after 0.05 s"),
        ("{{ 7 ** (7 ** 9) }}", "has not ended after 0.05 s"),
        (
            "{{ 7 ** (7 ** (8 + messages | length)) }}",
            "has not ended after 0.05 s",
        ),
        ("{{ lipsum(n=999999999) }}", "has not ended after 0.05 s"),
        (LOOP.replace("BODY", "{{ 'x' * 9999 }}"), "writes more than 10,000,000 letters"),
        ("{{ 'x' * 20000000 }}", "writes more than 10,000,000 letters"),
        (
            "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}",
            "calls itself without end",
        ),
        ("{{ '%200000000d' | format(1) }}", "writes more than 10,000,000 letters"),
    ],
)
def test_a_chat_template_without_end_is_a_failed_row(
    text: Any, monkeypatch: pytest.MonkeyPatch, template: str, said: str
) -> None:
    own = text.loaded.tokenizer.chat_template
    monkeypatch.setattr(chat, "SECONDS", 0.05 if "ended" in said else 10.0)
    monkeypatch.setattr(
        text.loaded.tokenizer,
        "chat_template",
        "{% if 'w9' in messages[0]['content'] %}" + template + "{% endif %}" + own,
    )
    model = text.loaded.model.name_or_path
    before = sys.gettrace()
    answers = ask(text, [request(0), replace(request(1), messages=(Message("user", "w9"),))])
    first = said if "(7 ** 9)" in template else None  # a constant, which jinja computes for all
    assert [answer.error for answer in answers] == [
        error and f"The chat template of {model} {error}." for error in (first, said)
    ]
    assert sys.gettrace() is before


NAN, INF = float("nan"), float("inf")


def with_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    """The folder, its file of weights changed in place of what training wrote."""
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def with_config(folder: Path, **changes: Any) -> Path:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


def filled(value: float, *names: str) -> Callable[[dict[str, torch.Tensor]], object]:
    """Sets the first value of each weight whose name holds one of these, or of all."""

    def change(weights: dict[str, torch.Tensor]) -> None:
        held = [name for name in weights if any(part in name for part in names)]
        assert held
        for name in held:
            weights[name].view(-1)[0] = value

    return change


def zeros(weights: dict[str, torch.Tensor]) -> None:
    """A download that reserved its space and stopped: the header is there, the numbers are 0."""
    for weight in weights.values():
        weight.zero_()


def large(weights: dict[str, torch.Tensor]) -> None:
    """Trained in bfloat16, too large for float16."""
    for name, weight in weights.items():
        if "up_proj" in name or "gate_proj" in name:
            weight.mul_(3e3)


@pytest.mark.parametrize(
    ("arrange", "settings", "fails"),
    [
        (lambda f: with_weights(f, filled(NAN, "model.norm.")), {}, True),
        (lambda f: with_weights(f, filled(INF, "layers.1.self_attn.q_norm")), {}, True),
        (lambda f: with_weights(f, filled(NAN, "embed_tokens")), {}, True),
        (lambda f: with_weights(f, zeros), {}, True),
        (lambda f: with_config(f, rms_norm_eps=NAN), {}, True),
        (lambda f: with_config(f, rope_parameters={"rope_type": "default", "rope_theta": 0.0}),
         {}, True),
        (lambda f: with_weights(f, large), {"dtype": "float16"}, True),
        (lambda f: with_weights(f, large), {"dtype": "bfloat16"}, False),
        (lambda f: f, {"dtype": "float16"}, False),
    ],
    ids=["norm", "q_norm", "embedding", "zeros", "eps", "rope", "too large", "bfloat16", "float16"],
)  # fmt: skip
def test_a_file_that_gives_no_numbers_gives_no_answers(
    tmp_path: Path, arrange: Any, settings: Any, fails: bool
) -> None:
    folder = arrange(text_folder(tmp_path / "m"))
    asked = [request(n, Decoding(max_new_tokens=3), words=1 + 4 * n) for n in range(4)]
    generator = build_generator(ModelSpec(path=folder, **settings), "text", device="cpu")
    errors = [answer.error for answer in ask(generator, asked)]
    assert [error is not None and str(folder) in error for error in errors] == 4 * [fails]


@pytest.mark.parametrize("role", ["vlm", "text"])
@pytest.mark.parametrize("name", ["vision_tower", "multi_modal_projector"])
def test_an_eye_that_gives_no_numbers_fails_what_is_seen_alone(
    tmp_path: Path, name: str, role: Any
) -> None:
    sound = build_generator(ModelSpec(path=tiny_vlms.llava(tmp_path / "sound")), role, device="cpu")
    folder = with_weights(tiny_vlms.llava(tmp_path / "ill"), filled(NAN, name))
    ill = build_generator(ModelSpec(path=folder), role, device="cpu")
    short = Decoding(max_new_tokens=3)
    blind = [request(n, short) for n in range(3)]
    assert said(ask(ill, blind)) == said(ask(sound, blind))
    if role == "vlm":
        answers = ask(ill, [request(0, short, ("one",)), blind[1], request(2, short, ("two",))])
        assert [answer.error is None for answer in answers] == [False, True, False]


def test_an_image_that_is_divided_by_nothing_fails(tmp_path: Path) -> None:
    settings = json.dumps({"image_std": [0.0, 0.0, 0.0]})
    spec = ModelSpec(path=tiny_vlms.llava(tmp_path), processor=settings)
    vlm = build_generator(spec, "vlm", device="cpu")
    answers = ask(vlm, [request(0, images=("one",)), request(1)])
    assert [answer.error is None for answer in answers] == [False, True]


def everything(logits: torch.Tensor) -> torch.Tensor:
    return torch.full_like(logits, -INF)


def one_token(value: float, token: int = 9) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda logits: logits.index_fill(-1, torch.tensor([token]), value)


ONE = Decoding(max_new_tokens=1)
CLOSED = Decoding(max_new_tokens=4, thinking=True, thinking_budget=0)
NOWAIT = Decoding(max_new_tokens=4, temperature=0.6, thinking=True, nowait=True)


@pytest.mark.parametrize(
    ("change", "decoding"),
    [
        (everything, GREEDY),
        (everything, SAMPLED),
        (one_token(INF), GREEDY),
        (one_token(INF), SAMPLED),
        (one_token(NAN), ONE),
        (one_token(NAN), CLOSED),
        (one_token(NAN), NOWAIT),
    ],
    ids=["none", "none sampled", "one", "one sampled", "single", "closed", "nowait"],
)
def test_logits_that_are_not_finite_fail_the_row(
    text: Any, change: Any, decoding: Decoding
) -> None:
    hook = text.loaded.model.lm_head.register_forward_hook(lambda m, given, out: change(out))
    try:
        answers = ask(text, [request(n, decoding) for n in range(3)])
    finally:
        hook.remove()
    assert [answer.error for answer in answers] == 3 * [no_numbers(text)]


@pytest.mark.parametrize("decoding", [SAMPLED, THINKING], ids=["plain", "think"])
def test_a_row_without_numbers_does_not_move_the_samples_of_others(
    tmp_path: Path, decoding: Decoding
) -> None:
    generator = poisoned(tmp_path, "model.embed_tokens.weight", "square", NAN)
    texts = ["what colour", "is the square", "the circle is", "square"]
    rows = [worded(n, text, decoding) for n, text in enumerate(texts)]
    alone = [said(ask(generator, [row]))[0] for row in rows]
    assert said(ask(generator, rows)) == alone
    assert alone[1].error == alone[3].error == no_numbers(generator)


def gpt2(folder: Path, positions: int = 24) -> Path:
    """GPT-2, whose positions are rows of a table."""
    torch.manual_seed(0)
    tokenizer = word_tokenizer()
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": len(tokenizer)}
    config = transformers.GPT2Config(**sizes, n_positions=positions, bos_token_id=1, eos_token_id=1)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_positions_without_numbers_fail_the_rows_that_reach_them(tmp_path: Path) -> None:
    def ill(weights: dict[str, torch.Tensor]) -> None:
        weights["transformer.wpe.weight"][14:] = NAN

    short = Decoding(max_new_tokens=2)
    rows = [request(0, short, words=1), request(1, short, words=6)]  # 7 and 17 tokens and more
    sound = build_generator(ModelSpec(path=gpt2(tmp_path / "sound")), "text", device="cpu")
    folder = with_weights(gpt2(tmp_path / "ill"), ill)
    generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
    answers = said(ask(generator, rows))
    assert answers[0] == said(ask(sound, rows))[0]
    assert answers[1] == Generation(error=no_numbers(generator))


def test_a_prompt_beyond_the_table_of_positions_fails_alone(tmp_path: Path) -> None:
    generator = build_generator(ModelSpec(path=gpt2(tmp_path)), "text", device="cpu")
    answers = ask(generator, [request(0, words=1), request(1, words=40), request(2, words=2)])
    assert [answer.error is None for answer in answers] == [True, False, True]
    assert answers[1].error == "The prompt has 87 tokens; the model reads at most 23."


def test_an_answer_ends_where_the_table_of_positions_does(tmp_path: Path) -> None:
    generator = build_generator(ModelSpec(path=gpt2(tmp_path)), "text", device="cpu")
    (answer,) = ask(generator, [request(0, Decoding(max_new_tokens=200), words=2)])
    assert (answer.error, answer.finish_reason) == (None, "length")
    assert answer.prompt_tokens + answer.generated_tokens <= 25


def retokenized(folder: Path, change: Callable[[Any], object]) -> Path:
    """The folder, with a tokenizer that was changed after the weights were saved."""
    tokenizer = word_tokenizer()
    change(tokenizer)
    tokenizer.save_pretrained(folder)
    return folder


def new_turn(tokenizer: Any) -> None:
    """A chat template of another model, and its marks as new tokens."""
    tokenizer.add_tokens(["<|turn|>"], special_tokens=True)
    tokenizer.chat_template = tokenizer.chat_template.replace("<|im_start|>", "<|turn|>")


def new_start(tokenizer: Any) -> None:
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    tokenizer.chat_template = "{{ bos_token }} " + tokenizer.chat_template


@pytest.mark.parametrize(("change", "word"), [(new_turn, "<|turn|>"), (new_start, "<s>")])
def test_a_template_with_tokens_that_the_model_does_not_know(
    tmp_path: Path, change: Any, word: str
) -> None:
    folder = retokenized(text_folder(tmp_path / "m"), change)
    generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
    answers = ask(generator, [request(n) for n in range(2)])
    for error in (str(answer.error) for answer in answers):
        assert f"'{word}'" in error
        assert str(folder) in error


def test_marks_of_thinking_that_the_model_does_not_know_are_named(tmp_path: Path) -> None:
    """Added to the tokenizer alone, with a template that opens the block."""
    template = word_tokenizer().chat_template.partition("{% if enable_thinking")[0]

    def opening(tokenizer: Any) -> None:
        tokenizer.add_tokens(["<thinking>", "</thinking>"], special_tokens=True)
        tokenizer.chat_template = (
            template.replace("assistant", "assistant <thinking>") + "{% endif %}"
        )

    folder = retokenized(text_folder(tmp_path), opening)
    generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
    answers = ask(generator, [request(n, THINKING) for n in range(2)])
    assert ["'<thinking>'" in str(answer.error) for answer in answers] == [True, True]


def test_a_token_with_a_hole_before_it_is_named(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "m")
    state = json.loads((folder / "tokenizer.json").read_text())
    added = state["added_tokens"][0] | {"id": 50_000, "content": "mauve", "special": False}
    state["added_tokens"].append(added)
    state["model"]["vocab"]["mauve"] = 50_000
    (folder / "tokenizer.json").write_text(json.dumps(state))
    generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
    answers = ask(generator, [worded(0, "what is mauve"), worded(1, "what is red")])
    assert "token 50000 ('mauve')" in str(answers[0].error)
    assert answers[1].error is None


def test_rows_of_the_embedding_beyond_the_tokenizer_are_no_failure(tmp_path: Path) -> None:
    """Padded to a multiple of 64, as Qwen's; here the model even says such a token."""
    count = len(word_tokenizer())
    folder = text_folder(tmp_path / "m", vocab_size=count + 9, tie_word_embeddings=False)
    generator: Any = build_generator(ModelSpec(path=folder), "text", device="cpu")
    hook = generator.loaded.model.lm_head.register_forward_hook(
        lambda module, given, out: one_token(99.0, count + 3)(out)
    )
    try:
        (answer,) = ask(generator, [request(0, Decoding(max_new_tokens=3))])
    finally:
        hook.remove()
    assert (answer.error, answer.text, answer.generated_tokens) == (None, "", 3)


def test_a_tokenizer_without_the_image_in_the_folder_of_a_model_that_sees(tmp_path: Path) -> None:
    """The tokenizer of the language model, copied over that of the whole."""
    folder = tiny_vlms.internvl(tmp_path / "vlm")
    plain = word_tokenizer()
    plain.chat_template = None
    plain.save_pretrained(folder)
    with pytest.raises(SuiteError) as caught:
        build_generator(ModelSpec(path=folder), "vlm", device="cpu")
    assert str(folder) in str(caught.value)
    assert "has no attribute start_image_token; take all its files from one" in str(caught.value)


def test_more_places_for_an_image_than_the_model_makes_of_it(tmp_path: Path) -> None:
    """The processor of another size of tower: 16 places, 4 features."""
    folder = tiny_vlms.llava(tmp_path / "vlm")
    config = json.loads((folder / "processor_config.json").read_text())
    (folder / "processor_config.json").write_text(json.dumps(config | {"patch_size": 6}))
    generator = build_generator(ModelSpec(path=folder), "vlm", device="cpu")
    rows = [request(0, images=("one",)), request(1)]
    answers = generate(generator, rows, IMAGES.__getitem__)
    assert [answer.error is None for answer in answers] == [False, True]
    assert "Image features and image tokens do not match, tokens: 16" in str(answers[0].error)


@pytest.mark.parametrize("kind", ["llava", "internvl", "qwen3_vl"])
def test_a_question_that_spells_the_token_of_an_image_fails_alone(
    tmp_path: Path, kind: str
) -> None:
    generator: Any = build_generator(
        ModelSpec(path=getattr(tiny_vlms, kind)(tmp_path / "vlm")), "vlm", device="cpu"
    )
    token = generator.loaded.processor.tokenizer.image_token
    spelled = Request("t", "0", (Message("user", f"what is {token} here", ("one",)),), GREEDY)
    plain = request(1, images=("two",))
    answers = said(generate(generator, [spelled, plain], IMAGES.__getitem__))
    assert answers[1] == said(ask(generator, [plain]))[0]
    assert f"The total number of {token} tokens in the prompts" in str(answers[0].error)


# --- more models without numbers, and sound ones that look like them --------------------------


def padded(folder: Path) -> Path:
    """A model whose tables are padded to a multiple, as Qwen's, with a head of its own."""
    count = len(word_tokenizer()) + 9
    return text_folder(folder, vocab_size=count, tie_word_embeddings=False)


def beyond(name: str, value: float) -> Callable[[dict[str, torch.Tensor]], None]:
    """Rows that no token has hold what memory held."""

    def change(weights: dict[str, torch.Tensor]) -> None:
        weights[name][len(word_tokenizer()) :] = value

    return change


def unused(weights: dict[str, torch.Tensor]) -> None:
    """What the model never says, it never reads."""
    beyond("model.embed_tokens.weight", NAN)(weights)
    beyond("lm_head.weight", 0.0)(weights)


def scaled(name: str, by: float) -> Callable[[dict[str, torch.Tensor]], object]:
    return lambda weights: [weight.mul_(by) for n, weight in weights.items() if name in n]


def pruned(weights: dict[str, torch.Tensor]) -> None:
    """A layer that adds nothing, as pruning by depth leaves it."""
    for name in ("self_attn.o_proj", "mlp.down_proj"):
        weights[f"model.layers.1.{name}.weight"].zero_()


def words_alike(weights: dict[str, torch.Tensor]) -> None:
    """New tokens start as the mean of all: many rows of the head are one."""
    weights["lm_head.weight"][10:] = weights["lm_head.weight"].mean(0)


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        (scaled("lm_head", 0.0), True),
        (scaled("model.norm", 0.0), True),
        (beyond("lm_head.weight", NAN), True),
        (unused, False),
        (pruned, False),
        (words_alike, False),
        (scaled("lm_head", 1e-20), False),
        (scaled("lm_head", 1e30), False),
    ],
    ids=["head", "norm", "head's padding", "padding", "pruned", "alike", "tiny", "huge"],
)
def test_what_computes_no_numbers_fails_and_nothing_else_does(
    tmp_path: Path, change: Any, fails: bool
) -> None:
    folder = with_weights(padded(tmp_path / "m"), change)
    generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
    short = [replace(one, max_new_tokens=3) for one in (GREEDY, SAMPLED, THINKING)]
    rows = [request(n, short[n % 3], words=1 + 4 * n) for n in range(4)]
    answers = said(ask(generator, rows))
    assert [answer.error is not None for answer in answers] == 4 * [fails]
    assert [said(ask(generator, [row]))[0] for row in rows] == answers


def other_model(kind: str, folder: Path) -> Path:
    """A text model of another family, with the tokenizer of the tests."""
    torch.manual_seed(0)
    tokenizer = word_tokenizer()
    sizes: dict[str, Any] = TEXT | {"vocab_size": len(tokenizer), "pad_token_id": 0}
    config: Any
    if kind == "gemma2":  # logits are drawn to +-1, where many are alike
        sizes |= {"final_logit_softcapping": 1.0, "query_pre_attn_scalar": 16, "bos_token_id": 1}
        config = transformers.Gemma2Config(**sizes, eos_token_id=1, sliding_window=4)
        model: Any = transformers.Gemma2ForCausalLM(config)
        with torch.no_grad():
            model.model.norm.weight.fill_(999.0)
    else:  # what stands before a window of 4 is not seen, padding least of all
        sizes |= {"layer_types": ["sliding_attention"] * 2, "use_sliding_window": True}
        config = transformers.Qwen3Config(**sizes, sliding_window=4, eos_token_id=1)
        config.bos_token_id = None
        model = transformers.Qwen3ForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["gemma2", "window"])
def test_capped_logits_and_short_windows_are_no_failure(tmp_path: Path, kind: str) -> None:
    folder = other_model(kind, tmp_path / "m")
    generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
    rows = [request(n, Decoding(max_new_tokens=3), words=1 + 9 * n) for n in range(4)]
    answers = said(ask(generator, rows))
    assert [answer.error for answer in answers] == 4 * [None]
    assert [said(ask(generator, [row]))[0] for row in rows] == answers
