"""A teacher that writes: what it is asked, again and how often; judges; equal files at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from suite.extraction.rows import AS_AUTHORS
from suite.extraction.run import extract_data
from suite.requests import Decoding, Generation, ImageLoader, Request
from tests.suite.extraction.planted import clean, problems, report, row, write
from tests.suite.study_files import write_family

TEXTS = {"contents": "the ball", "description": "A red ball lies beside 2 small balls."}


class Scripted:
    """A generator whose texts a test gives, by request."""

    batches_of = 2

    def __init__(self, says: Callable[[Request], str]) -> None:
        self.says = says
        self.asked: list[Request] = []
        self.seen: list[tuple[int, int]] = []
        self.fingerprint: dict[str, Any] = {}

    def generate(self, requests: Sequence[Request], images: ImageLoader) -> Iterator[Generation]:
        """One answer per request."""
        for request in requests:
            self.asked.append(request)
            for message in request.messages:
                for name in message.images:
                    self.seen.append(_size(images(name)))
            yield Generation(self.says(request), "", "stop", 1, 1, 0.0)

    def of(self, stage: str) -> list[Request]:
        return [request for request in self.asked if request.task == stage]


def _size(data: bytes) -> tuple[int, int]:
    import io

    with Image.open(io.BytesIO(data)) as image:
        return image.size


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_family(tmp_path_factory.mktemp("family"))


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Request], str]], Scripted]:
    """Lets a script answer in place of every model."""

    def make(says: Callable[[Request], str]) -> Scripted:
        generator = Scripted(says)
        monkeypatch.setattr("suite.engine.processes.build", lambda *_: generator)
        return generator

    return make


PAIRS = (("What colour is the ball?", "red"), ("How many small balls are there?", "2"))
NOT_ALL = {"lost_answer", "missing_statement"}
BOTH = "The ball is red.\nThere are two small balls."


def one_row(folder: Path) -> dict[str, Any]:
    Image.new("RGB", (2000, 500), "red").save(folder / "ball.png")
    return write(folder, [row("ball", "ball.png", *PAIRS)], {}) | {"out": folder / "out"}


def taught(arguments: dict[str, Any], family: Path, **more: Any) -> dict[str, Any]:
    """The report of a run with a size of the family as teacher."""
    own = {"teacher": f"{family}:s", "prompts": "extraction"}
    return extract_data(**{**arguments, **own, **more})


def says(statements: Sequence[str]) -> Callable[[Request], str]:
    """Good texts, and these statements one time after another."""
    left = list(statements)
    return lambda request: left.pop(0) if request.task == "statements" else TEXTS[request.task]


def test_what_each_stage_is_shown(tmp_path: Path, family: Path, scripted: Any) -> None:
    generator = scripted(says([BOTH]))
    content = extract_data(
        **{**one_row(tmp_path), "teacher": f"{family}:s", "prompts": "extraction"}
    )
    assert (content["kept"], content["problems"]) == (1, [])
    (contents,), (statements,) = generator.of("contents"), generator.of("statements")
    (description,) = generator.of("description")
    assert "\n".join(question for question, _ in PAIRS) in contents.messages[0].text
    assert "2\n" not in contents.messages[0].text  # no answer
    assert (
        "2 pairs:\n\nQuestion 1: What colour is the ball?\nAnswer 1: red\n\n"
        "Question 2: How many small balls are there?\nAnswer 2: 2\n"
    ) in statements.messages[0].text
    assert BOTH in description.messages[0].text
    assert [len(r.messages[0].images) for r in (contents, statements, description)] == [0, 0, 1]
    assert generator.seen == [(1024, 256)]  # its longest side is 2,000
    assert {r.decoding for r in (contents, statements)} == {Decoding()}
    assert description.decoding == Decoding(max_new_tokens=2048)
    (trained,) = json.loads((tmp_path / "out" / "train.json").read_text())
    human, gpt = trained["conversations"]
    assert human["value"].startswith("<image>\nDescribe in detail what the image shows")
    assert human["value"].endswith("Pay special attention to: the ball")
    assert gpt == {"from": "gpt", "value": TEXTS["description"]}


def test_the_authors_way_samples_and_stretches(tmp_path: Path, family: Path, scripted: Any) -> None:
    generator = scripted(says(["One line only."]))
    content = taught(one_row(tmp_path), family, settings=replace(AS_AUTHORS, seed=7))
    assert content["kept"] == 1
    assert generator.seen == [(512, 512)]
    assert len(generator.of("statements")) == 1
    for request in generator.asked:
        decoding = request.decoding
        assert (decoding.temperature, decoding.top_p, decoding.top_k) == (0.7, 0.8, 20)
        assert request.study_seed == 7


@pytest.mark.parametrize(
    ("statements", "asked", "kinds"),
    [
        ([BOTH], 1, set()),
        (["The ball is red, with 2 small ones.", BOTH], 2, set()),
        (["The ball is red.\nThere are balls.", BOTH], 2, set()),
        (["The ball is red.", "Nothing.", "Here they are:\n" + BOTH], 3, set()),
        (["I cannot see it.\nI cannot.", "The ball is red.", "A ball."], 3, NOT_ALL),
    ],
)  # fmt: skip
def test_statements_are_asked_for_again_in_other_words_and_with_another_seed(
    statements: list[str],
    asked: int,
    kinds: set[str],
    tmp_path: Path,
    family: Path,
    scripted: Any,
) -> None:
    generator = scripted(says(statements))
    content = extract_data(
        **{**one_row(tmp_path), "teacher": f"{family}:s", "prompts": "extraction"}
    )
    requests = generator.of("statements")
    assert len(requests) == asked
    assert [r.study_seed for r in requests] == list(range(asked))
    assert [r.decoding.greedy for r in requests] == [True, False, False][:asked]
    assert len({r.messages for r in requests}) == min(asked, 2)
    assert {problem["kind"] for problem in content["problems"]} == kinds
    assert content["kept"] == (not kinds)
    assert len(generator.of("description")) == (not kinds)  # none for a row that is dropped


def test_a_finished_run_asks_nothing_and_leaves_its_files(
    tmp_path: Path, family: Path, scripted: Any
) -> None:
    arguments = one_row(tmp_path)
    scripted(says(["The ball is red.", BOTH]))
    taught(arguments, family)
    before = files(tmp_path / "out")
    again = scripted(says([]))
    taught(arguments, family)
    assert again.asked == []
    assert files(tmp_path / "out") == before


def files(folder: Path) -> dict[str, bytes]:
    """Content of what a run leaves, but for its store."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "store" not in path.relative_to(folder).parts
    }


def test_a_failure_is_tried_again_and_the_rest_is_not(
    tmp_path: Path, family: Path, scripted: Any
) -> None:
    rows, texts = clean(tmp_path)
    arguments = {**write(tmp_path, rows, texts), "out": tmp_path / "out"}

    def answer(request: Request) -> str:
        return str(texts[request.task, request.item_id])

    def broken(request: Request) -> str:
        if request.task == "description" and request.item_id == "ball-2":
            raise ValueError("it broke")
        return answer(request)

    scripted(broken)
    content = taught(arguments, family)
    assert problems(content) == [("ball-2", "failed")]
    assert content["problems"][0]["detail"] == "description: ValueError: it broke"
    again = scripted(answer)
    content = taught(arguments, family)
    assert [(r.task, r.item_id) for r in again.asked] == [("description", "ball-2")]
    assert (content["kept"], content["problems"]) == (6, [])


def test_a_judge_finds_what_words_do_not_show(tmp_path: Path, family: Path, scripted: Any) -> None:
    rows, texts = clean(tmp_path)
    verdicts = {"ball-1/2": "No.", "ball-3/1": "It may be so.", "ball-4/1": "no, it is not said"}

    def verdict(request: Request) -> str:
        own = (request.task, request.item_id)
        return str(texts[own]) if own in texts else verdicts.get(request.item_id, "Yes")

    generator = scripted(verdict)
    content = report(tmp_path, rows, texts, judge=f"{family}:l", prompts="extraction")
    assert problems(content) == [("ball-1", "missed_statement"), ("ball-4", "missed_statement")]
    told = {name: content["judge"][name] for name in ("asked", "yes", "no", "unread", "failed")}
    assert told == {"asked": 12, "yes": 9, "no": 2, "unread": 1, "failed": 0}
    assert content["kept"] == 4
    (asked,) = [r for r in generator.asked if r.item_id == "ball-1/2"]
    assert str(texts["description", "ball-1"]) in asked.messages[0].text
    assert "Statement: Three small balls lie beside the large ball." in asked.messages[0].text
    assert "judge" in (tmp_path / "out" / "report.html").read_text()


def test_a_recorded_judge(tmp_path: Path) -> None:
    rows, texts = clean(tmp_path)
    lines = [
        {"stage": "judge", "id": f"ball-{n}/{k}", "text": "yes"} for n in range(6) for k in (1, 2)
    ]
    lines[3]["text"] = "no"
    (tmp_path / "judge.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines[:-1]))
    content = report(tmp_path, rows, texts, judge=f"recorded:{tmp_path / 'judge.jsonl'}")
    assert problems(content) == [("ball-1", "missed_statement")]
    assert content["judge"]["failed"] == 1


@pytest.mark.slow
def test_a_real_model_of_a_family_teaches(tmp_path: Path, family: Path) -> None:
    """Random weights of the true classes: every stage runs, and what comes out is told."""
    rows, _ = clean(tmp_path)
    arguments = {**write(tmp_path, rows[:2], {}), "teacher": f"{family}:s"}
    settings = AS_AUTHORS
    content = extract_data(**arguments, out=tmp_path / "out", settings=settings, device="cpu")
    assert content["kept"] + content["dropped"] == 2
    assert content["prompts"]["name"] == "extraction_micro"
    assert {model["role"] for model in content["teacher"]["models"]} == {"text", "vlm"}
    assert content["kinds"]["failed"] == 0
    again = extract_data(**arguments, out=tmp_path / "other", settings=settings, device="cpu")
    assert again["samples"] == content["samples"]  # sampling is seeded


def test_the_drawn_world_teaches_itself(tmp_path: Path) -> None:
    content = extract_data("micro", teacher="gold", out=tmp_path / "out", limit=60)
    # Of what a question needs, two pictures may look alike; nothing else is amiss.
    assert [(p["id"], p["kind"]) for p in content["problems"]] == [("micro-45", "duplicate")]
    assert (content["conversations"], content["kept"]) == (60, 59)
    trained = json.loads((tmp_path / "out" / "train.json").read_text())
    assert trained[0]["conversations"][0]["value"].startswith(
        "<image>\nDescribe the picture. Note "
    )
