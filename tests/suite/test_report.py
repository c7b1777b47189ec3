"""Tables, figures, the page and the commands, on a run directory of simulated records."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import shutil
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from analyses.agreement import differing as differing_rows
from analyses.cells import cells
from analyses.registry import ANALYSES, FIGURES, ROWS, load_rows
from suite import run_items
from suite.cli import cli
from suite.errors import SuiteError
from suite.items import Item, ItemSet
from suite.report import (
    differing,
    figures,
    lost,
    others,
    page,
    pictures,
    samples,
    tables,
    write_figures,
    write_report,
    write_tables,
)
from tests.analyses.simulate import World, simulate

TINY = World(tasks=("ocr", "knowledge", "counting"), items=4, failed=0.02)


TEXT = "<script>alert(1)</script> A & B"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; the tests only read it."""
    folder = tmp_path_factory.mktemp("run")
    frame = simulate(TINY)
    frame["text"] = frame["text"].where(frame["text"].isna(), TEXT)
    # lmms-eval misses some right answers to `counting`, and reads one that the suite cannot.
    counting = frame.index[(frame["task"] == "counting") & (frame["score"] == 1)]
    frame.loc[counting[:40], "lmms_score"] = 0.0
    frame.loc[frame.index[~frame["parsed"] & ~frame["failed"]][:1], "lmms_score"] = 1.0
    frame.to_parquet(folder / "records.parquet", index=False)
    content = {
        "study": {"study": "tiny", "title": "Tiny <study>"},
        "family": {"name": "micro", "title": "Micro"},
        "seed": 0,
        "ended": "2026-01-02T03:04:05+00:00",
        "versions": {"python": "3.11"},
        "models": [{"model": "l", "role": "text", "fingerprint": {"weights": "a" * 64}}],
    }
    (folder / "provenance.json").write_text(json.dumps(content))
    (folder / "tables").mkdir()
    (folder / "tables" / "baselines.csv").write_text("task,guessing,n\nocr,0.31,4\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_items, "cached", asked)
        write_report(folder)
    return folder


def png(size: tuple[int, int], noise: bool = False) -> bytes:
    """A picture; `noise` makes one that does not compress."""
    buffer = io.BytesIO()
    image = Image.effect_noise(size, 90).convert("RGB") if noise else Image.new("RGB", size, "red")
    image.save(buffer, "PNG")
    return buffer.getvalue()


PICTURES = {"small": png((40, 30)), "large": png((1600, 900), noise=True), "none": b"no image"}


def asked(folder: Path, names: Iterable[str]) -> tuple[dict[str, ItemSet], dict[str, str]]:
    """What the item cache has: the items of `ocr`, with words that would break a careless page."""
    items = tuple(
        Item(
            task="ocr",
            item_id=item_id,
            question='What <script>alert("q")</script> & "quotes"?',
            options=("<b>one</b>", "two", "three", "four"),
            answer="A",
            category="",
            images=("small", "large", "none", "small", "small", "small"),
            image_id="i",
            gold_description='A "red" <square>',
        )
        for item_id in simulate(TINY)["item_id"].unique()
    )
    return {"ocr": ItemSet("ocr", items, PICTURES)}, {"knowledge": "The items are <gone>."}


def test_every_table_and_figure_is_there(run: Path) -> None:
    for name in ANALYSES:
        assert (run / "tables" / f"{name}.csv").stat().st_size > 0
    for name in FIGURES:
        for kind in (*figures.FORMATS, "csv"):
            assert (run / "figures" / f"{name}.{kind}").stat().st_size > 0
    assert (run / "figures" / "grid.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_tables_are_read_as_they_were_computed(run: Path) -> None:
    ours = cells(pd.read_parquet(run / "records.parquet"))
    read = tables.read(run, "cells")
    assert read["accuracy"].to_numpy() == pytest.approx(
        ours["accuracy"].to_numpy(), abs=1e-6, nan_ok=True
    )
    assert read["cell"].tolist() == ours["cell"].tolist()
    assert read["group"].notna().tolist() == ours["group"].notna().tolist()


def test_single_items_and_answers_stand_beside_the_tables(run: Path) -> None:
    frame = pd.read_parquet(run / "records.parquet")
    for name in ROWS:
        ours, read = load_rows(name)(frame), tables.read(run, name)
        assert len(read) == len(ours) > 0
        assert read.columns.tolist() == ours.columns.tolist()
        assert read["item_id"].tolist() == ours["item_id"].tolist()
    assert tables.read(run, "agreement_differing")["text"].iloc[0] == TEXT
    assert set(tables.read(run, "quanta_items")["emerges"]) <= {"xs", "s", "m", "l", "never"}


def test_sizes_that_look_like_numbers_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("size,estimate\n8,1\n,2\n06,\n")
    assert tables.read_csv(path)["size"].tolist()[::2] == ["8", "06"]


def test_nothing_is_made_again_while_records_are_unchanged(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(tables, "load_analysis", fail)
    monkeypatch.setattr(figures, "save", fail)
    monkeypatch.setattr(tables, "load_rows", fail)
    assert len(write_tables(run)) == len(ANALYSES) + len(ROWS)
    assert len(write_figures(run)) == 4 * len(FIGURES)


def test_changed_records_are_noticed(run: Path, tmp_path: Path) -> None:
    frame = pd.read_parquet(run / "records.parquet")
    small = frame[frame["method"] == "end_to_end"]
    small.to_parquet(tmp_path / "records.parquet", index=False)
    write_tables(tmp_path)
    first = tables.read(tmp_path, "cells")
    small.assign(score=1.0).to_parquet(tmp_path / "records.parquet", index=False)
    write_tables(tmp_path)
    assert (tables.read(tmp_path, "cells")["accuracy"] == 1).all()
    assert not (first["accuracy"] == 1).all()


class Page(HTMLParser):
    """Every address and tag of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.names: set[str] = set()
        self.alternatives: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.names |= {value or "" for name, value in attrs if name == "id"}
        self.alternatives += [value or "" for name, value in attrs if name == "alt"]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"


def test_the_page_is_self_contained_and_well_formed(run: Path) -> None:
    page = Page()
    page.feed((run / "report.html").read_text(encoding="utf-8"))
    assert page.open == []
    figures = [a for a in page.addresses if a.startswith("data:image/svg+xml;base64,")]
    pictures = [a for a in page.addresses if a.startswith(("data:image/png;", "data:image/jpeg;"))]
    anchors = [a for a in page.addresses if a.startswith("#")]
    assert len(figures) == len(FIGURES) - 1  # no item has a second answer
    assert len(pictures) > 0
    assert len(figures) + len(pictures) + len(anchors) == len(page.addresses)
    assert len(page.alternatives) == len(figures) + len(pictures)
    assert all(page.alternatives)
    assert {anchor[1:] for anchor in anchors} <= page.names
    assert "script" not in page.tags
    assert "link" not in page.tags


def test_the_page_says_what_it_must(run: Path) -> None:
    text = (run / "report.html").read_text(encoding="utf-8")
    frame = pd.read_parquet(run / "records.parquet")
    assert "<h1>Tiny &lt;study&gt;</h1>" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; A &amp; B" in text
    assert f"<dt>failed</dt><dd>{int(frame['failed'].sum())}</dd>" in text
    assert f"<dt>answers</dt><dd>{len(frame):,}</dd>" in text
    assert "The image could not be read" in text
    read = frame[~frame["failed"]]
    lost = int((~read["parsed"]).sum())
    rate = f"{100 * lost / len(read):.1f}\N{NO-BREAK SPACE}%"
    assert f"<dt>unparsed</dt><dd>{lost:,} <small>({rate})</small></dd>" in text
    assert f"<dt>clusters</dt><dd>{frame['image_id'].nunique():,}</dd>" in text
    assert "Guessing baselines" in text
    assert "<td>0.310</td>" in text
    assert "weights aaaaaaaaaaaa…" in text
    for caption in re.findall(r"<figcaption>(.*?)</figcaption>", text, re.S):
        assert "n = " in caption
        assert "95 %" in caption
    for cell in frame["cell"].unique():
        assert f'<td class="code">{cell}</td>' in text


def test_every_analysis_is_on_the_page(run: Path) -> None:
    """By a figure; some as a table too, whose numbers are those of its CSV."""
    text = html.unescape((run / "report.html").read_text(encoding="utf-8"))
    told = {
        part["name"]: part
        for part in others.sections(run, pd.read_parquet(run / "records.parquet"))
    }
    assert {spec.analysis for spec in FIGURES.values()} == set(ANALYSES) - {"cells"}
    assert set(told) == {"marginal", "agreement", "power"}  # no item has a second answer
    for name, part in told.items():
        assert f"<summary>{part['title']} <small>({name})</small></summary>" in text
        wanted = tables.read(run, name)
        wanted = wanted[wanted["group"].isna()]
        means = wanted["task"].isin(("in_domain", "in_domain_shared"))
        wanted = wanted[means | (wanted["domain"] != "in_domain")]
        at = part["columns"].index("estimate")
        assert [row[at] for row in part["rows"]] == [
            None if pd.isna(value) else value for value in wanted["estimate"]
        ]


def part_of(run: Path, name: str) -> dict[str, Any]:
    frame = pd.read_parquet(run / "records.parquet")
    return next(part for part in others.sections(run, frame) if part["name"] == name)


def test_rows_of_the_tables_can_be_told_apart(run: Path) -> None:
    for part in others.sections(run, pd.read_parquet(run / "records.parquet")):
        names = [n for n, column in enumerate(part["columns"]) if column not in part["numbers"]]
        labels = [tuple(row[n] for n in names) for row in part["rows"]]
        assert len(set(labels)) == len(labels), part["name"]
        assert not any("_" in str(word) for label in labels for word in label)
    assert "module that shrinks" in part_of(run, "power")["headings"]


def test_a_rule_has_the_number_of_answers_that_it_read(run: Path) -> None:
    frame = pd.read_parquet(run / "records.parquet")
    part = part_of(run, "agreement")
    at = {name: n for n, name in enumerate(part["columns"])}
    assert "n" not in at
    domain = frame[(frame["domain"] == "in_domain") & frame["lmms_score"].notna()]
    read = domain[~domain["failed"] & domain["parsed"]]["rule"].value_counts()
    told = {
        row[at["rule"]]: row[at["answers"]]
        for row in part["rows"]
        if row[at["quantity"]] == "share of the answers" and row[at["rule"]] != "unparsed"
    }
    assert told == {rule.replace("_", " "): count for rule, count in read.items()}
    assert len(told) > 0


def test_what_does_not_differ_has_no_p() -> None:
    rows = pd.DataFrame(
        {
            "task": ["a", "b"],
            "group": None,
            "quantity": "difference",
            "estimate": [0.0001, 0.0101],
            "low": [0.00005, 0.01],
            "high": [0.0002, 0.0102],
            "p": [1e-6, 1e-6],
        }
    )
    found = others._content("agreement", rows)
    assert [row[-1] for row in found["rows"]] == [None, 1e-6]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (True, "yes"),
        (False, "no"),
        (7, "7"),
        (3000, "3,000"),
        (0.25, "0.250"),
        (1.0, "1.000"),
        (-0.25, "\N{MINUS SIGN}0.250"),
        (-0.0001, "0.000"),
    ],
)
def test_values_of_unknown_tables(value: object, text: str) -> None:
    assert page.plain(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.0004, "<0.001"), (0.0005, "0.001"), (0.25, "0.250")]
)
def test_p_values_of_the_page(value: object, text: str) -> None:
    assert page.p_value(value) == text


def test_samples_show_what_was_asked(run: Path) -> None:
    text = (run / "report.html").read_text(encoding="utf-8")
    assert "What &lt;script&gt;alert(&#34;q&#34;)&lt;/script&gt; &amp; &#34;quotes&#34;?" in text
    assert '<span class="gold">A. &lt;b&gt;one&lt;/b&gt; (gold)</span>' in text
    assert re.search(r'alt="Image 1 of 6 of item \S+: A &#34;red&#34; &lt;square&gt;"', text)
    assert "An image of this item cannot be shown." in text
    assert "2 more." in text
    assert "Questions and images are missing below: The items are &lt;gone&gt;." in text


def test_pictures_are_small_and_bounded() -> None:
    album = pictures.Album()
    assert album.address(PICTURES["none"]) is None
    assert album.address(PICTURES["small"]) == (
        "data:image/png;base64," + base64.b64encode(PICTURES["small"]).decode()
    )
    large = album.address(PICTURES["large"])
    assert large is not None
    assert large.startswith("data:image/jpeg;base64,")
    content = base64.b64decode(large.partition(",")[2])
    assert len(content) <= pictures.LARGEST
    assert max(Image.open(io.BytesIO(content)).size) == pictures.SIDE
    few = pictures.Album(budget=len(content))
    assert few.address(PICTURES["large"]) == large
    assert few.address(PICTURES["small"]) is None


def test_a_picture_with_transparency_is_laid_on_white() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (400, 400), (255, 0, 0, 0)).save(buffer, "PNG")
    small = pictures.shrunk(buffer.getvalue())
    assert small is not None
    assert Image.open(io.BytesIO(small)).getpixel((5, 5)) == (255, 255, 255)


def test_samples_are_right_and_wrong_and_fixed() -> None:
    frame = simulate(TINY)
    chosen = samples.choose(frame)
    assert {row["right"] for row in chosen} == {True, False}
    assert any(row["description"] for row in chosen)
    assert any(row["thinking_text"] for row in chosen)
    assert chosen == samples.choose(frame.sample(frac=1, random_state=1))


def test_a_run_without_provenance_or_with_few_rows_has_a_page(tmp_path: Path) -> None:
    frame = simulate(World(tasks=("ocr",), items=1, star=False, failed=1.0))
    frame.to_parquet(tmp_path / "records.parquet", index=False)
    text = write_report(tmp_path).read_text(encoding="utf-8")
    assert "The run directory holds no provenance.json." in text
    undrawn = "Not drawn, because the study has no cells or answers for them: "
    assert f"{undrawn}{FIGURES['seeds'].title}.</p>" in text
    assert "nan" not in re.sub(r"base64,[^\"]*", "", text).lower().split()


def test_figures_without_rows_are_named_and_left_out(tmp_path: Path) -> None:
    frame = simulate(World(tasks=("ocr",), items=3, star=False))
    frame[frame["cell"] == "text_only/R=l"].to_parquet(tmp_path / "records.parquet", index=False)
    text = write_report(tmp_path).read_text(encoding="utf-8")
    assert "The grid of perception and reasoning sizes; Degradation end to end" in text
    # What any answer gives is drawn: whether both scorers agree on it.
    assert re.findall(r'<figure id="figure-(\w+)">', text) == ["agreement"]
    assert text.count("<img") == 1


def test_missing_and_broken_records_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        write_tables(tmp_path)
    assert str(caught.value) == (
        f"There are no results in {tmp_path}: it has no records.parquet. Give the directory of a "
        "finished `downscale run`, such as runs/micro."
    )
    (tmp_path / "records.parquet").write_bytes(b"no parquet")
    with pytest.raises(
        SuiteError, match=r"records.parquet cannot be read \(.*run the study again,"
    ):
        write_tables(tmp_path)
    simulate(TINY).drop(columns="leak").to_parquet(tmp_path / "records.parquet", index=False)
    with pytest.raises(SuiteError, match=r"not of this version .*no column 'leak'.*run the study"):
        write_tables(tmp_path)


def invoke(*words: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of the command line."""
    result = CliRunner().invoke(cli, list(words))
    return result.exit_code, result.stdout, result.stderr


def test_analyze_prints_rows_as_json(run: Path) -> None:
    code, out, _ = invoke("analyze", "degradation", str(run), "--json", "--draws", "100")
    rows = json.loads(out)
    assert code == 0
    drop = [r for r in rows if r["quantity"] == "drop" and r["task"] == "ocr"]
    assert {r["method"] for r in drop} == {"end_to_end", "blind", "text_only", "oracle"}
    assert drop[0]["group"] is None


def test_analyze_prints_a_table_and_names_what_there_is(run: Path) -> None:
    code, out, _ = invoke("analyze", "cells", str(run), "--draws", "100")
    assert code == 0
    assert "decoupled/P=l/R=l/think" in out
    code, _, told = invoke("analyze", "degredation", str(run))
    assert code == 2
    assert "There is no analysis called degredation; there are cells, degradation," in told


def test_analyze_says_which_argument_is_missing(run: Path) -> None:
    code, _, told = invoke("analyze", str(run))
    assert code == 2
    assert f"Missing argument 'NAME' before {run}: one of cells, degradation," in told
    code, _, told = invoke("analyze", "cells")
    assert code == 2
    assert "Missing argument 'DIR': the directory of a run, after cells." in told


def test_some_figures_are_drawn_alone_and_leave_the_others_due(run: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    shutil.copy(run / "records.parquet", own)
    code, out, told = invoke("figures", str(own), "thinking")
    assert code == 0
    names = [f"thinking.{kind}" for kind in (*figures.FORMATS, "csv")]
    assert out.split() == [str(own / "figures" / name) for name in names]
    assert "4 files in" in told
    assert sorted(path.name for path in (own / "figures").iterdir()) == sorted(names)
    code, _, told = invoke("figures", str(own), "thinkin")
    assert code == 2
    assert "There is no figure called 'thinkin' (did you mean 'thinking'?)." in told


def test_help_lists_the_analyses_and_the_figures() -> None:
    for command, names in (("analyze", ANALYSES), ("figures", FIGURES)):
        code, out, _ = invoke(command, "--help")
        assert code == 0
        assert [name for name in names if f"\n    {name} " not in out] == []


def test_figures_and_report_print_their_files(run: Path) -> None:
    code, out, _ = invoke("figures", str(run))
    assert code == 0
    assert str(run / "figures" / "overview.svg") in out.split("\n")
    code, out, _ = invoke("report", str(run), "--json")
    assert (code, json.loads(out)) == (0, {"report": str(run / "report.html")})


def test_answers_that_two_scorers_tell_apart_are_shown_and_counted(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.read_parquet(run / "records.parquet")
    every = differing_rows(frame)
    apart = int((frame["score"] != frame["lmms_score"])[~frame["failed"]].sum())
    assert apart == 41
    monkeypatch.setattr(differing, "MOST", 3)
    found = differing.examples(frame, run)
    assert (found["texts"], found["answers"]) == (len(every), apart)
    assert len(every) > len(found["rows"]) == 3
    # The one of its rule is among them, though the other rule has enough to fill the page.
    rules = [row["rule"] for row in found["rows"]]
    assert sorted(rules) == ["letter", "letter", "unparsed"]
    long = frame.assign(text="x" * 1000)
    assert {len(row["text"]) for row in differing.examples(long, run)["rows"]} == {308}
    same = frame.assign(lmms_score=frame["score"])
    assert differing.examples(same, run) == {"rows": [], "texts": 0, "answers": 0}
    text = (run / "report.html").read_text(encoding="utf-8")
    assert f"tell apart: {len(every)} of them, in {apart} answers" in text
    assert "All are in tables/agreement_differing.csv." in text


def test_lost_items_are_shown_with_the_answers_of_the_four_corners(run: Path) -> None:
    frame = pd.read_parquet(run / "records.parquet")
    rows = lost.examples(frame, run)
    assert {row["class"] for row in rows} >= {
        "larger perception alone mends it",
        "only both larger modules mend it",
    }
    for row in rows:
        assert len(row["answers"]) == 5
        corners = [answer["read"] == row["answer"] for answer in row["answers"]]
        assert corners[:4] == [answer["right"] for answer in row["answers"][:4]]
        assert row["item"] is None  # the run has no cached items
    text = (run / "report.html").read_text(encoding="utf-8")
    assert '<h2 id="lost">' in text
    assert "no pairing does; after thinking." in text
    direct = frame[~frame["thinking"]]
    assert lost.mode(direct) == "answering directly"
    assert lost.examples(frame[frame["method"] == "end_to_end"], run) == []
