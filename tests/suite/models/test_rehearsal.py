"""A family with random models in the place of its checkpoints.

In: the YAML of a family. Out: what stands for its checkpoints, and under which keys.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from lmms_eval.models import AVAILABLE_CHAT_TEMPLATE_MODELS, AVAILABLE_SIMPLE_MODELS

from suite.errors import SuiteError
from suite.models.backends import fingerprint
from suite.models.family import list_families, load_family
from suite.models.rehearsal import with_random_weights
from suite.models.spec import ModelSpec
from tests.ci.families_table import PAGE, page

FAMILY = """
family: tiny
title: Tiny
kinds: {text: qwen3, vlm: llava}
sizes:
  - {name: s, params: 1000, text: nobody/text-s, vlm: nobody/vlm-s}
  - {name: l, params: 2000, kinds: {text: llama}, text: nobody/text-l, vlm: nobody/vlm-s}
"""


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    path = tmp_path / "tiny.yaml"
    path.write_text(FAMILY)
    return path


def kind(spec: ModelSpec | None) -> Any:
    assert spec is not None
    assert spec.path is not None
    return json.loads((spec.path / "config.json").read_text())["model_type"]


def test_every_checkpoint_is_one_of_its_kind_and_says_so(family: Path) -> None:
    made = with_random_weights(load_family(family))
    assert (made.name, made.title) == ("tiny (random weights)", "Tiny (random weights)")
    small, large = made.sizes
    assert [kind(small.text), kind(small.vlm)] == ["qwen3", "llava"]
    assert [kind(large.text), kind(large.vlm)] == ["llama", "llava"]
    assert large.vlm == small.vlm  # one checkpoint is one model
    assert with_random_weights(load_family(family)) == made  # made once


def test_no_key_is_one_of_a_checkpoint(family: Path) -> None:
    (size, _) = with_random_weights(load_family(family)).sizes
    assert size.text is not None
    as_checkpoint = ModelSpec(path=size.text.path)  # the same files, named in a family
    mine, its = fingerprint(size.text, "text"), fingerprint(as_checkpoint, "text")
    assert mine["random_weights"] is True
    assert mine["files"] == its["files"]
    assert mine != its


def test_a_checkpoint_of_no_kind_is_told(family: Path) -> None:
    family.write_text(FAMILY.replace("kinds: {text: qwen3, vlm: llava}\n", ""))
    with pytest.raises(
        SuiteError, match=r"what kind of model nobody/text-s is.*kinds: \{text: KIND\}"
    ):
        with_random_weights(load_family(family))


def test_every_kind_that_a_family_names_can_be_made() -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    from suite.models.transformers.random import rows

    known = {*rows(), *MODEL_FOR_CAUSAL_LM_MAPPING_NAMES}
    for name in list_families():
        for size in load_family(name).sizes:
            assert {*size.kinds.values()} <= known, name


def test_the_table_of_families_is_that_of_their_files() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tests/ci/families_table.py"
    named = re.findall(r"generator: lmms_eval, model: (\w+)", page())
    assert len(named) > 3
    assert {*named} <= {*AVAILABLE_SIMPLE_MODELS, *AVAILABLE_CHAT_TEMPLATE_MODELS}
