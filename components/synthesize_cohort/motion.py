"""Where the head is at each frame of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from components.synthesize_cohort.floats import Floats
    from components.synthesize_cohort.session import Motion


@dataclass(frozen=True)
class Pose:
    """A head's pose: angles in degrees, shift in head units.

    Positive yaw turns the nose to the right of the picture, positive pitch turns it up, positive
    roll tilts the head against the clock.
    """

    yaw: float
    pitch: float
    roll: float
    shift: tuple[float, float]

    def rotation(self) -> Floats:
        """Rotation matrix (3, 3) of the head."""
        return rotation(self.yaw, self.pitch, self.roll)


def rotation(yaw: float, pitch: float, roll: float = 0.0) -> Floats:
    """Rotation (3, 3) by roll about z, then pitch about x, then yaw about y, in degrees."""
    a, b, c = np.deg2rad([yaw, -pitch, roll])
    about_y = [[np.cos(a), 0.0, np.sin(a)], [0.0, 1.0, 0.0], [-np.sin(a), 0.0, np.cos(a)]]
    about_x = [[1.0, 0.0, 0.0], [0.0, np.cos(b), -np.sin(b)], [0.0, np.sin(b), np.cos(b)]]
    about_z = [[np.cos(c), -np.sin(c), 0.0], [np.sin(c), np.cos(c), 0.0], [0.0, 0.0, 1.0]]
    return (np.array(about_y) @ np.array(about_x) @ np.array(about_z)).astype(np.float32)


def poses(motion: Motion, frames: int, fps: float, generator: np.random.Generator) -> list[Pose]:
    """The head's pose at every frame.

    A clip that is shorter than a circle takes is gone through faster, so that every clip shows the
    whole circle.

    Args:
        motion: how the head goes round.
        frames: number of frames.
        fps: frames a second.
        generator: for the unsteadiness.
    """
    time = np.arange(frames) / fps
    period = min(motion.period, frames / fps)
    angle = motion.phase + motion.clockwise * 2.0 * np.pi * time / period
    yaw = motion.bias[0] + motion.yaw * np.cos(angle) + motion.jitter * _drift(generator, time)
    pitch = motion.bias[1] + motion.pitch * np.sin(angle) + motion.jitter * _drift(generator, time)
    roll = motion.roll * np.sin(0.7 * angle + motion.phase) + motion.jitter * _drift(
        generator, time
    )
    right = motion.sway * (0.8 * np.cos(angle) + 0.4 * _drift(generator, time))
    up = motion.sway * (0.5 * np.sin(angle) + 0.4 * _drift(generator, time))
    return [
        Pose(float(a), float(b), float(c), (float(d), float(e)))
        for a, b, c, d, e in zip(yaw, pitch, roll, right, up, strict=True)
    ]


def _drift(
    generator: np.random.Generator, time: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A slow random walk of standard deviation 1: a few sines of random frequency and phase."""
    total = np.zeros_like(time)
    for _ in range(4):
        frequency, phase = generator.uniform(0.3, 2.5), generator.uniform(0.0, 2.0 * np.pi)
        total += np.sin(2.0 * np.pi * frequency * time + phase)
    return total / np.sqrt(2.0)
