"""The parts of suite.parse: cleaning (text), options and other ways to write them (variants), words
with another sense (senses), what takes words back (denials), statements, conclusions, mentions, and
the rules in order (choice)."""
