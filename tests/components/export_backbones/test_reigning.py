"""The reigning champion goes along with the backbones that are asked for."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from mlflow import MlflowClient

from components.artifacts import digests_of, read_json, write_json
from components.errors import RegistryError
from components.export_backbones import export
from components.export_backbones.export import export_backbones
from components.exported_backbones import HEAD_FILE, REIGNING, ExportedBackbone, Status
from components.model_directory import CLASSES_FILE, LINEAGE_FILE, METRICS_FILE, MODEL_FILE, Classes
from components.registry import MANIFEST_TAG, MODEL_NAME
from components.signing import VERIFY_VARIABLE
from components.train_model.assemble import assemble
from tests.registered import register
from tests.tiny_models import DIMENSION, make_backbone, make_head

CONVERT = export.write_openvino


@pytest.fixture(autouse=True)
def _tiny_backbones(monkeypatch):
    """What is asked for is a tiny network, whose weights follow from the seed; not converted.

    Collecting garbage takes most of the time otherwise.
    """
    monkeypatch.setattr(export, "build_backbone", lambda name, weights, seed: make_backbone(seed))
    monkeypatch.setattr(export, "write_openvino", lambda model, path: None)
    monkeypatch.setattr(export, "_forget_models", lambda: None)


@pytest.fixture
def champion(registry, tmp_path):
    """A champion on the tiny backbone of seed 0."""
    folder = tmp_path / "champion"
    folder.mkdir()
    assemble(make_backbone(0), make_head()).save(folder / MODEL_FILE)
    Classes(("p-1", "p-2"), (0, 1)).write(folder / CLASSES_FILE)
    write_json(folder / METRICS_FILE, {"name": "MobileNet"})
    weights = {"weights": "imagenet", "license": "Apache-2.0"}
    lineage = {"code_version": "0.1.0", "parameters": {"crop": "face", "weights": weights}}
    write_json(folder / LINEAGE_FILE, {**lineage, "sha256": digests_of(folder)})
    register(folder, registry)
    return folder


def run(registry, tmp_path, seed=0):
    output = tmp_path / "exported"
    return export_backbones(["MobileNet"], "none", output, seed, registry), output


def test_a_champion_on_a_backbone_of_its_own_is_exported_like_the_others(
    champion, registry, tmp_path, monkeypatch
):
    monkeypatch.setattr(export, "write_openvino", CONVERT)
    rows, output = run(registry, tmp_path, seed=1)
    assert list(rows) == ["MobileNet", REIGNING]
    assert rows[REIGNING] == ExportedBackbone(
        Status.SUCCEEDED,
        dimension=DIMENSION,
        parameters=make_backbone().count_params(),
        weights="imagenet",
        license="Apache-2.0",
        version="1",
    )
    assert {path.name for path in (output / REIGNING).iterdir()} == {
        "backbone.keras",
        "openvino.xml",
        "openvino.bin",
        HEAD_FILE,
        CLASSES_FILE,
        LINEAGE_FILE,
    }


def test_a_champion_on_one_of_the_backbones_is_not_embedded_twice(champion, registry, tmp_path):
    rows, output = run(registry, tmp_path)
    assert rows[REIGNING].same_as == "MobileNet"
    names = {path.name for path in (output / REIGNING).iterdir()}
    assert names == {HEAD_FILE, CLASSES_FILE, LINEAGE_FILE}


def test_equal_weights_in_other_layers_are_not_the_same_backbone(
    champion, registry, tmp_path, monkeypatch
):
    monkeypatch.setattr(export, "build_backbone", lambda *_, seed: make_backbone(seed, 1 / 128))
    rows, _ = run(registry, tmp_path)
    assert rows[REIGNING].same_as is None


def test_backbone_and_head_together_are_the_champion(champion, registry, tmp_path):
    _, output = run(registry, tmp_path, seed=1)
    parts = [
        keras.saving.load_model(output / REIGNING / name, compile=False)
        for name in ("backbone.keras", HEAD_FILE)
    ]
    whole = keras.saving.load_model(champion / MODEL_FILE, compile=False)
    picture = np.full((1, 224, 224, 3), 99, np.uint8)
    expected = whole.predict(picture, verbose=0)["person"]
    found = parts[1].predict(parts[0].predict(picture, verbose=0), verbose=0)["person"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_registry_without_a_champion_adds_nothing(registry, tmp_path):
    assert list(run(registry, tmp_path)[0]) == ["MobileNet"]


def test_a_registry_that_does_not_answer_ends_the_run_at_its_start(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError, match="--registry"):
        run("http://127.0.0.1:9", tmp_path)
    assert not (tmp_path / "exported").exists()


def changed(registry, tmp_path, monkeypatch):
    (stored,) = (tmp_path / "registry" / "artifacts").rglob(MODEL_FILE)
    stored.write_bytes(b"other")


def without_manifest(registry, tmp_path, monkeypatch):
    MlflowClient(registry).delete_model_version_tag(MODEL_NAME, "1", MANIFEST_TAG)


def unsigned(registry, tmp_path, monkeypatch):
    monkeypatch.setenv(VERIFY_VARIABLE, str(tmp_path / "public.pem"))


@pytest.mark.parametrize("spoil", [changed, without_manifest, unsigned])
def test_a_champion_that_cannot_be_trusted_is_a_row_with_the_reason(
    champion, registry, tmp_path, monkeypatch, spoil
):
    spoil(registry, tmp_path, monkeypatch)
    rows, output = run(registry, tmp_path)
    assert rows["MobileNet"].status is Status.SUCCEEDED
    assert rows[REIGNING].status is Status.FAILED
    assert rows[REIGNING].reason
    assert not (output / REIGNING).exists()
    assert read_json(output / "backbones.json")[REIGNING]["status"] == "failed"
