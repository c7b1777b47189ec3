"""The table of families: suite/families/README.md, made of the families' own files.

In: nothing. Out: the page; `python tests/ci/families_table.py` writes it.
"""

from __future__ import annotations

from pathlib import Path

from suite.models.family import FOLDER, Family, list_families, load_family

PAGE = FOLDER / "README.md"
HEAD = """# Families

Made of the files beside it by `python tests/ci/families_table.py`. «Same tokens»: each class was
built with tiny random weights and its true processor and asked through the transformers backend,
and gave the same greedy tokens in a batch as alone and as the library's `generate`, with pictures
of three shapes, without one and with two (the slow test
tests/suite/models/transformers/test_random.py). A family file names numbers and repositories that
nobody has checked; `downscale models NAME --check` tries its checkpoints.

| family | class | sizes | vision encoder | only LLM differs | at random size | real weights |
|---|---|---|---|---|---|---|
"""
REAL = {
    "micro": "all, shipped: transformers, vLLM",
    "smollm2": "135m, GGUF: transformers",
}
"""Family -> which of its real weights have answered here, and through which backends."""
AT_RANDOM = {"llama4": "same tokens up to transformers 5.23; the class of 5.24 fails"}
"""Family -> how its class did, where that is more than «same tokens»."""
ELSEWHERE = """
Without a file:

| models | why | how they are used |
|---|---|---|
"""
LMMS = "`{{generator: lmms_eval, model: {}, arguments: {{pretrained: {}}}}}` as `vlm`, or a server"
OTHERS = {
    "InternVL2.5": (
        "not published in transformers' format",
        LMMS.format("internvl2", "OpenGVLab/InternVL2_5-2B"),
    ),
    "PrismCaptioner 1.8B, 7B": (
        "loaded by its authors' code alone",
        "its descriptions as a file: `perceive: {SIZE: {file: ...}}` in a study",
    ),
    "LLaVA-OneVision-1.5": (
        "code of its own",
        LMMS.format("llava_onevision1_5", "lmms-lab/LLaVA-OneVision-1.5-4B-Instruct"),
    ),
    "LLaVA-OneVision-2": (
        "code of its own",
        LMMS.format("llava_onevision2", "lmms-lab-encoder/LLaVA-OneVision-2-8B-Instruct"),
    ),
    "MiniCPM-V before 4.6": (
        "code in the repository",
        LMMS.format("minicpm_v", "openbmb/MiniCPM-V-2_6"),
    ),
    "Kimi-VL, Ovis2.5": (
        "code in the repository",
        "a family file with `trust_remote_code: true` (not tried), or a server",
    ),
    "Qwen4-Exp": (
        "of class qwen4_exp, same tokens; no size was published",
        "a family file of your own",
    ),
    "others that transformers knows, such as Step 3.7 and MiniMax M3": (
        "no study has asked for them",
        "a family file of your own, tried by `downscale models FILE --check`",
    ),
}
"""Models -> why no file names them, and how they are used."""


def page() -> str:
    """Gives the page's text."""
    rows = [_row(load_family(name)) for name in list_families()]
    others = [f"| {models} | {why} | {how} |\n" for models, (why, how) in OTHERS.items()]
    return HEAD + "".join(rows) + ELSEWHERE + "".join(others)


def _row(family: Family) -> str:
    kinds = sorted({kind for size in family.sizes for kind in size.kinds.values()})
    sizes = ", ".join(size.name for size in family.sizes)
    towers = sorted({own for size in family.sizes for own in size.vision_params.values()})
    cells = (
        family.name,
        ", ".join(kinds) or "–",
        sizes,
        " to ".join(f"{own / 1e6:,.0f}M" for own in dict.fromkeys([*towers[:1], *towers[-1:]]))
        or "–",
        "yes" if family.llm_only else "no, or not known",
        AT_RANDOM.get(family.name, "same tokens") if kinds else "–",
        REAL.get(family.name, "none"),
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    Path(PAGE).write_text(page(), encoding="utf-8")
