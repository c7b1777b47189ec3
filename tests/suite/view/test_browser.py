"""The item browser and the report's explorer as a person uses them, in Chromium.

In: a run whose every text is known, served as `downscale view` serves it. Out: pages, clicked,
filtered and typed at. Skipped where there is no Chromium. axe-core, which looks for what keeps
people out, is fetched from npm by the tests' own environment: `AXE` names its file, or is skipped.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import suite
from tests.suite.told_run import surround

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not found"),
    # Playwright's own loop is closed by the interpreter after pytest has looked.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
pytest.importorskip("starlette")
playwright = pytest.importorskip("playwright.sync_api")

AXE = os.environ.get("AXE")
SIZES = ((390, "light"), (1280, "dark"), (2000, "light"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def served(told: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the run, held against another in which two answers score otherwise."""
    import uvicorn

    from suite.view.app import application
    from suite.view.runs import Runs
    from suite.view.serve import bound

    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patched:
        surround(patched, told)
        for name in ("new", "old"):
            shutil.copytree(told / "out", folder / name, ignore=shutil.ignore_patterns("asked"))
        (folder / "old" / "provenance.json").write_text("{}")
        frame = suite.load_results(folder / "new")
        for item, score in (("1", 1.0), ("0", 0.0)):
            at = (frame["cell"] == "end_to_end/P=l") & (frame["item_id"] == item)
            frame.loc[at, "score"] = score
        frame.to_parquet(folder / "old" / "records.parquet", index=False)
        listening = bound(0)
        port = listening.getsockname()[1]
        app = application(Runs(str(folder)), "", "secret", port)
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{port}/?token=secret"
        server.should_exit = True
        thread.join(10)
        listening.close()


@pytest.fixture
def page(browser: Any, served: str) -> Iterator[Any]:
    """A page that has been let in; a script error or a refused file fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    found = context.new_page()
    told: list[str] = []
    found.on("pageerror", lambda error: told.append(str(error)))
    found.on("console", lambda said: told.append(said.text) if said.type == "error" else None)
    found.goto(served)
    found.base = served.partition("/?")[0]
    yield found
    context.close()
    assert told == []


def words(page: Any) -> dict[str, str]:
    return {name: own[0] for name, own in parse_qs(urlsplit(page.url).query).items()}


def ready(page: Any, address: str) -> None:
    """Opens a page, however long the records take to read."""
    page.goto(page.base + address)
    page.wait_for_selector("main:not(:has([data-again]))", timeout=60_000)


def test_from_the_runs_to_a_number_to_its_items_to_an_item(page: Any) -> None:
    page.click("a.row >> text=new")
    page.wait_for_selector("h1:has-text('Numbers')", timeout=60_000)
    page.click("table.grid tbody tr:nth-child(1) td:nth-child(2) a")
    assert words(page) == {
        "run": "new",
        "task": "shapes",
        "cell": "decoupled/P=s/R=s/direct",
        "mark": "not right",
    }
    assert page.inner_text(".count") == "3 of 6 items."
    page.click("a.row >> nth=1")
    assert page.inner_text("h1 .id") == "2"
    assert "2 of 3" in page.inner_text(".around")
    page.click("table.grid >> nth=1 >> tbody tr:nth-child(1) td:nth-child(2) a")
    assert page.inner_text("details.answer[open] .text >> nth=-1") == "No idea."
    assert "Nothing was read" in page.inner_text("details.answer[open]")
    shown = page.evaluate("document.querySelector('.pictures img').naturalWidth")
    assert shown > 0


def test_filters_change_the_list_and_the_address_without_a_new_page(page: Any) -> None:
    ready(page, "/items?run=new")
    page.evaluate("window.same = true")
    page.select_option("select[name=mark]", "unread")
    page.wait_for_selector(".count:has-text('1 of 6')")
    assert words(page) == {"run": "new", "mark": "unread"}
    page.select_option("select[name=mark]", "")
    page.fill("input[name=said]", "l sees 3")
    page.wait_for_selector(".items li:only-child .id:text-is('3')")
    assert words(page) == {"run": "new", "said": "l sees 3"}
    assert page.evaluate("window.same")
    page.reload()  # the address alone gives the same page
    assert page.inner_text(".items .id") == "3"
    assert page.input_value("input[name=said]") == "l sees 3"


def test_the_keyboard_goes_through_lists_and_items(page: Any) -> None:
    ready(page, "/items?run=new&mark=not+right&cell=decoupled/*")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1 .id >> text=2")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("h1 .id >> text=3")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("h1 .id >> text=2")
    page.keyboard.press("Escape")
    page.wait_for_selector("#list")
    page.keyboard.press("/")
    page.keyboard.type("x")
    assert page.input_value("input[name=q]") == "x"


def test_texts_are_texts(page: Any) -> None:
    ready(page, "/item?run=new&item=shapes/1")
    text = page.inner_text("main")
    assert r"\u202edesrever\u202c" in text
    assert "\u202e" not in text
    assert page.evaluate("document.querySelectorAll('main script').length") == 0


def test_two_runs_show_only_what_changed(page: Any) -> None:
    ready(page, "/items?run=new&other=old")
    page.wait_for_selector(".count", timeout=60_000)
    assert page.inner_text(".count").startswith(
        "2 of 6 items: in all 2 changed, 1 answers gained and 1 lost against old"
    )
    page.click("a.row >> nth=0")
    assert page.inner_text(".pair h3") == "Gained: end_to_end/P=l"
    assert page.locator(".two > div").count() == 2


def test_only_who_has_the_token_and_asks_from_here_is_answered(browser: Any, served: str) -> None:
    base = served.partition("/?")[0]
    context = browser.new_context()
    page = context.new_page()
    for address in (base, f"{base}/?token=wrong", f"{base}/items?run=new"):
        assert page.goto(address).status == 403
    assert "open the address" in page.inner_text("body")
    page.goto(served)
    assert page.goto(base.replace("127.0.0.1", "localhost")).status == 403  # its own cookies
    elsewhere = context.new_page()
    elsewhere.set_content("<p>elsewhere</p>")
    script = f"fetch('{base}/items', {{credentials: 'include'}}).then(() => 1, () => 0)"
    assert elsewhere.evaluate(script) == 0
    elsewhere.set_content(f"<img src='{base}/image?run=new&item=shapes/0&n=0'>")
    elsewhere.wait_for_timeout(300)
    assert elsewhere.evaluate("document.querySelector('img').naturalWidth") == 0
    context.close()


PAGES = (
    "/",
    "/numbers?run=new",
    "/items?run=new",
    "/items?run=new&other=old",
    "/item?run=new&item=shapes/1",
    "/item?run=new&other=old&item=shapes/1",
    "/items?run=none",
)


def sized(browser: Any, width: int, scheme: str) -> Any:
    """A context of a window, whose pages take scripts of a test's own."""
    return browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_every_page_fits_and_keeps_nobody_out(
    browser: Any, served: str, width: int, scheme: str
) -> None:
    context = sized(browser, width, scheme)
    page = context.new_page()
    page.goto(served)
    page.base = served.partition("/?")[0]
    for address in PAGES:
        ready(page, address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        _keeps_nobody_out(page, address)
    context.close()


def _keeps_nobody_out(page: Any, address: str) -> None:
    if AXE:
        page.evaluate(Path(AXE).read_text(encoding="utf-8"))
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], address


@pytest.fixture(scope="module")
def report(told: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the run's report, whose figures nothing here looks at."""
    from suite.report import page as pages

    folder = shutil.copytree(told / "out", tmp_path_factory.mktemp("report") / "out")
    with pytest.MonkeyPatch.context() as patched:
        surround(patched, told)
        patched.setattr("suite.report.figures.own", lambda folder: [])
        patched.setattr("suite.report.figures.write", lambda folder, **_: [])
        return pages.write(folder).as_uri()


def test_the_report_is_an_explorer_of_its_own(browser: Any, report: str) -> None:
    page = browser.new_page()
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("console", lambda said: told.append(said.text))
    page.goto(report + "#items?mark=unread")
    assert page.inner_text("#explorer-here .count") == "1 of 6 items."
    page.click("#explorer-here a.row")
    assert page.inner_text("#explorer-here h3 .id") == "2"
    page.click("#explorer-here table.grid >> nth=1 >> tbody button >> nth=0")
    assert "No idea." in page.inner_text("#explorer-here details.answer[open]")
    page.keyboard.press("Escape")
    page.select_option("#explorer-here select[name=mark]", "")
    page.fill("#explorer-here input[name=q]", "desrever")
    page.keyboard.press("Enter")
    page.wait_for_selector("#explorer-here .count:has-text('1 of 6')")
    page.click("#explorer-here a.row")
    text = page.inner_text("#explorer-here")
    assert r"\u202edesrever\u202c" in text
    assert "\u202e" not in text
    assert told == []  # nor did the policy refuse anything
    page.close()


def test_tables_of_the_report_sort_and_filter(browser: Any, report: str) -> None:
    page = browser.new_page()
    page.goto(report)
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    table = page.locator("#tasks table").first

    def column(n: int) -> list[str]:
        return [cell.inner_text() for cell in table.locator(f"tbody td:nth-child({n})").all()]

    before = column(1)
    shares = [cell.split(" ")[0] for cell in column(2)]
    head = table.locator("th:nth-child(2)")
    for way, wanted in (
        ("descending", sorted(shares, reverse=True)),
        ("ascending", sorted(shares)),
        (None, shares),
    ):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == way
        assert [cell.split(" ")[0] for cell in column(2)] == wanted
    assert column(1) == before
    page.evaluate(
        "() => { const body = document.querySelector('#tasks tbody');"
        "while (body.rows.length < 9) body.append(body.rows[0].cloneNode(true));"
        "filterable(body.parentNode); }"
    )
    page.locator("#tasks .filter input").first.fill("END_to P=l")
    kept = [row for row in table.locator("tbody tr").all() if row.is_visible()]
    assert {row.locator("td").first.inner_text() for row in kept} == {"end_to_end/P=l"}
    told = page.locator("#tasks .filter [role=status]").first.inner_text()
    assert told == f"{len(kept)} of 9 rows"
    page.close()


def test_a_number_of_the_report_leads_to_its_items(browser: Any, report: str) -> None:
    page = browser.new_page()
    page.goto(report)
    page.click('table.heat[data-task="shapes"] td[data-cell="end_to_end/P=s"] a')
    assert page.inner_text("#explorer-here .count") == "4 of 6 items."
    page.close()


def test_the_contents_of_the_report_stay_in_sight_or_fold(browser: Any, report: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(report + "#provenance")
    link = page.locator("nav.side a[href='#words']")
    assert link.is_visible()
    assert link.bounding_box()["y"] < 900
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_selector("nav.side a[href='#words']", state="hidden")
    page.click("nav.side summary")
    link.click()
    assert not link.is_visible()
    assert page.url.endswith("#words")
    page.emulate_media(media="print")
    assert not page.locator("nav.side").is_visible()
    for folded in ("#tasks table", "pre"):  # what is long stays folded on paper
        assert not page.locator(folded).first.is_visible()
    page.close()


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_the_report_fits_and_keeps_nobody_out(
    browser: Any, report: str, width: int, scheme: str
) -> None:
    context = sized(browser, width, scheme)
    page = context.new_page()
    for place in ("", "#items?item=shapes%2F1"):
        page.goto(report + place)
        page.evaluate(
            "for (const one of document.querySelectorAll('main details')) one.open = true"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        _keeps_nobody_out(page, place)
    assert page.inner_text("#findings .lead").startswith("Seeing or thinking")
    context.close()


def test_the_report_reads_without_scripts(browser: Any, report: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report)
    assert "without scripts everything else is there" in page.inner_text("#explorer-here")
    assert page.inner_text("#cells") == "Cells"
    context.close()
