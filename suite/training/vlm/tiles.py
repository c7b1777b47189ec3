"""LLaVA-OneVision's any resolution in numbers: the tiles that an image is cut into, and the tokens
that the language model reads of it. No torch.

In: width and height of an image in pixels. Out: tiles and tokens. transformers has the same rules
inside its processor and its model; a test holds these against both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    """How images become tokens."""

    side: int
    """Pixels of a crop's side, as the encoder takes it."""
    patches: int
    """Patches of a crop's side: a crop gives patches² tokens."""
    tiles: int = 6
    """Tiles in a row and in a column, at most."""
    most: int = 9
    """Tiles whose tokens an image may have before they are made fewer."""

    @property
    def base(self) -> int:
        """Tokens of one crop."""
        return self.patches**2

    @property
    def pinpoints(self) -> list[list[int]]:
        """Resolutions (height, width) that an image may be tiled in."""
        grid = range(1, self.tiles + 1)
        return [[self.side * rows, self.side * columns] for rows in grid for columns in grid]

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Rows and columns of tiles: those that keep most of the image's pixels, of these the ones
        with least that is empty, of these the first."""

        def kept(rows: int, columns: int) -> tuple[int, int]:
            scale = min(columns * self.side / width, rows * self.side / height)
            held = min(int(width * scale) * int(height * scale), width * height)
            return held, held - rows * columns * self.side**2

        every = range(1, self.tiles + 1)
        return max(((r, c) for r in every for c in every), key=lambda place: kept(*place))

    def tokens(self, width: int, height: int) -> int:
        """Tokens of a row's only image: one crop of the whole, then the tiles without what is empty
        around the image, a token after each of their rows."""
        rows, columns = self.grid(width, height)
        high, wide = rows * self.patches, columns * self.patches
        if width / height > wide / high:
            high -= (high - int(round(height * (wide / width), 7))) // 2 * 2
        else:
            wide -= (wide - int(round(width * (high / height), 7))) // 2 * 2
        ratio = math.sqrt(high * wide / (self.most * self.base))
        if ratio > 1.1:
            high, wide = int(high // ratio), int(wide // ratio)
        return self.base + high * wide + high

    def of(self, sizes: list[tuple[int, int]], tiled: bool) -> list[int]:
        """Tokens of each image of a row, (width, height) each; `tiled` False is one crop each."""
        if not tiled:
            return [self.base] * len(sizes)
        return [self.tokens(*sizes[0])] if len(sizes) == 1 else [self.base + 1] * len(sizes)

    def crops(self, sizes: list[tuple[int, int]], tiled: bool) -> int:
        """Crops that the encoder reads for the images of a row."""
        if tiled and len(sizes) == 1:
            rows, columns = self.grid(*sizes[0])
            return 1 + rows * columns
        return len(sizes)

    def at_most(self, images: int, tiled: bool) -> int:
        """Tokens of a row's images, whatever their size: at most so many."""
        if not tiled or images != 1:
            return images * (self.base + tiled)
        return self.base + int(1.21 * self.most * self.base) + self.tiles * self.patches
