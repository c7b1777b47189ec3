"""Names of columns, quantities and rules as a person reads them on the page.

In: the words of the tables. Out: words with spaces; a word that is not listed keeps its letters and
loses its underscores.
"""

from __future__ import annotations

COLUMNS = {
    "rule": "parsing rule",
    "module": "module that shrinks",
    "small": "from",
    "large": "to",
    "low": "low",
    "high": "high",
}
VALUES = {
    ("agreement", "agree"): "share scored alike",
    ("agreement", "difference"): "score here \N{MINUS SIGN} lmms-eval's",
    ("agreement", "share"): "share of the answers",
    ("agreement", "kappa"): "Cohen's kappa",
    ("marginal", "perception"): "tenfold perception, log odds",
    ("marginal", "reasoning"): "tenfold reasoning, log odds",
    ("marginal", "interaction"): "both, beyond their sum",
    ("marginal", "perception_minus_reasoning"): "perception \N{MINUS SIGN} reasoning",
    ("marginal", "level"): "level: both modules at their mean",
    ("power", "detectable"): "detectable difference",
}
"""(analysis, quantity) -> its words."""


def heading(column: str) -> str:
    """Of a column."""
    return COLUMNS.get(column, column.replace("_", " "))


def value(analysis: str, column: str, text: object) -> object:
    """Of a cell; what is no text of the suite's own is kept as it is."""
    if not isinstance(text, str) or column not in ("quantity", "rule", "method", "estimator"):
        return text
    if column == "quantity" and (analysis, text) in VALUES:
        return VALUES[(analysis, text)]
    return text.replace("_", " ")
