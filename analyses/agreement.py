"""Two scorers of one text: the suite's parser against lmms-eval's own score.

In: the tidy table with `score` and `lmms_score`. Out: per task and category, over all answers and
of each parsing rule (`rule`; `unparsed` where none fired)

- `agree`: share of answers that both score alike (within 1e-9);
- `difference`: mean of score - lmms_score, paired, so above 0 where the suite gives more;
- `share`: share of all answers that the rule read, for rules that read any;
- `kappa`, over all answers only: Cohen's kappa (Cohen 1960), (p_o - p_e) / (1 - p_e), p_o = agree
  and p_e what both would agree by chance at their own rates of right answers. Only where all
  scores are 0 or 1.

An answer counts where it did not fail and both scores are there; `answers` says how many. An item
counts once, by the mean over its answers in all cells. 95 % cluster-bootstrap intervals over
images. `differing` lists the answers that differ, with their texts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyses.contrasts.contrast import COLUMNS, Contrast, contrast_table, estimate
from analyses.stats.arrays import ZERO, Floats, unknown
from analyses.stats.replicates import Drawn
from analyses.table.scores import Scores, none_where_missing, scores_of

UNPARSED = "unparsed"
SAME = 1e-9
WHOLE = ("agree", "own", "lmms")
NO_SPREAD = "resampling sees no spread or no kappa in too many draws: no interval"
NO_SCORES = "lmms-eval gave no score of any of these answers"
EXAMPLE = (
    *("task", "category", "item_id", "cell", "sample", "answer", "prediction", "rule"),
    *("score", "lmms_score", "text", "answers"),
)


def agreement(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives the rows per rule (None: all), quantity, task and category; see the module."""
    scores = scores_of(frame)
    both = _both(frame)
    rule = _rules(frame)
    rules = [str(name) for name in pd.unique(rule[both])]
    columns = _columns(scores, frame, both, rule, rules)
    derived = scores.with_columns([columns], np.ones(len(scores.items), dtype=bool))
    labels = ("rule",)
    table = contrast_table(derived, list(_contrasts(rules)), labels, draws=draws, seed=seed)
    table = _read(table)
    rows = table.to_dict("records") + _kappas(derived, table, frame[both], draws, seed)
    found = pd.DataFrame(rows, columns=[*labels, *COLUMNS])
    found["answers"] = _answers(derived, scores, both, found)
    unknown = found["estimate"].isna() & (found["n"] == 0)
    found["reason"] = found["reason"].astype(object).mask(unknown, NO_SCORES)
    return none_where_missing(found, ["rule"])


def _read(table: pd.DataFrame) -> pd.DataFrame:
    """Without the rules that read no answer of a task or category."""
    keys = ["rule", "task", "group"]
    none = table[(table["quantity"] == "share") & ~(table["estimate"] > 0)]
    names = {tuple(map(str, row)) for row in none[keys].itertuples(index=False)}
    keep = [tuple(map(str, row)) not in names for row in table[keys].itertuples(index=False)]
    return table[np.array(keep, dtype=bool)]


def differing(frame: pd.DataFrame, limit: int | None = None) -> pd.DataFrame:
    """Lists the answers that the two score apart, widest first: all, or `limit` a task and rule.

    Texts are as they were; columns EXAMPLE. Answers of one text to one item, scored alike, are one
    row, the first of them; `answers` counts them (greedy answers that several cells share).
    """
    rows = frame[_both(frame)]
    gap = (rows["score"].astype(float) - rows["lmms_score"].astype(float)).abs()
    rows = rows.assign(rule=_rules(rows), gap=gap)[gap > SAME]
    same = ["task", "item_id", "text", "score", "lmms_score"]
    rows["answers"] = rows.groupby(same, dropna=False)["cell"].transform("size")
    rows = rows.drop_duplicates(same)
    rows = rows.sort_values("gap", ascending=False, kind="stable")
    if limit is not None:
        rows = rows.groupby(["task", "rule"], sort=False).head(limit)
    rows = rows.sort_values(["task", "rule"], kind="stable")
    return rows[list(EXAMPLE)].reset_index(drop=True)


def _both(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether both scores of a row are there."""
    known = frame["score"].notna() & frame["lmms_score"].notna()
    return np.asarray(known.to_numpy(dtype=bool) & ~frame["failed"].to_numpy(dtype=bool))


def _rules(frame: pd.DataFrame) -> npt.NDArray[np.object_]:
    rule = frame["rule"].astype(object)
    return np.asarray(rule.where(frame["parsed"] & rule.notna(), UNPARSED), dtype=object)


def _columns(
    scores: Scores,
    frame: pd.DataFrame,
    both: npt.NDArray[np.bool_],
    rule: npt.NDArray[np.object_],
    rules: list[str],
) -> dict[str, Floats]:
    """Item-level means over answers: agreement and scores of all, and the part of each rule."""
    own = frame["score"].to_numpy(dtype=np.float64, na_value=np.nan)
    lmms = frame["lmms_score"].to_numpy(dtype=np.float64, na_value=np.nan)
    values = {"agree": (np.abs(own - lmms) <= SAME).astype(np.float64), "own": own, "lmms": lmms}
    count = scores.total(both).sum(axis=1)

    def mean(value: Floats, among: npt.NDArray[np.bool_]) -> Floats:
        total = scores.total(np.where(among & both, value, 0.0)).sum(axis=1)
        return np.asarray(np.where(count > 0, total / np.where(count > 0, count, 1), np.nan))

    columns = {name: mean(value, both) for name, value in values.items()}
    for name in rules:
        of = rule == name
        columns |= {f"{kind} {name}": mean(value, of) for kind, value in values.items()}
        columns[f"share {name}"] = mean(np.ones(len(frame)), of)
    return columns


def _contrasts(rules: list[str]) -> Iterator[Contrast]:
    yield Contrast("agree", {"agree": 1.0}, labels={"rule": None})
    yield Contrast("difference", {"own": 1.0, "lmms": -1.0}, labels={"rule": None})
    for name in rules:
        of, labels = {f"share {name}": 1.0}, {"rule": name}
        yield Contrast("share", of, labels=labels)
        yield Contrast("agree", {f"agree {name}": 1.0}, over=of, labels=labels)
        gap = {f"own {name}": 1.0, f"lmms {name}": -1.0}
        yield Contrast("difference", gap, over=of, labels=labels)


def _kappas(
    derived: Scores, table: pd.DataFrame, answers: pd.DataFrame, draws: int, seed: int
) -> list[dict[str, object]]:
    """Cohen's kappa of every group, from the rates that the group averages."""
    weights = np.zeros((len(derived.cells), len(WHOLE)))
    index = pd.Index(derived.cells["cell"])
    weights[index.get_indexer(WHOLE), range(len(WHOLE))] = 1.0
    if not len(table):
        return []
    result = estimate(derived, weights, weights > 0, draws=draws, seed=seed)
    data = result.resampled
    tails = data.tails()
    whole = table[(table["quantity"] == "agree") & table["rule"].isna()]
    about = {_group(row["task"], row["group"]): row for row in whole.to_dict("records")}
    graded = _graded(answers)
    rows = []
    for g, group in enumerate(result.groups):
        value = float(kappa(*data.estimate[g][:, None])[0])
        if graded & set(derived.items["task"].iloc[group.rows]):
            numbers = unknown(reason="some score is neither 0 nor 1: kappa is of right and wrong")
        elif np.isnan(value):
            why = "both scorers call every answer the same: agreement by chance is whole"
            numbers = unknown(reason=why)
        elif data.clusters[g, 0] < 2:
            numbers = unknown(estimate=value, reason="one image: an interval needs at least two")
        else:
            ends, drawn = [float(tail[g, 0]) for tail in tails], kappa(*data.replicates[:, g].T)
            found = Drawn.of(drawn, ends, unknown=NO_SPREAD, same=NO_SPREAD)
            numbers = unknown(estimate=value, **vars(found))
        base = about[_group(group.task, group.group)]
        named = {str(name): value for name, value in base.items()}
        rows.append(named | numbers | {"quantity": "kappa", "p_holm": np.nan})
    return rows


def kappa(agree: Floats, own: Floats, lmms: Floats) -> Floats:
    """Gives (p_o - p_e) / (1 - p_e), p_e = own lmms + (1 - own)(1 - lmms); NaN where p_e is 1."""
    chance = own * lmms + (1 - own) * (1 - lmms)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(1 - chance > ZERO, (agree - chance) / (1 - chance), np.nan))


def _graded(answers: pd.DataFrame) -> set[str]:
    """Tasks with a score that is neither 0 nor 1."""
    part = ~(answers["score"].isin([0.0, 1.0]) & answers["lmms_score"].isin([0.0, 1.0]))
    return {str(task) for task in answers.loc[part, "task"].unique()}


def _answers(
    derived: Scores, scores: Scores, both: npt.NDArray[np.bool_], table: pd.DataFrame
) -> list[int]:
    """Answers with both scores behind every row."""
    count = scores.total(both).sum(axis=1)
    of = {_group(g.task, g.group): int(count[g.rows].sum()) for g in derived.groups()}
    return [of[_group(task, group)] for task, group in zip(table["task"], table["group"])]


def _group(task: object, group: object) -> tuple[str, str | None]:
    return str(task), group if isinstance(group, str) else None
