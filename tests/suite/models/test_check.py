"""A checkpoint is tried before a study needs it: what is found, and what stands in the way."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from suite.cli import models
from suite.models.check import FIELDS, tried
from suite.models.family import load_family
from suite.models.spec import ModelSpec


def test_a_checkpoint_says_what_it_is_and_answers() -> None:
    size = load_family("micro").sizes[0]
    assert size.text is not None
    found = {role: tried(spec, role, device="cpu") for _, role, spec in size.checkpoints}
    text, seen = found["text"], found["vlm"]
    assert tuple(text) == FIELDS
    assert (text["class"], text["params"]) == ("Qwen3ForCausalLM", size.params)
    assert text["bytes"] >= 4 * size.params  # float32
    assert text["thinking"] == r"'' in place of '<think>\n\n</think>\n\n'"
    assert text["image"] is None
    assert seen["class"] == "LlavaForConditionalGeneration"
    assert all(isinstance(each, str) for each in (text["text"], seen["text"], seen["image"]))
    assert text["problem"] is seen["problem"] is None


def test_what_stands_in_the_way_is_told_and_ends_with_1(tmp_path: Path) -> None:
    assert "does not exist" in tried(ModelSpec(path=tmp_path / "gone"), "text")["problem"]
    family = tmp_path / "mine.yaml"
    family.write_text("family: mine\nsizes: [{name: a, params: 10, text: ./gone}]\n")
    result = CliRunner().invoke(models.command, [str(family), "--check", "--json"])
    assert result.exit_code == 1
    (row,) = json.loads(result.stdout)
    assert (row["family"], row["size"], row["role"], row["class"]) == ("mine", "a", "text", None)
    assert "1 of 1 checkpoints failed" in result.stderr
    for words, told in (
        (["--check"], "name a family"),
        ([str(family), "--check", "--size", "b"], "Family mine has no size 'b'"),
    ):
        error = CliRunner().invoke(models.command, words).exception
        assert told in str(error)
