"""What the path of a clip says, and which paths are refused."""

from __future__ import annotations

import pytest

from components.contracts import ClipError, Reason
from components.ingest_videos.layout import SOLE_SESSION, Place, place_of


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("p1.mp4", Place("p1", SOLE_SESSION)),
        ("p1/autumn.mov", Place("p1", "autumn")),
        ("p1/autumn/take 1 (copy).webm", Place("p1", "autumn")),
        ("P-1_x/2025-01-01.AVI", Place("P-1_x", "2025-01-01")),
    ],
)
def test_each_layout_names_the_person_and_the_session(path: str, place: Place) -> None:
    assert place_of(path) == place


@pytest.mark.parametrize("suffix", ["mp4", "mov", "m4v", "mkv", "webm", "avi", "MP4", "MkV"])
def test_suffixes_of_videos_are_known_in_any_case(suffix: str) -> None:
    assert place_of(f"p1.{suffix}").person_id == "p1"


@pytest.mark.parametrize(
    "path",
    [
        "p1.txt",
        "p1",
        "p1.mp4.part",
        "jane doe.mp4",
        "é.mp4",
        f"{'x' * 65}.mp4",
        "p1/first session.mp4",
        "p1/s 1/take.mp4",
        "p1/s1/take/more.mp4",
        "p.1/s1.mp4",
        "p1\n.mp4",
    ],
)
def test_any_other_path_is_a_bad_name(path: str) -> None:
    with pytest.raises(ClipError) as caught:
        place_of(path)
    assert caught.value.reason is Reason.BAD_NAME


def test_the_detail_does_not_repeat_the_name() -> None:
    with pytest.raises(ClipError) as caught:
        place_of("jane doe.mp4")
    assert "jane" not in caught.value.detail


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("p1/1.jpg", Place("p1", SOLE_SESSION)),
        ("p1/only/1.JPEG", Place("p1", SOLE_SESSION)),
        ("p1/autumn/IMG 1 (copy).png", Place("p1", "autumn")),
    ],
)
def test_a_still_lies_in_the_folder_of_a_person_or_of_a_session(path: str, place: Place) -> None:
    assert place_of(path, "images") == place


@pytest.mark.parametrize(
    ("path", "folder", "detail"),
    [
        ("p1.jpg", "images", "images/<person_id>/"),
        ("p1/s1/more/1.jpg", "images", "too deep"),
        ("p1/1.mp4", "images", "belong in videos/"),
        ("p1/1.gif", "images", ".webp"),
        ("jane doe/1.jpg", "images", "person_id"),
        ("p1/first session/1.jpg", "images", "session"),
        ("p1/1.jpg", "videos", "belong in images/"),
    ],
)
def test_a_path_in_the_wrong_place_is_a_bad_name_that_says_where_it_belongs(
    path: str, folder: str, detail: str
) -> None:
    with pytest.raises(ClipError, match=detail) as caught:
        place_of(path, folder)
    assert caught.value.reason is Reason.BAD_NAME
