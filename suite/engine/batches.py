"""One batch through one generator: out-of-memory is halved, a bad request fails alone.

In: a generator and the requests of a batch. Out: one Generation per request, in order; a failure is
a Generation with `error`. What a person must see (bad setup, Ctrl-C) is raised.
"""

from __future__ import annotations

from collections.abc import Sequence

from suite.errors import SuiteError
from suite.requests import Generation, Generator, ImageLoader, OutOfMemory, Request

NO_MEMORY = "The request does not fit in memory, even alone."


def generate(
    generator: Generator, requests: Sequence[Request], images: ImageLoader
) -> list[Generation]:
    """Answers to `requests`, in order."""
    try:
        return _attempt(generator, requests, images)
    except (OutOfMemory, MemoryError):
        if len(requests) == 1:
            return [Generation(error=NO_MEMORY)]
        middle = (len(requests) + 1) // 2
    except SuiteError:
        raise  # the setup is wrong, not this request
    except Exception as error:
        if len(requests) == 1:
            return [Generation(error=_sentence(error))]
        return [answer for one in requests for answer in generate(generator, [one], images)]
    # Outside the handler: while it runs, the exception keeps the failed batch's tensors alive.
    first = generate(generator, requests[:middle], images)
    return first + generate(generator, requests[middle:], images)


def _attempt(
    generator: Generator, requests: Sequence[Request], images: ImageLoader
) -> list[Generation]:
    answers = list(generator.generate(requests, images))
    if len(answers) != len(requests):
        raise RuntimeError(f"{len(answers)} answers to {len(requests)} requests")
    return answers


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
