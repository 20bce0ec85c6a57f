"""Stills alone, and stills beside clips, from a source to frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from components.contracts import CLIPS, CLIPS_FILE, FRAMES, FRAMES_FILE, REJECTS, REJECTS_FILE
from components.extract_frames.extract import extract
from components.extract_frames.selection import Limits
from components.ingest_videos.ingest import ingest
from components.parquet import read_table
from tests.conftest import TODAY, Cohort
from tests.stills import FORMATS, film_to_stills

if TYPE_CHECKING:
    from pathlib import Path

    from azure.storage.blob import ContainerClient

    from tests.azurite import Azurite


def run(source: str, work: Path) -> list[dict[str, Any]]:
    """Both steps over two shards; the frames in the order of the clips table."""
    ingested = ingest(source, work / "clips", workers=2, today=TODAY)
    frames = []
    for shard in ingested.shards:
        out = work / f"frames-{shard}"
        options = {"frames_per_second": 5.0, "limits": Limits(), "decoders": 1, "today": TODAY}
        extract(work / "clips", out, shard=shard, **options)
        assert read_table(out / REJECTS_FILE, REJECTS).num_rows == 0
        frames += read_table(out / FRAMES_FILE, FRAMES).to_pylist()
    ids = read_table(work / "clips" / CLIPS_FILE, CLIPS)["clip_id"].to_pylist()
    return sorted(frames, key=lambda frame: (ids.index(frame["clip_id"]), frame["index"]))


@pytest.fixture
def mixed(cohort: Cohort) -> Cohort:
    cohort.person("p1").person("p2", "staff").person("p3", "visitor")
    cohort.clip("p1/s1.mp4")
    cohort.clip("p2.mp4")
    for number, suffix in enumerate(FORMATS):
        cohort.still(f"p1/s1/{number}.{suffix}")
        cohort.still(f"p3/{number}.{suffix}")
    return cohort


def test_a_source_of_stills_alone_becomes_frames(cohort: Cohort, tmp_path: Path) -> None:
    for person in ("p1", "p2"):
        cohort.person(person)
        for session in ("s1", "s2"):
            for number in range(3):
                cohort.still(f"{person}/{session}/{number}.jpg")
    frames = run(str(cohort.folder), tmp_path)
    found = [(frame["person_id"], frame["session"], frame["index"]) for frame in frames]
    assert found == [
        (person, session, number)
        for person in ("p1", "p2")
        for session in ("s1", "s2")
        for number in range(3)
    ]


def test_stills_and_clips_of_one_session_are_two_clips_of_it(mixed: Cohort, tmp_path: Path) -> None:
    frames = run(str(mixed.folder), tmp_path)
    counts: dict[tuple[str, str, str], int] = {}
    for frame in frames:
        key = (frame["person_id"], frame["session"], frame["clip_id"])
        counts[key] = counts.get(key, 0) + 1
    assert sorted((*key[:2], count) for key, count in counts.items()) == [
        ("p1", "s1", 4),
        ("p1", "s1", 6),
        ("p2", "only", 6),
        ("p3", "only", 4),
    ]


def test_a_source_of_both_in_azure_blob_gives_the_same_frames(
    mixed: Cohort, tmp_path: Path, azurite: Azurite, container: ContainerClient
) -> None:
    azurite.upload_folder(container, mixed.folder, "term")
    remote = run(f"az://{container.container_name}/term", tmp_path / "remote")
    assert len(remote) == 20
    assert remote == run(str(mixed.folder), tmp_path / "local")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_the_frames_of_a_film_look_the_same_as_stills(cohort: Cohort, tmp_path: Path) -> None:
    clip = cohort.person("p1").clip("p1/s1.mp4", size=(256, 256))
    filmed = run(str(cohort.folder), tmp_path / "filmed")
    film_to_stills(clip, cohort.folder / "images" / "p1" / "s1")
    stills = run(str(cohort.folder), tmp_path / "stills")
    assert [frame["time_s"] for frame in stills] == pytest.approx(
        [frame["time_s"] for frame in filmed]
    )
    sharpness = [[frame["sharpness"] for frame in each] for each in (filmed, stills)]
    assert np.allclose(*sharpness, rtol=0.1)
