"""From frames to decisions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from components.extract_frames.decode import ClipDecoder
from components.head import MAX_REUSED_S, HeadDetector, HeadTracker
from components.identify_people import Identifier
from components.identify_people.inputs import clip_views
from components.model_directory import Crop
from components.synthesize_cohort import CohortOptions, synthesize_cohort
from tests.photographs import photographs
from tests.tiny_model import COLOURS, plain_frame, write_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model_of_heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("heads"), threshold=0.0, crop=Crop.FACE)


def shown(colour: str) -> np.ndarray:
    """A frame as OpenCV gives it: BGR."""
    return plain_frame(COLOURS[colour], 64)[..., ::-1]


def a_face() -> np.ndarray:
    return photographs()["admiral"][..., ::-1]


def no_face() -> np.ndarray:
    return shown("grey")


class TestDecision:
    @pytest.mark.parametrize(
        ("colour", "role"), [("red", "student"), ("green", "staff"), ("blue", "visitor")]
    )
    def test_names_somebody_the_model_knows(self, model: Path, colour: str, role: str) -> None:
        decision = Identifier(model).see(shown(colour), 0.0)
        assert (decision.person, decision.role) == (colour, role)
        assert decision.student == (role == "student")
        assert decision.probability == pytest.approx(1, abs=1e-4)

    def test_names_nobody_below_the_threshold_and_tells_the_score(self, model: Path) -> None:
        decision = Identifier(model).see(shown("grey"), 0.0)
        assert (decision.person, decision.role, decision.student) == (None, None, None)
        assert decision.probability == pytest.approx(1 / 3, abs=1e-4)

    def test_takes_nobody_for_a_student_in_doubt(self, tmp_path: Path) -> None:
        decision = Identifier(write_model(tmp_path, threshold=0.0)).see(shown("grey"), 0.0)
        assert decision.person is not None
        assert decision.student is False


class TestWindow:
    def test_pools_the_latest_frames(self, model: Path) -> None:
        identifier = Identifier(model, window=3)
        colours = ["red", "red", "red", "blue", "blue", "blue"]
        decisions = [identifier.see(shown(colour), at / 5) for at, colour in enumerate(colours)]
        assert [decision.frames for decision in decisions] == [1, 2, 3, 3, 3, 3]
        assert decisions[3].person == "red"  # two against one
        assert decisions[5].person == "blue"

    def test_forgets_when_it_is_told_to(self, model: Path) -> None:
        identifier = Identifier(model)
        for at in range(5):
            identifier.see(shown("red"), at / 5)
        identifier.forget()
        assert identifier.see(shown("blue"), 0.0).person == "blue"

    def test_starts_anew_where_no_face_is(self, model_of_heads: Path) -> None:
        identifier = Identifier(model_of_heads)
        identifier.see(a_face(), 0.0)
        identifier.see(a_face(), 0.2)
        gone = identifier.see(no_face(), 0.3 + MAX_REUSED_S)
        assert (gone.face, gone.person, gone.probability, gone.frames) == (False, None, None, 0)
        assert identifier.see(a_face(), 3.0).frames == 1

    def test_takes_a_head_that_is_lost_for_a_moment_to_be_where_it_was(
        self, model_of_heads: Path
    ) -> None:
        identifier = Identifier(model_of_heads)
        before = identifier.see(a_face(), 0.0)
        after = identifier.see(np.zeros_like(a_face()), 0.5)
        assert (after.face, after.box, after.frames) == (True, before.box, 2)


class TestStills:
    def test_give_one_decision_together(self, model: Path) -> None:
        decision = Identifier(model).see_stills([shown("red"), shown("red"), shown("green")])
        assert (decision.person, decision.frames) == ("red", 3)

    def test_without_a_face_are_left_out(self, model_of_heads: Path) -> None:
        decision = Identifier(model_of_heads).see_stills([no_face(), a_face(), no_face()])
        assert (decision.frames, decision.face) == (1, True)

    def test_that_show_no_face_at_all_name_nobody(self, model_of_heads: Path) -> None:
        decision = Identifier(model_of_heads).see_stills([no_face(), no_face()])
        assert (decision.person, decision.probability, decision.face) == (None, None, False)

    def test_are_independent_of_what_was_seen_before(self, model: Path) -> None:
        identifier = Identifier(model)
        identifier.see(shown("blue"), 0.0)
        assert identifier.see_stills([shown("red")]).frames == 1


def test_the_box_is_where_the_face_is_in_the_whole_picture(model_of_heads: Path) -> None:
    wide = np.hstack(
        [np.zeros((600, 400, 3), np.uint8), a_face(), np.zeros((600, 400, 3), np.uint8)]
    )
    box = Identifier(model_of_heads).see(wide, 0.0).box
    assert box is not None
    nose = ((400 + 268) / wide.shape[1], 232 / wide.shape[0])
    assert box.x < nose[0] < box.x + box.width
    assert box.y < nose[1] < box.y + box.height
    assert box.width * wide.shape[1] == pytest.approx(box.height * wide.shape[0], rel=0.05)


def test_every_frame_that_was_seen_is_timed(model_of_heads: Path) -> None:
    identifier = Identifier(model_of_heads)
    assert identifier.latency_ms() is None
    identifier.see(a_face(), 0.0)
    identifier.see(no_face(), 5.0)
    latency = identifier.latency_ms()
    assert identifier.seen == 2
    assert latency is not None
    assert 0 < latency["p50"] <= latency["p99"]


@pytest.mark.parametrize("crop", Crop)
def test_the_model_sees_what_it_would_have_been_trained_on(tmp_path: Path, crop: Crop) -> None:
    options = CohortOptions(students=1, staff=0, visitors=0, sessions=1, size=256, fps=5, seconds=3)
    synthesize_cohort(tmp_path / "cohort", options)
    (clip,) = (tmp_path / "cohort" / "videos").rglob("*.mp4")
    heads = HeadTracker(HeadDetector()) if crop is Crop.FACE else None
    decoder = ClipDecoder(clip, frames_per_second=5.0, max_duration_s=9, heads=heads)
    trained_on = list(decoder.frames())
    identifier, seen = Identifier(write_model(tmp_path / "model", crop=crop)), []
    edge = identifier._loaded.edge
    identifier._loaded = replace(
        identifier._loaded, edge=lambda image: (seen.append(image), edge(image))[1]
    )
    times = [identifier.see(view.image, view.time_s).time_s for view in clip_views(clip, 5.0, 9)]
    assert times == pytest.approx([frame.time_s for frame in trained_on])
    for frame, image in zip(trained_on, seen, strict=True):
        jpeg = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
        assert np.abs(jpeg.astype(int) - image).mean() < 3
