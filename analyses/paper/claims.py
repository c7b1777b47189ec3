"""What the paper claims, and how each claim follows from which printed numbers.

In: the published tables as frames (their averages are claims too). Out: `Claim`s, which
`analyses.paper.verdicts` holds against the tables; those whose data were never published stand in
`analyses.paper.asked`. Source: Endo and Yeung-Levy 2025, arXiv:2511.17487v2: Table 2, Figure
5, Table A1 and the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

IN_DOMAIN_SETS = ("ocrvqa", "textvqa", "scienceqa", "vqav2", "gqa", "vizwiz")
MMSTAR_CATEGORIES = ("cp", "fp", "ir", "lr", "st", "math")
METHODS, EXTRACTION, FAMILIES = (
    "table2",
    "figure5_visual_extraction",
    "table_a1_perception_downscaling",
)
SYSTEM = ("method", "setup", "perception_b", "reasoning_b")
TABLES: dict[str, tuple[str, ...]] = {
    METHODS: (
        *(*SYSTEM, "visual_samples_m"),
        *(*IN_DOMAIN_SETS, "in_domain_avg", *MMSTAR_CATEGORIES, "mmstar_avg"),
    ),
    EXTRACTION: ("perception_training", "perception_b", "in_domain", "mmstar"),
    FAMILIES: ("perception_module", "from_b", "to_b", "mmstar_mean_accuracy_drop"),
}
"""Table -> the columns that the claims read. Sizes are in billions, samples in millions."""

AVERAGES = {
    "in_domain_avg": ("in-domain", IN_DOMAIN_SETS),
    "mmstar_avg": ("MMStar", MMSTAR_CATEGORIES),
}
VISUAL_EXTRACTION_SAMPLES_M = 0.382
"""Size of the visual extraction data in the paper's text; Table 2 prints it as 0.4."""

Tables = Mapping[str, pd.DataFrame]
Row = tuple[object, ...]
LLAVA: Row = ("LLaVA-OneVision", "end_to_end", 0.5, None)
SMALL: Row = ("Extract+Think", "decoupled", 0.6, 1.7)
LARGE: Row = ("Extract+Think", "decoupled", 1.7, 4.0)
SCRATCH: Row = ("Extract+Think (from scratch)", "decoupled", 0.6, 1.7)
CAPTION_SMALL: Row = ("Caption+Think", "decoupled", 0.6, 1.7)
CAPTION_LARGE: Row = ("Caption+Think", "decoupled", 1.7, 4.0)
PRISM: Row = ("PrismCaptioner", "decoupled", 7.0, 70.0)
DECOUPLED_BASELINES: tuple[Row, ...] = (
    ("Baseline", "decoupled", 0.6, 4.0),
    ("Baseline", "decoupled", 1.7, 4.0),
    ("PrismCaptioner", "decoupled", 1.8, 70.0),
    PRISM,
)


@dataclass(frozen=True)
class Entry:
    """One printed number of a table."""

    table: str
    row: Row
    """Values of the columns that name the row; None where the table leaves the field empty."""
    column: str

    @property
    def half_unit(self) -> float:
        """How far the true number may lie from the printed one; sizes are exact names."""
        return 0.0 if self.column in ("perception_b", "reasoning_b") else 0.05

    def read(self, tables: Tables) -> float:
        """Gives the number; NaN where the table has no such row or no number there."""
        table = tables[self.table]
        names = SYSTEM if self.table == METHODS else TABLES[self.table][: len(self.row)]
        is_it = np.ones(len(table), dtype=bool)
        for name, wanted in zip(names, self.row):
            column = table[name]
            is_it &= (column.isna() if wanted is None else column == wanted).to_numpy(dtype=bool)
        found = table[self.column].to_numpy(dtype=np.float64)[is_it]
        return float(found[0]) if len(found) else np.nan

    def __str__(self) -> str:
        sizes = [f"{value:g}B" for value in self.row if isinstance(value, float)]
        return f"{self.column} of {' '.join([str(self.row[0]), '/'.join(sizes)])}"


@dataclass(frozen=True)
class Claim:
    """A published number and how the tables give it."""

    claim: str
    published: float
    unit: str
    relation: str
    """`=` (rounds to the published one), `>` or `±0.1`."""
    digits: int
    """Decimals of the published number."""
    entries: tuple[Entry, ...]
    formula: str
    value: Callable[[Sequence[float]], float]
    note: str | None = None


def claims(tables: Tables) -> list[Claim]:
    """Lists every claim that the tables determine."""
    return [
        *_above_llava(),
        *_modules(),
        *_extraction(),
        *_orderings(),
        *_from_scratch(tables),
        *_averages(tables[METHODS]),
    ]


def _of(row: Row, column: str) -> Entry:
    return Entry(METHODS, row, column)


def _relative(numbers: Sequence[float]) -> float:
    """100 (a / b - 1)."""
    return 100 * (_ratio(numbers) - 1)


def _ratio(numbers: Sequence[float]) -> float:
    return numbers[0] / numbers[1] if numbers[1] else np.nan


def _difference(numbers: Sequence[float]) -> float:
    return numbers[0] - numbers[1]


def _margin(numbers: Sequence[float]) -> float:
    """The first less the largest of the others; NaN when one is missing."""
    return float(numbers[0] - np.max(numbers[1:]))


def _mean(numbers: Sequence[float]) -> float:
    return float(np.mean(numbers))


def _above_llava() -> Iterator[Claim]:
    for column, published_, name in (
        ("in_domain_avg", 12.9, "in-domain"),
        ("mmstar_avg", 19.5, "on MMStar"),
    ):
        entries = (_of(SMALL, column), _of(LLAVA, column))
        text = f"Extract+Think 0.6B/1.7B above LLaVA-OneVision-0.5B {name}, relative"
        formula = f"100 x ({entries[0]} / {entries[1]} - 1)"
        note = "from the printed averages, as published"
        yield Claim(text, published_, "%", "=", 1, entries, formula, _relative, note)


def _modules() -> Iterator[Claim]:
    for column, published_, name in (
        ("perception_b", 12.0, "Perception"),
        ("reasoning_b", 41.0, "Reasoning"),
    ):
        entries = (_of(PRISM, column), _of(SMALL, column))
        text = f"{name} module of Extract+Think 0.6B/1.7B smaller than PrismCaptioner-7B's"
        formula = f"{entries[0]} / {entries[1]}"
        yield Claim(text, published_, "times", "=", 0, entries, formula, _ratio)


def _extraction() -> Iterator[Claim]:
    gains = {(0.6, "in_domain"): 5.2, (0.6, "mmstar"): 3.6}
    gains |= {(1.7, "in_domain"): 4.1, (1.7, "mmstar"): 4.6}
    for (size, column), gain in gains.items():
        entries = tuple(
            Entry(EXTRACTION, (training, size), column)
            for training in ("visual_extraction", "captioning")
        )
        place = "in-domain" if column == "in_domain" else "on MMStar"
        text = f"Visual extraction over captioning, perception {size:g}B, {place}"
        formula = f"{entries[0]} - {entries[1]}"
        yield Claim(text, gain, "points", "=", 1, entries, formula, _difference)


def _orderings() -> Iterator[Claim]:
    for own, caption, size in (
        (SMALL, CAPTION_SMALL, "0.6B/1.7B"),
        (LARGE, CAPTION_LARGE, "1.7B/4B"),
    ):
        for column, (place, _) in AVERAGES.items():
            entries = (_of(own, column), _of(caption, column))
            text = f"Extract+Think {size} above Caption+Think {size}, {place}"
            formula = f"{entries[0]} - {entries[1]}"
            yield Claim(text, 0.0, "points", ">", 0, entries, formula, _margin)
            others = tuple(_of(row, column) for row in DECOUPLED_BASELINES)
            text = f"Extract+Think {size} above every decoupled baseline, {place}"
            formula = f"{entries[0]} - the largest of {', '.join(map(str, others))}"
            yield Claim(text, 0.0, "points", ">", 0, (entries[0], *others), formula, _margin)


def _from_scratch(tables: Tables) -> Iterator[Claim]:
    name = "Extract+Think from scratch 0.6B/1.7B"
    entries = (_of(SCRATCH, "in_domain_avg"), _of(LLAVA, "in_domain_avg"))
    text = f"{name} above LLaVA-OneVision-0.5B in-domain (78.0 against 71.1)"
    formula = f"{entries[0]} - {entries[1]}"
    yield Claim(text, 6.9, "points", "=", 1, entries, formula, _difference)
    samples = (_of(SCRATCH, "visual_samples_m"), _of(LLAVA, "visual_samples_m"))
    # Table 2 rounds 382K to 0.4M: there the finer count of the text stands for the entry.
    exact = VISUAL_EXTRACTION_SAMPLES_M
    finer = abs(samples[0].read(tables) - round(exact, 1)) < 1e-9
    first = f"382K (printed as 0.4M, {samples[0]})" if finer else str(samples[0])
    text = f"Visual data of {name}, share of LLaVA-OneVision-0.5B's (382K of 8.8M)"
    yield Claim(
        *(text, 4.3, "%", "=", 1, samples, f"100 x {first} / {samples[1]}"),
        lambda numbers: 100 * _ratio((exact if finer else numbers[0], numbers[1])),
    )
    text = f"Visual data of {name}, less than LLaVA-OneVision-0.5B's"
    formula = f"100 x (1 - {samples[0]} / {samples[1]})"
    note = "from the printed 0.4M, which rounds 382K"
    yield Claim(
        *(text, 95.0, "%", "=", 0, samples, formula),
        lambda numbers: -_relative(numbers),
        note if finer else None,
    )


def _averages(table: pd.DataFrame) -> Iterator[Claim]:
    """The printed averages that have a number, each against the mean of its row."""
    for values in table[list(SYSTEM)].astype(object).to_numpy().tolist():
        row: Row = tuple(None if pd.isna(value) else value for value in values)
        sizes = "/".join(f"{value:g}B" for value in row[2:] if isinstance(value, float))
        setup = str(row[1]).replace("_", " ")
        for column, (place, parts) in AVERAGES.items():
            printed = _of(row, column).read({METHODS: table})
            if np.isnan(printed):
                continue
            text = f"Average of {row[0]} {sizes}, {setup}, {place}"
            entries = tuple(_of(row, part) for part in parts)
            formula = f"mean of {', '.join(parts)}"
            yield Claim(text, printed, "points", "±0.1", 1, entries, formula, _mean)
