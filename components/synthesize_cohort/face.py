"""The face on the skull: eye sockets, lids, brows, nose, mouth, and the skin's colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from components.synthesize_cohort.floats import Floats, floats
from components.synthesize_cohort.identity import BeardStyle
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
    from components.synthesize_cohort.identity import Eyes, Identity, Mouth, Nose

ROWS: Final = 168
COLUMNS: Final = 208
EYE_RADIUS: Final = 0.165
LID: Final = 0.020
"""Thickness of an eyelid, in head units."""


@dataclass(frozen=True)
class Expression:
    """What a face does in one session: it changes with the day, not with the person.

    Attributes:
        smile: -1 to 1, how far the corners of the mouth go up.
        brows: -1 to 1, how far the brows go up.
        lids: factor on the opening of the eyes.
    """

    smile: float = 0.0
    brows: float = 0.0
    lids: float = 1.0


@dataclass(frozen=True)
class Face:
    """The head's skin with, for each eye, the middle of its ball.

    Attributes:
        skin: the mesh of head and face.
        eye_centres: (2, 3), the eye at smaller x first.
    """

    skin: Mesh
    eye_centres: Floats


@dataclass
class _Canvas:
    """The front of the head while features are worked into it: (rows, columns) each."""

    points: Floats
    x: Floats
    y: Floats
    front: Floats
    albedo: Floats
    occlusion: Floats
    sheen: Floats

    def push(self, amount: npt.NDArray[np.floating] | float) -> None:
        """Move the surface towards the camera."""
        self.points[..., 2] += self.front * amount

    def paint(self, colour: npt.ArrayLike, share: npt.NDArray[np.floating]) -> None:
        """Blend a linear RGB colour over the skin."""
        cover = (self.front * np.clip(share, 0.0, 1.0))[..., None]
        self.albedo += cover * (floats(colour) - self.albedo)

    def tint(self, factor: tuple[float, float, float], share: npt.NDArray[np.floating]) -> None:
        """Multiply the colour of the skin."""
        self.paint(self.albedo * floats(factor), share)

    def shade(self, amount: npt.NDArray[np.floating]) -> None:
        """Keep the surroundings' light away."""
        self.occlusion *= 1.0 - self.front * np.clip(amount, 0.0, 1.0)


def make_face(identity: Identity, expression: Expression) -> Face:
    """Build the skin of a head with the face of a person in it."""
    canvas = _blank(identity)
    generator = np.random.default_rng(identity.skin.seed)
    _colour_skin(canvas, identity, generator)
    _shape_brow_and_sockets(canvas, identity)
    _shape_nose(canvas, identity.nose, identity.eyes)
    _shape_mouth(canvas, identity.mouth, expression)
    _age(canvas, identity)
    centres = np.stack([_shape_eye(canvas, identity.eyes, side, expression) for side in (-1, 1)])
    for side in (-1, 1):
        _draw_brow(canvas, identity, side, expression, generator)
    _grow_beard(canvas, identity)
    skin = make_mesh(
        canvas.points,
        grid_triangles(ROWS, COLUMNS, wrap=True),
        canvas.albedo,
        occlusion=canvas.occlusion,
        sheen=canvas.sheen,
    )
    return Face(skin, centres)


def make_eyeball(eyes: Eyes, centre: Floats) -> Mesh:
    """An eyeball with iris and pupil, looking along +z."""
    toward, triangles = sphere(28, 40)
    # The pole, where the rows lie closest, becomes the pupil.
    ball = np.stack([toward[..., 0], -toward[..., 2], toward[..., 1]], axis=-1)
    off_axis = np.arccos(np.clip(ball[..., 2], -1.0, 1.0))
    angle = np.arctan2(ball[..., 1], ball[..., 0])
    iris = floats(eyes.iris)
    fibres = 1.0 + 0.25 * np.cos(9.0 * angle + 1.0) * np.cos(14.0 * angle)
    ring = smoothstep(0.58, 0.45, off_axis)[..., None]
    rim = bell(off_axis - 0.52, 0.07)[..., None]
    pupil = smoothstep(0.24, 0.18, off_axis)[..., None]
    albedo = floats([0.70, 0.67, 0.64]) * (1.0 - ring) + iris * fibres[..., None] * ring
    albedo = albedo * (1.0 - 0.7 * rim) * (1.0 - pupil) + 0.004 * pupil
    eyeball = make_mesh(
        centre + EYE_RADIUS * ball,
        triangles,
        albedo,
        occlusion=0.55 + 0.35 * smoothstep(0.5, -0.1, ball[..., 1]),
        sheen=0.05,
        glint=1.2,
    )
    # The back of the ball is never seen, however far it turns.
    return keep(eyeball, eyeball.vertices[triangles, 2].min(axis=1) > centre[2])


def _blank(identity: Identity) -> _Canvas:
    latitudes = graded(
        ROWS,
        -np.pi / 2,
        np.pi / 2,
        lambda at: 0.30 + bell(at + 0.22, 0.42),
        ends=True,
    )
    longitudes = graded(COLUMNS, -np.pi, np.pi, lambda at: 0.22 + bell(at, 0.48), ends=False)
    toward = directions(latitudes, longitudes)
    points = skull_surface(identity.skull, toward)
    ring = np.sqrt(np.maximum(1.0 - toward[..., 1] ** 2, 1e-8))
    shape = points.shape[:2]
    return _Canvas(
        points=points,
        x=points[..., 0].copy(),
        y=points[..., 1].copy(),
        front=smoothstep(0.0, 0.35, toward[..., 2] / ring),
        albedo=np.broadcast_to(floats(identity.skin.colour), (*shape, 3)).copy(),
        occlusion=np.ones(shape, dtype=np.float32),
        sheen=np.full(shape, 0.045, dtype=np.float32),
    )


def _colour_skin(canvas: _Canvas, identity: Identity, generator: np.random.Generator) -> None:
    skin = identity.skin
    coarse = wave_noise(generator, canvas.points, 3.0)
    fine = wave_noise(generator, canvas.points, 22.0, octaves=2)
    canvas.albedo *= (1.0 + skin.mottling * (0.8 * coarse + 0.7 * fine))[..., None]
    cheeks = bell(np.abs(canvas.x) - 0.42, 0.17) * bell(canvas.y + 0.30, 0.17)
    nose = bell(canvas.x, 0.12) * bell(canvas.y + 0.33, 0.12)
    canvas.tint((1.06, 0.72, 0.72), skin.redness * (0.75 * cheeks + 0.55 * nose))
    forehead = bell(canvas.y - 0.48, 0.16) * bell(canvas.x, 0.35)
    canvas.tint((0.98, 1.0, 0.88), 0.5 * forehead)
    canvas.sheen += 0.05 * canvas.front * (forehead + nose + 0.5 * cheeks)
    _spot(canvas, identity, generator)


def _spot(canvas: _Canvas, identity: Identity, generator: np.random.Generator) -> None:
    skin = identity.skin
    spots = [(0.70, 0.58, 0.50, float(generator.uniform(0.007, 0.010)), skin.freckles)] * int(
        110 * skin.freckles
    )
    spots += [(0.35, 0.26, 0.22, 0.012, 0.9)] * skin.moles
    for red, green, blue, size, strength in spots:
        x, y = generator.uniform(-0.62, 0.62), generator.uniform(-0.9, 0.5)
        if strength < 0.9 and abs(y + 0.2) > 0.35:
            x, y = 0.7 * x, 0.4 * y - 0.12  # freckles gather over nose and cheeks
        mark = bell(np.hypot(canvas.x - x, canvas.y - y), size)
        canvas.tint((red, green, blue), strength * mark)


def _shape_brow_and_sockets(canvas: _Canvas, identity: Identity) -> None:
    eyes = identity.eyes
    ridge = bell(canvas.y - eyes.height - 0.19, 0.075) * smoothstep(0.62, 0.35, np.abs(canvas.x))
    canvas.push(identity.skull.brow_ridge * ridge)
    for side in (-1, 1):
        x, y = canvas.x - side * eyes.spacing, canvas.y - eyes.height
        hollow = bell(x, 0.17) * bell(y - 0.01, 0.115)
        canvas.push(-eyes.socket * hollow)
        canvas.shade(0.22 * bell(x, 0.16) * bell(y - 0.05, 0.11))
        tired = bell(x, 0.12) * bell(y + 0.17, 0.035)
        canvas.tint((0.80, 0.72, 0.76), tired * (0.25 + 0.35 * identity.skin.age))


def _shape_nose(canvas: _Canvas, nose: Nose, eyes: Eyes) -> None:
    x, y = canvas.x, canvas.y
    top, tip = eyes.height + 0.14, eyes.height - nose.length
    along = np.clip((top - y) / (top - tip), 0.0, None)
    rise = np.interp(along, [0.0, 0.25, 0.88, 2.0], [0.0, nose.bridge, 0.92 * nose.projection, 0.0])
    rise = rise + nose.hump * bell(along - 0.5, 0.2)
    under = smoothstep(tip - 0.13 + nose.upturn, tip + 0.045, y)
    width = nose.bridge_width + (nose.tip_width - nose.bridge_width) * smoothstep(0.4, 1.0, along)
    canvas.push((rise * under * np.exp(-0.5 * (x / width) ** 2)).astype(np.float32))
    ball = bell(np.hypot(x, 1.15 * (y - tip - 0.005)), 0.062)
    canvas.push(0.30 * nose.projection * ball)
    for side in (-1, 1):
        wing = bell(x - side * nose.wings, 0.048) * bell(y - tip + 0.02, 0.05)
        canvas.push(0.11 * wing)
        crease = bell(x - side * (nose.wings + 0.055), 0.018) * bell(y - tip + 0.01, 0.055)
        canvas.tint((0.78, 0.66, 0.62), 0.8 * crease)
        hole = bell(x - side * 0.62 * nose.wings, 0.030) * bell(y - tip + 0.065, 0.020)
        canvas.push(-0.05 * hole)
        canvas.paint((0.02, 0.008, 0.006), 0.95 * hole)
    canvas.shade(0.45 * bell(x, 0.12) * bell(y - tip + 0.10, 0.035))


def _shape_mouth(canvas: _Canvas, mouth: Mouth, expression: Expression) -> None:
    half = mouth.half_width * (1.0 + 0.10 * expression.smile)
    along = canvas.x / half
    inside = np.clip(1.0 - along * along, 0.0, 1.0)
    corner = mouth.corners + 0.035 * expression.smile
    line = mouth.height + corner * np.clip(along * along, 0.0, 1.2) - 0.4 * corner
    above = canvas.y - line
    bow = 1.0 - 0.30 * bell(along, 0.13)
    upper = mouth.upper_lip * inside**0.8 * bow
    lower = mouth.lower_lip * inside**0.7
    canvas.push(0.055 * bell(canvas.x, 0.22) * bell(canvas.y - mouth.height, 0.15))
    canvas.push(-0.022 * bell(canvas.x, 0.03) * bell(above - mouth.upper_lip - 0.06, 0.05))
    lips = np.where(
        above > 0.0,
        smoothstep(1.15, 0.85, above / np.maximum(upper, 1e-3)),
        smoothstep(1.15, 0.85, -above / np.maximum(lower, 1e-3)),
    ) * smoothstep(0.0, 0.06, inside)
    canvas.push(0.75 * mouth.upper_lip * bell(above - 0.45 * mouth.upper_lip, 0.03) * inside)
    canvas.push(0.75 * mouth.lower_lip * bell(above + 0.50 * mouth.lower_lip, 0.034) * inside)
    canvas.paint(mouth.colour, 0.88 * lips)
    canvas.sheen += 0.10 * lips * canvas.front
    groove = bell(above, 0.012) * smoothstep(1.10, 0.92, np.abs(along))
    canvas.push(-0.03 * groove)
    canvas.paint((0.045, 0.012, 0.012), 0.85 * groove)
    canvas.shade(0.25 * bell(above + mouth.lower_lip + 0.03, 0.025) * inside)
    fold = bell(np.abs(canvas.x) - 0.25 + 0.28 * (above - 0.12), 0.020) * bell(above - 0.12, 0.10)
    depth = 0.12 + 0.5 * max(expression.smile, 0.0)
    canvas.push(-0.016 * depth * fold)
    canvas.tint((0.80, 0.70, 0.68), 0.7 * depth * fold)


def _age(canvas: _Canvas, identity: Identity) -> None:
    old = identity.skin.age**1.5
    wave = 0.012 * np.sin(9.0 * canvas.x)
    lines = sum(bell(canvas.y - y - wave, 0.010) for y in (0.40, 0.47, 0.54))
    lines = lines * bell(canvas.x, 0.26)
    fold = bell(np.abs(canvas.x) - 0.23 + 0.30 * (canvas.y + 0.50), 0.018)
    folds = fold * bell(canvas.y + 0.52, 0.10)
    canvas.push(-0.012 * old * (lines + 1.5 * folds))
    canvas.tint((0.74, 0.64, 0.62), 0.7 * old * (0.7 * lines + folds))


def _shape_eye(canvas: _Canvas, eyes: Eyes, side: int, expression: Expression) -> Floats:
    outward = side * (canvas.x - side * eyes.spacing)
    level = canvas.y - eyes.height
    distance = np.hypot(outward, level)
    nearest = int(np.argmin(np.where(canvas.front > 0.5, distance, np.inf)))
    socket_z = float(canvas.points.reshape(-1, 3)[nearest, 2])
    centre = floats([side * eyes.spacing, eyes.height, socket_z + 0.030 - EYE_RADIUS])
    # The lids lie on the ball; where they part, the skin goes back behind it.
    ball = np.sqrt(np.maximum(EYE_RADIUS**2 - distance**2, 0.0))
    over = centre[2] + ball + LID - canvas.points[..., 2]
    canvas.push(np.maximum(over, 0.0) * smoothstep(0.99, 0.80, distance / EYE_RADIUS))
    along = outward / eyes.width
    height = level - eyes.tilt * outward - 0.02 * along
    opening = eyes.opening * expression.lids
    arc = np.clip(1.0 - np.abs(along) ** 2.3, 0.0, 1.0)
    top, bottom = opening * arc * (1.0 - 0.15 * along), -0.60 * opening * arc
    within = np.minimum(top - height, height - bottom)
    near = smoothstep(1.25, 1.0, np.abs(along)) * (distance < 1.6 * EYE_RADIUS)
    canvas.push(-0.11 * smoothstep(0.000, 0.016, within) * near)
    lash = bell(height - top - 0.006, 0.013) * near * smoothstep(1.2, 0.95, np.abs(along))
    canvas.paint((0.02, 0.014, 0.012), (0.45 + 0.5 * eyes.lashes) * lash)
    rim = bell(height - bottom + 0.004, 0.010) * near * smoothstep(1.1, 0.9, np.abs(along))
    canvas.tint((0.70, 0.45, 0.42), 0.75 * rim)
    fold = bell(height - 1.35 * top - 0.035, 0.012) * near * arc
    canvas.push(-0.012 * fold)
    canvas.tint((0.66, 0.54, 0.50), 0.75 * fold)
    return centre


def _draw_brow(
    canvas: _Canvas,
    identity: Identity,
    side: int,
    expression: Expression,
    generator: np.random.Generator,
) -> None:
    eyes = identity.eyes
    along = (side * canvas.x - eyes.spacing * 1.02) / eyes.brow_length
    arch = eyes.brow_arch * (1.0 - (along - 0.25) ** 2)
    middle = eyes.height + eyes.brow_height + arch + eyes.brow_tilt * 0.35 * along
    above = canvas.y - middle - 0.028 * expression.brows
    thickness = eyes.brow_thickness * np.interp(along, [-1.0, 0.2, 1.0], [1.0, 0.9, 0.35])
    hairs = np.stack([canvas.x - side * 0.8 * canvas.y, canvas.y], axis=-1)
    texture = wave_noise(generator, hairs, (75.0, 14.0), octaves=1)
    cover = smoothstep(1.25, 0.55, np.abs(above) / np.maximum(thickness, 1e-3))
    cover = cover * smoothstep(1.12, 0.85, np.abs(along)) * (0.88 + 0.16 * texture)
    canvas.push(0.018 * cover)
    colour = floats(identity.hair.colour) * 0.75
    canvas.paint((colour[0], colour[1], colour[2]), eyes.brow_density * cover)


def _grow_beard(canvas: _Canvas, identity: Identity) -> None:
    style = identity.hair.beard
    if style is BeardStyle.NONE:
        return
    generator = np.random.default_rng(identity.hair.seed + 1)
    share = _beard_area(canvas, identity.mouth, style)
    strands = wave_noise(generator, canvas.points, (40.0, 13.0, 40.0), octaves=2)
    if style is BeardStyle.STUBBLE:
        share, thickness = 0.50 * share * (0.85 + 0.25 * strands), 0.0
    else:
        share, thickness = share * (0.92 + 0.10 * strands), 0.05
    canvas.points *= (1.0 + thickness * share * (1.0 + 0.25 * strands))[..., None]
    light = 1.0 + 0.22 * np.clip(strands, -2.0, 2.0)
    colour = floats(identity.hair.beard_colour) * light[..., None]
    cover = np.clip(share, 0.0, 1.0)[..., None]
    canvas.albedo += cover * (colour - canvas.albedo)
    canvas.sheen *= 1.0 - 0.6 * cover[..., 0]


def _beard_area(canvas: _Canvas, mouth: Mouth, style: BeardStyle) -> Floats:
    x, above = canvas.x, canvas.y - mouth.height
    ahead = canvas.points[..., 2]
    lips = np.hypot(x / (mouth.half_width * 0.98), (above + 0.012) / 0.085)
    off_lips = smoothstep(0.92, 1.12, lips)
    moustache = bell(above - 0.125, 0.042) * smoothstep(0.36, 0.24, np.abs(x))
    if style is BeardStyle.MOUSTACHE:
        return floats(1.25 * moustache * off_lips)
    chin = smoothstep(0.42, 0.22, np.abs(x)) * smoothstep(-0.02, -0.14, above)
    if style is BeardStyle.GOATEE:
        around = smoothstep(0.46, 0.34, np.abs(x)) * smoothstep(0.20, 0.15, above)
        beside = around * smoothstep(0.22, 0.30, np.abs(x))
        area = np.maximum(np.maximum(chin, beside), moustache)
    else:
        line = np.interp(np.abs(x), [0.0, 0.30, 0.55, 0.75], [-0.10, -0.04, 0.16, 0.45])
        jaw = smoothstep(0.05, -0.09, above - line)
        area = np.maximum(jaw, moustache)
    return floats(area * off_lips * smoothstep(-0.25, 0.02, ahead))
