"""A study's rehearsal: random models in the place of its checkpoints, made rows for absent data.

In: a Study and its Family. Out: both, under names that say so.
"""

from __future__ import annotations

from suite.items.lmms_task import data_folder
from suite.items.load import cached_items
from suite.items.made import made_data
from suite.items.tasks import get_task
from suite.models.family import Family
from suite.models.rehearsal import RANDOM, with_random_weights
from suite.planning.study import Study


def rehearsed(study: Study, family: Family) -> tuple[Study, Family]:
    """Gives study and family as they are rehearsed; SuiteError for a checkpoint of which nobody
    says what it is, and for a task that has no data here and makes none."""
    data = dict(study.data)
    for row in study.tasks:
        limit = row.limit or study.limit
        info = get_task(row.task)
        if row.task in data or data_folder(info) is not None:
            continue
        if cached_items(row.task, limit=limit) is None:
            data[row.task] = str(made_data(info, limit))
    changes = {
        "study": f"{study.study}_{RANDOM.replace(' ', '_')}",
        "title": f"{study.title or study.study} ({RANDOM})",
        "data": data,
    }
    return study.model_copy(update=changes), with_random_weights(family)
