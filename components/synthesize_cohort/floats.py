"""The one kind of array that geometry, colour and light are held in: 32-bit floats."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int32]


def floats(values: npt.ArrayLike) -> Floats:
    """Hold values as 32-bit floats; an array that is so already is not copied."""
    return np.asarray(values, dtype=np.float32)
