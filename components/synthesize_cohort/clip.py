"""The frames of one clip: one person in one session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from components.model_directory import Role
from components.synthesize_cohort.backdrop import make_backdrop
from components.synthesize_cohort.camera import Sensor
from components.synthesize_cohort.figure import make_figure
from components.synthesize_cohort.floats import floats
from components.synthesize_cohort.identity import draw_identity
from components.synthesize_cohort.motion import poses
from components.synthesize_cohort.people import people_of
from components.synthesize_cohort.render import Renderer
from components.synthesize_cohort.session import draw_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from components.synthesize_cohort.identity import Identity
    from components.synthesize_cohort.session import Session

NOSE = floats([0.0, -0.25, 1.0])
"""A point whose way through the picture stands for that of the face."""


def render_clip(
    identity: Identity, session: Session, *, frames: int, fps: int, size: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """Render a clip frame by frame.

    Args:
        identity: the person.
        session: the conditions.
        frames: how many.
        fps: frames a second.
        size: width and height in pixels.

    Yields:
        (size, size, 3) sRGB frames.
    """
    generator = np.random.default_rng([session.seed, 2])
    renderer = Renderer(make_figure(identity, session.clothes, session.expression), session, size)
    sensor = Sensor(session.camera, size, generator)
    backdrop = make_backdrop(session, size)
    # One pose more: the last frame moves on as well.
    way = poses(session.motion, frames + 1, fps, generator)
    shake = session.camera.shake * size * generator.standard_normal((frames, 2))
    for here, there, hand in zip(way[:-1], way[1:], shake, strict=True):
        before, after = renderer.locate(NOSE, here), renderer.locate(NOSE, there)
        moved = floats([[1.0, 0.0, hand[0]], [0.0, 1.0, hand[1]]])
        behind = floats(
            cv2.warpAffine(backdrop, moved, (size, size), borderMode=cv2.BORDER_REFLECT)
        )
        travel = (fps * (after[0] - before[0]), fps * (after[1] - before[1]))
        yield sensor.expose(renderer.draw(here), behind, travel)


def render_people(people: int, *, frames: int, size: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Render some frames, a second apart, of a session of each of so many people.

    Returns:
        (people * frames, size, size, 3) sRGB, one person after another.
    """
    return np.stack(
        [
            frame
            for person in people_of(seed, {Role.STUDENT: people})
            for frame in render_clip(
                draw_identity(person.generator()),
                draw_session(person.session_generator(0)),
                frames=frames,
                fps=1,
                size=size,
            )
        ]
    )
