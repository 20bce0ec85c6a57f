"""Models in a real MLflow registry on SQLite."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from mlflow import MlflowClient

from components import registry as registry_module
from components.artifacts import digests_of, read_json, sha256_of, write_json
from components.errors import DigestError, RegistryError, TrustError
from components.model_directory import (
    CLASSES_FILE,
    EDGE_MODEL_FILE,
    LINEAGE_FILE,
    MANIFEST_FILE,
    Classes,
)
from components.registry import (
    CHAMPION,
    LONGEST_DESCRIPTION,
    MANIFEST_TAG,
    MODEL_NAME,
    RUN,
    champion_version,
    examine_versions,
    fetch_model,
    register_version,
    revoke_version,
    version_of_run,
)
from components.trusted_model import write_manifest
from tests.registered import FINGERPRINT, aliases, register, write_model

WHEN = datetime(2025, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model")


def test_the_first_model_becomes_version_one_and_champion(registry, model):
    assert register(model, registry) == "1"
    assert champion_version(registry) == "1"


def test_a_version_gets_no_alias_by_being_registered(registry, model):
    assert register(model, registry, champion=False) == "1"
    assert aliases(registry) == {}


def test_a_registry_that_is_not_there_yet_has_no_champion_and_is_not_made(tmp_path):
    assert champion_version(f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}") is None
    assert not (tmp_path / "new").exists()


def test_the_version_of_a_run_is_found_by_it(registry, model):
    register(model, registry, **{RUN: "r-1"})
    register(model, registry, **{RUN: "r-2"})
    assert version_of_run(registry, "r-1").version == 1
    assert version_of_run(registry, "r-3") is None


def test_of_a_run_that_was_tried_again_the_newest_version_is_found(registry, model):
    for _ in range(2):
        register(model, registry, **{RUN: "r-1"})
    assert version_of_run(registry, "r-1").version == 2


@pytest.mark.parametrize(("length", "kept"), [(5000, 5000), (5001, LONGEST_DESCRIPTION)])
def test_a_description_is_cut_to_what_every_database_holds(registry, model, length, kept):
    write_manifest(model)
    version = register_version(model, registry, {}, "x" * length)
    description = MlflowClient(registry).get_model_version(MODEL_NAME, version).description
    assert len(description) == kept
    assert ("model_card.md" in description) == (length > kept)


def test_a_version_says_what_it_was_made_from(registry, model):
    version = register(model, registry)
    tags = MlflowClient(registry).get_model_version(MODEL_NAME, version).tags
    assert tags["source_fingerprint"] == FINGERPRINT
    assert tags["code_version"] == "0.1.0"


def test_the_metrics_are_those_of_the_run(registry, model):
    version = register(model, registry)
    client = MlflowClient(registry)
    run = client.get_run(client.get_model_version(MODEL_NAME, version).run_id)
    assert run.data.metrics == {"frame.identity_accuracy": 0.5}


def test_a_registered_model_comes_back_as_it_was(registry, model, tmp_path):
    register(model, registry)
    fetched = fetch_model(registry, tmp_path / "fetched")
    assert digests_of(fetched) == digests_of(model)


def test_an_older_version_can_be_fetched_by_its_number(registry, model, tmp_path):
    register(model, registry)
    register(write_model(tmp_path / "other", content=b"new"), registry)
    fetched = fetch_model(registry, tmp_path / "fetched", "1")
    assert (fetched / EDGE_MODEL_FILE).read_bytes() == b"weights"


def test_files_lie_beside_the_database(registry, model, tmp_path):
    register(model, registry)
    assert list((tmp_path / "registry" / "artifacts").rglob(EDGE_MODEL_FILE))


def test_a_model_that_was_changed_is_not_registered(registry, model):
    (model / EDGE_MODEL_FILE).write_bytes(b"other")
    with pytest.raises(DigestError, match=f"{EDGE_MODEL_FILE} was changed"):
        register(model, registry)


def stored(tmp_path, name):
    return next((tmp_path / "registry" / "artifacts").rglob(name))


def test_a_stored_model_that_was_changed_is_not_fetched(registry, model, tmp_path):
    register(model, registry)
    stored(tmp_path, EDGE_MODEL_FILE).write_bytes(b"other")
    with pytest.raises(DigestError, match="was changed"):
        fetch_model(registry, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def test_a_file_that_was_added_is_noticed(registry, model, tmp_path):
    register(model, registry)
    (stored(tmp_path, EDGE_MODEL_FILE).parent / "more.txt").touch()
    with pytest.raises(DigestError, match=r"nobody wrote more\.txt"):
        fetch_model(registry, tmp_path / "fetched")


def test_digests_that_were_changed_with_the_model_are_noticed_too(registry, model, tmp_path):
    register(model, registry)
    stored(tmp_path, EDGE_MODEL_FILE).write_bytes(b"other")
    folder = stored(tmp_path, LINEAGE_FILE).parent
    digests = {EDGE_MODEL_FILE: sha256_of(folder / EDGE_MODEL_FILE)}
    for papers in (LINEAGE_FILE, MANIFEST_FILE):
        whole = read_json(folder / papers)
        write_json(folder / papers, {**whole, "sha256": {**whole["sha256"], **digests}})
    with pytest.raises(DigestError, match=MANIFEST_FILE):
        fetch_model(registry, tmp_path / "fetched")


def test_a_version_without_a_manifest_is_refused(registry, model, tmp_path):
    register(model, registry)
    MlflowClient(registry).delete_model_version_tag(MODEL_NAME, "1", MANIFEST_TAG)
    with pytest.raises(DigestError, match="train anew"):
        fetch_model(registry, tmp_path / "fetched")


def test_a_version_that_is_not_there_is_an_error_that_says_where(registry, tmp_path):
    with pytest.raises(RegistryError, match="registry sqlite:"):
        fetch_model(registry, tmp_path / "fetched", "7")


def test_a_password_in_the_uri_is_not_shown(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError) as caught:
        fetch_model("http://someone:secret@127.0.0.1:9", tmp_path / "fetched")
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def knows(person):
    """A question: whether somebody is among the classes."""
    return lambda papers: "known" if person in Classes.read(papers / CLASSES_FILE).people else ""


@pytest.fixture
def two_versions(registry, tmp_path):
    """Version 1 knows p-1, version 2, the champion, knows p-2."""
    for person in ("p-1", "p-2"):
        register(write_model(tmp_path / person, people=(person,)), registry)
    return registry


def test_every_version_is_asked_newest_first(two_versions):
    found = examine_versions(two_versions, knows("p-1"))
    assert [(each.version, each.answer) for each in found] == [("2", ""), ("1", "known")]
    assert found[0].aliases == (CHAMPION,)
    assert found[1].source_fingerprint == FINGERPRINT


def test_versions_of_all_pages_are_asked(two_versions, monkeypatch):
    monkeypatch.setattr(registry_module, "_VERSIONS_IN_A_PAGE", 1)
    assert len(examine_versions(two_versions, knows("p-1"))) == 2


def test_more_versions_than_can_be_asked_are_an_error(two_versions, monkeypatch):
    monkeypatch.setattr(registry_module, "_VERSIONS_IN_A_PAGE", 1)
    monkeypatch.setattr(registry_module, "MAX_VERSIONS", 1)
    with pytest.raises(RegistryError, match="more than 1 versions"):
        examine_versions(two_versions, knows("p-1"))


def test_a_version_whose_papers_were_changed_is_a_problem_not_a_no(two_versions, tmp_path):
    for lineage in (tmp_path / "registry" / "artifacts").rglob(LINEAGE_FILE):
        write_json(lineage, {})
    found = examine_versions(two_versions, knows("p-1"))
    assert [each.problem for each in found] == ["its lineage cannot be read (DigestError)"] * 2


def test_an_empty_registry_has_no_versions(registry):
    assert examine_versions(registry, knows("p-1")) == []


def test_a_revoked_version_is_not_fetched_any_more_and_says_why(two_versions, tmp_path):
    revoke_version(two_versions, "1", WHEN)
    with pytest.raises(TrustError, match=r"version 1 was revoked on 2025-06-15.*forgotten"):
        fetch_model(two_versions, tmp_path / "fetched", "1")
    assert not (tmp_path / "fetched").exists()


def test_a_revoked_champion_is_champion_no_more(two_versions, tmp_path):
    revoke_version(two_versions, "2", WHEN)
    with pytest.raises(RegistryError, match=CHAMPION):
        fetch_model(two_versions, tmp_path / "fetched")


def test_the_previous_version_does_not_become_champion_by_a_revocation(two_versions):
    revoke_version(two_versions, "2", WHEN)
    assert aliases(two_versions) == {"previous": "1"}


def test_the_other_versions_are_as_they_were(two_versions, tmp_path):
    revoke_version(two_versions, "1", WHEN)
    assert aliases(two_versions) == {CHAMPION: "2"}
    assert fetch_model(two_versions, tmp_path / "fetched").is_dir()


def test_a_revoked_version_is_not_asked_again_and_its_tags_name_nobody(two_versions):
    revoke_version(two_versions, "1", WHEN)
    found = examine_versions(two_versions, knows("p-1"))[1]
    assert (found.revoked, found.answer) == (True, "")
    tags = MlflowClient(two_versions).get_model_version(MODEL_NAME, "1").tags
    assert "p-1" not in str(tags)
