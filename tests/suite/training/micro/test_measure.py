"""Held-out accuracy on a model whose every guess is written down."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from suite.training.micro.data import Row
from suite.training.micro.measure import probe_accuracy, turn_accuracy


class Successor(torch.nn.Module):
    """Thinks that after token t comes t + 1."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        super().__init__()
        self.modes: list[bool] = []

    def forward(self, input_ids: Tensor) -> Any:
        """Logits (batch, length, 100)."""
        self.modes.append(self.training)
        return SimpleNamespace(logits=torch.nn.functional.one_hot(input_ids + 1, 100).float())


def row(ids: list[int], *spans: tuple[str, bool, int, int]) -> Row:
    """A row with targets where its spans are."""
    targets = [any(a <= i < b for _, _, a, b in spans) for i in range(len(ids))]
    return Row(ids, targets, list(spans))


def test_a_turn_counts_only_when_every_token_is_right() -> None:
    rows = [
        row([9, 1, 2, 3, 50, 51, 53], ("digit", False, 2, 4), ("digit", False, 5, 7)),
        row([9, 1, 2], ("color", False, 1, 3)),
        row([1, 2, 3, 4], ("color", True, 1, 4)),
        row([4, 5], ("guess", False, 1, 2)),
        row([4, 5], ("missing", True, 1, 2)),
    ]
    for batch in (1, 2, 64):
        found = turn_accuracy(Successor(), rows, pad=0, batch=batch)
        assert found == {
            "digit": 0.5,  # 2 3 is right; 51 53 is not
            "color": 0.0,  # 9 -> 1 is wrong, though 1 -> 2 is right
            "color/think": 1.0,
            "guess": 1.0,
            "missing/think": 1.0,
            "think": 1.0,  # macro means leave guesses and missing things out
            "direct": 0.25,
        }


def test_recall_is_a_share_of_answers() -> None:
    one = Row(
        [7, 8, 9, 20, 21, 30, 40],
        [False, False, True, False, True, False, True],
        [("recall", False, 1, 7)],
    )
    assert turn_accuracy(Successor(), [one], pad=0) == {
        "recall": pytest.approx(2 / 3),
        "direct": pytest.approx(2 / 3),
    }


def test_the_models_mode_is_put_back() -> None:
    model = Successor()
    rows = [row([1, 2], ("digit", False, 1, 2))]
    turn_accuracy(model.train(), rows, pad=0)
    assert model.training
    turn_accuracy(model.eval(), rows, pad=0)
    assert not model.training
    assert model.modes == [False, False]


def test_probe_accuracy_names_its_fields_and_their_mean() -> None:
    class Reader(torch.nn.Module):
        """Accuracies that are written down."""

        def __init__(self) -> None:
            super().__init__()
            self.fields = {"taken": 2, "shape": 12}
            self.corners = torch.nn.Linear(1, 1)

        def forward(self, scenes: Tensor) -> dict[str, Tensor]:
            """0.5 and 1."""
            assert not self.training
            return {"accuracy": torch.tensor([0.5, 1.0])}

    model = Reader()
    found = probe_accuracy(model, [], lambda scenes: {"scenes": torch.zeros(1)})
    assert found == {"taken": 0.5, "shape": 1.0, "readers": 0.75}
    assert model.training
