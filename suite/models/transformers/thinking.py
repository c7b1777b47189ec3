"""The thinking budget: where a thinking block starts and ends, and how it is cut.

In: a tokenizer (its vocabulary and chat template name the markers) and, at each step, the tokens so
far. Out: scores in which a row that has used up its budget can only write the end of its thinking,
and a stop rule that then leaves it `max_new_tokens` for the answer. Rows count apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import LogitsProcessor, StoppingCriteria

NO_LIMIT = 1 << 40

MARKERS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
"""Pairs that published models open and close their thinking with."""
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
    def starts(self) -> tuple[frozenset[int], ...]:
        """Ids that may stand at each place of the opening marker."""
        return self.start_forms or tuple(frozenset({n}) for n in self.start)

    @property
    def ends(self) -> tuple[frozenset[int], ...]:
        """Ids that may stand at each place of the closing marker."""
        return self.end_forms or tuple(frozenset({n}) for n in self.end)


def thinking_markers(tokenizer: Any) -> Markers | None:
    """The markers of a tokenizer's model, or None where it has no thinking mode.

    A pair counts when the vocabulary holds both ends as tokens, or else when the chat template
    mentions the closing one, which is then spelled in as many tokens as it needs.
    """
    vocabulary = tokenizer.get_vocab()
    for start, end in MARKERS:
        if start in vocabulary and end in vocabulary:
            return Markers(start, end, (vocabulary[start],), (vocabulary[end],))
    template = str(getattr(tokenizer, "chat_template", None) or "")
    for start, end in MARKERS:
        if end in template:
            spelled = [tuple(tokenizer.encode(s, add_special_tokens=False)) for s in (start, end)]
            return Markers(start, end, *spelled, *(_forms(ids, vocabulary) for ids in spelled))
    return None


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


class ThinkingBudget(LogitsProcessor):
    """Forces the end of thinking, row by row, and knows where each row's answer begins.

    thinking: whether the row may think. Its block is open from the start where `opened` says so,
    else from the step after it writes the opening marker.
    budget: thinking tokens after which the end is forced; None is no limit.
    Forcing takes one step per token of the end marker. One instance serves one batch.
    """

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
        self.prompt_length: int | None = None
        self.seen = 0

    def select(self, rows: torch.Tensor) -> None:
        """Keeps the rows at these indices, in this order."""
        for name in ("may_open", "inside", "budget", "opened_at", "ended_at", "forced", "cut"):
            setattr(self, name, getattr(self, name)[rows])

    def observe(self, input_ids: torch.Tensor) -> int:
        """Takes note of the newest token of each row; returns the number of tokens generated."""
        if self.prompt_length is None:
            self.prompt_length = input_ids.shape[1]
        step = input_ids.shape[1] - self.prompt_length
        if step > self.seen:
            closed = self.inside & self._ends_with(input_ids, self.ends, step)
            # A block counts once: what opens later belongs to the answer.
            outside = self.may_open & ~self.inside
            opened = outside & self._ends_with(input_ids, self.starts, step)
            self.ended_at = torch.where(closed, step, self.ended_at)
            self.opened_at = torch.where(opened, step, self.opened_at)
            self.inside = (self.inside & ~closed) | opened
            self.may_open &= ~(opened | closed | self.inside)
            self.seen = step
        return step

    def _ends_with(
        self, input_ids: torch.Tensor, forms: Sequence[torch.Tensor], step: int
    ) -> torch.Tensor:
        if step < len(forms) or not forms:
            return torch.zeros_like(self.inside)
        found = torch.ones_like(self.inside)
        for place, ids in enumerate(forms, start=-len(forms)):
            found &= torch.isin(input_ids[:, place], ids)
        return found

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """`scores` (rows, vocabulary), with only the due end token left where a row is cut."""
        step = self.observe(input_ids)
        over = self.inside & ((step - self.opened_at >= self.budget) | (self.forced > 0))
        if not bool(over.any()):
            return scores
        due = self.end[self.forced.clamp(max=len(self.end) - 1)]
        only = torch.full_like(scores, float("-inf")).scatter(1, due[:, None], 0.0)
        self.forced = self.forced + over.long()
        self.cut |= over
        return torch.where(over[:, None], only, scores)


class AnswerLimit(StoppingCriteria):
    """Ends a row `max_new_tokens` after its thinking ended, or after its start without thinking.

    total: ceiling on all tokens of a row, which bounds thinking that has no budget.
    """

    def __init__(
        self, budget: ThinkingBudget, max_new_tokens: Sequence[int], total: Sequence[int]
    ) -> None:
        self.budget = budget
        device = budget.inside.device
        self.answer = torch.tensor(max_new_tokens, device=device)
        self.total = torch.tensor(total, device=device)

    def select(self, rows: torch.Tensor) -> None:
        """Keeps the rows at these indices; the budget keeps its own."""
        self.answer, self.total = self.answer[rows], self.total[rows]

    def __call__(
        self, input_ids: torch.Tensor, scores: torch.Tensor | None = None, **_: Any
    ) -> torch.Tensor:
        """Which rows have ended, shape (rows,), bool."""
        step = self.budget.observe(input_ids)
        answered = ~self.budget.inside & (step - self.budget.ended_at >= self.answer)
        return answered | (step >= self.total)
