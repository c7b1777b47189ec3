"""Tests of the figures, and what they read in one."""

from matplotlib.figure import Figure
from matplotlib.text import Text


def words_of(figure: Figure) -> str:
    """All that is written in a figure, lines joined."""
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    return " ".join(" ".join(text.get_text().split()) for text in texts)
