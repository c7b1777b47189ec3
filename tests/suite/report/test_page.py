"""The page as a whole: self-contained, well formed, with every number that it must tell.

In: a run of simulated records. Out: report.html, read as a browser reads it.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from analyses.registry import FIGURES
from suite.report import glossary, page, summary, tables
from tests.analyses.simulate import World, simulate


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


def test_the_page_is_self_contained_and_well_formed(drawn: Path) -> None:
    page = Page()
    page.feed((drawn / "report.html").read_text(encoding="utf-8"))
    assert page.open == []
    figures = [a for a in page.addresses if a.startswith("data:image/svg+xml,")]
    pictures = [a for a in page.addresses if re.match("data:image/(png|jpeg|webp);", a)]
    anchors = [a for a in page.addresses if a.startswith("#")]
    files = [a for a in page.addresses if a.startswith("figures/")]
    assert len(figures) == len(FIGURES) - 2  # no item has a second answer, none another perceiver
    assert len(pictures) > 0
    assert len(figures) + len(pictures) + len(anchors) + len(files) == len(page.addresses)
    assert len(files) == 3 * len(figures)
    assert all((drawn / file).is_file() for file in files)
    assert len(page.alternatives) == len(figures) + len(pictures)
    assert all(page.alternatives)
    assert {anchor[1:] for anchor in anchors} <= page.names
    text = (drawn / "report.html").read_text(encoding="utf-8")
    assert page.tags.count("script") == 3  # the page's own, data, and what shows them
    scripts = re.findall(r'<script(?: type="module")?>(.*?)</script>', text, re.S)
    digests = [base64.b64encode(hashlib.sha256(own.encode()).digest()) for own in scripts]
    policy = " ".join(f"'sha256-{digest.decode()}'" for digest in digests)
    assert f"script-src {policy};" in text
    assert "link" not in page.tags


def test_the_page_says_what_it_must(drawn: Path) -> None:
    text = (drawn / "report.html").read_text(encoding="utf-8")
    frame = pd.read_parquet(drawn / "records.parquet")
    assert "<h1>Tiny &lt;study&gt;</h1>" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; A &amp; B" in text
    assert f"<dt>failed</dt><dd>{int(frame['failed'].sum())}</dd>" in text
    assert f"<dt>answers</dt><dd>{len(frame):,}</dd>" in text
    assert "The image could not be read" in text
    read = frame[~frame["failed"]]
    lost = int((~read["parsed"]).sum())
    rate = f"{100 * lost / len(read):.1f}\N{NO-BREAK SPACE}%"
    plain = re.sub(r"</?a\b[^>]*>", "", text)
    assert f"<dt>unparsed</dt><dd>{lost:,} <small>({rate})</small></dd>" in plain
    assert f"<dt>clusters</dt><dd>{frame['image_id'].nunique():,}</dd>" in plain
    assert "Guessing baselines" in text
    assert '<td class="n">0.310</td>' in text
    assert "weights aaaaaaaaaaaa…" in text
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text, re.S)
    assert len(captions) == text.count("<figure ") > 0
    for caption in captions:
        assert "n = " not in caption  # it stands in the figure, with the intervals
        assert "95 %" not in caption
    for cell in frame["cell"].unique():
        assert f'<td class="code">{cell}</td>' in text


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


@pytest.mark.slow
def test_a_run_without_provenance_or_with_few_rows_has_a_page(tmp_path: Path) -> None:
    frame = simulate(World(tasks=("ocr",), items=1, star=False, failed=1.0))
    frame.to_parquet(tmp_path / "records.parquet", index=False)
    text = page.write(tmp_path).read_text(encoding="utf-8")
    assert "The run directory holds no provenance.json." in text
    undrawn = "Not drawn, because the study has no cells or answers for them: "
    assert f"{undrawn}{FIGURES['perceivers'].title}; {FIGURES['seeds'].title}.</p>" in text
    assert re.findall(r"\bnan\b", re.sub(r"base64,[^\"]*", "", text), re.IGNORECASE) == []


def test_figures_without_rows_are_named_and_left_out(tmp_path: Path) -> None:
    frame = simulate(World(tasks=("ocr",), items=3, star=False))
    frame[frame["cell"] == "text_only/R=l"].to_parquet(tmp_path / "records.parquet", index=False)
    text = page.write(tmp_path).read_text(encoding="utf-8")
    assert "The grid of perception and reasoning sizes; Degradation end to end" in text
    # What any answer gives is drawn: whether both scorers agree on it.
    assert re.findall(r'<figure id="figure-(\w+)">', text) == ["agreement"]
    assert text.count("<img") == 1


def test_the_page_opens_with_the_answer(drawn: Path) -> None:
    """Before every table and figure, each sentence with a link to where its number is, and tasks by
    the names that the page has for them."""
    text = (drawn / "report.html").read_text(encoding="utf-8")
    table = tables.read(drawn, "findings")
    opening = text[text.index("<main") : text.index("<dl")]
    named = page._renamer(summary.names_of(pd.read_parquet(drawn / "records.parquet")))
    headlines = table[table["headline"]]
    assert headlines["kind"].iloc[0] == "seeing_or_thinking"
    for said in table["sentence"]:
        assert named(said) in html.unescape(opening)
    links = re.findall(r'<a href="#([\w-]+)">', opening.partition("</section>")[0])
    assert len([link for link in links if link != "warnings"]) == len(table)
    assert ("warnings" in links) == bool(headlines["warns"].iloc[1:].any())
    assert all(f'id="{link}"' in text for link in links)


def test_a_look_says_so_wherever_it_is_read(drawn: Path, tmp_path: Path) -> None:
    """provenance.json keeps the limit of the command line."""
    frame = pd.read_parquet(drawn / "records.parquet")
    frame = frame[frame["cell"].isin(["end_to_end/P=xs", "end_to_end/P=l"])]
    frame.to_parquet(tmp_path / "records.parquet", index=False)
    known = json.loads((drawn / "provenance.json").read_text())
    (tmp_path / "provenance.json").write_text(json.dumps(known | {"limit": 4}))
    look = "A look: 4 items a task or category, nothing can be concluded."
    table = tables.analyse(tmp_path, "findings", draws=50)
    assert table["sentence"].iloc[0] == look
    assert table["warns"].all()
    (tmp_path / "provenance.json").write_text(json.dumps(known))
    assert look not in tables.analyse(tmp_path, "findings", draws=50)["sentence"].tolist()


def test_one_name_for_one_task() -> None:
    frame = pd.DataFrame({"task": ["micro_ocr", "micro_star", "micro_star"]})
    names = summary.names_of(frame)
    assert (names["micro_ocr"], names["micro_star"]) == ("ocr", "star")
    said = page._renamer(names)("micro_ocr falls (micro_star), micro_ocr2 and a/micro_ocr do not.")
    assert said == "ocr falls (star), micro_ocr2 and a/micro_ocr do not."


def test_words_lead_to_what_they_mean() -> None:
    said = glossary.linked("Cells & a <leak>: a cell, above chance, excellent.")
    assert said == (
        '<a class="term" href="#word-cell">Cells</a> &amp; a &lt;'
        '<a class="term" href="#word-leak">leak</a>&gt;: a cell, '
        '<a class="term" href="#word-above-chance">above chance</a>, excellent.'
    )
    assert glossary.linked("excellent") == "excellent"


def test_leaks_are_marked_and_nothing_is_read_as_markup() -> None:
    said = page.marked("<b> The answer is (B), not \u202eB.", ["(B)"])
    assert said == '&lt;b&gt; The answer is <mark title="a leak">(B)</mark>, not \\u202eB.'
    assert page.marked("as it is", []) == "as it is"
    environment = page.templates()
    assert environment.from_string("{{ text }}").render(text="\u202e<\x00\n") == "\\u202e&lt;\\x00"


def test_long_texts_fold_and_are_whole() -> None:
    told = page.templates().get_template("parts.html.jinja").module.told
    long = " ".join(f"word{n}" for n in range(100))
    text = told(long)
    assert f'<div class="text">{long}</div>' in text
    assert text.startswith('<details class="fold"><summary><span class="start">word0 ')
    assert "word40" not in text.partition("</summary>")[0]
    assert "<details" not in told("short")
