"""The tokenizer, the encoder of the data stream and the chat template say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from suite.training.export import _processor
from suite.training.micro import data
from suite.training.micro.tokenizer import (
    END,
    END_THINK,
    IMAGE,
    PAD,
    SPECIAL,
    START,
    THINK,
    UNK,
    Encoder,
    build_tokenizer,
    words,
)
from suite.training.recipe import load_recipe
from suite.training.run import TrainingRun, vocabulary
from tasks.micro import draw, sets
from tasks.micro.lessons import Lesson, Turn, text_lesson, vision_lesson

ROWS = range(60)


@pytest.fixture(scope="module")
def processor(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The processor that the micro recipe exports."""
    family = TrainingRun(load_recipe("micro"), tmp_path_factory.mktemp("out"), 0, print)
    return _processor(family)


def lessons() -> list[Lesson]:
    """Rows of both streams."""
    return [make(stage, 0, i) for i in ROWS for make, stage in (
        (text_lesson, "language"), (vision_lesson, "vit"),
    )]  # fmt: skip


def ids(tokenizer: Any, text: str) -> list[int]:
    """What the tokenizer makes of a text."""
    found: list[int] = tokenizer(text, add_special_tokens=False).input_ids
    return found


def test_special_tokens_come_first_and_every_word_has_one_id(tokenizer: Any) -> None:
    vocab = tokenizer.get_vocab()
    assert [vocab[t] for t in SPECIAL] == list(range(len(SPECIAL)))
    assert sorted(vocab.values()) == list(range(len(vocab)))
    assert set(vocabulary()) <= set(vocab)
    assert len(vocab) == len(SPECIAL) + 3 + len(vocabulary())
    assert (tokenizer.pad_token, tokenizer.unk_token, tokenizer.eos_token) == (PAD, UNK, END)


def test_encoder_equals_tokenizer_on_lessons(tokenizer: Any, encode: Encoder) -> None:
    texts = {
        t
        for row in lessons()
        for turn in row.turns
        for t in (turn.user, turn.answer, f"{THINK} {turn.thinking} {END_THINK} {turn.answer}")
        if "None" not in t
    }
    assert len(texts) > 500
    for text in texts:
        assert encode(text) == ids(tokenizer, text), text


pieces = st.sampled_from([*vocabulary(), *SPECIAL, "user", "assistant", "system"])


TOKENIZER = build_tokenizer(vocabulary())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(pieces, st.sampled_from([" ", "\n", "  \n\n"])), max_size=20))
def test_encoder_equals_tokenizer_on_any_words(parts: list[tuple[str, str]]) -> None:
    text = "".join(word + space for word, space in parts)
    encode = Encoder(dict(TOKENIZER.get_vocab()))
    assert encode(text) == ids(TOKENIZER, text) == [encode.ids[w] for w, _ in parts]


def test_punctuation_and_special_tokens_need_no_spaces(tokenizer: Any, encode: Encoder) -> None:
    text = f"{START}user\nThe circle,top-left.{IMAGE}{IMAGE}?{END}\n"
    expected = [START, "user", "The", "circle", ",", "top-left", ".", IMAGE, IMAGE, "?", END]
    assert encode(text) == ids(tokenizer, text) == [encode.ids[w] for w in expected]
    assert words([text]) == sorted(set(expected))


def test_an_unknown_word(tokenizer: Any, encode: Encoder) -> None:
    assert ids(tokenizer, "The elephant") == [encode.ids["The"], encode.ids[UNK]]
    with pytest.raises(KeyError, match="elephant"):
        encode("The elephant")


def test_decoded_texts_read_back_as_the_same_tokens(tokenizer: Any, encode: Encoder) -> None:
    """What one module writes is the next one's prompt."""
    for name in sets.SETS:
        for e in sets.examples(name, 3):
            for text in (e.gold_description, e.question.steps, f"{e.question.contents}."):
                decoded = tokenizer.decode(encode(text), skip_special_tokens=True)
                assert encode(decoded) == encode(text) == ids(tokenizer, decoded)
                assert decoded.replace(" :", ":") == text
    written = tokenizer.decode(encode("banana B <|im_end|>"), skip_special_tokens=True)
    assert written == "banana B"


def test_saved_and_loaded_it_is_the_same(tokenizer: Any, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer.save_pretrained(tmp_path)
    load: Any = AutoTokenizer.from_pretrained
    loaded = load(tmp_path)
    text = sets.example("relation", "", 0).gold_description
    assert ids(loaded, text) == ids(tokenizer, text)
    assert loaded.chat_template == tokenizer.chat_template
    assert loaded.padding_side == "left"
    assert loaded.get_vocab() == tokenizer.get_vocab()


def messages(lesson: Lesson, turns: int) -> list[dict[str, Any]]:
    """The first turns as a chat, the last one unanswered; earlier answers with their thinking."""
    chat: list[dict[str, Any]] = []
    for number, turn in enumerate(lesson.turns[:turns]):
        content: list[dict[str, str]] = [{"type": "image"}] * (len(lesson.scenes) * (number == 0))
        chat.append({"role": "user", "content": [*content, {"type": "text", "text": turn.user}]})
        answer = f"{THINK}{turn.thinking or ''}{END_THINK}{turn.answer}"
        chat.append({"role": "assistant", "content": answer})
    return chat[:-1]


def rendered(tokenizer: Any, lesson: Lesson, turns: int) -> str:
    """The prompt of a turn as the chat template writes it."""
    text: str = tokenizer.apply_chat_template(
        messages(lesson, turns), tokenize=False, add_generation_prompt=True,
        enable_thinking=lesson.turns[turns - 1].thinking is not None,
    )  # fmt: skip
    return text


def test_rows_are_what_the_chat_template_writes(tokenizer: Any, encode: Encoder) -> None:
    checked = {True: 0, False: 0}
    for i in ROWS:
        lesson = text_lesson("language", 2, i)
        row = data.lesson_row(lesson, encode, 0)
        for number, (_, thinking, start, end) in enumerate(row.spans, 1):
            prompt = ids(tokenizer, rendered(tokenizer, lesson, number))
            assert row.ids[:start] == prompt
            assert row.targets[start:end] == [True] * (end - start)
            assert row.ids[end - 1] == encode.ids[END]
            checked[thinking] += 1
        assert sum(row.targets) == sum(end - start for _, _, start, end in row.spans)
    assert min(checked.values()) > 50


def test_thinking_switch_writes_an_empty_block_when_off(tokenizer: Any) -> None:
    chat = [{"role": "user", "content": "What is the largest?"}]

    def render(**switch: bool) -> str:
        text: str = tokenizer.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=True, **switch
        )
        return text

    start = "<|im_start|>user\nWhat is the largest?<|im_end|>\n<|im_start|>assistant\n"
    assert render(enable_thinking=True) == start
    assert render(enable_thinking=False) == start + "<think>\n\n</think>\n\n" == render()
    system = [{"role": "system", "content": "Look."}, *chat]
    text = tokenizer.apply_chat_template(system, tokenize=False)
    assert text.startswith("<|im_start|>system\nLook.<|im_end|>\n<|im_start|>user\n")


def test_pictures_and_prompts_of_rows_are_what_the_processor_gives(
    tokenizer: Any, encode: Encoder, processor: Any
) -> None:
    seen = set()
    for i in range(30):
        lesson = vision_lesson("vit", 0, i)
        row = data.lesson_row(lesson, encode, 36)
        if not lesson.scenes:
            continue
        seen.add(len(lesson.scenes))
        pictures = [Image.fromarray(draw.draw(s)) for s in lesson.scenes]
        given = processor(text=rendered(tokenizer, lesson, 1), images=pictures, return_tensors="pt")
        assert given["input_ids"][0].tolist() == row.ids[: row.spans[0][2]]
        assert row.ids.count(encode.ids[IMAGE]) == 36 * len(pictures)
        expected = data.pixels(lesson.scenes)
        assert given["pixel_values"].shape == expected.shape == (len(pictures), 3, 72, 72)
        assert (given["pixel_values"] - expected).abs().max() < 1e-6
    assert seen == {1, 2, 3}


def test_a_row_of_one_turn_by_hand(encode: Encoder) -> None:
    lesson = Lesson((Turn("How is the picture?", "dim", "quality", "The picture is dim."),))
    row = data.lesson_row(lesson, encode, 0)
    text = (
        "<|im_start|> user How is the picture ? <|im_end|> <|im_start|> assistant "
        "<think> The picture is dim . </think> dim <|im_end|>"
    )
    assert row.ids == [encode.ids[w] for w in text.split()]
    assert row.targets == [False] * 10 + [True] * 9
    assert row.spans == [("quality", True, 10, 19)]
    direct = data.lesson_row(Lesson((Turn("How is the picture?", "dim", "quality"),)), encode, 0)
    assert direct.targets == [False] * 12 + [True] * 2
    assert direct.spans == [("quality", False, 12, 14)]
