"""Who a synthetic person is: what stays the same from session to session."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from components.synthesize_cohort.noise import from_srgb

if TYPE_CHECKING:
    from collections.abc import Sequence

Colour = tuple[float, float, float]


class HairStyle(enum.StrEnum):
    """How the hair is cut."""

    BALD = "bald"
    BUZZ = "buzz"
    SHORT = "short"
    SIDE_PART = "side_part"
    FRINGE = "fringe"
    CURLY = "curly"
    BOB = "bob"
    LONG = "long"
    BUN = "bun"
    PONYTAIL = "ponytail"


class BeardStyle(enum.StrEnum):
    """What grows on the lower face."""

    NONE = "none"
    STUBBLE = "stubble"
    MOUSTACHE = "moustache"
    GOATEE = "goatee"
    FULL = "full"


class GlassesStyle(enum.StrEnum):
    """What the rims look like."""

    NONE = "none"
    ROUND = "round"
    OVAL = "oval"
    SQUARE = "square"


@dataclass(frozen=True)
class Skull:
    """The shape of the head; lengths in half heights of a head."""

    half_width: float
    depth: float
    upper: float
    lower: float
    jaw_taper: float
    jaw_square: float
    cheekbones: float
    cheek_height: float
    cheek_fullness: float
    brow_ridge: float
    forehead_slope: float
    chin: float
    chin_width: float
    ear_size: float
    ear_angle: float
    neck: float
    shoulders: float


@dataclass(frozen=True)
class Eyes:
    """Eyes and brows; colours are linear RGB."""

    spacing: float
    height: float
    width: float
    opening: float
    tilt: float
    socket: float
    iris: Colour
    brow_height: float
    brow_length: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    brow_density: float
    lashes: float


@dataclass(frozen=True)
class Nose:
    """The nose: a ridge from between the eyes to the tip, and two wings."""

    length: float
    projection: float
    bridge: float
    bridge_width: float
    tip_width: float
    wings: float
    hump: float
    upturn: float


@dataclass(frozen=True)
class Mouth:
    """The mouth."""

    height: float
    half_width: float
    upper_lip: float
    lower_lip: float
    colour: Colour
    corners: float


@dataclass(frozen=True)
class Skin:
    """The skin; `seed` makes its mottling, freckles and moles."""

    colour: Colour
    redness: float
    mottling: float
    freckles: float
    moles: int
    age: float
    seed: int


@dataclass(frozen=True)
class Hair:
    """Hair and beard; `seed` makes the strands."""

    style: HairStyle
    colour: Colour
    hairline: float
    receding: float
    volume: float
    length: float
    part: float
    beard: BeardStyle
    beard_colour: Colour
    seed: int


@dataclass(frozen=True)
class Glasses:
    """Glasses, or none; lengths in half heights of a head."""

    style: GlassesStyle
    colour: Colour
    half_width: float
    half_height: float
    rim: float


@dataclass(frozen=True)
class Identity:
    """Everything that is the same in all sessions of a person."""

    skull: Skull
    eyes: Eyes
    nose: Nose
    mouth: Mouth
    skin: Skin
    hair: Hair
    glasses: Glasses


# From light to dark, in sRGB; a person's skin lies somewhere between two neighbours.
SKINS: Final = from_srgb(
    [
        (0.93, 0.78, 0.69),
        (0.88, 0.69, 0.57),
        (0.79, 0.58, 0.45),
        (0.65, 0.45, 0.33),
        (0.47, 0.31, 0.22),
        (0.32, 0.20, 0.15),
    ]
)
HAIRS: Final = from_srgb(
    [
        (0.10, 0.08, 0.08),
        (0.20, 0.13, 0.10),
        (0.34, 0.22, 0.14),
        (0.47, 0.31, 0.18),
        (0.74, 0.57, 0.35),
        (0.55, 0.25, 0.12),
        (0.62, 0.61, 0.60),
    ]
)
IRISES: Final = from_srgb(
    [(0.22, 0.12, 0.07), (0.36, 0.22, 0.11), (0.33, 0.40, 0.24), (0.34, 0.47, 0.60)]
)
RIMS: Final = from_srgb(
    [(0.06, 0.06, 0.07), (0.25, 0.14, 0.08), (0.62, 0.56, 0.42), (0.45, 0.12, 0.14)]
)


def draw_identity(generator: np.random.Generator) -> Identity:
    """Draw a person. The role is no argument: nobody may be told apart by it."""
    tone = float(generator.uniform(0.0, len(SKINS) - 1.0))
    age = float(generator.uniform(0.0, 1.0))
    bearded = bool(generator.random() < 0.4)
    skin = _skin(generator, tone, age)
    hair = _hair(generator, tone, age, bearded=bearded)
    return Identity(
        skull=_skull(generator),
        eyes=_eyes(generator, tone),
        nose=_nose(generator),
        mouth=_mouth(generator, skin),
        skin=skin,
        hair=hair,
        glasses=_glasses(generator),
    )


def _around(generator: np.random.Generator, mean: float, spread: float) -> float:
    # Two standard deviations at most: beyond them faces turn into caricatures.
    return mean + spread * float(np.clip(generator.standard_normal(), -2.0, 2.0))


def _choose(generator: np.random.Generator, weights: Sequence[float]) -> int:
    share = np.asarray(weights) / np.sum(weights)
    return int(generator.choice(len(share), p=share))


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = (float(value) for value in np.clip(values, 0.0, 1.0))
    return red, green, blue


def _skull(generator: np.random.Generator) -> Skull:
    return Skull(
        half_width=_around(generator, 0.77, 0.035),
        depth=_around(generator, 0.88, 0.03),
        upper=_around(generator, 1.10, 0.03),
        lower=_around(generator, 1.13, 0.05),
        jaw_taper=_around(generator, 0.30, 0.08),
        jaw_square=_around(generator, 0.66, 0.09),
        cheekbones=_around(generator, 0.035, 0.018),
        cheek_height=_around(generator, -0.24, 0.05),
        cheek_fullness=_around(generator, 0.0, 0.028),
        brow_ridge=_around(generator, 0.030, 0.013),
        forehead_slope=_around(generator, 0.05, 0.03),
        chin=_around(generator, 0.07, 0.03),
        chin_width=_around(generator, 0.20, 0.04),
        ear_size=_around(generator, 1.0, 0.12),
        ear_angle=_around(generator, 0.45, 0.15),
        neck=_around(generator, 0.40, 0.04),
        shoulders=_around(generator, 1.60, 0.12),
    )


def _eyes(generator: np.random.Generator, tone: float) -> Eyes:
    # Light eyes become rare as the skin grows darker.
    light = float(np.interp(tone, [0.0, 2.5, 3.5], [1.6, 0.6, 0.0]))
    iris = IRISES[_choose(generator, [1.0, 1.0, 0.5 * light, light])]
    return Eyes(
        spacing=_around(generator, 0.325, 0.018),
        height=_around(generator, 0.02, 0.02),
        width=_around(generator, 0.165, 0.010),
        opening=_around(generator, 0.085, 0.012),
        tilt=_around(generator, 0.05, 0.07),
        socket=_around(generator, 0.085, 0.018),
        iris=_colour(iris * generator.uniform(0.8, 1.25)),
        brow_height=_around(generator, 0.235, 0.02),
        brow_length=_around(generator, 0.205, 0.018),
        brow_thickness=_around(generator, 0.036, 0.010),
        brow_arch=_around(generator, 0.045, 0.022),
        brow_tilt=_around(generator, 0.02, 0.09),
        brow_density=float(generator.uniform(0.55, 1.0)),
        lashes=float(generator.uniform(0.4, 1.0)),
    )


def _nose(generator: np.random.Generator) -> Nose:
    return Nose(
        length=_around(generator, 0.36, 0.03),
        projection=_around(generator, 0.215, 0.030),
        bridge=_around(generator, 0.085, 0.02),
        bridge_width=_around(generator, 0.075, 0.009),
        tip_width=_around(generator, 0.085, 0.013),
        wings=_around(generator, 0.105, 0.016),
        hump=_around(generator, 0.0, 0.018),
        upturn=_around(generator, 0.03, 0.025),
    )


def _mouth(generator: np.random.Generator, skin: Skin) -> Mouth:
    ruddy = np.asarray(skin.colour) * (0.86, 0.52, 0.55) + (0.03, 0.0, 0.005)
    return Mouth(
        height=_around(generator, -0.635, 0.022),
        half_width=_around(generator, 0.265, 0.027),
        upper_lip=_around(generator, 0.058, 0.015),
        lower_lip=_around(generator, 0.078, 0.018),
        colour=_colour(ruddy * generator.uniform(0.85, 1.15)),
        corners=_around(generator, 0.0, 0.018),
    )


def _skin(generator: np.random.Generator, tone: float, age: float) -> Skin:
    below = int(tone)
    part = tone - below
    colour = SKINS[below] * (1.0 - part) + SKINS[min(below + 1, len(SKINS) - 1)] * part
    undertone = 1.0 + generator.uniform(-0.07, 0.07) * np.array([0.4, 0.0, -1.0])
    return Skin(
        colour=_colour(colour * undertone),
        redness=float(generator.uniform(0.0, 1.0)),
        mottling=float(generator.uniform(0.02, 0.06)),
        freckles=float(generator.uniform(0.3, 1.0)) if generator.random() < 0.3 else 0.0,
        moles=int(generator.integers(0, 6)),
        age=age,
        seed=int(generator.integers(2**31)),
    )


def _hair(generator: np.random.Generator, tone: float, age: float, *, bearded: bool) -> Hair:
    fair = float(np.interp(tone, [0.0, 2.0, 3.0], [1.0, 0.4, 0.0]))
    grey = float(np.interp(age, [0.0, 0.6, 1.0], [0.0, 0.1, 1.6]))
    colour = HAIRS[_choose(generator, [1.0, 1.2, 0.2 + fair, 0.8 * fair, fair, 0.6 * fair, grey])]
    short = [0.5, 0.8, 1.3, 1.2, 1.2, 1.0]
    long = [0.25] * 4 if bearded else [1.0, 1.3, 0.7, 0.8]
    beard = BeardStyle.NONE
    if bearded:
        beard = list(BeardStyle)[1 + _choose(generator, [1.2, 0.7, 0.8, 1.2])]
    own = colour * generator.uniform(0.85, 1.2)
    return Hair(
        style=list(HairStyle)[_choose(generator, short + long)],
        colour=_colour(own),
        hairline=_around(generator, 0.60, 0.05),
        receding=float(generator.uniform(0.0, 0.22)),
        volume=_around(generator, 0.13, 0.03),
        length=_around(generator, 0.0, 0.18),
        part=float(generator.uniform(-1.0, 1.0)),
        beard=beard,
        beard_colour=_colour(own * generator.uniform(0.8, 1.15)),
        seed=int(generator.integers(2**31)),
    )


def _glasses(generator: np.random.Generator) -> Glasses:
    worn = bool(generator.random() < 0.35)
    kind = _choose(generator, [1.0, 1.0, 1.0])
    return Glasses(
        style=list(GlassesStyle)[1 + kind] if worn else GlassesStyle.NONE,
        colour=_colour(RIMS[_choose(generator, [1.2, 0.9, 0.8, 0.5])]),
        half_width=_around(generator, 0.235, 0.015),
        half_height=_around(generator, (0.20, 0.155, 0.165)[kind], 0.012),
        rim=float(generator.uniform(0.014, 0.028)),
    )
