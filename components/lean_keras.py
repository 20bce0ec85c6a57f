"""Keras on TensorFlow or on OpenVINO, without the libraries that no step uses."""

from __future__ import annotations

import enum
import gc
import os
import sys
from typing import Final

from components.errors import RollcallError
from components.lean_imports import leave_out, left_out, put_off

NEEDLESS: Final = ("matplotlib", "pandas", "sklearn")
"""What Keras imports if it is there, to plot and to wrap: 40 % of its import and 140 MB."""

FOR_SOUND: Final = "scipy.signal"
"""Half of the import of Keras on OpenVINO, which takes a window function from it."""


class KerasBackend(enum.StrEnum):
    """What Keras computes with, one in a process."""

    TENSORFLOW = "tensorflow"
    OPENVINO = "openvino"
    """Cannot train; starts in half of the time, and with a third of the memory."""


def load_keras(backend: KerasBackend = KerasBackend.TENSORFLOW) -> None:
    """Import Keras, for the first time in a process, without NEEDLESS.

    Afterwards those can be imported like any other. On OpenVINO TensorFlow cannot: Keras would load
    it to save a model, of which no part is TensorFlow's.

    The hundreds of thousands of objects that TensorFlow makes are there to stay: looking for
    garbage among them, again and again, is a third of its import and goes on to slow what follows.
    TensorFlow is told to keep its notes on the CPU to itself.

    Raises:
        RollcallError: in this process Keras runs on something else already.
    """
    if "keras" in sys.modules:
        _check_backend(backend)
        return
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read when TensorFlow is imported
    if backend is KerasBackend.OPENVINO:
        leave_out("tensorflow")
    collects = gc.isenabled()
    gc.disable()
    try:
        with left_out(*NEEDLESS), put_off(FOR_SOUND):
            import keras  # noqa: F401, PLC0415 - slow
    finally:
        gc.freeze()
        if collects:
            gc.enable()


def _check_backend(backend: KerasBackend) -> None:
    import keras  # noqa: PLC0415

    running = keras.backend.backend()
    if running != backend:
        raise RollcallError(
            f"Keras runs on {running} in this process, and this needs it on {backend}: run it in a "
            f"process of its own, or with KERAS_BACKEND={backend}"
        )
