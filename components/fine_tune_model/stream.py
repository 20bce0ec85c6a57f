"""Frames as batches of tensors: decoded, augmented and labelled by tf.data while others train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import keras
import numpy as np
import tensorflow as tf

from components.cpus import usable_cpus
from components.fine_tune_model.pictures import read_jpegs
from components.model_directory import FRAME_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from components.fine_tune_model.pictures import Pictures, Rows

BATCHES_AHEAD: Final = 2
LARGEST_ANGLE: Final = 10.0
"""Degrees: heads tilt, cameras hardly do."""
LARGEST_BRIGHTNESS: Final = 25.0
"""Of 255, added to or taken from every pixel."""
LARGEST_CONTRAST: Final = 0.2
"""Part by which the distance of every pixel from the mean grows or shrinks."""


@dataclass(frozen=True)
class Order:
    """Which frames, in which order, and how they are augmented.

    Attributes:
        windows: as `shuffled` makes them.
        batch: frames in a batch. Memory holds the pixels of BATCHES_AHEAD + 2 batches and of one
            frame a processor.
        first_batch: batches of the order that are left out, as they are done.
        augmented: seed and epoch, if frames are to be augmented. Then every batch is full, as the
            rest of the order is left out.
    """

    windows: Sequence[Rows]
    batch: int
    first_batch: int = 0
    augmented: tuple[int, int] | None = None


def batches(pictures: Pictures, order: Order) -> tf.data.Dataset:
    """Batches of (pixels, targets, weights): uint8 [n, ...], one-hot by output, and float32 [n].

    They are the same each time. A frame weighs the more the fewer frames its person has among those
    in the order, one on average.
    """
    rows = np.concatenate([np.empty(0, np.int64), *order.windows])
    first = order.first_batch * order.batch
    left = max(0, len(rows) - first)
    weights = tf.constant(balanced(pictures.person, rows))
    person, role = tf.constant(pictures.person), tf.constant(pictures.role)
    people, roles = len(pictures.classes.people), len(pictures.classes.roles)

    def example(jpeg: Any, row: Any) -> tuple[Any, dict[str, Any], Any]:  # noqa: ANN401 - tensors
        targets = {
            "person": tf.one_hot(tf.gather(person, row), people),
            "role": tf.one_hot(tf.gather(role, row), roles),
        }
        return _decode(jpeg, row, order.augmented), targets, tf.gather(weights, row)

    return (
        tf.data.Dataset.from_generator(
            lambda: read_jpegs(pictures, order.windows, first),
            output_signature=(tf.TensorSpec((), tf.string), tf.TensorSpec((), tf.int64)),
        )
        .map(example, num_parallel_calls=usable_cpus(), deterministic=True)
        .apply(tf.data.experimental.assert_cardinality(left))
        .batch(order.batch, drop_remainder=order.augmented is not None)
        .prefetch(BATCHES_AHEAD)
    )


def balanced(person: npt.NDArray[np.int32], rows: Rows) -> npt.NDArray[np.float32]:
    """Weights [N], so that all people with one of `rows` weigh the same; 1 for all other rows."""
    weights = np.ones(len(person), np.float32)
    people, own, counts = np.unique(person[rows], return_inverse=True, return_counts=True)
    weights[rows] = len(rows) / (len(people) * counts[own]) if len(rows) else 1
    return weights


def _decode(jpeg: Any, row: Any, augmented: tuple[int, int] | None) -> Any:  # noqa: ANN401
    image = tf.io.decode_jpeg(jpeg, channels=3, dct_method="INTEGER_ACCURATE")
    if augmented:
        seed = tf.random.experimental.stateless_fold_in(tf.constant(augmented, tf.int64), row)
        image = augment(image, seed)
    return tf.ensure_shape(image, (FRAME_SIZE, FRAME_SIZE, 3))


def augment(image: Any, seed: Any) -> Any:  # noqa: ANN401 - tensors
    """Flip, turn, and change the light of an image, uint8 [H, W, 3], as `seed` [2] decides."""
    draws = tf.random.stateless_uniform((4,), seed, -1.0, 1.0)
    image = tf.cond(draws[0] < 0, lambda: image, lambda: image[:, ::-1])
    image = _turn(tf.cast(image, tf.float32), draws[1] * LARGEST_ANGLE * np.pi / 180)
    mean = tf.reduce_mean(image)
    image = (image - mean) * (1 + LARGEST_CONTRAST * draws[2]) + mean
    return tf.saturate_cast(tf.round(image + LARGEST_BRIGHTNESS * draws[3]), tf.uint8)


def _turn(image: Any, angle: Any) -> Any:  # noqa: ANN401
    """Turn about the middle by `angle` in radians; what comes in from outside mirrors the edge."""
    cosine, sine = tf.cos(angle), tf.sin(angle)
    middle = (FRAME_SIZE - 1) / 2
    rows = [
        [cosine, -sine, middle - cosine * middle + sine * middle],
        [sine, cosine, middle - sine * middle - cosine * middle],
        [0.0, 0.0],
    ]
    return keras.ops.image.affine_transform(
        image, tf.concat(rows, 0), interpolation="bilinear", fill_mode="reflect"
    )
