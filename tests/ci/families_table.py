"""The table of families: suite/families/README.md, made of the families' own files.

In: nothing. Out: the page; `python tests/ci/families_table.py` writes it.
"""

from __future__ import annotations

from pathlib import Path

from suite.models.family import FOLDER, Family, list_families, load_family

PAGE = FOLDER / "README.md"
HEAD = """# Families

Made of the files beside it by `python tests/ci/families_table.py`. Each class was built with tiny
random weights and its true processor and asked through the transformers backend: the same greedy
tokens in a batch as alone and as the library's `generate`, with pictures of three shapes, without
one and with two (`pytest -m slow tests/suite/models/transformers/test_random.py`). A family file
names numbers and repositories that nobody has checked.

| family | class | sizes | vision encoder | language model alone differs | real weights |
|---|---|---|---|---|---|
"""
REAL = {"micro": "all, shipped", "smollm2": "135m, GGUF"}
"""Family -> which of its real weights have answered here."""


def page() -> str:
    """Gives the page's text."""
    return HEAD + "".join(_row(load_family(name)) for name in list_families())


def _row(family: Family) -> str:
    kinds = sorted({kind for size in family.sizes for kind in size.kinds.values()})
    sizes = ", ".join(size.name for size in family.sizes)
    towers = sorted({size.vision_params for size in family.sizes if size.vision_params})
    cells = (
        family.name,
        ", ".join(kinds) or "–",
        sizes,
        " to ".join(f"{own / 1e6:,.0f}M" for own in dict.fromkeys([*towers[:1], *towers[-1:]]))
        or "–",
        "yes" if family.llm_only else "no, or not known",
        REAL.get(family.name, "none"),
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    Path(PAGE).write_text(page(), encoding="utf-8")
