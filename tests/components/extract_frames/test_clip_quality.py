"""What is measured of a clip by all of its sampled frames, those included that are dropped."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.contracts import CLIP_QUALITY, CLIP_QUALITY_FILE, EnrolmentProblem
from components.extract_frames.clip_quality import ClipQuality, distances
from components.extract_frames.extract import extract
from components.extract_frames.selection import Limits, Selection
from components.ingest_videos.ingest import ingest
from components.parquet import read_table
from components.split_dataset.enrolment import Session, problems_of
from tests.conftest import TODAY, Cohort
from tests.videos import noise, plain, write_video

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMITS = Limits(20.0, 2, 0.9, 0.5)
CLIP = {
    "clip_id": "00c0ffee00c0ffee",
    "person_id": "p1",
    "role": "staff",
    "session": "s1",
    "duration_s": 4.0,
}

hashes = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20)


@dataclass(frozen=True)
class Shot:
    index: int
    time_s: float = 0.0
    sharpness: float = 50.0
    brightness: float = 110.0
    dark_share: float = 0.0
    bright_share: float = 0.0
    dhash: int = 0


def measured(shots: Iterable[Shot], *, cut_short: bool = False) -> dict[str, Any]:
    quality, selection = ClipQuality(LIMITS), Selection(LIMITS)
    list(selection.select(quality.watch(shots)))
    (row,) = quality.table(CLIP, selection.dropped, cut_short=cut_short).to_pylist()
    return dict(row)


def test_sampled_frames_are_kept_or_dropped_for_one_reason() -> None:
    dark = [Shot(index, dark_share=1.0, dhash=index << 8) for index in range(10)]
    blurred = [Shot(index, sharpness=1.0) for index in range(10, 14)]
    sound = [Shot(index, dhash=2**index - 1) for index in range(14, 60, 4)]
    row = measured([*dark, *blurred, *sound, sound[0]])
    assert row["frames_sampled"] == 27
    assert (row["frames_dropped_dark"], row["frames_dropped_blurred"]) == (10, 4)
    assert (row["frames_dropped_near_duplicate"], row["frames"]) == (1, 12)


def test_frames_that_were_taken_back_still_count_as_blurred() -> None:
    row = measured([Shot(index, sharpness=1.0) for index in range(6)])
    assert (row["frames"], row["frames_dropped_blurred"], row["blurred_share"]) == (5, 1, 1.0)


def test_a_frame_too_dark_to_be_judged_does_not_count_as_blurred() -> None:
    assert measured([Shot(0, sharpness=1.0, dark_share=1.0)])["blurred_share"] == 0.0


def test_measures_are_those_of_the_median_frame() -> None:
    shots = [
        Shot(0, dark_share=0.2, bright_share=0.3, sharpness=40.0, brightness=90.0),
        Shot(1, dark_share=0.4, bright_share=0.1, sharpness=60.0, brightness=80.0),
        Shot(2, dark_share=1.0, bright_share=0.0, sharpness=900.0, brightness=10.0),
    ]
    row = measured(shots)
    found = [row[name] for name in ("dark_share", "bright_share", "sharpness", "brightness")]
    assert found == pytest.approx([0.4, 0.1, 60.0, 80.0])


def test_a_clip_that_breaks_off_is_seen_for_less_than_it_is_said_to_last() -> None:
    row = measured([Shot(0), Shot(1, time_s=1.6)], cut_short=True)
    assert (row["duration_s"], row["seen_s"], row["cut_short"]) == (4.0, 1.6, True)


@given(hashes)
def test_distances_are_the_means_over_all_pairs_and_over_neighbours(values: list[int]) -> None:
    spread, flicker = distances(np.array(values, np.uint64))

    def mean(pairs: Iterable[tuple[int, int]]) -> float:
        return float(np.mean([(one ^ other).bit_count() for one, other in pairs] or [0]))

    assert spread == pytest.approx(mean(combinations(values, 2)))
    assert flicker == pytest.approx(mean(pairwise(values)))


def test_noise_alone_makes_no_spread_above_the_flicker() -> None:
    generator = np.random.default_rng(0)
    spread, flicker = distances(generator.integers(0, 2**4, 2000).astype(np.uint64))
    assert spread == pytest.approx(2.0, abs=0.05)
    assert flicker == pytest.approx(2.0, abs=0.1)


def test_what_moves_slowly_spreads_far_above_its_flicker() -> None:
    spread, flicker = distances(np.array([2**bit - 1 for bit in range(30)], np.uint64))
    assert (round(spread, 1), flicker) == (10.3, 1.0)


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[EnrolmentProblem, ...]]:
    """What is wrong with clips of all kinds, by person, once they went through both steps."""
    folder = tmp_path_factory.mktemp("kinds")
    still = noise(1, size=(160, 120)) * 45
    frames = {
        "sound": noise(45, size=(160, 120)),
        "dark": plain(45, level=10),
        "bright": plain(45, level=254),
        "blurred": plain(45),
        "still": still,
        "short": noise(30, size=(160, 120), seed=1),
    }
    cohort = Cohort(folder / "source")
    for person, pictures in frames.items():
        write_video(cohort.person(person).path(f"{person}.mp4"), pictures)
    ingest(str(cohort.folder), folder / "clips", workers=1, today=TODAY)
    extract(
        folder / "clips",
        folder / "frames",
        shard=0,
        frames_per_second=5.0,
        limits=LIMITS,
        today=TODAY,
    )
    rows = read_table(folder / "frames" / CLIP_QUALITY_FILE, CLIP_QUALITY).to_pylist()
    names = Session.__dataclass_fields__
    return {
        row["person_id"]: problems_of(Session(**{name: row[name] for name in names}))
        for row in rows
    }


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ("sound", []),
        ("still", [EnrolmentProblem.HEAD_HARDLY_TURNED]),
        ("short", [EnrolmentProblem.CLIP_TOO_SHORT]),
        ("dark", [EnrolmentProblem.TOO_DARK, EnrolmentProblem.HEAD_HARDLY_TURNED]),
        ("bright", [EnrolmentProblem.TOO_BRIGHT, EnrolmentProblem.HEAD_HARDLY_TURNED]),
        ("blurred", [EnrolmentProblem.TOO_FEW_SHARP_FRAMES, EnrolmentProblem.HEAD_HARDLY_TURNED]),
    ],
)
def test_a_clip_shows_the_problem_that_it_was_made_with(
    problems: dict[str, tuple[EnrolmentProblem, ...]],
    person: str,
    expected: list[EnrolmentProblem],
) -> None:
    assert list(problems[person]) == expected
