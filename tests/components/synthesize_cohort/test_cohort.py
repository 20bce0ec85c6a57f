"""The cohort on disk: layout, bytes, refusals."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from components.artifacts import digests_of
from components.errors import RollcallError
from components.synthesize_cohort import CohortOptions, CohortSummary, synthesize_cohort
from components.synthesize_cohort import cohort as cohort_module

if TYPE_CHECKING:
    from pathlib import Path

TINY = CohortOptions(
    students=1, staff=1, visitors=1, sessions=2, seconds=1.0, size=64, fps=8, seed=11
)
ONE = replace(TINY, staff=0, visitors=0, sessions=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, CohortSummary]:
    folder = tmp_path_factory.mktemp("cohort") / "tiny"
    return folder, synthesize_cohort(folder, TINY)


@pytest.fixture(scope="module")
def cohort(made) -> Path:
    return made[0]


def videos(folder: Path) -> dict[str, str]:
    return digests_of(folder / "videos")


def test_two_processes_make_the_same_bytes_as_one(cohort, tmp_path, monkeypatch):
    # glibc then fills fresh memory with rubbish: an encoder that reads it is found out.
    monkeypatch.setenv("MALLOC_PERTURB_", "85")
    synthesize_cohort(tmp_path / "again", replace(TINY, processes=2))
    assert digests_of(tmp_path / "again") == digests_of(cohort)


def test_another_seed_makes_other_people(cohort, tmp_path):
    synthesize_cohort(tmp_path / "other", replace(ONE, seed=12))
    assert not set(videos(tmp_path / "other").values()) & set(videos(cohort).values())


def test_adding_people_leaves_the_others_alone(cohort, tmp_path):
    synthesize_cohort(tmp_path / "more", replace(TINY, students=2, staff=2))
    assert videos(cohort).items() < videos(tmp_path / "more").items()


def test_adding_a_session_leaves_the_others_alone(cohort, tmp_path):
    synthesize_cohort(tmp_path / "more", replace(TINY, staff=0, visitors=0, sessions=3))
    kept = set(videos(tmp_path / "more").values()) & set(videos(cohort).values())
    assert len(kept) == 2


def test_no_two_clips_are_alike(cohort):
    assert len(set(videos(cohort).values())) == 6


def test_every_person_of_the_roster_has_every_session(cohort):
    with (cohort / "roster.csv").open(newline="") as stream:
        people = [row["person_id"] for row in csv.DictReader(stream)]
    wanted = {f"{person}/s{number}.mp4" for person in people for number in (1, 2)}
    assert set(videos(cohort)) == wanted


def test_with_one_session_the_clip_lies_at_the_top(tmp_path):
    synthesize_cohort(tmp_path / "single", ONE)
    assert [path.suffix for path in (tmp_path / "single" / "videos").iterdir()] == [".mp4"]


def test_the_summary_counts_what_lies_there(made):
    folder, summary = made
    size = sum(path.stat().st_size for path in folder.rglob("*.mp4"))
    assert summary == CohortSummary(people=3, clips=6, seconds_of_video=6.0, bytes=size)


def test_the_marker_says_that_the_people_are_synthetic(cohort):
    assert "synthetic" in json.loads((cohort / "synthesis.json").read_text())["what"]


@pytest.fixture(scope="module")
def clip(cohort):
    path = next(iter(sorted(cohort.rglob("*.mp4"))))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return {
            "codec": stream.codec_context.name,
            "pixels": stream.codec_context.pix_fmt,
            "fps": float(stream.average_rate),
            "seconds": float(stream.duration * stream.time_base),
            "streams": len(container.streams),
            "frames": frames,
        }


@pytest.mark.parametrize(
    ("what", "wanted"),
    [("codec", "h264"), ("pixels", "yuv420p"), ("fps", 8.0), ("seconds", 1.0), ("streams", 1)],
)
def test_a_clip_is_as_asked(clip, what, wanted):
    assert clip[what] == wanted


def test_a_clip_has_the_size_and_number_of_frames_asked_for(clip):
    assert np.shape(clip["frames"]) == (8, 64, 64, 3)


def test_the_picture_moves_from_frame_to_frame(clip):
    steps = np.abs(np.diff(np.float32(clip["frames"]), axis=0)).mean(axis=(1, 2, 3))
    assert steps.min() > 1.0


def test_progress_is_told_clip_by_clip(tmp_path, monkeypatch):
    monkeypatch.setenv("ROLLCALL_EVENTS", str(tmp_path / "events"))
    synthesize_cohort(tmp_path / "told", ONE)
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert [(e["unit"], e["done"], e["total"]) for e in events][-1] == ("clips", 1, 1)


def test_a_folder_with_something_else_in_it_is_refused(tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "real.mp4").write_bytes(b"somebody")
    with pytest.raises(RollcallError, match=r"videos/real\.mp4.*no synthesis wrote"):
        synthesize_cohort(tmp_path, ONE)


def test_a_file_added_to_an_earlier_synthesis_is_not_lost(tmp_path):
    synthesize_cohort(tmp_path / "mine", ONE)
    (tmp_path / "mine" / "videos" / "added.mp4").write_bytes(b"somebody")
    with pytest.raises(RollcallError, match=r"added\.mp4"):
        synthesize_cohort(tmp_path / "mine", ONE)


def test_an_earlier_synthesis_is_replaced_whole(tmp_path):
    synthesize_cohort(tmp_path / "mine", replace(ONE, sessions=2))
    synthesize_cohort(tmp_path / "mine", ONE)
    assert len(videos(tmp_path / "mine")) == 1


def test_an_empty_folder_is_used(tmp_path):
    assert synthesize_cohort(tmp_path, ONE).clips == 1


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(RollcallError, match="is a file"):
        synthesize_cohort(tmp_path / "taken", ONE)


def test_a_synthesis_that_fails_leaves_the_earlier_one(tmp_path, monkeypatch):
    synthesize_cohort(tmp_path / "mine", ONE)
    before = digests_of(tmp_path)

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(cohort_module, "write_roster", full)
    with pytest.raises(OSError, match="no space"):
        synthesize_cohort(tmp_path / "mine", replace(ONE, seed=99))
    assert digests_of(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("students", -1, "students is -1; it has to be from 0 to 16384"),
        ("sessions", 0, "sessions is 0; it has to be from 1 to 99"),
        ("seconds", 0.1, r"seconds is 0\.1; it has to be from 0\.5"),
        ("seconds", float("nan"), "seconds is nan"),
        ("size", 32, "size is 32; it has to be from 64"),
        ("size", 65, "size is 65; H.264 needs an even number"),
        ("size", 64.5, "size is 64.5; it has to be a whole number"),
        ("fps", 0, "fps is 0"),
        ("seed", -1, "seed is -1"),
        ("processes", 0, "processes is 0"),
    ],
)
def test_an_option_out_of_its_limits_is_refused(name, value, message):
    with pytest.raises(RollcallError, match=message):
        replace(TINY, **{name: value})


def test_a_cohort_of_nobody_is_refused():
    with pytest.raises(RollcallError, match="nobody"):
        CohortOptions(students=0, staff=0, visitors=0)


@pytest.mark.parametrize(("seconds", "frames"), [(1.0, 8), (0.5, 4), (1.3, 10)])
def test_seconds_and_fps_make_frames(seconds, frames):
    assert replace(TINY, seconds=seconds).frames == frames
