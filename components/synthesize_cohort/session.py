"""What changes from one session of a person to the next, and must not matter."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from components.synthesize_cohort.body import Clothes, Collar, Pattern
from components.synthesize_cohort.face import Expression
from components.synthesize_cohort.noise import from_srgb

if TYPE_CHECKING:
    from components.synthesize_cohort.identity import Colour


class Backdrop(enum.StrEnum):
    """What stands behind the person."""

    WALL = "wall"
    WINDOWS = "windows"
    SHELVES = "shelves"
    CORRIDOR = "corridor"
    OUTDOORS = "outdoors"
    LIGHTS = "lights"


@dataclass(frozen=True)
class Lamp:
    """A light far away.

    Attributes:
        azimuth: degrees to the right of the camera (as the picture shows it); negative is left.
        elevation: degrees above the camera.
        colour: linear RGB, its strength included.
    """

    azimuth: float
    elevation: float
    colour: Colour

    def direction(self) -> tuple[float, float, float]:
        """Unit vector towards the lamp: x right, y up, z to the camera."""
        azimuth, elevation = np.deg2rad(self.azimuth), np.deg2rad(self.elevation)
        return (
            float(np.cos(elevation) * np.sin(azimuth)),
            float(np.sin(elevation)),
            float(np.cos(elevation) * np.cos(azimuth)),
        )


@dataclass(frozen=True)
class Lighting:
    """A key light, a fill light, and light from everywhere (linear RGB)."""

    key: Lamp
    fill: Lamp
    ambient: Colour


@dataclass(frozen=True)
class Camera:
    """How the camera sees and what it does to the picture.

    Attributes:
        field_of_view: vertical, degrees.
        head_height: the head's height as a part of the picture's.
        offset: where the head's middle is, right and up, as parts of the picture's height.
        elevation: degrees by which the camera looks down on the person.
        roll: degrees.
        exposure: stops.
        white_balance: factors on linear red, green, blue.
        contrast: exponent around middle grey.
        vignette: how much darker the corners are, 0 to 1.
        noise: standard deviation at middle grey, as a part of full scale.
        defocus: standard deviation of the blur, as a part of the picture's height.
        shutter: seconds in which light is gathered.
        shake: of the hand, as a part of the picture's height.
        quality: x264's constant rate factor; higher is worse.
    """

    field_of_view: float
    head_height: float
    offset: tuple[float, float]
    elevation: float
    roll: float
    exposure: float
    white_balance: Colour
    contrast: float
    vignette: float
    noise: float
    defocus: float
    shutter: float
    shake: float
    quality: int


@dataclass(frozen=True)
class Motion:
    """How the head goes round: yaw and pitch are the two halves of an ellipse.

    Attributes:
        yaw: largest turn to either side, degrees.
        pitch: largest turn up and down, degrees.
        bias: yaw and pitch of the middle of the ellipse, degrees.
        period: seconds for one circle.
        phase: where on the ellipse the clip begins, radians.
        clockwise: 1 or -1.
        roll: largest tilt, degrees.
        jitter: degrees of unsteadiness.
        sway: of the whole person, in head units.
    """

    yaw: float
    pitch: float
    bias: tuple[float, float]
    period: float
    phase: float
    clockwise: int
    roll: float
    jitter: float
    sway: float


@dataclass(frozen=True)
class Session:
    """The conditions of one recording; `seed` makes the backdrop, the noise and the shaking."""

    lighting: Lighting
    camera: Camera
    motion: Motion
    clothes: Clothes
    expression: Expression
    backdrop: Backdrop
    backdrop_colours: tuple[Colour, Colour, Colour]
    backdrop_blur: float
    seed: int


def draw_session(generator: np.random.Generator) -> Session:
    """Draw the conditions of a session; nothing of the person goes into them."""
    warmth = float(generator.uniform(-0.7, 0.7))
    return Session(
        lighting=_lighting(generator, warmth),
        camera=_camera(generator, warmth),
        motion=_motion(generator),
        clothes=_clothes(generator),
        expression=Expression(
            smile=float(generator.uniform(-0.6, 1.0)),
            brows=float(generator.uniform(-0.8, 0.8)),
            lids=float(generator.uniform(0.80, 1.15)),
        ),
        backdrop=list(Backdrop)[int(generator.integers(len(Backdrop)))],
        backdrop_colours=(_any_colour(generator), _any_colour(generator), _any_colour(generator)),
        backdrop_blur=float(generator.uniform(0.020, 0.060)),
        seed=int(generator.integers(2**31)),
    )


def _any_colour(generator: np.random.Generator) -> Colour:
    value = generator.uniform(0.15, 0.95)
    saturation = generator.beta(1.2, 3.5)
    hue = generator.uniform(0.0, 1.0)
    wheel = np.abs((hue * 6.0 + np.array([0.0, 4.0, 2.0])) % 6.0 - 3.0) - 1.0
    mixed = value * (1.0 - saturation * (1.0 - np.clip(wheel, 0.0, 1.0)))
    return _three(from_srgb(mixed))


def _three(values: npt.NDArray[np.floating]) -> Colour:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _tinted(strength: float, warmth: float) -> Colour:
    return (
        strength * (1.0 + 0.22 * warmth),
        strength * (1.0 + 0.03 * warmth),
        strength * (1.0 - 0.30 * warmth),
    )


def _lighting(generator: np.random.Generator, warmth: float) -> Lighting:
    key = float(generator.uniform(0.75, 1.15))
    azimuth = float(generator.uniform(-70.0, 70.0))
    other = float(generator.uniform(-1.0, 1.0))
    return Lighting(
        key=Lamp(azimuth, float(generator.uniform(-5.0, 60.0)), _tinted(key, warmth)),
        fill=Lamp(
            -azimuth + float(generator.uniform(-30.0, 30.0)),
            float(generator.uniform(-20.0, 40.0)),
            _tinted(key * float(generator.uniform(0.10, 0.55)), other),
        ),
        ambient=_tinted(float(generator.uniform(0.16, 0.38)), 0.5 * (warmth + other)),
    )


def _camera(generator: np.random.Generator, warmth: float) -> Camera:
    # The camera corrects the colour of the light, but never quite.
    left = warmth * float(generator.uniform(0.0, 0.9)) + float(generator.normal(0.0, 0.2))
    return Camera(
        field_of_view=float(generator.uniform(24.0, 48.0)),
        head_height=float(generator.uniform(0.66, 0.84)),
        offset=(float(generator.uniform(-0.07, 0.07)), float(generator.uniform(-0.08, 0.01))),
        elevation=float(generator.uniform(-10.0, 8.0)),
        roll=float(generator.normal(0.0, 3.0)),
        exposure=float(generator.uniform(-0.5, 0.4)),
        white_balance=(1.0 - 0.13 * left, 1.0, 1.0 + 0.18 * left),
        contrast=float(generator.uniform(0.85, 1.20)),
        vignette=float(generator.uniform(0.0, 0.45)),
        noise=float(generator.uniform(0.002, 0.016)),
        defocus=float(generator.uniform(0.0, 0.005)),
        shutter=float(generator.uniform(0.004, 0.045)),
        shake=float(generator.uniform(0.001, 0.006)),
        quality=int(generator.integers(22, 34)),
    )


def _motion(generator: np.random.Generator) -> Motion:
    return Motion(
        yaw=float(generator.uniform(22.0, 38.0)),
        pitch=float(generator.uniform(12.0, 22.0)),
        bias=(float(generator.uniform(-5.0, 5.0)), float(generator.uniform(-4.0, 4.0))),
        period=float(generator.uniform(3.0, 5.0)),
        phase=float(generator.uniform(0.0, 2.0 * np.pi)),
        clockwise=1 if generator.random() < 0.5 else -1,
        roll=float(generator.uniform(0.0, 5.0)),
        jitter=float(generator.uniform(0.1, 0.7)),
        sway=float(generator.uniform(0.01, 0.05)),
    )


def _clothes(generator: np.random.Generator) -> Clothes:
    colour = np.array(_any_colour(generator))
    other = np.array(_any_colour(generator))
    # Loud clothes would drown the face in any feature that sees the whole picture.
    muted = 0.16 + 0.55 * (colour - 0.16)
    second = muted + 0.35 * (other - muted)
    return Clothes(
        pattern=list(Pattern)[int(generator.integers(len(Pattern)))],
        collar=list(Collar)[int(generator.integers(len(Collar)))],
        colour=_three(muted),
        second=_three(second),
        scale=float(generator.uniform(12.0, 36.0)),
        seed=int(generator.integers(2**31)),
    )
