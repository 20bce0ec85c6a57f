"""What a model was made from."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from components.contracts import SIDES
from components.pseudonyms import hide

if TYPE_CHECKING:
    from components.train_model.dataset import Dataset

LIBRARIES = (
    "ai-edge-litert",
    "keras",
    "litert-quantizer",
    "numpy",
    "openvino",
    "opencv-python-headless",
    "scipy",
    "tensorflow",
    "tensorflow-cpu",
)


def describe(dataset: Dataset, parameters: dict[str, Any]) -> dict[str, Any]:
    """The clips on each side, the parameters, and the versions of the code and the libraries.

    `people` has a digest of everybody whose clips are in it. Strangers are not among the classes,
    and must be found, too, when they ask to be forgotten after their clips have gone.
    """
    clips = np.unique(dataset.clip_id).tolist()
    salt = hashlib.sha256("".join(clips).encode()).hexdigest()[:32]  # the same on every run
    return {
        "code_version": version("rollcall"),
        "parameters": parameters,
        "clips": {
            side: np.unique(dataset.clip_id[dataset.split == side]).tolist() for side in SIDES
        },
        "people": hide(np.unique(dataset.person_id).tolist(), salt),
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # tensorflow goes by one of two names
        return None
