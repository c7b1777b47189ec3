"""The parts of suite.answers.parse: cleaning (text), options and other ways to write them
(variants), numbers in words (numbers), what denies, doubts and rejects (denials), words with
another sense (senses), mentions, statements, conclusions, and the rules in order (choice)."""
