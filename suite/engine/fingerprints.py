"""Who answers: the fingerprint of every model of a plan.

In: a plan. Out: a fingerprint per model, computed from files; no model is loaded.
"""

from __future__ import annotations

from typing import Any

from suite.engine.walk import Model
from suite.generators import fingerprint
from suite.plan import Plan


def fingerprints(planned: Plan, device: str = "auto") -> dict[Model, dict[str, Any]]:
    """The fingerprint of every model of a plan on a device, found without loading any of them.

    Raises SuiteError for a checkpoint that is not there.
    """
    found: dict[Model, dict[str, Any]] = {}
    for role, spec in {(count.step.role, count.step.spec): None for count in planned.steps}:
        identity = fingerprint(spec, role, spec.dtype, device=device)
        # Recorded texts belong to items: two items with one question have two texts.
        recorded = spec.generator == "recorded"
        found[(role, spec)] = {**identity, "per_item": True} if recorded else identity
    return found
