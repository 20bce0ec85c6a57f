"""Models in a real MLflow registry on SQLite."""

from __future__ import annotations

import shutil

import pytest
from mlflow import MlflowClient

from components.artifacts import digests_of, read_json, write_json
from components.contracts import EDGE_MODEL_FILE, LINEAGE_FILE, METRICS_FILE
from components.errors import DigestError, RegistryError
from components.register_model.registry import (
    CHAMPION,
    MODEL_NAME,
    fetch_model,
    register_champion,
)

FINGERPRINT = "f" * 64


def write_model(folder, name="EfficientNetLite0", content=b"weights"):
    folder.mkdir()
    (folder / EDGE_MODEL_FILE).write_bytes(content)
    write_json(folder / METRICS_FILE, {"name": name, "frame": {"identity_accuracy": 0.5}})
    lineage = {"code_version": "0.1.0", "sha256": digests_of(folder)}
    write_json(folder / LINEAGE_FILE, lineage)
    return folder


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory):
    """A migrated database: making its tables takes seconds, copying it does not."""
    folder = tmp_path_factory.mktemp("registry")
    MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").search_registered_models()
    return folder / "mlflow.db"


@pytest.fixture
def registry(empty_database, tmp_path):
    (tmp_path / "registry").mkdir()
    shutil.copy(empty_database, tmp_path / "registry" / "mlflow.db")
    return f"sqlite:///{tmp_path / 'registry' / 'mlflow.db'}"


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model")


def test_the_first_model_becomes_version_one_and_champion(registry, model):
    assert register_champion(model, registry, FINGERPRINT) == "1"
    found = MlflowClient(registry).get_model_version_by_alias(MODEL_NAME, CHAMPION)
    assert str(found.version) == "1"


def test_the_next_model_takes_the_alias(registry, model, tmp_path):
    register_champion(model, registry, FINGERPRINT)
    other = write_model(tmp_path / "other", name="MobileNetV2")
    assert register_champion(other, registry, FINGERPRINT) == "2"
    found = MlflowClient(registry).get_model_version_by_alias(MODEL_NAME, CHAMPION)
    assert found.tags["backbone"] == "MobileNetV2"


def test_a_version_says_what_it_was_made_from(registry, model):
    version = register_champion(model, registry, FINGERPRINT)
    tags = MlflowClient(registry).get_model_version(MODEL_NAME, version).tags
    assert tags["source_fingerprint"] == FINGERPRINT
    assert tags["code_version"] == "0.1.0"


def test_the_metrics_are_those_of_the_run(registry, model):
    version = register_champion(model, registry, FINGERPRINT)
    client = MlflowClient(registry)
    run = client.get_run(client.get_model_version(MODEL_NAME, version).run_id)
    assert run.data.metrics == {"frame.identity_accuracy": 0.5}


def test_a_registered_model_comes_back_as_it_was(registry, model, tmp_path):
    register_champion(model, registry, FINGERPRINT)
    fetched = fetch_model(registry, tmp_path / "fetched")
    assert digests_of(fetched) == digests_of(model)


def test_an_older_version_can_be_fetched_by_its_number(registry, model, tmp_path):
    register_champion(model, registry, FINGERPRINT)
    register_champion(write_model(tmp_path / "other", content=b"new"), registry, FINGERPRINT)
    fetched = fetch_model(registry, tmp_path / "fetched", "1")
    assert (fetched / EDGE_MODEL_FILE).read_bytes() == b"weights"


def test_files_lie_beside_the_database(registry, model, tmp_path):
    register_champion(model, registry, FINGERPRINT)
    assert list((tmp_path / "registry" / "artifacts").rglob(EDGE_MODEL_FILE))


def test_a_model_that_was_changed_is_not_registered(registry, model):
    (model / EDGE_MODEL_FILE).write_bytes(b"other")
    with pytest.raises(DigestError, match=f"{EDGE_MODEL_FILE} was changed"):
        register_champion(model, registry, FINGERPRINT)


def stored(tmp_path, name):
    return next((tmp_path / "registry" / "artifacts").rglob(name))


def test_a_stored_model_that_was_changed_is_not_fetched(registry, model, tmp_path):
    register_champion(model, registry, FINGERPRINT)
    stored(tmp_path, EDGE_MODEL_FILE).write_bytes(b"other")
    with pytest.raises(DigestError, match="was changed"):
        fetch_model(registry, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def test_digests_that_were_changed_with_the_model_are_noticed_too(registry, model, tmp_path):
    register_champion(model, registry, FINGERPRINT)
    stored(tmp_path, EDGE_MODEL_FILE).write_bytes(b"other")
    lineage = stored(tmp_path, LINEAGE_FILE)
    changed = {EDGE_MODEL_FILE: digests_of(lineage.parent)[EDGE_MODEL_FILE]}
    write_json(lineage, {**read_json(lineage), "sha256": changed})
    with pytest.raises(DigestError, match=LINEAGE_FILE):
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
