"""Rectangles in parts of a picture, so that they hold for it at any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in parts of a picture's width and height."""

    x: float
    y: float
    width: float
    height: float

    def within(self, outer: Region) -> Region:
        """The same rectangle, given in parts of `outer`, in parts of what `outer` is a part of."""
        return Region(
            outer.x + self.x * outer.width,
            outer.y + self.y * outer.height,
            self.width * outer.width,
            self.height * outer.height,
        )

    def cut(self, image: Image) -> Image:
        """View of what lies in it; at least one pixel."""
        height, width = image.shape[:2]
        across = max(1, min(width, round(self.width * width)))
        down = max(1, min(height, round(self.height * height)))
        left = min(max(0, round(self.x * width)), width - across)
        top = min(max(0, round(self.y * height)), height - down)
        return image[top : top + down, left : left + across]


WHOLE: Final = Region(0.0, 0.0, 1.0, 1.0)
