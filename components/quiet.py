"""Keeps what C++ libraries print off the terminal and the log."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send to nowhere what is written to the file descriptors of stdout and stderr.

    TensorFlow's converters write hundreds of lines there, and LiteRT one a model. Errors are not
    lost: they are exceptions.
    """
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        for descriptor in (1, 2):
            os.dup2(sink, descriptor)
        yield
    finally:
        for descriptor, saved in zip((1, 2), kept, strict=True):
            os.dup2(saved, descriptor)
            os.close(saved)
        os.close(sink)
