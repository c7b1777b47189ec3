"""Questions about what holds in the micro world whatever the picture shows.

In: an `Asker`. Out: a `Question`.
"""

from __future__ import annotations

from tasks.micro.language import COLOR_OF, FACTS, fact
from tasks.micro.questions.question import Asker, Question

_FACT_WORDS = {
    "kind": (
        ("What is {a}?", "What kind of animal is {a}?"),
        ("Tell what kind {a} is.",),
        ("Name what kind {a} is.", "Give what kind {a} is."),
    ),
    "color": (
        ("What color is {a}?", "What is the color of {a}?"),
        ("Tell the color of {a}.",),
        ("Name the color of {a}.", "Give the color of {a}."),
    ),
    "place": (
        ("Where is {a}?", "In what place is {a}?"),
        ("Tell the place of {a}.",),
        ("Name the place of {a}.", "Give the place of {a}."),
    ),
    "state": (
        ("What state is {a}?", "What kind of matter is {a}?"),
        ("Tell the state of {a}.",),
        ("Name the state of {a}.", "Give the state of {a}."),
    ),
}


def knowledge(ask: Asker) -> Question | None:
    """Asks for a fact of the world; the picture does not matter."""
    relation_name = ask.rng.choice(list(FACTS))
    table = FACTS[relation_name]
    subject = ask.rng.choice(list(table))
    named = subject
    if relation_name in ("kind", "color"):
        named = f"{'an' if subject[0] in 'aeiou' else 'a'} {subject}"
    return Question(
        "knowledge",
        ask.word(*_FACT_WORDS[relation_name]).format(a=named),
        ask.options(table[subject], sorted(set(table.values())), ()),
        table[subject],
        "nothing",
        fact(relation_name, subject),
    )


def food_color(ask: Asker) -> Question | None:
    """Which food has the colour of a thing: seeing and knowing at once; never in training."""
    things = [t for t in ask.scene.things if t.color in COLOR_OF.values()]
    t = ask.rng.choice(things)
    right = ask.rng.choice([f for f, c in COLOR_OF.items() if c == t.color])
    wrong = [f for f, c in COLOR_OF.items() if c != t.color]
    return Question(
        "food_color",
        f"What has the color of the {t.shape}?",
        ask.options(right, wrong, ()),
        right,
        f"the color of the {t.shape}",
        f"The {t.shape} is {t.color}. {fact('color', right)}",
        (t.shape,),
    )
