"""Held-out accuracy while training: strict, by kind of question, teacher-forced.

In: a model and rows of the held-out domain. Out: kind -> share of turns of which *every* target
token is the model's first choice. With thinking, that is the whole trace and the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch

from suite.training.micro.data import ProbeCollator, Row, TokenCollator
from tasks.micro.scene import Scene


@torch.no_grad()
def turn_accuracy(model: Any, rows: Sequence[Row], pad: int, batch: int = 64) -> dict[str, float]:
    """Gives the accuracy by kind (`digit`, `digit/think`, `digit/open` where options are not shown,
    ...), and the macro means `direct` and `think` over the kinds with options."""
    hits: dict[str, list[float]] = defaultdict(list)
    collate = TokenCollator(pad)
    training = model.training
    model.eval()
    for start in range(0, len(rows), batch):
        chunk = rows[start : start + batch]
        inputs = {k: v.to(model.device) for k, v in collate(chunk).items()}
        labels = inputs.pop("labels")
        best = model(**inputs).logits[:, :-1].argmax(-1)
        right = ((best == labels[:, 1:]) | (labels[:, 1:] == -100)).cpu()
        wanted = (labels[:, 1:] != -100).cpu()
        for i, row in enumerate(chunk):
            for kind, thinking, first, last in row.spans:
                name = f"{kind}/think" if thinking else kind
                if kind == "recall":  # token by token: the gate is a share of answers
                    hits[name].extend(right[i, : last - 1][wanted[i, : last - 1]].float().tolist())
                else:
                    hits[name].append(float(right[i, first - 1 : last - 1].all()))
    model.train(training)
    result = {k: sum(v) / len(v) for k, v in sorted(hits.items())}
    unscored = ("guess", "missing", "missing/think")
    scored = {k: v for k, v in result.items() if k not in unscored and "/open" not in k}
    for name, kinds in (
        ("think", [v for k, v in scored.items() if k.endswith("/think")]),
        ("direct", [v for k, v in scored.items() if not k.endswith("/think")]),
    ):
        if kinds:
            result[name] = sum(kinds) / len(kinds)
    return result


@torch.no_grad()
def probe_accuracy(model: Any, scenes: Sequence[Scene], collate: ProbeCollator) -> dict[str, float]:
    """Gives the accuracy of each of the encoder's readers over patches; `readers`, their mean."""
    training = model.training
    model.eval()
    batch = {k: v.to(model.corners.weight.device) for k, v in collate(scenes).items()}
    accuracy = model(**batch)["accuracy"].tolist()
    model.train(training)
    result = dict(zip(model.fields, accuracy, strict=True))
    result["readers"] = sum(accuracy) / len(accuracy)
    return result
