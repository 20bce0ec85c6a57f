"""What is drawn: a shaded, textured, whole head that turns the right way."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from components.synthesize_cohort.face import Expression
from components.synthesize_cohort.figure import make_figure
from components.synthesize_cohort.identity import GlassesStyle, HairStyle, draw_identity
from components.synthesize_cohort.motion import Pose
from components.synthesize_cohort.render import Renderer
from components.synthesize_cohort.session import Lamp, Lighting, draw_session

SIZE = 160
AHEAD = Pose(0.0, 0.0, 0.0, (0.0, 0.0))
DARK = (0.0, 0.0, 0.0)
WHITE = (0.6, 0.6, 0.6)


def lit_from(azimuth: float, elevation: float = 0.0) -> Lighting:
    return Lighting(Lamp(azimuth, elevation, WHITE), Lamp(0.0, 0.0, DARK), DARK)


EVEN = Lighting(Lamp(0.0, 0.0, DARK), Lamp(0.0, 0.0, DARK), WHITE)


@pytest.fixture(scope="module")
def identity():
    drawn = draw_identity(np.random.default_rng(5))
    return replace(
        drawn,
        hair=replace(drawn.hair, style=HairStyle.SHORT),
        glasses=replace(drawn.glasses, style=GlassesStyle.NONE),
    )


@pytest.fixture(scope="module")
def session():
    drawn = draw_session(np.random.default_rng(6))
    camera = replace(drawn.camera, head_height=0.7, offset=(0.0, 0.0), elevation=0.0, roll=0.0)
    return replace(drawn, camera=camera)


@pytest.fixture(scope="module")
def figure(identity, session):
    return make_figure(identity, session.clothes, Expression())


@pytest.fixture(scope="module")
def renderer(figure, session):
    return Renderer(figure, session, SIZE)


def draw(figure, session, lighting, pose=AHEAD):
    return Renderer(figure, replace(session, lighting=lighting), SIZE).draw(pose)


def eyes_at(figure, session, pose):
    """Middle of both eyes in the picture: the eyeballs are made to glow green for it."""
    albedo = np.zeros_like(figure.mesh.albedo)
    for ball in figure.eyes:
        albedo[ball] = (0.0, 1.0, 0.0)
    glowing = replace(figure, mesh=replace(figure.mesh, albedo=albedo))
    green = draw(glowing, session, EVEN, pose)[..., 1]
    rows, columns = np.nonzero(green > 0.1)
    return columns.mean(), rows.mean()


def test_the_head_is_upright(figure, session, renderer):
    coverage = renderer.draw(AHEAD)[..., 3]
    shoulders = np.nonzero(coverage.sum(axis=1) == coverage.sum(axis=1).max())[0][0]
    assert eyes_at(figure, session, AHEAD)[1] < shoulders


@pytest.mark.parametrize("sign", [-1, 1], ids=["left", "right"])
def test_yaw_takes_the_face_to_the(figure, session, sign):
    turned = eyes_at(figure, session, Pose(30.0 * sign, 0.0, 0.0, (0.0, 0.0)))
    ahead = eyes_at(figure, session, AHEAD)
    assert sign * (turned[0] - ahead[0]) > 8


@pytest.mark.parametrize("sign", [-1, 1], ids=["down", "up"])
def test_pitch_takes_the_face(figure, session, sign):
    turned = eyes_at(figure, session, Pose(0.0, 18.0 * sign, 0.0, (0.0, 0.0)))
    ahead = eyes_at(figure, session, AHEAD)
    assert sign * (ahead[1] - turned[1]) > 3


def test_a_located_point_is_where_it_is_drawn(figure, session, renderer):
    pose = Pose(15.0, 10.0, 0.0, (0.05, 0.02))
    right, down = renderer.locate(figure.eye_centres.mean(axis=0) + np.float32([0, 0, 0.15]), pose)
    seen = eyes_at(figure, session, pose)
    assert np.hypot(right - seen[0], down - seen[1]) < 4


def test_the_eyes_stay_on_the_camera_while_the_head_turns(figure, session):
    # Without a gaze of their own, the pupils would go as far aside as the lids.
    still = Renderer(figure, session, SIZE)
    turned = still._place(Pose(30.0, 0.0, 0.0, (0.0, 0.0)))
    ball = figure.eyes[0]
    dark = figure.mesh.albedo[ball].max(axis=1) < 0.01
    looking = turned[ball][dark].mean(axis=0) - turned[ball].mean(axis=0)
    assert np.rad2deg(np.arctan2(looking[0], looking[2])) == pytest.approx(7.5, abs=1.5)


@pytest.mark.parametrize("sign", [-1, 1], ids=["left", "right"])
def test_the_side_that_faces_the_lamp_is_brighter_when_it_is_on_the(figure, session, sign):
    light = draw(figure, session, lit_from(60.0 * sign))[40:100, :, :3].sum(axis=(0, 2))
    left, right = light[: SIZE // 2].sum(), light[SIZE // 2 :].sum()
    assert sign * (right - left) > 0.3 * (left + right)


def test_light_from_above_leaves_the_shade_under_the_chin(figure, session):
    above = draw(figure, session, lit_from(0.0, 70.0))[..., :3].mean(axis=(1, 2))
    ahead = draw(figure, session, lit_from(0.0, 0.0))[..., :3].mean(axis=(1, 2))
    assert (above / np.maximum(ahead, 1e-3))[30] > (above / np.maximum(ahead, 1e-3))[110]


def test_a_face_in_even_light_shows_texture(figure, session):
    face = draw(figure, session, EVEN)[60:110, 60:100, :3]
    assert face.std(axis=(0, 1)).max() > 0.02


def test_another_skin_colour_is_another_picture(identity, session):
    pictures = []
    for colour in ((0.6, 0.4, 0.3), (0.1, 0.05, 0.03)):
        painted = replace(identity, skin=replace(identity.skin, colour=colour))
        figure = make_figure(painted, session.clothes, Expression())
        pictures.append(draw(figure, session, EVEN)[70:100, 60:100, :3].mean())
    assert pictures[0] > 2 * pictures[1]


POSES = [AHEAD, Pose(35, 10, 3, (0, 0)), Pose(-35, -10, -3, (0, 0)), Pose(0, 22, 0, (0, 0))]


@pytest.mark.parametrize("pose", POSES)
def test_no_hole_shows_the_backdrop_through_the_head(renderer, pose):
    outside = np.pad((renderer.draw(pose)[..., 3] < 0.5).astype(np.uint8), 1, constant_values=1)
    assert cv2.connectedComponents(outside[: SIZE // 2 + 20], connectivity=4)[0] == 2


def test_light_is_never_negative(renderer):
    assert renderer.draw(POSES[1]).min() >= 0.0
