"""What is not decoded, and that nobody misses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.extract_frames.decode import ClipDecoder
from components.extract_frames.picture import Picture, encode_jpeg
from components.extract_frames.thrift import Thrift, can_skip_deblocking
from components.sampling import Sampler
from tests.videos import noise, write_video

if TYPE_CHECKING:
    from pathlib import Path

LARGE: dict[str, Any] = {
    "codec": "h264",
    "width": 1920,
    "height": 1080,
    "rate": 30.0,
    "bits_per_second": 4e6,
}


class CountingDecoder(ClipDecoder):
    decoded = 0

    def _is_sound(self, frame: av.VideoFrame) -> bool:
        self.decoded += 1
        return super()._is_sound(frame)


def test_a_large_clip_of_a_good_bit_rate_needs_no_deblocking() -> None:
    assert can_skip_deblocking(**LARGE)
    assert can_skip_deblocking(**{**LARGE, "width": 1080, "height": 1920})


@pytest.mark.parametrize(
    "change",
    [
        {"codec": "hevc"},
        {"height": 720},
        {"rate": None},
        {"rate": 60.0},
        {"bits_per_second": 2e6},
        {"bits_per_second": 0},
    ],
)
def test_any_other_clip_is_deblocked(change: dict[str, Any]) -> None:
    assert not can_skip_deblocking(**{**LARGE, **change})


def test_frames_that_no_other_needs_are_left_out_and_the_sampled_ones_stay_the_same(
    tmp_path: Path,
) -> None:
    pictures = noise(6)
    path = write_video(
        tmp_path / "a.mp4",
        (pictures[number // 10] for number in range(60)),
        fps=30,
        options={"preset": "medium", "bf": "3"},
    )
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    decoder = CountingDecoder(path, frames_per_second=5.0, max_duration_s=300)
    sampled = {round(frame.time_s * 30): frame.jpeg for frame in decoder.frames()}
    assert sampled == {
        number: encode_jpeg(Picture(frames[number], 1.0, None).square())
        for number in range(0, 60, 6)
    }
    assert len(sampled) < decoder.decoded < len(frames)


def needed(rate: float | None, times: list[float], samples: float = 5.0) -> list[bool]:
    thrift = Thrift(rate, samples)
    return [thrift.is_needed(time_s) for time_s in times]


def test_of_thirty_frames_a_second_every_sixth_is_needed_for_five() -> None:
    times = [number / 30 for number in range(60)]
    assert needed(30.0, times) == [number % 6 == 0 for number in range(60)]


@given(rate=st.sampled_from([23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0, 120.0]))
def test_on_a_regular_grid_just_the_sampled_frames_are_needed(rate: float) -> None:
    times = [round(number / rate, 3) for number in range(300)]
    sampler = Sampler(5.0)
    assert needed(rate, times) == [sampler.is_due(time_s) for time_s in times]


def test_the_order_of_decoding_does_not_matter() -> None:
    times = [number / 30 for number in (0, 3, 1, 2, 6, 4, 5)]
    assert needed(30.0, times) == [True, False, False, False, True, False, False]


@pytest.mark.parametrize(
    ("rate", "times"),
    [
        (None, [0.0, 0.1, 0.2]),
        (15.0, [0.0, 1 / 15, 2 / 15]),
        (30.0, [0.0, 0.045, 0.081]),
    ],
    ids=["no rate", "few frames a sample", "off the grid"],
)
def test_where_nothing_can_be_said_every_frame_is_needed(
    rate: float | None, times: list[float]
) -> None:
    assert all(needed(rate, times))


def test_a_frame_without_a_time_is_needed() -> None:
    assert Thrift(30.0, 5.0).is_needed(None)
