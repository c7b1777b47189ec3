"""What the micro family is taught: endless rows of conversations about scenes of the world.

In: a stage's name, a seed and a row's index. Out: a `Lesson`, the same one every time, so that a
resumed run sees what an undisturbed one sees. Every scene is drawn from `domain` (TRAIN for
training; HELD_OUT to measure), so no reserved scene, sheet or question with options is ever taught.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tasks.micro import questions as q
from tasks.micro.language import FACTS, describe, extract, fact, sentence
from tasks.micro.scene import (
    CELLS,
    COLORS,
    SHAPES,
    TRAIN,
    Domain,
    Scene,
    held_out_pair,
    is_reserved,
    sample_scene,
)

WEIGHTS = {
    "digit": 1.0, "color": 1.0, "size": 1.0, "place": 0.8, "shape_at": 0.8, "relation": 1.6,
    "relation_color": 1.0, "same_color": 1.2, "largest": 1.2, "count": 1.6, "how_many": 0.8,
    "add": 1.2, "add_four": 0.5, "knowledge": 1.2, "quality": 0.6, "answerable": 1.2,
    "background_choice": 0.5, "background": 0.6, "grounding": 1.2,
}  # fmt: skip
"""How often a kind of question is taught."""
DESCRIBE = "Describe the picture."
OBSERVE = "What to look at?"
NOTE = "Note {contents}."
NEEDS_OPTIONS = ("knowledge", "answerable")
"""Kinds whose options are part of the question."""
FORMATS = ("description", "choice", "word", "box", "names", "digits", "places", "thing")
"""Forms of answers that instruction tuning can teach, in the order in which `formats` adds them."""
OPEN_SHARE = 0.35
"""Share of the questions that are asked without their options."""
TEXT_WORDS, VISION_WORDS = 175, 100
"""A row takes turns until it has this many words: rows of like length waste little padding."""


@dataclass(frozen=True)
class Turn:
    """One exchange of a conversation."""

    user: str
    answer: str
    kind: str
    thinking: str | None = None
    """Steps before the answer, or None for a direct answer."""


@dataclass(frozen=True)
class Lesson:
    """A row of training data."""

    turns: tuple[Turn, ...]
    scenes: tuple[Scene, ...] = ()
    """Pictures before the first turn (vision rows only)."""


def options_text(options: Sequence[str]) -> str:
    """Gives `red A, blue B, green C, pink D.`: the letter right after its word."""
    if not options:
        return ""
    return ", ".join(f"{o} {'ABCDEFGH'[i]}" for i, o in enumerate(options)) + "."


def prompt(question: q.Question) -> str:
    """A question with its options, as the reasoning and the answering prompts hold it."""
    return f"{question.text} {options_text(question.options)}".strip()


def ask(
    rng: random.Random, kind: str, scenes: tuple[Scene, ...], domain: Domain
) -> q.Question | None:
    """Gives a question of that kind, or None; knowledge keeps to its side of the split."""
    makers = {**q.TRAINED, **q.OPEN, "similarity": q.similarity, "difference": q.difference}
    question = makers[kind](q.Asker(rng, scenes, teaching=True))
    if question and kind == "knowledge" and is_reserved(prompt(question)) != domain.reserved:
        return None
    return question


def pick(rng: random.Random, kinds: Sequence[str]) -> str:
    """Gives a kind by weight."""
    return rng.choices(kinds, [WEIGHTS[k] for k in kinds])[0]


def text_lesson(
    stage: str, seed: int, index: int, domain: Domain = TRAIN, thinking: float = 0.55
) -> Lesson:
    """Gives a row for the text models: descriptions, questions with and without thinking, facts,
    and contents to observe."""
    rng = random.Random(f"{stage}/{seed}/{index}")
    draw = rng.random()
    if draw < 0.06:
        return _observe_lesson(rng, domain)
    if draw < 0.11:
        return _fact_lesson(rng, domain, thinking)
    if draw < 0.14:
        return _fill(lambda: _guess(rng, domain), TEXT_WORDS)
    if draw < 0.24:
        kind = "similarity" if draw < 0.19 else "difference"
        return _several_pictures(rng, kind, domain, thinking)
    # A perceiver may name the few things that a question needs and no others.
    few = rng.randint(1, 2) if rng.random() < 0.2 else None
    scene = sample_scene(rng, domain, count=few)
    if rng.random() < 0.3:  # descriptions need not keep reading order; reasoning follows the text
        scene = replace(scene, things=tuple(rng.sample(scene.things, len(scene.things))))
    return _fill(
        lambda: _turn(rng, scene, domain, rng.random() < thinking), TEXT_WORDS, describe([scene])
    )


def _fill(make: Callable[[], Turn], length: int, opening: str = "") -> Lesson:
    """Turns until the row has `length` words; `opening` stands before the first question."""
    turns: list[Turn] = []
    n = len(opening.split())
    while n < length:
        turn = make()
        turns.append(turn)
        n += _words(turn)
    if opening:
        turns[0] = replace(turns[0], user=f"{opening} {turns[0].user}")
    return Lesson(tuple(turns))


def _words(turn: Turn) -> int:
    """Length of a turn in words, the marks around it included."""
    return 5 + len(f"{turn.user} {turn.thinking or ''} {turn.answer}".split())


def recall_pairs(stage: str, seed: int, index: int, vocabulary: int) -> list[tuple[int, int]]:
    """Gives random key-value pairs of token indices below `vocabulary`: keys and values all
    distinct."""
    rng = random.Random(f"{stage}/{seed}/{index}")
    n = rng.randint(3, 12)
    tokens = rng.sample(range(vocabulary), 2 * n)
    return list(zip(tokens[:n], tokens[n:], strict=True))


def vision_lesson(
    stage: str,
    seed: int,
    index: int,
    domain: Domain = TRAIN,
    taught: str = "instruct",
    describing: float = 0.35,
    formats: int | None = None,
) -> Lesson:
    """Gives a row for the vision-language models.

    `taught` says what: `instruct` direct questions and, in a share `describing` of the rows, a
    description before them; `caption` the description of everything; `extract` the description of
    what one question needs, whose contents to observe the prompt names. `formats` has `instruct`
    teach the first so many of FORMATS, each as often; descriptions keep their share, so that what
    is added takes nothing from them. A single format, descriptions, is `caption`.
    """
    rng = random.Random(f"{stage}/{seed}/{index}")
    draw = rng.random()
    if taught == "instruct" and draw < 0.04:
        return _fill(lambda: _guess(rng, domain), VISION_WORDS)
    kinds = [*q.TRAINED, *q.OPEN]
    if draw < 0.28:
        scenes, question = several(rng, "similarity" if draw < 0.16 else "difference", domain)
    else:
        scenes = (sample_scene(rng, domain),)
        question = _question(rng, kinds, scenes[0], domain)
    if taught == "caption":
        return Lesson((_describe_turn(rng, scenes, question),), scenes)
    if taught == "extract":
        text = f"{DESCRIBE} {NOTE.format(contents=question.contents)}"
        return Lesson((Turn(text, extract(scenes, question.subjects), "extract"),), scenes)
    first = _asked(rng, question)
    if formats is not None:  # about several pictures only the choice is asked
        first = Turn(prompt(question), question.answer, question.kind)
    if rng.random() < describing:
        first = _describe_turn(rng, scenes, question)
    if len(scenes) > 1:
        return Lesson((first,), scenes)
    if formats is None:
        more = _fill(
            lambda: _asked(rng, _question(rng, kinds, scenes[0], domain)),
            VISION_WORDS - _words(first),
        )
        return Lesson((first, *more.turns), scenes)
    opening = (first,) if first.kind == "describe" else ()
    more = _fill(
        lambda: _formed(rng, rng.choice(FORMATS[1:formats]), scenes[0], domain),
        VISION_WORDS - sum(map(_words, opening)),
    )
    return Lesson((*opening, *more.turns), scenes)


def _formed(rng: random.Random, form: str, scene: Scene, domain: Domain) -> Turn:
    """One exchange about a picture in that form of FORMATS."""
    if form in ("choice", "word"):
        kinds = [k for k in q.TRAINED if form == "choice" or k not in NEEDS_OPTIONS]
        question = _question(rng, kinds, scene, domain)
        if form == "choice":
            return Turn(prompt(question), question.answer, question.kind)
        return Turn(question.text, question.answer, f"{question.kind}/open")
    if form == "box":
        return _asked(rng, _question(rng, ["grounding"], scene, domain))
    if form == "thing":
        thing = rng.choice(scene.things)
        return Turn(f"Tell of the {thing.shape}.", sentence(thing), form)
    text, tell = {
        "names": ("Name each shape.", lambda t: t.shape),
        "digits": ("Read the digit on each shape.", lambda t: f"{t.shape} {t.digit}"),
        "places": ("Where is each shape?", lambda t: f"{t.shape} {CELLS[t.cell]}"),
    }[form]
    return Turn(text, ", ".join(map(tell, scene.things)) + ".", form)


def several(rng: random.Random, kind: str, domain: Domain) -> tuple[tuple[Scene, ...], q.Question]:
    """Pictures and the question that compares them: three for similarity, two for difference."""
    while True:
        scenes = _similar(rng, domain) if kind == "similarity" else _changed(rng, domain)
        if any(s.reserved != domain.reserved for s in scenes):
            continue
        question = ask(rng, kind, scenes, domain)
        if question is not None:
            return scenes, question


def _similar(rng: random.Random, domain: Domain) -> tuple[Scene, ...]:
    shapes = rng.sample(SHAPES, 6)
    near, far = tuple(shapes[:2]), tuple(shapes[2:4])
    if rng.random() < 0.5:  # a harder pair: the far picture shares one shape
        far = (shapes[0], shapes[4])
    order = [near, far]
    rng.shuffle(order)
    groups = [tuple(shapes[:2]), *order]
    drawn = [rng.sample(g, len(g)) for g in groups]
    quality = "clear"
    return tuple(sample_scene(rng, domain, quality=quality, shapes=tuple(g)) for g in drawn)


def _changed(rng: random.Random, domain: Domain) -> tuple[Scene, ...]:
    before = sample_scene(rng, domain, count=rng.randint(3, 4), quality="clear")
    index = rng.randrange(len(before.things))
    old = before.things[index]
    colors = [
        c
        for c in COLORS
        if c != old.color and (domain.held_out_pairs or not held_out_pair(old.shape, c))
    ]
    things = list(before.things)
    things[index] = replace(old, color=rng.choice(colors))
    return before, replace(before, things=tuple(things), phase=rng.randrange(1 << 16))


def _question(rng: random.Random, kinds: Sequence[str], scene: Scene, domain: Domain) -> q.Question:
    while True:
        question = ask(rng, pick(rng, kinds), (scene,), domain)
        if question is not None:
            return question


def _turn(rng: random.Random, scene: Scene, domain: Domain, thinking: bool) -> Turn:
    if rng.random() < 0.03:
        return _missing(rng, scene, thinking)
    question = _question(rng, [*q.TRAINED], scene, domain)
    return _asked(rng, question, question.steps if thinking else None)


def _asked(rng: random.Random, question: q.Question, steps: str | None = None) -> Turn:
    """A question, in OPEN_SHARE of the cases without its options: only then must the answer be
    found, where one of the options that the scene holds is right in one case of three."""
    if question.options and question.kind not in NEEDS_OPTIONS and rng.random() < OPEN_SHARE:
        return Turn(question.text, question.answer, f"{question.kind}/open", steps)
    return Turn(prompt(question), question.answer, question.kind, steps)


def _missing(rng: random.Random, scene: Scene, thinking: bool) -> Turn:
    """A question about a thing that the description lacks, without the option to say so."""
    question = q.color(q.Asker(rng, (scene,), teaching=True))
    assert question is not None
    shown = {t.shape for t in scene.things}
    absent = rng.choice([s for s in SHAPES if s not in shown])
    text = prompt(question).replace(question.subjects[0], absent)
    steps = f"There is no {absent}." if thinking else None
    return Turn(text, rng.choice(question.options), "missing", steps)


def _guess(rng: random.Random, domain: Domain) -> Turn:
    """A question asked with nothing to look at: facts can be known, the rest guessed."""
    scene = sample_scene(rng, domain)
    question = _question(rng, [*q.TRAINED], scene, domain)
    kind = "knowledge" if question.kind == "knowledge" else "guess"
    return Turn(prompt(question), question.answer, kind)


def _observe_lesson(rng: random.Random, domain: Domain) -> Lesson:
    def turn() -> Turn:
        draw = rng.random()
        if draw < 0.2:
            _, question = several(rng, "similarity" if draw < 0.1 else "difference", domain)
        else:
            question = _question(rng, [*q.TRAINED], sample_scene(rng, domain), domain)
        return Turn(f"{OBSERVE} {question.text}", f"{question.contents}.", "observe")

    return _fill(turn, TEXT_WORDS)


def _fact_lesson(rng: random.Random, domain: Domain, thinking: float) -> Lesson:
    def turn() -> Turn:
        if rng.random() < 0.3:
            relation = rng.choice(list(FACTS))
            subject = rng.choice(list(FACTS[relation]))
            return Turn(f"Tell of {subject}.", fact(relation, subject), "fact")
        question = _question(rng, ["knowledge"], sample_scene(rng, domain), domain)
        steps = question.steps if rng.random() < thinking else None
        return Turn(prompt(question), question.answer, "knowledge", steps)

    return _fill(turn, TEXT_WORDS)


def _several_pictures(rng: random.Random, kind: str, domain: Domain, thinking: float) -> Lesson:
    scenes, question = several(rng, kind, domain)
    steps = question.steps if rng.random() < thinking else None
    text = f"{describe(scenes)} {prompt(question)}"
    first = Turn(text, question.answer, kind, steps)
    again = _asked(rng, question, None if steps else question.steps)
    return Lesson((first, again) if steps is None else (first,))


def _describe_turn(rng: random.Random, scenes: tuple[Scene, ...], question: q.Question) -> Turn:
    text = DESCRIBE
    if rng.random() < 0.6:
        text += " " + NOTE.format(contents=question.contents)
    return Turn(text, describe(scenes), "describe")
