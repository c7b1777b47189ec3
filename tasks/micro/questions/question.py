"""A question of the micro world, and the one who asks it.

In: random numbers, the scenes, the wording set. Out: `Question` with everything a teacher knows
about it, and `Asker` with what all kinds of question share: a random thing, a wording, options.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.micro.scene import SHAPES, Scene, Thing


@dataclass(frozen=True)
class Question:
    """A question with everything a teacher knows about it."""

    kind: str
    text: str
    options: tuple[str, ...]
    """Shuffled; empty for an open answer."""
    answer: str
    """The right option's word, or the open answer."""
    contents: str
    """What a perceiver must look at."""
    steps: str
    """Step-by-step reasoning over the description, without the answer's repetition."""
    subjects: tuple[str, ...] = ()
    """Shapes that the question's answer depends on."""

    @property
    def letter(self) -> str:
        """Letter of the right option."""
        return "ABCDEFGH"[self.options.index(self.answer)]


@dataclass(frozen=True)
class Asker:
    """Source of randomness, scenes and wording for the functions below."""

    rng: random.Random
    scenes: tuple[Scene, ...]
    star: bool = False
    """Whether to use the wordings that training never uses with that kind of question."""
    teaching: bool = False
    """Whether to draw from all wordings of training; evaluation asks the first few."""

    @property
    def scene(self) -> Scene:
        """The first picture."""
        return self.scenes[0]

    def thing(self) -> Thing:
        """Gives a random thing of the first picture."""
        return self.rng.choice(self.scene.things)

    def word(self, train: Sequence[str], star: Sequence[str], more: Sequence[str] = ()) -> str:
        """Gives one wording of a question; `more` are further ones of training, so that a verb is
        no sign of what is asked."""
        if self.star:
            return self.rng.choice(star)
        return self.rng.choice([*train, *more] if self.teaching else train)

    def options(self, answer: str, near: Sequence[str], far: Sequence[str]) -> tuple[str, ...]:
        """Gives four shuffled options: the answer, distractors from the scene, then from the
        world."""
        near = [w for w in dict.fromkeys(near) if w != answer]
        far = [w for w in dict.fromkeys(far) if w != answer and w not in near]
        self.rng.shuffle(near)
        self.rng.shuffle(far)
        chosen = [answer, *[*near, *far][:3]]
        self.rng.shuffle(chosen)
        return tuple(chosen)

    def shapes(self, answer: str, without: Sequence[str] = ()) -> tuple[str, ...]:
        """Gives four shapes, those of the scene first."""
        near = [t.shape for t in self.scene.things if t.shape not in without]
        return self.options(answer, near, [s for s in SHAPES if s not in without])
