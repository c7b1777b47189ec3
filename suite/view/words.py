"""The words of an address, which hold all that a page shows, so that it can be sent; and the
templates that say it.

In: the parameters of a request. Out: `Query`, and addresses made of it; the templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from suite.report.explorer import filters

FILTERS = ("task", "category", "cell", "mark", "rule", "blame", "solved", "change", "q", "said")
"""What an address may filter by, in the order in which it stands there."""
LONGEST = 2000
"""Letters of one word of an address."""
NAMES = ("run", "other", *FILTERS, "page", "item")


@cache
def templates() -> Environment:
    """Gives the templates of the browser, in which every text is escaped and a name that is not
    there is an error."""
    environment = Environment(
        loader=PackageLoader("suite.view", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters()
    return environment


@dataclass(frozen=True)
class Query:
    """The words of an address that are not empty."""

    words: Mapping[str, str]

    @classmethod
    def of(cls, words: Mapping[str, str]) -> Query:
        """Reads what an address says; other words are left out."""
        return cls({name: words[name][:LONGEST] for name in NAMES if words.get(name)})

    def get(self, name: str) -> str:
        """Gives a word, empty where it is not there."""
        return self.words.get(name, "")

    def address(self, to: str, /, **changed: str | int | None) -> str:
        """Gives the address of a page with the same words but for some; None takes one away."""
        words = {**self.words, **changed}
        return f"/{to}?" + urlencode({n: words[n] for n in NAMES if words.get(n) is not None})

    def plain(self, *kept: str) -> Query:
        """Gives the same run, or runs, and these words."""
        return Query({n: v for n, v in self.words.items() if n in ("run", "other", *kept)})

    @property
    def filtered(self) -> bool:
        """Whether it filters at all."""
        return any(self.get(name) for name in FILTERS)
