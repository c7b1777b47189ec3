"""The micro family's tokenizer and encoder, and a recipe small enough to train in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from suite.training.micro.tokenizer import Encoder, build_tokenizer
from suite.training.run import vocabulary

MINI = """\
recipe: mini
seed: 3
encoder: {side: 72, patch: 24, width: 8, layers: 1}
sizes:
  a: {width: 16, layers: 1, heads: 2, head_dim: 8}
stages:
  - {name: encoder, kind: encoder, shared: true, steps: 4, batch: 4, rate: 1.0e-3, evaluate: 2}
  - name: recall
    kind: recall
    steps: 4
    batch: 4
    rate: {a: 1.0e-3}
    evaluate: 2
    gate: 0.98
    retries: [{seed: 4, scale: 0.5}]
  - {name: text, kind: text, init: recall, steps: 4, batch: 4, rate: 1.0e-3, evaluate: 2,
     export: text}
  - {name: vit, kind: vision, init: text, steps: 4, batch: 2, rate: 1.0e-3, evaluate: 2,
     connector: 2.0, export: vlm}
  - {name: connector, kind: vision, init: text, steps: 2, batch: 2, rate: 1.0e-3, evaluate: 2,
     data: caption, trainable: [connector]}
  - {name: caption, kind: vision, init: vit, steps: 2, batch: 2, rate: 1.0e-3, evaluate: 2,
     data: caption, optimizer: muon, export: caption}
  - {name: extract, kind: vision, init: connector, steps: 2, batch: 2, rate: 1.0e-3, evaluate: 2,
     data: extract, precision: bfloat16, trainable: [connector, language, vision],
     export: extract}
"""


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Models this small are slower on several threads, and sums then depend on their number."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """The family's tokenizer."""
    return build_tokenizer(vocabulary())


@pytest.fixture(scope="session")
def encode(tokenizer: Any) -> Encoder:
    """The data stream's encoder."""
    return Encoder(dict(tokenizer.get_vocab()))


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe of four stages of four steps each, and three more of two."""
    path = tmp_path_factory.mktemp("recipe") / "mini.yaml"
    path.write_text(MINI)
    return path
