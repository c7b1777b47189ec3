"""The history of a run directory, held against what happened to it."""

from __future__ import annotations

from typing import Any

from suite.report import facts as shown
from suite.runs import history

VERSIONS: dict[str, Any] = {"versions": {}, "machine": {}}
NOTHING = {"planned": 9, "distinct": 9, "generated": 0, "cached": 9, "failed": 0, "coincided": 0}
ANSWERS = NOTHING | {"generated": 5}
GPU = {"device": "cuda:0", "name": "H100"}


class Folder:
    """A run directory in memory, through commands that end, are killed, or only draw."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}

    def command(
        self,
        started: str,
        ended: str | None,
        requests: dict[str, int],
        commit: str = "a",
        devices: list[dict[str, str]] | None = None,
    ) -> None:
        """`ended` None: killed; `devices` None: before a model was loaded."""
        facts = {"started": started, "ended": None, "commit": commit, **VERSIONS}
        runs = history.earlier(self.facts)
        this = history.entry(facts, "auto", ["float32"])
        if devices is not None:
            this |= {"devices": devices, "processes": len(devices), "threads": 2}
        facts["runs"] = [*runs, this]
        if ended:
            facts["ended"] = ended
            facts["runs"] = history.closed(this, runs, ended, requests)
        self.facts = facts


def test_versions_are_those_of_the_runs_that_generated() -> None:
    def run(requests: dict[str, int], **versions: str | None) -> dict[str, Any]:
        return {"ended": "1", "requests": requests, "versions": versions}

    runs = [run(ANSWERS, torch="1", vllm="7", ray=None), run(ANSWERS, torch="2", ray=None)]
    facts = {"runs": [*runs, run(NOTHING, torch="3")], "versions": {"torch": "3"}}
    assert history.versions(facts) == {"torch": "2", "vllm": "7", "ray": None}
    assert shown.groups(facts)["Versions"] == [("torch", "2"), ("vllm", "7")]
    assert history.versions({"versions": {"torch": "3"}}) == {"torch": "3"}


def told(folder: Folder) -> dict[str, str]:
    return dict(shown.groups(folder.facts)["Made"])


def test_a_redraw_is_its_own_line_and_changes_no_other() -> None:
    folder = Folder()
    folder.command("1", "2", ANSWERS, "a", [GPU, GPU])
    folder.command("3", "4", ANSWERS | {"generated": 1200}, "b", [GPU])
    before = told(folder)
    assert before == {
        "generated from": "1",
        "generated until": "4",
        "by commit": "a, b",
        "requests generated": "1,205 by 2 runs",
        "device": "2 × cuda:0 (H100); cuda:0 (H100)",
        "number format": "float32",
        "processes": "2; 1",
        "threads of each": "2",
    }
    folder.command("5", "6", NOTHING, "c")
    assert len(folder.facts["runs"]) == 2
    assert told(folder) == before | {"drawn again": "5, by commit c"}


def test_a_killed_run_stays_and_a_killed_redraw_does_not() -> None:
    folder = Folder()
    folder.command("1", None, NOTHING, "a", [GPU])
    assert told(folder)["generated until"] == "the last run did not come to its end"
    folder.command("2", "3", NOTHING, "b")
    assert [run["started"] for run in folder.facts["runs"]] == ["1", "2"], "it had to be finished"
    folder.command("4", None, NOTHING)
    folder.command("5", "6", ANSWERS, "c", [GPU])
    assert [run["started"] for run in folder.facts["runs"]] == ["1", "2", "5"]
    assert told(folder)["requests generated"] == "5 by 1 run, more by 1 that did not end"
    assert history.span(folder.facts) == {"started": "1", "ended": "6", "commits": ["a", "c"]}


def test_a_run_killed_after_its_last_answer_ends_with_the_command_that_found_nothing_left() -> None:
    folder = Folder()
    folder.command("1", None, NOTHING, "a", [GPU])
    folder.command("2", "3", NOTHING, "b")
    assert history.span(folder.facts) == {"started": "1", "ended": "3", "commits": ["a"]}
    assert told(folder)["generated until"] == "3"
    folder.command("4", "5", NOTHING, "c")
    assert history.span(folder.facts)["ended"] == "3", "drawing again generates nothing"
    folder.command("6", None, NOTHING, "d", [GPU])
    assert history.span(folder.facts)["ended"] is None, "another was killed after that"


def test_answers_of_a_shared_store_have_the_run_that_read_them() -> None:
    folder = Folder()
    folder.command("1", "2", NOTHING)
    assert told(folder)["generated until"] == "2"
    assert told(folder)["device"] == "auto"


def test_an_older_history_has_what_it_has() -> None:
    old = {"started": "1", "ended": "2", "requests": ANSWERS, "device": "auto", "commit": "a"}
    facts = {"started": "8", "ended": "9", "commit": "b", "runs": [old]}
    assert dict(shown.groups(facts)["Made"]) == {
        "generated from": "1",
        "generated until": "2",
        "by commit": "a",
        "requests generated": "5 by 1 run",
        "device": "auto",
        "drawn again": "8, by commit b",
    }
    assert shown.groups({}) == {"Made": [], "Machine": [], "Versions": []}
