"""What the head carries and stands on: ears, glasses, neck, shoulders with clothes."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from components.synthesize_cohort.floats import Floats, floats
from components.synthesize_cohort.identity import GlassesStyle
from components.synthesize_cohort.mesh import Mesh, grid_triangles, join, make_mesh, sphere, tube
from components.synthesize_cohort.noise import bell, smoothstep, wave_noise

if TYPE_CHECKING:
    from components.synthesize_cohort.identity import Colour, Glasses, Identity

NECK_Z: Final = -0.24
"""Depth of the neck's axis."""


class Pattern(enum.StrEnum):
    """What is woven into the clothes."""

    PLAIN = "plain"
    STRIPES = "stripes"
    CHECKS = "checks"
    MOTTLED = "mottled"


class Collar(enum.StrEnum):
    """How the clothes end at the neck."""

    CREW = "crew"
    HIGH = "high"
    HOOD = "hood"


@dataclass(frozen=True)
class Clothes:
    """What somebody wears in one session; colours are linear RGB."""

    pattern: Pattern
    collar: Collar
    colour: Colour
    second: Colour
    scale: float
    seed: int


def make_ears(identity: Identity) -> list[Mesh]:
    """Build both ears, each a shallow bowl that stands off the skull."""
    return [_ear(identity, side) for side in (-1, 1)]


def _ear(identity: Identity, side: int) -> Mesh:
    skull = identity.skull
    toward, triangles = sphere(28, 32)
    x, y, z = toward[..., 0], toward[..., 1], toward[..., 2]
    outer = smoothstep(0.0, 0.5, side * x)
    radius = np.hypot(y, z)
    bowl = outer * bell(radius - 0.15, 0.38)
    lobe = 1.0 - 0.35 * smoothstep(0.0, -1.0, y)
    points = np.stack([x * 0.055 - side * 0.065 * bowl, y * 0.235, z * 0.14 * lobe], axis=-1)
    points = points * skull.ear_size
    cos, sin = np.cos(skull.ear_angle), np.sin(skull.ear_angle)
    turned = np.stack(
        [
            points[..., 0] * cos - side * points[..., 2] * sin,
            points[..., 1],
            side * points[..., 0] * sin + points[..., 2] * cos,
        ],
        axis=-1,
    )
    middle = floats([side * (skull.half_width + 0.03), -0.06, -0.12])
    colour = floats(identity.skin.colour) * floats([1.02, 0.85, 0.84])
    ridge = bell(radius - 0.62, 0.10) * outer
    albedo = colour * (1.0 - 0.40 * bowl + 0.06 * ridge)[..., None]
    return make_mesh(turned + middle, triangles, albedo, occlusion=0.95 - 0.55 * bowl, sheen=0.03)


def make_glasses(glasses: Glasses, eyes: Floats, bridge: float, temple: Floats) -> list[Mesh]:
    """Build the rims, the bridge and the two arms of a pair of glasses.

    Args:
        glasses: what they look like; a style of NONE gives no mesh.
        eyes: (2, 3) middles of the eyeballs, the one at smaller x first.
        bridge: z of the nose's surface between the eyes.
        temple: (3,) where the arm reaches the ear at larger x.
    """
    if glasses.style is GlassesStyle.NONE:
        return []
    plane = max(float(eyes[:, 2].max()) + 0.235, bridge + 0.03)
    paths = [_rim(glasses, centre, plane) for centre in eyes]
    tubes = [tube(path, glasses.rim, closed=True) for path in paths]
    inner = np.abs(eyes[:, 0]).mean() - glasses.half_width
    height = float(eyes[:, 1].mean())
    turn = np.linspace(-1.0, 1.0, 9)
    arch = np.stack(
        [inner * turn, height + 0.03 + 0.03 * (1 - turn**2), plane + 0.03 * (1 - turn**2)], axis=1
    )
    tubes.append(tube(arch, glasses.rim, closed=False))
    arms = (_arm(glasses, eyes, plane, temple, side) for side in (-1, 1))
    tubes.extend(tube(arm, glasses.rim, closed=False) for arm in arms)
    return [
        make_mesh(vertices, triangles, glasses.colour, sheen=0.15, glint=0.25)
        for vertices, triangles in tubes
    ]


def _rim(glasses: Glasses, centre: Floats, plane: float) -> Floats:
    power = {GlassesStyle.ROUND: 2.0, GlassesStyle.OVAL: 2.2, GlassesStyle.SQUARE: 4.5}
    half_width = glasses.half_width
    if glasses.style is GlassesStyle.ROUND:
        half_width = min(half_width, 1.1 * glasses.half_height)
    angle = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    exponent = 2.0 / power[glasses.style]
    x = centre[0] + half_width * np.sign(cos) * np.abs(cos) ** exponent
    y = centre[1] - 0.02 + glasses.half_height * np.sign(sin) * np.abs(sin) ** exponent
    # Rims bend back with the face.
    z = plane - 0.16 * np.abs(x) ** 2
    return np.stack([x, y, z], axis=1).astype(np.float32)


def _arm(glasses: Glasses, eyes: Floats, plane: float, temple: Floats, side: int) -> Floats:
    half_width = glasses.half_width
    if glasses.style is GlassesStyle.ROUND:
        half_width = min(half_width, 1.1 * glasses.half_height)
    outer = float(np.abs(eyes[:, 0]).mean()) + half_width
    height = float(eyes[:, 1].mean()) + 0.03
    corners = np.array(
        [
            [side * outer, height, plane - 0.16 * outer**2],
            [side * (temple[0] + 0.03), height + 0.02, 0.36],
            [side * (temple[0] + 0.035), temple[1] + 0.13, temple[2]],
        ]
    )
    share = np.linspace(0.0, 2.0, 24)
    return np.stack(
        [np.interp(share, [0.0, 1.0, 2.0], corners[:, axis]) for axis in range(3)], axis=1
    ).astype(np.float32)


def make_neck(identity: Identity) -> Mesh:
    """Build the neck: it turns with the head at its top and not at all at its foot."""
    rows, columns = 24, 44
    height = np.linspace(-1.85, -0.55, rows, dtype=np.float32)
    angle = np.linspace(-np.pi, np.pi, columns, endpoint=False, dtype=np.float32)
    y, around = np.meshgrid(height, angle, indexing="ij")
    radius = identity.skull.neck * (1.0 + 0.28 * smoothstep(-1.3, -1.85, y))
    points = np.stack(
        [radius * np.sin(around), y, NECK_Z + radius * np.cos(around)], axis=-1
    ).astype(np.float32)
    generator = np.random.default_rng(identity.skin.seed + 1)
    mottling = 1.0 + identity.skin.mottling * wave_noise(generator, points, 4.0)
    under_chin = 0.62 * smoothstep(-1.55, -1.05, y) * smoothstep(-0.6, 0.6, np.cos(around))
    return make_mesh(
        points,
        grid_triangles(rows, columns, wrap=True),
        floats(identity.skin.colour) * 0.96 * mottling[..., None],
        occlusion=0.92 - under_chin,
        sheen=0.02,
        follow=smoothstep(-1.75, -0.75, y),
    )


def make_clothes(identity: Identity, clothes: Clothes) -> Mesh:
    """Build shoulders and chest with their clothes; they do not turn with the head."""
    torso = _torso(identity, clothes)
    points = {
        Collar.CREW: [(1.07, -1.53, 0.060)],
        Collar.HIGH: [(1.10, -1.62, 0.09), (1.07, -1.50, 0.08), (1.05, -1.39, 0.07)],
        Collar.HOOD: [(1.45, -1.62, 0.16), (1.30, -1.55, 0.10)],
    }[clothes.collar]
    rings = [_ring(identity, clothes, *point) for point in points]
    return join([torso, *rings])


def _torso(identity: Identity, clothes: Clothes) -> Mesh:
    rows, columns = 48, 80
    share = np.linspace(1.0, 0.0, rows, dtype=np.float32)
    angle = np.linspace(-np.pi, np.pi, columns, endpoint=False, dtype=np.float32)
    s, around = np.meshgrid(share, angle, indexing="ij")
    neck = identity.skull.neck * 1.02
    slope = np.sin(0.5 * np.pi * np.clip(s / 0.55, 0.0, 1.0))
    wide = neck + (identity.skull.shoulders - neck) * slope
    deep = neck + (0.72 - neck) * np.clip(s / 0.4, 0.0, 1.0) ** 0.7
    y = -1.50 - 0.50 * slope**3 - 2.6 * np.clip(s - 0.35, 0.0, 1.0) ** 1.2
    x, z = wide * np.sin(around), NECK_Z + deep * np.cos(around)
    points = np.stack([x, y, z], axis=-1).astype(np.float32)
    generator = np.random.default_rng(clothes.seed)
    folds = wave_noise(generator, points, (3.0, 2.0, 3.0), octaves=2)
    points += 0.02 * folds[..., None] * np.stack([np.sin(around), 0 * y, np.cos(around)], axis=-1)
    shadow = 0.40 * bell(x, 0.55) * bell(y + 1.55, 0.25)
    return make_mesh(
        points,
        grid_triangles(rows, columns, wrap=True),
        _weave(clothes, points, generator),
        occlusion=0.95 - shadow + 0.05 * folds,
        follow=0.0,
    )


def _ring(
    identity: Identity, clothes: Clothes, size: float, height: float, thickness: float
) -> Mesh:
    angle = np.linspace(0.0, 2.0 * np.pi, 56, endpoint=False)
    radius = size * identity.skull.neck
    path = np.stack(
        [
            radius * np.sin(angle),
            height - 0.05 * np.cos(angle),
            NECK_Z + 1.02 * radius * np.cos(angle),
        ],
        axis=1,
    )
    vertices, triangles = tube(path, thickness, closed=True, sides=10)
    colour = np.asarray(clothes.second if clothes.collar is Collar.CREW else clothes.colour)
    return make_mesh(vertices, triangles, 0.9 * colour, occlusion=0.85, follow=0.0)


def _weave(clothes: Clothes, points: Floats, generator: np.random.Generator) -> Floats:
    x, y = clothes.scale * points[..., 0], clothes.scale * points[..., 1]
    if clothes.pattern is Pattern.STRIPES:
        share = smoothstep(-0.15, 0.15, np.sin(y))
    elif clothes.pattern is Pattern.CHECKS:
        share = 0.5 * smoothstep(-0.2, 0.2, np.sin(y)) + 0.5 * smoothstep(-0.2, 0.2, np.sin(x))
    elif clothes.pattern is Pattern.MOTTLED:
        share = smoothstep(-0.8, 0.8, wave_noise(generator, points, 0.5 * clothes.scale))
    else:
        share = np.zeros_like(x)
    cloth = 1.0 + 0.05 * wave_noise(generator, points, 30.0, octaves=1)
    first, second = floats(clothes.colour), floats(clothes.second)
    mixed = first + (second - first) * share[..., None]
    return floats(mixed * cloth[..., None])
