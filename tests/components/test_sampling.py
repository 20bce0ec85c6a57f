"""Which frames of a clip are taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.sampling import Sampler


def taken(shown: list[float], rate: float) -> list[float]:
    sampler = Sampler(rate)
    return [time_s for time_s in shown if sampler.is_due(time_s)]


@pytest.mark.parametrize("fps", [7, 15, 24, 25, 29.97, 30, 59.94, 120])
def test_any_frame_rate_gives_the_same_number_of_samples(fps: float) -> None:
    shown = [number / fps for number in range(int(10 * fps))]
    assert len(taken(shown, 5.0)) == 50


def test_times_rounded_to_milliseconds_do_not_shift_the_samples() -> None:
    shown = [int(number / 30 * 1000) / 1000 for number in range(300)]
    assert taken(shown, 5.0) == pytest.approx([tick / 5 for tick in range(50)], abs=0.001)


def test_a_slow_clip_gives_every_frame_once() -> None:
    assert taken([0, 1, 2, 3], 5.0) == [0, 1, 2, 3]


def test_a_pause_gives_one_frame_when_it_ends() -> None:
    assert taken([0, 0.1, 3.05, 3.15, 3.25], 5.0) == [0, 3.05, 3.25]


@given(
    st.lists(st.floats(0, 60), max_size=200).map(sorted),
    st.floats(0.5, 30),
)
def test_no_tick_of_the_grid_gives_two_samples(shown: list[float], rate: float) -> None:
    ticks = [int((time_s + 0.001) * rate) for time_s in taken(shown, rate)]
    assert len(set(ticks)) == len(ticks)
