"""The parts of suite.parse: cleaning (text), options, statements, the ordered rules (choice)."""
