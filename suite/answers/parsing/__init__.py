"""The parts of suite.answers.parse: what goes before reading (text), the options (options, values),
a file for each kind of place in which an answer is stated (fields, cues, places, sayings, listing),
the words of the languages (languages), and which statement counts (choice)."""
