"""What a source in Azure Blob holds of a person, and its removal, on Azurite."""

from __future__ import annotations

from datetime import timedelta

import pytest
from azure.storage.blob import RetentionPolicy

from components import blob_source
from components.errors import RemovalError, SourceError
from components.removal import open_store

OWN = ("images/p-1/s1/a.jpg", "videos/._p-1.mp4", "videos/p-1.mp4", "videos/p-1/s1.mp4")
OTHERS = ("videos/p-10.mp4", "videos/p-10/s1.mp4", "roster.csv", "videos/x/p-1.mp4")


@pytest.fixture
def source(container):
    for name in (*OWN, *OTHERS):
        container.upload_blob(f"school/{name}", name.encode())
    container.upload_blob("elsewhere/videos/p-1.mp4", b"of another source")
    return f"az://{container.container_name}/school"


def names(container, **more):
    return {blob.name for blob in container.list_blobs(**more)}


def remove_all(source):
    store = open_store(source)
    for file in list(store.files_of("p-1")):
        store.remove(file)


def test_all_of_a_person_is_listed_and_nobody_elses(source):
    assert {file.path for file in open_store(source).files_of("p-1")} == set(OWN)


def test_what_is_removed_has_gone_and_all_else_stays(container, source):
    remove_all(source)
    left = {f"school/{name}" for name in OTHERS} | {"elsewhere/videos/p-1.mp4"}
    assert names(container) == left


def test_snapshots_go_too(container, source):
    container.get_blob_client("school/videos/p-1.mp4").create_snapshot()
    assert [file.remark for file in open_store(source).files_of("p-1")].count("a snapshot") == 1
    remove_all(source)
    assert not [
        name
        for name in names(container, include=["snapshots"])
        if "school" in name and name.endswith("videos/p-1.mp4")
    ]


def test_a_leased_blob_cannot_be_removed_and_says_why(container, source):
    container.get_blob_client("school/videos/p-1.mp4").acquire_lease(60)
    file = next(
        each for each in open_store(source).files_of("p-1") if each.path == "videos/p-1.mp4"
    )
    with pytest.raises(RemovalError, match="lease") as caught:
        open_store(source).remove(file)
    assert "p-1" not in str(caught.value)
    assert "school/videos/p-1.mp4" in names(container)


def test_a_blob_that_changed_since_it_was_listed_stays(container, source):
    file = next(
        each for each in open_store(source).files_of("p-1") if each.path == "videos/p-1.mp4"
    )
    container.upload_blob("school/videos/p-1.mp4", b"new", overwrite=True)
    with pytest.raises(RemovalError, match="changed since"):
        open_store(source).remove(file)
    assert "school/videos/p-1.mp4" in names(container)


def test_a_blob_that_has_gone_already_is_no_error(container, source):
    store = open_store(source)
    found = list(store.files_of("p-1"))
    remove_all(source)
    for file in found:
        store.remove(file)


def test_a_name_that_a_url_does_not_keep_is_not_guessed_at(azurite, container):
    azurite.upload_many(container.container_name, {"videos/p-1//s1.mp4": b"x"})
    store = open_store(f"az://{container.container_name}")
    (file,) = store.files_of("p-1")
    with pytest.raises(RemovalError, match="other means"):
        store.remove(file)


@pytest.fixture
def read_only(azurite, container, source, monkeypatch):
    """The environment holds a SAS that may read and list."""
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING")
    sas = azurite.sas(container.container_name, ends_in=timedelta(hours=1))
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", sas)
    blob_source._client.cache_clear()
    return f"{azurite.endpoint}/{container.container_name}/school"


def test_who_may_only_read_is_told_what_is_needed(read_only):
    store = open_store(read_only)
    with pytest.raises(RemovalError, match="Storage Blob Data Contributor") as caught:
        store.remove(next(iter(store.files_of("p-1"))))
    assert "sig=" not in str(caught.value)


def test_where_the_properties_may_not_be_read_soft_delete_is_unknown(read_only):
    recovery = open_store(read_only).recovery()
    assert recovery.soft_delete is None
    assert "unknown" in recovery.remark


def test_soft_delete_says_for_how_many_days(azurite, source):
    assert open_store(source).recovery().soft_delete is False
    with azurite.service as service:
        service.set_service_properties(
            delete_retention_policy=RetentionPolicy(enabled=True, days=7)
        )
        try:
            recovery = open_store(source).recovery()
        finally:
            service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=False))
    assert (recovery.soft_delete, recovery.days) == (True, 7)


def test_a_container_that_is_not_there_is_an_error(container):
    with pytest.raises(SourceError, match="no container"):
        list(open_store("az://nothing-here").files_of("p-1"))
