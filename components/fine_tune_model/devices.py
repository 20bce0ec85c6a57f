"""How a model is trained on the devices that are there."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger("rollcall")

FLOAT32: Final = "float32"
MIXED: Final = "mixed_float16"


@dataclass(frozen=True)
class Setup:
    """What to train with.

    Attributes:
        policy: of the backbone's layers; on processors half precision is slower, not faster.
        replicas: devices that share each batch.
    """

    policy: str
    replicas: int


def setup_for(gpus: Sequence[Any]) -> Setup:
    """Mixed precision where there is a GPU, a replica on each where there are several."""
    return Setup(policy=MIXED if gpus else FLOAT32, replicas=max(1, len(gpus)))


def find_setup() -> Setup:
    """The setup for this machine."""
    import tensorflow as tf  # noqa: PLC0415 - slow, and `setup_for` needs none of it

    gpus = tf.config.list_physical_devices("GPU")
    setup = setup_for(gpus)
    log.info("training in %s on %s", setup.policy, f"{len(gpus)} GPU(s)" if gpus else "processors")
    return setup


def strategy_of(setup: Setup) -> Any:  # noqa: ANN401 - TensorFlow has no types
    """TensorFlow's strategy for the setup: one for several GPUs, or what it does by itself."""
    import tensorflow as tf  # noqa: PLC0415

    several = setup.replicas > 1
    return tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()
