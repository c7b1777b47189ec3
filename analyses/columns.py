"""The tidy table that `suite.runs.records` writes and every analysis reads.

A row per cell x item x sample.

In: nothing. Out: COLUMNS, the declaration of each column with its type, unit and meaning, and
`validate`, which says in one sentence what is wrong with a frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

INSTRUCT = "instruct"
"""The perceiver that was trained to answer: the only one there was in tables of older versions."""


@dataclass(frozen=True)
class Column:
    """One column of the tidy table."""

    name: str
    dtype: str
    """`string`, `bool`, `int` or `float`; nullable where `null` is true."""
    meaning: str
    unit: str = ""
    null: bool = False
    """Whether a value may be missing."""


COLUMNS: tuple[Column, ...] = (
    Column("study", "string", "Name of the study."),
    Column("cell", "string", "Id of the cell in the study, e.g. decoupled/P=8b/R=4b/think."),
    Column(
        "method",
        "string",
        "end_to_end, blind, text_only, decoupled, oracle, or a named method such as extract_think.",
    ),
    Column("family", "string", "Name of the model family."),
    Column(
        "perceiver",
        "string",
        "What the module that looks was trained for: instruct, or such as caption, extract.",
        null=True,
    ),
    Column("perception", "string", "Size that looks (end_to_end, blind, decoupled).", null=True),
    Column(
        "perception_params",
        "float",
        "Parameters of its language model (`params: total`: of its vision encoder, too).",
        "parameters",
        True,
    ),
    Column("perception_samples", "float", "Rows that it saw in training, if known.", "rows", True),
    Column("reasoning", "string", "Size that reasons (text_only, decoupled, oracle).", null=True),
    Column("reasoning_params", "float", "Parameters of that language model.", "parameters", True),
    Column("thinking", "bool", "Whether the answering model wrote a thinking block."),
    Column("sample", "int", "Index of the sample, 0 when greedy."),
    Column("seed", "int", "The study's seed."),
    Column("task", "string", "Task name."),
    Column("domain", "string", "in_domain or out_of_domain."),
    Column("category", "string", "The benchmark's own category, or empty."),
    Column("subcategory", "string", "The benchmark's part of the category, or empty.", null=True),
    Column("item_id", "string", "Unique within the task."),
    Column("image_id", "string", "Cluster: items that show the same images share it."),
    Column("n_options", "int", "Number of options, 0 for an open answer."),
    Column("chance", "float", "Accuracy of guessing, 1/n_options or 0.", "share"),
    Column("answer", "string", "Gold answer: a letter, or text."),
    Column("prediction", "string", "What was read from the text: a letter, or text.", null=True),
    Column("text", "string", "The raw answer.", null=True),
    Column("thinking_text", "string", "The raw thinking.", null=True),
    Column("rule", "string", "Parsing rule that fired.", null=True),
    Column("parsed", "bool", "Whether an answer could be read."),
    Column("score", "float", "In [0, 1]; 0 when unparsed, missing when failed.", "share", True),
    Column("lmms_score", "float", "lmms-eval's own score of the same text.", "share", True),
    Column(
        "published_score",
        "float",
        "Score by the published rules; chance where they draw a letter; missing for other tasks.",
        *("share", True),
    ),
    Column("failed", "bool", "Whether a stage of this row failed."),
    Column("reason", "string", "Why it failed, one sentence.", null=True),
    Column("leak", "bool", "An upstream text of this row holds an option, the answer or a letter."),
    Column("finish_reason", "string", "stop, length or budget.", null=True),
    Column("prompt_tokens", "float", "Prompt tokens over all stages of the row.", "tokens", True),
    Column("generated_tokens", "float", "Generated tokens over all stages.", "tokens", True),
    Column("seconds", "float", "Model time over all stages of the row.", "seconds", True),
    Column("description", "string", "The upstream description the reasoner read.", null=True),
    Column("key", "string", "Store key of the answer.", null=True),
    Column("upstream", "string", "Store keys of the texts before it, spaces between.", null=True),
)
"""Every column, in order. Analyses may rely on these and on nothing else."""

NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)


def completed(frame: pd.DataFrame) -> pd.DataFrame:
    """Adds the columns that a table of an older version lacks. Perceivers, which may also lack in a
    part that was put below a newer: all were INSTRUCT."""
    added: dict[str, pd.Series] = {}
    if "perception" in frame:
        looks = frame["perception"].notna()
        known = frame.get("perceiver", pd.Series(None, frame.index, dtype=object)).astype(object)
        if "perceiver" not in frame or (looks & known.isna()).any():
            added["perceiver"] = known.where(known.notna() | ~looks, INSTRUCT)
    for name in ("perception_samples", "published_score"):
        if name not in frame:
            added[name] = pd.Series(float("nan"), frame.index)
    for name, value in (("upstream", None), ("subcategory", "")):
        if name not in frame:
            added[name] = pd.Series(value, frame.index, dtype=object)
    return frame.assign(**added) if added else frame


def validate(frame: pd.DataFrame) -> None:
    """Raises ValueError naming the first missing column, or a null where none may be."""
    for column in COLUMNS:
        if column.name not in frame.columns:
            raise ValueError(
                f"The table has no column {column.name!r} ({column.meaning}); "
                "read it with suite.load_results or add the column."
            )
        if not column.null and bool(frame[column.name].isna().any()):
            raise ValueError(
                f"Column {column.name!r} holds missing values; it may not ({column.meaning})"
            )
