"""What counts as kept, held, refused or leaked, by hand: of each kind both sides."""

from __future__ import annotations

from fractions import Fraction

import pytest

from suite.extraction import checks, facts
from suite.extraction.conversations import Conversation
from suite.requests import Generation

KEPT = [
    ("What colour is the car?", "red", "The car is red."),
    ("What colour is the car?", "Gray", "The car is grey."),
    ("What colour is the car?", "light blue", "The car is a light-blue convertible."),
    ("What fruit is it?", "orange", "The fruits are oranges."),
    ("How many dogs?", "2", "There are two dogs."),
    ("How many dogs?", "two", "There are 2 dogs."),
    ("How many dogs?", "1", "There is a dog."),
    ("How many dogs?", "0", "There are no dogs."),
    ("How many people?", "twenty-five", "25 people stand in line."),
    ("What does it cost?", "$1,200", "It costs 1200 dollars."),
    ("How long is it?", "3.5", "It is 3.5 m long."),
    ("What time is it?", "10:30", "The clock shows 10:30."),
    ("Where is the cat?", "on the sofa", "The cat lies on a sofa."),
    ("What is he doing?", "running", "The man runs."),
    ("What are they?", "dogs", "It is a dog."),
    ("What does the sign say?", "STOP", "The sign says 'stop'."),
    ("Who wrote it?", "J. K. Rowling", "The author of the book is J. K. Rowling."),
    ("Is the dog black?", "yes", "The dog is black."),
    ("Is the dog black?", "Yes.", "The dog in the picture is black."),
    ("Is the dog black?", "no", "The dog is not black."),
    ("Is the dog black?", "No", "The dog isn't black."),
    ("Are they the same?", "no", "The two things are different."),
    ("Is the dog not black?", "yes", "The dog is not black."),
    ("Is there no dog?", "no", "There is a dog, so it is not the case that none is there."),
    ("Is the dog black?", "Yes, the dog is black.", "The dog is black."),
    ("Which animal?\nA. cat\nB. dog", "B", "The animal is a dog."),
    ("Which animal?\n(A) cat (B) dog", "(B)", "The animal is a dog."),
    ("Which point is nearer?", "B", "Point B is nearer."),
    ("What is on the label?", "unanswerable", "What is on the label cannot be read."),
    ("What is on the label?", "unanswerable", "The label is unclear."),
    (
        "What is the man doing?",
        "The man is holding a red umbrella while he waits for the bus in the rain.",
        "A man holds a red umbrella in the rain, waiting for a bus.",
    ),
    ("这是什么?", "红色", "这个球是红色的。"),
]
LOST = [
    ("What colour is the car?", "red", "The car is blue."),
    ("What colour is the car?", "red", "The car is covered with dust."),
    ("What colour is the car?", "light blue", "The car is blue."),
    ("How many dogs?", "2", "There are three dogs."),
    ("How many dogs?", "2", "There are 12 dogs and 20 cats."),
    ("How many dogs?", "0", "There are dogs."),
    ("How many dogs?", "1", "There are dogs."),
    ("How long is it?", "3.5", "It is 35 m long."),
    ("What time is it?", "10:30", "The clock shows 10:35."),
    ("Where is the cat?", "on the sofa", "The cat lies on a table."),
    ("What does the sign say?", "STOP", "The sign is red."),
    ("Is the dog black?", "yes", "The dog is not black."),
    ("Is the dog black?", "yes", "There is a cat."),
    ("Is the dog black?", "no", "The dog is black."),
    ("Are there 3 dogs?", "no", "There are three dogs."),
    ("Is the dog not black?", "yes", "The dog is black."),
    ("Which animal?\nA. cat\nB. dog", "B", "The animal is a cat."),
    ("Which point is nearer?", "B", "Point A is nearer."),
    ("What is on the label?", "unanswerable", "The label says milk."),
    (
        "What is the man doing?",
        "The man is holding a red umbrella while he waits for the bus in the rain.",
        "A man holds a blue umbrella in the rain, waiting for a bus.",
    ),
    (
        "What is the man doing?",
        "The man is holding an umbrella while he waits for the bus in the rain.",
        "A man stands there.",
    ),
    ("这是什么?", "红色", "这个球是蓝色的。"),
]


@pytest.mark.parametrize(("question", "answer", "statement"), KEPT)
def test_a_statement_that_keeps_its_answer(question: str, answer: str, statement: str) -> None:
    assert checks.keeps(question, answer, statement)


@pytest.mark.parametrize(("question", "answer", "statement"), LOST)
def test_a_statement_that_loses_its_answer(question: str, answer: str, statement: str) -> None:
    assert not checks.keeps(question, answer, statement)


@pytest.mark.parametrize(
    ("statement", "description", "lacking"),
    [
        ("The sign says 'Open'.", "A sign on the door says «OPEN».", []),
        ("The sign says 'Open'.", "A sign hangs on the door.", ["'Open'"]),
        ("The man's shirt says \"I can't\".", "His shirt has I can't on it.", []),
        ("It says 'stop all way'.", "STOP stands above ALL WAY.", []),
        ("It says 'stop all way'.", "STOP stands above FOUR WAY.", ["'stop all way'"]),
        ("It is a BMW.", "A bmw stands there.", []),
        ("It is a BMW.", "A car stands there.", ["'BMW'"]),
        ("The plate is B52-X.", "The plate of the car reads b52-x.", []),
        ("The plate is B52-X.", "The plate of the car reads b52.", ["'B52-X'"]),
        ("The clock shows 10:30.", "It is 10:35 on the clock.", ["'10:30'"]),
        ("Two dogs and 3 cats.", "A couple of dogs and three cats.", []),
        ("Two dogs and 3 cats.", "Some dogs and two cats.", ["3"]),
        ("One of the men laughs.", "Men laugh.", []),
        ("There are 1,500 seats.", "The hall has 1500 seats.", []),
        ("The number is 7.", "Number 7, on the shirt.", []),
        ("The number is 7.", "Number 7.5 on the shirt.", ["7"]),
        ("The car is red and gray.", "A grey, reddish car.", []),
        ("It is blue, white, green and yellow.", "Bluish, whitish greens, yellowish.", []),
        ("The car is red and gray.", "A grey car.", ["red"]),
        ("The shed is green.", "The shed is painted in greens.", []),
        ("The car is not red.", "The car is blue.", []),
        ("The man sits.", "A dog runs.", []),  # for a judge
    ],
)
def test_what_a_description_lacks_of_a_statement(
    statement: str, description: str, lacking: list[str]
) -> None:
    assert facts.missing(statement, description) == lacking


def test_numbers_are_read_by_value() -> None:
    text = "Twenty-five of 1,000 men, 3.5 m, three dogs; B2 and 10:30 are none, and no one."
    values = [25, 1000, Fraction(7, 2), 3]
    assert sorted(facts.numbers(text)) == sorted(map(Fraction, values))


def wrong(stage: str, text: str, *pairs: tuple[str, str], **more: object) -> list[str]:
    one = Conversation(
        "1", "a.png", False, pairs or (("What is the dog doing there?", "sleeping"),)
    )
    answer = Generation(text, "", **more)  # type: ignore[arg-type]
    return [problem.kind for problem in checks.of_texts(one, {stage: answer}, 50)]


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m unable to see the picture.",
        "Unfortunately, nothing can be said.",
        "As an AI, I have no eyes.",
        "No image was provided.",
        "Please upload an image.",
        "A dog. I cannot identify people in images.",
    ],
)
def test_refusals(text: str) -> None:
    assert wrong("description", text) == ["refusal"]


@pytest.mark.parametrize(
    "text",
    [
        "The dog cannot see the cat behind it.",
        "The sign is too small to be read, and the label says «Sorry, closed».",
        "A poster with the words 'We are sorry' hangs there.",
        "Please keep off the grass, says the sign.",
        "A note reads: you can see the sea.",
    ],
)
def test_what_is_no_refusal(text: str) -> None:
    assert wrong("description", text) == []


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        ("description", "What is the dog doing there? It sleeps."),
        ("description", "As the question says, a dog sleeps."),
        ("description", "A dog. The answer is sleeping."),
        ("description", "Question: what? Answer: a dog."),
        ("description", "By the provided information, a dog sleeps."),
        ("contents", "what is the dog doing there"),
        ("contents", "Where is it?"),
        ("statements", "Is the dog sleeping?"),
    ],
)
def test_leaked_questions(stage: str, text: str) -> None:
    assert "leaked_question" in wrong(stage, text)


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        ("description", "A dog with a question mark on its collar sleeps. «Hungry?» says a sign."),
        ("description", "The dog is doing nothing there: it sleeps."),
        ("contents", "the dog, its posture"),
        ("statements", "The dog is sleeping there."),
    ],
)
def test_what_is_no_leak(stage: str, text: str) -> None:
    assert wrong(stage, text) == []


@pytest.mark.parametrize(
    ("contents", "pairs", "leaks"),
    [
        ("the red ball", [("What colour is the ball?", "red")], True),
        ("the ball, its colour", [("What colour is the ball?", "red")], False),
        ("the red ball", [("Is the red ball large?", "red")], False),  # the question says it
        ("the ball", [("Is the ball large?", "yes")], False),
        ("two balls", [("How many balls?", "2")], True),
        ("the number of balls", [("How many balls?", "2")], False),
    ],
)
def test_contents_that_hold_an_answer(
    contents: str, pairs: list[tuple[str, str]], leaks: bool
) -> None:
    assert wrong("contents", contents, *pairs) == ["leaked_answer"] * leaks


def test_what_is_too_long() -> None:
    fifty = "The dog is sleeping " + "now " * 46
    assert wrong("description", fifty) == []
    assert wrong("description", f"{fifty}now") == ["too_long"]
    assert wrong("description", "It sleeps", finish_reason="length") == ["too_long"]
    assert wrong("contents", "fur " * 61) == ["too_long"]
    statement = "The dog is sleeping."
    assert wrong("statements", f"{statement} {'now ' * 60}") == ["too_long"]


TWO = ["It is red.", "It is round."]


@pytest.mark.parametrize(
    ("text", "count", "found"),
    [
        ("The ball is red.", 1, ["The ball is red."]),
        ("1. It is red.\n2) It is round.\n\n(3) It lies.", 3, [*TWO, "It lies."]),
        ("- It is red.\n* It is round.", 2, TWO),
        ("Statement 1: It is red.\nStatement 2: It is round.", 2, TWO),
        ("Here they are:\nIt is red.", 1, ["It is red."]),
        ("He says:", 1, ["He says:"]),
        ("3 balls lie there.\n2.5 m is long.", 2, ["3 balls lie there.", "2.5 m is long."]),
        ("\u200b\n \n", 1, []),
    ],
)  # fmt: skip
def test_statements_are_lines_without_their_numbers(
    text: str, count: int, found: list[str]
) -> None:
    assert checks.statements_of(text, count) == found


LONG = ("(" * 50000, "a " * 20000, "\"'" * 20000, "1." * 20000, "-" * 50000, "a-" * 20000)


@pytest.mark.parametrize("text", LONG, ids=lambda text: repr(text[:2]))
def test_the_time_of_a_check_is_in_proportion_to_its_text(text: str) -> None:
    wrong("description", text)
    wrong("statements", text)
    facts.missing(text, text)
    checks.keeps(text, text, text)


HINT = "\nAnswer the question using a single word or phrase."
GOOD = [
    (
        [
            ("What is the title of this book?" + HINT, "Calculus: Early Transcendentals"),
            ("Who wrote this book?" + HINT, "James Stewart"),
            ("Is this a romantic book?" + HINT, "No"),
        ],
        "the title on the book cover, the author's name, the genre of the book",
        'The title of the book is "Calculus: Early Transcendentals".\n'
        "The book was written by James Stewart.\nThis is not a romantic book.",
        'The cover of a textbook titled "Calculus: Early Transcendentals". Beneath it, the name '
        "of the author, James Stewart, is printed in gold on a dark red ground.",
    ),
    (
        [
            ("Is the sky blue?", "yes"),
            ("How many people are on the bench?", "2"),
            ("What is the man on the left holding?", "umbrella"),
            ("Are there any cars?", "no"),
        ],
        "the sky, people on the bench, the object held by the man on the left, vehicles",
        "The sky is blue.\nThere are two people sitting on the bench.\n"
        "The man on the left is holding an umbrella.\nThere are no cars in the image.",
        "Under a clear blue sky, two people sit on a bench in a park. The man on the left holds a "
        "black umbrella, while the woman next to him reads a newspaper.",
    ),
    (
        [("Which state is farthest north?\nA. Ohio\nB. Maine\nC. Utah\nGive its letter.", "B")],
        "the places of the states on the map",
        "Maine is the farthest north of these states.",
        "A map of the United States, in which Maine lies north of Ohio and of Utah.",
    ),
    (
        [
            ("What is this?" + HINT, "Unanswerable"),
            ("What time does the clock show?", "12:25"),
            ("How much is it?", "$5.99"),
        ],
        "the object, the clock, the price",
        "It is not possible to say what the object is.\nThe clock shows 12:25.\nIt costs $5.99.",
        "A blurred object that cannot be made out lies below a clock reading 12:25; a tag of $5.99 "
        "is tied to it.",
    ),
    (
        [
            ("What is the weather like?", "It appears to be sunny, as there are strong shadows."),
            ("What are the colors of the bus?", "The bus in the image is white and red."),
        ],
        "the light and the shadows, the paint of the bus",
        "The weather appears to be sunny, with strong shadows.\nThe bus is white and red.",
        "On a sunny day with strong shadows, a red and white double-decker drives down a street.",
    ),
]  # fmt: skip
"""As VQAv2, OCR-VQA, ScienceQA, VizWiz and LLaVA's own conversations ask, with what a good teacher
writes."""


@pytest.mark.parametrize(("pairs", "contents", "statements", "description"), GOOD)
def test_what_a_good_teacher_writes_has_no_problem(
    pairs: list[tuple[str, str]], contents: str, statements: str, description: str
) -> None:
    texts = {"contents": contents, "statements": statements, "description": description}
    one = Conversation("1", "a.png", False, tuple(pairs))
    answers = {stage: Generation(text) for stage, text in texts.items()}
    assert checks.of_texts(one, answers, 500) == []
