"""The table of backbones, and what is built from it."""

from __future__ import annotations

import inspect
import os
import shutil
import socket
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
from keras.src.applications import efficientnet, mobilenet_v2
from keras.src.legacy.saving import legacy_h5_format
from keras.src.utils import file_utils

from components import backbones
from components.backbones import (
    BACKBONES,
    Preprocessing,
    Weights,
    build_backbone,
    build_lite_classifier,
    find_backbone,
    find_weights,
)
from components.errors import BackboneError
from components.model_directory import FRAME_SIZE
from components.silent_openvino import load_openvino
from components.synthesize_cohort.clip import render_people
from components.train_model.lda import fit_lda
from tests import on_openvino
from tests.photographs import crops

SHAPE = (FRAME_SIZE, FRAME_SIZE, 3)
APPLICATIONS = sorted(name for name, row in BACKBONES.items() if not row.is_lite)


def test_the_table_holds_every_application():
    ours = set(APPLICATIONS)
    assert ours == {name for name, _ in inspect.getmembers(keras.applications, inspect.isfunction)}
    assert len(ours) == 40
    assert len(BACKBONES) == 43


def test_reading_the_table_imports_no_framework():
    code = (
        "import sys; from components.backbones import find_backbone; find_backbone('MobileNetV2');"
        "assert not {'keras', 'tensorflow', 'torch', 'openvino'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_lists_the_nearest():
    with pytest.raises(BackboneError, match="nearest: MobileNetV2"):
        find_backbone("mobilenet_v2")
    with pytest.raises(BackboneError, match="'resnet'; nearest: ResNet"):
        find_backbone("resnet")
    with pytest.raises(BackboneError, match=r"known: ConvNeXtTiny.*EfficientNetLite2"):
        find_backbone("////")


@pytest.mark.parametrize("name", APPLICATIONS)
def test_preprocessing_is_the_application_s_own(name):
    """The function stands in the module of the builder; where the layers do it, it does nothing."""
    module = sys.modules[getattr(keras.applications, name).__module__]
    pixels = np.random.default_rng(1).integers(0, 256, (2, *SHAPE), dtype=np.uint8)
    expected = module.preprocess_input(pixels.astype(np.float32))
    ours = np.asarray(backbones._preprocess(pixels, BACKBONES[name].preprocessing))
    np.testing.assert_allclose(ours, expected, atol=2e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("preprocessing", Preprocessing)
def test_preprocessing_survives_saving(preprocessing, tmp_path):
    pixels = keras.layers.Input(SHAPE, dtype="uint8")
    model = keras.Model(pixels, backbones._preprocess(pixels, preprocessing))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True, compile=False)
    np.testing.assert_array_equal(np.asarray(loaded(crops(1))), np.asarray(model(crops(1))))


def test_layers_of_an_application_s_own_load_in_safe_mode(tmp_path):
    """ConvNeXt's are not in keras.layers."""
    model = build_backbone("ConvNeXtTiny", Weights.NONE)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True, compile=False)
    assert all(map(np.array_equal, loaded.get_weights(), model.get_weights()))


@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small"])
def test_saved_features_are_the_application_s(name, tmp_path):
    pixels = crops(2)
    model = build_backbone(name, Weights.NONE, seed=3)
    assert model.input_shape == (None, *SHAPE)
    assert model.inputs[0].dtype == "uint8"
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True, compile=False)
    features = np.asarray(loaded(pixels, training=False))
    assert features.dtype == np.float32

    builder = getattr(keras.applications, name)
    application = builder(include_top=False, weights=None, input_shape=SHAPE, pooling="avg")
    application.set_weights(model.layers[-1].get_weights())
    preprocess = sys.modules[builder.__module__].preprocess_input
    expected = np.asarray(application(preprocess(pixels.astype(np.float32)), training=False))
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_a_lite_has_its_installed_weights_and_survives_saving(tmp_path):
    assert BACKBONES["EfficientNetLite0"].preprocessing is Preprocessing.LITE
    pixels = crops(2)
    model = build_backbone("EfficientNetLite0")
    features = np.asarray(model(pixels, training=False))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True, compile=False)
    np.testing.assert_array_equal(np.asarray(loaded(pixels, training=False)), features)

    classifier = build_lite_classifier("EfficientNetLite0")
    kernel, bias = classifier.layers[-1].get_layer("predictions").get_weights()
    logits = np.asarray(classifier(pixels, training=False))
    np.testing.assert_allclose(features @ kernel + bias, logits, atol=1e-3)


def test_only_a_lite_has_a_classifier():
    with pytest.raises(BackboneError, match="MobileNetV2 has no classifier"):
        build_lite_classifier("MobileNetV2")


def test_random_weights_follow_the_seed():
    one, same, other = (
        build_backbone("MobileNet", Weights.NONE, seed=seed).get_weights() for seed in (1, 1, 2)
    )
    assert all(map(np.array_equal, one, same))
    assert not all(map(np.array_equal, one, other))


FAMILIES = [
    *("ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "InceptionV3"),
    *("MobileNet", "MobileNetV3Small", "NASNetMobile", "ResNet50", "ResNet50V2", "VGG16"),
    "Xception",
]


SMALL = 75
"""Pixels; the fewest that all of them take."""
FEW = ["EfficientNetB0", "EfficientNetLite0"]
"""Two that differ in what they do to pixels; the others take minutes."""
TRIED = BACKBONES if "ROLLCALL_TEST_BACKBONES" in os.environ else FEW
"""`make test-backbones` tries all of them, and at 224, too."""


@pytest.fixture(scope="module")
def heads():
    """Two frames of each of three synthetic people, what random weights are made to cope with."""
    return render_people(3, frames=2, size=SMALL)


@pytest.fixture(scope="module", params=TRIED)
def tried(request, heads):
    """A backbone with random weights, and its features of the heads."""
    model = build_backbone(request.param, Weights.NONE, size=SMALL)
    yield model, np.asarray(model(heads, training=False))
    keras.backend.clear_session()


def test_random_weights_embed_and_train(tried):
    features = tried[1].astype(np.float16).astype(np.float32)
    assert np.isfinite(features).all()
    person = np.repeat(np.arange(3), 2)
    trained = fit_lda(features, person, classes=3, independent_rows=6)
    assert (trained.logits(features).argmax(axis=1) == person).all()


def test_random_weights_give_openvino_the_features_that_they_give_tensorflow(
    tried, heads, tmp_path
):
    model, features = tried
    model.save(tmp_path / "backbone.keras")
    on_openvino.write_openvino(tmp_path / "backbone.keras", tmp_path / "openvino.xml")
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    core = load_openvino().Core()
    ours = core.compile_model(tmp_path / "openvino.xml", "CPU", exact)(heads)[0]
    np.testing.assert_allclose(ours, features, atol=2e-3 * np.abs(features).max())


@pytest.mark.parametrize("name", FAMILIES)
def test_the_download_is_the_file_of_the_table(name, monkeypatch):
    """One of each family: its builder works, and asks for what the error tells users to fetch."""
    asked = []

    def refuse(file, *_, **__):
        asked.append(file)
        raise OSError("no way out")

    monkeypatch.setattr(file_utils, "get_file", refuse)
    with pytest.raises(BackboneError, match=r"cannot be downloaded \(no way out\)"):
        build_backbone(name)
    assert asked == [BACKBONES[name].weights_file]
    keras.backend.clear_session()


# --- a folder of weights ---------------------------------------------------------------------


def save_published(network, path):
    """Write weights in the old format that Keras' downloads are in."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)


@pytest.fixture
def mobilenet():
    return build_backbone("MobileNet", Weights.NONE, seed=5).layers[-1]


@pytest.mark.parametrize("published", [False, True])
def test_weights_from_a_folder(published, mobilenet, tmp_path):
    row = BACKBONES["MobileNet"]
    if published:
        file = tmp_path / row.weights_file
        save_published(mobilenet, file)
    else:
        file = tmp_path / row.own_weights_file
        mobilenet.save_weights(file)
    assert find_weights("MobileNet", str(tmp_path)) == (Weights.FOLDER, file)
    loaded = build_backbone("MobileNet", str(tmp_path), seed=6)
    assert all(map(np.array_equal, loaded.get_weights(), mobilenet.get_weights()))


def test_a_folder_without_the_file_says_which_to_put_there(tmp_path):
    with pytest.raises(BackboneError, match=r"put MobileNet\.weights\.h5 or mobilenet_1_0_224_tf"):
        build_backbone("MobileNet", str(tmp_path))
    with pytest.raises(BackboneError, match="'imagnet' is no folder"):
        build_backbone("MobileNet", "imagnet")


def test_weights_of_another_network_are_refused(mobilenet, tmp_path):
    mobilenet.save_weights(tmp_path / "MobileNetV3Small.weights.h5")
    (tmp_path / "VGG16.weights.h5").write_bytes(b"no HDF5")
    for name in ("MobileNetV3Small", "VGG16"):
        with pytest.raises(BackboneError, match=f"holds no weights of {name}"):
            build_backbone(name, str(tmp_path))


def test_weights_that_leave_a_layer_out_are_refused(tmp_path, monkeypatch):
    """Keras warns at most, and the layer would keep its random weights."""
    network = build_backbone("MobileNetV3Small", Weights.NONE, seed=1).layers[-1]
    network.save_weights(tmp_path / "MobileNetV3Small.weights.h5")
    forget = network.layers[3].weights[0].path.split("/")[-2]
    load = keras.Model.load_weights

    def load_all_but_one(self, path):
        before = {weight.path: weight.numpy() for weight in self.weights}
        load(self, path)
        for weight in self.weights:
            if f"/{forget}/" in f"/{weight.path}":
                weight.assign(before[weight.path])

    monkeypatch.setattr(keras.Model, "load_weights", load_all_but_one)
    with pytest.raises(BackboneError, match=r"holds no weights of MobileNetV3Small.* left out"):
        build_backbone("MobileNetV3Small", str(tmp_path))


def test_a_lite_needs_no_file_in_the_folder_but_prefers_one(tmp_path):
    name = "EfficientNetLite0"
    source, installed = find_weights(name, str(tmp_path))
    assert source is Weights.IMAGENET
    assert installed is not None
    copy = tmp_path / BACKBONES[name].weights_file
    assert installed.name == copy.name
    shutil.copy(installed, copy)
    assert find_weights(name, str(tmp_path)) == (Weights.FOLDER, copy)
    model = build_backbone(name, str(tmp_path))
    assert all(map(np.array_equal, model.get_weights(), build_backbone(name).get_weights()))


def test_efficientnet_from_a_folder_equals_the_download(tmp_path, monkeypatch):
    """Keras puts one more layer into EfficientNet when it downloads the weights itself."""
    network = build_backbone("EfficientNetB0", Weights.NONE, seed=7).layers[-1]
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization):
            statistics = ([0.485, 0.456, 0.406], [0.0524, 0.0502, 0.0506], 1)
            layer.set_weights([np.array(value) for value in statistics])
    path = tmp_path / BACKBONES["EfficientNetB0"].weights_file
    save_published(network, path)
    monkeypatch.setattr(efficientnet.file_utils, "get_file", lambda *_, **__: str(path))
    stems = []
    for weights in ("imagenet", str(tmp_path)):
        built = build_backbone("EfficientNetB0", weights).layers[-1]
        stem = keras.Model(built.inputs, built.get_layer("stem_conv").output)
        stems.append(np.asarray(stem(crops(2).astype(np.float32))))
    np.testing.assert_allclose(*stems, rtol=1e-3, atol=1e-5)


# --- downloads -------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Point Keras' download of MobileNetV2 to a socket of this machine that never answers."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        monkeypatch.setattr(mobilenet_v2, "BASE_WEIGHT_PATH", url)
        yield listener


HOW_TO = r"put mobilenet_v2_weights.*no_top\.h5.* or MobileNetV2\.weights\.h5.* into a folder"


def test_without_egress_the_error_says_what_to_do(server):
    server.close()
    with pytest.raises(BackboneError, match=HOW_TO):
        build_backbone("MobileNetV2")


def test_a_silent_server_is_not_waited_for(server, monkeypatch):
    monkeypatch.setattr(backbones, "DOWNLOAD_TIMEOUT_S", 0.3)
    before = socket.getdefaulttimeout()
    with pytest.raises(BackboneError, match=HOW_TO):  # and not pytest's own timeout
        build_backbone("MobileNetV2")
    assert socket.getdefaulttimeout() == before


def test_a_download_that_is_there_already_is_used(server, tmp_path):
    server.close()
    network = build_backbone("MobileNetV2", Weights.NONE, seed=8).layers[-1]
    (tmp_path / "models").mkdir()
    save_published(network, tmp_path / "models" / BACKBONES["MobileNetV2"].weights_file)
    model = build_backbone("MobileNetV2")
    assert all(map(np.array_equal, model.get_weights(), network.get_weights()))
