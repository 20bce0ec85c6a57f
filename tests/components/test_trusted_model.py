"""What is loaded as a model, and what is not."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pickle
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.artifacts import digests_of, write_json
from components.errors import ContractError, DigestError, TrustError
from components.export_saved_model.export import export_saved_model
from components.model_directory import (
    GATE_FILE,
    LINEAGE_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    SIGNATURE_FILE,
)
from components.train_model.assemble import assemble
from components.trusted_model import load_model, parts_of, verify_model, write_manifest
from tests.tiny_models import DIMENSION, PIXELS, make_backbone, make_head


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / MODEL_FILE
    assemble(make_backbone(), make_head()).save(path)
    return path.read_bytes()


@pytest.fixture
def directory(tmp_path, saved):
    return write(tmp_path / "model", saved)


def write(folder, content):
    """A model directory as training leaves it."""
    folder.mkdir()
    (folder / MODEL_FILE).write_bytes(content)
    write_json(folder / LINEAGE_FILE, {"sha256": digests_of(folder)})
    return folder


def test_a_model_that_is_as_it_was_written_is_loaded_and_comes_apart(directory):
    parts = parts_of(load_model(directory))
    picture = np.zeros((1, *PIXELS), np.uint8)
    features = parts.backbone.predict(picture, verbose=0)
    assert features.shape == (1, DIMENSION)
    assert set(parts.head.predict(features, verbose=0)) == {"person", "role"}


class TestExportForAServer:
    """Of components.export_saved_model; here, as TensorFlow takes seconds to load."""

    @pytest.fixture
    def champion(self, directory):
        return self.judged(directory, passed=True)

    def judged(self, directory, *, passed):
        write_json(directory / GATE_FILE, {"passed": passed})
        write_manifest(directory)
        return directory

    def test_it_says_what_the_model_says(self, champion, tmp_path):
        assert export_saved_model(champion, tmp_path / "saved")
        picture = np.full((2, *PIXELS), 100, np.uint8)
        server = tf.saved_model.load(tmp_path / "saved")
        served = server.serve(picture)
        expected = load_model(champion).predict(picture, verbose=0)
        for output in ("person", "role"):
            np.testing.assert_allclose(served[output], expected[output], rtol=1e-5)

    def test_none_is_made_of_a_model_that_did_not_pass_the_gate(self, directory, tmp_path):
        assert not export_saved_model(self.judged(directory, passed=False), tmp_path / "saved")
        assert list((tmp_path / "saved").iterdir()) == []

    def test_none_is_made_where_no_model_was_registered(self, tmp_path):
        (tmp_path / "registered").mkdir()
        assert not export_saved_model(tmp_path / "registered", tmp_path / "saved")

    def test_none_is_made_of_a_model_whose_verdict_was_changed(self, directory, tmp_path):
        self.judged(directory, passed=False)
        write_json(directory / GATE_FILE, {"passed": True})
        with pytest.raises(DigestError, match="was changed"):
            export_saved_model(directory, tmp_path / "saved")
        assert not (tmp_path / "saved").exists()


def test_a_model_of_one_piece_does_not_come_apart():
    with pytest.raises(ContractError, match="a backbone with a head"):
        parts_of(make_head())


def test_a_changed_file_is_not_loaded(directory):
    with (directory / MODEL_FILE).open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(DigestError, match="was changed"):
        load_model(directory)


@pytest.mark.parametrize(
    "name", ["model.h5", "MODEL.HDF5", "assets/vocabulary.pkl", "a.pickle", "model.pt"]
)
def test_a_file_that_can_run_code_is_refused_even_when_its_digest_is_listed(directory, name):
    (directory / name).parent.mkdir(exist_ok=True)
    (directory / name).write_bytes(pickle.dumps([]))
    write_manifest(directory)
    with pytest.raises(TrustError, match="can run code"):
        load_model(directory)


@pytest.mark.parametrize("name", ["more.txt", "assets/more.txt"])
def test_a_file_that_nobody_wrote_is_refused(directory, name):
    (directory / name).parent.mkdir(exist_ok=True)
    (directory / name).touch()
    with pytest.raises(DigestError, match="nobody wrote"):
        verify_model(directory)


def test_a_link_is_a_file_that_nobody_wrote(directory, tmp_path):
    (directory / "assets").symlink_to(tmp_path)
    with pytest.raises(DigestError, match="nobody wrote assets"):
        verify_model(directory)


def test_the_manifest_covers_lineage_and_what_was_added_but_not_the_signature(directory):
    (directory / "card.md").write_text("A card")
    write_manifest(directory)
    (directory / SIGNATURE_FILE).touch()
    verify_model(directory)
    (directory / LINEAGE_FILE).write_text('{"sha256": {}}')
    with pytest.raises(DigestError, match=LINEAGE_FILE):
        verify_model(directory)


def test_a_manifest_does_not_make_up_for_digests_that_are_wrong(directory):
    (directory / MODEL_FILE).write_bytes(b"other")
    write_manifest(directory)
    with pytest.raises(DigestError, match=MODEL_FILE):
        verify_model(directory)


@pytest.mark.parametrize("papers", [LINEAGE_FILE, MANIFEST_FILE])
def test_without_digests_nothing_is_loaded(directory, papers):
    write_json(directory / papers, {})
    with pytest.raises(ContractError, match="no digests"):
        load_model(directory)


def test_code_in_a_layer_is_refused(tmp_path):
    image = keras.Input(PIXELS, dtype="uint8")
    outputs = keras.layers.Lambda(lambda x: x + 1)(image)
    keras.Model(image, outputs).save(tmp_path / "lambda.keras")
    content = (tmp_path / "lambda.keras").read_bytes()
    with pytest.raises(TrustError, match="safe mode"):
        load_model(write(tmp_path / "model", content))


def test_another_format_under_the_name_of_a_model_is_refused(tmp_path):
    with pytest.raises(TrustError, match=r"no \.keras archive"):
        load_model(write(tmp_path / "model", b"\x89HDF\r\n\x1a\n"))


def test_an_archive_that_holds_more_than_a_model_is_refused(directory, tmp_path):
    with zipfile.ZipFile(directory / MODEL_FILE, "a") as archive:
        archive.writestr("assets/code.pkl", pickle.dumps([]))
    content = (directory / MODEL_FILE).read_bytes()
    with pytest.raises(TrustError, match=r"assets/code\.pkl"):
        load_model(write(tmp_path / "other", content))
