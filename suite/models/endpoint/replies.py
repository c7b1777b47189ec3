"""What a server says: chunks of a stream or a whole completion -> text, thinking, tokens, end.

In: JSON of OpenAI's chat completions as servers write it. Out: a Reply, or Failed with the reason
why it is no answer. Nothing is asked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from suite.requests import MARKERS, Generation


class Failed(Exception):
    """A request has no answer; the text says why, without a capital and a full stop."""


@dataclass
class Reply:
    """One choice of a completion, as far as it came."""

    text: str = ""
    thinking: str = ""
    """What the server itself tells apart as reasoning."""
    finish: str = ""
    prompt_tokens: int = 0
    generated_tokens: int = 0
    thinking_tokens: int = 0
    """0 where the server does not say, as for the other counts."""
    begun: bool = False

    def add(self, part: Any) -> None:
        """Takes a chunk, or a whole completion. Failed for a second answer or an error in its
        place; TypeError or AttributeError for what has another form."""
        if part.get("error"):
            error = part["error"]
            said = error.get("message", error) if isinstance(error, dict) else error
            raise Failed(f"the server broke off with an error: {said}")
        usage = part.get("usage") or {}
        details = usage.get("completion_tokens_details") or {}
        self.prompt_tokens = _count(usage.get("prompt_tokens")) or self.prompt_tokens
        self.generated_tokens = _count(usage.get("completion_tokens")) or self.generated_tokens
        self.thinking_tokens = _count(details.get("reasoning_tokens")) or self.thinking_tokens
        for choice in part.get("choices") or ():
            message = choice.get("delta") or choice.get("message") or {}
            text = message.get("content") or ""
            thinking = message.get("reasoning_content") or message.get("reasoning") or ""
            ended = choice.get("finish_reason") or ""
            if choice.get("index") not in (0, None) or (
                self.finish and (text or thinking or ended)
            ):
                raise Failed("the server answered twice")
            self.text, self.thinking = self.text + text, self.thinking + thinking
            self.finish, self.begun = ended or self.finish, True

    def check(self) -> None:
        """Raises Failed where this is no answer, or not the whole of one."""
        self.text, self.thinking = _whole(self.text), _whole(self.thinking)
        if not self.begun:
            raise Failed("the server's answer is empty: it has no choice")
        if not self.finish:
            raise Failed("the server's answer was cut off: it ended without a finish reason")
        if self.finish == "content_filter":
            raise Failed("the server's content filter has stopped the answer")
        if self.finish not in ("stop", "length"):
            raise Failed(f"the server ended the answer for a reason of its own: {self.finish}")
        if not self.text and not self.thinking:
            raise Failed(f"the server's answer is empty (finish reason {self.finish})")

    @property
    def has_thinking(self) -> bool:
        """Whether any is told apart."""
        return bool(self.thinking.strip()) or split(self.text) is not None

    def parts(self, thinks: bool) -> tuple[str, str | None]:
        """Gives thinking and answer; no answer (None) while the thinking has not ended.

        thinks: what was asked for. Failed where the server did the other.
        """
        if self.thinking:
            thinking, answer = self.thinking, self.text or None
            if self.finish == "stop":
                answer = self.text
        elif (found := split(self.text)) is not None:
            thinking, answer = found.thinking, found.answer
        elif thinks:
            raise Failed(
                "no thinking can be told from the answer; start the server with the model's "
                "reasoning parser, or let it keep special tokens"
            )
        else:
            thinking, answer = "", self.text
        if thinking.strip() and not thinks:
            raise Failed("the server's model thinks though thinking is off")
        return thinking, answer

    def so_far(self) -> str:
        """Gives the text as the model wrote it, with the end of a block that is open."""
        found = split(self.text)
        if self.thinking or found is None:
            start, end = MARKERS[0]
            return f"{start}{self.thinking}{end}{self.text}"
        return self.text if found.answer is not None else self.text + found.end

    def generation(self, thinking: str, answer: str, finish: str) -> Generation:
        """Gives the Generation of it."""
        return Generation(
            text=answer.strip(),
            thinking=thinking.strip(),
            finish_reason=finish,
            prompt_tokens=self.prompt_tokens,
            generated_tokens=self.generated_tokens,
        )


@dataclass(frozen=True)
class Split:
    """A text with a thinking block."""

    thinking: str
    answer: str | None
    """None while the block has not ended."""
    end: str
    """Its closing marker."""


def split(text: str) -> Split | None:
    """Gives the first thinking block of a text; None without one.

    A closing marker alone ends a block that the chat template has opened; what stands before an
    opening one counts as thinking.
    """
    for start, end in MARKERS:
        before, opened, inside = text.partition(start)
        if not opened or end in before:
            before, opened, inside = "", "", text
        thinking, closed, answer = inside.partition(end)
        if opened or closed:
            return Split(before + thinking, answer if closed else None, end)
    return None


def _count(value: Any) -> int:
    """A number of tokens; 0 for what is none."""
    return value if type(value) is int and 0 < value < 2**31 else 0


def _whole(text: str) -> str:
    """A text that can be stored: halves of a letter that came in two chunks are put together."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
