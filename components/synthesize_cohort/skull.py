"""The bare head: one closed surface, before a face, ears and hair are put on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from components.synthesize_cohort.floats import Floats, floats
from components.synthesize_cohort.noise import bell, smoothstep

if TYPE_CHECKING:
    from components.synthesize_cohort.identity import Skull

ROUNDNESS: Final = 2.35
"""Exponent of the horizontal cross-section: 2 is an ellipse, more is squarer."""


def skull_surface(skull: Skull, toward: Floats) -> Floats:
    """Where rays from the middle of the head, in directions `toward`, meet its surface.

    Args:
        skull: the shape.
        toward: (..., 3) unit vectors.

    Returns:
        (..., 3) points in head units.
    """
    down = np.maximum(-toward[..., 1], 0.0)
    height = toward[..., 1] * np.where(toward[..., 1] < 0.0, skull.lower, skull.upper)
    ring = np.sqrt(np.maximum(1.0 - toward[..., 1] ** 2, 1e-8))
    aside, ahead = toward[..., 0] / ring, toward[..., 2] / ring
    squared = (np.abs(aside) ** ROUNDNESS + np.abs(ahead) ** ROUNDNESS) ** (-1.0 / ROUNDNESS)
    x = squared * aside * _half_width(skull, ring, down)
    z = squared * ahead * _reach(skull, ring, toward, ahead)
    return _bumps(skull, np.stack([x, height, z], axis=-1).astype(np.float32), ahead)


def _half_width(skull: Skull, ring: Floats, down: Floats) -> Floats:
    square = 1.0 + (skull.jaw_square - 1.0) * smoothstep(0.0, 0.55, down)
    taper = 1.0 - skull.jaw_taper * smoothstep(0.10, 0.95, down)
    return floats(skull.half_width * ring**square * taper)


def _reach(skull: Skull, ring: Floats, toward: Floats, ahead: Floats) -> Floats:
    down = np.maximum(-toward[..., 1], 0.0)
    up = np.maximum(toward[..., 1], 0.0)
    # The face falls straight from brow to chin; the nape tucks in above the neck.
    front = skull.depth * ring ** (1.0 - 0.66 * smoothstep(0.0, 0.6, down))
    front -= skull.forehead_slope * smoothstep(0.15, 0.8, up)
    back = 1.08 * skull.depth * ring * (1.0 - 0.62 * smoothstep(0.15, 0.95, down))
    share = smoothstep(-0.35, 0.35, ahead)
    return floats(front * share + back * (1.0 - share))


def _bumps(skull: Skull, points: Floats, ahead: Floats) -> Floats:
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    front = smoothstep(-0.1, 0.5, ahead)
    side = np.sign(x) * front
    cheekbone = bell(np.abs(x) - 0.52, 0.15) * bell(y - skull.cheek_height, 0.13)
    cheek = bell(np.abs(x) - 0.45, 0.20) * bell(y + 0.62, 0.20)
    x = x + side * (skull.cheekbones * 0.6 * cheekbone + skull.cheek_fullness * cheek)
    z = z + front * (skull.cheekbones * cheekbone + skull.cheek_fullness * cheek)
    chin = bell(x, skull.chin_width) * bell(y + 0.90 * skull.lower, 0.13)
    crease = bell(x, 0.20) * bell(y + 0.76 * skull.lower, 0.05)
    z = z + front * (skull.chin * chin - 0.03 * crease)
    temple = bell(np.abs(x) - skull.half_width, 0.12) * bell(y - 0.35, 0.22)
    x = x - side * 0.03 * temple
    return np.stack([x, y, z], axis=-1).astype(np.float32)
