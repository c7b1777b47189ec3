"""The parser against a corpus of answers with the reading that a careful person gives each."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.answers.parse import Parsed, parse, rule_names
from suite.items.item import Item

GROUPS = yaml.safe_load((Path(__file__).parent / "parse_corpus.yaml").read_text(encoding="utf-8"))


def item(options: tuple[str, ...] = (), metric: str = "choice") -> Item:
    answer = "A" if options else "x"
    return Item("t", "0", "What?", options, answer, "", (), "c", None, metric)


def cases() -> list[Any]:
    rows = []
    for number, group in enumerate(GROUPS):
        options = tuple(str(option) for option in group.get("options", ()))
        asked = item(options, group.get("metric", "choice"))
        for text, reading, *cut in group["answers"]:
            name = f"{number}-{text[:40]!r}"
            rows.append(pytest.param(asked, text, reading, bool(cut), id=name))
    return rows


@pytest.mark.parametrize(("asked", "text", "reading", "cut"), cases())
def test_reads_what_a_careful_person_reads(asked: Item, text: str, reading: Any, cut: bool) -> None:
    found = parse(text, asked, cut)
    assert found.prediction == reading, f"rule {found.rule}"
    assert found.parsed == (reading is not None)
    assert found.rule


STATED = Path(__file__).parent / "stated.jsonl"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "answers.jsonl"


@pytest.mark.parametrize("path", [STATED, SHARED], ids=["stated", "shared"])
def test_reads_almost_no_answer_wrongly_and_most_plain_ones(path: Path) -> None:
    if not path.is_file():
        pytest.skip("these answers lie beside the repository, and are not here")
    found: Counter[str] = Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        asked = item(tuple(row["options"]))
        letter = parse(row["text"], asked, cut=row.get("cut", False)).prediction
        kind = "right" if letter == row["answer"] else "unread" if letter is None else "wrong"
        found[kind] += 1
        found[f"{row['kind']} {kind}"] += 1
    assert found["wrong"] <= 0.005 * found.total() / 2
    plain = found["plain right"] + found["plain unread"] + found["plain wrong"]
    assert found["plain unread"] <= 0.05 * plain
    assert found["hard unread"] <= 0.2 * (found["hard right"] + found["hard unread"])


def test_the_corpus_holds_at_least_150_different_answers() -> None:
    assert len({(str(g.get("options")), t) for g in GROUPS for t, *_ in g["answers"]}) >= 150


words = st.sampled_from(["blue", "red car", "12", "a dog", "Paris", "none of it", "x + y", "5 km"])
choices = st.lists(words, min_size=2, max_size=6, unique=True).map(tuple)


@settings(deadline=None)
@given(choices, st.data())
def test_reads_every_option_by_letter_text_and_both(options: tuple[str, ...], data: Any) -> None:
    index = data.draw(st.integers(0, len(options) - 1))
    letter, text = "ABCDEF"[index], options[index]
    forms = ["{l}", "({l})", "{l}.", "{l}. {t}", "({l}) {t}", "{t}", "The answer is {l}."]
    forms += ["Answer: {t}", "**{l}) {t}**", "\\boxed{{{l}}}", "<think>hm, {o}</think>{l}"]
    form = data.draw(st.sampled_from(forms))
    assert parse(form.format(l=letter, t=text, o=options[0]), item(options)).prediction == letter


@settings(deadline=None)
@given(st.text(), choices)
def test_any_text_is_read_as_an_option_or_not_at_all(text: str, options: tuple[str, ...]) -> None:
    found = parse(text, item(options))
    assert found.parsed == (found.prediction is not None)
    assert found.prediction is None or found.prediction in "ABCDEF"[: len(options)]
    assert parse(text, item(options)) == found  # no draw


@settings(deadline=None)
@given(st.text(alphabet="ghjklmnpqrstvwxyz ,.?!", max_size=60))
def test_text_without_letters_or_options_is_unparsed(text: str) -> None:
    assert not parse(text, item(("BLUE", "FIVE", "1", "2"))).parsed


@settings(deadline=None)
@given(choices, st.permutations(range(2)), st.sampled_from([" or ", " and ", "/", ", "]))
def test_two_letters_are_never_one(
    options: tuple[str, ...], order: list[int], between: str
) -> None:
    text = between.join("AB"[place] for place in order)
    assert parse(text, item(options)) == type(parse("", item(options)))(
        None, "several_answers", False
    )


@settings(deadline=None)
@given(st.text(max_size=80))
def test_open_and_box_answers_never_raise(text: str) -> None:
    for metric in ("exact", "synonyms", "iou", "lmms"):
        found = parse(text, item(metric=metric))
        assert found.parsed == (found.prediction is not None)


def test_rule_names_are_unique_and_hold_every_rule_that_decides() -> None:
    names = rule_names()
    assert len(names) == len(set(names))
    reasons = {"several_answers", "letter_and_text_disagree", "no_such_option", "dash_or_sign"}
    reasons |= {"nothing_found", "empty", "unfinished_thinking", "control_characters"}
    read = [parse(text, asked.values[0]) for asked in cases() for text in [asked.values[1]]]
    assert {found.rule for found in read} == {*names, *reasons} - {"two_corners"} | {"two_corners"}


COLOURS = ("blue", "red", "green", "yellow")
MARKS = [
    *("<think>{}</think>", "[THINK]{}[/THINK]", "<seed:think>{}</seed:think>"),
    *(
        "<|begin_of_thought|>{}<|end_of_thought|>",
        "<scratchpad>{}</scratchpad>",
        "◁think▷{}◁/think▷",
    ),
    *("<analysis>{}</analysis>", "<reflection>{}</reflection>", "<my_reasoning>{}</my_reasoning>"),
    *("<inner_thoughts>{}</inner_thoughts>", "<|thinking|>{}<|/thinking|>", "<cot>{}</cot>"),
    *("<step name='1'>{}</step>", "<notes>{}</notes>"),
]


@pytest.mark.parametrize("marks", MARKS)
@pytest.mark.parametrize("thought", ["Maybe (B).", "The answer is B.", "B\n\nSo B.", "B or A?"])
def test_thought_is_no_answer_whatever_its_marks(marks: str, thought: str) -> None:
    assert parse(marks.format(thought) + "C", item(COLOURS)).prediction == "C"
    assert parse(marks.format(thought) + "\nThe answer is C.", item(COLOURS)).prediction == "C"


@pytest.mark.parametrize("marks", MARKS[:12])
def test_thought_without_end_is_unread(marks: str) -> None:
    opened = marks.split("{")[0] + "The car is red, so the answer is B. But wait"
    assert parse(opened, item(COLOURS)) == Parsed(None, "unfinished_thinking", False)


LANGUAGES = [
    ("答案是C。", "答案不是C。"),
    ("所以选C", "不能选C"),
    ("C项正确", "选项C错误"),
    ("正解はCです。", "正解はCではありません。"),
    ("Cが正解です。", "(C)は間違いです"),
    ("정답은 C입니다.", "정답은 C가 아닙니다."),
    ("C가 정답이다.", "C가 정답이 아니다."),
    ("La respuesta correcta es la C.", "La respuesta no es la C."),
    ("Elijo la C.", "(C) es incorrecta."),
    ("La bonne réponse est C.", "La réponse n'est pas C."),
    ("C'est la C.", "(C) est fausse."),
    ("Die richtige Antwort ist C.", "Die Antwort ist nicht C."),
    ("Antwort: C", "Option C ist falsch."),
    ("A resposta correta é a letra C.", "A resposta não é a C."),
    ("Resposta: C", "A C está errada."),
    ("La risposta corretta è C.", "La risposta non è C."),
    ("Risposta: C", "(C) è sbagliata."),
    ("Правильный ответ: C", "Ответ не C."),
    ("Ответ — C.", "Вариант C неверен."),
    ("Jawaban yang benar adalah C.", "Jawabannya bukan C."),
    ("Jawabannya C.", "Opsi C salah."),
    ("Đáp án đúng là C.", "Đáp án không phải là C."),
    ("Tôi chọn C.", "Phương án C sai."),
    ("Doğru cevap C.", "Cevap C değil."),
    ("Doğru seçenek C'dir.", "C şıkkı yanlış."),
    ("الإجابة الصحيحة هي C.", "الإجابة ليست C."),
    ("الجواب: C", "الخيار C خاطئ."),
    ("सही उत्तर C है।", "उत्तर C नहीं है।"),
    ("उत्तर: C", "विकल्प C गलत है।"),
]  # fmt: skip


@pytest.mark.parametrize(("stated", "denied"), LANGUAGES)
def test_a_language_in_which_answers_are_read_has_its_denials_unread(
    stated: str, denied: str
) -> None:
    assert parse(stated, item(COLOURS)).prediction == "C"
    assert parse(denied, item(COLOURS)).prediction is None


SUPPOSED = [
    *("Si es de noche, la respuesta es C.", "La respuesta es C, si es de noche."),
    *("Wenn es Nacht ist: Antwort C.", "Die Antwort ist C, falls es Nacht ist."),
    *("S'il fait nuit, la bonne réponse est C.", "La réponse est C, si la lumière est éteinte."),
    *("Se a luz estiver apagada, a resposta é C.", "Caso seja noite, a resposta é a C."),
    *("Se fosse notte, la risposta è C.", "La risposta è C, se è notte."),
    *("Если свет выключен, то правильный ответ — C.", "Ответ: C, если это ночь."),
    *("Jika malam hari, jawabannya adalah C.", "Nếu là ban đêm, đáp án là C."),
    *("Eğer gece ise, cevap C.", "Cevap C, eğer gece ise.", "अगर रात है तो सही उत्तर C है।"),
    *("إذا كان الضوء مطفأ، الإجابة هي C.", "要是晚上，答案就是C。", "若为夜晚，故选C。"),
    *("答案是C，如果是晚上。", "除非是白天，C是正确的。", "もし夜なら、答えはCです。"),
    *(
        "明かりが消えている場合、正解はCです。",
        "答えはC、もし夜なら。",
        "만약 밤이라면 정답은 C입니다.",
    ),
    *("불이 꺼져 있으면 정답은 C입니다.", "Depending on the light, the answer is C."),
]
OFFERED = [
    *("答えはC、あるいはBです。", "정답은 C, 혹은 B입니다.", "정답은 C. 아니, B입니다."),
    *("La réponse est C. Non, plutôt B.", "La respuesta es la C, pero también podría ser B."),
    *("The answer is C, but I'm not sure: it could also be B.", "答案是C。也可能是B。"),
]
REPORTED = [
    *("El profesor dice: la respuesta es C.", "Meine Freundin sagt, die Antwort ist C."),
    *("Друг говорит: ответ C.", "有人说答案是C。", "He said, the answer is C."),
]
STATED_STILL = [
    *("Si, la respuesta es C.", "Si observamos la imagen, la respuesta correcta es C."),
    *("Se ve una vaca, así que la respuesta es la C.", "La respuesta es C, se observa una vaca."),
    *("Si vede una mucca, quindi la risposta è C.", "Autrement dit : la réponse est C."),
    *("如果仔细看，可以看到一头牛，因此答案是C。", "也就是说答案是C。", "我原本选B，但应该是C。"),
    *("그림을 보면 정답은 C입니다.", "以上より、答えはCです。", "That said, the answer is C."),
    *("Если присмотреться, видно корову, поэтому ответ C.", "正解はBではなくCです。"),
    *("The answer is C. Option B could be ruled out.", "정답은 C입니다. B가 아닙니다."),
]


@pytest.mark.parametrize("text", [*SUPPOSED, *OFFERED, *REPORTED, "정답은 B가 아닙니다."])
def test_a_condition_a_second_letter_or_a_report_is_no_statement_in_any_language(text: str) -> None:
    assert parse(text, item(COLOURS)).prediction is None


@pytest.mark.parametrize("text", STATED_STILL)
def test_what_only_looks_like_a_condition_or_a_report_is_a_statement(text: str) -> None:
    assert parse(text, item(COLOURS)).prediction == "C"


STATED_AS = [
    *("B.", "(B)", "B) red.", "The answer is B.", "The answer is (B) red.", "I choose B", "So B."),
    *("Option B is correct.", "It is red.", "The car is red, so the answer is B.", "\\boxed{B}"),
    *("The car is red.\n\nAnswer: B", "The answer is \\boxed{B}", "<answer>B</answer>"),
]
AGAINST = [
    *(
        " or C",
        ", or C",
        "; C",
        " / C",
        " & C",
        ", C",
        " and C",
        " (or C)",
        " or maybe C",
        " plus C",
    ),
    *(", possibly C", " but C is also possible", ", then C", " as well as C", ", alternatively C"),
    *(" Or C.", " Maybe C.", " C too.", "\nor C", "... or C?", " or green", "; also C", " or both"),
    *(" (C is possible too)", " C is also correct.", " As is C.", " The answer could also be C."),
    *(" if the light is on", ", unless the photo was edited", " provided the lamp is off"),
    *(
        ", assuming it is day",
        " (if the lamp is on)",
        " as long as it is day",
        " in case it is day",
    ),
    *(", had the lamp been on", " only if it is day", " depending on the light", ", if anything"),
    *(
        " No, C.",
        " Wait, C.",
        " - sorry, C",
        " Actually, C.",
        " Correction: C.",
        " Hmm, C.",
        " Nope.",
    ),
    *(" Oops: C", " On second thought, C.", " That's wrong. It's C.", " Not quite. C.", " Edit: C"),
    *(
        " But C fits better.",
        " Actually no.",
        " Never mind.",
        " Not B.",
        " Not really.",
        " Or is it C?",
    ),
]
NOT_AGAINST = [
    *(
        " If you look closely, you see the paint.",
        " Options A and C are wrong.",
        " And it is shiny.",
    ),
    *("\n\nExplanation: the paint reflects red light.", " A is blue, C is green.", " Thank you!"),
    *(" However, the light is dim.", " C would need a green car.", " Also, the wheels are black."),
    *(" No other color is visible.", " Maybe the light makes it darker.", " The car is not green."),
]


@pytest.mark.parametrize("stated", STATED_AS)
def test_what_stands_behind_a_statement_may_make_it_none(stated: str) -> None:
    asked = item(COLOURS)
    read = [behind for behind in AGAINST if parse(stated + behind, asked).prediction == "B"]
    assert not read
    ended = stated if stated[-1] in ".)}>" else stated + ("." if "\n" not in stated else "\n")
    kept = [behind for behind in NOT_AGAINST if parse(ended + behind, asked).prediction != "B"]
    assert not kept


@pytest.mark.parametrize(
    ("text", "whole", "cut"),
    [
        ("First, consider option A. The image shows a wide", None, None),
        ("The car is parked.\nB", "B", None),
        ("I see a car. So it is red", "B", None),
        ("The answer is A", "A", None),  # «a red car» may have followed
        ("The answer is B", "B", "B"),
        ("The answer is B. The car", "B", "B"),
        ("A. blue\n\nThe answer is D. yellow", "D", "D"),
        ("B. The car in the picture is", "B", "B"),
        ("B", "B", "B"),
        ("red", "B", "B"),
        ("\\boxed{B} and", None, None),  # «C» may have followed
        ("I see a car. The answer is probably B, but let me check the", None, None),
        ("I see a car. The answer is B. However, the", "B", None),
        ("I see a car. I would go with B", "B", None),  # «if it were red» may have followed
        ('{"reasoning": "It is red, so the answer is B', None, None),
    ],
)
def test_a_text_whose_tokens_ran_out_has_no_last_line(
    text: str, whole: str | None, cut: str | None
) -> None:
    assert parse(text, item(COLOURS)).prediction == whole
    assert parse(text, item(COLOURS), cut=True).prediction == cut


PIECES = [
    *("选B ", "<answer>", "The answer is B. ", "\\boxed{", "I choose ", "{", "(A) ", "A. blue\n"),
    *("<think>", "not B but C ", "\n", " ", "*", "so B. ", "- 3 ", '{"answer": "B"}', "= 3 "),
    *("is red. ", "B? ", "red, ", "because ", "\nQuestion: ", "analysis", "\\frac{1}{", "#", "A"),
]


@pytest.mark.parametrize("metric", ["choice", "exact", "iou"])
@pytest.mark.parametrize("piece", PIECES)
def test_reading_takes_time_in_proportion_to_length(piece: str, metric: str) -> None:
    asked = item(COLOURS if metric == "choice" else (), metric)

    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        started = time.process_time()
        parse(text, asked)
        return time.process_time() - started

    # Eight times the length takes eight times as long; in a square it would be 64 times.
    short, long = (min(seconds(1 << power) for _ in range(2)) for power in (13, 16))
    assert long <= 24 * max(0.02, short)


RUNS = [
    *(("Z", " "), ("Z", "\n"), ("[1", " "), ("[", "1"), ("(1,2)", " "), ("answer: a", ".")),
    *(("answer: a", " ("), ("\\boxed{", " "), ("answer(x", " "), ("", "<"), ("A. ", "_")),
]


@pytest.mark.parametrize("metric", ["choice", "exact", "iou"])
@pytest.mark.parametrize(("head", "sign"), RUNS)
def test_a_run_of_one_sign_takes_time_in_proportion_to_its_length(
    head: str, sign: str, metric: str
) -> None:
    asked = item(COLOURS if metric == "choice" else (), metric)

    def seconds(length: int) -> float:
        started = time.process_time()
        parse(head + sign * (length // len(sign)) + "x Z", asked)
        return time.process_time() - started

    short, long = (min(seconds(1 << power) for _ in range(2)) for power in (13, 16))
    assert long <= 24 * max(0.02, short)


def test_boxes_within_boxes_take_time_in_proportion_to_their_number() -> None:
    depth = 1 << 15
    assert parse("\\boxed{" * depth + "4" + "}" * depth, item(metric="exact")).prediction == "4"


def test_a_long_text_is_read_to_its_end() -> None:
    asked = item(("blue", "red", "green", "yellow"))
    text = "The answer might be blue or red. " * 3000 + "The answer is B."
    assert parse(text, asked).prediction == "B"


@pytest.mark.parametrize(
    "text",
    ['{"answer": "red"}', "{'Final Answer': 'red'}", 'as [1] shows: {"answer": "red"}'],
)
def test_an_object_is_found_alike_for_options_and_for_open_answers(text: str) -> None:
    opened = Item("t", "1", "Which?", (), "red", "", (), "h")
    for item, expected in ((opened, "red"), (replace(opened, options=("blue", "red")), "B")):
        assert parse(text, item).prediction == expected
        assert parse(text, item).rule == "json_answer"
