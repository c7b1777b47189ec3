"""A family with tiny random models in the place of its checkpoints, to rehearse a study with.

In: a Family. Out: the same with every checkpoint replaced by one of its true class, made once in
the user's cache folder, and a name that says so. What a model is comes from its config.json where
it is on this machine, else from the family's `kinds`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from suite.base.files import cache_folder, file_hash, whole
from suite.base.json_values import canonical_json, json_mapping
from suite.errors import SuiteError
from suite.models.backends import backend_of
from suite.models.family import Family, Size
from suite.models.fingerprint import snapshot
from suite.models.spec import ModelSpec, Role

RANDOM = "random weights"


def with_random_weights(family: Family) -> Family:
    """Gives the family with random models in place of its checkpoints; recorded texts stay.

    SuiteError where nothing says of which kind a checkpoint is.
    """
    sizes = []
    for size in family.sizes:
        made = {
            name: _random(spec, role, size, family) if backend_of(spec).writes else spec
            for name, role, spec in size.checkpoints
        }
        sizes.append(size.with_checkpoints(made))
    name, title = (f"{word} ({RANDOM})" for word in (family.name, family.title))
    return replace(family, name=name, title=title, sizes=tuple(sizes))


def _random(spec: ModelSpec, role: Role, size: Size, family: Family) -> ModelSpec:
    here = snapshot(spec)
    kind = _kind(here) or size.kinds.get(role)
    if kind is None:
        raise SuiteError(
            f"Nothing on this machine says what kind of model {spec.source} is, so that none can "
            f"be made with {RANDOM}: add `kinds: {{{role}: KIND}}` to the family {family.name!r}, "
            "KIND as transformers calls it, such as qwen3_vl."
        )
    tokenizer = None if here is None else here / "tokenizer.json"
    own = tokenizer if tokenizer is not None and tokenizer.is_file() else None
    folder = _made(kind, spec, own)
    # Sizes of pictures are those of the true model; who prepares them is not.
    kept = {name: value for name, value in spec.settings.items() if name == "backend"}
    return ModelSpec(
        path=folder,
        dtype=spec.dtype,
        batch_size=spec.batch_size,
        processor=canonical_json(kept),
        thinking=spec.thinking,
        random_weights=True,
    )


def _kind(here: Path | None) -> str | None:
    kind = json_mapping(here / "config.json").get("model_type") if here else None
    return kind if isinstance(kind, str) else None


def _made(kind: str, spec: ModelSpec, tokenizer: Path | None) -> Path:
    """The folder of a random model, made where it is not there yet."""
    from suite.models.transformers import random

    of = {
        "kind": kind,
        "in place of": spec.source,
        "thinking": spec.thinks,
        "tokenizer": None if tokenizer is None else file_hash(tokenizer),
        "code": [file_hash(Path(path)) for path in (random.__file__, random.ROWS)],
        "transformers": random.VERSION,
    }
    digest = hashlib.sha256(canonical_json(of).encode()).hexdigest()
    folder = cache_folder() / "random" / f"{kind}-{digest[:16]}"
    if not folder.is_dir():
        own = None if tokenizer is None else random.read_tokenizer(tokenizer.parent)
        try:
            with whole(folder) as part:
                random.save(part, kind, tokenizer=own, thinks=spec.thinks, seed=int(digest[:8], 16))
                about = json.dumps({RANDOM: True, **of}, indent=2)
                (part / "README.md").write_text(about, encoding="utf-8")
        except OSError:
            if not folder.is_dir():  # another process has made it meanwhile
                raise
    return folder
