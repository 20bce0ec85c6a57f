"""Keras without the libraries that it would plot and wrap with, none of which a step uses."""

from __future__ import annotations

import gc
import os
from typing import Final

from components.lean_imports import left_out

NEEDLESS: Final = ("matplotlib", "pandas", "sklearn")
"""What Keras imports if it is there: 40 % of its import and 140 MB."""


def load_keras() -> None:
    """Import Keras, for the first time in a process, without NEEDLESS.

    Afterwards those can be imported like any other. The hundreds of thousands of objects that
    TensorFlow makes are there to stay: looking for garbage among them, again and again, is a third
    of its import and goes on to slow whatever follows. TensorFlow is told to keep its notes on the
    CPU to itself.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read when TensorFlow is imported
    collects = gc.isenabled()
    gc.disable()
    try:
        with left_out(*NEEDLESS):
            import keras  # noqa: F401, PLC0415 - slow
    finally:
        gc.freeze()
        if collects:
            gc.enable()
