"""When a frame is shown, and which frames are taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.contracts import ClipError, Reason
from components.extract_frames.timing import Clock
from components.sampling import Sampler

stamps = st.one_of(st.none(), st.floats(-1e6, 1e6))


def times(display: list[float | None], rate: float | None = 10.0) -> list[float]:
    clock = Clock(rate)
    return [clock.time(stamp, None) for stamp in display]


def taken(shown: list[float], rate: float) -> list[float]:
    sampler = Sampler(rate)
    return [time_s for time_s in shown if sampler.is_due(time_s)]


def test_time_counts_from_the_first_frame() -> None:
    assert times([5.0, 5.1, 5.3]) == pytest.approx([0, 0.1, 0.3])


def test_frames_without_stamps_follow_at_the_stated_rate() -> None:
    assert times([None, None, None], rate=4.0) == [0, 0.25, 0.5]


def test_decoding_times_stand_in_for_missing_display_times() -> None:
    clock = Clock(None)
    assert [clock.time(None, stamp) for stamp in (1.0, 1.5)] == [0, 0.5]


def test_frames_with_neither_stamps_nor_a_rate_are_unreadable() -> None:
    with pytest.raises(ClipError) as caught:
        times([None, None], rate=None)
    assert caught.value.reason is Reason.UNREADABLE


def test_a_jump_back_counts_as_one_frame() -> None:
    assert times([0, 0.1, 0.0, 0.1]) == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_leap_ahead_counts_as_one_frame() -> None:
    assert times([0, 0.1, 9999.0, 9999.1]) == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_pause_is_a_pause() -> None:
    assert times([0, 0.1, 7.0]) == pytest.approx([0, 0.1, 7.0])


def test_display_times_out_of_order_give_way_to_decoding_times() -> None:
    clock = Clock(15.0)  # what FFmpeg makes of H.264 with B-frames in an AVI
    display = [0.066, 0.266, 0.199, 0.333, 0.133, 0.466, 0.399]
    decode = [0.133, 0.199, 0.266, 0.333, 0.399, 0.466, 0.533]
    shown = [clock.time(*pair) for pair in zip(display, decode, strict=True)]
    assert shown[-1] == pytest.approx(0.467, abs=0.07)


@given(st.lists(st.tuples(stamps, stamps)))
def test_time_never_runs_backwards_whatever_the_stamps(
    pairs: list[tuple[float | None, float | None]],
) -> None:
    clock = Clock(30.0)
    shown = [clock.time(*pair) for pair in pairs]
    assert shown == sorted(shown)


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
