"""The square in the middle of a picture, and parts of it, at the size that a backbone sees.

Extraction and the robot cut with this, so that a model meets what it was trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from components.model_directory import FRAME_SIZE
from components.region import WHOLE, Region

if TYPE_CHECKING:
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

_HALVED_FROM: Final = 3
"""Times the size wanted; what is left to be averaged then are 1.5 pixels or more."""

_PIXEL_ASPECT_LIMITS: Final = (0.25, 4.0)


def central_square(width: int, height: int, pixel_aspect: float) -> Region:
    """The largest part in the middle that is a square when it is shown."""
    low, high = _PIXEL_ASPECT_LIMITS
    if not low <= pixel_aspect <= high:  # a mistake of the file's
        pixel_aspect = 1.0
    side = min(width * pixel_aspect, height)
    across, down = side / pixel_aspect / width, side / height
    return Region((1 - across) / 2, (1 - down) / 2, across, down)


def scale(image: Image, size: int) -> Image:
    """Scale to a square of `size` pixels: averaging when it gets smaller, else bilinear.

    Large pictures are halved first, which is many times faster and averages the same pixels.
    """
    while min(image.shape[:2]) >= _HALVED_FROM * size:
        height, width = (side - side % 2 for side in image.shape[:2])
        even = image[:height, :width]
        half = (width // 2, height // 2)
        image = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), np.uint8)
    shrinks = min(image.shape[:2]) >= size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size, size), interpolation=how), np.uint8)


class UprightPicture:
    """A picture that is upright already, of which the square in the middle can be seen.

    Attributes:
        middle: where that square is in the picture.
    """

    def __init__(self, image: Image, pixel_aspect: float = 1.0) -> None:
        """Look at an image.

        Args:
            image: (height, width, 3) uint8, BGR.
            pixel_aspect: width of a pixel divided by its height.
        """
        self._image = image
        self.middle = central_square(image.shape[1], image.shape[0], pixel_aspect)

    def square(self, part: Region = WHOLE) -> Image:
        """Cut a square part out of the square in the middle, and scale it.

        Args:
            part: which part of the square.

        Returns:
            (FRAME_SIZE, FRAME_SIZE, 3) uint8, BGR.
        """
        return scale(part.within(self.middle).cut(self._image), FRAME_SIZE)
