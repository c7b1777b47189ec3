"""The micro world's closed vocabulary: nothing that is taught, asked or shown leaves words.txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.items.item import Item
from suite.planning.prompts import load_prompts
from suite.training.micro.tokenizer import ROLES, SPECIAL, TOKEN, words
from tasks.micro import language, lessons, scene
from tasks.micro.scene import HELD_OUT, TRAIN
from tasks.micro.sets import Example
from tasks.micro.task import doc_to_text

VOCABULARY = Path(lessons.__file__).with_name("words.txt").read_text("utf-8").split()


def unknown(*texts: str) -> list[str]:
    """The words of the texts that the vocabulary lacks."""
    return sorted({w for w in words(list(texts)) if w not in VOCABULARY})


def test_the_vocabulary_holds_every_word_once_and_no_special_token() -> None:
    assert len(set(VOCABULARY)) == len(VOCABULARY)
    assert not set(VOCABULARY) & {*SPECIAL, *ROLES}
    assert all(TOKEN.fullmatch(w) for w in VOCABULARY)


def test_the_vocabulary_names_all_of_the_world() -> None:
    backgrounds = (*scene.BACKGROUNDS, *scene.HELD_OUT_BACKGROUNDS)
    named = (*scene.SHAPES, *scene.COLORS, *scene.SIZES, *scene.CELLS, *scene.QUALITIES)
    facts = [w for table in language.FACTS.values() for pair in table.items() for w in pair]
    assert unknown(*backgrounds, *named, *facts, *map(str, range(28)), *"ABCD") == []


@pytest.mark.parametrize("domain", [TRAIN, HELD_OUT], ids=["train", "held_out"])
def test_no_lesson_holds_an_unknown_word(domain: scene.Domain) -> None:
    texts: set[str] = set()
    for i in range(2500 if domain is TRAIN else 500):
        for row in (
            lessons.text_lesson("language", 5, i, domain),
            lessons.vision_lesson("vit", 5, i, domain),
            lessons.vision_lesson("vit", 5, i, domain, formats=8),
        ):
            for turn in row.turns:
                texts.update((turn.user, turn.answer, turn.thinking or ""))
    assert len(texts) > 3_000
    assert unknown(*texts) == []


def test_no_evaluation_item_holds_an_unknown_word(items: list[Example]) -> None:
    for e in items:
        q = e.question
        assert unknown(q.text, q.answer, q.contents, q.steps, e.gold_description, *q.options) == []


def test_no_prompt_of_the_micro_set_holds_an_unknown_word(items: list[Example]) -> None:
    prompts = load_prompts("micro")
    for e in items[::50]:
        q = e.question
        item = Item("micro", "0", q.text, q.options, "A", "", (), "x")
        document = {"question": q.text, "options": list(q.options)}
        assert unknown(doc_to_text(document)) == []
        for template, _ in prompts.templates:
            for upstream in (e.gold_description, q.contents):
                messages = prompts.render(template, item, upstream)
                assert unknown(*(m.text for m in messages)) == [], template
