"""A second opinion on the micro world that shares no code with it.

In: a gold description, a question and its options, all as text. Out: the answer, worked out from
the description alone, and the statements of a reasoning trace that the description does not bear
out. Geography, colours and kinds are written down here again, from general knowledge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SIZE_ORDER = ["tiny", "small", "medium", "large"]
KNOWN = {
    word: value
    for value, listed in {
        "bird": "robin eagle owl duck crow",
        "fish": "salmon shark trout tuna cod",
        "insect": "ant bee moth wasp beetle",
        "reptile": "lizard snake turtle gecko",
        "mammal": "whale horse bat mouse otter",
        "yellow": "banana lemon",
        "red": "cherry tomato",
        "green": "lime pea",
        "orange": "carrot pumpkin",
        "purple": "plum grape",
        "blue": "blueberry",
        "black": "olive blackberry",
        "pink": "peach",
        "africa": "kenya egypt ghana mali",
        "asia": "china japan india nepal",
        "europe": "france spain italy poland",
        "america": "peru chile brazil canada",
        "solid": "iron gold ice glass",
        "liquid": "water milk oil",
        "gas": "oxygen steam helium",
        "plasma": "lightning sun",
    }.items()
    for word in listed.split()
}
SIDE = r"(left of|right of|above|below)"


@dataclass(frozen=True)
class Seen:
    """One thing that a description names."""

    shape: str
    size: str
    color: str
    digit: int
    row: int
    column: int


@dataclass(frozen=True)
class Picture:
    """One picture that a description tells of."""

    quality: str
    background: str
    things: tuple[Seen, ...]

    def the(self, shape: str) -> Seen | None:
        """The thing of that shape, or None."""
        found = [t for t in self.things if t.shape == shape]
        assert len(found) <= 1, f"two things are a {shape}"
        return found[0] if found else None

    def at(self, row: int, column: int) -> Seen | None:
        """The thing in that cell, or None."""
        found = [t for t in self.things if (t.row, t.column) == (row, column)]
        assert len(found) <= 1, f"two things are at {row}, {column}"
        return found[0] if found else None

    def beside(self, shape: str, side: str) -> Seen | None:
        """The thing in the adjacent cell on that side of a thing, or None."""
        here = self.the(shape)
        assert here is not None, f"there is no {shape}"
        return self.at(*moved((here.row, here.column), side))

    @property
    def content(self) -> tuple[str, str, frozenset[Seen]]:
        """What is said, whatever the order."""
        return self.quality, self.background, frozenset(self.things)


def cell(name: str) -> tuple[int, int]:
    """Row and column (0 to 2) of a cell's name."""
    if name == "center":
        return 1, 1
    row, column = name.split("-")
    return ["top", "middle", "bottom"].index(row), ["left", "middle", "right"].index(column)


CELL_NAMES = [
    "center" if (row, column) == ("middle", "middle") else f"{row}-{column}"
    for row in ("top", "middle", "bottom")
    for column in ("left", "middle", "right")
]


def moved(place: tuple[int, int], side: str) -> tuple[int, int]:
    """The adjacent place on that side; it may lie outside of the picture."""
    down, right = {"left of": (0, -1), "right of": (0, 1), "above": (-1, 0), "below": (1, 0)}[side]
    return place[0] + down, place[1] + right


def read(description: str) -> list[Picture]:
    """The pictures that a description tells of; nothing of the text may be left over."""
    parts = [p for p in re.split(r"Picture \d: ", description) if p.strip()]
    pictures = []
    for part in parts:
        head = re.match(r"The picture is (\w+) with (\w+)\.", part)
        assert head, part
        pattern = r" The (\w+) is (\w+) (\w+) with (\d) at ([\w-]+)\."
        named = re.findall(pattern, part)
        rest = re.sub(pattern, "", part[head.end() :]).strip()
        assert not rest, f"{rest!r} in {part!r}"
        things = tuple(Seen(s, z, c, int(d), *cell(p)) for s, z, c, d, p in named)
        pictures.append(Picture(head[1], head[2], things))
    return pictures


def split_prompt(text: str) -> tuple[str, str, list[str]]:
    """A user's text as description (may be empty), question and options (may be none)."""
    start = 0
    for match in re.finditer(r"with \w+\.|with \d at [\w-]+\.", text):
        start = match.end()
    options = re.search(r" ((?:[\w-]+ [A-H], )+[\w-]+ [A-H]\.)$", text)
    question = text[start : options.start() if options else len(text)].strip()
    words = [o.split()[0] for o in options[1].split(", ")] if options else []
    return text[:start], question, words


def answer(pictures: list[Picture], question: str, options: list[str]) -> str:
    """The answer's word, from the description alone; AssertionError where there is none."""
    if found := _about_pictures(pictures, question):
        return found
    picture = pictures[0]
    known = [w for w in re.findall(r"\w+", question) if w in KNOWN]
    if known and " the " not in question.replace("the color of a", "").replace(
        "the place of", ""
    ).replace("the state of", ""):
        return KNOWN[known[0]]
    for rule in (_counts, _sums, _relations, _alike, _attributes):
        if found := rule(picture, question, options):
            return found
    raise AssertionError(f"no reading of {question!r}")


def _about_pictures(pictures: list[Picture], question: str) -> str | None:
    if "more like the first" in question:
        shapes = [{t.shape for t in p.things} for p in pictures]
        second, third = (len(shapes[0] & s) for s in shapes[1:])
        assert second != third
        return "second" if second > third else "third"
    if "changed" in question:
        before, after = pictures
        changed = [t.shape for t in before.things if t not in after.things]
        assert len(changed) == 1
        return changed[0]
    if "background" in question or "behind" in question:
        return pictures[0].background
    if re.search(r"(How is|like\?|how the) ?(the)? ?picture|picture like", question):
        return pictures[0].quality
    return None


def _counts(picture: Picture, question: str, options: list[str]) -> str | None:
    match = re.fullmatch(
        r"(?:How many|Count the|Tell how many|Give how many|Name the) ((?:\w+ ){0,2})shapes"
        r"(?: are there| there are|: how many)?[?.]",
        question,
    )
    if not match:
        return None
    wanted = match[1].split()
    fitting = [t for t in picture.things if all(w in (t.color, t.size) for w in wanted)]
    return str(len(fitting))


def _sums(picture: Picture, question: str, options: list[str]) -> str | None:
    match = re.fullmatch(
        r"(?:What is the sum of|Add|Add the digit of|Tell the sum of|Give the sum of) "
        r"(the \w+(?: and the \w+)+)[?.]",
        question,
    )
    if not match:
        return None
    things = [picture.the(s) for s in re.findall(r"the (\w+)", match[1])]
    return str(sum(t.digit for t in things if t))


def _relations(picture: Picture, question: str, options: list[str]) -> str | None:
    if match := re.fullmatch(rf"What is {SIDE} the shape {SIDE} the (\w+)\?", question):
        turn, side, shape = match.groups()
        middle = picture.beside(shape, side)
        assert middle
        last = picture.beside(middle.shape, turn)
        assert last
        return last.shape
    asked = rf"(?:What color is|Tell the color of) the shape {SIDE} the (\w+)[?.]"
    if match := re.fullmatch(asked, question):
        other = picture.beside(match[2], match[1])
        assert other
        return other.color
    asked = rf"(?:What is|Which shape is|(?:Tell|Name|Give) the shape) {SIDE} the (\w+)[?.]"
    if match := re.fullmatch(asked, question):
        other = picture.beside(match[2], match[1])
        assert other
        return other.shape
    if match := re.fullmatch(
        r"(?:(?:What|Which shape) is|(?:Tell|Name) the shape) at ([\w-]+)[?.]", question
    ):
        other = picture.at(*cell(match[1]))
        assert other
        return other.shape
    return None


def _alike(picture: Picture, question: str, options: list[str]) -> str | None:
    if match := re.fullmatch(r"What has the color of the (\w+)\?", question):  # foods
        here = picture.the(match[1])
        assert here
        fitting = [o for o in options if KNOWN[o] == here.color]
        assert len(fitting) == 1
        return fitting[0]
    if match := re.fullmatch(
        r"(?:(?:What has|Which shape is) the same|Name the shape with the) color "
        r"(?:as|of) the (\w+)[?.]",
        question,
    ):
        here = picture.the(match[1])
        assert here
        fitting = [t.shape for t in picture.things if t.color == here.color and t != here]
        assert len(fitting) == 1
        assert not options or fitting[0] in options
        return fitting[0]
    if "largest" in question:
        ranked = sorted(picture.things, key=lambda t: SIZE_ORDER.index(t.size))
        assert ranked[-1].size != ranked[-2].size
        return ranked[-1].shape
    return None


def _attributes(picture: Picture, question: str, options: list[str]) -> str | None:
    match = re.search(r"the (\w+)[?.]$", question)
    assert match, question
    thing = picture.the(match[1])
    if thing is None:
        assert "unanswerable" in options, f"{question!r} has no answer"
        return "unanswerable"
    if "digit" in question:
        return str(thing.digit)
    if "color" in question:
        return thing.color
    if "big" in question or "size" in question:
        return thing.size
    if question.startswith("Where") or "place" in question:
        return next(n for n in CELL_NAMES if cell(n) == (thing.row, thing.column))
    return None


def untrue(pictures: list[Picture], question: str, steps: str) -> list[str]:
    """The statements of a reasoning trace that do not follow from the description."""
    if question.startswith(("Which picture", "What is more")):
        return _untrue_pictures(pictures, steps)
    if len(pictures) == 2:
        pairs = [
            f"{a.shape} {a.color} {b.color} {'same' if a == b else 'changed'}"
            for a, b in zip(pictures[0].things, pictures[1].things, strict=True)
        ]
        return [] if steps == ", ".join(pairs) + "." else [steps]
    picture = pictures[0] if pictures else Picture("", "", ())
    if match := re.fullmatch(r"(The (\w+) is \w+): (.+)\.", steps):
        others = [f"{t.shape} {t.color}" for t in picture.things if t.shape != match[2]]
        told = match[3] == ", ".join(others)
        return [] if told and _true(picture, match[1] + ".") else [steps]
    if match := re.fullmatch(r"([\w ]+): (.+)\.", steps):
        return _untrue_count(picture, match[1], match[2])
    return [s for s in re.findall(r"[^.]+\.", steps) if not _true(picture, s.strip())]


def _untrue_pictures(pictures: list[Picture], steps: str) -> list[str]:
    names = [[t.shape for t in p.things] for p in pictures]
    right = f"first: {', '.join(names[0])}."
    for order, shapes in (("second", names[1]), ("third", names[2])):
        marks = [f"{shape} {'in' if names[0].count(shape) else 'no'}" for shape in shapes]
        right += f" {order}: {', '.join(marks)}."
    return [] if steps == right else [steps]


def _untrue_count(picture: Picture, value: str, listed: str) -> list[str]:
    """Each thing with the attributes asked about, and the count so far."""
    wanted = [] if value == "all" else value.split()
    right, n = [], 0
    for t in picture.things:
        n += all(w in (t.color, t.size) for w in wanted)
        told = [t.size if w in SIZE_ORDER else t.color for w in wanted]
        right.append(" ".join([t.shape, *told, str(n)]))
    return [] if listed == ", ".join(right) else [listed]


def _true(picture: Picture, statement: str) -> bool:
    if match := re.fullmatch(r"The picture is (\w+)\.", statement):
        return match[1] == picture.quality
    if match := re.fullmatch(r"The background is (\w+)\.", statement):
        return match[1] == picture.background
    if match := re.fullmatch(r"The (\w+) has (\d)\.", statement):
        thing = picture.the(match[1])
        return thing is not None and thing.digit == int(match[2])
    if match := re.fullmatch(r"The (\w+) is at ([\w-]+)\.", statement):
        thing = picture.the(match[1])
        return thing is not None and (thing.row, thing.column) == cell(match[2])
    if match := re.fullmatch(r"At ([\w-]+) is the (\w+)\.", statement):
        thing = picture.at(*cell(match[1]))
        return thing is not None and thing.shape == match[2]
    if match := re.fullmatch(rf"{SIDE} ([\w-]+) is ([\w-]+)\.", statement.lower()):
        return moved(cell(match[2]), match[1]) == cell(match[3])
    if match := re.fullmatch(r"There is no (\w+)\.", statement):
        return picture.the(match[1]) is None
    if match := re.fullmatch(r"(\d+) plus (\d+) is (\d+)\.", statement):
        return int(match[1]) + int(match[2]) == int(match[3])
    if match := re.fullmatch(r"The (\w+) is (\w+)\.", statement):
        thing = picture.the(match[1])
        return thing is not None and match[2] in (thing.color, thing.size)
    if match := re.fullmatch(r"(?:An? )?(\w+) is (?:an? |in )?(\w+)\.", statement):
        return KNOWN.get(match[1]) == match[2]
    sizes = [f"{t.shape} {t.size}" for t in picture.things]
    return statement.rstrip(".").split(", ") == sizes
