"""Thinking: how it is switched on, where its block starts and ends, and how it is cut.

In: a tokenizer (its vocabulary and chat template name the markers) and, at each step, the token
that each row wants to write. Out: the end of its thinking in its place where a row has used up its
budget, and a stop rule that then leaves it `max_new_tokens` for the answer. Rows count apart.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import torch
from jinja2 import Environment, TemplateError, meta

from suite.errors import SuiteError
from suite.models.transformers.rows import PerRow, among
from suite.requests import MARKERS

NO_LIMIT = 1 << 40

SPACES = " \n\r\tĠĊčĉ▁"
"""White space in a vocabulary, as it is and as byte-level and SentencePiece ones write it."""


@dataclass(frozen=True)
class Markers:
    """How one tokenizer writes the ends of a thinking block."""

    start_text: str
    end_text: str
    start: tuple[int, ...]
    """Token ids of the opening marker, one id where the vocabulary has it as one token."""
    end: tuple[int, ...]
    """Token ids of the closing marker."""
    start_forms: tuple[frozenset[int], ...] = ()
    """Ids that may stand at each place of the opening marker where it is spelled in several tokens:
    `>` and the line break after it are one token of many vocabularies. Empty: `start` alone."""
    end_forms: tuple[frozenset[int], ...] = ()
    """The same of the closing marker, before whose `</` a full stop may be in the same token."""

    @property
    def pair(self) -> tuple[str, str]:
        """Both ends as MARKERS has them."""
        return self.start_text, self.end_text

    @property
    def starts(self) -> tuple[frozenset[int], ...]:
        """Ids that may stand at each place of the opening marker."""
        return self.start_forms or tuple(frozenset({n}) for n in self.start)

    @property
    def ends(self) -> tuple[frozenset[int], ...]:
        """Ids that may stand at each place of the closing marker."""
        return self.end_forms or tuple(frozenset({n}) for n in self.end)


NO_MARKERS = Markers("", "", (), ())


def marks_of(given: Mapping[str, Any]) -> tuple[str, str] | None:
    """Gives both ends as a family says them; None where it does not."""
    marks = [given.get(key) for key in ("open", "close")]
    return (str(marks[0]), str(marks[1])) if all(marks) else None


def thinking_markers(tokenizer: Any, given: tuple[str, str] | None = None) -> Markers | None:
    """The markers of a tokenizer's model, or None where it has no thinking mode.

    given: both ends as a family says them. Else a pair of MARKERS counts when the vocabulary holds
    all their marks as tokens (of several, the one that the chat template mentions), or when the
    template mentions the closing one, which is then spelled in as many tokens as it needs.
    """
    vocabulary = tokenizer.get_vocab()
    if given is not None:
        return _markers(tokenizer, given, vocabulary)
    template = str(getattr(tokenizer, "chat_template", None) or "")
    known = [p for p in MARKERS if all(m in vocabulary for m in _MARK.findall("".join(p)))]
    for pair in sorted(known, key=lambda p: not any(end in template for end in p)):
        return _markers(tokenizer, pair, vocabulary)
    for pair in MARKERS:
        if pair[1] in template:
            return _markers(tokenizer, pair, vocabulary)
    return None


def _markers(tokenizer: Any, pair: tuple[str, str], vocabulary: Mapping[str, int]) -> Markers:
    if all(mark in vocabulary for mark in pair):
        start, end = pair
        return Markers(start, end, (vocabulary[start],), (vocabulary[end],))
    spelled = [tuple(tokenizer.encode(mark, add_special_tokens=False)) for mark in pair]
    return Markers(*pair, *spelled, *(_forms(ids, vocabulary) for ids in spelled))


_MARK = re.compile(r"<[^<>]+>|\[[^\[\]]+\]")
"""The marks of which a marker consists, with words between them."""


@dataclass(frozen=True)
class Switch:
    """How a chat template is told whether to think: its variables and their values."""

    on: Mapping[str, Any]
    off: Mapping[str, Any]

    def told(self, thinking: bool) -> Mapping[str, Any]:
        """Gives the variables for a request."""
        return self.on if thinking else self.off


def switch_of(template: str, given: Mapping[str, Any]) -> Switch:
    """Gives the switch of a chat template: what the family says of it (`on`, `off`), else what the
    template's own variables are called."""
    if "on" in given or "off" in given:
        return Switch(given.get("on") or {}, given.get("off") or {})
    names = _variables(template)
    if "reasoning_effort" in names and not names & {"enable_thinking", "thinking", "reasoning"}:
        # Of a template that knows no other word for nothing, the least.
        least = "none" if re.search("""['"]none['"]""", template) else "low"
        return Switch({"reasoning_effort": "high"}, {"reasoning_effort": least})
    name = next((n for n in ("thinking", "reasoning") if n in names), "enable_thinking")
    name = "enable_thinking" if "enable_thinking" in names else name
    return Switch({name: True}, {name: False})


@lru_cache(maxsize=64)
def _variables(template: str) -> frozenset[str]:
    """Names that a chat template takes from outside."""
    # Tags of the library's own, which jinja does not know, hold no variables.
    plain = re.sub(r"{%-?\s*(end)?generation\s*-?%}", "", template)
    environment = Environment(extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do"])
    try:
        return frozenset(meta.find_undeclared_variables(environment.parse(plain)))
    except TemplateError:  # rendering says what is wrong with it
        return frozenset()


THINKS_ALWAYS = (
    "thinks always: without thinking it is asked to do less of it at most, and an answer is empty "
    "where max_new_tokens end inside its thinking."
)


def ways(
    markers: Markers | None, given: Mapping[str, Any], asked: tuple[str, str] | None
) -> tuple[bool, bool]:
    """Gives whether thinking can be switched, and whether it is there with the switch off.

    given: what the family says. asked: a question with thinking and without it, where known.
    """
    if markers is None or asked is None:
        return True, False
    always = bool(given.get("always")) or markers.pair == MARKERS[-1]
    return asked[0] != asked[1], always or opens_thinking(asked[1], markers)


def check_thinking(
    model: str, thinking: bool, markers: Markers | None, switched: bool, always: bool
) -> None:
    """Raises SuiteError for thinking that a model cannot do, or that would be nothing else than
    answering."""
    if thinking and markers is None:
        raise SuiteError(
            f"Model {model} has no thinking mode that the suite knows; set thinking: false for it "
            "in the study, or give the marks around its thinking in the family: "
            "`thinking: {open: ..., close: ...}`."
        )
    if thinking and not (switched or always):
        raise SuiteError(
            f"The chat template of {model} asks the same with thinking and without it; set "
            "thinking: false for it in the study, or say in the family how it is switched "
            "(`thinking: {on: {VARIABLE: VALUE}, off: {VARIABLE: VALUE}}`) or that it cannot be "
            "(`thinking: always`)."
        )


def _forms(ids: Sequence[int], vocabulary: Mapping[str, int]) -> tuple[frozenset[int], ...]:
    """Ids that may stand at each place of a marker spelled as `ids`: its first token may be the end
    of another, and white space may follow within its last one."""
    words = {number: word for word, number in vocabulary.items()}
    if not all(number in words for number in ids):
        return ()
    first, last = words[ids[0]], words[ids[-1]]
    forms = [{number} for number in ids]
    if len(ids) > 1:
        forms[0] |= {n for word, n in vocabulary.items() if word.endswith(first)}
    forms[-1] |= {
        number
        for word, number in vocabulary.items()
        if word.startswith(last) and not word.removeprefix(last).strip(SPACES)
    }
    return tuple(frozenset(form) for form in forms)


def opens_thinking(prompt: str, markers: Markers) -> bool:
    """Whether the prompt ends inside a thinking block that its template has opened."""
    return prompt.rfind(markers.start_text) > prompt.rfind(markers.end_text)


def within(
    ids: Sequence[int], markers: Markers, opened: bool, answer: int, budget: int | None
) -> tuple[int, bool]:
    """Gives how many of a row's tokens ThinkingBudget and AnswerLimit let it write, and whether
    they cut its thinking, for a row that something else has written.

    opened: whether its prompt ended inside a thinking block. answer: tokens that an answer may
    have.
    """
    inside, opened_at, ended_at, may_open, cut = opened, 0, 0, not opened, False
    for step in range(1, len(ids) + 1):
        if inside and _stands(ids, step, markers.ends):
            thought = step - len(markers.ends) - opened_at
            cut = cut or (budget is not None and thought >= budget)
            inside, ended_at, may_open = False, step, False
        elif may_open and _stands(ids, step, markers.starts):
            inside, opened_at, may_open = True, step, False
        if not inside and step - ended_at >= answer:
            return step, cut
    return len(ids), cut


def _stands(ids: Sequence[int], end: int, forms: Sequence[frozenset[int]]) -> bool:
    """Whether what ends at a place is a marker."""
    start = end - len(forms)
    return (
        bool(forms) and start >= 0 and all(ids[start + n] in form for n, form in enumerate(forms))
    )


class ThinkingBudget(PerRow):
    """Forces the end of thinking, row by row, and knows where each row's answer begins.

    thinking: whether the row may think. Its block is open from the start where `opened` says so,
    else from the step after it writes the opening marker.
    budget: thinking tokens after which the end is forced; None is no limit.
    Forcing takes one step per token of the end marker. One instance serves one batch.
    """

    per_row = (
        "may_open", "inside", "budget", "opened_at", "ended_at", "forced", "cut", "newest",
    )  # fmt: skip

    def __init__(
        self,
        markers: Markers,
        thinking: Sequence[bool],
        opened: Sequence[bool],
        budget: Sequence[int | None],
        device: torch.device | str = "cpu",
    ) -> None:
        rows = len(thinking)
        self.starts = [torch.tensor(sorted(ids), device=device) for ids in markers.starts]
        self.ends = [torch.tensor(sorted(ids), device=device) for ids in markers.ends]
        self.end = torch.tensor(markers.end, device=device)
        self.may_open = torch.tensor(thinking, dtype=torch.bool, device=device)
        self.inside = self.may_open & torch.tensor(opened, dtype=torch.bool, device=device)
        limits = [NO_LIMIT if limit is None else limit for limit in budget]
        self.budget = torch.tensor(limits, device=device)
        self.opened_at = torch.zeros(rows, dtype=torch.long, device=device)
        self.ended_at = torch.zeros(rows, dtype=torch.long, device=device)
        self.forced = torch.zeros(rows, dtype=torch.long, device=device)
        self.cut = torch.zeros(rows, dtype=torch.bool, device=device)
        places = max(1, len(self.starts), len(self.ends))
        # The newest tokens of each row, none of a prompt: -1 is no token.
        self.newest = torch.full((rows, places), -1, device=device)
        self.any_thinking = any(thinking)
        self.any_limit = any(
            thinks and limit is not None for thinks, limit in zip(thinking, budget, strict=True)
        )

    @property
    def kind(self) -> Hashable:
        """See PerRow."""
        return type(self).__name__, self.any_thinking, self.any_limit

    def force(self, tokens: torch.Tensor, step: torch.Tensor | int) -> torch.Tensor:
        """Gives `tokens`, shape (rows,), with the due end token where a row is cut.

        step: how many tokens each row has so far.
        """
        if not self.any_limit:
            return tokens
        over = self.inside & ((step - self.opened_at >= self.budget) | (self.forced > 0))
        due = self.end[self.forced.clamp(max=len(self.end) - 1)]
        self.forced += over
        self.cut |= over
        return torch.where(over, due, tokens)

    def observe(self, tokens: torch.Tensor, step: torch.Tensor | int) -> None:
        """Takes note of the newest token of each row; `step` counts it."""
        if not self.any_thinking:
            return
        self.newest.copy_(torch.cat([self.newest[:, 1:], tokens[:, None]], 1))
        closed = self.inside & self._ends_with(self.ends)
        # A block counts once: what opens later belongs to the answer.
        opened = self.may_open & ~self.inside & self._ends_with(self.starts)
        self.ended_at.copy_(torch.where(closed, step, self.ended_at))
        self.opened_at.copy_(torch.where(opened, step, self.opened_at))
        self.inside.copy_((self.inside & ~closed) | opened)
        self.may_open &= ~(opened | closed | self.inside)

    def _ends_with(self, forms: Sequence[torch.Tensor]) -> torch.Tensor:
        if not forms:
            return torch.zeros_like(self.inside)
        found = torch.ones_like(self.inside)
        for place, ids in enumerate(forms, start=-len(forms)):
            found &= among(self.newest[:, place], ids)
        return found


class AnswerLimit(PerRow):
    """Ends a row `max_new_tokens` after its thinking ended, or after its start without thinking.

    total: ceiling on all tokens of a row, which bounds thinking that has no budget. The limit and
    its budget go together: what is done to the rows of one is done to those of the other.
    """

    per_row = ("answer", "total")

    def __init__(
        self, budget: ThinkingBudget, max_new_tokens: Sequence[int], total: Sequence[int]
    ) -> None:
        self.budget = budget
        device = budget.inside.device
        self.answer = torch.tensor(max_new_tokens, device=device)
        self.total = torch.tensor(total, device=device)

    @property
    def kind(self) -> Hashable:
        """See PerRow."""
        return self.budget.kind

    def select(self, rows: torch.Tensor) -> None:
        """Keeps the rows at these indices, the budget's too."""
        super().select(rows)
        self.budget.select(rows)

    def clone(self) -> Self:
        """Gives a copy with a budget of its own."""
        other = super().clone()
        other.budget = self.budget.clone()
        return other

    def take(self, other: Self) -> None:
        """Copies the values of another, and its budget's."""
        super().take(other)
        self.budget.take(other.budget)

    def ended(self, step: torch.Tensor | int) -> torch.Tensor:
        """Which rows have ended with the newest of `step` tokens, shape (rows,), bool."""
        answered = ~self.budget.inside & (step - self.budget.ended_at >= self.answer)
        return answered | (step >= self.total)
