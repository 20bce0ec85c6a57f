"""When a frame is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.contracts import ClipError, Reason
from components.extract_frames.timing import Clock

stamps = st.one_of(st.none(), st.floats(-1e6, 1e6))


def times(display: list[float | None], rate: float | None = 10.0) -> list[float]:
    clock = Clock(rate)
    return [clock.time(stamp, None) for stamp in display]


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
