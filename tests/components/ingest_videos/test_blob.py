"""Ingest and extraction over Azure Blob: the same as over a folder, and nothing stays behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest

from components.contracts import (
    CLIPS,
    CLIPS_FILE,
    FRAMES,
    FRAMES_FILE,
    REJECTS,
    REJECTS_FILE,
    Reason,
)
from components.errors import SourceError
from components.extract_frames.extract import Extracted, extract
from components.extract_frames.selection import Limits
from components.ingest_videos.ingest import Ingested, ingest
from components.parquet import read_table
from tests.conftest import TODAY, Cohort

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

    from tests.azurite import Azurite, Gate

WATCHED_STEPS = """
import json, os, sys
from datetime import date
from pathlib import Path

written = set()

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        if (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            written.add(os.path.realpath(os.fsdecode(arguments[0])))
    elif event == "os.mkdir" and not os.path.exists(arguments[0]):
        written.add(os.path.realpath(os.fsdecode(arguments[0])))
    elif event in ("os.rename", "os.link", "os.symlink"):
        written.add(os.path.realpath(os.fsdecode(arguments[1])))

sys.dont_write_bytecode = True
sys.addaudithook(watch)
from components.extract_frames.extract import extract
from components.extract_frames.selection import Limits
from components.ingest_videos.ingest import ingest

source, work, today = sys.argv[1], Path(sys.argv[2]), date.fromisoformat(sys.argv[3])
ingest(source, work / "clips", workers=1, today=today)
options = {"frames_per_second": 5.0, "limits": Limits(min_sharpness=20.0), "today": today}
extract(work / "clips", work / "frames", shard=0, **options)
print(json.dumps(sorted(written)))
"""
"""Both steps, and every path that Python opens for writing, makes or renames to meanwhile."""

PREFIX = "summer term/2025"


class Blobs:
    """A cohort that was uploaded, and both steps over it."""

    def __init__(self, azurite: Azurite, container: ContainerClient, cohort: Cohort) -> None:
        self.work = cohort.folder.parent
        self.container = container
        self.source = f"az://{container.container_name}/{PREFIX}"
        azurite.upload_folder(container, cohort.folder, PREFIX)

    def ingest(self, source: str | None = None, name: str = "clips") -> Ingested:
        return ingest(source or self.source, self.work / name, workers=1, today=TODAY)

    def extract(self, clips: str = "clips", name: str = "frames") -> Extracted:
        return extract(
            self.work / clips,
            self.work / name,
            shard=0,
            today=TODAY,
            frames_per_second=5.0,
            limits=Limits(min_sharpness=20.0),
        )

    def clips(self, name: str = "clips") -> list[dict[str, Any]]:
        return read_table(self.work / name / CLIPS_FILE, CLIPS).to_pylist()

    def rejects(self, name: str) -> dict[str, str]:
        """Reasons by the end of the URI."""
        rows = read_table(self.work / name / REJECTS_FILE, REJECTS).to_pylist()
        return {row["uri"].partition("/videos/")[2]: row["reason"] for row in rows}

    def change(self, name: str, content: bytes) -> None:
        self.container.upload_blob(f"{PREFIX}/videos/{name}", content, overwrite=True)


@pytest.fixture
def two_people(cohort: Cohort) -> Cohort:
    cohort.person("p1").person("p2", "staff")
    cohort.clip("p1.mp4")
    cohort.clip("p2/s1/t1.mp4")
    return cohort


@pytest.fixture
def blobs(azurite: Azurite, container: ContainerClient, two_people: Cohort) -> Blobs:
    return Blobs(azurite, container, two_people)


def test_blobs_give_what_the_folder_they_came_from_gives(blobs: Blobs, cohort: Cohort) -> None:
    remote, local = blobs.ingest(), blobs.ingest(str(cohort.folder), "local-clips")
    assert remote == local
    blobs.extract()
    blobs.extract("local-clips", "local-frames")
    frames = [
        read_table(blobs.work / name / FRAMES_FILE, FRAMES) for name in ("frames", "local-frames")
    ]
    assert len(frames[0]) > 0
    assert frames[0].equals(frames[1])


def test_clips_are_known_by_plain_uris_and_the_etags_of_the_listing(
    blobs: Blobs, azurite: Azurite
) -> None:
    blobs.ingest()
    base = f"{azurite.endpoint}/{blobs.container.container_name}/summer%20term/2025/videos"
    assert [clip["uri"] for clip in blobs.clips()] == [f"{base}/p1.mp4", f"{base}/p2/s1/t1.mp4"]
    etags = {blob.etag.strip('"') for blob in blobs.container.list_blobs()}
    assert {clip["etag"] for clip in blobs.clips()} < etags


def test_a_url_names_the_same_source_as_the_short_form(blobs: Blobs, azurite: Azurite) -> None:
    url = f"{azurite.endpoint}/{blobs.container.container_name}/summer%20term/2025/"
    assert blobs.ingest(url, "by-url") == blobs.ingest()
    assert blobs.clips("by-url") == blobs.clips()


def test_no_file_stays_behind(blobs: Blobs) -> None:
    blobs.ingest()
    blobs.extract()
    assert list((blobs.work / "scratch").iterdir()) == []


@pytest.mark.parametrize("change", ["overwritten", "deleted"])
def test_a_blob_that_changed_since_ingest_is_a_reject(blobs: Blobs, change: str) -> None:
    blobs.ingest()
    if change == "overwritten":  # with the very same bytes: only the etag tells
        path = f"{PREFIX}/videos/p1.mp4"
        content = blobs.container.download_blob(path).readall()
        blobs.change("p1.mp4", content)
    else:
        blobs.container.delete_blob(f"{PREFIX}/videos/p1.mp4")
    extracted = blobs.extract()
    assert blobs.rejects("frames") == {"p1.mp4": Reason.CHANGED_SINCE_INGEST}
    assert extracted.clips == 1


def test_a_clip_of_nobody_in_the_roster_is_not_downloaded(
    blobs: Blobs, cohort: Cohort, gate: Gate
) -> None:
    blobs.change("stranger.mp4", b"never read")
    blobs.ingest()
    assert blobs.rejects("clips") == {"stranger.mp4": Reason.NOT_IN_ROSTER}
    assert {Path(one.path).name.partition("?")[0] for one in gate.downloads()} == {
        "p1.mp4",
        "t1.mp4",
    }


def test_a_clip_is_downloaded_once_by_each_step(blobs: Blobs, gate: Gate) -> None:
    blobs.ingest()
    assert len(gate.downloads()) == 2
    blobs.extract()
    assert len(gate.downloads()) == 4


def test_a_source_without_videos_says_where_it_looked(blobs: Blobs) -> None:
    source = f"az://{blobs.container.container_name}/winter"
    blobs.container.upload_blob(
        "winter/roster.csv", (blobs.work / "source/roster.csv").read_bytes()
    )
    where = r"below videos/ or images/ in http.*/winter: there are none"
    with pytest.raises(SourceError, match=where):
        blobs.ingest(source)


# As uploaded: what the service makes of it, and the reason.
ODD_NAMES = {
    "../../up.mp4": ("../../up.mp4", Reason.NOT_A_FILE),
    "p1/../../../../through.mp4": ("p1/../../../../through.mp4", Reason.NOT_A_FILE),
    "/etc/rooted.mp4": ("/etc/rooted.mp4", Reason.NOT_A_FILE),
    "..%2Fencoded.mp4": ("../encoded.mp4", Reason.NOT_A_FILE),
    "..%5Cbackslash.mp4": ("../backslash.mp4", Reason.NOT_A_FILE),  # stored as a slash
    "p1/with%20space.mp4": ("p1/with space.mp4", Reason.BAD_NAME),
    "p1/gr%C3%B6%C3%9Fe.mp4": ("p1/größe.mp4", Reason.BAD_NAME),
}


def test_whatever_blobs_are_called_nothing_is_written_outside_of_the_folders_given(
    blobs: Blobs, azurite: Azurite
) -> None:
    for name in ODD_NAMES:
        path = f"{quote(PREFIX)}/videos/{name}"
        azurite.upload_many(blobs.container.container_name, {path: b"x"})
    command = [sys.executable, "-c", WATCHED_STEPS, blobs.source, str(blobs.work), str(TODAY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    written = [Path(path) for path in json.loads(done.stdout)]
    names = ("clips", "frames", "scratch", ".clips.", ".frames.")  # those with a dot: half done
    allowed = (os.devnull, *(str(blobs.work / name) for name in names))
    assert [path for path in written if not str(path).startswith(allowed)] == []
    assert len([path for path in written if path.parent == blobs.work / "scratch"]) == 4
    rejects = {unquote(name): reason for name, reason in blobs.rejects("clips").items()}
    assert rejects == dict(ODD_NAMES.values())
    assert {clip["person_id"] for clip in blobs.clips()} == {"p1", "p2"}
