"""Models of lmms-eval's two kinds for the tests: they say what they were given, or fail as told.

In: `behaviour`, an argument. Out: answers of lmms-eval's own types.
"""

from __future__ import annotations

import sys
from typing import Any

from lmms_eval.api.instance import GenerationResult, TokenCounts
from lmms_eval.api.model import lmms
from lmms_eval.models import MODEL_REGISTRY_V2
from lmms_eval.models.registry_v2 import ModelManifest


class Base(lmms):
    """Answers with what it was shown and asked."""

    def __init__(self, behaviour: str = "", batch_size: int = 1, device: str = "none") -> None:
        super().__init__()
        self.behaviour, self.batch_size, self.device = behaviour, batch_size, device

    def generate_until(self, requests: list[Any]) -> list[Any]:
        """Prints and draws as real ones do, and answers."""
        print("Model Responding", file=sys.stderr)
        print("a word on stdout")
        return [self.answer(*request.args) for request in requests]

    def answer(self, *arguments: Any) -> Any:
        """See the two kinds."""
        raise NotImplementedError

    def said(self, text: str, settings: Any) -> Any:
        """The answer, by `behaviour`."""
        most = dict(settings)["max_new_tokens"]  # reads them all
        if self.behaviour == "caps":
            settings["max_new_tokens"] = min(most, 4)
        elif self.behaviour == "samples":
            settings["do_sample"] = True
        elif self.behaviour == "breaks" and "bad" in text:
            raise ValueError("a bad question")
        given = {
            "empty": " ", "lost": "[LMMS_EVAL_REQUEST_FAILED after 3 retries] no server",
            "thinks": f"<think>well</think>{text}", "never ends": "<think>well, well",
        }.get(self.behaviour, text)  # fmt: skip
        count = {"counts": 3, "full": most, "more": most + 1}.get(self.behaviour)
        return given if count is None else GenerationResult(given, TokenCounts(7, count))

    def loglikelihood(self, requests: list[Any]) -> Any:
        """Not asked for."""
        raise NotImplementedError

    def generate_until_multi_round(self, requests: list[Any]) -> Any:
        """Not asked for."""
        raise NotImplementedError


class Simple(Base):
    """Takes one text and the images beside it."""

    def answer(self, *arguments: Any) -> Any:
        """The text, with the size and first pixel of each image."""
        text, settings, pictures, number, task, split = arguments
        seen = pictures(self.task_dict[task][split][number])
        looks = [f"{image.mode} {image.size} {image.getpixel((0, 0))}" for image in seen]
        return self.said(" | ".join([*looks, text, self.device]), settings)


class Chat(Base):
    """Takes a conversation."""

    is_simple = False

    def answer(self, *arguments: Any) -> Any:
        """Roles and parts of the conversation."""
        _, conversation, settings, number, task, split = arguments
        turns = conversation(self.task_dict[task][split][number])
        turns.append({"role": "assistant", "content": []})  # as some do
        parts = [
            part["text"] if part["type"] == "text" else str(part["url"].size)
            for turn in conversation(self.task_dict[task][split][number])
            for part in [{"type": "text", "text": f"{turn['role']}:"}, *turn["content"]]
        ]
        return self.said(" ".join(parts), settings)


def register() -> None:
    """Makes both known to lmms-eval, as an entry point would."""
    for name, paths in {
        "test_simple": {"simple_class_path": f"{__name__}.Simple"},
        "test_chat": {"chat_class_path": f"{__name__}.Chat"},
    }.items():
        MODEL_REGISTRY_V2.register_manifest(ModelManifest(name, **paths), overwrite=True)
