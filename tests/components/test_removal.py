"""What a source in a folder holds of a person, and its removal."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import RemovalError, SourceError
from components.removal import is_of, open_store
from components.roster import PERSON_ID

NAMES = st.from_regex(PERSON_ID, fullmatch=True)

OWN = (
    "images/p-1/still.jpg",
    "images/p-1.png",
    "videos/._p-1.mp4",
    "videos/.p-1.mp4.swp",
    "videos/p-1.json",
    "videos/p-1.mp4",
    "videos/p-1/.DS_Store",
    "videos/p-1/Thumbs.db",
    "videos/p-1/s1.mp4",
    "videos/p-1/s2/t1.mp4",
)
OTHERS = ("videos/p-10.mp4", "videos/p-10/s1.mp4", "videos/p/p-1.mp4", "videos/x/p-1/t.mp4")


@pytest.fixture
def source(tmp_path):
    for name in (*OWN, *OTHERS, "roster.csv"):
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "source"


def files(source):
    return {file.path: file for file in open_store(str(source)).files_of("p-1")}


def test_all_of_a_person_is_listed_hidden_and_side_files_too(source):
    assert set(files(source)) == set(OWN)


def test_what_is_removed_has_gone_with_its_folders_and_all_else_stays(source):
    store = open_store(str(source))
    for file in list(store.files_of("p-1")):
        store.remove(file)
    left = {path.relative_to(source).as_posix() for path in source.rglob("*")}
    assert {name for name in left if (source / name).is_file()} == {*OTHERS, "roster.csv"}
    assert not {name for name in left if name.endswith("/p-1")} - {"videos/x/p-1"}
    assert (source / "images").is_dir()


def test_a_file_that_changed_since_it_was_listed_stays(source):
    file = files(source)["videos/p-1.mp4"]
    (source / file.path).write_text("something new")
    with pytest.raises(RemovalError, match="changed since"):
        open_store(str(source)).remove(file)
    assert (source / file.path).exists()


def test_a_folder_in_the_place_of_the_file_stays(source):
    file = files(source)["videos/p-1.mp4"]
    (source / file.path).unlink()
    (source / file.path).mkdir()
    with pytest.raises(RemovalError):
        open_store(str(source)).remove(file)


def test_a_file_that_has_gone_already_is_no_error(source):
    file = files(source)["videos/p-1.mp4"]
    (source / file.path).unlink()
    open_store(str(source)).remove(file)


def test_a_link_goes_and_what_it_leads_to_stays(source):
    (source / "videos" / "p-1" / "link.mp4").symlink_to(source / "videos" / "p-10.mp4")
    (source / "videos" / "p-1" / "folder").symlink_to(source / "videos" / "p-10")
    store, found = open_store(str(source)), files(source)
    for name in ("videos/p-1/link.mp4", "videos/p-1/folder"):
        assert "what it leads to is left" in found[name].remark
        store.remove(found[name])
        assert not os.path.lexists(source / name)
    assert (source / "videos" / "p-10.mp4").exists()
    assert (source / "videos" / "p-10" / "s1.mp4").exists()


def test_a_source_without_videos_or_images_holds_nothing(tmp_path):
    assert not list(open_store(str(tmp_path)).files_of("p-1"))


def test_a_source_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(SourceError):
        open_store(str(tmp_path / "none"))


def test_more_files_than_can_be_dealt_with_are_an_error(source, monkeypatch):
    monkeypatch.setattr("components.removal.MAX_FILES", 3)
    with pytest.raises(SourceError, match="more than 3 files"):
        files(source)


def test_a_folder_keeps_nothing(source):
    assert open_store(str(source)).recovery().soft_delete is False


@given(NAMES, NAMES, st.sampled_from(["", ".mp4", "/s1.mp4", "/s1/t.mp4"]))
def test_a_path_of_the_layouts_is_of_its_person_alone(person, other, rest):
    assert is_of(person + rest, person)
    assert is_of(person + rest, other) == (person == other)
