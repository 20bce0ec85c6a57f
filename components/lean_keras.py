"""Keras without the libraries that it would plot and wrap with, none of which a step uses."""

from __future__ import annotations

import os
import sys
from typing import Final

NEEDLESS: Final = ("matplotlib", "pandas", "sklearn")
"""What Keras imports if it is there, and does without if not: 40 % of its import and 140 MB."""


def load_keras() -> None:
    """Import Keras, for the first time in a process, without NEEDLESS.

    None in `sys.modules` makes Python say that a module is not there. Afterwards it can be imported
    like any other. TensorFlow is told to keep its notes on the CPU to itself.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read when TensorFlow is imported
    left_out = [name for name in NEEDLESS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(left_out))  # type: ignore[arg-type]
    try:
        import keras  # noqa: F401, PLC0415 - slow
    finally:
        for name in left_out:
            del sys.modules[name]
