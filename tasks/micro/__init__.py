"""The micro world: drawn scenes, gold descriptions and questions, with the tasks made of them.

Every scene comes from a seed, at any resolution. `scene` says what there is, `draw` makes the
picture, `language` the words, `questions` what can be asked, `sets` the evaluation sets.
"""
