"""What a camera does to linear light: blur, exposure, colour, noise, eight bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import numpy.typing as npt

from components.synthesize_cohort.floats import Floats, floats

if TYPE_CHECKING:
    from components.synthesize_cohort.session import Camera

LEVELS: Final = 4096
MIDDLE_GREY: Final = 0.18
NOISE_MARGIN: Final = 67


class Sensor:
    """Turns what falls on the sensor during one clip into 8-bit frames."""

    def __init__(self, camera: Camera, size: int, generator: np.random.Generator) -> None:
        self._camera = camera
        self._size = size
        self._generator = generator
        ramp = np.linspace(-1.0, 1.0, size, dtype=np.float32)
        radius = (ramp[:, None] ** 2 + ramp[None, :] ** 2) / 2.0
        gain = np.float32(2.0**camera.exposure) * floats(camera.white_balance)
        self._gain = (1.0 - camera.vignette * radius)[..., None] * gain
        side = size + NOISE_MARGIN
        grain = generator.standard_normal((side, side, 3), dtype=np.float32)
        # Neighbouring pixels share some noise: the sensor's colour filter is interpolated.
        grain = floats(cv2.GaussianBlur(grain, (0, 0), 0.6))
        self._grain = floats(grain * (camera.noise / float(grain.std())))
        self._curve = _tone_curve(camera.contrast)

    def expose(
        self, figure: Floats, backdrop: Floats, travel: tuple[float, float]
    ) -> npt.NDArray[np.uint8]:
        """Take one frame.

        Args:
            figure: (size, size, 4) linear RGB multiplied by coverage, and coverage.
            backdrop: at least (size, size, 3) linear RGB; the middle is seen.
            travel: how fast the figure moves, right and down, pixels a second.

        Returns:
            (size, size, 3) sRGB.
        """
        figure = _smear(figure, travel, self._camera.shutter)
        light = figure[..., :3] + backdrop * (1.0 - figure[..., 3:])
        sigma = self._camera.defocus * self._size
        if sigma > 0.3:
            light = floats(cv2.GaussianBlur(light, (0, 0), sigma))
        light = light * self._gain
        # Shot noise grows with the root of the light; a little read noise is always there.
        light += self._noise() * np.sqrt(np.maximum(light, 0.0) / MIDDLE_GREY * 0.9 + 0.1)
        levels = np.clip(light, 0.0, 1.0, out=light) * np.float32(LEVELS - 1)
        return np.asarray(self._curve[levels.astype(np.uint16)], dtype=np.uint8)

    def _noise(self) -> Floats:
        row, column = self._generator.integers(0, NOISE_MARGIN, 2)
        return floats(self._grain[row : row + self._size, column : column + self._size])


def _tone_curve(contrast: float) -> npt.NDArray[np.uint8]:
    """8-bit sRGB of LEVELS steps of linear light, with a contrast around middle grey."""
    linear = np.linspace(0.0, 1.0, LEVELS)
    bent = np.minimum(MIDDLE_GREY * (linear / MIDDLE_GREY) ** contrast, 1.0)
    srgb = np.where(bent <= 0.0031308, 12.92 * bent, 1.055 * bent ** (1 / 2.4) - 0.055)
    return np.round(255.0 * srgb).astype(np.uint8)


def _smear(figure: Floats, travel: tuple[float, float], shutter: float) -> Floats:
    """Blur along the way that the figure goes while the shutter is open."""
    right, down = travel[0] * shutter, travel[1] * shutter
    length = float(np.hypot(right, down))
    if length < 0.7:
        return figure
    half = int(np.ceil(length / 2.0))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), dtype=np.float32)
    for part in np.linspace(-0.5, 0.5, 4 * half + 1):
        x, y = half + part * right, half + part * down
        column, row = int(x), int(y)
        for i, j, weight in (
            (row, column, (1 - x + column) * (1 - y + row)),
            (row, column + 1, (x - column) * (1 - y + row)),
            (row + 1, column, (1 - x + column) * (y - row)),
            (row + 1, column + 1, (x - column) * (y - row)),
        ):
            if i < len(kernel) and j < len(kernel):
                kernel[i, j] += weight
    return np.asarray(cv2.filter2D(figure, -1, kernel / kernel.sum()), dtype=np.float32)
