"""From a shard's clips to frames: what is written, what is rejected, and that nothing is lost."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.contracts import (
    CLIP_QUALITY,
    CLIP_QUALITY_FILE,
    CLIPS,
    CLIPS_FILE,
    EXTRACT_FILE,
    FRAMES,
    FRAMES_FILE,
    REJECTS,
    REJECTS_FILE,
    EnrolmentProblem,
    Reason,
)
from components.errors import ContractError, SourceError
from components.extract_frames.decode import ClipDecoder
from components.extract_frames.extract import Extracted, extract
from components.extract_frames.selection import KEEP_SHARPEST, Limits
from components.ingest_videos.ingest import Ingested, ingest
from components.parquet import read_table
from components.split_dataset.enrolment import Session, problems_of
from components.synthesize_cohort import CohortOptions, synthesize_cohort
from tests.conftest import TODAY, Cohort
from tests.videos import noise, plain, write_audio, write_video

if TYPE_CHECKING:
    from pathlib import Path

    from components.extract_frames.frame import Frame


class Run:
    """Both steps over one cohort."""

    def __init__(self, cohort: Cohort, workers: int = 1) -> None:
        self.folder = cohort.folder.parent
        self.ingested: Ingested = ingest(
            str(cohort.folder), self.folder / "clips", workers=workers, today=TODAY
        )

    def extract(self, shard: int = 0, today: date = TODAY, **more: Any) -> Extracted:
        parameters = {"frames_per_second": 5.0, "limits": Limits(min_sharpness=20.0), **more}
        output = self.folder / f"frames-{shard}"
        return extract(self.folder / "clips", output, shard=shard, today=today, **parameters)

    def clips(self) -> list[dict[str, Any]]:
        return read_table(self.folder / "clips" / CLIPS_FILE, CLIPS).to_pylist()

    def frames(self, shard: int = 0) -> list[dict[str, Any]]:
        return read_table(self.folder / f"frames-{shard}" / FRAMES_FILE, FRAMES).to_pylist()

    def quality(self, shard: int = 0) -> list[dict[str, Any]]:
        path = self.folder / f"frames-{shard}" / CLIP_QUALITY_FILE
        return read_table(path, CLIP_QUALITY).to_pylist()

    def rejects(self, shard: int = 0) -> list[dict[str, Any]]:
        return read_table(self.folder / f"frames-{shard}" / REJECTS_FILE, REJECTS).to_pylist()


def spoil(path: Path, change: Any) -> None:
    """Change a file so that neither its size nor its time tells."""
    status = path.stat()
    path.write_bytes(change(path.read_bytes()))
    assert path.stat().st_size == status.st_size
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_clip_gives_the_number_of_frames_a_second_that_was_asked_for(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1.mp4", seconds=2, fps=30)
    run = Run(cohort)
    run.extract()
    expected = [tick / 5 for tick in range(10)]
    assert [frame["time_s"] for frame in run.frames()] == pytest.approx(expected, abs=0.01)


def test_a_variable_frame_rate_is_sampled_by_time(cohort: Cohort) -> None:
    times = [0.0, 0.05, 0.1, 0.21, 0.9, 0.95, 1.0, 1.02, 1.5]
    cohort.person("p1")
    write_video(cohort.path("p1.mp4"), noise(len(times)), times_s=times)
    run = Run(cohort)
    run.extract()
    assert [round(frame["time_s"], 2) for frame in run.frames()] == [0, 0.21, 0.9, 1.0, 1.5]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("p1.mkv", "libx264"), ("p1.webm", "libvpx"), ("p1.avi", "mpeg4"), ("p1.mov", "libx264")],
)
def test_containers_without_a_duration_are_sampled_alike(
    cohort: Cohort, name: str, codec: str
) -> None:
    rewindable = codec == "mpeg4" or name.endswith("mov")
    cohort.person("p1").clip(name, seconds=2, fps=30, codec=codec, rewindable=rewindable)
    run = Run(cohort)
    run.extract()
    assert len(run.frames()) == 10


def test_a_frame_is_a_colour_jpeg_of_224_pixels_square(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1.mp4")
    run = Run(cohort)
    run.extract()
    jpeg = np.frombuffer(run.frames()[0]["jpeg"], np.uint8)
    assert cv2.imdecode(jpeg, cv2.IMREAD_UNCHANGED).shape == (224, 224, 3)


def test_a_frame_says_whose_it_is(cohort: Cohort) -> None:
    cohort.person("p1", "staff").clip("p1/s1.mp4")
    run = Run(cohort)
    run.extract()
    clip, frame = run.clips()[0], run.frames()[0]
    keys = ("clip_id", "person_id", "role", "session")
    assert [frame[key] for key in keys] == [clip[key] for key in keys]


def test_no_face_box_is_claimed(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1.mp4")
    run = Run(cohort)
    run.extract()
    assert {frame["face_box"] for frame in run.frames()} == {None}


def test_blurred_frames_are_dropped_and_leave_their_numbers(cohort: Cohort) -> None:
    mixed = [*noise(10), *plain(5), *noise(5, seed=1)]
    write_video(cohort.person("p1").path("p1.mp4"), mixed)
    run = Run(cohort)
    result = run.extract(frames_per_second=10.0)
    assert [frame["index"] for frame in run.frames()] == [*range(10), *range(15, 20)]
    assert result.frames_dropped_blurred == 5


def test_a_clip_that_is_blurred_throughout_keeps_five_frames(cohort: Cohort) -> None:
    write_video(cohort.person("p1").path("p1.mp4"), plain(20))
    run = Run(cohort)
    run.extract(frames_per_second=10.0)
    assert len(run.frames()) == 5


def dropped(result: Extracted) -> dict[str, int]:
    start = "frames_dropped_"
    return {
        name.removeprefix(start): int(count)
        for name, count in result.summary().items()
        if name.startswith(start) and count
    }


@pytest.mark.parametrize(
    ("level", "kind"), [(10, "dark"), (254, "bright"), (128, "near_duplicate")]
)
def test_frames_that_show_nothing_new_go_and_are_counted(
    cohort: Cohort, level: int, kind: str
) -> None:
    mixed = [*noise(10), *plain(5, level=level), *noise(5, seed=1)]
    if kind == "near_duplicate":
        mixed[10:15] = mixed[9:10] * 5
    write_video(cohort.person("p1").path("p1.mp4"), mixed)
    run = Run(cohort)
    result = run.extract(frames_per_second=10.0, limits=Limits(20.0, 2, 0.9, 0.5))
    assert [frame["index"] for frame in run.frames()] == [*range(10), *range(15, 20)]
    assert (result.frames_sampled, result.frames, dropped(result)) == (20, 15, {kind: 5})


@pytest.mark.parametrize(("level", "kind"), [(10, "dark"), (254, "bright")])
def test_a_clip_that_is_badly_exposed_throughout_keeps_five_frames(
    cohort: Cohort, level: int, kind: str
) -> None:
    write_video(cohort.person("p1").path("p1.mp4"), plain(20, level=level))
    result = Run(cohort).extract(frames_per_second=10.0, limits=Limits(20.0, 2, 0.9, 0.5))
    assert (result.frames, dropped(result)) == (KEEP_SHARPEST, {kind: 15})


@pytest.fixture
def heads(cohort: Cohort, tmp_path: Path) -> Cohort:
    """Six seconds of a head that turns, and of the same one held still before a noisy sensor."""
    options = CohortOptions(students=1, staff=0, visitors=0, sessions=1, size=160, fps=5)
    synthesize_cohort(tmp_path / "heads", options)
    (turning,) = (tmp_path / "heads" / "videos").iterdir()
    shutil.copy(turning, cohort.person("turning").path("turning.mp4"))
    first = next(ClipDecoder(turning, frames_per_second=5.0, max_duration_s=9).frames()).jpeg
    head = cv2.imdecode(np.frombuffer(first, np.uint8), cv2.IMREAD_COLOR_RGB)
    grain = np.random.default_rng(0).normal(0, 4, (30, *head.shape))
    still = np.clip(head + grain, 0, 255).astype(np.uint8)
    write_video(cohort.person("still").path("still.mp4"), still, fps=5)
    return cohort


def test_a_head_that_holds_still_does_not_outweigh_one_that_turns(heads: Cohort) -> None:
    run = Run(heads)
    result = run.extract(limits=Limits(5.0, 2, 0.9, 0.5))
    people = Counter(frame["person_id"] for frame in run.frames())
    assert result.frames_sampled == 60
    assert people["still"] <= 10
    assert people["turning"] >= 20


def test_a_head_that_turns_is_told_from_one_that_holds_still(heads: Cohort) -> None:
    run = Run(heads)
    run.extract(limits=Limits(5.0, 2, 0.9, 0.5))
    problems = {
        row["person_id"]: problems_of(
            Session(**{name: row[name] for name in Session.__dataclass_fields__})
        )
        for row in run.quality()
    }
    assert problems == {"turning": (), "still": (EnrolmentProblem.HEAD_HARDLY_TURNED,)}


def test_every_clip_with_frames_is_measured_and_no_reject_is(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1/a.mp4")
    lost = cohort.clip("p1/b.mp4")
    run = Run(cohort)
    lost.unlink()
    run.extract()
    assert [row["clip_id"] for row in run.quality()] == [run.frames()[0]["clip_id"]]


def test_with_crop_face_a_frame_shows_the_head_alone_and_says_where_it_was(heads: Cohort) -> None:
    run = Run(heads)
    whole = run.extract(limits=Limits())
    brightness = [frame["brightness"] for frame in run.frames()]
    cropped = run.extract(limits=Limits(), crop="face")
    boxes = [frame["face_box"] for frame in run.frames()]
    assert (whole.frames_cropped, whole.frames_without_face) == (0, 0)
    assert (cropped.frames_cropped, cropped.frames_without_face) == (60, 0)
    assert all(0 < box["width"] < 0.8 and -0.1 < box["x"] < 0.9 for box in boxes)
    assert [frame["brightness"] for frame in run.frames()] != brightness


def test_where_no_face_is_found_the_whole_square_stays_and_is_counted(cohort: Cohort) -> None:
    write_video(cohort.person("p1").path("p1.mp4"), plain(15))
    run = Run(cohort)
    run.extract(limits=Limits())
    whole = [frame["jpeg"] for frame in run.frames()]
    result = run.extract(limits=Limits(), crop="face")
    assert [frame["jpeg"] for frame in run.frames()] == whole
    assert (result.frames_cropped, result.frames_without_face) == (0, len(whole))


def test_how_alike_frames_are_does_not_depend_on_the_crop(heads: Cohort) -> None:
    run = Run(heads)
    hashes = []
    for crop in ("none", "face"):
        run.extract(limits=Limits(), crop=crop)
        hashes.append([frame["dhash"] for frame in run.frames()])
    assert hashes[0] == hashes[1]


def test_the_counts_of_a_shard_add_up(cohort: Cohort) -> None:
    cohort.person("p1")
    for name, seed in (("a", 0), ("b", 1)):
        mixed = [*noise(8, seed=seed), *plain(3, level=0), *plain(2, level=255), *plain(4)]
        write_video(cohort.path(f"p1/{name}.mp4"), [*mixed, *noise(8, seed=seed)])
    result = Run(cohort).extract(frames_per_second=10.0, limits=Limits(20.0, 6, 0.9, 0.5))
    assert dropped(result) == {"dark": 6, "bright": 4, "blurred": 8, "near_duplicate": 16}
    assert result.frames_sampled == 50 == result.frames + sum(dropped(result).values())


def test_a_row_group_never_spans_two_clips(cohort: Cohort) -> None:
    cohort.person("p1")
    for name in "abc":
        cohort.clip(f"p1/{name}.mp4")
    run = Run(cohort)
    run.extract()
    with pq.ParquetFile(run.folder / "frames-0" / FRAMES_FILE) as file:
        groups = [
            set(file.read_row_group(number, columns=["clip_id"])["clip_id"].to_pylist())
            for number in range(file.num_row_groups)
        ]
    assert [len(group) for group in groups] == [1, 1, 1]


def test_a_long_clip_takes_several_row_groups(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1.mp4", seconds=30, fps=10)
    run = Run(cohort)
    run.extract(frames_per_second=10.0)
    with pq.ParquetFile(run.folder / "frames-0" / FRAMES_FILE) as file:
        assert (file.num_row_groups, file.metadata.num_rows) == (5, 300)


def test_only_the_clips_of_the_shard_are_read(cohort: Cohort) -> None:
    cohort.person("p1")
    for name in "abcd":
        cohort.clip(f"p1/{name}.mp4")
    run = Run(cohort, workers=2)
    run.extract(1)
    wanted = {clip["clip_id"] for clip in run.clips() if clip["shard"] == 1}
    assert {frame["clip_id"] for frame in run.frames(1)} == wanted


def test_the_frames_do_not_depend_on_the_number_of_shards(cohort: Cohort) -> None:
    cohort.person("p1")
    for name in "abc":
        cohort.clip(f"p1/{name}.mp4")
    found = []
    for workers in (1, 3):
        run = Run(cohort, workers)
        for shard in run.ingested.shards:
            run.extract(shard)
        rows = [frame for shard in run.ingested.shards for frame in run.frames(shard)]
        found.append(sorted(rows, key=lambda row: (row["clip_id"], row["index"])))
    assert found[0] == found[1]


def test_the_same_shard_gives_the_same_bytes(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1/a.mp4")
    cohort.clip("p1/b.mp4")
    run = Run(cohort)
    written = []
    for _ in range(2):
        run.extract()
        written.append((run.folder / "frames-0" / FRAMES_FILE).read_bytes())
    assert written[0] == written[1]


def test_the_summary_holds_numbers_that_can_be_added_up(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1.mp4")
    run = Run(cohort)
    result = run.extract()
    summary = json.loads((run.folder / "frames-0" / EXTRACT_FILE).read_text())
    assert summary == result.summary()
    assert all(isinstance(value, int | float) for value in summary.values())


def test_a_clip_cut_off_in_the_middle_keeps_the_frames_before_the_cut(cohort: Cohort) -> None:
    path = cohort.person("p1").clip("p1.mkv", seconds=4)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    run = Run(cohort)
    run.extract()
    assert 8 <= len(run.frames()) <= 12


def test_a_clip_damaged_in_the_middle_ends_there_and_is_counted(cohort: Cohort) -> None:
    path = cohort.person("p1").clip("p1.mp4", seconds=4)
    run = Run(cohort)
    spoil(
        path, lambda content: content[:40000] + b"\xff" * (len(content) - 42000) + content[-2000:]
    )
    result = run.extract()
    assert (result.clips, result.clips_cut_short) == (1, 1)


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Four seconds with a key frame each second, damaged in the second one."""
    frames = noise(40, size=(160, 120))
    path = write_video(tmp_path / "a.mp4", frames, fps=10, frames_per_key_frame=10)
    content = bytearray(path.read_bytes())
    for place in range(len(content) * 30 // 100, len(content) * 45 // 100, 500):
        content[place] ^= 0xFF
    path.write_bytes(content)
    return path


def test_pictures_that_build_on_damage_are_left_out_up_to_the_next_key_frame(
    damaged: Path,
) -> None:
    decoder = ClipDecoder(damaged, frames_per_second=10.0, max_duration_s=300)
    times = [round(frame.time_s, 1) for frame in decoder.frames()]
    first, second, *rest = (sum(int(time_s) == part for time_s in times) for part in range(4))
    assert (first, second < 10, rest) == (10, True, [10, 10])


def test_a_damaged_clip_gives_the_same_frames_every_time(damaged: Path) -> None:
    def decode() -> list[Frame]:
        return list(ClipDecoder(damaged, frames_per_second=10.0, max_duration_s=300).frames())

    assert decode() == decode() == decode()


def test_a_clip_of_which_nothing_can_be_decoded_is_unreadable(cohort: Cohort) -> None:
    path = cohort.person("p1").clip("p1.mp4")
    run = Run(cohort)
    spoil(path, lambda content: content[:48] + b"\xff" * (len(content) - 3000) + content[-2952:])
    run.extract()
    assert [reject["reason"] for reject in run.rejects()] == [Reason.UNREADABLE]


def test_a_clip_longer_than_it_may_be_is_cut_short(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1.mp4", seconds=4)
    run = Run(cohort)
    result = run.extract(max_duration_s=2.0)
    assert (result.frames, result.clips_cut_short) == (11, 1)


def test_decoding_ends_after_a_number_of_frames_even_when_time_hardly_moves(
    tmp_path: Path,
) -> None:
    times = [number / 1000 for number in range(40)]
    path = write_video(tmp_path / "a.mp4", noise(40), times_s=times)
    decoder = ClipDecoder(path, frames_per_second=1000.0, max_duration_s=0.1)
    list(decoder.frames())
    assert "24 frames" in (decoder.cut_short or "")


def test_a_clip_that_changed_since_ingest_is_rejected(cohort: Cohort) -> None:
    path = cohort.person("p1").clip("p1.mp4")
    run = Run(cohort)
    os.utime(path, ns=(1, 1))
    run.extract()
    assert [reject["reason"] for reject in run.rejects()] == [Reason.CHANGED_SINCE_INGEST]


def test_consent_that_ended_since_ingest_is_a_reject(cohort: Cohort) -> None:
    cohort.person("p1", expires="2025-07-01").clip("p1.mp4")
    run = Run(cohort)
    run.extract(today=date(2025, 7, 2))
    assert [reject["reason"] for reject in run.rejects()] == [Reason.CONSENT_EXPIRED]


def test_a_reject_names_the_clip_and_the_step(cohort: Cohort) -> None:
    path = cohort.person("p1").clip("p1.mp4")
    run = Run(cohort)
    path.unlink()
    run.extract()
    (reject,) = run.rejects()
    (clip,) = run.clips()
    expected = (clip["clip_id"], clip["uri"], "extract_frames")
    assert (reject["clip_id"], reject["uri"], reject["step"]) == expected


def test_a_shard_of_rejects_alone_is_no_error(cohort: Cohort) -> None:
    path = cohort.person("p1").clip("p1.mp4")
    run = Run(cohort)
    path.unlink()
    assert run.extract().frames == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"shard": 7},
        {"frames_per_second": 0.0},
        {"frames_per_second": float("nan")},
        {"frames_per_second": 61.0},
        {"limits": Limits(min_sharpness=-1.0)},
        {"limits": Limits(near_duplicate_bits=65)},
        {"crop": "nose"},
    ],
)
def test_a_senseless_parameter_is_refused(cohort: Cohort, wrong: dict[str, Any]) -> None:
    cohort.person("p1").clip("p1.mp4")
    run = Run(cohort)
    with pytest.raises(ContractError):
        run.extract(**wrong)


def test_no_pseudonym_is_logged(cohort: Cohort, caplog: pytest.LogCaptureFixture) -> None:
    cohort.person("secret-id").clip("secret-id/a.mp4")
    path = cohort.clip("secret-id/b.mp4")
    run = Run(cohort)
    path.write_bytes(b"not a video")
    with caplog.at_level(logging.DEBUG):
        run.extract()
    assert caplog.text
    assert "secret-id" not in caplog.text


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The content of files of many kinds."""
    folder = tmp_path_factory.mktemp("samples")
    good = [
        write_video(folder / f"{seed}.mkv", noise(12, seed=seed)).read_bytes() for seed in range(3)
    ]
    return {
        "good": good[0],
        "another": good[1],
        "cut": good[2][: len(good[2]) // 2],
        "head only": good[2][:600],
        "damaged": good[2][:9000] + b"\xff" * 9000 + good[2][18000:],
        "short": write_video(folder / "short.mkv", noise(3)).read_bytes(),
        "sound": write_audio(folder / "sound.mp4").read_bytes(),
        "empty": b"",
        "text": b"not a video",
    }


FILES = st.dictionaries(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["p1", "p2", "expired", "unknown", "b d"]),
        st.sampled_from(["", "/s1", "/s2", "/s1/t1", "/s1/t2", "/a/b/c"]),
        st.sampled_from([".mkv", ".MP4", ".txt"]),
    ),
    st.sampled_from(
        ["good", "another", "cut", "head only", "damaged", "short", "sound", "empty", "text"]
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=FILES, workers=st.integers(1, 3))
def test_every_clip_that_goes_in_comes_out_once_as_frames_or_as_a_reject(
    files: dict[str, str],
    workers: int,
    samples: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    cohort = Cohort(tmp_path_factory.mktemp("cohort") / "source")
    cohort.person("p1").person("p2").person("expired", expires="2025-02-01")
    for name, kind in files.items():
        cohort.raw(name, samples[kind])
    try:
        run = Run(cohort, workers)
    except SourceError as error:
        told = str(error)
    else:
        told = ""
    if told:
        assert f"none of the {len(files)} files" in told
        return
    out = [
        row["uri"] for row in read_table(run.folder / "clips" / REJECTS_FILE, REJECTS).to_pylist()
    ]
    uri_of = {clip["clip_id"]: clip["uri"] for clip in run.clips()}
    for shard in run.ingested.shards:
        run.extract(shard)
        out += {uri_of[frame["clip_id"]] for frame in run.frames(shard)}
        out += [reject["uri"] for reject in run.rejects(shard)]
    expected = sorted(cohort.path(name).as_uri() for name in files)
    assert sorted(out) == expected


MEASURE = """
import datetime, pathlib, sys
from components.extract_frames.decode import ClipDecoder
from components.extract_frames.extract import extract
from components.extract_frames.selection import Limits
from components.telemetry import peak_memory_bytes
folder = pathlib.Path(sys.argv[1])
extract(folder, folder / "frames", shard=0, frames_per_second=25.0,
        limits=Limits(20.0, 2, 0.9, 0.5), today=datetime.date(2025, 6, 15))
print(peak_memory_bytes())
"""


def test_a_clip_four_times_as_long_takes_no_more_memory(tmp_path: Path) -> None:
    peaks = []
    for seconds in (15, 60):
        cohort = Cohort(tmp_path / str(seconds) / "source").person("p1")
        pictures = noise(25, size=(160, 120))
        frames = (pictures[number % 25] for number in range(seconds * 25))
        write_video(cohort.path("p1.mp4"), frames, fps=25)
        run = Run(cohort)
        command = [sys.executable, "-c", MEASURE, str(run.folder / "clips")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        peaks.append(int(done.stdout.split()[-1]))
        assert len(list((run.folder / "clips" / "frames").iterdir())) == 4
    assert peaks[1] - peaks[0] < 10 << 20


LOADED = """
import sys
import components.ingest_videos.ingest, components.extract_frames.extract
from components.extract_frames.decode import load_detector
load_detector()
print([name for name in ("tensorflow", "keras", "kfp", "mlflow", "azure") if name in sys.modules])
"""


def test_neither_the_steps_nor_their_decoders_load_what_is_slow_to_load() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
