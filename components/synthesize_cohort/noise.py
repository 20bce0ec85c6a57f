"""Smooth procedural noise and the small shaping functions that surfaces are built from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from components.synthesize_cohort.floats import Floats, floats

WAVES_PER_OCTAVE = 14


def smoothstep(low: float, high: float, values: npt.ArrayLike) -> Floats:
    """0 up to `low`, 1 from `high` on, and smooth in between; `low` may be above `high`."""
    part = np.clip((floats(values) - low) / (high - low), 0.0, 1.0)
    return floats(part * part * (3.0 - 2.0 * part))


def bell(values: npt.ArrayLike, width: float) -> Floats:
    """exp(-(values / width)^2 / 2)."""
    scaled = floats(values) / np.float32(width)
    return floats(np.exp(-0.5 * scaled * scaled))


def wave_noise(
    generator: np.random.Generator, points: Floats, frequency: npt.ArrayLike, octaves: int = 3
) -> Floats:
    """Noise of mean 0 and standard deviation 1 over points: random plane waves, summed.

    Args:
        generator: where the waves' directions and phases come from.
        points: (..., D) positions.
        frequency: radians per unit of the lowest octave: one number, or D of them for noise that
            is stretched along an axis.
        octaves: each has twice the frequency and half the strength of the one before.

    Returns:
        (...) values.
    """
    dimensions = points.shape[-1]
    scaled = points * np.broadcast_to(floats(frequency), (dimensions,))
    total = np.zeros(points.shape[:-1], dtype=np.float32)
    power = 0.0
    for octave in range(octaves):
        for _ in range(WAVES_PER_OCTAVE):
            direction = generator.standard_normal(dimensions, dtype=np.float32)
            phase = np.float32(generator.uniform(0.0, 2.0 * np.pi))
            along = np.einsum("...i,i->...", scaled, direction)
            total += np.float32(0.5**octave) * np.cos(along * np.float32(2.0**octave) + phase)
        power += WAVES_PER_OCTAVE * 0.25**octave / 2.0
    return np.asarray(total / np.float32(np.sqrt(power)), dtype=np.float32)


def from_srgb(colour: npt.ArrayLike) -> Floats:
    """Linear light of sRGB values that run from 0 to 1."""
    given = floats(colour)
    return np.asarray(
        np.where(given <= 0.04045, given / 12.92, ((given + 0.055) / 1.055) ** 2.4),
        dtype=np.float32,
    )
