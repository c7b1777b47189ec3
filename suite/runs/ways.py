"""Ways: what each answer of a run went through, stage by stage, with the prompts as they were
asked.

In: rows of the records, whose keys lead to the run's store, and the items that they ask. Out: a
`Passed` a stage. A prompt is rendered anew from the run's own prompt set and shown only where it
has the key that the run has noted: nothing but what the model was asked has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.errors import SuiteError, reason_of
from suite.items.item import Item
from suite.planning.methods import METHODS
from suite.planning.prompts import Prompts
from suite.requests import Decoding, Generation, Message, Request, request_key
from suite.runs import provenance
from suite.store import Store

Row = Mapping[str, Any]
"""A row of the records."""


@dataclass(frozen=True)
class Passed:
    """One stage on the way to an answer, as far as it is known."""

    stage: str
    model: str | None
    """Name of the model; None where the run does not say it."""
    key: str | None
    """Under which the store has its text; None where it was never asked."""
    messages: tuple[Message, ...] | None
    """What the model was asked; None where it cannot be shown."""
    text: str | None
    thinking: str | None
    finish_reason: str | None
    error: str | None
    """Why there is no text."""


class Ways:
    """The ways of a run's answers."""

    def __init__(self, folder: Path, store: str | None = None) -> None:
        """Reads what the run in `folder` says of itself.

        store: address of its store, where provenance.json, which holds no secrets, does not open
        it.
        """
        self._lacking: dict[str, None] = {}
        facts = provenance.read(folder)
        self._seed = facts.get("seed") or 0
        self._chains = _chains(facts)
        self._prompts = _prompts(facts)
        self._fingerprints = {
            (model["role"], model["model"]): model["fingerprint"]
            for model in facts.get("models") or ()
        }
        self._address = store or facts.get("store") or folder / "store"

        self._found: dict[str, Generation] = {}
        self._sought: set[str] = set()
        if provenance.POOLED in facts:
            folders = ", ".join(run["dir"] for run in facts[provenance.POOLED])
            self._lack(f"Runs are put together here: each of {folders} shows what it was asked.")
        elif not self._chains:
            self._lack(
                "The run is of an older version of the suite, or its provenance.json is not here: "
                "what it was asked at each stage, and the contents to observe, cannot be shown."
            )

    @property
    def lacking(self) -> list[str]:
        """What could not be shown so far and why, a sentence each."""
        return list(self._lacking)

    def of(self, rows: Sequence[Row], items: Mapping[tuple[str, str], Item]) -> list[list[Passed]]:
        """Gives the stages of each row, first one first. items: by task and id."""
        self.fetch(rows)
        return [self._way(row, self._chain(row), items) for row in rows]

    def fetch(self, rows: Iterable[Row]) -> None:
        """Looks the texts before these answers up, all at once: a store is read part by part."""
        wanted: dict[tuple[str, str], set[str]] = {}
        for row in rows:
            for step, key in zip(self._chain(row)[:-1], _keys(row)):
                if step["model"] is not None and key not in self._sought:
                    wanted.setdefault((step["role"], step["model"]), set()).add(key)
        if not wanted:
            return
        try:
            store = Store(self._address, say=self._lack)
            for model, keys in wanted.items():
                self._sought |= keys
                self._found |= store.find(self._fingerprints[model], keys)
        except (SuiteError, OSError) as error:
            self._sought.update(*wanted.values())
            self._lack(f"The run's store cannot be read ({reason_of(error)}).")
        lost = sum(len(keys.difference(self._found)) for keys in wanted.values())
        if lost:
            self._lack(
                f"The run's store lacks {lost:,} of the texts that came before these answers: they "
                "are left out, and so are the prompts that show them."
            )

    def _lack(self, sentence: str) -> None:
        self._lacking[sentence] = None

    def _chain(self, row: Row) -> list[dict[str, Any]]:
        """The steps of a row's cell; of an older run's the names of the stages alone."""
        chain = self._chains.get(row["cell"], [])
        if not chain:
            method = METHODS.get(row["method"])
            stages = [link.stage for link in method.links] if method else ["answer"]
            chain = [{"stage": stage, "model": None, "gold": False} for stage in stages]
        return chain

    def _way(
        self,
        row: Row,
        chain: Sequence[dict[str, Any]],
        items: Mapping[tuple[str, str], Item],
    ) -> list[Passed]:
        item = items.get((row["task"], row["item_id"]))
        keys = [*_keys(row), *([row["key"]] if row["key"] else [])]
        passed: list[Passed] = []
        before = item.gold_description if item is not None and chain[0]["gold"] else None
        for number, step in enumerate(chain):
            key = keys[number] if number < len(keys) and step["model"] is not None else None
            messages = None
            if key is not None and item is not None and self._prompts is not None:
                messages = self._asked(step, row, item, before, key)
            last = number == len(chain) - 1
            told = _answer(row) if last else self._found.get(key or "")
            if told is None and number == len(chain) - 2 and row["description"] is not None:
                told = Generation(text=row["description"])
            passed.append(_passed(step, key, messages, told))
            before = passed[-1].text
        return passed

    def _asked(
        self, step: dict[str, Any], row: Row, item: Item, before: str | None, key: str
    ) -> tuple[Message, ...] | None:
        """What the model was asked; None where it cannot be told, which is noted."""
        assert self._prompts is not None  # the caller has looked
        if before is None and (step["upstream"] is not None or step["gold"]):
            return None  # the text is lost, which was said
        decoding = Decoding(**step["decoding"])
        sample = int(row["sample"]) if step["samples"] > 1 and not decoding.greedy else 0
        try:
            messages = self._prompts.render(
                step["template"], item, before, thinking=decoding.thinking
            )
        except SuiteError:
            messages = ()
        request = Request(item.task, item.item_id, messages, decoding, sample, int(row["seed"]))
        fingerprint = self._fingerprints[step["role"], step["model"]]
        if messages and request_key(fingerprint, request) == key:
            return messages
        self._lack(
            f"The prompt of {step['stage']} that this version of the suite makes is not the one "
            "that the run has asked: it is left out."
        )
        return None


def _chains(facts: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Cell -> its steps, first one first; empty of a run of an older version. A step comes after
    those before it."""
    chains: list[list[dict[str, Any]]] = []
    try:
        for step in facts["steps"]:
            before = [] if step["upstream"] is None else chains[step["upstream"]]
            chains.append([*before, step])
        return {cell: chains[number] for cell, number in facts["cells"].items()}
    except (KeyError, IndexError, TypeError):
        return {}


def _prompts(facts: Mapping[str, Any]) -> Prompts | None:
    try:
        return Prompts.of((facts.get("prompts") or {})["set"])
    except (KeyError, TypeError, ValueError):
        return None


def _keys(row: Row) -> list[str]:
    """Keys of the texts before an answer."""
    return str(row["upstream"] or "").split()


def _answer(row: Row) -> Generation:
    if row["failed"]:
        return Generation(error=row["reason"])
    return Generation(row["text"] or "", row["thinking_text"] or "", row["finish_reason"] or "")


def _passed(
    step: dict[str, Any],
    key: str | None,
    messages: tuple[Message, ...] | None,
    told: Generation | None,
) -> Passed:
    known = told is not None and told.error is None
    return Passed(
        step["stage"],
        step["model"],
        key,
        messages,
        told.text if told is not None and known else None,
        told.thinking if told is not None and known else None,
        told.finish_reason if told is not None and known else None,
        None if told is None else told.error,
    )
