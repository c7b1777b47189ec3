"""People's words in figures: any script, any length, drawn as they are written."""

from __future__ import annotations

import unicodedata
import warnings
import zlib
from collections.abc import Iterator

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from analyses.figures.parts import fonts, style
from analyses.registry import FIGURES, load_analysis, load_figure
from tests.analyses.simulate import World, simulate

LONG = "Qwen3-{}-Instruct-2507"
SIZES = {"xs": LONG.format("0.6B"), "s": LONG.format("1.7B"), "m": LONG.format("4B"), "l": "big"}
TASKS = {"ocr": "عربي", "attribute": "$x_1$ & 50% \\alpha{", "relation": "é̂ ナ" + "x" * 300}
CATEGORIES = (
    "颜色",
    "🏳️‍🌈 flag",
    "$\\frac{1}{2",
    "100% & <b>",
    "y" * 300,
    "y" * 150 + "z" + "y" * 149,
)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    found = simulate(World(tasks=tuple(TASKS), items=8))
    found["task"] = found["task"].replace(TASKS)
    categories = filter(None, found["category"].unique())
    found["category"] = found["category"].replace(dict(zip(categories, CATEGORIES)))
    for module in ("perception", "reasoning"):
        found[module] = found[module].replace(SIZES)
    return found.assign(family="Qwen_$3$ 模型")


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a process that has said nothing yet."""
    monkeypatch.setattr(fonts, "_told", set())
    with warnings.catch_warnings():
        yield


def texts(figure: Figure) -> set[str]:
    found = (text for text in figure.findobj(Text) if isinstance(text, Text))
    return {text.get_text() for text in found if text.get_visible()}


def drawn(frame: pd.DataFrame, name: str) -> tuple[Figure, list[str]]:
    """The figure, saved in its three forms, and what was warned of."""
    module = load_figure(name)
    table = load_analysis(FIGURES[name].analysis)(frame, draws=100)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure = module.draw(module.select(table))
        style.encoded(figure, name)
    said = [str(warning.message) for warning in caught]
    return figure, [line for line in said if not line.startswith("This matplotlib writes")]


def test_words_of_any_script_are_drawn_as_they_are_written(frame: pd.DataFrame) -> None:
    figure, said = drawn(frame, "decoupling")
    found = texts(figure)
    assert {"عربي", "$x 1$ & 50% \\alpha{", "· 颜色", "· 100% & <b>", "· $\\frac{1}{2"} <= found
    assert {"· yyyyyyyyyyyy…yyyyyyyyyyy", "· yyyyyyyyyyyy…yyyyyyyyyyy #2"} <= found
    lacking = fonts.families("".join((*CATEGORIES, *TASKS.values(), "模型")))[1]
    assert said == ([told(lacking)] if lacking else []), "one sentence, no raw warning"


def told(letters: str) -> str:
    return (
        f"No font on this machine has {letters}: figures show boxes in their place. Install one "
        "that has (the Noto fonts have every script) and draw them again."
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_takes_any_words(frame: pd.DataFrame, name: str) -> None:
    _, said = drawn(frame, name)
    assert [line for line in said if not line.startswith("No font on this machine")] == []
    assert len(said) <= 1


def test_sizes_lose_the_words_that_they_share(frame: pd.DataFrame) -> None:
    figure, _ = drawn(frame, "overview")
    names = {text.partition("\n")[0] for text in texts(figure)}
    assert {"0.6B", "1.7B", "4B", "big"} <= names
    assert not any("Qwen3-" in text for text in texts(figure))


@pytest.mark.parametrize(
    ("names", "most", "labels"),
    [
        (["xs", "s"], 9, ["xs", "s"]),
        (["a\nb\tc", "x\x1b[2J"], 9, ["a b c", "x [2J"]),
        (["Qwen3-0.6B-Instruct", "Qwen3-1.7B-Instruct", "never"], 9, ["0.6B", "1.7B", "never"]),
        (["a" * 20, "a" * 10 + "b" + "a" * 9], 9, ["aaaa…aaaa", "aaaa…aaaa #2"]),
        (["one-long-name-"], 9, ["one-…name"]),
        (["same-same-same", "same-same-same-"], 9, ["same", "same #2"]),
    ],
)
def test_labels(names: list[str], most: int, labels: list[str]) -> None:
    assert style.labels_of(names, most) == dict(zip(names, labels))


def test_letters_that_no_font_has_are_told_once() -> None:
    private = "\U0010fffd\U000f0000"  # for private use: no font has them
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fonts.tell(fonts.families(f"a{private}عé\u200d ")[1])
        fonts.tell(private)
    assert [str(warning.message) for warning in caught] == [told("".join(sorted(private)))]


def test_an_old_matplotlib_that_turns_no_script_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fonts.tell_of_order("abc 颜")
        monkeypatch.setattr(fonts.ft2font, "__libraqm_version__", "0.10", raising=False)
        fonts.tell_of_order("abעг")
        monkeypatch.delattr(fonts.ft2font, "__libraqm_version__")
        for _ in range(2):
            fonts.tell_of_order("abעг")
    assert [str(warning.message) for warning in caught] == [
        "This matplotlib writes ע one by one from the left, not joined and not turned: install "
        "matplotlib 3.11 or newer and draw the figures again."
    ]


def test_other_fonts_are_opened_only_for_letters_that_the_first_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []

    def letters(path: str) -> frozenset[int]:
        opened.append(path)
        return frozenset(map(ord, "abc" if len(opened) == 1 else "d颜"))

    monkeypatch.setattr(fonts, "_letters", letters)
    assert fonts.families("abc") == ([fonts.BASE], "")
    assert len(opened) == 1
    opened.clear()
    found, missing = fonts.families("abc颜e")
    assert missing == "e"
    assert found[0] == fonts.BASE
    assert len(found) == 2


WORDS = {
    "สีของภาพ": "· สีของภาพ",
    "रंग": "· रंग",
    "_hidden": "· _hidden",
    "two\nlines": "· two lines",
    "50\u202f% \u2014 \u201cok\u201d": "· 50 % \u2014 \u201cok\u201d",
    "{0} {x!r}": "· {0} {x!r}",
    "$a$ and $b$": "· $a$ and $b$",
    "e\u0301te\u0301": "· \u00e9t\u00e9",
    "nan": "· nan",
    "<script>alert(1)</script>": "· <script>alert(1)…",
}
"""Category -> its label in a figure."""


def drawn_with(frame: pd.DataFrame, words: list[str]) -> tuple[set[str], list[str]]:
    """The texts of a figure whose ten categories have these names, and what was warned of."""
    star = frame[frame["category"].notna()].copy()
    own = {name: index for index, name in enumerate(star["category"].unique())}
    other = star["item_id"].astype(str).map(lambda name: zlib.crc32(name.encode())) % 2
    star["category"] = [words[(2 * own[c] + k) % 10] for c, k in zip(star["category"], other)]
    figure, said = drawn(pd.concat([frame[frame["category"].isna()], star]), "decoupling")
    return texts(figure), said


@pytest.fixture(scope="module")
def worded(frame: pd.DataFrame) -> tuple[set[str], list[str]]:
    """The texts of a figure of categories of these names, and what was warned of."""
    return drawn_with(frame, list(WORDS))


@pytest.mark.parametrize("word", WORDS)
def test_a_category_of_this_name_is_drawn_as_text(
    worded: tuple[set[str], list[str]], word: str
) -> None:
    found, said = worded
    if word.startswith("<"):
        assert any(text.startswith("· <script>") for text in found)
    else:
        assert WORDS[word] in found
    assert [line for line in said if not line.startswith("No font on this machine")] == []


@pytest.mark.parametrize(
    "names",
    [
        ("issue #2", "issue"),
        ("a" * 30, "a" * 31, "a" * 32),
        ("  x", "x  ", "x"),
        ("vqa_", "vqa_x"),
        ("\u200b", "\u200c", " "),
    ],
)
def test_different_names_have_different_labels_that_are_seen(names: tuple[str, ...]) -> None:
    labels = style.labels_of(names, 24)
    assert len(set(labels.values())) == len(names)
    assert all(label.strip() for label in labels.values())
    shown = style.task_names(names)
    assert all(shown[name] for name in names)


@pytest.mark.parametrize(
    "names",
    [
        ("caf\u00e9", "cafe\u0301"),
        ("a b", "a\u00a0b", "a\u3000b"),
        ("vqa", "v\u00adqa", "vq\u2060a"),
        (
            "Qwen2.5-VL-3B",
            "Qwen2.5-VL-3B-Instruct",
            "Qwen2.5-VL-3B-Instruct-AWQ",
            "Qwen2.5-VL-3B-Instruct_AWQ",
        ),
        ("x" * 12 + "\u2026" + "x" * 11, "x" * 40, "x" * 41),
        ("o1", "o1.", "o1 "),
    ],
)
@pytest.mark.parametrize("most", [9, 24])
def test_names_that_look_alike_have_labels_that_differ(names: tuple[str, ...], most: int) -> None:
    labels = style.labels_of(names, most)
    seen = {unicodedata.normalize("NFKC", label).strip(" -") for label in labels.values()}
    assert len(seen) == len(names), labels


@pytest.mark.parametrize(
    "tasks",
    [
        ("own_a_b", "own_a b", "own_a-b"),
        ("vqa_x", "vqa_x_", "vqa__x"),
        ("in-domain mean", "in-domain_mean"),
    ],
)
def test_no_two_tasks_and_no_task_and_mean_have_one_name(tasks: tuple[str, ...]) -> None:
    names = style.task_names(tasks)
    assert len({*names.values()}) == len(names), names


def test_a_task_has_the_name_that_its_study_gives_it_where_it_is_shown_alone() -> None:
    assert style.task_names(["micro_star"])["micro_star"] == "micro star"
    with style.of_study(["micro_star", "micro_ocr", "in_domain"]):
        assert style.task_names(["micro_star"])["micro_star"] == "star"
    with style.of_study(["micro_star", "mmstar"]):
        assert style.task_names(["micro_star"])["micro_star"] == "micro star"
    assert style.task_names(["micro_star", "micro_ocr"])["micro_star"] == "star"


def test_a_footnote_says_over_how_many_seeds_intervals_are() -> None:
    figure = style.new_figure(style.TWO_COLUMNS, 1.0)
    with style.of_study(["micro_star"], seeds=3):
        style.footnote(figure, f"60 items a point; {style.INTERVAL}.")
    said = figure.get_supxlabel().replace("\n", " ")
    assert said.endswith("intervals over images and 3 seeds, never narrower than adjusted Wald.")
    with style.of_study(["micro_star"], seeds=3):
        style.footnote(figure, "intervals over images and seeds")
    assert figure.get_supxlabel() == "intervals over images and seeds"
    style.footnote(figure, f"60 items a point; {style.INTERVAL}.")
    assert "seeds" not in figure.get_supxlabel()


def test_names_that_are_numbers_keep_their_rows() -> None:
    table = pd.DataFrame({"size": [2, 4, "Qwen3-VL-32B-Instruct"], "family": [1.5, 1.5, 1.5]})
    labelled = style._labelled(table)
    assert labelled["size"].notna().all()
    assert labelled["size"].nunique() == 3


MORE_WORDS = {
    "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd": "· \u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd",
    "\u1112\u1161\u11ab\u1100\u1173\u11af": "· \ud55c\uae00",
    "\u202elive": "· live",
    "tab\tbed": "· tab bed",
    "100%s %(a)d": "· 100%s %(a)d",
    "007": "· 007",
    "\\mathrm{x}^2_i": "· \\mathrm{x}^2_i",
    "&lt;b&gt; &amp;": "· &lt;b&gt; &amp;",
    "Z\u0351\u036b\u0343\u036a\u0302a": "· Z\u0351\u036b\u0343\u036a\u0302a",
    "true": "· true",
}
"""Category -> its label in a figure."""


@pytest.fixture(scope="module")
def more_worded(frame: pd.DataFrame) -> tuple[set[str], list[str]]:
    """As `worded`, of other names."""
    return drawn_with(frame, list(MORE_WORDS))


@pytest.mark.parametrize("word", MORE_WORDS)
def test_a_category_of_this_name_too_is_drawn_as_text(
    more_worded: tuple[set[str], list[str]], word: str
) -> None:
    found, said = more_worded
    assert unicodedata.normalize("NFC", MORE_WORDS[word]) in found
    assert [line for line in said if not line.startswith("No font on this machine")] == []
