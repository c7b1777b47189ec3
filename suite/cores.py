"""How many processor cores this process may use.

In: the machine. Out: a number. A container with two of sixty-four cores has two: more processes or
threads than that wait for each other, and small models then take many times as long.
"""

from __future__ import annotations


def cores() -> int:
    """Cores left by affinity and by a container's quota; LOKY_MAX_CPU_COUNT lowers the number."""
    from joblib import cpu_count

    return int(cpu_count())
