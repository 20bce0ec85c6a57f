"""Sources: what is listed, what is refused, and when a clip has changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from components import sources
from components.contracts import ClipError, Reason
from components.errors import RosterError, SourceError
from components.sources import localise, open_source, read_roster

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "source" / "videos"
    folder.mkdir(parents=True)
    return folder


def listed(videos: Path) -> list[str]:
    return [file.path for file in open_source(str(videos.parent)).files()]


def problem_of(videos: Path, path: str) -> str | None:
    files = {file.path: file for file in open_source(str(videos.parent)).files()}
    return files[path].problem


def test_files_come_in_the_order_of_their_whole_paths(videos: Path) -> None:
    names = ["a/s1.mp4", "a/s1/t.mp4", "a-b.mp4", "a.mp4", "b/1.mp4", "a0.mp4"]
    for name in names:
        (videos / name).parent.mkdir(exist_ok=True, parents=True)
        (videos / name).write_bytes(b"x")
    assert listed(videos) == sorted(names)


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "._a.mp4"])
def test_what_operating_systems_leave_behind_is_not_listed(videos: Path, name: str) -> None:
    (videos / name).write_bytes(b"x")
    assert listed(videos) == []


def test_a_file_uri_names_the_same_source_as_a_path(videos: Path) -> None:
    (videos / "a.mp4").write_bytes(b"x")
    by_uri = list(open_source(videos.parent.as_uri()).files())
    assert by_uri == list(open_source(str(videos.parent)).files())


@pytest.mark.parametrize("name", ["a b.mp4", "100%.mp4", "é?#.mp4", os.fsdecode(b"\xff.mp4")])
def test_any_name_can_be_found_again_by_its_uri(videos: Path, name: str) -> None:
    (videos / name).write_bytes(b"here")
    (file,) = open_source(str(videos.parent)).files()
    with localise(file.uri, file.etag) as path:
        assert path.read_bytes() == b"here"


def test_a_uri_is_ascii(videos: Path) -> None:
    (videos / "é.mp4").write_bytes(b"x")
    assert next(iter(open_source(str(videos.parent)).files())).uri.isascii()


def test_a_pipe_is_listed_as_a_problem_and_not_waited_for(videos: Path) -> None:
    os.mkfifo(videos / "a.mp4")
    assert "pipe" in (problem_of(videos, "a.mp4") or "")


def test_a_folder_named_like_a_video_is_a_problem(videos: Path) -> None:
    (videos / "a.mp4").mkdir()
    assert problem_of(videos, "a.mp4") == "a folder, not a file"


def test_a_link_out_of_the_videos_is_a_problem(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.mp4").write_bytes(b"x")
    (videos / "a.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    assert "leaves" in (problem_of(videos, "a.mp4") or "")


def test_a_link_within_the_videos_is_followed(videos: Path) -> None:
    (videos / "b.mp4").write_bytes(b"x")
    (videos / "a.mp4").symlink_to(videos / "b.mp4")
    assert problem_of(videos, "a.mp4") is None


@pytest.mark.parametrize("target", ["nowhere.mp4", "a.mp4"], ids=["dangling", "itself"])
def test_a_link_to_nowhere_is_a_problem(videos: Path, target: str) -> None:
    (videos / "a.mp4").symlink_to(videos / target)
    assert "nowhere" in (problem_of(videos, "a.mp4") or "")


def test_a_linked_folder_is_not_walked(videos: Path) -> None:
    (videos / "a").symlink_to(videos)
    assert listed(videos) == ["a"]


def test_folders_too_deep_are_a_problem_and_not_walked(videos: Path) -> None:
    deep = videos.joinpath(*"abcdefghijkl")
    deep.mkdir(parents=True)
    (deep / "x.mp4").write_bytes(b"x")
    assert listed(videos) == ["a/b/c/d/e/f/g/h/i"]


def test_too_many_files_are_an_error(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_FILES", 2)
    for name in "abc":
        (videos / f"{name}.mp4").write_bytes(b"x")
    with pytest.raises(SourceError, match="more than 2 files"):
        listed(videos)


def test_a_missing_folder_is_an_error_that_says_where(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing-here"):
        open_source(str(tmp_path / "nothing-here"))


def test_a_missing_videos_folder_is_an_error_that_says_what(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="videos/"):
        list(open_source(str(tmp_path)).files())


def test_stills_are_listed_before_videos_and_know_their_folder(videos: Path) -> None:
    (videos / "a.mp4").write_bytes(b"x")
    (videos.parent / "images" / "p1").mkdir(parents=True)
    (videos.parent / "images" / "p1" / "b.jpg").write_bytes(b"x")
    files = list(open_source(str(videos.parent)).files())
    assert [(file.folder, file.path) for file in files] == [
        ("images", "p1/b.jpg"),
        ("videos", "a.mp4"),
    ]
    assert files == sorted(files, key=lambda file: file.uri)


def test_stills_alone_are_a_source(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"x")
    assert [file.path for file in open_source(str(tmp_path)).files()] == ["a.jpg"]


def test_a_link_from_the_stills_to_the_videos_is_a_problem(videos: Path) -> None:
    (videos / "a.mp4").write_bytes(b"x")
    (videos.parent / "images").mkdir()
    (videos.parent / "images" / "a.jpg").symlink_to(videos / "a.mp4")
    first = next(iter(open_source(str(videos.parent)).files()))
    assert first.problem == "a link that leaves images/"


@pytest.mark.parametrize("form", ["path", "uri"])
def test_a_roster_given_apart_goes_before_that_of_the_source(videos: Path, form: str) -> None:
    (videos.parent / "roster.csv").write_bytes(b"inside")
    apart = videos.parent.parent / "our people.csv"
    apart.write_bytes(b"apart")
    named = str(apart) if form == "path" else apart.as_uri()
    source = open_source(str(videos.parent))
    assert (read_roster(source), read_roster(source, named)) == (b"inside", b"apart")


@pytest.mark.parametrize(
    ("roster", "message"),
    [
        ("/nowhere/people.csv", "people.csv in /nowhere"),
        ("/usr", "no such file"),
        ("ftp://host/people.csv?sig=SECRET", "ftp:// is no place known"),
        ("file://server/people.csv", "another machine"),
        ("https://a.example/people.csv", "no storage account"),
        ("https://a1b.blob.core.windows.net/c/people.csv?sig=SECRET", "query"),
        ("https://a1b.blob.core.windows.net/people", "no blob in it"),
    ],
)
def test_a_roster_that_cannot_be_read_is_an_error_that_says_why(
    videos: Path, roster: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
    with pytest.raises(RosterError, match=message) as caught:
        read_roster(open_source(str(videos.parent)), roster)
    assert "SECRET" not in str(caught.value)


def test_a_missing_roster_is_an_error_that_says_what(tmp_path: Path) -> None:
    with pytest.raises(RosterError, match=r"roster\.csv"):
        open_source(str(tmp_path)).read_roster()


def test_an_unknown_kind_of_source_is_refused_without_repeating_its_token() -> None:
    with pytest.raises(SourceError) as caught:
        open_source("ftp://host/videos?sig=SECRET")
    assert "SECRET" not in str(caught.value)


def test_a_file_uri_of_another_machine_is_refused() -> None:
    with pytest.raises(SourceError, match="another machine"):
        open_source("file://server/share")


@pytest.mark.parametrize("change", ["deleted", "longer", "touched", "replaced by a folder"])
def test_a_clip_that_changed_since_it_was_listed_is_refused(videos: Path, change: str) -> None:
    path = videos / "a.mp4"
    path.write_bytes(b"x")
    (file,) = open_source(str(videos.parent)).files()
    if change == "longer":
        path.write_bytes(b"xx")
    elif change == "touched":
        os.utime(path, ns=(1, 1))
    else:
        path.unlink()
    if change == "replaced by a folder":
        path.mkdir()
    with pytest.raises(ClipError) as caught, localise(file.uri, file.etag):
        pass
    assert caught.value.reason is Reason.CHANGED_SINCE_INGEST


def test_a_clip_of_an_unknown_kind_of_uri_is_an_error() -> None:
    with pytest.raises(SourceError, match="ftp"), localise("ftp://host/a.mp4", ""):
        pass
