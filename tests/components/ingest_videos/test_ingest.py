"""From a source to the clips table: what gets in, what does not, and that nothing is lost."""

from __future__ import annotations

import json
import logging
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from components.contracts import (
    CLIPS,
    CLIPS_FILE,
    INGEST_FILE,
    PEOPLE,
    PEOPLE_FILE,
    REJECTS,
    REJECTS_FILE,
    STILLS_FILE,
    Reason,
)
from components.errors import ContractError, RosterError, SourceError
from components.ingest_videos.ingest import Ingested, ingest
from components.parquet import read_table
from components.sources import LocalFolder
from tests.conftest import TODAY, Cohort

if TYPE_CHECKING:
    from pathlib import Path


def run(cohort: Cohort, workers: int = 1) -> Ingested:
    return ingest(str(cohort.folder), output(cohort), workers=workers, today=TODAY)


def output(cohort: Cohort) -> Path:
    return cohort.folder.parent / "clips"


def clips(cohort: Cohort) -> list[dict[str, Any]]:
    return read_table(output(cohort) / CLIPS_FILE, CLIPS).to_pylist()


def rejects(cohort: Cohort) -> dict[str, str]:
    """Reasons by path below videos/."""
    table = read_table(output(cohort) / REJECTS_FILE, REJECTS).to_pylist()
    return {row["uri"].partition("/videos/")[2]: row["reason"] for row in table}


def test_all_three_layouts_are_read(cohort: Cohort) -> None:
    cohort.person("p1").person("p2", "staff").person("p3", "visitor")
    cohort.clip("p1.mp4")
    cohort.clip("p2/s1.mp4")
    cohort.clip("p3/s1/t1.mp4")
    cohort.clip("p3/s1/t2.mkv")
    run(cohort)
    found = [(clip["person_id"], clip["role"], clip["session"]) for clip in clips(cohort)]
    assert found == [
        ("p1", "student", "only"),
        ("p2", "staff", "s1"),
        ("p3", "visitor", "s1"),
        ("p3", "visitor", "s1"),
    ]


def test_clips_stand_in_the_order_of_their_uris(cohort: Cohort) -> None:
    cohort.person("a").person("b")
    for name in ("b.mp4", "a/s2.mp4", "a/s1/t.mp4", "a.mp4"):
        cohort.clip(name)
    run(cohort, workers=3)
    uris = [clip["uri"] for clip in clips(cohort)]
    assert uris == sorted(uris)


def test_the_end_of_consent_travels_with_the_clip(cohort: Cohort) -> None:
    cohort.person("p1", expires="2025-07-01").clip("p1.mp4")
    run(cohort)
    assert clips(cohort)[0]["consent_expires_on"].isoformat() == "2025-07-01"


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        ({"person_id": "someone-else"}, Reason.NOT_IN_ROSTER),
        ({"given": ""}, Reason.CONSENT_MISSING),
        ({"expires": ""}, Reason.CONSENT_MISSING),
        ({"given": "2025-06-16"}, Reason.CONSENT_MISSING),
        ({"expires": "2025-06-14"}, Reason.CONSENT_EXPIRED),
    ],
)
def test_consent_is_judged_before_a_clip_is_opened(
    cohort: Cohort, person: dict[str, str], reason: Reason
) -> None:
    cohort.person("ok").clip("ok.mp4")
    cohort.person(**{"person_id": "p1", **person})
    cohort.raw("p1.mp4", b"opened, this would be unreadable")
    run(cohort)
    assert rejects(cohort) == {"p1.mp4": reason}


def _unreadable(cohort: Cohort) -> None:
    cohort.raw("p1/bad.mp4", b"not a video")


def _empty(cohort: Cohort) -> None:
    cohort.raw("p1/bad.mp4", b"")


def _short(cohort: Cohort) -> None:
    cohort.clip("p1/bad.mp4", seconds=0.3)


def _not_a_video(cohort: Cohort) -> None:
    cohort.raw("p1/bad.txt", b"notes")


def _pipe(cohort: Cohort) -> None:
    os.mkfifo(cohort.path("p1/bad.mp4"))


def _folder(cohort: Cohort) -> None:
    cohort.path("p1/bad.mp4").mkdir()


def _copy(cohort: Cohort) -> None:
    shutil.copy(cohort.path("p1/a.mp4"), cohort.path("p1/bad.mp4"))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_unreadable, Reason.UNREADABLE),
        (_empty, Reason.EMPTY),
        (_short, Reason.TOO_SHORT),
        (_not_a_video, Reason.BAD_NAME),
        (_pipe, Reason.NOT_A_FILE),
        (_folder, Reason.NOT_A_FILE),
        (_copy, Reason.DUPLICATE),
    ],
)
def test_a_bad_clip_is_a_reject_and_the_run_goes_on(
    cohort: Cohort, spoil: Any, reason: Reason
) -> None:
    cohort.person("p1").clip("p1/a.mp4")
    spoil(cohort)
    assert run(cohort).clips == 1
    assert list(rejects(cohort).values()) == [reason]


def test_content_under_two_people_is_rejected_for_both(cohort: Cohort) -> None:
    cohort.person("p1").person("p2").person("p3").clip("p3.mp4")
    shutil.copy(cohort.clip("p1.mp4"), cohort.path("p2.mp4"))
    run(cohort)
    assert rejects(cohort) == {
        "p1.mp4": Reason.CONFLICTING_PERSON,
        "p2.mp4": Reason.CONFLICTING_PERSON,
    }


def test_a_person_without_a_clip_is_counted(cohort: Cohort) -> None:
    cohort.person("p1").person("p2").clip("p1.mp4")
    assert run(cohort).people_without_clips == 1


def people(cohort: Cohort) -> dict[str, tuple[str, int, int]]:
    """Consent, accepted and rejected clips by person."""
    rows = read_table(output(cohort) / PEOPLE_FILE, PEOPLE).to_pylist()
    return {
        row["person_id"]: (row["consent"], row["clips_accepted"], row["clips_rejected"])
        for row in rows
    }


def test_everybody_in_the_roster_is_listed_in_its_order_with_their_clips(cohort: Cohort) -> None:
    cohort.person("z").person("nobody").person("unasked", given="").person("late", given="")
    cohort.person("over", expires="2025-06-14")
    for name in ("z/a.mp4", "z/b.mp4", "unasked.mp4", "over/s1/t1.mp4", "over/s1/t2.mp4"):
        cohort.clip(name)
    run(cohort)
    assert list(people(cohort).items()) == [
        ("z", ("valid", 2, 0)),
        ("nobody", ("valid", 0, 0)),
        ("unasked", ("missing", 0, 1)),
        ("late", ("missing", 0, 0)),
        ("over", ("expired", 0, 2)),
    ]


def test_a_rejected_file_counts_for_the_person_whom_its_path_names(cohort: Cohort) -> None:
    cohort.person("p1").person("p2").clip("p1/a.mp4")
    shutil.copy(cohort.path("p1/a.mp4"), cohort.path("p1/copy.mp4"))
    cohort.raw("p1/notes.txt", b"notes")
    cohort.raw("p1/a/b/too-deep.mp4", b"x")
    cohort.raw("p2.mp4", b"no video")
    cohort.raw("stranger.mp4", b"x")
    run(cohort)
    assert people(cohort) == {"p1": ("valid", 1, 3), "p2": ("valid", 0, 1)}


def test_the_stills_of_a_session_count_as_one_clip_and_those_left_out_one_by_one(
    cohort: Cohort,
) -> None:
    cohort.person("p1").clip("p1/s1.mp4")
    first = cohort.still("p1/s1/a.png")
    cohort.still("p1/s1/b.png")
    shutil.copy(first, first.with_name("copy.png"))
    cohort.raw("p1/s1/broken.png", b"no picture", "images")
    run(cohort)
    assert people(cohort) == {"p1": ("valid", 2, 2)}


def test_content_under_two_people_counts_as_rejected_for_both(cohort: Cohort) -> None:
    cohort.person("p1").person("p2").person("p3").clip("p3.mp4")
    shutil.copy(cohort.clip("p1.mp4"), cohort.path("p2.mp4"))
    run(cohort)
    assert [people(cohort)[person][1:] for person in ("p1", "p2", "p3")] == [(0, 1), (0, 1), (1, 0)]


def test_shards_are_numbered_from_zero_and_never_more_than_clips(cohort: Cohort) -> None:
    cohort.person("p1")
    cohort.clip("p1/a.mp4")
    cohort.clip("p1/b.mp4")
    assert run(cohort, workers=5).shards == (0, 1)


def test_shards_in_the_table_are_the_ones_that_are_returned(cohort: Cohort) -> None:
    cohort.person("p1")
    for name in "abcde":
        cohort.clip(f"p1/{name}.mp4")
    shards = run(cohort, workers=2).shards
    assert {clip["shard"] for clip in clips(cohort)} == set(shards)


def test_the_summary_on_disk_is_the_one_that_is_returned(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1.mp4")
    ingested = run(cohort)
    assert json.loads((output(cohort) / INGEST_FILE).read_text()) == ingested.summary()


def test_only_the_five_files_are_left(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1.mp4")
    run(cohort)
    names = {path.name for path in output(cohort).iterdir()}
    assert names == {CLIPS_FILE, STILLS_FILE, REJECTS_FILE, PEOPLE_FILE, INGEST_FILE}


def test_the_same_source_gives_the_same_bytes(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1/a.mp4")
    cohort.clip("p1/b.mp4")
    cohort.raw("p1/c.mp4", b"")
    run(cohort, workers=2)
    first = {path.name: path.read_bytes() for path in output(cohort).iterdir()}
    run(cohort, workers=2)
    assert {path.name: path.read_bytes() for path in output(cohort).iterdir()} == first


def test_the_fingerprint_is_that_of_the_content_wherever_it_lies(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1/a.mp4")
    cohort.clip("p1/b.mp4")
    before = run(cohort).fingerprint
    cohort.folder = cohort.folder.rename(cohort.folder.parent / "moved")
    assert run(cohort, workers=2).fingerprint == before


def test_no_videos_is_an_error_that_says_what_was_looked_for_and_where(cohort: Cohort) -> None:
    cohort.person("p1").path("x")
    with pytest.raises(SourceError) as caught:
        run(cohort)
    assert all(part in str(caught.value) for part in (".mp4", "<person_id>", str(cohort.folder)))


def test_no_usable_video_is_an_error_that_counts_the_reasons(cohort: Cohort) -> None:
    cohort.person("p1").raw("p1/a.mp4", b"")
    cohort.raw("p1/b.mp4", b"")
    cohort.raw("p1/c.mp4", b"not a video")
    with pytest.raises(SourceError) as caught:
        run(cohort)
    assert "empty: 2" in str(caught.value)
    assert "unreadable: 1" in str(caught.value)


def test_only_conflicting_copies_are_an_error(cohort: Cohort) -> None:
    cohort.person("p1").person("p2")
    shutil.copy(cohort.clip("p1.mp4"), cohort.path("p2.mp4"))
    with pytest.raises(SourceError, match="conflicting_person: 2"):
        run(cohort)


def test_a_failed_run_leaves_nothing_behind(cohort: Cohort) -> None:
    cohort.person("p1").raw("p1.mp4", b"")
    with pytest.raises(SourceError):
        run(cohort)
    assert sorted(path.name for path in cohort.folder.parent.iterdir()) == ["source"]


def test_without_a_roster_nothing_is_read(cohort: Cohort) -> None:
    cohort.clip("p1.mp4")
    with pytest.raises(RosterError):
        run(cohort)


def test_the_roster_may_be_given_apart(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1.mp4")
    apart = (cohort.folder / "roster.csv").rename(cohort.folder.parent / "people.csv")
    ingested = ingest(str(cohort.folder), output(cohort), workers=1, today=TODAY, roster=str(apart))
    assert ingested.people == 1


def test_a_source_is_listed_once(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    cohort.person("p1").clip("p1.mp4")
    listings = []
    files = LocalFolder.files
    monkeypatch.setattr(
        LocalFolder, "files", lambda source: (listings.append(source), files(source))[1]
    )
    run(cohort)
    assert len(listings) == 1


def test_the_progress_has_its_total_before_the_first_file(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    events = tmp_path / "events.jsonl"
    monkeypatch.setenv("ROLLCALL_EVENTS", str(events))
    cohort.person("p1").clip("p1.mp4")
    cohort.raw("p1.txt", b"")
    run(cohort)
    told = [json.loads(line) for line in events.read_text().splitlines()]
    assert {(each["done"], each["total"]) for each in told[:2]} == {(0, 0), (0, 2)}
    assert (told[-1]["done"], told[-1]["total"]) == (2, 2)


@pytest.mark.parametrize("workers", [0, -1, 1001])
def test_a_senseless_number_of_workers_is_refused(cohort: Cohort, workers: int) -> None:
    with pytest.raises(ContractError, match="workers"):
        run(cohort, workers=workers)


def test_no_pseudonym_is_logged(cohort: Cohort, caplog: pytest.LogCaptureFixture) -> None:
    cohort.person("secret-id").clip("secret-id/a.mp4")
    cohort.raw("secret-id/b.mp4", b"not a video")
    with caplog.at_level(logging.DEBUG):
        run(cohort)
    assert caplog.text
    assert "secret-id" not in caplog.text


def test_hundreds_of_files_keep_their_order_through_the_threads(cohort: Cohort) -> None:
    cohort.person("p1").clip("p1/zzz.mp4")
    for number in range(200):
        cohort.raw(f"p1/{number:03}.mp4", b"" if number % 3 else b"not a video")
    run(cohort)
    assert list(rejects(cohort)) == [f"p1/{number:03}.mp4" for number in range(200)]
