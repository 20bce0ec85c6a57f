"""The one table of backbones: what is embedded with, trained on and fine-tuned.

All of `keras.applications` at 224 x 224 and EfficientNet-Lite 0 to 2. A backbone takes pixels as
they are decoded; its own preprocessing is part of its graph, so that no step can get it wrong.

Keras is imported inside the functions: the data steps read the table only.
"""

from __future__ import annotations

import contextlib
import difflib
import enum
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from components import efficientnet_lite
from components.errors import BackboneError
from components.lean_keras import KerasBackend
from components.model_directory import FRAME_SIZE
from components.openvino_graph import compute, trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras
    from numpy.typing import NDArray

DOWNLOAD_TIMEOUT_S: Final = 10.0
"""Longest silence of the server of the weights, in seconds, before the download is given up."""
PATTERNS: Final = 4
"""Pictures that random weights are settled on."""


class Preprocessing(enum.StrEnum):
    """What happens to RGB pixels from 0 to 255 (the modes of keras.applications.imagenet_utils)."""

    TF = "tf"
    """To [-1, 1]."""
    TORCH = "torch"
    """To [0, 1], then ImageNet's mean and standard deviation of each channel."""
    CAFFE = "caffe"
    """To BGR, then ImageNet's mean of each channel; not scaled."""
    LITE = "lite"
    """(x - 127) / 128, what EfficientNet-Lite was trained with."""
    INCLUDED = "included"
    """The application's own layers do it."""


class Weights(enum.StrEnum):
    """Where the weights of a backbone came from."""

    IMAGENET = "imagenet"
    NONE = "none"
    FOLDER = "folder"


@dataclass(frozen=True)
class Backbone:
    """A row of the table.

    Attributes:
        name: as in `keras.applications`, or EfficientNetLite0 to 2.
        preprocessing: what its graph begins with.
        weights_file: name of the ImageNet weights as published: Keras' download, or the torch
            checkpoint inside the Python package of an EfficientNet-Lite.
        license: what the ImageNet weights were released under (SPDX).
    """

    name: str
    preprocessing: Preprocessing
    weights_file: str
    license: str

    @property
    def is_lite(self) -> bool:
        """Whether it is an EfficientNet-Lite, which is not in `keras.applications`."""
        return self.name in efficientnet_lite.LITES

    @property
    def own_weights_file(self) -> str:
        """The other name its weights may have in a folder: what `save_weights` writes."""
        return f"{self.name}.weights.h5"


def _rows(
    preprocessing: Preprocessing, license_: str, files: dict[str, str]
) -> Iterator[tuple[str, Backbone]]:
    for name, file in files.items():
        yield name, Backbone(name, preprocessing, file, license_)


def _numbered(pattern: str, file: str, numbers: list[str]) -> dict[str, str]:
    return {pattern.format(n): file.format(n.lower()) for n in numbers}


_KERNELS: Final = "weights_tf_dim_ordering_tf_kernels_notop.h5"
_SIZES: Final = ["Tiny", "Small", "Base", "Large", "XLarge"]

BACKBONES: Final[dict[str, Backbone]] = dict(
    [
        *_rows(
            Preprocessing.INCLUDED, "MIT", _numbered("ConvNeXt{}", "convnext_{}_notop.h5", _SIZES)
        ),
        *_rows(
            Preprocessing.TORCH,
            "BSD-3-Clause",
            _numbered("DenseNet{}", "densenet{}_" + _KERNELS, ["121", "169", "201"]),
        ),
        *_rows(
            Preprocessing.INCLUDED,
            "Apache-2.0",
            _numbered("EfficientNetB{}", "efficientnetb{}_notop.h5", [str(n) for n in range(8)])
            | _numbered(
                "EfficientNetV2{}",
                "efficientnetv2-{}_notop.h5",
                ["B0", "B1", "B2", "B3", "S", "M", "L"],
            )
            | _numbered(
                "MobileNetV3{}",
                "weights_mobilenet_v3_{}_224_1.0_float_no_top_v2.h5",
                ["Small", "Large"],
            ),
        ),
        *_rows(
            Preprocessing.TF,
            "Apache-2.0",
            {
                "InceptionResNetV2": f"inception_resnet_v2_{_KERNELS}",
                "InceptionV3": f"inception_v3_{_KERNELS}",
                "MobileNet": "mobilenet_1_0_224_tf_no_top.h5",
                "MobileNetV2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
                "NASNetLarge": "nasnet_large_no_top.h5",
                "NASNetMobile": "nasnet_mobile_no_top.h5",
            },
        ),
        *_rows(Preprocessing.TF, "MIT", {"Xception": f"xception_{_KERNELS}"}),
        *_rows(
            Preprocessing.CAFFE,
            "MIT",
            _numbered("ResNet{}", "resnet{}_" + _KERNELS, ["50", "101", "152"]),
        ),
        *_rows(
            Preprocessing.TF,
            "MIT",
            _numbered("ResNet{}V2", "resnet{}v2_" + _KERNELS, ["50", "101", "152"]),
        ),
        *_rows(
            Preprocessing.CAFFE,
            "CC-BY-4.0",
            _numbered("VGG{}", "vgg{}_" + _KERNELS, ["16", "19"]),
        ),
        *_rows(
            Preprocessing.LITE,
            "Apache-2.0",
            {
                "EfficientNetLite0": "efficientnet-lite0-57934424.pth",
                "EfficientNetLite1": "efficientnet-lite1-77cc7160.pth",
                "EfficientNetLite2": "efficientnet-lite2-9656183e.pth",
            },
        ),
    ]
)
"""Every backbone by name."""


def find_backbone(name: str) -> Backbone:
    """The row of `name`.

    Raises:
        BackboneError: there is none; the message lists the nearest names.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    by_lower = {known.lower(): known for known in BACKBONES}
    near = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.4)
    nearest = ", ".join(by_lower[n] for n in near)
    raise BackboneError(
        f"there is no backbone {name!r}"
        + (f"; nearest: {nearest}" if near else f"; known: {', '.join(BACKBONES)}")
    )


def find_weights(name: str, weights: str) -> tuple[Weights, Path | None]:
    """Say where the weights of `name` will come from, without reading or downloading them.

    Args:
        name: a name of the table.
        weights: "imagenet", "none", or a folder. In a folder a backbone's file is called
            `<name>.weights.h5` (what `save_weights` of the application without its top writes) or
            as it was published (`weights_file`). A folder stands in for a download; the weights of
            EfficientNet-Lite are installed, so that they need no file there, but one is preferred.

    Returns:
        The source, and the file where it is a local one.

    Raises:
        BackboneError: the name is unknown, `weights` is neither, or the folder lacks the file.
    """
    backbone = find_backbone(name)
    if weights == Weights.NONE:
        return Weights.NONE, None
    if weights != Weights.IMAGENET:
        file = _file_in_folder(backbone, Path(weights))
        if file is not None:
            return Weights.FOLDER, file
    if backbone.is_lite:
        return Weights.IMAGENET, efficientnet_lite.checkpoint_path(name)
    return Weights.IMAGENET, None


def build_backbone(
    name: str, weights: str = Weights.IMAGENET, *, seed: int = 0, size: int = FRAME_SIZE
) -> keras.Model:
    """Build a backbone that takes pixels and gives features.

    It is made of Keras' own layers and operations, so that `load_model(safe_mode=True)` reads it
    without custom objects. Seeds Python's, NumPy's and TensorFlow's generators, as random weights
    are drawn from them.

    Args:
        name: a name of the table.
        weights: as `find_weights`.
        seed: of the random weights.
        size: width and height of the pictures. InceptionV3 and InceptionResNetV2 need 75.

    Returns:
        A model uint8 [N, size, size, 3] RGB to float32 [N, D]; the network itself is its last
        layer.

    Raises:
        BackboneError: as `find_weights`, or the weights cannot be downloaded or do not fit.
    """
    backbone = find_backbone(name)
    source, file = find_weights(name, weights)
    import keras  # noqa: PLC0415 - slow, and never in a data step

    keras.utils.set_random_seed(seed)
    network = _build_network(backbone, source, file, size)
    pixels = keras.layers.Input((size, size, 3), dtype="uint8", name="pixels")
    features = network(_preprocess(pixels, backbone.preprocessing))
    model = keras.Model(pixels, features, name=f"{name}_backbone")
    if source is Weights.NONE:
        _settle(model, seed)
    return model


def build_lite_classifier(name: str) -> keras.Model:
    """Build an EfficientNet-Lite with its ImageNet classifier, to see that its weights are right.

    Returns:
        A model uint8 [N, 224, 224, 3] RGB to float32 [N, 1000]: the logits of ImageNet's classes.

    Raises:
        BackboneError: it is no EfficientNet-Lite, or its weights are not installed.
    """
    backbone = find_backbone(name)
    if not backbone.is_lite:
        raise BackboneError(f"{name} has no classifier here; {list(efficientnet_lite.LITES)} do")
    import keras  # noqa: PLC0415

    network = efficientnet_lite.build_lite(name, classifier=True)
    efficientnet_lite.load_imagenet_weights(network, efficientnet_lite.checkpoint_path(name))
    pixels = keras.layers.Input((FRAME_SIZE, FRAME_SIZE, 3), dtype="uint8", name="pixels")
    return keras.Model(pixels, network(_preprocess(pixels, backbone.preprocessing)))


def _file_in_folder(backbone: Backbone, folder: Path) -> Path | None:
    if not folder.is_dir():
        raise BackboneError(
            f"weights are {Weights.IMAGENET!s}, {Weights.NONE!s} or a folder, and {str(folder)!r} "
            f"is no folder"
        )
    for name in (backbone.own_weights_file, backbone.weights_file):
        if (folder / name).is_file():
            return folder / name
    if backbone.is_lite:
        return None
    raise BackboneError(
        f"{backbone.name}: put {backbone.own_weights_file} or {backbone.weights_file} into the "
        f"folder of weights, {folder}"
    )


def _build_network(
    backbone: Backbone, source: Weights, file: Path | None, size: int
) -> keras.Model:
    if backbone.is_lite:
        network = efficientnet_lite.build_lite(backbone.name, size=size)
        if file is not None:
            _load_file(network, backbone, file)
        return network
    if source is Weights.IMAGENET:
        return _download(backbone, size)
    network = _application(backbone, size, weights=None)
    if file is not None:
        _load_file(network, backbone, file)
        _scale_like_imagenet(network, backbone)
    return network


def _application(backbone: Backbone, size: int, *, weights: str | None) -> keras.Model:
    import keras  # noqa: PLC0415

    builder = getattr(keras.applications, backbone.name)
    # Without a name of our own: some take their settings and the name of the download from it.
    network: keras.Model = builder(
        include_top=False,
        weights=weights,
        input_shape=(size, size, 3),
        pooling="avg",
    )
    return network


def _load_file(network: keras.Model, backbone: Backbone, file: Path) -> None:
    if file.suffix == ".pth":
        efficientnet_lite.load_imagenet_weights(network, file)
        return
    wrong = f"{file.name} holds no weights of {backbone.name} without its top"
    # Keras passes over a layer that the file lacks with a warning at most. A NaN shows it.
    for weight in network.weights:
        if weight.dtype == "float32":
            weight.assign(np.full(weight.shape, np.nan, np.float32))
    try:
        network.load_weights(file)
    except (ValueError, KeyError, OSError) as error:
        raise BackboneError(f"{wrong}: {error}") from error
    missing = [weight.path for weight in network.weights if np.isnan(weight.numpy()).any()]
    if missing:
        raise BackboneError(f"{wrong}: {len(missing)} are left out or NaN, as {missing[0]}")


def _scale_like_imagenet(network: keras.Model, backbone: Backbone) -> None:
    """Divide EfficientNet's normalised pixels by the root of ImageNet's deviation once more.

    Keras adds a layer that does so with weights="imagenet" only, as the weights were trained behind
    it (keras/src/applications/efficientnet.py). Here the variance of the normalisation takes it up.
    """
    if not backbone.name.startswith("EfficientNetB"):
        return
    import keras  # noqa: PLC0415

    deviation = (0.229, 0.224, 0.225)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization):
            mean, variance, *count = layer.get_weights()
            layer.set_weights([mean, variance * deviation, *count])
            layer.finalize_state()


def _download(backbone: Backbone, size: int) -> keras.Model:
    """Build with Keras' own download, which by itself would wait for a silent server for ever."""
    try:
        with _socket_timeout(DOWNLOAD_TIMEOUT_S):
            return _application(backbone, size, weights="imagenet")
    # Keras raises a bare Exception where a download fails; the cause goes into the message.
    except Exception as error:
        raise BackboneError(
            f"{backbone.name}: its ImageNet weights cannot be downloaded ({error}). On a machine "
            f"without a way out, put {backbone.weights_file}, fetched elsewhere, or "
            f"{backbone.own_weights_file}, written by save_weights, into a folder, and give that "
            "folder as the weights: --weights FOLDER"
        ) from error


def _settle(model: keras.Model, seed: int) -> None:
    """Give each batch normalisation the statistics of what random weights make of some patterns.

    Those that it starts with, 0 and 1, normalise nothing. Every block then multiplies what it gets,
    and the features are too small for float16 (MobileNetV2) or so large that rounding shows in them
    (EfficientNetV2M). Trained weights bring statistics of their own (Ioffe and Szegedy, Batch
    Normalization, ICML 2015, section 3.1, which is what one pass in training mode computes).
    """
    import keras  # noqa: PLC0415

    layers = [
        layer
        for layer in model.layers[-1].layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    if not layers:
        return
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0  # what it has seen last, and nothing of what it started with
    patterns = draw_patterns(model.input_shape[1], seed)
    if keras.backend.backend() == KerasBackend.OPENVINO:
        _train_on_openvino(model, patterns)
    else:
        model(patterns, training=True)
    for layer, momentum in zip(layers, before, strict=True):
        layer.momentum = momentum


def _train_on_openvino(model: keras.Model, pixels: NDArray[np.uint8]) -> None:
    """What calling `model` in training mode does: Keras would compute each value from the start."""

    def train(pixels: Any) -> Any:  # noqa: ANN401 - Keras tensors
        states = model.trainable_variables, model.non_trainable_variables
        values = [[variable.value for variable in state] for state in states]
        return model.stateless_call(*values, pixels, training=True)[1]

    values = compute(trace(train, pixels.shape[1]), pixels)
    for variable, value in zip(model.non_trainable_variables, values, strict=True):
        variable.assign(value)


def draw_patterns(size: int, seed: int) -> NDArray[np.uint8]:
    """Noise of every scale, as pictures have it, uint8 RGB [PATTERNS, size, size, 3].

    It has more contrast than pictures have, as squeeze-and-excitation amplifies without end what is
    stronger than what its batch normalisations were settled on.
    """
    import cv2  # noqa: PLC0415 - not in every image that reads the table

    generator = np.random.default_rng(seed)
    total = np.full((PATTERNS, size, size, 3), 128.0, np.float32)
    for cells in 2 ** np.arange(1, 8):
        noise = generator.normal(0, 120 / (cells / 2) ** 0.5, (PATTERNS, cells, cells, 3))
        total += [cv2.resize(each, (size, size), interpolation=cv2.INTER_CUBIC) for each in noise]
    return np.clip(total, 0, 255).astype(np.uint8)


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _preprocess(pixels: Any, preprocessing: Preprocessing) -> Any:  # noqa: ANN401 - Keras tensors
    """Append the preprocessing to a graph, of layers that load in safe mode."""
    import keras  # noqa: PLC0415

    if preprocessing is Preprocessing.INCLUDED:
        return keras.ops.cast(pixels, "float32")
    if preprocessing is Preprocessing.TF:
        return keras.layers.Rescaling(1 / 127.5, -1.0)(pixels)
    if preprocessing is Preprocessing.LITE:
        return keras.layers.Rescaling(1 / 128, -127 / 128)(pixels)
    if preprocessing is Preprocessing.TORCH:
        mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        scale = [1 / (255 * d) for d in deviation]
        offset = [-m / d for m, d in zip(mean, deviation, strict=True)]
        return keras.layers.Rescaling(scale, offset)(pixels)
    blue_first = keras.ops.take(pixels, [2, 1, 0], axis=-1)  # flipping them is slow in OpenVINO
    return keras.layers.Rescaling(1.0, [-103.939, -116.779, -123.68])(blue_first)
