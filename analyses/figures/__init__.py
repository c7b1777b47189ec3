"""Figures: one module each, with `select` (the rows drawn), `draw` (rows -> Figure), `caption`.

In: a table of an analysis. Out: a matplotlib Figure; whoever calls saves it.
"""
