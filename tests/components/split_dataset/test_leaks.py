"""Leaks that are planted on purpose fail the step, or are taken out; innocent cohorts pass."""

from __future__ import annotations

from dataclasses import replace

import av
import cv2
import numpy as np
import pytest

from components.artifacts import read_json
from components.contracts import AUDIT_FILE, COPIES, COPIES_FILE, INDEX, INDEX_FILE
from components.errors import LeakError
from components.extract_frames.picture import Picture, difference_hash
from components.parquet import read_table
from tests.shards import FakeClip, hash_of, people
from tests.videos import write_video

FRAMES, FPS = 40, 5


def film(seed, size=96):
    """A picture that nobody has seen before, over which a camera goes round."""
    generator = np.random.default_rng(seed)
    scene = cv2.resize(generator.integers(0, 256, (24, 24, 3), np.uint8), (2 * size, 2 * size))
    turns = [2 * np.pi * number / FRAMES for number in range(FRAMES)]
    corners = [(int((np.sin(t) + 1) * size / 4), int((np.cos(t) + 1) * size / 4)) for t in turns]
    return [np.ascontiguousarray(scene[y : y + size, x : x + size]) for y, x in corners]


def hashes_of(path):
    """Of every frame of a clip that was written, as extract_frames computes them."""
    with av.open(str(path)) as container:
        pictures = (Picture(frame, 1.0, None) for frame in container.decode(video=0))
        return tuple(difference_hash(picture.square()) for picture in pictures)


ALTERED = {
    "re-encoded": lambda frames: (frames, {"options": {"crf": "35"}, "pix_fmt": "yuv420p"}),
    "of half the size, in another codec": lambda frames: (
        [cv2.resize(frame, None, fx=0.5, fy=0.5) for frame in frames],
        {"codec": "mpeg4", "pix_fmt": "yuv420p"},
    ),
    "trimmed": lambda frames: (frames[7:23], {}),
    "mirrored": lambda frames: ([frame[:, ::-1] for frame in frames], {"pix_fmt": "yuv420p"}),
    "darker": lambda frames: ([(0.7 * frame).astype(np.uint8) for frame in frames], {}),
}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Four people in two sessions each, with the hashes of clips that were encoded."""
    folder = tmp_path_factory.mktemp("clips")

    def filmed(number, clip):
        path = write_video(folder / f"{number}.mp4", film(number), fps=FPS)
        return replace(clip, frames=FRAMES, hashes=hashes_of(path))

    clips = people(students=3, staff=1, visitors=0)
    return [filmed(number, clip) for number, clip in enumerate(clips)]


@pytest.fixture
def sides(split):
    """Split; gives the index's rows and the audit."""

    def run(clips, **options):
        dataset, audit = split(clips, **options)
        return read_table(dataset / INDEX_FILE, INDEX).to_pylist(), read_json(audit / AUDIT_FILE)

    return run


def test_different_recordings_pass(sides, cohort):
    _, audit = sides(cohort)
    assert set(audit["checks"].values()) == {0}
    assert audit["near_duplicates_removed"] == 0


@pytest.mark.parametrize("kind", ALTERED)
def test_a_copy_under_another_name_in_another_session_fails_the_step(split, cohort, tmp_path, kind):
    frames, encoding = ALTERED[kind](film(0))
    copy = hashes_of(write_video(tmp_path / "copy.mp4", frames, fps=FPS, **encoding))
    planted = replace(cohort[1], frames=len(copy), hashes=copy)  # the same person's other session
    with pytest.raises(LeakError, match="'clips_under_two_names': 1"):
        split([cohort[0], planted, *cohort[2:]])


def test_a_stranger_who_is_somebody_known_under_another_name_fails_the_step(split, cohort):
    strangers = [
        replace(clip, person_id=f"v{number}", role="visitor", clip_id=f"f{number:015x}")
        for number, clip in enumerate(cohort[:2])
    ]
    with pytest.raises(LeakError, match="clips_under_two_names"):
        split([*cohort, *strangers], stranger_share=1.0)


@pytest.mark.parametrize("session", [0, 1])
def test_a_copy_in_another_persons_folder_fails_the_step_whichever_side_it_is_on(
    split, cohort, session
):
    other = cohort[2 + session]
    assert other.person_id != cohort[0].person_id
    planted = [replace(clip, hashes=cohort[0].hashes) if clip is other else clip for clip in cohort]
    with pytest.raises(LeakError, match="'clips_under_two_names': 1"):
        split(planted)


def test_where_copies_fail_the_step_the_audit_says_which_and_there_is_no_dataset(
    split, cohort, tmp_path
):
    planted = replace(cohort[3], hashes=cohort[0].hashes)
    with pytest.raises(LeakError, match=r"lists them in copies\.csv"):
        split([*cohort[:3], planted, *cohort[4:]])
    (written,) = tmp_path.glob(f"*/audit/{COPIES_FILE}")
    rows = read_table(written, COPIES).to_pylist()
    assert [(row["pair"], row["clip_id"], row["person_id"]) for row in rows] == [
        (1, clip.clip_id, clip.person_id) for clip in (cohort[0], planted)
    ]
    assert not (written.parents[1] / "dataset").exists()


def test_a_leak_is_told_without_a_name(split, cohort):
    planted = replace(cohort[1], hashes=cohort[0].hashes)
    with pytest.raises(LeakError) as caught:
        split([cohort[0], planted, *cohort[2:]])
    assert not any(clip.clip_id in str(caught.value) for clip in cohort)
    assert not any(clip.person_id in str(caught.value) for clip in cohort)


def learnt_and_tested(rows, person="p0"):
    """The ids of a person's two clips, the one that is learnt from and the one that is tested."""
    own = [row for row in rows if row["person_id"] == person]
    return [
        next(row["clip_id"] for row in own if row["split"] == side) for side in ("train", "test")
    ]


def plant(clips, source, target, index, bits=0):
    """Make a frame of the clip `target` look like one of `source`, but for some bits."""
    hashes = {clip.clip_id: [hash_of(f"{clip.clip_id}/{n}") for n in range(20)] for clip in clips}
    hashes[target][index] = hashes[source][index] ^ ((1 << bits) - 1)
    return [replace(clip, hashes=tuple(hashes[clip.clip_id])) for clip in clips]


def test_a_single_near_duplicate_is_taken_out_of_training_and_counted(sides):
    clips = people()
    before, _ = sides(clips)
    learnt, tested = learnt_and_tested(before)
    after, audit = sides(plant(clips, tested, learnt, index=3, bits=2))
    changed = [
        (new, old) for new, old in zip(after, before, strict=True) if new["split"] != old["split"]
    ]
    assert [(new["clip_id"], new["index"], new["split"]) for new, _ in changed] == [
        (learnt, 3, "near_duplicate")
    ]
    assert audit["near_duplicates_removed"] == 1
    assert set(audit["checks"].values()) == {0}


def test_a_frame_that_differs_more_stays(sides):
    clips = people()
    learnt, tested = learnt_and_tested(sides(clips)[0])
    assert sides(plant(clips, tested, learnt, index=3, bits=3))[1]["near_duplicates_removed"] == 0


def test_the_clip_of_somebody_who_holds_still_keeps_its_frames(sides):
    still = [replace(clip, hashes=(7,) * 20) for clip in people(sessions=1)[:1]]
    _, audit = sides([*still, *people(sessions=1)[1:]])
    assert audit["protocol"]["name"] == "time_blocks"
    assert audit["near_duplicates_removed"] == 0


def test_random_frames_are_the_random_split_of_the_honest_one(sides):
    honest, _ = sides(people())
    rows, audit = sides(people(), protocol="random_frames")
    assert [row["split"] for row in rows] == [row["random_split"] for row in honest]
    assert all(row["split"] == row["random_split"] for row in rows)
    assert all(row["transaction"] == f"{row['clip_id']}/{row['split']}" for row in rows)
    assert audit["checks"]["sessions_on_both_sides"] > 0


def test_random_frames_do_not_fail_where_a_copy_stands_on_both_sides(sides, cohort):
    planted = replace(cohort[1], hashes=cohort[0].hashes)
    rows, audit = sides([cohort[0], planted, *cohort[2:]], protocol="random_frames")
    assert audit["checks"]["clips_under_two_names"] == 1
    assert audit["enforced"] is False
    assert all(row["split"] != "near_duplicate" for row in rows)


def test_strangers_are_counted_on_each_side(sides):
    _, audit = sides(people(visitors=4))
    counts = audit["protocol"]["strangers"]
    assert {side: counts[side]["people"] for side in counts} == {"calibration": 1, "test": 1}


def test_by_session_somebody_of_one_session_is_a_class_that_is_not_tested(sides):
    once = FakeClip("once", "student", "s0", "f" * 16)
    rows, audit = sides([*people(), once], protocol="by_session")
    own = [row for row in rows if row["person_id"] == "once"]
    assert {row["split"] for row in own} == {"train", "calibration", "gap"}
    assert own[0]["person"] >= 0
    assert audit["protocol"]["people_not_tested"] == 1
    assert audit["protocol"]["within_session"] is False
