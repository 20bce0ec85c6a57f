"""A video of what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from components.errors import SourceError
from components.identify_people.annotated import (
    KNOWN_COLOUR,
    MAX_WAITING,
    UNKNOWN_COLOUR,
    annotate,
    annotated_video,
    label,
)
from components.identify_people.identifier import Decision
from components.region import Region

if TYPE_CHECKING:
    from pathlib import Path

BOX = Region(0.25, 0.25, 0.5, 0.5)
KNOWN = Decision(0.0, "p-0ab9", "student", 0.834, True, 10, True, BOX)
UNKNOWN = Decision(0.0, probability=0.31, frames=10, face=True, box=BOX)
FRAME = np.zeros((240, 320, 3), np.uint8)


def test_the_label_names_whom_it_takes_it_for_and_how_surely() -> None:
    assert label(KNOWN) == "p-0ab9 student 0.83"
    assert label(UNKNOWN) == "unknown 0.31"
    assert label(Decision(0.0)) == "nobody"


@pytest.mark.parametrize(("decision", "colour"), [(KNOWN, KNOWN_COLOUR), (UNKNOWN, UNKNOWN_COLOUR)])
def test_the_box_has_the_colour_of_the_decision(
    decision: Decision, colour: tuple[int, int, int]
) -> None:
    drawn = annotate(FRAME, decision)
    assert tuple(drawn[180, 160]) == colour  # its lower edge
    assert not FRAME.any()


def test_the_video_has_every_frame_at_the_rate_it_was_seen(tmp_path: Path) -> None:
    with annotated_video(tmp_path / "out.mp4", 5.0) as video:
        for _ in range(3 * MAX_WAITING):
            video.add(FRAME, KNOWN)
    capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 3 * MAX_WAITING
    assert capture.get(cv2.CAP_PROP_FPS) == 5.0
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_frames_of_another_size_are_not_left_out(tmp_path: Path) -> None:
    with annotated_video(tmp_path / "out.mp4", 5.0) as video:
        video.add(FRAME, KNOWN)
        video.add(FRAME[:100, :100], KNOWN)
    assert cv2.VideoCapture(str(tmp_path / "out.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 2


def test_nothing_is_left_of_a_video_that_ended_in_an_error(tmp_path: Path) -> None:
    def end_early() -> None:
        with annotated_video(tmp_path / "out.mp4", 5.0) as video:
            video.add(FRAME, KNOWN)
            raise KeyError

    with pytest.raises(KeyError):
        end_early()
    assert list(tmp_path.iterdir()) == []


def test_a_video_without_a_frame_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(SourceError, match="there was no frame"),
        annotated_video(tmp_path / "out.mp4", 5.0),
    ):
        pass


def test_a_video_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    too_small = FRAME[:0]
    with (
        pytest.raises(SourceError, match="cannot be written"),
        annotated_video(tmp_path / "out.mp4", 5.0) as video,
    ):
        video.add(too_small, KNOWN)
