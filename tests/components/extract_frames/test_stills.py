"""Stills become frames by the same way as clips, and a bad one costs itself alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from components.contracts import (
    CLIPS,
    CLIPS_FILE,
    FRAMES,
    FRAMES_FILE,
    REJECTS,
    REJECTS_FILE,
    STILLS,
    STILLS_FILE,
    Reason,
)
from components.errors import ContractError
from components.extract_frames import extract as extraction
from components.extract_frames.extract import Extracted, extract
from components.extract_frames.selection import Limits
from components.extract_frames.stills_reader import StillsReader
from components.ingest_videos.ingest import ingest
from components.parquet import read_table, write_table
from tests.conftest import TODAY, Cohort
from tests.stills import FORMATS, encode, four_colours, still, turned
from tests.videos import plain

if TYPE_CHECKING:
    from pathlib import Path

KEEP_ALL = Limits()


def run(cohort: Cohort, limits: Limits = KEEP_ALL, shard: int = 0, **more: Any) -> Extracted:
    folder = cohort.folder.parent
    options = {"frames_per_second": 5.0, "decoders": 1, "today": TODAY, **more}
    return extract(folder / "clips", folder / "frames", shard=shard, limits=limits, **options)


def ingest_all(cohort: Cohort, workers: int = 1) -> None:
    ingest(str(cohort.folder), cohort.folder.parent / "clips", workers=workers, today=TODAY)


def frames(cohort: Cohort) -> list[dict[str, Any]]:
    return read_table(cohort.folder.parent / "frames" / FRAMES_FILE, FRAMES).to_pylist()


def rejects(cohort: Cohort) -> list[tuple[str, str, bool]]:
    """Name, reason, and whether a clip is named."""
    rows = read_table(cohort.folder.parent / "frames" / REJECTS_FILE, REJECTS).to_pylist()
    return [(row["uri"].rpartition("/")[2], row["reason"], bool(row["clip_id"])) for row in rows]


def picture(frame: dict[str, Any]) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(frame["jpeg"], np.uint8), cv2.IMREAD_COLOR)


def test_each_still_is_a_frame_of_the_album_a_fifth_of_a_second_after_the_one_before(
    cohort: Cohort,
) -> None:
    cohort.person("p1", "staff")
    for name in "abc":
        cohort.still(f"p1/s1/{name}.png")
    ingest_all(cohort)
    run(cohort, frames_per_second=1.0)
    (clip,) = read_table(cohort.folder.parent / "clips" / CLIPS_FILE, CLIPS).to_pylist()
    keys = ("clip_id", "person_id", "role", "session")
    assert [{key: frame[key] for key in keys} for frame in frames(cohort)] == [
        {key: clip[key] for key in keys}
    ] * 3
    assert [(frame["index"], frame["time_s"]) for frame in frames(cohort)] == [
        (0, 0.0),
        (1, 0.2),
        (2, 0.4),
    ]


def test_a_still_is_turned_upright_and_its_middle_is_kept(cohort: Cohort) -> None:
    wide = cv2.copyMakeBorder(four_colours()[:, 10:50], 0, 0, 30, 30, cv2.BORDER_CONSTANT)
    cohort.person("p1").raw("p1/a.png", turned(".png", 3, wide), "images")
    ingest_all(cohort)
    run(cohort)
    image = picture(frames(cohort)[0])
    assert image.shape == (224, 224, 3)
    corners = [image[y, x] > 128 for y in (50, 170) for x in (50, 170)]
    assert np.array(corners).tolist() == [
        [False, False, False],
        [False, False, True],
        [False, True, False],
        [True, False, False],
    ]


def test_stills_are_thinned_like_the_frames_of_a_clip(cohort: Cohort) -> None:
    cohort.person("p1")
    for number in range(7):
        cohort.still(f"p1/sharp-{number}.png")
    for number in range(3):
        image = plain(1, level=100 + number)[0]
        cohort.raw(f"p1/blurred-{number}.png", encode(image), "images")
    ingest_all(cohort)
    extracted = run(cohort, Limits(min_sharpness=20.0))
    assert (extracted.frames, extracted.frames_dropped_blurred, extracted.stills) == (7, 3, 10)
    assert extracted.clips == 1


def test_a_still_that_fails_is_a_reject_of_its_own_and_the_others_stay(cohort: Cohort) -> None:
    cohort.person("p1").still("p1/a.png")
    content = still(77, size=(200, 200), suffix=".jpg")
    cohort.raw("p1/b.jpg", content[: len(content) // 2], "images")
    cohort.still("p1/c.png")
    ingest_all(cohort)
    extracted = run(cohort)
    assert rejects(cohort) == [("b.jpg", Reason.UNREADABLE, False)]
    assert [frame["index"] for frame in frames(cohort)] == [0, 2]
    assert extracted.summary()["rejects"] == 1


def test_every_still_of_an_album_is_a_frame_or_a_reject_whatever_is_in_it(cohort: Cohort) -> None:
    cohort.person("p1")
    random = np.random.default_rng(5)
    for number in range(60):
        suffix = FORMATS[number % len(FORMATS)]
        content = bytearray(still(number, suffix=f".{suffix}"))
        for place in random.integers(0, len(content), random.integers(0, 30)):
            content[place] = random.integers(256)
        end = random.integers(len(content) // 2, 2 * len(content))
        cohort.raw(f"p1/{number:02}.{suffix}", bytes(content[:end]), "images")
    ingest_all(cohort)
    extracted = run(cohort)
    members = read_table(cohort.folder.parent / "clips" / STILLS_FILE, STILLS)
    names = [uri.rpartition("/")[2] for uri in members["uri"].to_pylist()]
    found = [names[frame["index"]] for frame in frames(cohort)]
    refused = [name for name, *_ in rejects(cohort)]
    assert sorted(found + refused) == names
    assert found
    assert refused
    assert (extracted.stills, extracted.summary()["rejects"]) == (len(found), len(refused))


def test_an_album_without_a_frame_is_a_reject_as_are_its_stills(cohort: Cohort) -> None:
    cohort.person("p1").raw("p1/s1/a.png", still(1)[:150], "images")
    ingest_all(cohort)
    run(cohort)
    assert rejects(cohort) == [
        ("a.png", Reason.UNREADABLE, False),
        ("s1", Reason.NO_FRAMES, True),
    ]


def test_a_still_that_changed_since_ingest_is_not_read(cohort: Cohort) -> None:
    path = cohort.person("p1").still("p1/a.png")
    cohort.still("p1/b.png")
    ingest_all(cohort)
    os.utime(path, ns=(1, 1))
    run(cohort)
    assert rejects(cohort) == [("a.png", Reason.CHANGED_SINCE_INGEST, False)]


def test_an_album_whose_consent_ended_is_not_opened(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort.person("p1", expires="2025-06-20").still("p1/s1/a.png")
    ingest_all(cohort)
    run(cohort, today=TODAY.replace(day=21))
    assert rejects(cohort) == [("s1", Reason.CONSENT_EXPIRED, True)]


def test_each_shard_takes_its_own_albums_and_clips(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1/v.mp4")
    for name in ("a", "m/1", "m/2", "z", "z1/1"):
        cohort.still(f"p1/{name}.png")
    ingest_all(cohort, workers=3)
    found = []
    for shard in range(3):
        run(cohort, shard=shard)
        found += [(frame["session"], frame["index"]) for frame in frames(cohort)]
    stills = [("only", 0), ("only", 1), ("m", 0), ("m", 1), ("z1", 0)]
    assert sorted(found) == sorted(stills + [("v", index) for index in range(6)])


def test_clips_without_a_table_of_stills_need_none(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1.mp4")
    ingest_all(cohort)
    (cohort.folder.parent / "clips" / STILLS_FILE).unlink()
    assert run(cohort).clips == 1


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_albums_are_read_whole_whatever_the_batches_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("components.extract_frames.stills_reader._ROWS_AT_ONCE", batch)
    counts = {"a": 1, "b": 4, "c": 2, "d": 1, "e": 3}
    rows = [
        {"clip_id": name, "index": index, "uri": f"{name}{index}", "etag": "", "bytes": 1}
        for name, count in counts.items()
        for index in range(count)
    ]
    write_table(tmp_path / STILLS_FILE, extraction.pa.Table.from_pylist(rows, schema=STILLS))
    reader = StillsReader(tmp_path / STILLS_FILE)
    for name in ("b", "c", "e"):
        assert reader.take(name)["index"].to_pylist() == list(range(counts[name]))
    with pytest.raises(ContractError, match="album"):
        reader.take("f")
    reader.close()
