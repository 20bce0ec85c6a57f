"""What the camera does, and what stands behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from components.synthesize_cohort.backdrop import make_backdrop
from components.synthesize_cohort.camera import Sensor
from components.synthesize_cohort.session import Backdrop, draw_session

SIZE = 64
PLAIN = replace(
    draw_session(np.random.default_rng(1)).camera,
    exposure=0.0,
    white_balance=(1.0, 1.0, 1.0),
    contrast=1.0,
    vignette=0.0,
    noise=0.0,
    defocus=0.0,
    shutter=0.0,
)


def expose(camera, *, travel=(0.0, 0.0), grey=0.18):
    figure = np.zeros((SIZE, SIZE, 4), np.float32)
    figure[28:36, 28:36] = 1.0
    backdrop = np.full((SIZE, SIZE, 3), grey, np.float32)
    return Sensor(camera, SIZE, np.random.default_rng(0)).expose(figure, backdrop, travel)


def test_middle_grey_comes_out_as_its_srgb_value():
    assert expose(PLAIN)[4, 4].tolist() == pytest.approx([118] * 3, abs=1)


def test_a_stop_more_makes_the_picture_brighter():
    assert expose(replace(PLAIN, exposure=1.0))[4, 4, 0] > expose(PLAIN)[4, 4, 0] + 30


def test_white_balance_shifts_red_against_blue():
    pixel = expose(replace(PLAIN, white_balance=(1.2, 1.0, 0.8)))[4, 4].astype(int)
    assert pixel[0] > pixel[2] + 20


def test_a_vignette_darkens_the_corners_alone():
    picture = expose(replace(PLAIN, vignette=0.4))
    assert picture[0, 0, 0] < picture[20, 32, 0]


def test_an_open_shutter_smears_along_the_way_of_the_figure():
    smeared = expose(replace(PLAIN, shutter=0.05), travel=(160.0, 0.0)).astype(int)
    changed = np.abs(smeared - expose(PLAIN)).max(axis=2) > 3
    assert np.ptp(np.nonzero(changed)[1]) > np.ptp(np.nonzero(changed)[0])


def test_noise_is_as_strong_as_asked_at_middle_grey():
    picture = expose(replace(PLAIN, noise=0.02))[:20].astype(float) / 255
    slope = 1.055 / 2.4 * 0.18 ** (1 / 2.4 - 1)  # of the sRGB curve at middle grey
    assert picture.std() / slope == pytest.approx(0.02, rel=0.15)


def test_two_frames_of_a_clip_have_different_noise():
    sensor = Sensor(replace(PLAIN, noise=0.02), SIZE, np.random.default_rng(0))
    figure = np.zeros((SIZE, SIZE, 4), np.float32)
    backdrop = np.full((SIZE, SIZE, 3), 0.2, np.float32)
    first, second = (sensor.expose(figure, backdrop, (0.0, 0.0)) for _ in range(2))
    assert not np.array_equal(first, second)


def backdrop_of(kind, seed):
    session = replace(draw_session(np.random.default_rng(2)), backdrop=kind, seed=seed)
    return make_backdrop(session, SIZE)


@pytest.mark.parametrize("kind", list(Backdrop))
def test_a_backdrop_is_light_that_a_camera_can_see(kind):
    picture = backdrop_of(kind, 1)
    assert np.isfinite(picture).all()
    assert 0.005 < picture.mean() < 2.0


@pytest.mark.parametrize("kind", list(Backdrop))
def test_a_backdrop_is_another_one_under_another_seed(kind):
    assert np.abs(backdrop_of(kind, 1) - backdrop_of(kind, 2)).max() > 0.01


def test_a_backdrop_fills_the_picture():
    assert backdrop_of(Backdrop.WALL, 1).shape == (SIZE, SIZE, 3)
