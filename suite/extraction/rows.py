"""Settings of a run, and its rows on the way from a conversation to training data.

In: nothing. Out: Settings, of which AS_AUTHORS are the study's own; Row; and Made, from which the
data set and the report are written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from suite.extraction import checks
from suite.extraction.checks import Problem
from suite.extraction.conversations import Conversation, Source
from suite.extraction.pictures import Size
from suite.planning.prompts import Prompts
from suite.planning.stages import EXTRACTION, stage_of
from suite.requests import Decoding, Generation

OWN_SAMPLING = Decoding(temperature=0.7, top_p=0.8, top_k=20)
"""What Qwen3's checkpoints bring along for answers without thinking."""


@dataclass(frozen=True)
class Settings:
    """How the data are made; the report prints it."""

    name: str = "checked"
    size: Size = field(default_factory=partial(Size, longest=1024))
    """How large the teacher sees an image. The rows keep the image itself."""
    sampling: Decoding | None = None
    """Temperature, top_p and top_k of every stage; None is greedy."""
    attempts: int = 3
    """How often statements are asked for until there are as many as pairs and nothing is wrong with
    them: after the first time in other words, sampled, and with another seed."""
    whole: bool = False
    """Whether statements reach the description as they were written, checked or not."""
    drop: tuple[str, ...] = tuple(checks.KINDS)
    """Kinds of problem that drop a row."""
    longest: int = 500
    """Words of a description."""
    seed: int = 0

    def decoding(self, stage: str) -> Decoding:
        """Gives how a stage is decoded."""
        base = EXTRACTION[stage].decoding if stage in EXTRACTION else stage_of("instruct").decoding
        return base if self.sampling is None else sampled(base, self.sampling)

    def as_json(self) -> dict[str, Any]:
        """Gives the settings as the report prints them."""
        square, longest = self.size.square, self.size.longest
        own = self.sampling
        return {
            "name": self.name,
            "image": f"{square} x {square} pixels"
            if square
            else f"at most {longest:,} pixels a side",
            "decoding": f"temperature {own.temperature}, top-p {own.top_p}, top-k {own.top_k}"
            if own
            else "greedy",
            "attempts": self.attempts,
            "drop": [kind for kind in checks.KINDS if kind in (*self.drop, *checks.ALWAYS)],
            "longest": self.longest,
            "seed": self.seed,
        }


AS_AUTHORS = Settings(
    name="as the authors",
    size=Size(square=512),
    sampling=OWN_SAMPLING,
    attempts=1,
    whole=True,
    drop=(),
)
"""As the study's authors made their data: nothing is dropped that has a text."""


def sampled(base: Decoding, sampling: Decoding) -> Decoding:
    """Gives a decoding with the temperature, top_p and top_k of another."""
    return replace(
        base, temperature=sampling.temperature, top_p=sampling.top_p, top_k=sampling.top_k
    )


@dataclass
class Row:
    """A conversation on its way to a row of training data."""

    conversation: Conversation
    image: str | None = None
    """Name of the image as the teacher sees it; None for one that cannot be read."""
    texts: dict[str, Generation] = field(default_factory=dict)
    """What the teacher wrote, by stage."""
    before: list[Problem] = field(default_factory=list)
    """Problems that were there before anything was asked."""
    after: list[Problem] = field(default_factory=list)
    """Those that only the whole data set or a judge shows."""
    kept: bool = True

    @property
    def id(self) -> str:
        """The conversation's."""
        return self.conversation.id

    def problems(self, longest: int, but: str = "") -> list[Problem]:
        """Gives all problems known by now, by kind in the order of KINDS; none of the text of the
        stage `but`."""
        texts = {stage: answer for stage, answer in self.texts.items() if stage != but}
        order = list(checks.KINDS)
        wrong = checks.of_texts(self.conversation, texts, longest)
        found = [*self.before, *wrong, *self.after]
        return sorted(dict.fromkeys(found), key=lambda problem: order.index(problem.kind))

    def text(self, stage: str) -> str:
        """Gives what was written at a stage; empty where nothing was."""
        return self.texts[stage].text if stage in self.texts else ""

    def statements(self, whole: bool) -> str:
        """Gives the statements as the description is asked with them."""
        text = self.texts["statements"].text
        if whole:
            return text
        return "\n".join(checks.statements_of(text, len(self.conversation.pairs)))


@dataclass(frozen=True)
class Made:
    """What a run came to."""

    rows: tuple[Row, ...]
    problems: dict[str, list[Problem]]
    """By id, of every conversation that has one."""
    prompts: Prompts
    source: Source
    images: Path
    out: Path
    settings: Settings
    about: dict[str, Any]
    """Who wrote and judged, for the report."""
