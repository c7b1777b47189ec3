"""What other frameworks find of the suite by its entry points: a model of lmms-eval."""

from __future__ import annotations

from typing import Any


def lmms_eval_models() -> list[Any]:
    """Gives the manifests of the models that the suite brings to lmms-eval (its entry point)."""
    from lmms_eval.models.registry_v2 import ModelManifest

    place = f"{__name__}.decoupled.Decoupled"
    return [ModelManifest("downscale_decoupled", simple_class_path=place)]
