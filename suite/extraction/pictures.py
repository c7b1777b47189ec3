"""The images of conversations as the teacher sees them, each checked once and made again when used.

In: paths of images and how large they may be. Out: their names (the hash of what is shown), or why
one is none; and the bytes by name, which are not kept in memory: there may be more than fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from suite.base.images import Unreadable, encoded
from suite.base.machine import cores
from suite.engine.progress import Progress
from suite.errors import shown
from suite.items.item import image_hash
from tasks import pictures


@dataclass(frozen=True)
class Size:
    """How large an image is shown."""

    square: int | None = None
    """Side in pixels of the square to which each image is stretched; None keeps its shape."""
    longest: int | None = None
    """Longest side in pixels; smaller images stay as they are."""


Place = tuple[Path, str]
"""Folder, and the path of an image from there."""


class Pictures(dict[str, bytes]):
    """Name of an image -> PNG or JPEG bytes, read and resized whenever they are asked for."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self._size = size
        self._places: dict[str, Place] = {}

    def __missing__(self, name: str) -> bytes:
        place = self._places[name]
        data = prepared(place, self._size)
        if image_hash(data) != name:  # an answer would be kept under the name of another image
            raise Unreadable(f"the image {place[1]} has changed since it was checked")
        return data

    def add(self, places: Sequence[Place], progress: Progress) -> dict[Place, str | Unreadable]:
        """Checks images: place -> name, or what is wrong with it."""
        found: dict[Place, str | Unreadable] = {}
        waiting = list(dict.fromkeys(places))
        progress.begin("check images", len(waiting), 0)
        progress.ready()
        pool = ThreadPoolExecutor(cores())
        try:
            for place, name in zip(waiting, pool.map(self._name, waiting), strict=True):
                found[place] = name
                if isinstance(name, str):
                    self._places.setdefault(name, place)
                progress.advance(len(found))
        finally:
            pool.shutdown(cancel_futures=True)
        progress.end()
        return found

    def _name(self, place: Place) -> str | Unreadable:
        try:
            return image_hash(prepared(place, self._size))
        except Unreadable as error:
            return Unreadable(str(error))  # without the traceback, which holds its pixels


def prepared(place: Place, size: Size) -> bytes:
    """Gives an image as it is shown, PNG or JPEG. Unreadable where its file holds none."""
    if file_of(place) is None:
        raise Unreadable(f"the image {shown(place[1])} is no path of a file")
    with _in_folder(place[0]):
        data = encoded(place[1])
        try:
            picture = pictures.shown(data)  # decoded whole: a file may be cut off
        except pictures.NoPicture as error:
            raise Unreadable(f"the image {place[1]}: {error}") from error
    if size.square is not None:
        return encoded(picture.resize((size.square, size.square)))
    if size.longest is None or max(picture.size) <= size.longest:
        return data
    picture.thumbnail((size.longest, size.longest))
    return encoded(picture)


def file_of(place: Place) -> Path | None:
    """Gives the file of an image, there or not; None for what is no path. Unreadable for one that
    leads out of the folder."""
    with _in_folder(place[0]):
        try:
            return pictures.file_of(place[1])
        except pictures.NoPicture as error:
            raise Unreadable(str(error)) from error


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Inside, paths of images lead from a folder and not out of it."""
    before = pictures.FOLDERS.set((folder,))
    try:
        yield
    finally:
        pictures.FOLDERS.reset(before)
