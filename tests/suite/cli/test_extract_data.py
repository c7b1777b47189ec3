"""`downscale extract-data`: what it prints, its exit codes, and the sentences of bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.suite.cli_study import call, error
from tests.suite.extraction.planted import clean, write


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The command over six clean conversations."""
    return command(tmp_path, *clean(tmp_path))


def command(folder: Path, rows: list[dict[str, Any]], texts: Any) -> list[str]:
    files = write(folder, rows, texts)
    options = ("--images", folder, "--teacher", files["teacher"], "--out", folder / "out")
    return ["extract-data", str(files["conversations"]), *map(str, options)]


def test_it_prints_the_report_and_names_the_page(words: list[str], tmp_path: Path) -> None:
    result = call(*words, "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["conversations"], told["pairs"], told["kept"], told["dropped"]) == (6, 12, 6, 0)
    assert told["dir"] == str(tmp_path / "out")
    assert "problems" not in told
    assert "description teacher.jsonl: 6 requests" in result.stderr
    assert f"see {tmp_path / 'out' / 'report.html'}" in result.stderr
    table = call(*words).stdout
    assert "lost_answer" in table
    stored = json.loads((tmp_path / "out" / "report.json").read_text())
    assert stored == {k: v for k, v in told.items() if k not in ("dir", "seconds")} | {
        "problems": [], "samples": stored["samples"],
    }  # fmt: skip


def test_a_teacher_that_fails_is_exit_code_1(tmp_path: Path) -> None:
    rows, texts = clean(tmp_path)
    del texts["statements", "ball-3"]
    del rows[0]["image"]
    result = call(*command(tmp_path, rows, texts))
    assert result.exit_code == 1
    assert "1 row without an image left out." in result.stderr
    assert (
        "The teacher failed on some rows, first on ball-3 (statements: recorded:"
        f"{tmp_path / 'teacher.jsonl'} has no text); the same command tries only those again."
    ) in result.stderr
    (problem,) = json.loads((tmp_path / "out" / "report.json").read_text())["problems"]
    assert problem["id"] == "ball-3"
    assert problem["detail"] == f"statements: recorded:{tmp_path / 'teacher.jsonl'} has no text"


def test_what_the_judge_said_is_told_and_one_that_fails_is_exit_code_1(tmp_path: Path) -> None:
    rows, texts = clean(tmp_path)
    verdicts = {f"ball-{n}/{k}": "Yes." for n in range(6) for k in (1, 2)}
    verdicts |= {"ball-0/1": "No.", "ball-1/2": "Perhaps"}
    for lost in (["ball-5/2"], []):
        lines = [{"stage": "judge", "id": id, "text": text}
                 for id, text in verdicts.items() if id not in lost]  # fmt: skip
        path = tmp_path / "judge.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        result = call(*command(tmp_path, rows, texts), "--judge", f"recorded:{path}")
        assert result.exit_code == len(lost), result.stderr
        assert (
            f"Of 12 statements the judge found {10 - len(lost)} in the descriptions and 1 not "
            f"there (neither yes nor no: 1, failed: {len(lost)})."
        ) in result.stderr
        assert "5 rows kept, 1 dropped" in result.stderr


def test_the_first_rows_and_the_kinds_that_drop(tmp_path: Path) -> None:
    rows, texts = clean(tmp_path)
    texts["description", "ball-0"] = "Some balls."
    words = command(tmp_path, rows, texts)
    for more, kept in (
        ((), 2), (("--drop", "none"), 3), (("--drop", "refusal", "--drop", "empty"), 3),
        (("--drop", "missed_statement"), 2), (("--as-authors",), 3),
        (("--as-authors", "--drop", "missed_statement"), 2), (("--longest", "3"), 0),
    ):  # fmt: skip
        told = json.loads(call(*words, "--limit", 3, "--json", *more).stdout)
        assert (told["conversations"], told["kept"]) == (3, kept), more


BAD = {
    "--drop refusl": "--drop refusl: no kind of problem is called so (did you mean 'refusal'?).",
    "--drop none --drop empty": "--drop none stands beside other kinds; give either.",
    "--limit 0": "--limit 0: give a positive number of conversations.",
    "--prompts extractio": "No prompt set is called 'extractio' in {prompts} (did you mean "
    "'extraction'?).",
    "--prompts micro": "Prompt set 'micro' has no template 'statements', which extract-data needs; "
    "add it to the set, or give the set a `base` that has it.",
    "--judge micro": "--judge micro: write it as FAMILY:SIZE, such as qwen3_vl:8b, or "
    "recorded:FILE.",
    "--judge micro:xxl": "Family 'micro' has no size 'xxl' (did you mean 'l'?).",
    "--judge recorded:{folder}/no.jsonl": "There is no file {folder}/no.jsonl of recorded texts: "
    "give JSONL with `stage`, `id` and `text`.",
}


@pytest.mark.parametrize(("more", "sentence"), BAD.items())
def test_bad_options_are_sentences(
    more: str, sentence: str, words: list[str], tmp_path: Path
) -> None:
    from suite.planning.prompts import FILE

    said = error(*words, *more.format(folder=tmp_path).split())
    assert said == sentence.format(folder=tmp_path, prompts=FILE)


TEACHERS = {
    "gold": "--teacher gold: only the drawn world knows what its pictures show; use it as "
    "`downscale extract-data micro --teacher gold --out DIR`, or name FAMILY:SIZE.",
    "smollm2:135m": "--teacher smollm2:135m: size '135m' of family 'smollm2' has no vlm model; "
    "name a size that sees.",
}


@pytest.mark.parametrize(("teacher", "sentence"), TEACHERS.items())
def test_teachers_that_cannot_teach(teacher: str, sentence: str, words: list[str]) -> None:
    words[words.index("--teacher") + 1] = teacher
    assert error(*words) == sentence


def test_folders_and_files_that_are_not_there(words: list[str], tmp_path: Path) -> None:
    assert error(*words[:2], "--images", tmp_path / "no", *words[4:]) == (
        f"--images {tmp_path / 'no'} is no folder: give the one that the images lie in."
    )
    assert error(words[0], tmp_path / "no.json", *words[2:]) == (
        f"There is no file {tmp_path / 'no.json'}: give conversations as JSON, JSONL, Parquet, or "
        "a folder of a Hugging Face data set."
    )


def test_the_example_of_its_help_runs(tmp_path: Path) -> None:
    from tests.suite.cli_study import call

    shown = call("extract-data", "--help").stdout
    line = "downscale extract-data micro --teacher gold --limit 20 --out data/micro"
    assert line in shown
    words = line.replace("data/micro", str(tmp_path / "out")).split()[1:]
    result = call(*words)
    assert result.exit_code == 0, result.stderr
    assert "20 rows kept, 0 dropped" in result.stderr


def test_nothing_that_is_read_or_of_somebody_else_is_written_over(
    words: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "train.json").write_text("[1]")
    assert error(*words) == (
        f"--out {out} holds train.json, which no run of extract-data has written; choose another "
        "folder."
    )
    (out / "report.json").write_text('{"study": "another"}')
    assert "holds report.json, which no run" in error(*words)
    assert (out / "train.json").read_text() == "[1]"

    data = tmp_path / "set" / "data"
    data.mkdir(parents=True)
    for source, folder in (
        (data, data.parent), (data, data / "more"), (data / "train.parquet", data.parent),
        (data.parent / "train.json", data.parent), (data.parent, data.parent),
    ):  # fmt: skip
        said = error(words[0], source, *words[2:-1], folder)
        assert said == (
            f"--out {folder} would be written over {source}, which is read; choose another folder."
        )
    words[-1] = str(tmp_path)  # beside what is read
    assert call(*words).exit_code == 0
    assert call(*words).exit_code == 0
    assert len((tmp_path / "teacher.jsonl").read_text().splitlines()) == 18
