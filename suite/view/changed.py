"""What changed between two runs as one page that can be sent, made of the browser's own parts.

In: a comparison of two run directories. Out: an HTML file with styles and images inside it and
nothing fetched from elsewhere. Texts of models are escaped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from suite.base.files import write_whole
from suite.errors import SuiteError
from suite.report.item_cards import Album
from suite.runs.changes import Changes, changes
from suite.runs.comparison import Comparison
from suite.runs.explorer import Explorer
from suite.runs.index import Index
from suite.view.pages import told
from suite.view.runs import Opened
from suite.view.words import templates

MOST = 200
"""Items on the page."""
PICTURES = 6_000_000
"""Bytes of all its pictures, as they are before encoding."""
STYLES = ("report/templates/page.css", "report/templates/explorer.css", "view/static/view.css")


def write(path: Path, found: Comparison, sentence: str) -> int:
    """Writes the items of which an answer scores otherwise, the first MOST of them, under a
    `sentence` that says the verdict; returns how many there are.

    Raises SuiteError where a side is no run directory.
    """
    theirs, ours = map(_opened, found.folders, (found.baseline, found.candidate))
    cells = found.cells[["candidate_cell", "cell"]].itertuples(index=False, name=None)
    held = changes(ours.index, theirs.index, [(str(own), str(other)) for own, other in cells])
    asked = ours.index.items["task"].isin(found.pairs.table["task"].unique()).to_numpy()
    numbers = np.flatnonzero(held.kept("", ()) & asked)
    album = Album(PICTURES)
    room = Path(__file__).parent.parent
    page = (
        templates()
        .get_template("changed.html.jinja")
        .render(
            names=(found.candidate, found.baseline),
            sentence=sentence,
            of=len(numbers),
            items=[_item(ours, theirs, held, int(number), album) for number in numbers[:MOST]],
            styles="\n".join((room / name).read_text(encoding="utf-8") for name in STYLES),
        )
    )
    write_whole(path, page, "--html")
    return len(numbers)


def _opened(folder: Path | None, name: str) -> Opened:
    if folder is None:
        raise SuiteError(f"--html shows items of run directories, and {name} is none.")
    explorer = Explorer(folder)
    return Opened(explorer, Index.of(explorer.path))


def _item(ours: Opened, theirs: Opened, held: Changes, number: int, album: Album) -> dict[str, Any]:
    """An item with its answers in both runs."""
    found = told(ours, number)
    paths = [image["path"] for image in found["images"]]
    return {
        "found": found,
        "other": told(theirs, held.theirs(number)),
        "changed": held.pairs_of(number),
        "images": [None if p is None else album.address(Path(p).read_bytes()) for p in paths],
    }
