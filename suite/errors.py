"""The error a person sees: one sentence that says what, where and what to do."""

from __future__ import annotations


class SuiteError(Exception):
    """Bad input. The command line prints the message without a traceback and exits with 2."""


class DataError(SuiteError):
    """A task's data are missing or unreadable."""
