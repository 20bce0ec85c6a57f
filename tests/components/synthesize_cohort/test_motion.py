"""The head goes round in circles through yaw and pitch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.synthesize_cohort.motion import poses, rotation
from components.synthesize_cohort.session import draw_session

SEEDS = st.integers(0, 2**32 - 1)
SECONDS = st.floats(1.0, 12.0)


def way(seed, seconds):
    generator = np.random.default_rng(seed)
    motion = draw_session(generator).motion
    return poses(motion, round(seconds * 12), 12.0, generator)


@given(SEEDS, SECONDS)
def test_every_clip_turns_to_both_sides(seed, seconds):
    yaw = [pose.yaw for pose in way(seed, seconds)]
    assert min(yaw) < -12 < 12 < max(yaw)


@given(SEEDS, SECONDS)
def test_every_clip_looks_up_and_down(seed, seconds):
    pitch = [pose.pitch for pose in way(seed, seconds)]
    assert min(pitch) < -5 < 5 < max(pitch)


@given(SEEDS, SECONDS)
def test_the_head_goes_all_the_way_round(seed, seconds):
    path = way(seed, seconds)
    yaw = np.array([pose.yaw for pose in path])
    pitch = np.array([pose.pitch for pose in path])
    angle = np.unwrap(np.arctan2(pitch - pitch.mean(), yaw - yaw.mean()))
    assert abs(angle[-1] - angle[0]) > 1.5 * np.pi


def test_some_clips_go_round_the_other_way():
    directions = {draw_session(np.random.default_rng(s)).motion.clockwise for s in range(20)}
    assert directions == {-1, 1}


ANGLES = st.floats(-80, 80)


@given(ANGLES, ANGLES, ANGLES)
def test_a_rotation_keeps_lengths_and_hands(yaw, pitch, roll):
    turn = rotation(yaw, pitch, roll).astype(np.float64)
    assert np.cross(turn[:, 0], turn[:, 1]) == pytest.approx(turn[:, 2], abs=1e-5)


@pytest.mark.parametrize(
    ("yaw", "pitch", "axis"), [(30, 0, 0), (0, 30, 1)], ids=["right for yaw", "up for pitch"]
)
def test_the_nose_goes(yaw, pitch, axis):
    nose = rotation(yaw, pitch) @ np.float32([0, 0, 1])
    assert nose[axis] == pytest.approx(0.5, abs=1e-3)
