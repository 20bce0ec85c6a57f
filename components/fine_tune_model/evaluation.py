"""Scores of a fine-tuned model on the test side: the seam to the evaluation of train_model.

It measures what differs from the model that it started from, and takes over what is the same as
long as the layers are: the sizes, the speed, how the head began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import keras
import numpy as np

from components.artifacts import write_json
from components.contracts import Split
from components.fine_tune_model.stream import Order, batches
from components.model_directory import CONFUSION_FILE, EDGE_MODEL_FILE, MODEL_FILE, Role

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from components.fine_tune_model.pictures import Pictures

    Floats = npt.NDArray[np.float64]

SMALLEST_PROBABILITY: Final = 1e-7
_BATCH: Final = 32


def evaluate(directory: Path, pictures: Pictures, start: dict[str, Any]) -> dict[str, Any]:
    """Score directory/model.keras, and write what belongs beside it.

    Args:
        directory: where the model is, and where the edge model and the confusions go.
        pictures: the dataset's.
        start: the metrics of the model it started from.

    Returns:
        The metrics, as in metrics.json, but for those of the training.
    """
    model = keras.saving.load_model(directory / MODEL_FILE, safe_mode=True)
    model.export(str(directory / EDGE_MODEL_FILE), format="litert", verbose=False)
    rows = pictures.side(Split.TEST, strangers=True)
    predicted = model.predict(batches(pictures, Order([rows], _BATCH)), verbose=0)
    frames = (pictures.person[rows], pictures.role[rows], predicted["person"], predicted["role"])
    pooled = _pool(*frames, pictures.transaction[rows])
    write_json(directory / CONFUSION_FILE, _confusions(pooled, pictures))
    scores = {"frame": _score(*frames), "transaction": _score(*pooled)}
    return {
        **start,
        **{unit: known for unit, (known, _) in scores.items()},
        "strangers": {unit: strangers for unit, (_, strangers) in scores.items()},
        "random_split": {"identity_accuracy": None, "role_accuracy": None, "n": 0},
        "size_bytes": (directory / EDGE_MODEL_FILE).stat().st_size,
    }


def _score(
    person: npt.NDArray[np.int32], role: npt.NDArray[np.int32], people: Floats, roles: Floats
) -> tuple[dict[str, Any], dict[str, int]]:
    student = list(Role).index(Role.STUDENT)
    taken = roles[:, student] > np.delete(roles, student, axis=1).max(1)
    known, n = person >= 0, int((person >= 0).sum())
    right, role_right = people.argmax(1) == person, taken == (role == student)
    return {
        "identity_accuracy": float(right[known].mean()) if n else None,
        "role_accuracy": float(role_right[known].mean()) if n else None,
        "n": n,
    }, {"n": int((~known).sum()), "taken_for_student": int(taken[~known].sum())}


def _pool(
    person: npt.NDArray[np.int32],
    role: npt.NDArray[np.int32],
    people: Floats,
    roles: Floats,
    transaction: npt.NDArray[np.str_],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Floats, Floats]:
    _, first, own = np.unique(transaction, return_index=True, return_inverse=True)

    def pooled(probabilities: Floats) -> Floats:
        logs = np.zeros((len(first), probabilities.shape[1]))
        np.add.at(logs, own, np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)))
        mean = np.exp(logs / np.bincount(own, minlength=len(first))[:, None])
        return mean / mean.sum(1, keepdims=True)

    return person[first], role[first], pooled(people), pooled(roles)


def _confusions(pooled: tuple[Any, Any, Floats, Floats], pictures: Pictures) -> dict[str, Any]:
    person, role, people, roles = pooled
    known = person >= 0
    classes = pictures.classes
    return {
        name: {"labels": list(labels), "matrix": _count(truth, told.argmax(1), len(labels))}
        for name, labels, truth, told in (
            ("roles", classes.roles, role, roles),
            ("people", classes.people, person[known], people[known]),
        )
    }


def _count(truth: Any, told: Any, size: int) -> list[list[int]]:  # noqa: ANN401 - arrays
    matrix = np.zeros((size, size), np.int64)
    np.add.at(matrix, (truth, told), 1)
    counts: list[list[int]] = matrix.tolist()
    return counts
