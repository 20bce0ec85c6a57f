"""Hair: a cap over the skull, and what hangs or sits on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from components.synthesize_cohort.floats import Floats, floats
from components.synthesize_cohort.identity import HairStyle
from components.synthesize_cohort.mesh import (
    Mesh,
    directions,
    graded,
    grid_triangles,
    keep,
    make_mesh,
    sphere,
)
from components.synthesize_cohort.noise import bell, smoothstep, wave_noise
from components.synthesize_cohort.skull import skull_surface

if TYPE_CHECKING:
    from components.synthesize_cohort.identity import Hair, Identity

ROWS: Final = 92
COLUMNS: Final = 132
LONGITUDES: Final = (0.0, 0.35, 0.70, 1.00, 1.22, 1.40, 1.95, 2.15, np.pi)
"""Where a hairline is given, in radians from the front."""


@dataclass(frozen=True)
class _Cut:
    """A style of hair: how it differs from the usual hairline, and how thick it is.

    Attributes:
        thickness: of the cap, as a part of the person's own volume.
        waviness: bumps of the surface, as a part of its thickness.
        frequency: of these bumps, radians per unit.
        front, temple, side, nape: added to the height of the hairline there.
        curtain: height at which hanging hair ends, or None.
        crown: height above which the head is bald.
    """

    thickness: float
    waviness: float = 0.10
    frequency: float = 9.0
    front: float = 0.0
    temple: float = 0.0
    side: float = 0.0
    nape: float = 0.0
    curtain: float | None = None
    crown: float = 9.0


CUTS: Final = {
    HairStyle.BALD: _Cut(0.16, 0.05, front=0.75, temple=0.30, side=-0.02, nape=0.05, crown=0.52),
    HairStyle.BUZZ: _Cut(0.22, 0.05, side=0.04),
    HairStyle.SHORT: _Cut(0.95, 0.14),
    HairStyle.SIDE_PART: _Cut(1.10, 0.08, front=-0.02),
    HairStyle.FRINGE: _Cut(1.05, 0.10, front=-0.20, temple=-0.10),
    HairStyle.CURLY: _Cut(1.90, 0.18, 15.0, front=-0.05, temple=-0.06, side=-0.30, nape=-0.05),
    HairStyle.BOB: _Cut(1.15, 0.08, temple=-0.10, side=-0.35, nape=-0.1, curtain=-0.80),
    HairStyle.LONG: _Cut(1.00, 0.10, temple=-0.06, side=-0.35, nape=-0.1, curtain=-1.55),
    HairStyle.BUN: _Cut(0.55, 0.05, side=0.10),
    HairStyle.PONYTAIL: _Cut(0.60, 0.05, front=0.02, side=0.08),
}


def make_hair(identity: Identity) -> list[Mesh]:
    """Build the hair of a person: always a cap, and with some styles more."""
    hair = identity.hair
    generator = np.random.default_rng(hair.seed)
    cut = CUTS[hair.style]
    parts = [_cap(identity, cut, generator)]
    if cut.curtain is not None:
        end = max(cut.curtain + hair.length, -1.75)
        parts.append(_curtain(identity, cut, end, generator))
    if hair.style is HairStyle.BUN:
        parts.append(_bun(identity, generator))
    if hair.style is HairStyle.PONYTAIL:
        parts.append(_tail(identity, generator))
    return parts


def beneath_hair(identity: Identity, skin: Mesh) -> npt.NDArray[np.bool_]:
    """Which triangles of the head's skin (M,) the cap of hair hides from everywhere."""
    toward = skin.vertices / np.linalg.norm(skin.vertices, axis=1, keepdims=True)
    cut = CUTS[identity.hair.style]
    deep = _inside(identity.hair, cut, toward, skin.vertices[:, 1]) > 0.14
    return np.asarray(deep[skin.triangles].all(axis=1), dtype=np.bool_)


def _hairline(hair: Hair, cut: _Cut, toward: Floats) -> Floats:
    """Height below which no hair grows, for every direction from the middle of the head."""
    longitude = np.arctan2(toward[..., 0], toward[..., 2])
    front = hair.hairline + cut.front
    temple = cut.temple + hair.receding * (1.0 if cut.front >= 0.0 else 0.2)
    heights = [
        front + 0.25 * max(hair.receding - 0.12, 0.0),
        front - 0.02 + 0.6 * temple,
        0.46 + temple,
        0.22 + 0.6 * temple + cut.side,
        -0.14 + cut.side,
        0.16 + cut.side,
        0.18 + cut.side,
        -0.34 + cut.nape,
        -0.60 + cut.nape,
    ]
    return np.interp(np.abs(longitude), LONGITUDES, heights).astype(np.float32)


def _inside(hair: Hair, cut: _Cut, toward: Floats, height: Floats) -> Floats:
    """How far points at a height are inside what hair covers; negative where none grows."""
    return np.minimum(height - _hairline(hair, cut, toward), cut.crown - height)


def _cap(identity: Identity, cut: _Cut, generator: np.random.Generator) -> Mesh:
    hair = identity.hair
    latitudes = graded(ROWS, -1.1, np.pi / 2, lambda at: 0.5 + bell(at - 0.45, 0.45), ends=True)
    longitudes = graded(COLUMNS, -np.pi, np.pi, lambda at: 0.6 + bell(at, 1.0), ends=False)
    toward = directions(latitudes, longitudes)
    base = skull_surface(identity.skull, toward)
    ragged = 0.022 * wave_noise(generator, toward, (28.0, 6.0, 28.0), octaves=1)
    above = _inside(hair, cut, toward, base[..., 1]) + ragged
    cover = smoothstep(-0.03, 0.03, above)
    thick = cut.thickness * hair.volume * (0.75 + 0.45 * smoothstep(-0.1, 0.9, toward[..., 1]))
    waves = wave_noise(generator, base, (cut.frequency, 0.45 * cut.frequency, cut.frequency), 2)
    thick = thick * (1.0 + cut.waviness * waves) * _parting(hair, toward)
    # Thin where it begins, and below that under the skin.
    lift = thick * (0.15 + 0.85 * smoothstep(0.0, 0.22, above)) - 0.08 * (1.0 - cover)
    outward = toward * floats([1.0, 0.9, 1.0])
    points = base + outward * lift[..., None]
    triangles = grid_triangles(ROWS, COLUMNS, wrap=True)
    grown = cover.reshape(-1)[triangles].max(axis=1) > 0.0
    cap = make_mesh(
        points,
        triangles,
        _strands(identity, _combed(hair, toward), generator, (17.0, 17.0, 2.2)),
        occlusion=0.55 + 0.45 * cover,
        sheen=0.05 if hair.style is HairStyle.CURLY else 0.10,
    )
    return keep(cap, grown)


def _combed(hair: Hair, toward: Floats) -> Floats:
    """Coordinates along which strands run from the crown: around it twice, then down."""
    down = np.arcsin(np.clip(toward[..., 1], -1.0, 1.0))
    around = np.arctan2(toward[..., 0], toward[..., 2]) + 0.5 * hair.part * down
    return np.stack([np.sin(around), np.cos(around), down], axis=-1).astype(np.float32)


def _parting(hair: Hair, toward: Floats) -> Floats:
    if hair.style is not HairStyle.SIDE_PART:
        return np.ones(toward.shape[:-1], dtype=np.float32)
    at = 0.30 * np.sign(hair.part) + 0.12 * hair.part
    groove = bell(toward[..., 0] - at, 0.045) * smoothstep(-0.35, 0.2, toward[..., 2])
    swept = 1.0 - 0.35 * np.tanh(4.0 * (toward[..., 0] - at) * np.sign(hair.part))
    return floats(swept * (1.0 - 0.75 * groove))


def _strands(
    identity: Identity,
    points: Floats,
    generator: np.random.Generator,
    streak: tuple[float, ...],
) -> Floats:
    """Linear RGB of hair: light and dark strands that run along the axis of low frequency."""
    fine = wave_noise(generator, points, streak, octaves=2)
    broad = wave_noise(generator, points, 3.0, octaves=1)
    light = 1.0 + 0.24 * np.clip(fine, -2.0, 2.0) + 0.10 * broad
    colour = floats(identity.hair.colour)
    return floats(colour * light[..., None])


def _curtain(identity: Identity, cut: _Cut, end: float, generator: np.random.Generator) -> Mesh:
    """Hair that hangs from the cap over ears, nape and shoulders: a sheet with an inner side."""
    rows, columns = 44, 96
    turn = np.linspace(1.18, 2.0 * np.pi - 1.18, columns, dtype=np.float32)
    height = np.linspace(end, 0.45, rows, dtype=np.float32)
    angle, y = np.meshgrid(turn, height, indexing="xy")
    fall = smoothstep(0.35, -1.6, y)
    thick = cut.thickness * identity.hair.volume
    wide = identity.skull.half_width + 0.85 * thick + 0.08 * fall
    deep = 1.02 * identity.skull.depth + 0.8 * thick - 0.28 * smoothstep(-0.2, -1.3, y)
    rise = np.sqrt(np.clip(1.0 - (np.maximum(y, 0.0) / 1.15) ** 2, 0.0, 1.0))
    strand = np.stack([angle, y], axis=-1)
    waves = 0.030 * wave_noise(generator, strand, (11.0, 1.8), octaves=2)
    ragged = np.where(y < end + 0.15, 0.025 * wave_noise(generator, strand, (22.0, 0.1), 1), 0.0)
    reach = rise * (1.0 + waves)
    points = np.stack(
        [wide * reach * np.sin(angle), y + ragged, deep * reach * np.cos(angle) - 0.04], axis=-1
    ).astype(np.float32)
    inset = 0.08 * smoothstep(0.0, 0.25, np.minimum(angle - turn[0], turn[-1] - angle))
    inner = points * np.stack([1.0 - inset, np.ones_like(y), 1.0 - inset], axis=-1)
    # Up the outside, over the rim, down the inside, and closed below.
    sheet = np.concatenate([points, inner[::-1], points[:1]]).astype(np.float32)
    shade = np.concatenate([np.ones_like(y), np.full_like(y, 0.35), np.ones_like(y[:1])])
    combed = np.concatenate([strand, strand[::-1], strand[:1]])
    return make_mesh(
        sheet,
        grid_triangles(2 * rows + 1, columns, wrap=False),
        _strands(identity, combed, generator, (34.0, 2.5)),
        occlusion=shade,
        sheen=0.12 * shade,
        follow=1.0 - 0.55 * smoothstep(-0.5, -1.7, sheet[..., 1]),
    )


def _bun(identity: Identity, generator: np.random.Generator) -> Mesh:
    toward, triangles = sphere(28, 40)
    size = 0.30 + 0.5 * identity.hair.volume + 0.25 * identity.hair.length
    points = toward * floats([size, 0.85 * size, size])
    points *= (1.0 + 0.035 * wave_noise(generator, toward, (3.0, 9.0, 3.0), 1))[..., None]
    middle = floats([0.0, 0.98 * identity.skull.upper, -0.42])
    albedo = _strands(identity, toward, generator, (5.0, 22.0, 5.0))
    return make_mesh(points + middle, triangles, albedo, occlusion=0.9, sheen=0.10)


def _tail(identity: Identity, generator: np.random.Generator) -> Mesh:
    """A ponytail that stands off the back of the head and hangs down one side of the neck."""
    rows, columns = 40, 20
    along = np.linspace(1.0, 0.0, rows, dtype=np.float32)
    angle = np.linspace(-np.pi, np.pi, columns, endpoint=False, dtype=np.float32)
    s, around = np.meshgrid(along, angle, indexing="ij")
    back = 1.08 * identity.skull.depth
    side = 0.55 * np.sign(identity.hair.part)
    long = 1.75 + identity.hair.length
    middle = np.stack(
        [
            side * smoothstep(0.0, 0.8, s),
            0.55 + 0.22 * np.sin(3.0 * s) - long * s**1.4,
            -back - 0.30 * np.sin(2.2 * s) + 0.35 * s,
        ],
        axis=-1,
    )
    radius = 0.20 * np.sin(np.pi * np.clip(0.10 + 0.86 * s, 0.0, 1.0)) ** 0.6
    ring = np.stack([np.sin(around), 0.4 * np.cos(around), np.cos(around)], axis=-1)
    strand = np.stack([around, s], axis=-1)
    albedo = _strands(identity, strand, generator, (9.0, 2.0))
    return make_mesh(
        middle + radius[..., None] * ring,
        grid_triangles(rows, columns, wrap=True),
        albedo,
        sheen=0.12,
        follow=1.0 - 0.3 * s,
    )
