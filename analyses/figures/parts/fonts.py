"""Fonts for people's words, in whatever script they are written.

In: the letters that a figure shows. Out: families that matplotlib goes through letter by letter,
and the letters that no font of this machine has.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import lru_cache
from unicodedata import bidirectional, category

from matplotlib import font_manager, ft2font

BASE = "DejaVu Sans"
"""Comes with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew and more."""
NO_LETTERS = ("Last Resort",)
"""Fonts that have a box for every letter."""
_told: set[str] = set()
UNDRAWN = ("Cc", "Cf", "Zs", "Mn")
"""Categories of Unicode that show nothing, or on the letter before them."""


@lru_cache(maxsize=4096)
def _letters(path: str) -> frozenset[int]:
    """What a font file has; nothing of one that matplotlib cannot draw with."""
    try:
        font = font_manager.get_font(path)
        font.set_size(8, 72)
        return frozenset(font.get_charmap())
    except (OSError, RuntimeError, ValueError):
        return frozenset()


def families(letters: Iterable[str]) -> tuple[list[str], str]:
    """Gives the families that have the letters, BASE first, and the letters that none has.

    Other fonts are opened only for letters that BASE lacks.
    """
    base = _letters(font_manager.findfont(BASE))
    left = {c for c in letters if ord(c) not in base and category(c) not in UNDRAWN}
    found = [BASE]
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: (font.name, font.fname)):
        if not left:
            break
        has = {c for c in left if ord(c) in _letters(font.fname)}
        if has and not font.name.startswith(NO_LETTERS):
            found.append(font.name)
            left -= has
    return found, "".join(sorted(left))


def tell(letters: str) -> None:
    """Warns, once of each, in one sentence of letters that are drawn as boxes, and keeps matplotlib
    from warning of them in its own words."""
    new = [letter for letter in letters if letter not in _told]
    if not new:
        return
    _told.update(new)
    warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
    warnings.warn(
        f"No font on this machine has {_few(new)}: figures show boxes in their place. Install one "
        "that has (the Noto fonts have every script) and draw them again.",
        stacklevel=2,
    )


def tell_of_order(letters: Iterable[str]) -> None:
    """Warns, once, of scripts that an old matplotlib writes letter by letter from the left."""
    new = sorted(c for c in letters if bidirectional(c) in ("R", "AL") or category(c) == "Mc")
    if new and not hasattr(ft2font, "__libraqm_version__") and "order" not in _told:
        _told.add("order")
        warnings.warn(
            f"This matplotlib writes {_few(new)} one by one from the left, not joined and not "
            "turned: install matplotlib 3.11 or newer and draw the figures again.",
            stacklevel=2,
        )


def _few(letters: list[str]) -> str:
    return "".join(letters[:10]) + ("…" if len(letters) > 10 else "")
