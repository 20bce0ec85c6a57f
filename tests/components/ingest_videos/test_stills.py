"""From stills to the clips table: they pass what clips pass, and none is lost."""

from __future__ import annotations

import hashlib
import shutil
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.contracts import (
    CLIPS,
    CLIPS_FILE,
    REJECTS,
    REJECTS_FILE,
    STILLS,
    STILLS_FILE,
    Reason,
)
from components.errors import SourceError
from components.ingest_videos.ingest import Ingested, ingest
from components.ingest_videos.spool import ROWS_AT_ONCE
from components.parquet import read_table
from components.sources import open_source
from tests.conftest import TODAY, Cohort
from tests.stills import animated, bomb, still
from tests.videos import noise, write_video

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

    from tests.azurite import Azurite, Gate


def run(cohort: Cohort, source: str = "", workers: int = 1) -> Ingested:
    return ingest(source or str(cohort.folder), output(cohort), workers=workers, today=TODAY)


def output(cohort: Cohort) -> Path:
    return cohort.folder.parent / "clips"


def clips(cohort: Cohort) -> list[dict[str, Any]]:
    return read_table(output(cohort) / CLIPS_FILE, CLIPS).to_pylist()


def stills(cohort: Cohort) -> list[dict[str, Any]]:
    return read_table(output(cohort) / STILLS_FILE, STILLS).to_pylist()


def names(cohort: Cohort) -> list[str]:
    return [row["uri"].partition("/images/")[2] for row in stills(cohort)]


def rejects(cohort: Cohort) -> dict[str, str]:
    """Reasons by path in the source."""
    table = read_table(output(cohort) / REJECTS_FILE, REJECTS).to_pylist()
    start = cohort.folder.as_uri() + "/"
    return {row["uri"].removeprefix(start): row["reason"] for row in table}


def test_the_stills_of_a_session_are_one_row(cohort: Cohort) -> None:
    cohort.person("p1", "staff", expires="2025-07-01")
    paths = [cohort.still(f"p1/s1/{name}", size=(80, 48)) for name in ("b.png", "a.bmp")]
    run(cohort)
    (album,) = clips(cohort)
    assert album == {
        "clip_id": album["clip_id"],
        "uri": paths[0].parent.as_uri(),
        "etag": None,
        "bytes": sum(path.stat().st_size for path in paths),
        "person_id": "p1",
        "role": "staff",
        "session": "s1",
        "duration_s": 0.4,
        "fps": None,
        "width": 80,
        "height": 48,
        "codec": "stills",
        "consent_expires_on": date(2025, 7, 1),
        "shard": 0,
    }
    assert [(row["clip_id"], row["index"], Path(row["uri"]).name) for row in stills(cohort)] == [
        (album["clip_id"], 0, "a.bmp"),
        (album["clip_id"], 1, "b.png"),
    ]


def test_the_id_of_an_album_is_a_digest_over_its_stills(cohort: Cohort) -> None:
    cohort.person("p1")
    paths = [cohort.still(f"p1/{name}.png") for name in "ab"]
    run(cohort)
    ids = sorted(hashlib.sha256(path.read_bytes()).digest()[:8] for path in paths)
    assert clips(cohort)[0]["clip_id"] == hashlib.sha256(b"".join(ids)).hexdigest()[:16]


def test_stills_beside_a_sessions_folder_are_an_album_of_their_own(cohort: Cohort) -> None:
    cohort.person("p1")
    for name in ("a.png", "m/1.png", "m/2.png", "only/x.png", "z.png"):
        cohort.still(f"p1/{name}")
    run(cohort)
    assert [(row["session"], Path(row["uri"]).name) for row in clips(cohort)] == [
        ("only", "p1"),
        ("m", "m"),
    ]
    assert names(cohort) == ["p1/a.png", "p1/only/x.png", "p1/z.png", "p1/m/1.png", "p1/m/2.png"]


def test_albums_stand_before_clips_and_share_the_name_of_a_session(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1/s1.mp4")
    cohort.still("p1/s1/a.png")
    ingested = run(cohort, workers=2)
    assert [(row["session"], row["codec"], row["shard"]) for row in clips(cohort)] == [
        ("s1", "stills", 1),
        ("s1", "h264", 0),
    ]
    assert (ingested.clips, ingested.albums, ingested.stills) == (2, 1, 1)


def test_an_album_larger_than_a_batch_keeps_its_order(cohort: Cohort) -> None:
    content = still(1)
    cohort.person("p1")
    count = ROWS_AT_ONCE + 3
    for number in range(count):
        cohort.raw(f"p1/{number:05}.png", content + number.to_bytes(4, "big"), "images")
        if number == count // 2:
            cohort.still(f"p1/{number:05}-s/1.png")
    run(cohort)
    session = clips(cohort)[1]["clip_id"]
    assert names(cohort) == [
        *(f"p1/{number:05}.png" for number in range(count)),
        f"p1/{count // 2:05}-s/1.png",
    ]
    assert [row["index"] for row in stills(cohort)] == [*range(count), 0]
    assert stills(cohort)[-1]["clip_id"] == session


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        ({"person_id": "someone-else"}, Reason.NOT_IN_ROSTER),
        ({"expires": ""}, Reason.CONSENT_MISSING),
        ({"expires": "2025-06-14"}, Reason.CONSENT_EXPIRED),
    ],
)
def test_consent_is_judged_before_a_still_is_opened(
    cohort: Cohort, person: dict[str, str], reason: Reason
) -> None:
    cohort.person("ok").still("ok/1.png")
    cohort.person(**{"person_id": "p1", **person})
    cohort.raw("p1/1.png", b"opened, this would be unreadable", "images")
    run(cohort)
    assert rejects(cohort) == {"images/p1/1.png": reason}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"not a picture", Reason.UNREADABLE),
        (bomb(".png"), Reason.TOO_LARGE),
        (animated(".webp"), Reason.UNSUPPORTED_CODEC),
        (still(1), Reason.DUPLICATE),
    ],
)
def test_a_bad_still_is_a_reject_of_its_own(cohort: Cohort, content: bytes, reason: Reason) -> None:
    cohort.person("p1").raw("p1/s1/a.png", still(1), "images")
    cohort.raw("p1/s2/bad.png", content, "images")
    run(cohort)
    assert (names(cohort), rejects(cohort)) == (["p1/s1/a.png"], {"images/p1/s2/bad.png": reason})


def test_a_still_under_two_people_goes_for_both(cohort: Cohort) -> None:
    cohort.person("p1").person("p2").still("p1/b.png")
    shutil.copy(cohort.still("p1/a.png"), cohort.path("p2/a.png", "images"))
    run(cohort)
    assert names(cohort) == ["p1/b.png"]
    assert set(rejects(cohort).values()) == {Reason.CONFLICTING_PERSON}


def test_rejects_of_stills_name_no_clip(cohort: Cohort) -> None:
    cohort.person("p1").raw("p1/a.png", still(1), "images")
    cohort.raw("p1/b.png", still(1), "images")
    run(cohort)
    assert read_table(output(cohort) / REJECTS_FILE, REJECTS)["clip_id"].to_pylist() == [None]


def test_a_source_with_neither_folder_is_an_error_that_names_both(cohort: Cohort) -> None:
    cohort.person("p1")
    with pytest.raises(SourceError, match=r"videos/ or images/"):
        run(cohort)


def test_an_empty_source_says_what_stills_look_like(cohort: Cohort) -> None:
    cohort.person("p1").path("x", "images")
    with pytest.raises(SourceError, match=r"\.webp.*images/<person_id>/"):
        run(cohort)


def test_the_fingerprint_is_that_of_the_content_wherever_it_lies(cohort: Cohort) -> None:
    cohort.person("p1")
    paths = [cohort.still(f"p1/s1/{name}.png") for name in "ab"]
    before = run(cohort).fingerprint
    paths[0].rename(paths[0].with_name("z.png"))
    moved = run(cohort).fingerprint
    paths[1].unlink()
    assert before == moved != run(cohort).fingerprint


def test_stills_in_blobs_give_what_the_folder_they_came_from_gives(
    cohort: Cohort, azurite: Azurite, container: ContainerClient, gate: Gate
) -> None:
    cohort.person("p1").clip("p1/s1.mp4")
    for name in ("p1/a.png", "p1/s1/a.jpg", "p1/s1/b.webp"):
        cohort.still(name)
    cohort.raw("stranger/a.png", b"never read", "images")
    local = run(cohort)
    azurite.upload_folder(container, cohort.folder, "term")
    assert run(cohort, f"az://{container.container_name}/term") == local
    assert clips(cohort)[0]["uri"].endswith("/term/images/p1")
    listings = [one.path for one in gate.requests if "comp=list" in one.path]
    assert len(listings) == 2  # one page of each folder
    assert sorted(
        one.path.partition("/term/")[2].partition("?")[0] for one in gate.downloads()
    ) == [
        "images/p1/a.png",
        "images/p1/s1/a.jpg",
        "images/p1/s1/b.webp",
        "videos/p1/s1.mp4",
    ]


# Whose it is and where it lies, in which folder, and what is in it.
PEOPLE = ("p1", "p2", "over", "unknown", "bad name")
PATHS = st.tuples(
    st.sampled_from(("images", "videos")),
    st.sampled_from(PEOPLE),
    st.sampled_from(("", "s1/", "s2/", "s1/deeper/")),
    st.sampled_from(("a", "b", "c")),
    st.sampled_from((".png", ".jpg", ".mp4", ".txt")),
)
CONTENTS = st.sampled_from(("still 1", "still 2", "still 3", "clip 1", "clip 2", "bad", "empty"))


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("contents")
    made = {f"still {seed}": still(seed) for seed in (1, 2, 3)}
    for seed in (1, 2):
        made[f"clip {seed}"] = write_video(folder / "x.mp4", noise(12, seed=seed)).read_bytes()
    return {**made, "bad": b"no picture and no video", "empty": b""}


@given(files=st.dictionaries(PATHS, CONTENTS, min_size=10, max_size=60))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_file_is_a_clip_or_in_an_album_or_a_reject_exactly_once(
    contents: dict[str, bytes], files: dict[tuple[str, ...], str]
) -> None:
    with TemporaryDirectory() as folder:
        cohort = Cohort(Path(folder) / "source").person("p1").person("p2", "staff")
        cohort.person("over", expires="2025-02-01")
        cohort.raw("p1/always.mp4", contents["clip 1"] + b"\0\0\0\x0cfreesole")
        for (top, *parts), content in files.items():
            cohort.raw("/".join((parts[0], parts[1] + parts[2] + parts[3])), contents[content], top)
        ingested = run(cohort, workers=2)
        listed = sorted(file.uri for file in open_source(str(cohort.folder)).files())
        rows = clips(cohort)
        table = read_table(output(cohort) / REJECTS_FILE, REJECTS).to_pylist()
        members = stills(cohort)
        albums = [row["clip_id"] for row in rows if row["codec"] == "stills"]
        found = [row["uri"] for row in rows if row["codec"] != "stills"]
        assert sorted(found + [row["uri"] for row in members + table]) == listed
        assert list(dict.fromkeys(row["clip_id"] for row in members)) == albums
        assert (len(rows), len(albums), len(members)) == (
            ingested.clips,
            ingested.albums,
            ingested.stills,
        )
        assert {row["shard"] for row in rows} == set(ingested.shards)
