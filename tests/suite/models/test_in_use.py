"""A checkpoint that changes while it is hashed, loaded or asked is refused, or known as it is then.

In: folders to which something happens meanwhile. Out: a sentence, or a key that names what was
loaded.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from suite.errors import SuiteError, Unfinished
from suite.models.backends import build_generator, fingerprint
from suite.models.fingerprint import TEMPLATES
from suite.models.spec import ModelSpec
from suite.models.transformers.loading import load
from tests.suite.models.checkpoints import (
    ALIKE,
    CHANGED,
    alike,
    no_image,
    over,
    request,
    snapshot_of,
)
from tests.suite.tiny_models import text_folder


def test_large_files_are_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from suite.models import fingerprint as identity

    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(identity, "REMEMBER_FROM", 10)
    folder = text_folder(tmp_path / "m")
    first = fingerprint(ModelSpec(path=folder), "text")
    memory = tmp_path / "cache" / "hashes.json"
    assert first["files"]["model.safetensors"] in json.loads(memory.read_text()).values()
    assert fingerprint(ModelSpec(path=folder), "text") == first
    (folder / "model.safetensors").write_bytes(b"other content than before")
    assert fingerprint(ModelSpec(path=folder), "text") != first
    memory.write_text("not JSON")
    assert fingerprint(ModelSpec(path=folder), "text") != first


@pytest.mark.parametrize("how", ["in place", "renamed"])
def test_a_large_file_that_was_replaced_with_its_size_and_time_is_hashed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    folder = text_folder(tmp_path / "m")
    weights = folder / "model.safetensors"
    first, status = fingerprint(ModelSpec(path=folder), "text"), weights.stat()
    other = weights.read_bytes()[:-4] + b"\0\0\0\x40"
    if how == "in place":
        weights.write_bytes(other)
    else:
        (tmp_path / "other").write_bytes(other)
        (tmp_path / "other").replace(weights)
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert weights.stat().st_mtime_ns == status.st_mtime_ns
    assert weights.stat().st_size == status.st_size
    assert fingerprint(ModelSpec(path=folder), "text") != first


def test_weights_that_are_replaced_while_a_model_loads_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = text_folder(tmp_path / "m")
    other = (text_folder(tmp_path / "other", seed=1) / "model.safetensors").read_bytes()

    def replaced(*about: Any) -> Any:
        (folder / "model.safetensors").write_bytes(other)
        return load(*about)

    monkeypatch.setattr("suite.models.transformers.generator.load", replaced)
    with pytest.raises(Unfinished) as caught:
        build_generator(ModelSpec(path=folder), "text", device="cpu")
    assert str(caught.value) == f"Checkpoint folder {folder} (model.safetensors){CHANGED}"


def test_weights_that_change_while_a_model_answers_are_refused(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "m")
    generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
    asked = [request("0")]
    first = list(generator.generate(asked, no_image))
    os.utime(folder / "model.safetensors")  # touched, and the same
    (folder / "README.md").write_text("new")
    assert [one.text for one in generator.generate(asked, no_image)] == [first[0].text]
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\0\0\0\x40")
    with pytest.raises(Unfinished) as caught:
        list(generator.generate(asked, no_image))
    assert str(caught.value) == f"Checkpoint folder {folder} (model.safetensors){CHANGED}"


def test_a_file_that_comes_while_a_model_loads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = text_folder(tmp_path / "m")

    def joined(*about: Any) -> Any:
        (folder / "tekken.json").write_text("{}")
        return load(*about)

    monkeypatch.setattr("suite.models.transformers.generator.load", joined)
    with pytest.raises(Unfinished, match=r"\(tekken.json\) has changed"):
        build_generator(ModelSpec(path=folder), "text", device="cpu")


def put_back(folder: Path, other: Path) -> Any:
    """Other weights while the model loads, and the old ones when it is done."""
    before = (folder / "model.safetensors").read_bytes()
    over(folder / "model.safetensors", (other / "model.safetensors").read_bytes())
    return lambda: over(folder / "model.safetensors", before)


def happens_while_loading(monkeypatch: pytest.MonkeyPatch, event: Callable[[], Any]) -> None:
    """Lets the event happen before the first load reads anything; what it gives is called once
    that load has ended."""
    events = [event]

    def happening(*about: Any) -> Any:
        after = events.pop()() if events else None
        loaded = load(*about)
        if after:
            after()
        return loaded

    monkeypatch.setattr("suite.models.transformers.generator.load", happening)


def assert_holds(built: Any, weights: Mapping[str, Any]) -> None:
    """Asserts that a generator's model has these weights, to the bit."""
    state = built.loaded.model.state_dict()
    assert all(state[name].equal(weight) for name, weight in weights.items())


def link_to_another(folder: Path, other: Path) -> None:
    folder.rename(folder.parent / "old")
    folder.symlink_to(other)


def adapter_comes(folder: Path, other: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")


def training_goes_on(folder: Path, other: Path) -> None:
    os.utime(folder / "model.safetensors")
    (folder / "trainer_state.json").write_text("{}")
    text_folder(folder / "checkpoint-1000", seed=2)


@pytest.mark.parametrize(
    ("event", "refused"),
    [
        (
            lambda f, o: over(f / "model.safetensors", (o / "model.safetensors").read_bytes()),
            CHANGED,
        ),
        (
            lambda f, o: over(f / "tokenizer.json", (o / "tokenizer.json").read_bytes() + b" "),
            CHANGED,
        ),
        (lambda f, o: (f / "chat_template.jinja").unlink(), CHANGED),
        (lambda f, o: over(f / "generation_config.json", b'{"eos_token_id": 7}'), CHANGED),
        (link_to_another, CHANGED),
        (put_back, None),
        (adapter_comes, "holds an adapter"),
        (training_goes_on, None),
    ],
    ids=["weights", "tokenizer", "template", "ends", "link", "put back", "adapter", "training"],
)
def test_what_happens_to_a_folder_while_it_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: Any, refused: str | None
) -> None:
    folder, other = text_folder(tmp_path / "m"), text_folder(tmp_path / "other", seed=1)

    happens_while_loading(monkeypatch, lambda: event(folder, other))
    known = fingerprint(ModelSpec(path=folder), "text", device="cpu")
    kept = load_file(folder / "model.safetensors")
    if refused:
        with pytest.raises(Unfinished if refused == CHANGED else SuiteError, match=refused):
            build_generator(ModelSpec(path=folder), "text", device="cpu")
    else:
        built: Any = build_generator(ModelSpec(path=folder), "text", device="cpu")
        assert built.fingerprint == known
        assert_holds(built, kept)


def test_a_folder_that_is_swept_away_while_it_answers_is_told(tmp_path: Path) -> None:
    """As `save_total_limit` removes the checkpoint of an earlier step."""
    folder = text_folder(tmp_path / "checkpoint-500")
    generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
    shutil.rmtree(folder)
    with pytest.raises(SuiteError) as caught:
        list(generator.generate([request("0")], no_image))
    assert str(folder) in str(caught.value)


def test_a_branch_of_the_hub_that_moves_on_is_not_loaded_under_the_old_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = "1" * 40, "2" * 40
    cached = tmp_path / "models--owner--model"
    for seed, sha in enumerate((old, new)):
        text_folder(cached / "snapshots" / sha, seed=seed)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(old)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path))

    def moved(*about: Any) -> Any:
        (cached / "refs" / "main").write_text(new)
        return load(*about)

    monkeypatch.setattr("suite.models.transformers.generator.load", moved)
    try:
        generator: Any = build_generator(ModelSpec(repo="owner/model"), "text", device="cpu")
    except Unfinished:
        return
    kept = load_file(cached / "snapshots" / generator.fingerprint["commit"] / "model.safetensors")
    state = generator.loaded.model.state_dict()
    assert all(state[name].equal(weight) for name, weight in kept.items())


def swapped(folder: Path, cache: Path) -> None:
    weights, spare = folder / "model.safetensors", folder.parent / "spare"
    weights.rename(folder.parent / "t")
    spare.rename(weights)
    (folder.parent / "t").rename(spare)


def linked(folder: Path, cache: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(folder.parent / "spare")


def hard_linked(folder: Path, cache: Path) -> None:
    (folder / "model.safetensors").unlink()
    os.link(folder.parent / "spare", folder / "model.safetensors")


def copied_with_its_times(folder: Path, cache: Path) -> None:
    shutil.copy2(folder.parent / "spare", folder / "model.safetensors")


def another_folder_of_its_name(folder: Path, cache: Path) -> None:
    folder.rename(folder.parent / "old")
    shutil.copytree(folder.parent / "old", folder)
    shutil.copy2(folder.parent / "spare", folder / "model.safetensors")


def written_through_a_map(folder: Path, cache: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:] = (folder.parent / "spare").read_bytes()
    os.utime(folder / "model.safetensors", ns=(ALIKE, ALIKE))


@pytest.mark.parametrize(
    "replace_weights",
    [swapped, linked, hard_linked, copied_with_its_times, another_folder_of_its_name,
     written_through_a_map],
    ids=lambda one: one.__name__,
)  # fmt: skip
def test_weights_in_place_of_others_with_their_size_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace_weights: Any
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    folder = text_folder(tmp_path / "m")
    alike(folder / "model.safetensors", b"a" * 100)
    alike(tmp_path / "spare", b"b" * 100)
    marks = [fingerprint(ModelSpec(path=folder), "text") for _ in range(2)]
    replace_weights(folder, tmp_path / "cache")
    marks.append(fingerprint(ModelSpec(path=folder), "text"))
    assert marks[0] == marks[1] != marks[2]


def test_weights_that_are_overwritten_at_once_are_hashed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within one tick of the file system's clock, which is several milliseconds long."""
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    (tmp_path / "m").mkdir()
    spec = ModelSpec(path=tmp_path / "m", gguf_file="a.gguf")
    marks = []
    for n in range(30):
        alike(tmp_path / "m" / "a.gguf", b"%02d" % n * 50)
        marks.append(fingerprint(spec, "text")["files"]["a.gguf"])
    assert len(set(marks)) == 30


def test_weights_that_change_while_they_are_hashed_are_not_remembered_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    folder = text_folder(tmp_path / "m")
    weights = alike(folder / "model.safetensors", b"a" * 100)
    true = hashlib.file_digest

    def late(file: Any, *more: Any) -> Any:
        found = true(file, *more)
        if Path(file.name) == weights:
            alike(weights, b"b" * 100)
        return found

    with monkeypatch.context() as patch:
        patch.setattr("hashlib.file_digest", late)
        fingerprint(ModelSpec(path=folder), "text")
    assert fingerprint(ModelSpec(path=folder), "text")["files"]["model.safetensors"] == (
        hashlib.sha256(b"b" * 100).hexdigest()
    )


@pytest.mark.parametrize(
    "memory", ["null", "[]", '{"KEY": 5}', '{"KEY": "short"}', "\x00" * 50, "folder"]
)
def test_a_memory_of_hashes_that_is_none_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    folder = text_folder(tmp_path / "m")
    first = fingerprint(ModelSpec(path=folder), "text")
    hashes = tmp_path / "cache" / "hashes.json"
    if memory == "folder":
        hashes.unlink()
        hashes.mkdir()
    else:
        key = next(k for k in json.loads(hashes.read_text()) if "model.safetensors" in k)
        hashes.write_text(memory.replace('"KEY"', json.dumps(key)))
    assert fingerprint(ModelSpec(path=folder), "text") == first


def other_rotation(folder: Path) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    over(path, json.dumps(config | {"rope_theta": 7.0}).encode())


def other_index(folder: Path) -> None:
    """The index names other parts of the same names of weights."""
    weights = load_file(folder / "model.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(weights, "other.safetensors")}
    over(folder / "model.safetensors.index.json", json.dumps(index).encode())


def folder_swapped(folder: Path) -> None:
    folder.rename(folder.parent / "old")
    text_folder(folder, seed=4)


def tokenizer_gone(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def backed_up(folder: Path) -> None:
    """As `cp -al` and rsnapshot do: another link, the time of change is new."""
    for file in [*folder.iterdir()]:
        (folder.parent / f"backup-{file.name}").unlink(missing_ok=True)
        os.link(file, folder.parent / f"backup-{file.name}")
        file.chmod(0o400)


def synced_again(folder: Path) -> None:
    for file in [*folder.iterdir()]:
        over(file, file.read_bytes())


@pytest.mark.parametrize("when", ["load", "answer"])
@pytest.mark.parametrize(
    ("event", "refused"),
    [
        (other_rotation, True),
        (other_index, True),
        (folder_swapped, True),
        (tokenizer_gone, True),
        (adapter_comes, True),
        (backed_up, False),
        (synced_again, False),
    ],
)
def test_what_happens_to_a_folder_while_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: Any, refused: bool, when: str
) -> None:
    folder = text_folder(tmp_path / "m")
    if event is adapter_comes:
        event = lambda f: (f / "adapter_config.json").write_text("{}")  # noqa: E731

    def happening(*about: Any) -> Any:
        loaded = load(*about)
        if when == "load":
            event(folder)
        return loaded

    monkeypatch.setattr("suite.models.transformers.generator.load", happening)
    known = fingerprint(ModelSpec(path=folder), "text", device="cpu")

    def use() -> Any:
        generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
        if when == "answer":
            event(folder)
        assert all(one.error is None for one in generator.generate([request("0")], no_image))
        return generator

    if refused:
        with pytest.raises(SuiteError) as caught:
            use()
        assert str(folder) in str(caught.value)
    else:
        assert use().fingerprint == known


@pytest.mark.parametrize("inside", ["", "m"], ids=["the folder", "a folder above it"])
def test_a_link_that_leads_elsewhere_for_a_while_is_loaded_as_it_stands_in_the_end(
    inside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = load_file(text_folder(tmp_path / "a" / inside) / "model.safetensors")
    text_folder(tmp_path / "b" / inside, seed=1)
    latest = tmp_path / "latest"
    loads: list[Any] = []

    def point(to: str) -> None:
        latest.unlink(missing_ok=True)
        latest.symlink_to(to if inside else tmp_path / to)  # relative, too

    def happening(*about: Any) -> Any:
        point("a" if loads else "b")
        loads.append(load(*about))
        point("a")
        return loads[-1]

    point("a")
    monkeypatch.setattr("suite.models.transformers.generator.load", happening)
    built: Any = build_generator(ModelSpec(path=latest / inside), "text", device="cpu")
    assert_holds(built, kept)


def weights_saved_over(snapshot: Path) -> None:
    """As `save_file` writes through the link."""
    with (snapshot / "model.safetensors").open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\0\0\0\x40")


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (weights_saved_over, "model.safetensors"),
        (lambda s: (s / "generation_config.json").write_text('{"eos_token_id": 7}'),
         "generation_config.json"),
        (lambda s: (s / "additional_chat_templates").mkdir()
         or (s / "additional_chat_templates" / "rag.jinja").write_text("x"), "rag.jinja"),
        (lambda s: (s / "tokenizer.model").write_text("x"), "tokenizer.model"),
        (lambda s: (s / "README.md").write_text("x"), None),
    ],
    ids=["weights", "through its link", "a template more", "a tokenizer more", "a card"],
)  # fmt: skip
@pytest.mark.parametrize("large", [4096, 32 << 20])
def test_a_snapshot_that_was_edited_is_not_answered_as_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: Any, named: str | None, large: int
) -> None:
    sha = "5" * 40
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", large)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = snapshot_of(tmp_path / "models--owner--model", sha)
    edit(snapshot)
    spec = ModelSpec(repo="owner/model", revision=sha)
    if named is None:
        build_generator(spec, "text", device="cpu")
        return
    with pytest.raises(SuiteError) as caught:
        build_generator(spec, "text", device="cpu")
    assert f"{named} was edited" in str(caught.value)


@pytest.mark.parametrize("place", [0, 7777, 99_999])
def test_large_weights_of_a_mounted_image_that_was_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """In images made to be reproducible all times, sizes and inodes are those of the last one."""
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    monkeypatch.setattr("suite.models.fingerprint.mark", lambda path: "1980-01-01")
    (tmp_path / "a.gguf").write_bytes(bytes(100_000))
    spec, marks = ModelSpec(path=tmp_path, gguf_file="a.gguf"), []
    marks.append(fingerprint(spec, "text"))
    content = bytearray(100_000)
    content[place] = 1
    (tmp_path / "a.gguf").write_bytes(content)
    marks.append(fingerprint(spec, "text"))
    assert marks[0] != marks[1]


def folder_away_and_back(folder: Path, other: Path) -> Any:
    folder.rename(folder.parent / "away")
    other.rename(folder)

    def back() -> None:
        folder.rename(other)
        (folder.parent / "away").rename(folder)

    return back


def file_away_and_back(folder: Path, other: Path) -> Any:
    weights, away = folder / "model.safetensors", folder.parent / "away"
    weights.rename(away)
    shutil.copy2(other / "model.safetensors", weights)
    return lambda: away.replace(weights)


def in_place_and_back(folder: Path, other: Path) -> Any:
    """With its time of change set back."""
    weights = folder / "model.safetensors"
    before, seen = weights.read_bytes(), weights.stat()

    def put(content: bytes) -> None:
        with weights.open("r+b") as file:
            file.write(content)
        os.utime(weights, ns=(seen.st_atime_ns, seen.st_mtime_ns))

    put((other / "model.safetensors").read_bytes())
    return lambda: put(before)


def through_another_name(folder: Path, other: Path) -> None:
    """A hard link of it is written to, as by `rsync --inplace` into a backup."""
    os.link(folder / "model.safetensors", folder.parent / "backup")
    with (folder.parent / "backup").open("r+b") as file:
        file.write((other / "model.safetensors").read_bytes())


def with_the_old_size_and_time(folder: Path, other: Path) -> None:
    seen = (folder / "model.safetensors").stat()
    over(folder / "model.safetensors", (other / "model.safetensors").read_bytes())
    os.utime(folder / "model.safetensors", ns=(seen.st_atime_ns, seen.st_mtime_ns))


def another_template(folder: Path, other: Path) -> None:
    (folder / TEMPLATES).mkdir()
    (folder / TEMPLATES / "tool_use.jinja").write_text("{{ messages }}")


def cut(folder: Path, other: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(2000)


def told_people_more(folder: Path, other: Path) -> None:
    (folder / "README.md").write_text("Trained for longer.")
    (folder / "loss.png").write_bytes(b"")


@pytest.mark.parametrize(
    ("event", "refused"),
    [
        (folder_away_and_back, False),
        (file_away_and_back, False),
        (in_place_and_back, False),
        (through_another_name, True),
        (with_the_old_size_and_time, True),
        (another_template, True),
        (cut, True),
        (told_people_more, False),
    ],
)
def test_the_key_names_what_was_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: Any, refused: bool
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 1000)
    folder, other = text_folder(tmp_path / "m"), text_folder(tmp_path / "other", seed=1)
    kept = load_file(folder / "model.safetensors")
    kept = {name: weight.clone() for name, weight in kept.items()}
    happens_while_loading(monkeypatch, lambda: event(folder, other))
    known = fingerprint(ModelSpec(path=folder), "text", device="cpu")
    if refused:
        with pytest.raises(SuiteError) as caught:
            build_generator(ModelSpec(path=folder), "text", device="cpu")
        assert str(folder) in str(caught.value)
    else:
        built: Any = build_generator(ModelSpec(path=folder), "text", device="cpu")
        assert built.fingerprint == known
        assert_holds(built, kept)


def test_a_snapshot_of_the_hub_that_is_edited_while_it_loads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = "5" * 40
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path))
    cached = tmp_path / "models--owner--model"
    snapshot = text_folder(cached / "snapshots" / sha)
    (cached / "blobs").mkdir()
    for file in sorted(snapshot.iterdir()):
        content = file.read_bytes()
        blob = cached / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        file.unlink()
        file.symlink_to(blob)

    def happening(*about: Any) -> Any:
        loaded = load(*about)
        template = snapshot / "chat_template.jinja"
        over(template, template.read_bytes() + b"Think.")
        return loaded

    spec = ModelSpec(repo="owner/model", revision=sha)
    build_generator(spec, "text", device="cpu")
    monkeypatch.setattr("suite.models.transformers.generator.load", happening)
    with pytest.raises(SuiteError, match=r"chat_template\.jinja was edited"):
        build_generator(spec, "text", device="cpu")
