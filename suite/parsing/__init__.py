"""The parts of suite.parse: cleaning (text), options, statements, mentions, the rules (choice)."""
