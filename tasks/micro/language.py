"""The words of the micro world: descriptions of scenes and the facts that hold in it.

In: scenes. Out: plain English in which every attribute value is one word and an object's key
word (its shape) stands before its attributes, which is what the smallest models can learn.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.micro.scene import CELLS, Scene, Thing

KIND_OF = {
    "robin": "bird", "eagle": "bird", "owl": "bird", "duck": "bird", "crow": "bird",
    "salmon": "fish", "shark": "fish", "trout": "fish", "tuna": "fish", "cod": "fish",
    "ant": "insect", "bee": "insect", "moth": "insect", "wasp": "insect", "beetle": "insect",
    "lizard": "reptile", "snake": "reptile", "turtle": "reptile", "gecko": "reptile",
    "whale": "mammal", "horse": "mammal", "bat": "mammal", "mouse": "mammal", "otter": "mammal",
}  # fmt: skip
"""Animal -> class."""
COLOR_OF = {
    "banana": "yellow", "lemon": "yellow", "cherry": "red", "tomato": "red", "lime": "green",
    "pea": "green", "carrot": "orange", "pumpkin": "orange", "plum": "purple", "grape": "purple",
    "blueberry": "blue", "olive": "black", "blackberry": "black", "peach": "pink",
}  # fmt: skip
"""Food -> colour."""
PLACE_OF = {
    "kenya": "africa", "egypt": "africa", "ghana": "africa", "mali": "africa",
    "china": "asia", "japan": "asia", "india": "asia", "nepal": "asia",
    "france": "europe", "spain": "europe", "italy": "europe", "poland": "europe",
    "peru": "america", "chile": "america", "brazil": "america", "canada": "america",
}  # fmt: skip
"""Country -> continent."""
STATE_OF = {
    "iron": "solid", "gold": "solid", "ice": "solid", "glass": "solid",
    "water": "liquid", "milk": "liquid", "oil": "liquid",
    "oxygen": "gas", "steam": "gas", "helium": "gas",
    "lightning": "plasma", "sun": "plasma",
}  # fmt: skip
"""Matter -> state."""
FACTS = {"kind": KIND_OF, "color": COLOR_OF, "place": PLACE_OF, "state": STATE_OF}


def article(word: str) -> str:
    """Gives `a` or `an`, by the first letter."""
    return "an" if word[0] in "aeiou" else "a"


def fact(relation: str, subject: str) -> str:
    """Gives one fact as a sentence, e.g. `A robin is a bird.`"""
    value = FACTS[relation][subject]
    if relation == "kind":
        return f"{article(subject).capitalize()} {subject} is {article(value)} {value}."
    if relation == "color":
        return f"{article(subject).capitalize()} {subject} is {value}."
    return f"{subject} is in {value}." if relation == "place" else f"{subject} is {value}."


def sentence(thing: Thing) -> str:
    """Gives all of one thing: `The circle is large red with 3 at top-left.`"""
    return (
        f"The {thing.shape} is {thing.size} {thing.color} "
        f"with {thing.digit} at {CELLS[thing.cell]}."
    )


def setting(scene: Scene) -> str:
    """What holds for the whole picture: `The picture is clear with dots.`"""
    return f"The picture is {scene.quality} with {scene.background}."


def describe(scenes: Sequence[Scene]) -> str:
    """Gives the gold description of one or several pictures, things in the scene's order."""
    parts = []
    for number, scene in enumerate(scenes):
        head = f"Picture {number + 1}: " if len(scenes) > 1 else ""
        parts.append(head + " ".join([setting(scene), *map(sentence, scene.things)]))
    return " ".join(parts)


def extract(scenes: Sequence[Scene], subjects: Sequence[str]) -> str:
    """Gives what a question needs of its picture: the setting, and all of the things that its
    answer depends on, or that they are not there. Of several pictures it is all."""
    if len(scenes) > 1:
        return describe(scenes)
    scene = scenes[0]
    absent = [f"There is no {s}." for s in subjects if scene.find(s) is None]
    wanted = [sentence(t) for t in scene.things if t.shape in subjects]
    return " ".join([setting(scene), *wanted, *absent])
